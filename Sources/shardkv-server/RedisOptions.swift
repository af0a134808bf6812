import Arguments
import Glibc
import RedisCommands
import ShardKVServer

extension RedisSettings {
  /// Reads the flags of `run` for clients of Redis; throws with the flag that is wrong.
  init(_ command: ParsedCommand) throws(UsageError) {
    self.init()
    let names = [Routing.redirect.rawValue, Routing.proxy.rawValue]
    if let name = try command.choice("redis-routing", of: names) {
      routing = Routing(rawValue: name) ?? routing
    }
    if let file = command["redis-password-file"] { password = try Self.password(in: file) }
    if let count = try command.integer("redis-clients-max", in: 1...1_000_000) {
      clientsMax = count
    }
    if let count = try command.integer("redis-clients-per-address-max", in: 1...1_000_000) {
      clientsPerAddressMax = count
    }
    if let time = try command.milliseconds("redis-idle-timeout") {
      guard time <= 365 * 86_400_000 else {
        throw UsageError("--redis-idle-timeout is at most a year")
      }
      idleMilliseconds = time
    }
    allowsDebug = command.isOn("redis-debug")
    program = .ofThisProcess(version: version)
  }

  /// The first line of a file that only its owner can read.
  private static func password(in file: String) throws(UsageError) -> [UInt8] {
    let bytesMax = 512
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw UsageError("\(file) of --redis-password-file: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw UsageError("\(file) of --redis-password-file is not a file")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw UsageError(
        "\(file) of --redis-password-file can be read by others than its owner: 'chmod 600 \(file)'"
      )
    }
    var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
    let count = max(0, read(descriptor, &bytes, bytes.count))
    let line = Array(bytes.prefix(count).prefix { $0 != 0x0A && $0 != 0x0D })
    guard !line.isEmpty, line.count <= bytesMax else {
      throw UsageError(
        "the first line of \(file), the --redis-password-file, has to have 1 to \(bytesMax) bytes")
    }
    return line
  }
}

extension ProgramFacts {
  fileprivate static func ofThisProcess(version: String) -> ProgramFacts {
    var facts = ProgramFacts()
    facts.version = version
    facts.runID = (0..<5).map { _ in
      let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
    facts.processID = getpid()
    var system = utsname()
    if uname(&system) == 0 {
      let parts = [text(system.sysname), text(system.release), text(system.machine)]
      facts.operatingSystem = parts.joined(separator: " ")
    }
    return facts
  }

  private static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension ProcessMeasure {
  /// What the process uses now.
  static func current() -> ProcessMeasure {
    var measure = ProcessMeasure()
    var usage = rusage()
    if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
      measure.peakMemory = Int64(usage.ru_maxrss) * 1_024
      measure.userSeconds = seconds(usage.ru_utime)
      measure.systemSeconds = seconds(usage.ru_stime)
    }
    let page = Int64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    measure.machineMemory = Int64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * page
    measure.residentMemory = residentPages() * page
    // What the allocator has given out is not known apart from what it keeps.
    measure.usedMemory = measure.residentMemory
    return measure
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000
  }

  /// The second number of /proc/self/statm.
  private static func residentPages() -> Int64 {
    let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = max(0, read(descriptor, &bytes, bytes.count))
    let fields = bytes.prefix(count).split(separator: 0x20)
    return fields.count > 1 ? Int64(String(decoding: fields[1], as: UTF8.self)) ?? 0 : 0
  }
}
