import Basics
import Simulation
import Wire
import Testing

struct SimulatedNetworkTests {
  /// Two hosts and the events between them.
  struct Pair {
    var network: SimulatedNetwork
    var queue = EventQueue<NetworkEvent>()
    var now: UInt64 = 0
    var received: [Int: [UInt8]] = [:]
    var pieces = 0
    var accepted: [ConnectionID] = []
    var connected: [ConnectionID] = []
    var closed: [Int: [String]] = [:]

    static let asked = ConnectionID(rawValue: 1)

    init(seed: UInt64 = 1, conditions: NetworkConditions = NetworkConditions()) {
      network = SimulatedNetwork(generator: SeededGenerator(seed: seed))
      network.conditions = conditions
      _ = network.addHost(address: "client:1")
      _ = network.addHost(address: "server:1")
    }

    mutating func perform(_ effect: LinkEffect, from host: Int) {
      network.perform(effect, from: host, now: now)
      collect()
    }

    mutating func collect() {
      for (time, event) in network.scheduled { queue.add(event, at: time) }
      network.scheduled = []
      for (host, input) in network.deliveries {
        switch input {
        case .accepted(let id, _): accepted.append(id)
        case .connected(let id): connected.append(id)
        case .received(_, let bytes):
          received[host, default: []] += bytes
          pieces += 1
        case .closed(_, let reason): closed[host, default: []].append(reason)
        case .congested: break
        }
      }
      network.deliveries = []
    }

    mutating func run(seconds: Double = 30) {
      let end = now + UInt64(seconds * 1e9)
      while let time = queue.nextTime, time <= end, let next = queue.popNext() {
        now = time
        network.handle(next.payload, now: now)
        collect()
      }
      now = end
    }

    mutating func open() {
      perform(.connect(Self.asked, "server:1"), from: 0)
      run(seconds: 1)
    }
  }

  /// A frame as the stream's boundaries see it: the header's lengths, and `size` bytes of `mark`.
  static func frame(
    _ mark: UInt8, size: Int = 20, kind: FrameHeader.Kind = .raft
  ) -> [UInt8] {
    var frame: [UInt8] = Array(repeating: 0, count: 16)
    frame[0] = kind.rawValue
    frame[4] = UInt8(size / 2)
    frame[8] = UInt8(size - size / 2)
    return frame + Array(repeating: mark, count: size)
  }

  static func marks(_ bytes: [UInt8]) -> [UInt8] {
    stride(from: 0, to: bytes.count, by: 36).map { bytes[min($0 + 16, bytes.count - 1)] }
  }

  @Test func bytesArriveInOrderHoweverTheyAreCut() {
    var conditions = NetworkConditions()
    conditions.splitting = 0.9
    var pair = Pair(conditions: conditions)
    pair.perform(.connect(Pair.asked, "server:1"), from: 0)
    var sent: [UInt8] = []
    for mark in 1...100 {
      // Whole frames, halves of frames, and several at once.
      let bytes = Self.frame(UInt8(mark)) + Self.frame(UInt8(mark))
      sent += bytes
      pair.perform(.send(Pair.asked, Array(bytes[..<(mark % 70)])), from: 0)
      pair.perform(.send(Pair.asked, Array(bytes[(mark % 70)...])), from: 0)
      pair.run(seconds: 0.0005)
    }
    pair.run()
    #expect(pair.connected == [Pair.asked])
    #expect(pair.received[1] == sent)
    #expect(pair.pieces > 50)
    pair.perform(.send(pair.accepted[0], Self.frame(9)), from: 1)
    pair.perform(.close(pair.accepted[0]), from: 1)
    pair.run()
    #expect(pair.received[0] == Self.frame(9))
    #expect(pair.closed[0] == ["closed by peer"])
  }

  @Test func framesAreLostDuplicatedAndReorderedWhole() {
    var conditions = NetworkConditions()
    conditions.loss = 0.2
    conditions.duplication = 0.2
    conditions.holding = 0.2
    conditions.splitting = 0.5
    var pair = Pair(conditions: conditions)
    pair.open()
    for mark in 1...200 { pair.perform(.send(Pair.asked, Self.frame(UInt8(mark))), from: 0) }
    pair.run()
    let marks = Self.marks(pair.received[1] ?? [])
    #expect((pair.received[1] ?? []).count % 36 == 0)
    #expect(marks.first == 1, "the greeting always arrives")
    #expect(Set(marks).count < 190)
    #expect(marks.count > Set(marks).count)
    #expect(marks != marks.sorted())
    let counters = pair.network.counters
    #expect(counters.lost > 10 && counters.duplicated > 10 && counters.held > 10)
    #expect(marks.count == 200 - counters.lost + counters.duplicated)
  }

  /// As on a real stream: the refusal of a second copy would pass for the answer to the first.
  @Test(arguments: [FrameHeader.Kind.request, .reply])
  func requestsAndRepliesAreNeverDoubled(_ kind: FrameHeader.Kind) {
    var conditions = NetworkConditions()
    conditions.duplication = 0.5
    var pair = Pair(conditions: conditions)
    pair.open()
    for mark in 1...200 {
      pair.perform(.send(Pair.asked, Self.frame(UInt8(mark), kind: kind)), from: 0)
    }
    pair.run()
    #expect(Self.marks(pair.received[1] ?? []) == Array(1...200))
    #expect(pair.network.counters.duplicated == 0)
  }

  @Test(arguments: NetworkConditions.CutStyle.allCases) func aCutWay(
    _ style: NetworkConditions.CutStyle
  ) {
    var conditions = NetworkConditions()
    conditions.cutStyle = style
    var pair = Pair(conditions: conditions)
    pair.open()
    pair.network.cut(from: 0, to: 1)
    pair.perform(.send(Pair.asked, Self.frame(1)), from: 0)
    pair.perform(.send(pair.accepted[0], Self.frame(2)), from: 1)
    pair.run(seconds: 5)
    #expect(pair.received[1] == nil)
    #expect(pair.received[0] == Self.frame(2), "the other way stays open")
    pair.network.healAll(now: pair.now)
    pair.collect()
    pair.run(seconds: 5)
    pair.perform(.send(Pair.asked, Self.frame(3)), from: 0)
    pair.run()
    switch style {
    case .drop: #expect(pair.received[1] == Self.frame(3))
    case .stall: #expect(pair.received[1] == Self.frame(1) + Self.frame(3))
    case .reset:
      #expect(pair.received[1] == nil)
      #expect(pair.closed[0] != nil && pair.closed[1] != nil)
    }
  }

  @Test func connectingToADeadHostIsRefusedAndToASilentOneTimesOut() {
    var pair = Pair()
    pair.network.crash(1, silently: false, now: 0)
    pair.open()
    #expect(pair.closed[0] == ["connection refused"])
    pair.network.crash(1, silently: true, now: pair.now)
    pair.perform(.connect(ConnectionID(rawValue: 2), "server:1"), from: 0)
    pair.run(seconds: 3)
    #expect(pair.closed[0]?.count == 1)
    pair.run()
    #expect(pair.closed[0] == ["connection refused", "connection timed out"])
    pair.perform(.connect(ConnectionID(rawValue: 3), "nobody:1"), from: 0)
    pair.run()
    #expect(pair.closed[0]?.last == "connection refused")
  }

  @Test func aCrashResetsPeersAndTheOldStreamNeverReachesTheNewProcess() {
    var pair = Pair()
    pair.open()
    pair.perform(.send(Pair.asked, Self.frame(1)), from: 0)
    pair.network.crash(1, silently: true, now: pair.now)
    pair.run(seconds: 1)
    #expect(pair.closed[0] == nil)
    pair.network.start(1)
    pair.perform(.send(Pair.asked, Self.frame(2)), from: 0)
    pair.run(seconds: 1)
    #expect(pair.received[1] == nil)
    #expect(pair.closed[0] == ["connection reset"])
  }

  @Test func aSeedRepeatsARun() {
    func trace(_ seed: UInt64) -> [UInt8] {
      var conditions = NetworkConditions()
      conditions.loss = 0.1
      conditions.duplication = 0.1
      conditions.holding = 0.3
      var pair = Pair(seed: seed, conditions: conditions)
      pair.open()
      for mark in 1...100 { pair.perform(.send(Pair.asked, Self.frame(UInt8(mark))), from: 0) }
      pair.run()
      return Self.marks(pair.received[1] ?? [])
    }
    #expect(trace(7) == trace(7))
    #expect(trace(7) != trace(8))
  }
}
