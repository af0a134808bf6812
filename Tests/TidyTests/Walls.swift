/// What each target may import: the table of targets in docs/ARCHITECTURE.md. A wall is moved
/// there, on purpose and with its reason; the package manifest may declare no more.
struct Walls: Sendable {
  /// Values that turn inputs into effects: no clock, thread, file, socket or global randomness.
  private(set) var pure: [String: Set<String>] = [:]
  /// Loops and programs that turn effects into system calls.
  private(set) var acting: [String: Set<String>] = [:]

  /// What only acting targets may import besides.
  static let system: Set<String> = ["Glibc", "Synchronization"]

  /// Reads the rows of a table: target, kind, imports, meaning.
  init(table: String) {
    for line in table.split(separator: "\n") {
      let cells = line.split(separator: "|").map { $0.filter { $0 != " " && $0 != "`" } }
      guard line.hasPrefix("| `"), cells.count >= 4 else { continue }
      let imports = Set(cells[2].split(separator: ",").map(String.init)).subtracting(["–"])
      switch cells[1] {
      case "pure": pure[cells[0]] = imports
      case "acts", "program": acting[cells[0]] = imports
      // What is C imports nothing.
      default: break
      }
    }
  }

  /// The modules that `target` may import; `nil` for a target without a wall.
  func allowed(_ target: String) -> Set<String>? {
    pure[target] ?? acting[target]?.union(Self.system)
  }

  func isPure(_ target: String) -> Bool { pure[target] != nil }

  /// Names that make the same input give another result, or wait; none stands in a pure target.
  static let forbiddenWords: Set<String> = [
    "shuffled", "shuffle", "randomElement", "SystemRandomNumberGenerator", "UUID",
    "Date", "ContinuousClock", "SuspendingClock", "Task", "await", "async", "actor", "Hasher",
    "hashValue", "AsyncStream", "DispatchQueue", "Thread", "Mutex", "Atomic", "print",
  ]

  /// The same, of members whose names may mean something else.
  static let forbiddenCalls = [".random(", ".random,"]
}
