import Basics
import Clerk
import Raft
import ShardKV
import ShardKVServer
import ShardMap
import Testing
import Wire

/// What a shard group's leader asks of the controller and of other groups.
struct ErrandTests {
  private static let layout = ShardLayout(mapping: .slots, shardCount: 4)
  private let own = GroupID(4)
  private let source = GroupID(5)
  private let next = GroupID(6)

  private func records(_ groups: GroupID...) -> [GroupID: GroupRecord] {
    var records: [GroupID: GroupRecord] = [:]
    for group in groups {
      // Group 4 is the one of ``LoneNode/identity(group:others:)``.
      let identity = GroupIdentity(rawValue: group == own ? 2 : UInt64(group.rawValue))
      records[group] = GroupRecord(
        identity: identity, membershipIndex: 1,
        replicas: [LoneNode<ShardGroupService>.address(UInt64(group.rawValue))])
    }
    return records
  }

  /// The source has left, and its replicas may all be others by now. While its shard is awaited the
  /// next configuration, in which the shard moves on, cannot be adopted; and it does not name the
  /// source any more. So both are asked for in turn.
  @Test func addressesOfASourceAreInTheConfigurationInForce() throws {
    let layout = try #require(Self.layout)
    func configuration(
      _ number: UInt64, _ shard: ShardAssignment, _ groups: [GroupID: GroupRecord],
      departed: [GroupID: GroupRecord] = [:]
    ) -> Configuration {
      Configuration(
        number: ConfigNumber(number), layout: layout, shards: Array(repeating: shard, count: 4),
        groups: groups, departed: departed)
    }
    let atSource = ShardAssignment(owner: source, since: ConfigNumber(1))
    let arriving = atSource.handedOver(to: own, in: ConfigNumber(2))
    let configurations = [
      configuration(1, atSource, records(own, source)),
      configuration(2, arriving, records(own, next), departed: records(source)),
      configuration(
        3, arriving.handedOver(to: next, in: ConfigNumber(3)), records(own, next)),
    ]
    let identity = try #require(LoneNode<ShardGroupService>.identity(group: 4, others: []))
    var service = ShardGroupService(identity: identity, settings: NodeSettings())
    var now = Moment(monotonic: 1_000_000_000, wall: 1_700_000_000_000)
    var asked: [UInt64] = []
    for _ in 0..<6 {
      now.monotonic += 1_000 * nanosecondsPerMillisecond
      let context = LeaderContext(now: now, term: Term(1), record: nil)
      let errand = try #require(
        service.errands(context).first { $0.key == .configuration })
      guard case .query(let number?) = errand.operation else { break }
      asked.append(number.rawValue)
      let answer = configurations[Int(number.rawValue) - 1]
      let payloads = service.finished(
        errand, .reply(.configuration(answer, controllers: [])))
      for payload in payloads {
        let id = EntryID(index: LogIndex(UInt64(asked.count)), term: Term(1))
        _ = service.apply(Entry(id: id, kind: .command, stamp: now.wall, payload: payload))
      }
    }
    #expect(asked == [1, 2, 3, 2, 3, 2])
    #expect(service.machine.configuration.number == ConfigNumber(2))
  }
}
