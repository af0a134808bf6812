import Basics
import EventLoop
import Glibc
import Journal
import ShardKVServer
import Storage

/// The data folder as the loop uses it: the journal's writes and syncs on the loop or in a thread,
/// and in another thread all that is slow, so that a snapshot never stands in front of a sync.
struct ServerStorage {
  private let folder: Folder
  /// Where the journal's batches go; `nil`: they are written here.
  private let batches: Mailbox<FileBatch>?
  private let orders = Mailbox<BackgroundOrder>()
  private let results = Mailbox<NodeInput>()

  /// Wakes the loop when there are results.
  var wakeup: Wakeup { results.wakeup }

  /// Begins the threads. The first error of one is logged and ends the process.
  init(_ folder: Folder, syncsInThread: Bool, _ log: Log) {
    self.folder = folder
    // What recovery read is open here, and may be removed by another thread.
    folder.closeFiles()
    let results = results
    let failed: @Sendable (StorageError) -> Void = { error in
      log.write(.error, error.description)
      _exit(ExitCode.inputOutput.rawValue)
    }
    StorageThread.startBackground(
      folder.path, orders: orders, done: { results.send(.background($0)) }, failed: failed)
    guard syncsInThread else {
      batches = nil
      return
    }
    let batches = Mailbox<FileBatch>()
    StorageThread.startJournal(
      folder.path, batches: batches, done: { results.send(.synced($0)) }, failed: failed)
    self.batches = batches
  }

  /// What is left on the disk, as far as the system says.
  func space() -> DiskSpace? { folder.space() }

  /// What the threads have done.
  func takeResults() -> [NodeInput] { results.takeAll() }

  /// The writes of a turn, or all that the journal wants of it.
  func write(_ effects: NodeEffects) throws(StorageError) {
    guard let batches else { return try folder.perform(effects.files) }
    guard let sync = effects.sync else {
      invariant(effects.files.isEmpty, "a turn writes without a sync")
      return
    }
    batches.send(FileBatch(number: sync.number, effects: effects.files + sync.files))
  }

  /// The sync of a turn; its number if it is done.
  func sync(_ effects: NodeEffects) throws(StorageError) -> UInt64? {
    guard batches == nil, let sync = effects.sync else { return nil }
    try folder.perform(sync.files)
    return sync.number
  }

  /// Has the next start give up what is in the folder.
  func orderDiscard() throws(StorageError) { try folder.perform(Journal.orderDiscard) }

  /// Hands the orders over.
  func order(_ background: inout [BackgroundOrder]) {
    if background.isEmpty { return }
    orders.send(contentsOf: background)
    background = []
  }
}
