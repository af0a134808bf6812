import Wire

/// Reads a recorded history, one operation as a line of JSON, as `shardkv-cli bench --history`
/// writes it; `docs/TESTING.md` has the fields.
package struct HistoryReader {
  /// What is wrong with which line.
  package struct Problem: Error, CustomStringConvertible {
    package var line: Int
    package var description: String
  }

  /// Bytes of one line: a value that is escaped to six times its length, twice, and the rest.
  package static let lineBytesMax = 16 << 20
  /// Bytes of a whole history, which takes about as much memory.
  package static let bytesMax = 4 << 30

  package private(set) var history = History()
  /// Lines that were read.
  package private(set) var lines = 0
  package private(set) var unknown = 0
  /// Operations that did not happen.
  package private(set) var failed = 0
  /// Keys whose line of what they held at the start came without a version.
  private var withoutVersion: Set<[UInt8]> = []

  private let bytesMax: Int
  private var bytes = 0

  package init(bytesMax: Int = HistoryReader.bytesMax) { self.bytesMax = bytesMax }

  /// Reads the next line, without its end. Empty lines mean nothing.
  package mutating func read(_ line: UnsafeRawBufferPointer) throws(Problem) {
    lines += 1
    bytes += line.count + 1
    guard bytes <= bytesMax else {
      throw Problem(
        line: lines,
        description: "line \(lines): more than \(bytesMax) bytes; check some of the keys at a time")
    }
    guard line.contains(where: { $0 != 0x20 && $0 != 0x0D && $0 != 0x09 }) else { return }
    let entry: Entry
    do {
      entry = try JSONObject.read(line) { object throws(WireError) in try Entry(object) }
    } catch {
      throw Problem(line: lines, description: "line \(lines): \(error)")
    }
    switch entry {
    case .start(let key, let value, let version):
      guard history[key].isEmpty else {
        throw Problem(
          line: lines, description: "line \(lines): a start after an operation on its key")
      }
      history.setStart(RegisterValue(value: value, version: version ?? 0), key: key)
      if value != nil, version == nil { withoutVersion.insert(key) }
    case .operation(let operation, let key):
      if operation.output == nil { unknown += 1 }
      // Where the first version is not known none of the others says anything.
      history.add(withoutVersion.contains(key) ? operation.withoutVersion : operation, key: key)
    case .failed: failed += 1
    }
  }

  private enum Entry {
    case start(key: [UInt8], value: [UInt8]?, version: UInt64?)
    case operation(RegisterOperation, key: [UInt8])
    case failed

    init(_ object: JSONObject) throws(WireError) {
      let key = try object.content("key")
      let version = object.has("version") ? try object.whole("version", max: .max - 1) : nil
      let name = try object.text("op")
      if name == "start" {
        self = .start(
          key: key, value: object.has("value") ? try object.content("value") : nil,
          version: version)
        return
      }
      let input = try Self.input(name, object)
      let call = try object.whole("call", max: .max - 1)
      let result = try object.text("result")
      let client = Int(try object.whole("client", max: UInt64(Int32.max)))
      guard result == "ok" else {
        guard result == "fail" || result == "unknown" else {
          throw .badField("result", problem: "is none of ok, fail and unknown")
        }
        self =
          result == "fail"
          ? .failed
          : .operation(RegisterOperation(client: client, call: call, input: input), key: key)
        return
      }
      let end = try object.whole("return", max: .max - 1)
      guard end >= call else { throw .badField("return", problem: "is before \"call\"") }
      self = .operation(
        RegisterOperation(
          client: client, call: call, return: end, input: input,
          output: try Self.output(input, version, object)), key: key)
    }

    private static func input(
      _ name: String, _ object: JSONObject
    ) throws(WireError) -> RegisterOperation.Input {
      switch name {
      case "get": return .get
      case "put": return .put(try object.content("value"))
      case "append": return .append(try object.content("value"))
      case "delete": return .delete
      case "cas":
        guard object.names("expected") else { throw .missingField("expected") }
        return .compareAndSet(
          expected: object.has("expected") ? try object.content("expected") : nil,
          value: try object.content("value"))
      default:
        throw .badField("op", problem: "is none of get, put, append, delete, cas and start")
      }
    }

    private static func output(
      _ input: RegisterOperation.Input, _ version: UInt64?, _ object: JSONObject
    ) throws(WireError) -> RegisterOperation.Output {
      switch input {
      case .get:
        guard object.names("output") else { throw .missingField("output") }
        return .value(
          object.has("output") ? try object.content("output") : nil, version: version)
      case .put, .append: return .written(version: version)
      case .delete: return try object.flag("applied") ? .written(version: version) : .missing
      case .compareAndSet:
        return try object.flag("applied") ? .written(version: version) : .compareFailed
      }
    }
  }
}
