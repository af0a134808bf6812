/// One entry of the replicated log.
package struct Entry: Hashable, Sendable {
  package enum Kind: UInt8, Sendable {
    /// A new leader's first entry, by which it commits what older terms left (Raft §5.4.2).
    case empty = 0
    /// A command of the state machine.
    case command = 1
    /// A ``Membership``, in force from the moment it is in the log.
    case membership = 2
    /// Nothing but its stamp: it moves the replicated clock on without a command.
    case clock = 3
  }

  package var id: EntryID
  package var kind: Kind
  /// The replicated clock, milliseconds since 1970: never less than that of the entry before.
  package var stamp: UInt64
  package var payload: [UInt8]

  package init(id: EntryID, kind: Kind, stamp: UInt64, payload: [UInt8]) {
    self.id = id
    self.kind = kind
    self.stamp = stamp
    self.payload = payload
  }

  package var index: LogIndex { id.index }
  package var term: Term { id.term }
}
