import Basics
import Sessions
import ShardMap

extension ShardGroupMachine {
  /// What stands in the log of a shard group.
  package enum Command: Hashable, Sendable {
    case write(WriteID, key: [UInt8], WriteOperation)
    /// Goes on to the next configuration.
    case adopt(Configuration)
    /// Takes over one chunk of a shard that is Pulling.
    case installChunk(ShardID, left: ConfigNumber, bytes: [UInt8])
    /// At the source: the new owner has committed the whole shard.
    case deleteShard(ShardID, left: ConfigNumber)
    /// At the new owner: the source has deleted its copy.
    case confirmDeleted(ShardID, left: ConfigNumber)
  }

  private enum Tag: UInt8 {
    case write = 1
    case adopt = 2
    case installChunk = 3
    case deleteShard = 4
    case confirmDeleted = 5
  }

  /// The first byte of every command.
  private static let version: UInt8 = 2

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
    }
    try reader.finish("command")
    return command
  }
}
