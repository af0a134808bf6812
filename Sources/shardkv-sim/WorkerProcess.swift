import Glibc

/// The parent's side of a worker: its process and the pipe that it reports on.
struct WorkerProcess {
  private let process: pid_t
  private let pipe: Int32
  private var buffer: [UInt8] = []
  /// The seed that it runs, or died of.
  private(set) var openSeed: UInt64?
  private(set) var isDone = false
  /// How it ended, for people.
  private(set) var end = ""

  /// Starts this program again with `arguments`.
  init(arguments: [String], firstSeed: UInt64) {
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
    let words = (["shardkv-sim"] + arguments).map { strdup($0) } + [nil]
    let variables = environment.map { strdup($0) } + [nil]
    defer { for word in words + variables { free(word) } }
    var started: pid_t = 0
    let result = posix_spawn(&started, "/proc/self/exe", &actions, nil, words, variables)
    guard result == 0 else { fatalError("cannot start a worker: errno \(result)") }
    close(ends[1])
    process = started
    pipe = ends[0]
    openSeed = firstSeed
  }

  /// Waits until some workers have written or ended; their positions.
  static func waitForOutput(of workers: [WorkerProcess]) -> [Int] {
    let open = workers.indices.filter { !workers[$0].isDone }
    var waits = open.map { pollfd(fd: workers[$0].pipe, events: Int16(POLLIN), revents: 0) }
    guard poll(&waits, nfds_t(waits.count), -1) > 0 else { return [] }
    return zip(open, waits).compactMap { $1.revents == 0 ? nil : $0 }
  }

  /// The lines that are complete by now. At the end of the pipe the worker is buried.
  mutating func readLines() -> [Worker.Line] {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(pipe, &chunk, chunk.count)
    guard count > 0 else {
      if count < 0, errno == EINTR { return [] }
      bury()
      return []
    }
    buffer += chunk[..<count]
    var lines: [Worker.Line] = []
    while let newline = buffer.firstIndex(of: UInt8(ascii: "\n")) {
      let text = String(decoding: buffer[..<newline], as: UTF8.self)
      buffer.removeSubrange(...newline)
      guard let line = Worker.Line(text) else { continue }
      lines.append(line)
      switch line {
      case .begins(let seed): openSeed = seed
      case .ended: openSeed = nil
      }
    }
    return lines
  }

  /// Ends a worker that is not needed any more.
  func kill() {
    Glibc.kill(process, SIGKILL)
    var status: Int32 = 0
    waitpid(process, &status, 0)
    close(pipe)
  }

  private mutating func bury() {
    var status: Int32 = 0
    waitpid(process, &status, 0)
    close(pipe)
    isDone = true
    let signal = status & 0x7F
    end = signal != 0 ? "died of signal \(signal)" : "ended with \((status >> 8) & 0xFF)"
  }
}
