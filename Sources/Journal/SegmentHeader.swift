import Basics
import Raft
import ShardMap

/// What a segment begins with: whose it is, and where the log and the promises stood before it.
struct SegmentHeader: Hashable, Sendable {
  /// Bytes of the whole header, a multiple of 8 as every record is.
  static let size = Envelope.prefixBytes + 104

  var owner: Owner
  /// Never used again for another segment of this folder once it has held a record.
  var segment: UInt64
  /// The segment before, 0 if this is the first that was ever made.
  var previous: UInt64
  /// The last entry of the log before this segment.
  var last: EntryID
  /// The promises in force before this segment.
  var hardState: HardState
  /// The size up to which the file was written with zeros when it was made.
  var prewritten: UInt64
  /// Checksum of the last record of the segment before, its seal not counted.
  var chain: UInt32
  /// Whether the log is in doubt. With more doubts than the segment before knew of, this one was
  /// made by recovery: whatever stands there behind the last entry named here does not count.
  var trust = Trust()

  /// Whose files these are: everything of a ``ReplicaIdentity`` that never changes.
  struct Owner: Hashable, Sendable {
    var cluster: ClusterID
    var group: GroupID
    var groupIdentity: GroupIdentity
    var replica: ReplicaID

    init(_ identity: ReplicaIdentity) {
      cluster = identity.cluster
      group = identity.group
      groupIdentity = identity.groupIdentity
      replica = identity.replica
    }

    init(from reader: inout ByteReader) throws(ByteError) {
      cluster = ClusterID(rawValue: try reader.u64("cluster"))
      group = GroupID(try reader.u32("group"))
      groupIdentity = GroupIdentity(rawValue: try reader.u64("group identity"))
      replica = ReplicaID(rawValue: try reader.u64("replica"))
    }

    func write(to writer: inout ByteWriter) {
      writer.u64(cluster.rawValue)
      writer.u32(group.rawValue)
      writer.u64(groupIdentity.rawValue)
      writer.u64(replica.rawValue)
    }
  }

  func encode() -> [UInt8] {
    var writer = ByteWriter(reserving: 104)
    owner.write(to: &writer)
    writer.u64(segment)
    writer.u64(previous)
    writer.u64(last.index.rawValue)
    writer.u64(last.term.rawValue)
    writer.u64(hardState.term.rawValue)
    writer.u64(hardState.vote?.rawValue ?? 0)
    writer.u32(hardState.vote == nil ? 0 : 1)
    writer.u64(prewritten)
    writer.u32(chain)
    writer.u64(trust.doubts)
    writer.u32(UInt32(trust.cause?.rawValue ?? 0))
    return Envelope.encode(.segment, writer.bytes)
  }

  /// The header, and its checksum, from which the checksums of its records continue.
  static func decode(
    _ bytes: [UInt8]
  ) throws(Envelope.Problem) -> (header: SegmentHeader, salt: UInt32) {
    let (body, salt) = try Envelope.decode(bytes, .segment)
    do {
      return (try decodeBody(body), salt)
    } catch {
      throw .damaged("\(error)")
    }
  }

  private static func decodeBody(_ body: [UInt8]) throws(ByteError) -> SegmentHeader {
    var reader = ByteReader(body)
    let owner = try Owner(from: &reader)
    let segment = try reader.u64("segment")
    let previous = try reader.u64("previous segment")
    let last = EntryID(
      index: LogIndex(try reader.u64("last index")), term: Term(try reader.u64("last term")))
    let term = Term(try reader.u64("term"))
    let vote = ReplicaID(rawValue: try reader.u64("vote"))
    let hasVote = try reader.u32("has vote") != 0
    let prewritten = try reader.u64("prewritten size")
    guard prewritten <= FolderFiles.segmentBytesMax else {
      throw .malformed(field: "prewritten size", offset: reader.offset)
    }
    let numbers = [segment, previous, last.index.rawValue, last.term.rawValue, term.rawValue]
    guard numbers.allSatisfy({ $0 <= FileNames.numberMax }) else {
      throw .malformed(field: "number", offset: reader.offset)
    }
    let chain = try reader.u32("chain")
    let doubts = try reader.u64("doubts")
    guard doubts <= FileNames.numberMax else {
      throw .malformed(field: "doubts", offset: reader.offset)
    }
    guard let trust = Trust(doubts: doubts, code: try reader.u32("cause of doubt")) else {
      throw .malformed(field: "cause of doubt", offset: reader.offset)
    }
    try reader.finish("segment header")
    return SegmentHeader(
      owner: owner, segment: segment, previous: previous, last: last,
      hardState: HardState(term: term, vote: hasVote ? vote : nil), prewritten: prewritten,
      chain: chain, trust: trust)
  }
}

extension Trust {
  /// As it stands in files, with 0 for no cause; `nil` for what no writer makes: an unknown cause,
  /// or one of no doubt.
  init?(doubts: UInt64, code: UInt32) {
    self.init(doubts: doubts)
    guard code != 0 else { return }
    guard doubts > 0, let cause = UInt8(exactly: code).flatMap({ Cause(rawValue: $0) }) else {
      return nil
    }
    self.cause = cause
  }
}
