import Arguments
import Basics
import Journal
import ShardMap

extension ReplicaIdentity {
  /// Reads the flags of `init`; throws with the flag that is wrong.
  init(_ command: ParsedCommand) throws {
    let cluster: ClusterID = try Self.identity("cluster-id", command)
    let groupIdentity: GroupIdentity = try Self.identity("group-id", command)
    let replica: ReplicaID = try Self.identity("replica-id", command)
    _ = try command.required("group")
    let group = try command.integer("group", in: 0...Int(UInt32.max)) ?? 0
    let members = try Self.members(command, replica)
    let mapping = try command.choice("mapping", of: ["slots", "first-byte"])
    let shards = try command.integer("shards", in: 1...ShardLayout.shardCountMax)
    guard
      let layout = ShardLayout(
        mapping: mapping == "first-byte" ? .firstByte : .slots,
        shardCount: shards ?? ShardLayout.shardCountDefault)
    else { throw UsageError("--shards is out of range") }
    self.init(
      cluster: cluster, group: GroupID(UInt32(group)), groupIdentity: groupIdentity,
      replica: replica, members: members, layout: layout,
      incarnation: Incarnation(rawValue: .random(in: 1 ... .max)),
      isJoiner: command["join"] != nil)
  }

  /// The group's first replicas; of a joiner itself.
  private static func members(
    _ command: ParsedCommand, _ replica: ReplicaID
  ) throws(UsageError) -> [ReplicaAddress] {
    if let own = command["join"] {
      if command["members"] != nil {
        throw UsageError("--join is for a group that exists, --members for a new one: give one")
      }
      guard let address = ReplicaAddress(replica, text: own) else {
        throw UsageError("'\(own)' of --join is not HOST:PORT or HOST:PORT+REDISPORT")
      }
      return [address]
    }
    let members = try members(of: try command.required("members"))
    guard members.contains(where: { $0.id == replica }) else {
      throw UsageError("--members does not list \(replica), the replica itself")
    }
    return members
  }

  private static func identity<Identity: RandomIdentity>(
    _ flag: String, _ command: ParsedCommand
  ) throws(UsageError) -> Identity {
    let text = try command.required(flag)
    guard let identity = Identity(hexadecimal: text) else {
      throw UsageError(
        "'\(text)' of --\(flag) is not an id: 16 hexadecimal digits, made by 'shardkv-server id'")
    }
    return identity
  }

  private static func members(of text: String) throws(UsageError) -> [ReplicaAddress] {
    var members: [ReplicaAddress] = []
    for part in text.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1).map(String.init)
      guard sides.count == 2, let id = ReplicaID(hexadecimal: sides[0]),
        let address = ReplicaAddress(id, text: sides[1])
      else {
        throw UsageError(
          "'\(part)' of --members is not HEX16=HOST:PORT or HEX16=HOST:PORT+REDISPORT")
      }
      if members.contains(where: { $0.id == id || $0.peer == address.peer }) {
        throw UsageError("'\(part)' of --members repeats an id or an address")
      }
      members.append(address)
    }
    if members.isEmpty { throw UsageError("--members lists nobody") }
    return members
  }
}
