import Basics
import Journal
import ShardKVServer
import ShardMap
import Sessions
import Testing
import Wire

/// One replica from its first election to its restart.
struct LoneNodeTests {
  private let record = GroupRecord(
    identity: GroupIdentity(rawValue: 12), membershipIndex: 1,
    replicas: [ReplicaAddress(id: ReplicaID(rawValue: 13), peer: "127.0.0.1:7211")])

  /// A controller to which group 5 was joined.
  private func joined(_ settings: NodeSettings) throws -> LoneNode<ControllerService> {
    var node = try LoneNode<ControllerService>(group: 0, settings: settings)
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    #expect(
      try node.ask(.register(GroupID(5), record), on: client) == .done(ConfigNumber(0)))
    guard case .session(let session) = try node.ask(.openSession(nil), on: client) else {
      Issue.record("no session")
      return node
    }
    let id = WriteID(session: session, sequence: 1, firstUnanswered: 1)
    let join = ControlCommand.join([
      JoinRequest(group: GroupID(5), seeds: ["127.0.0.1:7211"])
    ])
    #expect(try node.ask(.control(id, join), on: client) == .done(ConfigNumber(1)))
    // The same again is answered and not done again.
    #expect(try node.ask(.control(id, join), on: client) == .done(ConfigNumber(1)))
    return node
  }

  /// Leads, and group 5 has registered so often, each time with news, which is an entry of the log.
  private func registered(
    _ count: UInt64, _ settings: NodeSettings, pause: UInt64 = 0
  ) throws -> LoneNode<ControllerService> {
    var node = try LoneNode<ControllerService>(group: 0, settings: settings)
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    for number in 1...count {
      var newer = record
      newer.membershipIndex = number
      let request = Request.Body.register(GroupID(5), newer)
      #expect(try node.ask(request, on: client) == .done(ConfigNumber(0)))
      node.pass(milliseconds: pause)
    }
    return node
  }

  @Test func restartKeepsWhatWasAnswered() throws {
    let before = try joined(NodeSettings())
    var node = try LoneNode<ControllerService>(before.files)
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    guard case .configuration(let configuration, _) = try node.ask(.query(nil), on: client) else {
      Issue.record("no configuration")
      return
    }
    #expect(configuration.number == ConfigNumber(1))
    #expect(configuration.groupIDs == [GroupID(5)])
    #expect(node.node.service.stateHash() == before.node.service.stateHash())
  }

  /// Nothing waits for a snapshot: not the writes after its capture, and not the next one's turn.
  @Test func writesGoOnWhileASnapshotIsWritten() throws {
    var settings = NodeSettings()
    settings.snapshotBytes = 1
    settings.snapshotFactor = 0
    var node = try LoneNode<ControllerService>(group: 0, settings: settings)
    node.holdsBackground = true
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    #expect(try node.ask(.register(GroupID(5), record), on: client) == .done(ConfigNumber(0)))
    #expect(try node.ask(.register(GroupID(6), record), on: client) == .done(ConfigNumber(0)))
    #expect(node.node.counters.snapshotsMade == 0)
    #expect(!node.files.files.keys.contains { $0.hasPrefix("snap-") })
    let applied = node.node.applied
    node.holdsBackground = false
    node.pass(milliseconds: 100)
    #expect(node.node.counters.snapshotsMade > 0 && node.node.applied >= applied)
    let after = try LoneNode<ControllerService>(node.files, settings: settings)
    #expect(after.node.raft.lastIndex == node.node.raft.lastIndex)
  }

  /// When nothing is written any more, a part of what else makes a snapshot is enough for one; as
  /// long as something is written, it is not.
  @Test func aSnapshotIsMadeWhenItIsQuiet() throws {
    var settings = NodeSettings()
    settings.snapshotBytes = 1 << 20
    settings.quietMilliseconds = 10_000
    var node = try registered(1_500, settings, pause: 10)
    #expect(node.node.counters.snapshotsMade == 0)
    #expect(node.node.journalBytesSinceSnapshot > 64 << 10)
    node.pass(milliseconds: 5_000)
    #expect(node.node.counters.snapshotsMade == 0)
    node.pass(milliseconds: 20_000)
    #expect(node.node.counters.snapshotsMade == 1)
    #expect(node.node.journalBytesSinceSnapshot < 64 << 10)
  }

  @Test func aFullDiskStopsNoNodeAndSnapshotsAreTriedAgain() throws {
    var settings = NodeSettings()
    settings.snapshotBytes = 1
    settings.snapshotFactor = 0
    settings.snapshotRetryMilliseconds = 1_000...4_000
    var node = try LoneNode<ControllerService>(group: 0, settings: settings)
    node.isFull = true
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    #expect(try node.ask(.register(GroupID(5), record), on: client) == .done(ConfigNumber(0)))
    node.pass(milliseconds: 20_000)
    // After 1, 2, 4, 4 … s.
    let given = node.node.counters.snapshotsWithoutRoom
    #expect(5...8 ~= given)
    #expect(node.stop == nil && node.node.counters.snapshotsMade == 0)
    #expect(!node.files.files.keys.contains { $0.hasPrefix("snap-") })
    #expect(node.events.filter { $0.message.contains("the disk is full") }.count == Int(given))
    node.isFull = false
    node.pass(milliseconds: 4_100)
    #expect(node.node.counters.snapshotsMade > 0)
  }

  /// Whichever file is damaged while the node runs, it has everything in memory.
  @Test func damagedFilesAreReplacedFromMemory() throws {
    var settings = NodeSettings()
    settings.snapshotBytes = 600
    settings.snapshotFactor = 0
    settings.journal.segmentBytes = 1_024
    settings.scrubMilliseconds = 60_000
    settings.quietMilliseconds = 3_600_000
    func joined() throws -> LoneNode<ControllerService> {
      var node = try self.joined(settings)
      node.pass(milliseconds: 100)
      return node
    }
    let whole = try joined()
    // Others wait for the next write to be removed.
    let journal = try Journal.recover(whole.files.reader, settings: settings.journal).journal
    let names = whole.files.files.keys.filter { journal.needs(file: $0) }.sorted()
    #expect(names.contains { $0.hasPrefix("snap-") } && names.contains { $0.hasPrefix("wal-") })
    for name in names {
      var node = try joined()
      node.flip(bit: 8 * 40, of: name)
      node.pass(milliseconds: 70_000)
      #expect(node.stop == nil)
      #expect(node.node.counters.damagedFiles == 1, "\(name)")
      #expect(node.events.contains { $0.message.contains("\(name) is damaged at byte") })
      #expect(node.events.contains { $0.message.contains("the damaged files are gone") })
      let after = try LoneNode<ControllerService>(node.files, settings: settings)
      #expect(after.node.applied > .zero, "\(name)")
      node.pass(milliseconds: 130_000)
      #expect(node.node.counters.damagedFiles == 1 && node.node.counters.scrubs >= 2)
    }
  }

  /// However much there is to apply after a start, it is not done in one turn.
  @Test func aTurnAppliesNotMoreThanItsShare() throws {
    var settings = NodeSettings()
    (settings.raft.committedBytesMax, settings.appliedBytesMax) = (1_000, 1_000)
    let before = try registered(300, settings)
    var node = try LoneNode<ControllerService>(before.files, settings: settings)
    #expect(node.node.applied == .zero)
    node.pass(milliseconds: 2_000)
    #expect(node.node.applied.rawValue > 300 && node.node.applied == node.node.raft.lastIndex)
    #expect(1...30 ~= node.mostApplied)
    #expect(node.node.service.stateHash() == before.node.service.stateHash())
  }

  /// After a start with a long log: not of the first entry that was applied. What the snapshot does
  /// not hold is counted for the next, here and by another start.
  @Test func aSnapshotAfterAStartIsOfNearlyTheWholeLog() throws {
    var settings = NodeSettings()
    (settings.raft.committedBytesMax, settings.appliedBytesMax) = (1_000, 1_000)
    let before = try registered(300, settings)
    settings.snapshotBytes = 16 << 10
    settings.snapshotFactor = 0
    var node = try LoneNode<ControllerService>(before.files, settings: settings)
    #expect(node.node.journalBytesSinceSnapshot > 16 << 10)
    node.pass(milliseconds: 2_000)
    #expect(node.node.counters.snapshotsMade == 1)
    let snapshot = node.node.raft.snapshot.index
    #expect(260..<300 ~= snapshot.rawValue)
    let left = UInt64(node.node.raft.bytes(after: snapshot))
    #expect(left..<2 * left + 1_000 ~= node.node.journalBytesSinceSnapshot)
    let after = try LoneNode<ControllerService>(node.files, settings: settings)
    #expect(left..<2 * left + 1_000 ~= after.node.journalBytesSinceSnapshot)
  }

  /// What the log let go of is freed in turns that follow each other, each with its share of it:
  /// nothing needs to happen for the next.
  @Test func entriesAreFreedAtOnceInTurns() throws {
    var settings = NodeSettings()
    settings.appliedBytesMax = 1_000
    let before = try registered(300, settings)
    settings.raft.retainedEntries = 10
    settings.snapshotBytes = 16 << 10
    settings.snapshotFactor = 0
    var node = try LoneNode<ControllerService>(before.files, settings: settings)
    for _ in 0..<200 where node.node.counters.snapshotsMade == 0 { node.pass(milliseconds: 10) }
    #expect(node.node.counters.snapshotsMade == 1)
    let waiting = node.node.entriesToFree.count
    #expect(waiting == 0)
    #expect(1...30 ~= node.mostFreed)
  }

  @Test func restartFromASnapshotIsTheSame() throws {
    var settings = NodeSettings()
    settings.snapshotBytes = 1
    settings.snapshotFactor = 0
    let before = try joined(settings)
    #expect(before.node.counters.snapshotsMade > 0)
    var node = try LoneNode<ControllerService>(before.files, settings: settings)
    node.pass(milliseconds: 2_000)
    #expect(node.node.service.configurationNumber == ConfigNumber(1))
    #expect(node.node.service.stateHash() == before.node.service.stateHash())
  }

  @Test func controllerRefusesAKeyAndAGroupAQuery() throws {
    var controller = try LoneNode<ControllerService>(group: 0)
    controller.pass(milliseconds: 2_000)
    let client = try controller.client(1)
    guard case .refused(.invalid(let text)) = try controller.ask(.get(key: [1]), on: client) else {
      Issue.record("a controller answered a get")
      return
    }
    #expect(text.contains("controller"))
    var group = try LoneNode<ShardGroupService>(group: 4)
    group.pass(milliseconds: 2_000)
    let other = try group.client(1)
    guard case .refused(.invalid(let reason)) = try group.ask(.query(nil), on: other) else {
      Issue.record("a group answered a query")
      return
    }
    #expect(reason.contains("ask a controller"))
    #expect(try group.ask(.get(key: [1]), on: other) == .refused(.wrongGroup(.zero)))
  }

  @Test func joinOfAnUnknownGroupIsRefusedOnceLeadershipIsConfirmed() throws {
    var node = try LoneNode<ControllerService>(group: 0)
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    guard case .session(let session) = try node.ask(.openSession(nil), on: client) else {
      Issue.record("no session")
      return
    }
    let join = ControlCommand.join([JoinRequest(group: GroupID(6), seeds: ["127.0.0.1:7261"])])
    let id = WriteID(session: session, sequence: 1, firstUnanswered: 1)
    guard case .refused(.invalid(let reason)) = try node.ask(.control(id, join), on: client)
    else {
      Issue.record("an unknown group was joined")
      return
    }
    #expect(reason.contains("6"))
    #expect(node.node.service.configurationNumber == .zero)
  }

  @Test func stopEndsAnIdleNode() throws {
    var node = try LoneNode<ControllerService>(group: 0)
    node.pass(milliseconds: 2_000)
    node.take([.stop])
    #expect(node.stop == .drained)
  }
}
