import Glibc

/// The parent's side of a worker: its process, the pipe that it reports on, and its time limit.
struct WorkerProcess {
  /// How a worker ended.
  enum End {
    case reported(Worker.Report)
    /// Without a report; `how` is for people.
    case trapped(how: String)
    /// Killed, since it took longer than its limit.
    case overdue
  }

  let seed: UInt64
  /// The trace that this run must repeat; `nil` for the first run of a seed.
  let expectedHash: String?
  /// Monotonic seconds at which it is killed.
  let deadline: Double
  private let process: pid_t
  private let pipe: Int32
  private var buffer: [UInt8] = []
  private(set) var end: End?

  /// Starts this program again for one seed; `settings` follow the seed on its command line.
  init(seed: UInt64, settings: [String], repeating expectedHash: String?, deadline: Double) {
    self.seed = seed
    self.expectedHash = expectedHash
    self.deadline = deadline
    var ends: [Int32] = [-1, -1]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    guard Glibc.pipe(&ends) == 0 else { fatalError("no pipe for a worker: errno \(errno)") }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addclose(&actions, ends[1])
    // A trap is told by its message; walking the stack would take longer than the run.
    let environment = ["SWIFT_BACKTRACE=enable=no"]
    let words =
      (["shardkv-sim", Worker.command, String(seed)] + settings).map { strdup($0) } + [nil]
    let variables = environment.map { strdup($0) } + [nil]
    defer { for word in words + variables { free(word) } }
    var started: pid_t = 0
    let result = posix_spawn(&started, "/proc/self/exe", &actions, nil, words, variables)
    guard result == 0 else { fatalError("cannot start a worker: errno \(result)") }
    close(ends[1])
    process = started
    pipe = ends[0]
  }

  /// Waits until some workers have written or ended, or the first is overdue, and takes note.
  static func wait(for workers: inout [WorkerProcess], now: () -> Double) {
    var waits = workers.map { pollfd(fd: $0.pipe, events: Int16(POLLIN), revents: 0) }
    let first = workers.map(\.deadline).min() ?? 0
    let milliseconds = min(max(0, (first - now()) * 1_000 + 1), 60_000)
    _ = poll(&waits, nfds_t(waits.count), Int32(milliseconds))
    let time = now()
    for index in workers.indices {
      if waits[index].revents != 0 {
        workers[index].read()
      } else if workers[index].deadline <= time {
        workers[index].kill()
        workers[index].end = .overdue
      }
    }
  }

  private mutating func read() {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let count = Glibc.read(pipe, &chunk, chunk.count)
    if count > 0 {
      buffer += chunk[..<count]
    } else if count == 0 || errno != EINTR {
      let how = bury()
      let line = buffer.prefix { $0 != UInt8(ascii: "\n") }
      let report =
        line.count < buffer.count ? Worker.Report(String(decoding: line, as: UTF8.self)) : nil
      end = report.map { .reported($0) } ?? .trapped(how: how)
    }
  }

  /// Ends a worker that is not needed any more.
  func kill() {
    Glibc.kill(process, SIGKILL)
    _ = bury()
  }

  private func bury() -> String {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    close(pipe)
    let signal = status & 0x7F
    return signal != 0 ? "died of signal \(signal)" : "ended with \((status >> 8) & 0xFF)"
  }
}
