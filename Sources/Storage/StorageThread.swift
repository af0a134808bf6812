import Basics
import EventLoop
import Glibc
import Journal

/// Threads that do what the loop must not wait for, each with descriptors of its own. Only values
/// cross: orders in a ``Mailbox``, results by a closure that may be called in any thread.
///
/// A thread ends with the first error, which it gives to `failed`: nothing that was ordered after
/// it is done, and nobody hears that it was.
package enum StorageThread {
  /// Carries out batches in order, and tells the number of each when all of it is done.
  package static func startJournal(
    _ path: String, batches: Mailbox<FileBatch>, done: @escaping @Sendable (UInt64) -> Void,
    failed: @escaping @Sendable (StorageError) -> Void
  ) {
    startThread {
      do throws(StorageError) {
        let folder = try Folder(besides: path)
        while true {
          batches.wakeup.wait()
          for batch in batches.takeAll() {
            try perform(batch, in: folder)
            done(batch.number)
          }
        }
      } catch {
        failed(error)
      }
    }
  }

  private static func perform(_ batch: FileBatch, in folder: Folder) throws(StorageError) {
    var batch = batch
    var position = 0
    while position < batch.effects.count {
      do throws(StorageError) {
        try folder.perform(batch.effects[position])
        position += 1
      } catch {
        guard error.isForLackOfRoom, let rest = batch.rest(withoutRoomAt: position) else {
          throw error
        }
        (batch, position) = (rest, 0)
        usleep(UInt32(FileBatch.pauseNanoseconds / 1_000))
      }
    }
  }

  /// Does what a ``BackgroundWorker`` decides on its orders, with less of the processors than the
  /// other threads where they are short: nobody's request waits for it.
  package static func startBackground(
    _ path: String, orders: Mailbox<BackgroundOrder>, worker: BackgroundWorker = BackgroundWorker(),
    done: @escaping @Sendable (BackgroundResult) -> Void,
    failed: @escaping @Sendable (StorageError) -> Void
  ) {
    startThread {
      // Of a thread, not of the process, on Linux (setpriority(2), "C library/kernel differences").
      setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, backgroundNice)
      do throws(StorageError) {
        var host = BackgroundHost(folder: try Folder(besides: path), worker: worker)
        while true {
          try host.step(orders)
          for result in host.worker.takeResults() { done(result) }
        }
      } catch {
        failed(error)
      }
    }
  }
}

/// How much the background stands back; 0 is usual, 19 the most.
private let backgroundNice: Int32 = 10

/// A worker on a real folder.
private struct BackgroundHost {
  let folder: Folder
  var worker: BackgroundWorker

  mutating func step(_ orders: Mailbox<BackgroundOrder>) throws(StorageError) {
    worker.take(orders.takeAll(), now: Loop.now().monotonic)
    switch worker.next(now: Loop.now().monotonic) {
    case .perform(let effect):
      let outcome = try perform(effect)
      worker.performed(outcome, now: Loop.now().monotonic)
    case .read(let read):
      worker.wasRead(try folder.read(read), now: Loop.now().monotonic)
    case .readBack(let read):
      worker.wasReadBack(try folder.readBack(read), now: Loop.now().monotonic)
    case .hash: worker.hashed(now: Loop.now().monotonic)
    case .wait(let time): orders.wakeup.wait(until: time)
    case .idle: orders.wakeup.wait()
    }
  }

  private func perform(_ effect: FileEffect) throws(StorageError) -> FileOutcome {
    do throws(StorageError) {
      try folder.perform(effect)
      return .done
    } catch {
      guard error.isForLackOfRoom else { throw error }
      return .noRoom
    }
  }
}
