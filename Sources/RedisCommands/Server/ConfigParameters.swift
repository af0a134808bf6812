import RESP

/// The parameters of CONFIG: those that clients and tools ask for, with what holds here under
/// Redis' names. None can be changed; setting one to the value that it has is answered with OK.
package struct ConfigParameters: Sendable {
  /// By name.
  private let entries: [(name: String, value: String)]

  package init(_ settings: ServerSettings) {
    func yesNo(_ value: Bool) -> String { value ? "yes" : "no" }
    let list = [
      // Every write is in a log that is synced before it is answered.
      ("appendonly", "yes"), ("appendfsync", "always"), ("save", ""),
      ("databases", "\(ServerSettings.databases)"), ("maxmemory", "0"),
      ("maxmemory-policy", "noeviction"), ("maxmemory-clients", "0"),
      ("maxclients", "\(settings.clientsMax)"), ("port", "\(settings.port)"), ("timeout", "0"),
      ("proto-max-bulk-len", "\(settings.valueBytesMax)"), ("io-threads", "1"),
      ("cluster-enabled", yesNo(settings.isCluster)), ("cluster-require-full-coverage", "no"),
      ("cluster-allow-reads-when-down", "no"),
      ("enable-debug-command", yesNo(settings.allowsDebug)),
      ("latency-monitor-threshold", "0"), ("latency-tracking", "no"),
      ("slowlog-log-slower-than", "-1"), ("slowlog-max-len", "0"), ("notify-keyspace-events", ""),
      ("activedefrag", "no"), ("replica-read-only", "yes"), ("replica-serve-stale-data", "yes"),
    ]
    entries = list.sorted { $0.0 < $1.0 }.map { (name: $0.0, value: $0.1) }
  }

  /// The answer to CONFIG GET: each parameter once that one of the patterns matches, by name; one
  /// that was asked for by its whole name under the name as it was written.
  package func reply(_ patterns: [[UInt8]]) -> Reply {
    let globs = patterns.map { (text: $0, glob: GlobPattern($0.map(asciiLowercased))) }
    var pairs: [Reply.Pair] = []
    for entry in entries {
      let name = Array(entry.name.utf8)
      guard let first = globs.first(where: { $0.glob.matches(name) }) else { continue }
      let isWhole = first.text.map(asciiLowercased) == name
      pairs.append(.init(.bulk(isWhole ? first.text : name), .bulk(entry.value)))
    }
    return .map(pairs)
  }

  /// The answer to CONFIG SET with names and values in turn: OK if all are so already.
  package func setReply(_ pairs: [[UInt8]]) -> Reply {
    var seen: Set<String> = []
    var refusal: CommandError?
    for index in stride(from: 0, to: pairs.count - 1, by: 2) {
      let name = option(pairs[index])
      guard let entry = entries.first(where: { $0.name == name }) else {
        return .error(
          CommandError(
            "ERR Unknown option or number of arguments for CONFIG SET - '", bytes: pairs[index], "'"
          ).text)
      }
      guard seen.insert(name).inserted else { return Self.failure(name, "duplicate parameter") }
      if refusal == nil, Array(entry.value.utf8) != pairs[index + 1] {
        refusal = CommandError(
          Self.failureText(name, "it is '\(entry.value)' here and cannot be changed"))
      }
    }
    return refusal.map { .error($0.text) } ?? .ok
  }

  private static func failure(_ name: String, _ why: String) -> Reply {
    .error(failureText(name, why))
  }

  private static func failureText(_ name: String, _ why: String) -> String {
    "ERR CONFIG SET failed (possibly related to argument '\(name)') - \(why)"
  }
}

extension ServerSettings {
  /// Clients may choose number 0 only.
  static let databases: Int32 = 1
}
