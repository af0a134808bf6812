import Basics

/// What the journal wants done to its folder, in order. A failed effect stops the node; none is
/// tried again but for ``FileBatch/rest(withoutRoomAt:)``.
package enum FileEffect: Hashable, Sendable {
  /// Makes an empty file; it must not exist.
  case create(String)
  case write(String, offset: UInt64, bytes: [UInt8])
  case truncate(String, size: UInt64)
  /// Makes the file's bytes (and size) durable: `fdatasync`.
  case sync(String)
  case rename(String, to: String)
  case remove(String)
  /// Makes creations, renames and removals durable: `fsync` of the folder.
  case syncFolder
}

/// Changes of the folder and the syncs that make them durable, in order, with a number to be named
/// when all are done.
package struct FileBatch: Hashable, Sendable {
  package var number: UInt64
  package var effects: [FileEffect]

  package init(number: UInt64, effects: [FileEffect]) {
    self.number = number
    self.effects = effects
  }

  /// What is left to do when the disk had no room for the effect at `position`: the making of a
  /// file that nobody knows of yet begins again, ``pauseNanoseconds`` later, and all behind it too.
  /// To its node the disk is as slow as that. `nil` if the effect cannot be done later: where bytes
  /// of the log are written there is room, whoever else fills the disk.
  package func rest(withoutRoomAt position: Int) -> FileBatch? {
    let name: String
    switch effects[position] {
    case .create(let created): name = created
    case .write(let written, _, _): name = written
    default: return nil
    }
    guard let start = effects[...position].lastIndex(of: .create(name)) else { return nil }
    let removal: [FileEffect] = start < position ? [.remove(name)] : []
    return FileBatch(number: number, effects: removal + effects[start...])
  }

  /// How long to wait for room.
  package static let pauseNanoseconds: UInt64 = 100 * nanosecondsPerMillisecond
}

/// Bytes to read from a file of the journal's folder.
package struct FileRead: Hashable, Sendable {
  package var name: String
  package var offset: UInt64
  package var count: Int

  package init(name: String, offset: UInt64, count: Int) {
    self.name = name
    self.offset = offset
    self.count = count
  }
}

/// The folder as recovery sees it: real files, or a simulator's bytes.
package struct FolderReader {
  package struct File: Hashable, Sendable {
    package var name: String
    package var size: UInt64
    package init(name: String, size: UInt64) {
      self.name = name
      self.size = size
    }
  }

  /// All plain files, in any order.
  package var list: () throws -> [File]
  /// Puts the bytes that are there in the place of what the array had: fewer than asked for only at
  /// the end of the file. Memory that is used again need not be found and cleared by the system.
  package var fill: (FileRead, inout [UInt8]) throws -> Void

  package init(
    list: @escaping () throws -> [File], fill: @escaping (FileRead, inout [UInt8]) throws -> Void
  ) {
    self.list = list
    self.fill = fill
  }

  package init(
    list: @escaping () throws -> [File], read: @escaping (FileRead) throws -> [UInt8]
  ) {
    self.init(list: list, fill: { $1 = try read($0) })
  }

  /// What ``fill`` gives, in an array of its own.
  package func read(_ place: FileRead) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try fill(place, &bytes)
    return bytes
  }
}
