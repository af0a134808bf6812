import Basics

/// Things that will happen, by virtual time; those of the same time in the order they were added.
///
/// A binary heap of small keys; payloads lie in a slab, so that sifting moves few bytes.
package struct EventQueue<Payload> {
  private struct Key {
    var time: UInt64
    var sequence: UInt64
    var slot: Int

    func precedes(_ other: Key) -> Bool {
      time != other.time ? time < other.time : sequence < other.sequence
    }
  }

  private var heap: [Key] = []
  private var payloads: [Payload?] = []
  private var free: [Int] = []
  private var added: UInt64 = 0

  package init() {}

  package var isEmpty: Bool { heap.isEmpty }
  package var count: Int { heap.count }
  package var nextTime: UInt64? { heap.first?.time }

  package mutating func add(_ payload: Payload, at time: UInt64) {
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      payloads[slot] = payload
    } else {
      slot = payloads.count
      payloads.append(payload)
    }
    added += 1
    heap.append(Key(time: time, sequence: added, slot: slot))
    siftUp(heap.count - 1)
  }

  /// The next event and its time; `nil` when nothing is left.
  package mutating func popNext() -> (time: UInt64, payload: Payload)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      siftDown(0)
    }
    free.append(first.slot)
    guard let payload = payloads[first.slot].take() else {
      invariant(false, "the event in slot \(first.slot) was taken twice")
      return nil
    }
    return (first.time, payload)
  }

  private mutating func siftUp(_ start: Int) {
    var child = start
    let key = heap[child]
    while child > 0 {
      let parent = (child - 1) / 2
      guard key.precedes(heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = key
  }

  private mutating func siftDown(_ start: Int) {
    var parent = start
    let key = heap[parent]
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
      guard heap[child].precedes(key) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = key
  }
}
