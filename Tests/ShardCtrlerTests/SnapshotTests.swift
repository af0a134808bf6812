import Basics
import ShardCtrler
import ShardMap
import Testing

@Suite struct SnapshotTests {
  /// A machine that has seen everything: joins, leaves, moves, new addresses, departed groups.
  private func eventful(seed: UInt64, steps: Int) throws -> Controller {
    var controller = try Controller(shardCount: 40)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<steps {
      let group = UInt32(random.next(in: 1...12))
      switch random.next(in: 0..<5) {
      case 0: controller.join(group)
      case 1: controller.leave(group, force: true)
      case 2: controller.register(group, index: UInt64(random.next(in: 1...9)))
      default: controller.move(random.next(in: 0..<40), to: group)
      }
    }
    return controller
  }

  private func sections(_ machine: ControllerMachine) -> [[UInt8]] {
    var capture = machine.capture()
    var sections: [[UInt8]] = []
    while let section = capture.nextSection() { sections.append(section) }
    return sections
  }

  @Test(arguments: 0..<20)
  func aRestoredMachineIsTheSameAndGoesOnTheSame(seed: Int) throws {
    let controller = try eventful(seed: UInt64(seed), steps: 150)
    let written = sections(controller.machine)
    #expect(written == sections(controller.replica))
    var restorer = ControllerMachine.Restorer(layout: controller.machine.current.layout)
    for section in written { try restorer.consume(section) }
    var restored = try restorer.finish()
    #expect(sections(restored) == written)
    #expect(restored.stateHash() == controller.machine.stateHash())
    #expect(restored.current == controller.machine.current)
    #expect(restored.clock == controller.machine.clock)
    for number in 0...controller.machine.current.number.rawValue {
      #expect(
        restored.configuration(ConfigNumber(number))
          == controller.machine.configuration(ConfigNumber(number)))
    }
    // Both go on: the same commands come to the same state.
    var other = controller.restored(as: restored)
    var original = controller
    for group in [3, 4, 13, 14] as [UInt32] {
      #expect(original.join(group) == other.join(group))
    }
    #expect(original.machine.stateHash() == other.machine.stateHash())
    restored = other.machine
    #expect(restored.current == original.machine.current)
  }

  private func pieces(_ machine: ControllerMachine) -> [[UInt8]] {
    var pieces = machine.pieces()
    var all: [[UInt8]] = []
    while let piece = pieces.nextPiece() {
      #expect(piece.part == 0)
      all.append(piece.bytes)
    }
    return all
  }

  @Test func equalStatesGiveEqualPiecesAndAFlippedBitOthers() throws {
    let controller = try eventful(seed: 5, steps: 100)
    let before = pieces(controller.machine)
    #expect(pieces(controller.replica) == before)
    var restorer = ControllerMachine.Restorer(layout: controller.machine.current.layout)
    for section in sections(controller.machine) { try restorer.consume(section) }
    #expect(pieces(try restorer.finish()) == before)
    var flipped = controller.machine
    let flips = [flipped.flipBit(3), flipped.flipBit(64)]
    #expect(flips == [true, false])
    #expect(pieces(flipped) != before)
  }

  @Test func aCaptureDoesNotSeeWhatComesAfter() throws {
    var controller = try eventful(seed: 3, steps: 100)
    let written = sections(controller.machine)
    var capture = controller.machine.capture()
    controller.join(20, 21, 22)
    var later: [[UInt8]] = []
    while let section = capture.nextSection() { later.append(section) }
    #expect(later == written)
    #expect(sections(controller.machine) != written)
  }

  @Test func sectionsThatAreMissingTwiceOrOfAnotherLayoutAreRefused() throws {
    let controller = try eventful(seed: 4, steps: 100)
    let layout = controller.machine.current.layout
    let written = sections(controller.machine)
    #expect(written.count == 4)
    for missing in written.indices {
      #expect(throws: ByteError.self) {
        var restorer = ControllerMachine.Restorer(layout: layout)
        for (index, section) in written.enumerated() where index != missing {
          try restorer.consume(section)
        }
        _ = try restorer.finish()
      }
      #expect(throws: ByteError.self) {
        var restorer = ControllerMachine.Restorer(layout: layout)
        for (index, section) in written.enumerated() {
          try restorer.consume(section)
          if index == missing { try restorer.consume(section) }
        }
        _ = try restorer.finish()
      }
    }
    let other = try #require(ShardLayout(mapping: .slots, shardCount: 40))
    #expect(throws: ByteError.self) {
      var restorer = ControllerMachine.Restorer(layout: other)
      try restorer.consume(written[0])
    }
  }

  /// Damage must not trap; the checksums around a snapshot find what this reader does not.
  @Test func damagedSectionsAreRefusedOrRestored() throws {
    let controller = try eventful(seed: 5, steps: 60)
    let layout = controller.machine.current.layout
    let written = sections(controller.machine)
    var random = SeededGenerator(seed: 6)
    var refused = 0
    for _ in 0..<2_000 {
      var damaged = written
      let section = random.next(in: 0..<damaged.count)
      let place = random.next(in: 0..<damaged[section].count)
      if random.chance(0.3) {
        damaged[section].removeSubrange(place...)
      } else {
        damaged[section][place] = UInt8(truncatingIfNeeded: random.next())
      }
      do {
        var restorer = ControllerMachine.Restorer(layout: layout)
        for section in damaged { try restorer.consume(section) }
        _ = try restorer.finish().configuration(.zero)
      } catch {
        refused += 1
      }
    }
    #expect(refused > 500)
  }
}
