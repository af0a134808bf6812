import Basics
import Fuzzing
import Raft
import ShardCtrler
import ShardKV
import ShardKVServer
import ShardMap

/// Gives damaged bytes to what reads entries of logs, sections of snapshots, chunks of shards and
/// work for other nodes. What is taken must be written and read again as the same, a state must go
/// on, and what is held must be bounded by what came.
struct StateFuzzer: InputPlayer {
  static var program: StaticString { "file-fuzz" }
  static var summary: String { "gives damaged bytes to what reads the state of machines" }

  enum Kind: String, CaseIterable {
    case membership
    case groupEntry = "entry of a group"
    case controllerEntry = "entry of the controllers"
    case chunk = "chunk of a shard"
    case groupSections = "snapshot of a group"
    case controllerSections = "snapshot of the controllers"
    case work = "work for another node"
    case result = "result of another node"
  }

  let seed: UInt64
  private let samples = StateSamples()
  private var taken = [Int](repeating: 0, count: Kind.allCases.count)
  private var refused = [Int](repeating: 0, count: Kind.allCases.count)
  private var worstBytes = 0

  init(seed: UInt64) { self.seed = seed }

  /// The parts of one input, in order.
  private func input(_ number: Int) -> (kind: Kind, place: Int, parts: [[UInt8]], isIntact: Bool) {
    var random = Self.generator(seed: seed, number: number)
    let place = random.next(in: 0..<Kind.allCases.count)
    let kind = Kind.allCases[place]
    var parts =
      switch kind {
      case .membership: [random.element(of: StateSamples.memberships)]
      case .groupEntry: [random.element(of: samples.groupEntries)]
      case .controllerEntry: [random.element(of: samples.controllerEntries)]
      case .chunk: [samples.chunk]
      case .groupSections: random.element(of: samples.groupSections)
      case .controllerSections: random.element(of: samples.controllerSections)
      case .work: [random.element(of: StateSamples.works)]
      case .result: [random.element(of: StateSamples.results)]
      }
    if random.chance(0.02) { return (kind, place, parts, true) }
    for _ in 0..<random.next(in: 1...3) {
      guard !parts.isEmpty else { break }
      if parts.count > 1, random.chance(0.1) {
        Self.rearrange(&parts, &random)
      } else {
        let part = random.next(in: 0..<parts.count)
        let other = random.element(of: parts)
        Damage.change(&parts[part], with: other, &random)
      }
    }
    return (kind, place, parts, false)
  }

  private static func rearrange(_ parts: inout [[UInt8]], _ random: inout SeededGenerator) {
    let place = random.next(in: 0..<parts.count)
    switch random.next(in: 0..<3) {
    case 0: parts.remove(at: place)
    case 1: parts.insert(parts[place], at: random.next(in: 0..<parts.count))
    default: parts.swapAt(place, random.next(in: 0..<parts.count))
    }
  }

  mutating func play(_ number: Int) throws(Finding) {
    let (kind, place, parts, isIntact) = input(number)
    let before = MemoryGauge.shared?.allocatedBytes ?? 0
    let held = try read(kind, parts)
    if let gauge = MemoryGauge.shared {
      let allocated = gauge.allocatedBytes - before
      worstBytes = max(worstBytes, allocated)
      let count = parts.reduce(0) { $0 + $1.count }
      guard allocated <= Self.allocatedBytesMax + Self.allocatedShareMax * count else {
        throw Finding(description: "\(allocated) bytes are allocated for \(count)")
      }
    }
    if held == nil { refused[place] += 1 } else { taken[place] += 1 }
    guard held != nil || !isIntact else {
      throw Finding(description: "a \(kind.rawValue) that nobody damaged is refused")
    }
  }

  /// A machine's tables, of a layout as large as any; twice, since reading compares states.
  private static let allocatedBytesMax = 512 << 10
  private static let allocatedShareMax = 64

  /// What came of it; `nil`: it was refused.
  private func read(_ kind: Kind, _ parts: [[UInt8]]) throws(Finding) -> Any? {
    let bytes = parts.first ?? []
    switch kind {
    case .membership: return try membership(bytes)
    case .groupEntry: return try groupEntry(bytes)
    case .controllerEntry: return try controllerEntry(bytes)
    case .chunk: return try chunk(bytes)
    case .groupSections: return try groupSections(parts)
    case .controllerSections: return try controllerSections(parts)
    case .work:
      guard let work = try? RemoteWork(encoded: bytes) else { return nil }
      let again = work.encoded()
      try same(again, (try? RemoteWork(encoded: again))?.encoded())
      return work
    case .result:
      guard let result = try? RemoteResult(encoded: bytes) else { return nil }
      let again = result.encoded()
      try same(again, (try? RemoteResult(encoded: again))?.encoded())
      return result
    }
  }

  private func same<Value: Equatable>(_ one: Value, _ other: Value?) throws(Finding) {
    guard one == other else {
      throw Finding(description: "what was read is written and read again as something else")
    }
  }

  private func membership(_ bytes: [UInt8]) throws(Finding) -> Any? {
    guard let membership = try? Membership(encoded: bytes) else { return nil }
    try same(membership, try? Membership(encoded: membership.encoded()))
    for replica in membership.everyone { _ = membership.incarnation(of: replica) }
    return membership
  }

  private func groupEntry(_ bytes: [UInt8]) throws(Finding) -> Any? {
    guard let command = try? ShardGroupMachine.decode(bytes) else { return nil }
    try same(command, try? ShardGroupMachine.decode(ShardGroupMachine.encode(command)))
    switch command {
    // What commands do to values is not a question of how they are read.
    case .commands, .transaction: return command
    default: break
    }
    var machine = samples.groups[bytes.count % 2]
    _ = machine.apply(index: 1_000_000, stamp: 5_000, payload: bytes)
    try goOn(machine)
    return machine
  }

  private func chunk(_ bytes: [UInt8]) throws(Finding) -> Any? {
    var machine = samples.groups[1]
    let before = machine.stateHash()
    _ = machine.apply(index: 1_000_000, stamp: machine.clock, payload: bytes)
    if machine.stateHash() == before { return nil }
    try goOn(machine)
    return machine
  }

  private func controllerEntry(_ bytes: [UInt8]) throws(Finding) -> Any? {
    guard let command = try? ControllerMachine.decode(bytes) else { return nil }
    try same(command, try? ControllerMachine.decode(ControllerMachine.encode(command)))
    var machine = samples.controller
    _ = machine.apply(stamp: 5_000, payload: bytes)
    try goOn(machine)
    return machine
  }

  private func groupSections(_ sections: [[UInt8]]) throws(Finding) -> Any? {
    guard var machine = Self.restored(sections, like: samples.groups[0]) else { return nil }
    try goOn(machine)
    _ = (machine.report(), machine.duties())
    machine.advanceClock(to: 1 << 50)
    try goOn(machine)
    return machine
  }

  private func controllerSections(_ sections: [[UInt8]]) throws(Finding) -> Any? {
    guard let machine = Self.restored(sections) else { return nil }
    try goOn(machine)
    let newest = machine.current.number.rawValue
    for number in [0, newest / 2, newest] { _ = machine.configuration(ConfigNumber(number)) }
    return machine
  }

  /// A state that was taken must come back from its own snapshot.
  private func goOn(_ machine: ShardGroupMachine) throws(Finding) {
    let again = Self.restored(StateSamples.sections(machine), like: machine)
    try same(machine.stateHash(), again?.stateHash())
  }

  private func goOn(_ machine: ControllerMachine) throws(Finding) {
    let again = Self.restored(StateSamples.sections(machine))
    try same(machine.stateHash(), again?.stateHash())
  }

  private static func restored(
    _ sections: [[UInt8]], like machine: ShardGroupMachine
  ) -> ShardGroupMachine? {
    var restorer = ShardGroupMachine.Restorer(
      group: machine.group, identity: machine.identity, layout: machine.layout,
      limits: StateSamples.limits)
    for section in sections {
      guard (try? restorer.consume(section)) != nil else { return nil }
    }
    return try? restorer.finish()
  }

  private static func restored(_ sections: [[UInt8]]) -> ControllerMachine? {
    var restorer = ControllerMachine.Restorer(layout: StateSamples.layout)
    for section in sections {
      guard (try? restorer.consume(section)) != nil else { return nil }
    }
    return try? restorer.finish()
  }

  var ends: [(name: String, count: Int)] {
    Kind.allCases.enumerated().flatMap { place, kind in
      [("\(kind.rawValue): taken", taken[place]), ("\(kind.rawValue): refused", refused[place])]
    }
  }

  var remarks: [String] {
    MemoryGauge.shared == nil ? [] : ["at most \(worstBytes) bytes allocated for a state"]
  }

  func text(of number: Int) -> String {
    let (kind, _, parts, isIntact) = input(number)
    let lines = parts.map { part in
      "  " + part.prefix(200).map { String($0, radix: 16) }.joined(separator: " ")
        + (part.count > 200 ? " … (\(part.count) bytes)" : "")
    }
    return (["a \(kind.rawValue)\(isIntact ? ", not damaged" : ""):"] + lines)
      .joined(separator: "\n")
  }
}
