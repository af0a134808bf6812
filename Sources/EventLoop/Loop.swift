import Basics
import CLinux
import Glibc
import Wire

/// Sockets, timers and wake-ups of one thread: turns ``LinkEffect``s into system calls and what the
/// sockets do into ``LinkInput``s.
///
/// It is made, used and freed in one thread and never leaves it; other threads reach it by a
/// ``Mailbox``. One turn of its owner: ``poll(until:into:)``, decide, ``perform(_:)``, ``flush()``.
package final class Loop {
  package let limits: LoopLimits
  let epoll: Int32
  let pool = BlockPool()
  private let events: UnsafeMutablePointer<epoll_event>
  let readBuffer: UnsafeMutableRawBufferPointer

  /// What a descriptor in epoll belongs to. Its number and its generation are in the event, so that
  /// an event of a descriptor that was closed and given out again is told apart.
  private struct Slot {
    var generation: UInt32 = 0
    var use = Use.free
  }
  private enum Use {
    case free
    case connection(Connection)
    case listener(Listener)
    case wakeup(Wakeup)
    case signals(Int32)
  }
  private var slots: [Slot] = []
  private var freeSlots: [Int] = []

  /// Those that the deciding side may still name; one that it closed is no longer here.
  var connections: [ConnectionID: Connection] = [:]
  var listeners: [Listener] = []
  /// When accepting goes on after the system ran out of something.
  var acceptAgainAt: UInt64?
  var dirty: [Connection] = []
  /// Bytes that wait on all connections.
  package internal(set) var pendingBytes = 0
  /// What happened outside a poll, for the next one.
  var reports: [LinkInput] = []
  /// When the last wait of ``poll(until:into:)`` was over, monotonic nanoseconds.
  package private(set) var wokeAt: UInt64 = 0
  var inputBudget = 0
  /// The first connection whose input had to wait in this turn.
  var firstLate: Connection?
  var connecting = Timeouts()
  var closing = Timeouts()
  private var signals: [Int32] = []
  private var signalDescriptor: Int32 = -1

  /// Stops the process when the system has no descriptor left, since nothing can work then.
  package init(limits: LoopLimits = LoopLimits()) {
    self.limits = limits
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    if epoll < 0 { fatalError("epoll_create1: \(systemError())") }
    events = .allocate(capacity: LoopLimits.eventsMax)
    readBuffer = .allocate(byteCount: LoopLimits.readBytesMax, alignment: 16)
  }

  deinit {
    for slot in slots {
      switch slot.use {
      case .free, .wakeup: break
      case .connection(let connection):
        connection.output.removeAll(pool: pool)
        close(connection.descriptor)
      case .listener(let listener): close(listener.descriptor)
      case .signals(let descriptor): close(descriptor)
      }
    }
    close(epoll)
    events.deallocate()
    readBuffer.deallocate()
  }

  /// Waits until something happens or `deadline` (nanoseconds of ``now()``'s monotonic clock;
  /// `nil`: for ever) and appends what happened. One that lies in the past only looks.
  package func poll(until deadline: UInt64?, into inputs: inout [LinkInput]) {
    let count = retrying { epoll_wait(epoll, events, Int32(LoopLimits.eventsMax), wait(deadline)) }
    if count < 0 { fatalError("epoll_wait: \(systemError())") }
    wokeAt = Self.monotonic()
    inputBudget = limits.inputPerTurnMax
    handleEvents(Int(count))
    expire()
    if inputs.isEmpty {
      swap(&inputs, &reports)
    } else {
      inputs += reports
      reports.removeAll(keepingCapacity: true)
    }
  }

  /// Milliseconds until the earliest deadline, rounded up so that a wait is never too short and
  /// repeated; -1: for ever.
  private func wait(_ deadline: UInt64?) -> Int32 {
    if !reports.isEmpty { return 0 }
    connecting.skip { $0.phase != .connecting }
    closing.skip { $0.phase == .closed }
    let earliest = [deadline, connecting.first, closing.first, acceptAgainAt].compactMap(\.self)
      .min()
    guard let earliest else { return -1 }
    let now = Self.monotonic()
    if earliest <= now { return 0 }
    let milliseconds = (earliest - now - 1) / nanosecondsPerMillisecond + 1
    return Int32(clamping: milliseconds)
  }

  /// Epoll reports those that it reported before in the same order again, so whoever had to wait is
  /// the first now: otherwise a few that always send would keep the others from being heard.
  private func handleEvents(_ count: Int) {
    var first = 0
    if let late = firstLate {
      first = (0..<count).first { events[$0].data.u64 & 0xFFFF_FFFF == UInt64(late.slot) } ?? 0
      firstLate = nil
    }
    for index in first..<count { handle(events[index]) }
    for index in 0..<first { handle(events[index]) }
  }

  private func handle(_ event: epoll_event) {
    let index = Int(event.data.u64 & 0xFFFF_FFFF)
    let generation = UInt32(event.data.u64 >> 32)
    guard index < slots.count, slots[index].generation == generation else { return }
    switch slots[index].use {
    case .free: break
    case .connection(let connection): handle(connection, event.events)
    case .listener(let listener): accept(from: listener)
    case .wakeup(let wakeup): wakeup.drain()
    case .signals(let descriptor): readSignals(descriptor)
    }
  }

  private func expire() {
    if connecting.first == nil, closing.first == nil, acceptAgainAt == nil { return }
    let now = Self.monotonic()
    while let connection = connecting.popDue(now: now) {
      // An earlier deadline was that of an earlier address.
      if connection.phase == .connecting, connection.connectDeadline <= now {
        tryNextAddress(connection, after: "no answer in time")
      }
    }
    while let connection = closing.popDue(now: now) { release(connection) }
    if let again = acceptAgainAt, again <= now {
      acceptAgainAt = nil
      for listener in listeners { update(listener.slot, listener.descriptor, EPOLLIN.rawValue) }
    }
  }

  /// Watches a wake-up: its signals end a wait. It has to outlive the loop's use of it.
  package func watch(_ wakeup: Wakeup) {
    _ = register(wakeup.descriptor, EPOLLIN.rawValue, .wakeup(wakeup))
  }

  /// From now on these signals end a wait instead of the process, and ``takeSignals()`` gives them.
  /// To be called before other threads are started, which inherit it.
  package func catchSignals(_ numbers: [Int32]) {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let descriptor = signalfd(
      -1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
    if descriptor < 0 { fatalError("signalfd: \(systemError())") }
    _ = register(descriptor, EPOLLIN.rawValue, .signals(descriptor))
  }

  /// The signals caught since the last call.
  package func takeSignals() -> [Int32] {
    defer { signals.removeAll() }
    return signals
  }

  private func readSignals(_ descriptor: Int32) {
    var info = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    while retrying({ read(descriptor, &info, size) }) == size {
      signals.append(Int32(bitPattern: info.ssi_signo))
    }
  }

  func register(_ connection: Connection) -> Bool {
    connection.interest = connection.wantedInterest
    guard
      let slot = register(connection.descriptor, connection.interest, .connection(connection))
    else { return false }
    connection.slot = slot
    return true
  }

  func register(_ listener: Listener) -> Bool {
    guard let slot = register(listener.descriptor, EPOLLIN.rawValue, .listener(listener)) else {
      return false
    }
    listener.slot = slot
    return true
  }

  private func register(_ descriptor: Int32, _ interest: UInt32, _ use: Use) -> Int? {
    let index: Int
    if let free = freeSlots.popLast() {
      index = free
    } else {
      index = slots.count
      slots.append(Slot())
    }
    slots[index].use = use
    if control(EPOLL_CTL_ADD, index, descriptor, interest) { return index }
    forget(index)
    return nil
  }

  /// Changes what is watched of a registered descriptor.
  func update(_ slot: Int, _ descriptor: Int32, _ interest: UInt32) {
    if !control(EPOLL_CTL_MOD, slot, descriptor, interest) {
      fatalError("epoll_ctl: \(systemError())")
    }
  }

  /// Gives the slot to the next user; events of this one that are still to be handled are stale.
  func forget(_ index: Int) {
    slots[index].use = .free
    slots[index].generation &+= 1
    freeSlots.append(index)
  }

  private func control(
    _ operation: Int32, _ slot: Int, _ descriptor: Int32, _ interest: UInt32
  ) -> Bool {
    var event = epoll_event()
    event.events = interest
    event.data.u64 = UInt64(slots[slot].generation) << 32 | UInt64(slot)
    return epoll_ctl(epoll, operation, descriptor, &event) == 0
  }
}
