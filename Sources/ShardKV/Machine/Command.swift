import Basics
import RedisCommands
import Sessions
import ShardMap

extension ShardGroupMachine {
  /// What stands in the log of a shard group.
  package enum Command: Equatable, Sendable {
    case write(WriteID, key: [UInt8], WriteOperation)
    /// Goes on to the next configuration.
    case adopt(Configuration)
    /// Takes over one chunk of a shard that is Pulling.
    case installChunk(ShardID, left: ConfigNumber, bytes: [UInt8])
    /// At the source: the new owner has committed the whole shard.
    case deleteShard(ShardID, left: ConfigNumber)
    /// At the new owner: the source has deleted its copy.
    case confirmDeleted(ShardID, left: ConfigNumber)
    /// Redis' commands of one connection, carried out in their order at one moment. Each stands for
    /// itself and is on keys of one shard. There may be reads among them.
    case commands([KeyedCommand])
    /// EXEC: all keys, watched ones too, are of one shard.
    case transaction(Transaction)
    /// FLUSHALL: removes all keys of those shards with these numbers that are served here.
    case flush(Range<Int>)
  }

  private enum Tag: UInt8 {
    case write = 1
    case adopt = 2
    case installChunk = 3
    case deleteShard = 4
    case confirmDeleted = 5
    case commands = 6
    case transaction = 7
    case flush = 8
  }

  /// The first byte of every command.
  private static let version: UInt8 = 2
  /// How arguments of Redis' commands are read. They are parsed where they are applied, so an entry
  /// says by which parser, in case another comes.
  private static let dialect: UInt8 = 1

  package static func encode(_ command: Command) -> [UInt8] {
    var writer = ByteWriter()
    writer.u8(version)
    switch command {
    case .write(let id, let key, let operation):
      writer.u8(Tag.write.rawValue)
      writer.varint(id.session.issued)
      writer.u64(id.session.nonce)
      writer.varint(id.sequence)
      writer.varint(id.firstUnanswered)
      writer.blob(key)
      writer.writeOperation(operation)
    case .adopt(let configuration):
      writer.u8(Tag.adopt.rawValue)
      writer.configuration(configuration)
    case .installChunk(let shard, let left, let bytes):
      writer.u8(Tag.installChunk.rawValue)
      writer.shardID(shard)
      writer.configNumber(left)
      writer.blob(bytes)
    case .deleteShard(let shard, let left):
      writer.u8(Tag.deleteShard.rawValue)
      writer.shardID(shard)
      writer.configNumber(left)
    case .confirmDeleted(let shard, let left):
      writer.u8(Tag.confirmDeleted.rawValue)
      writer.shardID(shard)
      writer.configNumber(left)
    case .commands(let commands):
      writer.u8(Tag.commands.rawValue)
      writer.u8(dialect)
      writer.keyedCommands(commands)
    case .transaction(let transaction):
      writer.u8(Tag.transaction.rawValue)
      writer.u8(dialect)
      writer.varint(transaction.watched.count)
      for key in transaction.watched {
        writer.blob(key.key)
        writer.u8(key.version == nil ? 0 : 1)
        if let version = key.version { writer.varint(version) }
      }
      writer.keyedCommands(transaction.commands)
    case .flush(let shards):
      writer.u8(Tag.flush.rawValue)
      writer.varint(shards.lowerBound)
      writer.varint(shards.upperBound)
    }
    return writer.bytes
  }

  package static func decode(_ payload: [UInt8]) throws(ByteError) -> Command {
    var reader = ByteReader(payload)
    guard try reader.u8("version of command") == version,
      let tag = Tag(rawValue: try reader.u8("kind of command"))
    else {
      throw .malformed(field: "kind of command", offset: reader.offset)
    }
    let command: Command
    switch tag {
    case .write:
      let session = SessionID(
        issued: try reader.varint("session issued"), nonce: try reader.u64("session nonce"))
      let id = WriteID(
        session: session, sequence: try reader.varint("sequence"),
        firstUnanswered: try reader.varint("first unanswered"))
      command = .write(id, key: try reader.blob("key"), try reader.writeOperation())
    case .adopt:
      command = .adopt(try reader.configuration())
    case .installChunk:
      command = .installChunk(
        try reader.shardID("shard"), left: try reader.configNumber("fence"),
        bytes: try reader.blob("chunk"))
    case .deleteShard:
      command = .deleteShard(
        try reader.shardID("shard"), left: try reader.configNumber("fence"))
    case .confirmDeleted:
      command = .confirmDeleted(
        try reader.shardID("shard"), left: try reader.configNumber("fence"))
    case .commands:
      try readDialect(&reader)
      command = .commands(try reader.keyedCommands())
    case .transaction:
      try readDialect(&reader)
      let watched = try reader.watchedKeys()
      command = .transaction(Transaction(watched: watched, commands: try reader.keyedCommands()))
    case .flush:
      let start = try reader.count("first shard", limit: ShardLayout.shardCountMax)
      let end = try reader.count("last shard", limit: ShardLayout.shardCountMax)
      guard start <= end else { throw .malformed(field: "shards", offset: reader.offset) }
      command = .flush(start..<end)
    }
    try reader.finish("command")
    return command
  }

  private static func readDialect(_ reader: inout ByteReader) throws(ByteError) {
    guard try reader.u8("dialect") == dialect else {
      throw .malformed(field: "dialect", offset: reader.offset)
    }
  }
}

extension ByteWriter {
  fileprivate mutating func keyedCommands(_ commands: [KeyedCommand]) {
    var bytes = 4
    for command in commands {
      bytes += 1
      for argument in command.arguments { bytes += argument.count + (argument.count < 128 ? 1 : 3) }
    }
    // What a client sends at once is one entry of the log: it need not be copied while it grows.
    reserve(bytes)
    varint(commands.count)
    for command in commands {
      varint(command.arguments.count)
      for argument in command.arguments { blob(argument) }
    }
  }
}

extension ByteReader {
  /// Refuses arguments that are no command on keys.
  fileprivate mutating func keyedCommands() throws(ByteError) -> [KeyedCommand] {
    let count = try count("number of commands", limit: remaining)
    var commands: [KeyedCommand] = []
    for _ in 0..<count {
      let argumentCount = try self.count("number of arguments", limit: remaining)
      var arguments: [[UInt8]] = []
      for _ in 0..<argumentCount { arguments.append(try blob("argument")) }
      guard let command = KeyedCommand(logged: arguments, limit: Limits.valueBytesMax) else {
        throw .malformed(field: "command", offset: offset)
      }
      commands.append(command)
    }
    return commands
  }

  fileprivate mutating func watchedKeys() throws(ByteError) -> [Transaction.Watched] {
    let count = try count("number of watched keys", limit: remaining)
    var watched: [Transaction.Watched] = []
    for _ in 0..<count {
      let key = try blob("watched key")
      let version: UInt64?
      switch try u8("presence of a watched key") {
      case 0: version = nil
      case 1: version = try varint("version of a watched key")
      default: throw .malformed(field: "presence of a watched key", offset: offset)
      }
      watched.append(Transaction.Watched(key: key, version: version))
    }
    return watched
  }
}
