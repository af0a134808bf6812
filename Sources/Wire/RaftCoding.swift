import Basics
import Raft

extension Message {
  func write(to bytes: inout [UInt8]) {
    var writer = FrameWriter(.raft, takingOver: &bytes, reserving: sizeHint)
    writer.open(type)
    writer.identity("from", from)
    writer.identity("to", to)
    writer.wide("term", term.rawValue)
    switch body {
    case .append(let request):
      writer.entryID("previousIndex", "previousTerm", request.previous)
      writer.wide("commit", request.commit.rawValue)
      writer.wide("round", request.round)
      writer.number("entries", request.entries.count)
      if let settles = request.settles {
        writer.wide("settlesDoubts", settles.doubts)
        writer.wide("settlesIndex", settles.index.rawValue)
      }
      return writer.finish(into: &bytes) { EntryTail.append(request.entries, to: &$0) }
    case .appendReply(let reply): writer.appendReply(reply)
    case .voteRequest(let request):
      writer.entryID("lastIndex", "lastTerm", request.last)
      writer.flag("preVote", request.isPreVote)
      writer.flag("transfer", request.isTransfer)
      writer.trust(request.trust)
    case .voteReply(let reply):
      writer.flag("granted", reply.isGranted)
      writer.flag("preVote", reply.isPreVote)
      writer.trust(reply.trust)
      if reply.askedDoubts > 0 { writer.wide("askedDoubts", reply.askedDoubts) }
      if reply.isDamaged { writer.flag("damaged", true) }
    case .snapshot(let chunk):
      writer.snapshotMetadata(chunk.metadata)
      writer.number("section", chunk.section)
      writer.flag("final", chunk.isLast)
      writer.wide("round", chunk.round)
      writer.tail("bytes", chunk.bytes)
    case .snapshotReply(let reply):
      writer.entryID("lastIndex", "lastTerm", reply.snapshot)
      writer.number("nextSection", reply.nextSection)
      writer.wide("round", reply.round)
      writer.wide("wall", reply.wall)
      writer.trust(reply.trust)
    case .readIndex(let context): writer.wide("context", context)
    case .readIndexReply(let context, let index):
      writer.wide("context", context)
      if let index { writer.wide("index", index.rawValue) }
    case .timeoutNow: break
    case .removed(let index): writer.wide("index", index.rawValue)
    }
    writer.finish(into: &bytes)
  }

  private var type: StaticString {
    switch body {
    case .voteRequest: "voteRequest"
    case .voteReply: "voteReply"
    case .append: "appendEntries"
    case .appendReply: "appendEntriesReply"
    case .snapshot: "snapshot"
    case .snapshotReply: "snapshotReply"
    case .readIndex: "readIndex"
    case .readIndexReply: "readIndexReply"
    case .timeoutNow: "timeoutNow"
    case .removed: "removed"
    }
  }

  /// About the size of the frame, so that it is built in one piece.
  private var sizeHint: Int {
    switch body {
    case .append(let request):
      request.entries.reduce(320) { $0 + $1.payload.count + EntryTail.headerBytes }
    case .snapshot(let chunk): chunk.bytes.count + 512
    default: 256
    }
  }

  init(_ object: JSONObject, _ frame: FrameBytes) throws(WireError) {
    let body: Body
    switch try object.word("type") {
    case "appendEntries":
      let count = try object.int("entries")
      body = .append(
        AppendRequest(
          previous: try object.entryID("previousIndex", "previousTerm"),
          entries: try EntryTail.read(count, from: frame), commit: try object.logIndex("commit"),
          round: try object.counter("round"), settles: try object.settlement()))
    case "appendEntriesReply": body = .appendReply(try AppendReply(object))
    case "voteRequest":
      body = .voteRequest(
        VoteRequest(
          last: try object.entryID("lastIndex", "lastTerm"), isPreVote: try object.flag("preVote"),
          isTransfer: try object.flag("transfer"), trust: try object.trust()))
    case "voteReply":
      body = .voteReply(
        VoteReply(
          isGranted: try object.flag("granted"), isPreVote: try object.flag("preVote"),
          trust: try object.trust(), askedDoubts: try object.optionalCounter("askedDoubts"),
          isDamaged: object.has("damaged") ? try object.flag("damaged") : false))
    case "snapshot":
      body = .snapshot(
        SnapshotChunk(
          metadata: try SnapshotMetadata(object), section: try object.int("section"),
          bytes: try object.content("bytes"), isLast: try object.flag("final"),
          round: try object.counter("round")))
    case "snapshotReply":
      body = .snapshotReply(
        SnapshotReply(
          snapshot: try object.entryID("lastIndex", "lastTerm"),
          nextSection: try object.int("nextSection"), round: try object.counter("round"),
          wall: try object.counter("wall"), trust: try object.trust()))
    case "readIndex": body = .readIndex(context: try object.wide("context"))
    case "readIndexReply":
      body = .readIndexReply(
        context: try object.wide("context"),
        index: object.has("index") ? try object.logIndex("index") : nil)
    case "timeoutNow": body = .timeoutNow
    case "removed": body = .removed(at: try object.logIndex("index"))
    case let word: throw .unknownType(word.description)
    }
    self.init(
      from: try object.identity("from"), to: try object.identity("to"),
      term: try object.term("term"), body: body)
  }
}

extension FrameWriter {
  fileprivate mutating func entryID(_ index: StaticString, _ term: StaticString, _ entry: EntryID) {
    wide(index, entry.index.rawValue)
    wide(term, entry.term.rawValue)
  }

  fileprivate mutating func appendReply(_ reply: AppendReply) {
    switch reply.outcome {
    case .matched(let index):
      constant("outcome", "matched")
      wide("index", index.rawValue)
    case .conflict(let previous, let hint):
      constant("outcome", "conflict")
      wide("index", previous.rawValue)
      entryID("hintIndex", "hintTerm", hint)
    case .heard: constant("outcome", "heard")
    }
    wide("round", reply.round)
    wide("wall", reply.wall)
    if reply.promise > 0 { wide("promise", reply.promise) }
    trust(reply.trust)
    if !reply.hasRoom { flag("hasRoom", false) }
  }

  fileprivate mutating func trust(_ report: TrustReport) {
    if report.doubts > 0 { wide("doubts", report.doubts) }
    if report.isInDoubt { flag("inDoubt", true) }
  }

  fileprivate mutating func snapshotMetadata(_ metadata: SnapshotMetadata) {
    entryID("lastIndex", "lastTerm", metadata.last)
    wide("stamp", metadata.stamp)
    array("voters", metadata.membership.voters) { $0.identity($1) }
    array("outgoing", metadata.membership.outgoing) { $0.identity($1) }
    array("learners", metadata.membership.learners) { $0.identity($1) }
    array("contexts", metadata.membership.contexts.sorted { $0.key < $1.key }) { writer, entry in
      writer.object { writer in
        writer.identity("id", entry.key)
        writer.content("context", entry.value)
      }
    }
    wide("membershipIndex", metadata.membershipIndex.rawValue)
  }
}

extension AppendReply {
  fileprivate init(_ object: JSONObject) throws(WireError) {
    let outcome: Outcome
    switch try object.word("outcome") {
    case "matched": outcome = .matched(try object.logIndex("index"))
    case "conflict":
      outcome = .conflict(
        previous: try object.logIndex("index"), hint: try object.entryID("hintIndex", "hintTerm"))
    case "heard": outcome = .heard
    case let word: throw .badField("outcome", problem: "is unknown: \"\(word)\"")
    }
    self.init(
      outcome: outcome, round: try object.counter("round"), wall: try object.counter("wall"),
      promise: try object.optionalCounter("promise"), trust: try object.trust(),
      hasRoom: object.has("hasRoom") ? try object.flag("hasRoom") : true)
  }
}

extension JSONObject {
  /// A counter that is left out if it is 0.
  fileprivate func optionalCounter(_ name: StaticString) throws(WireError) -> UInt64 {
    has(name) ? try counter(name) : 0
  }

  fileprivate func trust() throws(WireError) -> TrustReport {
    let report = TrustReport(
      doubts: try optionalCounter("doubts"), isInDoubt: has("inDoubt") ? try flag("inDoubt") : false
    )
    guard !report.isInDoubt || report.doubts > 0 else {
      throw .badField("inDoubt", problem: "is true without \"doubts\"")
    }
    return report
  }

  fileprivate func settlement() throws(WireError) -> Settlement? {
    guard has("settlesDoubts") else { return nil }
    return Settlement(doubts: try counter("settlesDoubts"), index: try logIndex("settlesIndex"))
  }
}

extension SnapshotMetadata {
  fileprivate init(_ object: JSONObject) throws(WireError) {
    self.init(
      last: try object.entryID("lastIndex", "lastTerm"), stamp: try object.counter("stamp"),
      membership: Membership(
        voters: try object.identities("voters"), outgoing: try object.identities("outgoing"),
        learners: try object.identities("learners"),
        contexts: try Self.contexts(object.list("contexts"))),
      membershipIndex: try object.logIndex("membershipIndex"))
  }

  private static func contexts(
    _ list: consuming JSONList
  ) throws(WireError) -> [ReplicaID: [UInt8]] {
    var contexts: [ReplicaID: [UInt8]] = [:]
    while let object = try list.object() {
      let context = try object.content("context")
      guard context.count <= Membership.contextBytesMax else {
        throw .badField("context", problem: "is longer than \(Membership.contextBytesMax) bytes")
      }
      contexts[try object.identity("id")] = context
    }
    return contexts
  }
}

/// Log entries in the tail of an AppendEntries, one after the other.
///
/// Each is its kind (1 byte), stamp, index and term (8 bytes each), the payload's length (4 bytes),
/// all little-endian, and the payload.
enum EntryTail {
  static let headerBytes = 29

  static func append(_ entries: [Entry], to bytes: inout [UInt8]) {
    for entry in entries {
      bytes.append(addingCapacity: headerBytes) { out in
        out.append(entry.kind.rawValue)
        appendLittle(entry.stamp, to: &out)
        appendLittle(entry.index.rawValue, to: &out)
        appendLittle(entry.term.rawValue, to: &out)
        appendLittle(UInt32(entry.payload.count), to: &out)
      }
      bytes.append(contentsOf: entry.payload)
    }
  }

  private static func appendLittle<Number: FixedWidthInteger>(
    _ value: Number, to out: inout OutputSpan<UInt8>
  ) {
    for byte in 0..<Number.bitWidth / 8 {
      out.append(UInt8(truncatingIfNeeded: value >> Number(8 * byte)))
    }
  }

  static func read(_ count: Int, from frame: FrameBytes) throws(WireError) -> [Entry] {
    guard count <= frame.tail.count / headerBytes else {
      throw .badTail(problem: "is too short for \(count) entries")
    }
    var entries: [Entry] = []
    entries.reserveCapacity(count)
    var offset = frame.tail.lowerBound
    let limit = UInt64(Int64.max)
    for _ in 0..<count {
      guard frame.tail.upperBound - offset >= headerBytes,
        let kind = Entry.Kind(rawValue: frame.byte(offset))
      else { throw .badTail(problem: "has a damaged entry") }
      let stamp = frame.little(offset + 1, as: UInt64.self)
      let index = frame.little(offset + 9, as: UInt64.self)
      let term = frame.little(offset + 17, as: UInt64.self)
      let length = Int(frame.little(offset + 25, as: UInt32.self))
      offset += headerBytes
      guard stamp <= limit, index <= limit, term <= limit,
        length <= frame.tail.upperBound - offset
      else { throw .badTail(problem: "has a damaged entry") }
      entries.append(
        Entry(
          id: EntryID(index: LogIndex(index), term: Term(term)), kind: kind, stamp: stamp,
          payload: frame.copy(offset..<offset + length)))
      offset += length
    }
    guard offset == frame.tail.upperBound else {
      throw .badTail(problem: "is longer than its entries")
    }
    return entries
  }
}
