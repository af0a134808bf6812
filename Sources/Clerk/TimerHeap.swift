import Wire

/// One thing to look at when its time has come. What it was set for may be over by then.
struct ClerkTimer {
  enum Kind {
    case deadline(OperationID)
    /// The end of a pause, if the operation is still in it.
    case wake(Ticket)
    /// The connection should be open by now.
    case greeting(ConnectionID)
    case refresh
  }

  var at: UInt64
  /// Breaks ties, so that the order never depends on the heap's shape.
  var number: UInt64
  var kind: Kind

  func isBefore(_ other: ClerkTimer) -> Bool { (at, number) < (other.at, other.number) }
}

/// A binary heap with the earliest timer first.
struct TimerHeap {
  private var timers: [ClerkTimer] = []
  private var nextNumber: UInt64 = 0

  var count: Int { timers.count }
  var first: ClerkTimer? { timers.first }

  mutating func push(_ kind: ClerkTimer.Kind, at: UInt64) {
    timers.append(ClerkTimer(at: at, number: nextNumber, kind: kind))
    nextNumber += 1
    siftUp(timers.count - 1)
  }

  mutating func popFirst() -> ClerkTimer? {
    guard let first = timers.first else { return nil }
    let last = timers.removeLast()
    if !timers.isEmpty {
      timers[0] = last
      siftDown(0)
    }
    return first
  }

  /// Forgets all but those that still matter.
  mutating func keep(where matters: (ClerkTimer) -> Bool) {
    timers.removeAll { !matters($0) }
    for index in stride(from: timers.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
  }

  private mutating func siftUp(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard timers[index].isBefore(timers[parent]) else { return }
      timers.swapAt(index, parent)
      index = parent
    }
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in 2 * index + 1...2 * index + 2
      where child < timers.count && timers[child].isBefore(timers[least]) { least = child }
      if least == index { return }
      timers.swapAt(index, least)
      index = least
    }
  }
}

/// First in, first out, over one array.
struct Queue<Element> {
  private var elements: [Element] = []
  private var head = 0

  var isEmpty: Bool { head == elements.count }
  var first: Element? { isEmpty ? nil : elements[head] }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard !isEmpty else { return nil }
    let element = elements[head]
    head += 1
    if head > 64, head > elements.count / 2 {
      elements.removeSubrange(..<head)
      head = 0
    }
    return element
  }

  mutating func removeAll() -> [Element] {
    let all = Array(elements[head...])
    elements = []
    head = 0
    return all
  }
}

extension Queue: Sendable where Element: Sendable {}
