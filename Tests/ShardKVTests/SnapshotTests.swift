import Basics
import Sessions
import ShardMap
import Testing

@testable import ShardKV

struct SnapshotTests {
  private static let one = GroupID(1)
  private static let two = GroupID(2)

  /// A group with shards in each status, sessions, and values that do not fit into one section.
  private static func busyGroup() -> TestMachine {
    var controller = TestController(layout: layoutOfFour, groups: [one, two])
    var group = TestMachine(1, layout: layoutOfFour)
    let session = SessionID(issued: 1, nonce: 4)
    group.apply(.adopt(controller.move([0: one, 1: one, 2: two, 3: two])), stamp: 1000)
    for number: UInt8 in 0..<100 {
      _ = group.put([number % 2, number], [number], session: session, UInt64(number) + 1)
    }
    for number: UInt8 in 0..<4 {
      let big = [UInt8](repeating: number, count: Limits.valueBytesMax - Int(number))
      _ = group.put([0, 100, number], big, session: session, 200 + UInt64(number))
    }
    group.apply(.adopt(controller.move([1: two, 2: one])))
    let id = WriteID(session: session, sequence: 300, firstUnanswered: 290)
    group.apply(.write(id, key: [0, 0], .delete), stamp: 2000)
    return group
  }

  @Test func aRestoredMachineIsTheSame() throws {
    let group = Self.busyGroup()
    let sections = TestMachine.sections(group.machine)
    #expect(sections.count >= 4)
    #expect(sections.allSatisfy { $0.count <= 1 << 20 })
    let restored = try TestMachine.restore(group.machine, sections)
    #expect(TestMachine.sections(restored) == sections)
    #expect(restored.stateHash() == group.machine.stateHash())
    #expect(restored.report() == group.machine.report())
    #expect(restored.duties() == group.machine.duties() && !restored.duties().isEmpty)
    #expect(restored.clock == 2000)
    #expect(restored.read(key: [0, 100, 3]) == group.machine.read(key: [0, 100, 3]))
    #expect(restored.read(key: [0, 0]) == .noKey)
  }

  @Test func aCaptureStaysAsItWas() {
    var group = Self.busyGroup()
    let capture = group.machine.capture()
    let sections = TestMachine.sections(group.machine)
    let session = SessionID(issued: 1, nonce: 5)
    for number: UInt8 in 0..<50 {
      _ = group.put([0, number], [9, 9, 9], session: session, UInt64(number) + 1)
    }
    group.apply(.deleteShard(ShardID(1), left: ConfigNumber(2)), stamp: 9000)
    var later = capture
    var captured: [[UInt8]] = []
    while let section = later.nextSection() { captured.append(section) }
    #expect(captured == sections)
    #expect(TestMachine.sections(group.machine) != sections)
  }

  /// What has been written of a captured state is not kept for its sake: changes are made in place
  /// again, and what they replace is free.
  @Test func captureAndPiecesLetGoOfWhatTheyHaveGiven() {
    var group = Self.busyGroup()
    let session = SessionID(issued: 1, nonce: 6)
    func root() -> ObjectIdentifier? { group.machine.shards[0].keys.map.root.map { .init($0) } }
    var writes: UInt64 = 0
    func isChangedInPlace() -> Bool {
      let before = root()
      writes += 1
      _ = group.put([0, 8], [1, UInt8(writes)], session: session, writes)
      return root() == before
    }
    #expect(isChangedInPlace())
    var capture = group.machine.capture()
    #expect(!isChangedInPlace() && isChangedInPlace())
    capture = group.machine.capture()
    while capture.nextSection() != nil {}
    #expect(isChangedInPlace())
    var pieces = group.machine.pieces()
    while pieces.nextPiece() != nil {}
    #expect(isChangedInPlace())
    withExtendedLifetime((capture, pieces)) {}
  }

  @Test func theHashIsOfTheContentAndNotOfItsHistory() {
    var left = Self.busyGroup()
    var right = Self.busyGroup()
    #expect(left.machine.stateHash() == right.machine.stateHash())
    func marks(_ version: UInt64) -> EntryMarks {
      EntryMarks(version: version, modified: 900, deadline: 5000)
    }
    for number: UInt8 in 0..<200 {
      left.machine.shards[0].keys.restore([0, 7, number], [number], marks(1))
    }
    left.machine.shards[0].keys.raiseChanges(to: 2000)
    for number: UInt8 in (0..<200).reversed() {
      right.machine.shards[0].keys.put([0, 7, number], [1, 2, 3], deadline: 4000, now: 0)
      right.machine.shards[0].keys.put([0, 8, number], [], now: 0)
    }
    for number: UInt8 in 0..<200 {
      right.machine.shards[0].keys.restore([0, 7, number], [number], marks(1))
      let isRemoved = right.machine.shards[0].keys.remove([0, 8, number], now: 0)
      #expect(isRemoved)
    }
    right.machine.shards[0].keys.raiseChanges(to: 2000)
    let hash = left.machine.stateHash()
    #expect(right.machine.stateHash() == hash)
    var other = right
    other.machine.shards[0].keys.restore([0, 7, 3], [3], marks(2))
    #expect(other.machine.stateHash() != hash)
    right.machine.shards[0].keys.raiseChanges(to: 2001)
    #expect(right.machine.stateHash() != hash)
  }

  private static func pieces(_ machine: ShardGroupMachine) -> [Int: [UInt8]] {
    var pieces = machine.pieces()
    var parts: [Int: [UInt8]] = [:]
    var last = 0
    while let piece = pieces.nextPiece() {
      #expect(piece.part >= last && piece.bytes.count <= 256 << 10)
      last = piece.part
      parts[piece.part, default: []] += piece.bytes
    }
    return parts
  }

  /// What is hashed is the same for the same state, whatever led to it and however large its
  /// sections are.
  @Test func equalStatesGiveEqualPieces() throws {
    let group = Self.busyGroup()
    let parts = Self.pieces(group.machine)
    #expect(parts.keys.sorted() == [0, 1, 2, 3])
    let restored = try TestMachine.restore(group.machine, TestMachine.sections(group.machine))
    #expect(Self.pieces(restored) == parts)
    var later = group
    later.apply(.deleteShard(ShardID(1), left: ConfigNumber(2)), stamp: 9000)
    #expect(Self.pieces(later.machine)[0] != parts[0])
    #expect(Self.pieces(group.machine) == parts)
  }

  @Test func aFlippedBitShowsInItsShardAlone() throws {
    var group = Self.busyGroup()
    let before = Self.pieces(group.machine)
    let key: [UInt8] = [0, 100, 3]
    let part = group.machine.layout.shard(of: key).index + 1
    for bit in [0, 7, 8 * (Limits.valueBytesMax - 4)] {
      var isFlipped = group.machine.flipBit(bit, ofValueOf: key)
      #expect(isFlipped)
      let after = Self.pieces(group.machine)
      #expect(after.keys.sorted() == before.keys.sorted())
      #expect(after.keys.filter { after[$0] != before[$0] } == [part])
      isFlipped = group.machine.flipBit(bit, ofValueOf: key)
      #expect(isFlipped)
      #expect(Self.pieces(group.machine) == before)
    }
    let flips = [
      group.machine.flipBit(8 * Limits.valueBytesMax, ofValueOf: key),
      group.machine.flipBit(0, ofValueOf: [0, 0]),
    ]
    #expect(flips == [false, false])
  }

  /// The longest key with the longest value comes to an end, too.
  @Test func theLongestKeysFitIntoPieces() {
    var group = Self.busyGroup()
    for number: UInt8 in 0..<3 {
      let key = [0] + [UInt8](repeating: number, count: Limits.keyBytesMax - 1)
      let value = [UInt8](repeating: 1, count: Limits.valueBytesMax)
      group.machine.shards[group.machine.layout.shard(of: key).index].keys.put(key, value, now: 0)
    }
    #expect(
      Self.pieces(group.machine).values.reduce(0) { $0 + $1.count } > 3 * Limits.valueBytesMax)
  }

  @Test func aSmallStoreHasASmallSnapshot() {
    var controller = TestController(
      layout: ShardLayout(mapping: .slots, shardCount: 64) ?? layoutOfFour, groups: [Self.one])
    let now: UInt64 = 1_795_000_000_000
    controller.newest.groups[Self.one]?.replicas = (1...3).map {
      ReplicaAddress(
        id: ReplicaID(rawValue: $0), peer: "127.0.0.1:6001\($0)", redis: "127.0.0.1:6301\($0)",
        http: "127.0.0.1:8001\($0)")
    }
    var group = TestMachine(1, layout: controller.newest.layout)
    let all = Dictionary(uniqueKeysWithValues: (0..<64).map { ($0, Self.one) })
    group.apply(.adopt(controller.move(all)), stamp: now)
    for nonce: UInt64 in 1...5 {
      let session = SessionID(issued: now, nonce: nonce &* 0x9E37_79B9_7F4A_7C15)
      for sequence: UInt64 in 1...200 {
        let id = WriteID(session: session, sequence: sequence, firstUnanswered: sequence)
        group.apply(.write(id, key: Array("k".utf8), .append(value: [])), stamp: now + sequence)
      }
    }
    #expect(TestMachine.sections(group.machine).map(\.count).reduce(0, +) <= 500)
  }

  @Test func nothingOfAnEarlierStateRemains() throws {
    var group = Self.busyGroup()
    let sections = TestMachine.sections(group.machine)
    let session = SessionID(issued: 1, nonce: 6)
    for number: UInt8 in 0..<100 {
      _ = group.put([0, 50, number], [1], session: session, UInt64(number) + 1)
    }
    group.machine = try TestMachine.restore(group.machine, sections)
    #expect(group.machine.read(key: [0, 50, 3]) == .noKey)
    #expect(TestMachine.sections(group.machine) == sections)
  }

  @Test func sectionsThatAreMissingSwappedOrDamagedAreRefused() throws {
    let group = Self.busyGroup()
    let machine = group.machine
    let sections = TestMachine.sections(machine)
    #expect(throws: ByteError.self) { try TestMachine.restore(machine, []) }
    #expect(throws: ByteError.self) { try TestMachine.restore(machine, Array(sections.dropLast())) }
    #expect(throws: ByteError.self) {
      try TestMachine.restore(machine, Array(sections.dropFirst()))
    }
    #expect(throws: ByteError.self) {
      try TestMachine.restore(machine, [sections[1], sections[0]] + sections.dropFirst(2))
    }
    #expect(throws: ByteError.self) { try TestMachine.restore(machine, sections + [sections[0]]) }
    let small = TestMachine.sections(TestMachine(1, layout: layoutOfFour).machine)
    for cut in 0..<small[0].count {
      #expect(throws: ByteError.self) {
        try TestMachine.restore(machine, [Array(small[0][..<cut])])
      }
    }
    var generator = SeededGenerator(seed: 9)
    guard let last = sections.last else { return }
    for _ in 0..<200 {
      var bytes = last
      bytes[generator.next(in: 0..<bytes.count)] = UInt8(truncatingIfNeeded: generator.next())
      // Refused or read as another state, which then works: it must not trap.
      _ = try? TestMachine.restore(machine, sections.dropLast() + [bytes]).duties()
    }
  }

  @Test func anIdentityOfAnotherLayoutIsRefused() {
    let sections = TestMachine.sections(Self.busyGroup().machine)
    guard let layout = ShardLayout(mapping: .slots, shardCount: 4) else { return }
    let other = TestMachine(1, layout: layout).machine
    #expect(throws: ByteError.self) { try TestMachine.restore(other, sections) }
  }
}
