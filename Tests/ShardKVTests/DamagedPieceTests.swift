import Basics
import RedisCommands
import ShardMap
import Testing

@testable import ShardKV

/// Chunks and sections with deadlines and a value that is cut, damaged at each place: they are
/// refused or read as something else, and map and index agree in any case.
struct DamagedPieceTests {
  private static let left = ConfigNumber(2)

  /// A group that has lost shard 0 and the one that is to get it.
  private static func groups() -> (source: TestMachine, receiver: TestMachine) {
    var limits = MachineLimits()
    limits.pieceBytesMin = 256
    limits.sectionBytesMax = 600
    var controller = TestController(layout: layoutOfFour, groups: [GroupID(1), GroupID(2)])
    var groups = [1, 2].map { TestMachine($0, layout: layoutOfFour, limits: limits) }
    func adopt(_ owners: [Int: GroupID]) {
      let next = controller.move(owners)
      for index in groups.indices { groups[index].apply(.adopt(next)) }
    }
    adopt([0: GroupID(1), 1: GroupID(1)])
    let long = String(repeating: "v", count: 300)
    _ = groups[0].run("SET 0a x PXAT 100", "SET 0b y", "SET 0c \(long) PXAT 300", "SET 1a z PXAT 9")
    adopt([0: GroupID(2)])
    return (groups[0], groups[1])
  }

  private static func chunk(_ source: TestMachine, _ receiver: TestMachine) throws -> [UInt8] {
    guard case .pull(_, _, _, _, let cursor)? = receiver.machine.duties().first,
      case .chunk(let bytes) = source.machine.shardChunk(
        ShardID(0), left: left, cursor: cursor, bytesMax: 1)
    else {
      throw ByteError.malformed(field: "no chunk", offset: 0)
    }
    return bytes
  }

  @Test func chunks() throws {
    var (source, receiver) = Self.groups()
    var chunks = 0
    while receiver.status(0) == .pulling {
      let bytes = try Self.chunk(source, receiver)
      let hash = receiver.machine.stateHash()
      for cut in bytes.indices {
        var copy = receiver
        copy.apply(.installChunk(ShardID(0), left: Self.left, bytes: Array(bytes[..<cut])))
        #expect(copy.machine.stateHash() == hash)
      }
      for bit in 0..<bytes.count * 8 {
        var damaged = bytes
        damaged[bit / 8] ^= 1 << UInt8(bit % 8)
        var copy = receiver
        copy.apply(.installChunk(ShardID(0), left: Self.left, bytes: damaged))
        copy.machine.advanceClock(to: 400)
        copy.machine.checkAgreement()
      }
      receiver.apply(.installChunk(ShardID(0), left: Self.left, bytes: bytes))
      source.machine.advanceClock(to: 5)
      chunks += 1
    }
    #expect(chunks >= 2)
    #expect(receiver.ask("STRLEN 0c", "PEXPIRETIME 0c", at: 0) == [":300", ":300"])
  }

  @Test func sections() throws {
    let group = Self.groups().source
    let sections = TestMachine.sections(group.machine)
    #expect(sections.count >= 2)
    for (number, section) in sections.enumerated() {
      for cut in section.indices {
        var damaged = sections
        damaged[number] = Array(section[..<cut])
        // Cut between two records it is read as less: the file around it has its length.
        try? TestMachine.restore(group.machine, damaged).checkAgreement()
      }
      for bit in 0..<section.count * 8 {
        var damaged = sections
        damaged[number][bit / 8] ^= 1 << UInt8(bit % 8)
        guard var machine = try? TestMachine.restore(group.machine, damaged) else { continue }
        machine.advanceClock(to: 400)
        machine.checkAgreement()
      }
    }
  }
}
