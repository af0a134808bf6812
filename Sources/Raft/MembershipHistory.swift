import Basics

/// The memberships that the log holds, so that one that is truncated can be taken back.
struct MembershipHistory: Sendable {
  struct Change: Sendable {
    var index: LogIndex
    var membership: Membership
  }

  /// Ascending by index and never empty; the first is the one of the snapshot or the initial one.
  private var changes: [Change]
  /// Counts how often ``current`` became another.
  private(set) var revision: UInt64 = 0

  init(_ membership: Membership, at index: LogIndex) {
    changes = [Change(index: index, membership: membership)]
  }

  var current: Change { changes[changes.count - 1] }

  /// The membership in force at `index`.
  func change(at index: LogIndex) -> Change {
    changes.last { $0.index <= index } ?? changes[0]
  }

  /// Whether it votes by the membership in force, which is not copied for it.
  func isVoter(_ replica: ReplicaID) -> Bool {
    changes[changes.count - 1].membership.isVoter(replica)
  }

  /// Whether it votes by the membership in force at `index`, or by a later one.
  func isVoter(_ replica: ReplicaID, since index: LogIndex) -> Bool {
    let first = changes.lastIndex { $0.index <= index } ?? 0
    return changes[first...].contains { $0.membership.isVoter(replica) }
  }

  /// Begins anew with the membership of a snapshot.
  mutating func reset(to membership: Membership, at index: LogIndex) {
    changes = [Change(index: index, membership: membership)]
    revision += 1
  }

  mutating func append(_ membership: Membership, at index: LogIndex) {
    changes.append(Change(index: index, membership: membership))
    revision += 1
  }

  /// - Returns: whether the membership in force is another one now.
  mutating func truncate(from index: LogIndex) -> Bool {
    let before = changes.count
    while changes.count > 1, current.index >= index {
      changes.removeLast()
      revision += 1
    }
    return changes.count != before
  }

  mutating func compact(upTo index: LogIndex) {
    let kept = changes.lastIndex { $0.index <= index } ?? 0
    changes.removeFirst(kept)
  }
}

extension Membership {
  private static let version: UInt8 = 2
  /// More replicas than this are in no group; it bounds what a damaged entry can ask for.
  package static let replicasMax = 64
  package static let contextBytesMax = 2_048

  /// The payload of a membership entry.
  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reserving: 4 + 8 * (voters.count + outgoing.count + learners.count))
    writer.u8(Self.version)
    for replicas in [voters, outgoing, learners] {
      writer.varint(replicas.count)
      for replica in replicas { writer.u64(replica.rawValue) }
    }
    for replica in everyone { writer.blob(contexts[replica] ?? []) }
    return writer.bytes
  }

  /// Reads what ``encoded()`` wrote.
  /// - Throws: ``ByteError`` for anything else.
  package init(encoded bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    guard try reader.u8("membership version") == Self.version else {
      throw .malformed(field: "membership version", offset: 0)
    }
    let voters = try Self.replicas(&reader, "voters")
    let outgoing = try Self.replicas(&reader, "outgoing voters")
    let learners = try Self.replicas(&reader, "learners")
    var contexts: [ReplicaID: [UInt8]] = [:]
    for replica in Set(voters + outgoing + learners).sorted() {
      let count = try reader.count("context", limit: Self.contextBytesMax)
      let context = try reader.raw(count: count, "context")
      if !context.isEmpty { contexts[replica] = context }
    }
    try reader.finish("membership")
    self.init(voters: voters, outgoing: outgoing, learners: learners, contexts: contexts)
  }

  private static func replicas(
    _ reader: inout ByteReader, _ field: String
  ) throws(ByteError) -> [ReplicaID] {
    let count = try reader.count(field, limit: replicasMax)
    var replicas: [ReplicaID] = []
    for _ in 0..<count {
      let replica = ReplicaID(rawValue: try reader.u64(field))
      if let last = replicas.last, last >= replica {
        throw .malformed(field: field, offset: reader.offset)
      }
      replicas.append(replica)
    }
    return replicas
  }
}
