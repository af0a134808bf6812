import Basics
import Sessions
import ShardMap
import Testing

@testable import ShardKV

/// Rules of adoption and of the hand-over, one by one.
struct HandOverTests {
  private static let one = GroupID(1)
  private static let two = GroupID(2)
  private static let session = SessionID(issued: 1, nonce: 1)

  private var controller = TestController(layout: layoutOfFour, groups: [one, two])
  private var first = TestMachine(1, layout: layoutOfFour)
  private var second = TestMachine(2, layout: layoutOfFour)

  private mutating func adopt(_ owners: [Int: GroupID], members: [GroupID]? = nil) {
    let next = controller.move(owners, members: members)
    first.apply(.adopt(next))
    second.apply(.adopt(next))
  }

  /// Group 1 owns shards 0 and 2, group 2 the others; each shard has keys.
  private mutating func fill() {
    adopt([0: Self.one, 1: Self.two, 2: Self.one, 3: Self.two])
    for number: UInt8 in 0..<20 {
      for shard: UInt8 in 0..<4 {
        let sequence = UInt64(number) + 1
        let key = [shard, number]
        if shard % 2 == 0 {
          _ = first.put(key, [number], session: Self.session, sequence)
        } else {
          _ = second.put(key, [number], session: Self.session, sequence)
        }
      }
    }
  }

  private mutating func settle(bytesMax: Int = 1) {
    for _ in 0..<10 {
      var others = [second]
      carryOutDuties(of: &first, &others, bytesMax: bytesMax)
      second = others[0]
      others = [first]
      carryOutDuties(of: &second, &others, bytesMax: bytesMax)
      first = others[0]
    }
  }

  private func chunk(_ shard: Int, left: ConfigNumber, cursor: [UInt8] = []) -> [UInt8]? {
    let answer = first.machine.shardChunk(
      ShardID(shard), left: left, cursor: cursor, bytesMax: 1 << 20)
    guard case .chunk(let bytes) = answer else { return nil }
    return bytes
  }

  @Test mutating func onlyTheNextConfigurationIsAdopted() {
    let one = controller.move([0: Self.one])
    let two = controller.move([1: Self.one])
    #expect(!first.machine.canAdopt(two))
    first.apply(.adopt(two))
    #expect(first.machine.configuration.number == .zero)
    #expect(first.machine.wantedConfiguration == ConfigNumber(1))
    first.apply(.adopt(one))
    first.apply(.adopt(one))
    #expect(first.machine.configuration == one)
    first.apply(.adopt(two))
    #expect(first.machine.configuration == two)
    #expect(first.status(0) == .serving && first.machine.canServe(ShardID(0)))
    guard let other = ShardLayout(mapping: .slots, shardCount: 4) else { return }
    var strange = Configuration(layout: other)
    strange.number = ConfigNumber(3)
    #expect(!first.machine.canAdopt(strange))
  }

  @Test mutating func aConfigurationForAnotherGroupOfThatNumberGivesThisOneNothing() {
    var other = controller.move([0: Self.one])
    other.groups[Self.one]?.identity = GroupIdentity(rawValue: 77)
    first.apply(.adopt(other))
    #expect(first.machine.configuration.number == ConfigNumber(1))
    #expect(!first.machine.canServe(ShardID(0)))
    #expect(first.put([0], [1], session: Self.session, 1) == .wrongGroup)
    #expect(first.machine.report().isEmpty)
    // It comes to the configuration in which its own incarnation joins.
    first.apply(.adopt(controller.move([1: Self.one])))
    #expect(first.machine.canServe(ShardID(1)))
  }

  @Test mutating func aShardMovesWithDataVersionsSessionsAndClock() {
    fill()
    first.machine.advanceClock(to: 9000)
    adopt([0: Self.two])
    first.machine.advanceClock(to: 10_000)
    #expect(first.status(0) == .bePulling && second.status(0) == .pulling)
    // Frozen at the source, not there yet at the destination; neighbours go on.
    #expect(first.put([0, 1], [9], session: Self.session, 90) == .wrongGroup)
    #expect(second.put([0, 1], [9], session: Self.session, 90) == .wrongGroup)
    #expect(first.machine.read(key: [0, 1]) == .wrongGroup)
    #expect(second.machine.read(key: [0, 1]) == .notReady)
    let id = WriteID(session: Self.session, sequence: 90, firstUnanswered: 1)
    #expect(second.machine.refusal(write: id, key: [0], operation: .delete) == .notReady)
    #expect(second.machine.issueSession(shard: ShardID(0), nonce: 1) == nil)
    #expect(first.put([2, 1], [7], session: Self.session, 90) == .write(.written(version: 2)))
    settle()
    #expect(first.status(0) == .serving && second.status(0) == .serving)
    #expect(first.machine.duties().isEmpty && second.machine.duties().isEmpty)
    #expect(second.machine.read(key: [0, 5]) == .value([5], version: 1))
    #expect(second.machine.clock == 9000)
    // Repeats are answered where the shard is now.
    #expect(second.put([0, 3], [99], session: Self.session, 4) == .write(.written(version: 1)))
    #expect(second.value([0, 3]) == [3])
    #expect(first.machine.report().map(\.shard) == [ShardID(2)])
    #expect(first.machine.takeDiscarded().map(\.count) == [20])
    #expect(first.machine.takeDiscarded().isEmpty)
  }

  @Test mutating func stillServedWhileTheSourceDeletes() {
    fill()
    adopt([0: Self.two])
    guard let bytes = chunk(0, left: ConfigNumber(2)) else { return #expect(Bool(false)) }
    second.apply(.installChunk(ShardID(0), left: ConfigNumber(2), bytes: bytes))
    #expect(second.status(0) == .gcing)
    #expect(second.put([0, 1], [9], session: Self.session, 90) == .write(.written(version: 2)))
    #expect(second.value([0, 1]) == [9])
    #expect(first.value([0, 1]) == nil)
  }

  @Test mutating func chunksThatAreNotNextAreIgnored() {
    fill()
    adopt([0: Self.two])
    let left = ConfigNumber(2)
    let big = [UInt8](repeating: 3, count: 400_000)
    first.machine.shards[0].keys.put([0, 200], big, now: 0)
    var cursor: [UInt8] = []
    var chunks: [[UInt8]] = []
    var copy = second
    while case .pull(_, _, _, _, let next)? = copy.machine.duties().first {
      cursor = next
      let answer = first.machine.shardChunk(
        ShardID(0), left: left, cursor: cursor, bytesMax: 1)
      guard case .chunk(let bytes) = answer else { return #expect(Bool(false)) }
      chunks.append(bytes)
      copy.apply(.installChunk(ShardID(0), left: left, bytes: bytes))
    }
    #expect(chunks.count >= 3)
    #expect(copy.value([0, 200]) == big)
    // Out of order, twice, for another shard or fence, damaged: nothing happens.
    second.apply(.installChunk(ShardID(0), left: left, bytes: chunks[1]))
    #expect(second.machine.shards[0].keys.map.isEmpty)
    second.apply(.installChunk(ShardID(0), left: left, bytes: chunks[0]))
    let hash = second.machine.stateHash()
    second.apply(.installChunk(ShardID(0), left: left, bytes: chunks[0]))
    second.apply(.installChunk(ShardID(0), left: ConfigNumber(1), bytes: chunks[1]))
    second.apply(.installChunk(ShardID(1), left: left, bytes: chunks[1]))
    second.apply(.installChunk(ShardID(9), left: left, bytes: chunks[1]))
    second.apply(.installChunk(ShardID(0), left: left, bytes: Array(chunks[1].dropLast())))
    #expect(second.machine.stateHash() == hash)
    for bytes in chunks { second.apply(.installChunk(ShardID(0), left: left, bytes: bytes)) }
    for bytes in chunks { second.apply(.installChunk(ShardID(0), left: left, bytes: bytes)) }
    #expect(second.machine.stateHash() == copy.machine.stateHash())
    #expect(second.status(0) == .gcing)
  }

  @Test mutating func questionsAreFenced() {
    fill()
    let left = ConfigNumber(2)
    let shard = ShardID(0)
    #expect(first.machine.shardChunk(shard, left: left, cursor: [], bytesMax: 1) == .notReady)
    #expect(first.machine.deletion(shard, left: left) == .notReady)
    adopt([0: Self.two])
    let old = ConfigNumber(1)
    #expect(first.machine.shardChunk(shard, left: old, cursor: [], bytesMax: 1) == .gone)
    #expect(first.machine.shardChunk(ShardID(9), left: left, cursor: [], bytesMax: 1) == .gone)
    #expect(first.machine.shardChunk(shard, left: left, cursor: [77], bytesMax: 1) == .gone)
    #expect(first.machine.deletion(shard, left: old) == .alreadyDone)
    #expect(first.machine.deletion(shard, left: left) == .propose)
    #expect(first.machine.deletion(ShardID(2), left: left) == .alreadyDone)
    // Deleting and confirming with another fence does nothing, with the right one it is done once.
    first.apply(.deleteShard(shard, left: old))
    first.apply(.deleteShard(ShardID(9), left: left))
    #expect(first.status(0) == .bePulling)
    second.apply(.confirmDeleted(shard, left: left))
    #expect(second.status(0) == .pulling)
    guard let bytes = chunk(0, left: left) else { return #expect(Bool(false)) }
    second.apply(.installChunk(shard, left: left, bytes: bytes))
    second.apply(.confirmDeleted(shard, left: old))
    #expect(second.status(0) == .gcing)
    first.apply(.deleteShard(shard, left: left))
    #expect(first.machine.deletion(shard, left: left) == .alreadyDone)
    #expect(first.machine.shardChunk(shard, left: left, cursor: [], bytesMax: 1) == .gone)
    second.apply(.confirmDeleted(shard, left: left))
    #expect(second.status(0) == .serving)
    // A late deletion must not hit the data of a later ownership.
    second.apply(.deleteShard(shard, left: left))
    #expect(second.value([0, 1]) == [1])
  }

  @Test mutating func aShardInHandOverHoldsBackOnlyWhatMovesIt() {
    fill()
    adopt([0: Self.two])
    // Another shard moves: both go on.
    adopt([2: Self.two])
    #expect(first.machine.configuration.number == ConfigNumber(3))
    #expect(second.machine.configuration.number == ConfigNumber(3))
    // Shard 0 would come back: neither can.
    let back = controller.move([0: Self.one])
    #expect(!first.machine.canAdopt(back) && !second.machine.canAdopt(back))
    adopt([:])
    #expect(first.machine.configuration.number == ConfigNumber(3))
    settle()
    for configuration in controller.history.suffix(2) {
      #expect(first.machine.canAdopt(configuration) && second.machine.canAdopt(configuration))
      first.apply(.adopt(configuration))
      second.apply(.adopt(configuration))
    }
    settle()
    #expect(first.value([0, 7]) == [7] && second.value([2, 7]) == [7])
    #expect(first.put([0, 3], [99], session: Self.session, 4) == .write(.written(version: 1)))
  }

  @Test mutating func twoGroupsSwapShards() {
    fill()
    adopt([0: Self.two, 1: Self.one])
    settle()
    #expect(first.value([1, 7]) == [7] && second.value([0, 7]) == [7])
    #expect((0..<4).allSatisfy { first.status($0) == .serving && second.status($0) == .serving })
  }

  @Test mutating func dataComesBackAfterAForcedLastLeave() {
    fill()
    adopt([0: .none, 1: .none, 2: .none, 3: .none], members: [])
    #expect(first.status(0) == .bePulling && second.status(1) == .bePulling)
    adopt([:])
    // Shard 0 returns to its last owner, shard 2 goes to the other.
    adopt([0: Self.one, 1: Self.two, 2: Self.two, 3: Self.two], members: [Self.one, Self.two])
    #expect(first.machine.canServe(ShardID(0)))
    #expect(first.value([0, 7]) == [7])
    #expect(first.put([0, 3], [99], session: Self.session, 4) == .write(.written(version: 1)))
    // A stray request of that hand-over does not delete what is served again.
    #expect(first.machine.deletion(ShardID(0), left: ConfigNumber(2)) == .alreadyDone)
    first.apply(.deleteShard(ShardID(0), left: ConfigNumber(2)))
    #expect(first.value([0, 7]) == [7])
    #expect(second.status(2) == .pulling)
    settle()
    #expect(second.value([2, 7]) == [7])
  }

  @Test mutating func whatContradictsTheDataHereIsNotAdopted() {
    fill()
    // It says that the data is here, where it is not; or that this group loses it to another fence.
    var wrong = controller.newest
    wrong.number = wrong.number.next
    wrong.shards[0].owner = .none
    #expect(!first.machine.canAdopt(wrong))
    wrong.shards[0] = controller.newest.shards[0]
    wrong.shards[1] = ShardAssignment(
      owner: Self.one, since: wrong.number, source: Self.one, left: ConfigNumber(1))
    #expect(!first.machine.canAdopt(wrong))
    wrong.shards[1].source = GroupID(9)
    #expect(!first.machine.canAdopt(wrong))
  }

  @Test mutating func aStrayWriteChangesNothingAfterTheMove() {
    fill()
    adopt([0: Self.two])
    guard let before = chunk(0, left: ConfigNumber(2)) else { return #expect(Bool(false)) }
    _ = first.put([0, 1], [9], session: Self.session, 99)
    first.machine.advanceClock(to: 77_777)
    #expect(chunk(0, left: ConfigNumber(2)) == before)
  }

  @Test mutating func manySessionsMoveInPieces() {
    fill()
    let limits = SessionLimits(sessionsMax: 2000)
    var table = SessionTable(limits: limits)
    for nonce: UInt64 in 1...2010 {
      for sequence: UInt64 in 1...40 {
        let id = WriteID(
          session: SessionID(issued: nonce, nonce: nonce), sequence: sequence, firstUnanswered: 1)
        let verdict = table.admit(id, clock: 3000)
        if verdict == .new { table.record(id, answer: 4, clock: 3000) }
      }
    }
    first.machine.shards[0].sessions = table
    first.machine.advanceClock(to: 3000)
    adopt([0: Self.two])
    var chunks = 0
    while second.status(0) == .pulling, chunks < 10 {
      var others = [first]
      carryOutDuties(of: &second, &others, bytesMax: 1)
      chunks += 1
    }
    #expect(chunks >= 2 && chunks < 10)
    #expect(second.machine.shards[0].sessions.count == 2000)
    // A session that was pushed out at the source stays so at the destination.
    let evicted = SessionID(issued: 10, nonce: 10)
    #expect(second.put([0, 1], [9], session: evicted, 41) == .expired)
    #expect(second.put([0, 1], [9], session: evicted, 1) == .expired)
    let kept = SessionID(issued: 11, nonce: 11)
    #expect(second.put([0, 1], [9], session: kept, 40) == .write(.written(version: 1)))
    #expect(second.value([0, 1]) == [1])
  }
}
