import Raft

/// Something slow to be done beside the journal's writes and syncs, which it must not hold up.
package enum BackgroundOrder: Sendable {
  /// Write a snapshot of a captured state: ``BackgroundResult/written(_:)``. A snapshot that was
  /// being written is given up.
  case write(SnapshotWriter, any SnapshotCapture)
  /// Write a snapshot whose sections are to come, and make a state of them:
  /// ``BackgroundResult/received(_:machine:)``. A snapshot that was being written is given up.
  case receive(SnapshotWriter, any SnapshotRestorer)
  /// The next section of the snapshot that is received: ``BackgroundResult/sectionTaken``. Ignored
  /// if none is.
  case section([UInt8], isLast: Bool)
  /// Give up the snapshot that is being written, if it is not finished.
  case abandon
  /// Read a part of a file: ``BackgroundResult/read(_:bytes:)``.
  case read(FileRead)
  /// Change the folder: ``BackgroundResult/performed(_:isDone:)``.
  case perform(BackgroundChore, [FileEffect])
  /// Hash a captured state: ``BackgroundResult/digested(_:)``. One that was being hashed is given
  /// up.
  case digest(LogIndex, format: Int, any DigestCapture)
  /// Read files back and check them while nothing else is to be done, so many bytes a second:
  /// ``BackgroundResult/damaged(_:)`` and at the end ``BackgroundResult/scrubbed``.
  case scrub(Scrub, bytesPerSecond: UInt64)
  /// Free what takes long to free.
  case discard(any Sendable)
}

/// What the changes of a ``BackgroundOrder/perform(_:_:)`` are for.
package enum BackgroundChore: Hashable, Sendable {
  /// Files that nothing needs any more are removed.
  case removals
  /// A spare segment of that name is made.
  case spare(String)
}

/// What came of a ``BackgroundOrder``.
package enum BackgroundResult: Sendable {
  /// The snapshot of the own state is durable under its name.
  case written(WrittenSnapshot)
  /// So is a received one, and this is the state that it holds.
  case received(WrittenSnapshot, machine: any Sendable)
  /// A section was taken; more may come.
  case sectionTaken
  /// The disk has no room for the snapshot that ends there; nothing is left of it.
  case noRoom(EntryID)
  /// A received section is none: nothing is left of the snapshot.
  case unreadable(EntryID, section: Int, reason: String)
  case read(FileRead, bytes: [UInt8])
  /// The hashes of the captured state.
  case digested(StateDigest)
  /// A file is not as it was written.
  case damaged(FileDamage)
  /// All files that were to be checked were.
  case scrubbed
  /// False: the disk has no room for it. Files that it had created are removed again.
  case performed(BackgroundChore, isDone: Bool)
}

/// What a ``BackgroundWorker`` wants done next.
package enum BackgroundStep: Sendable {
  /// To be answered by ``BackgroundWorker/performed(_:now:)``.
  case perform(FileEffect)
  /// To be answered by ``BackgroundWorker/wasRead(_:now:)``.
  case read(FileRead)
  /// As it is on the disk, not in memory; to be answered by
  /// ``BackgroundWorker/wasReadBack(_:now:)``.
  case readBack(FileRead)
  /// Something was worked out already that needs no file; to be answered at once by
  /// ``BackgroundWorker/hashed(now:)``.
  case hash
  /// Nothing before that time, monotonic nanoseconds, unless orders come.
  case wait(until: UInt64)
  /// Nothing before orders come.
  case idle
}

/// What came of a change of the folder. Other failures end the process.
package enum FileOutcome: Hashable, Sendable {
  case done
  /// The disk is full; nothing or a part of the change was done.
  case noRoom
}
