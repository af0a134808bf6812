import Basics
import ShardMap
import Sessions

extension ControllerMachine {
  /// What stands in the controller's log. Made by ``plan(_:_:)`` and ``planRegistration(_:_:)``.
  package enum Command: Hashable, Sendable {
    /// Stores the configuration that the leader computed as the next one.
    case change(WriteID, Configuration)
    /// Answers a command that changes nothing, provided that the configuration by which this was
    /// found is still the newest. It is in the log so that a late repeat cannot change anything
    /// after its client was answered.
    case unchanged(WriteID, ConfigNumber)
    case register(GroupID, GroupRecord)
  }

  /// What applying a command came to.
  package enum Output: Hashable, Sendable {
    /// Done, or done before; the number of the configuration that was the newest then.
    case done(ConfigNumber)
    /// Whether the command was applied before is no longer known: it was not applied now.
    case expired
    /// Another change came first. Nothing happened: the leader plans and proposes again.
    case stale
    /// Not possible; the reason, for people.
    case refused(String)
  }

  private enum Tag: UInt8 {
    case change = 0
    case unchanged = 1
    case register = 2
  }

  private static let version: UInt8 = 2

  package static func encode(_ command: Command) -> [UInt8] {
    var writer = ByteWriter()
    writer.u8(version)
    switch command {
    case .change(let id, let configuration):
      writer.u8(Tag.change.rawValue)
      writer.writeID(id)
      writer.configuration(configuration)
    case .unchanged(let id, let number):
      writer.u8(Tag.unchanged.rawValue)
      writer.writeID(id)
      writer.configNumber(number)
    case .register(let group, let record):
      writer.u8(Tag.register.rawValue)
      writer.groupID(group)
      writer.groupRecord(record)
    }
    return writer.bytes
  }

  package static func decode(_ payload: [UInt8]) throws(ByteError) -> Command {
    var reader = ByteReader(payload)
    guard try reader.u8("version of a command") == version,
      let tag = Tag(rawValue: try reader.u8("kind of command"))
    else { throw .malformed(field: "kind of command", offset: reader.offset) }
    let command: Command
    switch tag {
    case .change: command = .change(try reader.writeID(), try reader.configuration())
    case .unchanged:
      command = .unchanged(try reader.writeID(), try reader.configNumber("number"))
    case .register:
      command = .register(try reader.groupID("group"), try reader.groupRecord())
    }
    try reader.finish("command")
    return command
  }
}

extension ByteWriter {
  fileprivate mutating func writeID(_ id: WriteID) {
    varint(id.session.issued)
    u64(id.session.nonce)
    varint(id.sequence)
    varint(id.firstUnanswered)
  }
}

extension ByteReader {
  fileprivate mutating func writeID() throws(ByteError) -> WriteID {
    WriteID(
      session: SessionID(issued: try varint("session issued"), nonce: try u64("session nonce")),
      sequence: try varint("sequence"), firstUnanswered: try varint("first unanswered"))
  }
}
