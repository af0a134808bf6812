import Basics
import CLinux
import Glibc
import Synchronization

/// Wakes a ``Loop`` from any thread: an eventfd.
package final class Wakeup: Sendable {
  let descriptor: Int32

  /// Stops the process when the system has no descriptor left, since nothing can work then.
  package init() {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    if descriptor < 0 { fatalError("eventfd: \(systemError())") }
  }

  deinit { close(descriptor) }

  /// Makes the loop's present or next wait return at once.
  package func signal() {
    // It fails only when the counter is full, and then the loop is awake anyway.
    _ = eventfd_write(descriptor, 1)
  }

  /// Forgets the signals so far.
  func drain() {
    var count: eventfd_t = 0
    _ = eventfd_read(descriptor, &count)
  }

  /// Blocks the calling thread, which has no loop, until there was a signal or the time is over
  /// (nanoseconds of ``Loop/now()``'s monotonic clock; `nil`: for ever).
  package func wait(until deadline: UInt64? = nil) {
    while true {
      var milliseconds: Int32 = -1
      if let deadline {
        let now = Loop.now().monotonic
        if deadline > now {
          milliseconds = Int32(clamping: (deadline - now - 1) / nanosecondsPerMillisecond + 1)
        } else {
          milliseconds = 0
        }
      }
      var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let count = poll(&event, 1, milliseconds)
      if count > 0 { return drain() }
      if count == 0, milliseconds >= 0 { return }
      if count < 0, errno != EINTR { fatalError("poll: \(systemError())") }
    }
  }
}

/// Values for another thread, which takes all that are there at once.
///
/// Its eventfd is written only when the box turns non-empty: a batch costs one wake.
package final class Mailbox<Element: Sendable>: Sendable {
  /// To be watched by the loop that empties the box.
  package let wakeup: Wakeup
  private let elements = Mutex<[Element]>([])

  package init(wakeup: Wakeup = Wakeup()) { self.wakeup = wakeup }

  package func send(_ element: Element) {
    let wasEmpty = elements.withLock { elements in
      defer { elements.append(element) }
      return elements.isEmpty
    }
    if wasEmpty { wakeup.signal() }
  }

  /// Several at once, for the price of one.
  package func send(contentsOf batch: [Element]) {
    if batch.isEmpty { return }
    let wasEmpty = elements.withLock { elements in
      defer { elements.append(contentsOf: batch) }
      return elements.isEmpty
    }
    if wasEmpty { wakeup.signal() }
  }

  /// All that were sent and not yet taken, in order. To be called after the wait that the wakeup
  /// ended, never before: the wait forgets signals.
  package func takeAll() -> [Element] {
    elements.withLock { elements in
      let all = elements
      elements = []
      return all
    }
  }
}
