import CLinux
import Wire

/// One socket of a connection and what waits to be sent on it. Owned by one ``Loop``.
final class Connection {
  enum Phase {
    /// We asked for it and wait for the other side.
    case connecting
    case open
    /// We are closing it: what waits is still sent.
    case draining
    /// Everything is sent and said so; closing now, with bytes unread, would throw away what the
    /// other side has not read yet, so its end is awaited.
    case lingering
    case closed
  }

  let id: ConnectionID
  var descriptor: Int32
  var slot = 0
  var phase: Phase
  var output = OutputQueue()
  /// What epoll was last told to watch.
  var interest: UInt32 = 0
  /// The socket took less than it was offered: epoll tells when there is room.
  var isFull = false
  /// Not read from, because too much waits to be sent.
  var isPaused = false
  /// Not read from, because the deciding side wants it so.
  var isHeld = false
  /// Whose port it came to; `nil` for one that we opened.
  var listener: Listener?
  /// In the loop's list of those with something to send.
  var isDirty = false
  /// Addresses of the same name that are tried if this one does not answer.
  var otherAddresses: ArraySlice<SocketAddress> = []
  var connectDeadline: UInt64 = 0

  init(id: ConnectionID, descriptor: Int32, phase: Phase) {
    self.id = id
    self.descriptor = descriptor
    self.phase = phase
  }

  var wantedInterest: UInt32 {
    switch phase {
    case .connecting: EPOLLOUT.rawValue
    case .open:
      (isPaused || isHeld ? 0 : EPOLLIN.rawValue) | (isFull ? EPOLLOUT.rawValue : 0)
    case .draining: EPOLLOUT.rawValue
    case .lingering: EPOLLIN.rawValue
    case .closed: 0
    }
  }
}

/// A socket that accepts.
final class Listener {
  let descriptor: Int32
  let door: LoopDoor
  var slot = 0
  /// Accepted here and not yet closed.
  var accepted = 0
  var nextConnection: UInt64

  init(descriptor: Int32, door: LoopDoor) {
    self.descriptor = descriptor
    self.door = door
    nextConnection = door.firstConnection
  }
}

/// Deadlines that are all equally far away when they are set, and so fall due in order.
struct Timeouts {
  private var waiting: [(deadline: UInt64, connection: Connection)] = []
  private var head = 0

  var first: UInt64? { head < waiting.count ? waiting[head].deadline : nil }

  mutating func add(_ connection: Connection, deadline: UInt64) {
    waiting.append((deadline, connection))
  }

  /// The next one that is due.
  mutating func popDue(now: UInt64) -> Connection? {
    guard let first, first <= now else { return nil }
    let connection = waiting[head].connection
    head += 1
    if head > 64, head > waiting.count / 2 {
      waiting.removeFirst(head)
      head = 0
    }
    return connection
  }

  /// Drops those at the front for which nothing is awaited any more.
  mutating func skip(while isOver: (Connection) -> Bool) {
    while head < waiting.count, isOver(waiting[head].connection) {
      head += 1
    }
    if head == waiting.count {
      waiting.removeAll(keepingCapacity: true)
      head = 0
    }
  }
}
