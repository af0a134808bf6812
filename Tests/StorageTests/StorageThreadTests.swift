import EventLoop
import Journal
import Storage
import Testing

/// Threads with folders of their own. Nobody sleeps: who waits is woken by what it waits for.
@Suite struct StorageThreadTests {
  /// What a thread said, in order.
  private enum News: Sendable {
    case done(UInt64)
    case result(BackgroundResult)
    case failed(StorageError)
  }

  /// Waits for so many pieces of news.
  private func take(_ count: Int, from box: Mailbox<News>) -> [News] {
    var news: [News] = []
    while news.count < count {
      box.wakeup.wait()
      news += box.takeAll()
    }
    return news
  }

  @Test func batchesAreDoneInOrderAndNoneAfterAFailure() throws {
    let scratch = try Scratch()
    let folder = try Folder(scratch.data, create: true)
    let batches = Mailbox<FileBatch>()
    let box = Mailbox<News>()
    StorageThread.startJournal(
      scratch.data, batches: batches, done: { box.send(.done($0)) },
      failed: { box.send(.failed($0)) })
    for number in 1...20 as ClosedRange<UInt64> {
      let name = "f\(number)"
      batches.send(
        FileBatch(
          number: number,
          effects: [.create(name), .write(name, offset: 0, bytes: [UInt8(number)]), .sync(name)]))
    }
    let numbers = take(20, from: box).compactMap { news -> UInt64? in
      if case .done(let number) = news { number } else { nil }
    }
    #expect(numbers == Array(1...20))
    #expect(try folder.read(FileRead(name: "f20", offset: 0, count: 9)) == [20])

    batches.send(contentsOf: [
      FileBatch(number: 21, effects: [.create("g"), .remove("none"), .create("h")]),
      FileBatch(number: 22, effects: [.create("i")]),
    ])
    guard case .failed(let error)? = take(1, from: box).first else {
      Issue.record("nobody heard of the failure")
      return
    }
    #expect(error.call == "unlink" && error.file == "\(scratch.data)/none")
    // The thread has ended: what it was to do after that is not done.
    #expect(box.takeAll().isEmpty)
    let names = try folder.list().map(\.name)
    #expect(names.contains("g") && !names.contains("h") && !names.contains("i"))
  }

  @Test func theBackgroundReadsPerformsAndFrees() throws {
    let scratch = try Scratch()
    let folder = try Folder(scratch.data, create: true)
    try folder.perform([.create("a"), .write("a", offset: 0, bytes: [1, 2, 3])])
    let orders = Mailbox<BackgroundOrder>()
    let box = Mailbox<News>()
    StorageThread.startBackground(
      scratch.data, orders: orders, done: { box.send(.result($0)) },
      failed: { box.send(.failed($0)) })
    let read = FileRead(name: "a", offset: 1, count: 9)
    orders.send(contentsOf: [
      .discard(Freed { box.send(.done(1)) }),
      .perform(.removals, [.remove("a"), .syncFolder]),
      .read(read),
    ])
    var told: [String] = []
    for news in take(3, from: box) {
      switch news {
      case .done: told.append("freed")
      case .result(.read(read, let bytes)): told.append("\(bytes)")
      case .result(.performed(.removals, let isDone)): told.append("removed \(isDone)")
      default: Issue.record("unexpected \(news)")
      }
    }
    // Whoever waits for a read comes first, and whatever is to be freed last.
    #expect(told.last == "freed")
    #expect(told.contains("[2, 3]") && told.contains("removed true"))
    #expect(try folder.isEmpty())
    orders.send(.read(read))
    guard case .failed(let error)? = take(1, from: box).first else {
      Issue.record("a file that is gone was read")
      return
    }
    #expect(error.call == "open")
  }

  /// Tells when it is freed.
  private final class Freed: Sendable {
    private let tell: @Sendable () -> Void
    init(_ tell: @escaping @Sendable () -> Void) { self.tell = tell }
    deinit { tell() }
  }
}
