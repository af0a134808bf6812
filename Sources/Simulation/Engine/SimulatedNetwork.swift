import Basics
import Wire

/// Connections between hosts as streams of bytes in virtual time.
///
/// Streams keep their order, as TCP does; loss and reordering, which Raft must survive, happen to
/// whole frames before they enter the stream. Only frames of Raft are doubled: no stream carries
/// bytes twice, and a client whose request were doubled would take the refusal of the second copy
/// for the answer to the first. Requests come twice when their clients repeat them.
package struct SimulatedNetwork {
  package var conditions = NetworkConditions()
  package private(set) var counters = NetworkCounters()
  /// What to schedule; the simulator takes it after each call.
  package var scheduled: [(time: UInt64, event: NetworkEvent)] = []
  /// What hosts learn now; the simulator takes it after each call.
  package var deliveries: [(host: Int, input: LinkInput)] = []

  private var hosts: [NetworkHost] = []
  private var hostOfAddress: [String: Int] = [:]
  private var redisAddresses: Set<String> = []
  private var ends: [NetworkEnd] = []
  private var directions: [NetworkDirection] = []
  private var generations: [UInt32] = []
  private var freeLinks: [Int] = []
  /// `isCut[from * hosts + to]`.
  private var isCut: [Bool] = []
  private var generator: SeededGenerator

  /// Sent but not received while a way is closed; more breaks the connection.
  private static let waitingBytesMax = 4 << 20
  /// When a connection that nobody answers is tried again, in nanoseconds after the first try.
  private static let knockPauses: [UInt64] = [1_000_000_000, 2_000_000_000, 4_000_000_000]

  package init(generator: SeededGenerator) { self.generator = generator }

  /// Adds a machine; with an address it listens there.
  package mutating func addHost(address: String?) -> Int {
    let host = hosts.count
    hosts.append(NetworkHost(address: address))
    if let address { hostOfAddress[address] = host }
    var wider = Array(repeating: false, count: hosts.count * hosts.count)
    for way in isCut.indices where isCut[way] {
      wider[way / host * hosts.count + way % host] = true
    }
    isCut = wider
    return host
  }

  /// Lets a machine listen for Redis' clients, too.
  package mutating func listenForRedis(at address: String, on host: Int) {
    hostOfAddress[address] = host
    redisAddresses.insert(address)
  }

  /// Additional nanoseconds on every send of this host.
  package mutating func setExtraLatency(_ nanoseconds: Int, of host: Int) {
    hosts[host].extraLatency = nanoseconds
  }

  /// The process is gone. Its peers hear of it unless the whole machine went silent.
  package mutating func crash(_ host: Int, silently: Bool, now: UInt64) {
    hosts[host].isUp = false
    hosts[host].isSilent = silently
    hosts[host].ends = [:]
    for end in ends.indices where ends[end].host == host && ends[end].state != .absent {
      ends[end].state = .closed
      if !silently { notifyLater(end ^ 1, "connection reset", now) }
      releaseIfClosed(end)
    }
  }

  package mutating func start(_ host: Int) { hosts[host].start() }

  package mutating func cut(from: Int, to: Int) { isCut[from * hosts.count + to] = true }

  package var hasCuts: Bool { isCut.contains(true) }

  package func isCut(from: Int, to: Int) -> Bool { isCut[from * hosts.count + to] }

  /// Opens every way; what waited arrives soon.
  package mutating func healAll(now: UInt64) {
    for way in isCut.indices where isCut[way] {
      heal(from: way / hosts.count, to: way % hosts.count, now: now)
    }
  }

  package mutating func heal(from: Int, to: Int, now: UInt64) {
    isCut[from * hosts.count + to] = false
    for direction in directions.indices
    where ends[direction].host == from && ends[direction ^ 1].host == to {
      guard !directions[direction].waiting.isEmpty || directions[direction].isFinishWaiting
      else { continue }
      let delay = UInt64(generator.next(in: 0...200_000_000))
      schedule(now + delay, .flush(direction: direction, generation: generations[direction / 2]))
    }
  }

  package mutating func perform(_ effect: LinkEffect, from host: Int, now: UInt64) {
    switch effect {
    case .connect(let id, let address): connect(host, id, address, now)
    case .send(let id, let bytes):
      guard let end = hosts[host].ends[id.rawValue] else { return }
      if ends[end].state == .connecting {
        directions[end].early += bytes
      } else {
        send(bytes, on: end, now)
      }
    case .close(let id):
      guard let end = hosts[host].ends.removeValue(forKey: id.rawValue) else { return }
      close(end, now)
    // Nothing here is so much that more than what is on its way would have to wait.
    case .pause, .resume: break
    }
  }

  private mutating func connect(_ host: Int, _ id: ConnectionID, _ address: String, _ now: UInt64) {
    let link = freeLinks.popLast() ?? addLink()
    let end = 2 * link
    ends[end] = NetworkEnd(host: host, id: id, state: .connecting)
    ends[end + 1] = NetworkEnd(host: hostOfAddress[address] ?? -1, state: .absent)
    ends[end].isRedis = redisAddresses.contains(address)
    ends[end + 1].isRedis = ends[end].isRedis
    directions[end] = NetworkDirection()
    directions[end + 1] = NetworkDirection()
    hosts[host].ends[id.rawValue] = end
    counters.connections += 1
    schedule(
      now + latency(from: host),
      .knock(link: link, generation: generations[link], attempt: 0))
  }

  private mutating func addLink() -> Int {
    ends.append(contentsOf: [NetworkEnd(), NetworkEnd()])
    directions.append(contentsOf: [NetworkDirection(), NetworkDirection()])
    generations.append(0)
    return generations.count - 1
  }

  private mutating func close(_ end: Int, _ now: UInt64) {
    let wasOpen = ends[end].state == .open || ends[end ^ 1].state == .open
    ends[end].state = .closed
    directions[end ^ 1].waiting = []
    if wasOpen {
      let time = arrivalTime(end, now)
      schedule(time, .finish(direction: end, generation: generations[end / 2]))
    }
    releaseIfClosed(end)
  }

  /// Cuts what was sent into frames, lets the conditions act on each, and sends the rest.
  private mutating func send(_ bytes: [UInt8], on end: Int, _ now: UInt64) {
    counters.bytes += bytes.count
    // There are no frames to lose, and a stream loses no bytes.
    if ends[end].isRedis { return enter(bytes, on: end, now) }
    guard conditions.touchesFrames else {
      let boundary = FrameBoundaries(continuing: directions[end].partial, bytes)
      counters.frames += boundary.count
      directions[end].frameCount += boundary.count
      directions[end].partial = boundary.rest
      enter(boundary.whole, on: end, now)
      return
    }
    let boundary = FrameBoundaries(continuing: directions[end].partial, bytes)
    directions[end].partial = boundary.rest
    var start = 0
    var passed: [UInt8] = []
    for frameEnd in boundary.ends {
      let frame = boundary.whole[start..<frameEnd]
      start = frameEnd
      counters.frames += 1
      directions[end].frameCount += 1
      if directions[end].frameCount == 1 {
        passed += frame
      } else if !alter(Array(frame), on: end, into: &passed, now) {
        return
      }
    }
    enter(passed, on: end, now)
  }

  /// False if the connection broke.
  private mutating func alter(
    _ frame: [UInt8], on end: Int, into passed: inout [UInt8], _ now: UInt64
  ) -> Bool {
    if generator.chance(conditions.breaking) {
      counters.broken += 1
      breakLink(end, "connection reset", now)
      return false
    }
    if generator.chance(conditions.loss) {
      counters.lost += 1
      return true
    }
    if generator.chance(conditions.corruption) {
      counters.corrupted += 1
      var damaged = frame
      let bit = generator.next(in: 0..<frame.count * 8)
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      passed += damaged
      return true
    }
    if frame.first == FrameHeader.Kind.raft.rawValue, generator.chance(conditions.duplication) {
      counters.duplicated += 1
      hold(frame, on: end, now)
    }
    if generator.chance(conditions.holding) {
      counters.held += 1
      hold(frame, on: end, now)
    } else {
      passed += frame
    }
    return true
  }

  private mutating func hold(_ frame: [UInt8], on end: Int, _ now: UInt64) {
    let delay = UInt64(generator.next(in: conditions.holdTime))
    schedule(
      now + delay, .release(direction: end, generation: generations[end / 2], frame: frame))
  }

  /// Puts bytes into the stream.
  private mutating func enter(_ bytes: [UInt8], on direction: Int, _ now: UInt64) {
    guard !bytes.isEmpty else { return }
    schedule(
      arrivalTime(direction, now),
      .arrive(direction: direction, generation: generations[direction / 2], bytes: bytes))
  }

  private mutating func arrivalTime(_ direction: Int, _ now: UInt64) -> UInt64 {
    let time = max(directions[direction].lastArrival, now + latency(from: ends[direction].host))
    directions[direction].lastArrival = time
    return time
  }

  private mutating func latency(from host: Int) -> UInt64 {
    UInt64(generator.next(in: conditions.latency) + hosts[host].extraLatency)
  }

  package mutating func handle(_ event: NetworkEvent, now: UInt64) {
    switch event {
    case .arrive(let direction, let generation, let bytes):
      guard generations[direction / 2] == generation else { return }
      arrive(bytes, direction, now)
    case .finish(let direction, let generation):
      guard generations[direction / 2] == generation else { return }
      finish(direction, now)
    case .release(let direction, let generation, let frame):
      guard generations[direction / 2] == generation, ends[direction].state == .open else { return }
      enter(frame, on: direction, now)
    case .flush(let direction, let generation):
      guard generations[direction / 2] == generation else { return }
      flush(direction, now)
    case .knock(let link, let generation, let attempt):
      guard generations[link] == generation else { return }
      knock(link, attempt, now)
    case .opened(let link, let generation):
      guard generations[link] == generation, ends[2 * link].state == .connecting else { return }
      ends[2 * link].state = .open
      deliver(2 * link, .connected(ends[2 * link].id))
      let early = directions[2 * link].early
      directions[2 * link].early = []
      if !early.isEmpty { send(early, on: 2 * link, now) }
    case .broke(let end, let generation, let reason):
      guard generations[end / 2] == generation else { return }
      markGone(end, reason)
    }
  }

  private mutating func knock(_ link: Int, _ attempt: Int, _ now: UInt64) {
    let end = 2 * link
    let (asker, answerer) = (ends[end].host, ends[end + 1].host)
    guard ends[end].state == .connecting, ends[end + 1].state == .absent else { return }
    let isReachable =
      answerer >= 0 && !isCut(from: asker, to: answerer)
      && !isCut(from: answerer, to: asker) && !hosts[answerer].isSilent
    guard answerer < 0 || isReachable else {
      if attempt < Self.knockPauses.count {
        schedule(
          now + Self.knockPauses[attempt],
          .knock(link: link, generation: generations[link], attempt: attempt + 1))
      } else {
        markGone(end, "connection timed out")
      }
      return
    }
    guard answerer >= 0, hosts[answerer].isUp else {
      counters.refused += 1
      notifyLater(end, "connection refused", now)
      return
    }
    let id = hosts[answerer].accept(isRedis: ends[end].isRedis)
    ends[end + 1].id = id
    ends[end + 1].state = .open
    hosts[answerer].ends[id.rawValue] = end + 1
    // A client of Redis without a password has to come from the same machine.
    let nameless = ends[end].isRedis ? "127.0.0.1:\(asker)" : "client-\(asker)"
    deliver(end + 1, .accepted(id, from: hosts[asker].address ?? nameless))
    let time = arrivalTime(end + 1, now)
    schedule(time, .opened(link: link, generation: generations[link]))
  }

  private mutating func arrive(_ bytes: [UInt8], _ direction: Int, _ now: UInt64) {
    let (from, to) = (ends[direction].host, ends[direction ^ 1].host)
    guard ends[direction ^ 1].state == .open || ends[direction ^ 1].state == .connecting else {
      if !hosts[to].isSilent { notifyLater(direction, "connection reset", now) }
      return
    }
    if isCut(from: from, to: to) {
      counters.cutOff += 1
      switch conditions.cutStyle {
      case .drop: return
      case .reset:
        breakLink(direction, "connection timed out", now)
      case .stall:
        directions[direction].waiting += bytes
        if directions[direction].waiting.count > Self.waitingBytesMax {
          breakLink(direction, "connection timed out", now)
        }
      }
      return
    }
    if !directions[direction].waiting.isEmpty {
      directions[direction].waiting += bytes
    } else if bytes.count > 1, generator.chance(conditions.splitting) {
      counters.split += 1
      let cut = generator.next(in: 1..<bytes.count)
      deliver(direction ^ 1, .received(ends[direction ^ 1].id, Array(bytes[..<cut])))
      directions[direction].waiting = Array(bytes[cut...])
      let delay = UInt64(generator.next(in: 0...2_000_000))
      schedule(now + delay, .flush(direction: direction, generation: generations[direction / 2]))
    } else {
      deliver(direction ^ 1, .received(ends[direction ^ 1].id, bytes))
    }
  }

  private mutating func flush(_ direction: Int, _ now: UInt64) {
    let receiver = direction ^ 1
    guard !isCut(from: ends[direction].host, to: ends[receiver].host) else { return }
    let bytes = directions[direction].waiting
    directions[direction].waiting = []
    guard ends[receiver].state == .open || ends[receiver].state == .connecting else { return }
    if !bytes.isEmpty { deliver(receiver, .received(ends[receiver].id, bytes)) }
    if directions[direction].isFinishWaiting { markGone(receiver, "closed by peer") }
  }

  private mutating func finish(_ direction: Int, _ now: UInt64) {
    let receiver = direction ^ 1
    if isCut(from: ends[direction].host, to: ends[receiver].host)
      || !directions[direction].waiting.isEmpty
    {
      directions[direction].isFinishWaiting = true
    } else {
      markGone(receiver, "closed by peer")
    }
  }

  private mutating func breakLink(_ end: Int, _ reason: String, _ now: UInt64) {
    notifyLater(end, reason, now)
    notifyLater(end ^ 1, reason, now)
  }

  private mutating func notifyLater(_ end: Int, _ reason: String, _ now: UInt64) {
    let delay = UInt64(generator.next(in: 0...2_000_000))
    let time = max(now + delay, directions[end ^ 1].lastArrival)
    schedule(time, .broke(end: end, generation: generations[end / 2], reason: reason))
  }

  private mutating func markGone(_ end: Int, _ reason: String) {
    guard ends[end].state == .open || ends[end].state == .connecting else { return }
    ends[end].state = .closed
    if ends[end ^ 1].state == .absent { ends[end ^ 1].state = .closed }
    let host = ends[end].host
    if hosts[host].ends.removeValue(forKey: ends[end].id.rawValue) != nil {
      deliver(end, .closed(ends[end].id, reason: reason))
    }
    releaseIfClosed(end)
  }

  /// A link may be used again once neither end can hear of it.
  private mutating func releaseIfClosed(_ end: Int) {
    let other = ends[end ^ 1].state
    guard ends[end].state == .closed, other == .closed || other == .absent else { return }
    let link = end / 2
    generations[link] &+= 1
    ends[2 * link] = NetworkEnd()
    ends[2 * link + 1] = NetworkEnd()
    directions[2 * link] = NetworkDirection()
    directions[2 * link + 1] = NetworkDirection()
    freeLinks.append(link)
  }

  private mutating func deliver(_ end: Int, _ input: LinkInput) {
    guard hosts[ends[end].host].isUp else { return }
    deliveries.append((ends[end].host, input))
  }

  private mutating func schedule(_ time: UInt64, _ event: NetworkEvent) {
    scheduled.append((time, event))
  }
}
