import Basics
import RESP
import RedisCommands
import ShardKV
import ShardMap

/// What a node asks the leader of a group for, for one of its own Redis clients. It is not passed
/// on again: whoever does not serve the keys says so.
package enum RemoteWork: Equatable, Sendable {
  case commands([KeyedCommand])
  case transaction(Transaction)
  /// WATCH.
  case versions([[UInt8]])
  case keyspace(KeyspaceQuestion)

  var isWrite: Bool {
    switch self {
    case .commands(let commands): commands.contains { $0.isWrite }
    case .transaction(let transaction): transaction.isWrite
    case .versions: false
    case .keyspace(let question): question.topic == .flush
    }
  }

  /// It may take room.
  var growsData: Bool {
    switch self {
    case .commands(let commands): commands.contains { $0.growsData }
    case .transaction(let transaction): transaction.growsData
    case .versions, .keyspace: false
    }
  }

  var keys: [[UInt8]] {
    switch self {
    case .commands(let commands): commands.flatMap(\.keys)
    case .transaction(let transaction): transaction.keys
    case .versions(let keys): keys
    case .keyspace: []
    }
  }

  /// The entry of the log that carries it out.
  var entry: [UInt8] {
    switch self {
    case .commands(let commands): ShardGroupMachine.encode(.commands(commands))
    case .transaction(let transaction): ShardGroupMachine.encode(.transaction(transaction))
    case .versions, .keyspace(_):
      ShardGroupMachine.encode(.flush(shards))
    }
  }

  private var shards: Range<Int> {
    if case .keyspace(let question) = self { question.shards } else { 0..<0 }
  }
}

/// A question about all keys of neighbouring shards, or the order to delete them.
package struct KeyspaceQuestion: Hashable, Sendable {
  package enum Topic: Hashable, Sendable {
    case count
    case matching([UInt8])
    /// `after`: the key of the first shard to go on behind.
    case scan(after: [UInt8]?, looks: Int, pattern: [UInt8]?)
    case anyKey
    case flush
  }

  package var topic: Topic
  /// The numbers of the shards; all of them are to be served where this is asked.
  package var shards: Range<Int>

  package init(topic: Topic, shards: Range<Int>) {
    self.topic = topic
    self.shards = shards
  }
}

/// What came of it.
package enum RemoteResult: Hashable, Sendable {
  case commands([CommandOutcome])
  case transaction(TransactionOutcome)
  case versions([UInt64?])
  case count(Int)
  /// `nil`: they have too many bytes.
  case keys([[UInt8]]?)
  case scanned([[UInt8]], next: ShardGroupMachine.ScanPlace?)
  case flushed
  /// Not all shards are served there.
  case elsewhere
}

// As bytes between nodes of one version: kind, then fields.

extension RemoteWork {
  private static let dialect: UInt8 = 1

  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.u8(Self.dialect)
    switch self {
    case .commands, .transaction:
      writer.u8(1)
      writer.blob(entry)
    case .versions(let keys):
      writer.u8(2)
      writer.blobs(keys)
    case .keyspace(let question):
      writer.u8(3)
      writer.varint(question.shards.lowerBound)
      writer.varint(question.shards.upperBound)
      switch question.topic {
      case .count: writer.u8(1)
      case .matching(let pattern):
        writer.u8(2)
        writer.blob(pattern)
      case .scan(let after, let looks, let pattern):
        writer.u8(3)
        writer.optional(after)
        writer.varint(looks)
        writer.optional(pattern)
      case .anyKey: writer.u8(4)
      case .flush: writer.u8(5)
      }
    }
    return writer.bytes
  }

  package init(encoded bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    guard try reader.u8("dialect") == Self.dialect else {
      throw .malformed(field: "dialect", offset: reader.offset)
    }
    switch try reader.u8("kind of work") {
    case 1:
      switch try ShardGroupMachine.decode(try reader.blob("commands")) {
      case .commands(let commands): self = .commands(commands)
      case .transaction(let transaction): self = .transaction(transaction)
      default: throw .malformed(field: "commands", offset: reader.offset)
      }
    case 2: self = .versions(try reader.blobs("keys"))
    case 3:
      let start = try reader.count("first shard", limit: ShardLayout.shardCountMax)
      let end = try reader.count("last shard", limit: ShardLayout.shardCountMax)
      guard start <= end else { throw .malformed(field: "shards", offset: reader.offset) }
      self = .keyspace(KeyspaceQuestion(topic: try Self.topic(&reader), shards: start..<end))
    default: throw .malformed(field: "kind of work", offset: reader.offset)
    }
    try reader.finish("work")
  }

  private static func topic(_ reader: inout ByteReader) throws(ByteError) -> KeyspaceQuestion.Topic
  {
    switch try reader.u8("kind of question") {
    case 1: return .count
    case 2: return .matching(try reader.blob("pattern"))
    case 3:
      let after = try reader.optionalBlob("key")
      let looks = try reader.count("looks")
      return .scan(after: after, looks: looks, pattern: try reader.optionalBlob("pattern"))
    case 4: return .anyKey
    case 5: return .flush
    default: throw .malformed(field: "kind of question", offset: reader.offset)
    }
  }
}

extension RemoteResult {
  package func encoded() -> [UInt8] {
    var writer = ByteWriter()
    switch self {
    case .commands(let outcomes):
      writer.u8(1)
      writer.varint(outcomes.count)
      for outcome in outcomes {
        switch outcome {
        case .reply(let reply):
          writer.u8(1)
          writer.reply(reply)
        case .wrongGroup: writer.u8(2)
        case .notReady: writer.u8(3)
        case .later: writer.u8(4)
        }
      }
    case .transaction(let outcome):
      writer.u8(2)
      switch outcome {
      case .result(.applied(let replies)):
        writer.u8(1)
        writer.reply(.array(replies))
      case .result(.changed): writer.u8(2)
      case .result(.failed(let error)):
        writer.u8(3)
        writer.blob(error.text)
      case .wrongGroup: writer.u8(4)
      case .notReady: writer.u8(5)
      }
    case .versions(let versions):
      writer.u8(3)
      writer.varint(versions.count)
      for version in versions {
        writer.u8(version == nil ? 0 : 1)
        if let version { writer.varint(version) }
      }
    case .count(let count):
      writer.u8(4)
      writer.varint(count)
    case .keys(nil): writer.u8(5)
    case .keys(let keys?):
      writer.u8(6)
      writer.blobs(keys)
    case .scanned(let keys, let next):
      writer.u8(7)
      writer.blobs(keys)
      writer.u8(next == nil ? 0 : 1)
      if let next {
        writer.varint(next.shard)
        writer.optional(next.after)
      }
    case .flushed: writer.u8(8)
    case .elsewhere: writer.u8(9)
    }
    return writer.bytes
  }

  package init(encoded bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    switch try reader.u8("kind of result") {
    case 1:
      var outcomes: [CommandOutcome] = []
      for _ in 0..<(try reader.count("outcomes", limit: reader.remaining)) {
        switch try reader.u8("outcome") {
        case 1: outcomes.append(.reply(try reader.reply()))
        case 2: outcomes.append(.wrongGroup)
        case 3: outcomes.append(.notReady)
        case 4: outcomes.append(.later)
        default: throw .malformed(field: "outcome", offset: reader.offset)
        }
      }
      self = .commands(outcomes)
    case 2: self = .transaction(try Self.transaction(&reader))
    case 3:
      var versions: [UInt64?] = []
      for _ in 0..<(try reader.count("versions", limit: reader.remaining)) {
        versions.append(try reader.u8("version") == 1 ? try reader.varint("version") : nil)
      }
      self = .versions(versions)
    case 4: self = .count(try reader.count("count"))
    case 5: self = .keys(nil)
    case 6: self = .keys(try reader.blobs("keys"))
    case 7:
      let keys = try reader.blobs("keys")
      var next: ShardGroupMachine.ScanPlace?
      if try reader.u8("place") == 1 {
        next = ShardGroupMachine.ScanPlace(
          shard: try reader.count("shard", limit: ShardLayout.shardCountMax),
          after: try reader.optionalBlob("key"))
      }
      self = .scanned(keys, next: next)
    case 8: self = .flushed
    case 9: self = .elsewhere
    default: throw .malformed(field: "kind of result", offset: reader.offset)
    }
    try reader.finish("result")
  }

  private static func transaction(_ reader: inout ByteReader) throws(ByteError)
    -> TransactionOutcome
  {
    switch try reader.u8("outcome") {
    case 1:
      guard case .array(let replies) = try reader.reply() else {
        throw .malformed(field: "answers", offset: reader.offset)
      }
      return .result(.applied(replies))
    case 2: return .result(.changed)
    case 3:
      let text = String(decoding: try reader.blob("error"), as: UTF8.self)
      return .result(.failed(CommandError(text)))
    case 4: return .wrongGroup
    case 5: return .notReady
    default: throw .malformed(field: "outcome", offset: reader.offset)
    }
  }
}

extension ByteWriter {
  fileprivate mutating func blobs(_ list: [[UInt8]]) {
    varint(list.count)
    for bytes in list { blob(bytes) }
  }

  fileprivate mutating func optional(_ bytes: [UInt8]?) {
    u8(bytes == nil ? 0 : 1)
    if let bytes { blob(bytes) }
  }

  /// In the third version of the protocol, which tells all kinds apart.
  fileprivate mutating func reply(_ reply: RESP.Reply) {
    var writer = ReplyWriter(version: .three)
    writer.write(reply)
    blob(writer.bytes)
  }
}

extension ByteReader {
  fileprivate mutating func blobs(_ field: String) throws(ByteError) -> [[UInt8]] {
    var list: [[UInt8]] = []
    for _ in 0..<(try count(field, limit: remaining)) { list.append(try blob(field)) }
    return list
  }

  fileprivate mutating func optionalBlob(_ field: String) throws(ByteError) -> [UInt8]? {
    try u8(field) == 1 ? try blob(field) : nil
  }

  fileprivate mutating func reply() throws(ByteError) -> RESP.Reply {
    var parser = ReplyParser()
    parser.append(try blob("answer"))
    guard let reply = try? parser.next() else {
      throw .malformed(field: "answer", offset: offset)
    }
    return reply
  }
}
