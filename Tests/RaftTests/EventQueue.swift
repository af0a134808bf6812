import Raft

/// What happens at a moment of simulated time.
enum Event {
  case deliver(Message)
  case tick(node: Int, life: Int)
  case synced(node: Int, life: Int)
}

/// Events by time, then in the order they were added: a binary heap.
struct EventQueue {
  private struct Item {
    var time: UInt64
    var number: UInt64
    var event: Event

    func isBefore(_ other: Item) -> Bool { (time, number) < (other.time, other.number) }
  }

  private var items: [Item] = []
  private var added: UInt64 = 0

  var nextTime: UInt64? { items.first?.time }

  mutating func add(_ event: Event, at time: UInt64) {
    added += 1
    items.append(Item(time: time, number: added, event: event))
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if !items[child].isBefore(items[parent]) { break }
      items.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() -> Event {
    let first = items[0]
    items.swapAt(0, items.count - 1)
    items.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < items.count && items[child].isBefore(items[least]) {
        least = child
      }
      if least == parent { return first.event }
      items.swapAt(parent, least)
      parent = least
    }
  }
}
