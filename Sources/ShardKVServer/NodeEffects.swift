import Journal
import Raft
import RedisCommands
import Wire

/// What happened to a node since its last turn.
package enum NodeInput: Sendable {
  case link(LinkInput)
  /// The sync with this number, ordered by ``NodeEffects/sync``, is done.
  case synced(UInt64)
  /// What is left on the file system of the folder, at least ten times a second while the node
  /// writes or ``Node/watchesDisk``. To be given before the requests that came meanwhile.
  case diskSpace(DiskSpace)
  /// What came of one of ``NodeEffects/background``.
  case background(BackgroundResult)
  /// What the process uses, now and then.
  case measured(ProcessMeasure)
  /// Finish what is under way, refuse what is new, hand over, then ask to stop.
  case stop
}

/// What a node wants done after a turn, in the order of these fields; ``files`` and ``sync`` may
/// also go to another thread together, because nothing that leaves in this turn needs them.
package struct NodeEffects: Sendable {
  /// Writes to the journal and other changes of the folder, not yet to be synced; never without a
  /// ``sync``.
  package var files: [FileEffect] = []
  /// What may leave now.
  package var links: [LinkEffect] = []
  /// Make durable, then answer with ``NodeInput/synced(_:)`` at the next turn. At most one.
  package var sync: NodeSync?
  /// For the ``BackgroundWorker``, which answers with ``NodeInput/background(_:)``.
  package var background: [BackgroundOrder] = []
  /// For the log, in the order they happened.
  package var events: [NodeEvent] = []
  /// The node is done: the process ends with this.
  package var stop: NodeStop?
  /// The commands applied in this turn, for those who watch; only if
  /// ``NodeSettings/tellsWhatIsApplied``.
  package var applied: [AppliedCommand] = []
  /// The clients that were told what came of a command: the term in which each had it proposed, and
  /// the entry whose outcome it was told; for the same.
  package var answered: [(proposed: Term, entry: EntryID)] = []
  /// The memberships that were committed and came by in this turn, in order; for the same.
  package var memberships: [AppliedMembership] = []
  /// Linearizable reads of this turn: those that were asked for, and with which index those that
  /// were asked for in this turn or before may be answered; for the same.
  package var readsAsked: [UInt64] = []
  package var readsConfirmed: [(context: UInt64, index: LogIndex)] = []
  /// The rare ways that this turn took, for the same.
  package var rarePaths: RarePaths = []

  package init() {}
}

/// A command that a replica applied, and what a client that waits for it would be told.
package struct AppliedCommand: Sendable {
  package var entry: EntryID
  package var payload: [UInt8]
  package var outcome: Applied
}

/// A membership at its place in the log, as a replica found it there when it was committed.
package struct AppliedMembership: Sendable {
  package var entry: EntryID
  package var membership: Membership
}

package struct NodeSync: Sendable {
  package var number: UInt64
  /// Syncs, and renames that must follow them, in order.
  package var files: [FileEffect]

  package init(number: UInt64, files: [FileEffect]) {
    self.number = number
    self.files = files
  }
}

package enum NodeStop: Hashable, Sendable {
  /// Drained after ``NodeInput/stop``.
  case drained
  /// The group knows this replica with another folder; the text says what to do.
  case dismissed(String)
  /// Its state is another than that of its group. There is nothing to be written in this turn:
  /// ``Journal/orderDiscard`` is to be done, and then the replica is to be started again.
  case rebuild(String)
  /// It cannot go on safely.
  case failed(String)
}

/// Something worth a line in the log.
package struct NodeEvent: Hashable, Sendable {
  package enum Level: String, Sendable { case debug, info, warning, error }
  package var level: Level
  package var message: String

  package init(_ level: Level, _ message: String) {
    self.level = level
    self.message = message
  }
}
