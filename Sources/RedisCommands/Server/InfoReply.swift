/// The text of INFO: sections of lines `name:value` under Redis' names, as its tools read them.
struct InfoReply {
  private let facts: InfoFacts
  private let settings: ServerSettings

  init(_ facts: InfoFacts, _ settings: ServerSettings) {
    self.facts = facts
    self.settings = settings
  }

  private enum Section: String, CaseIterable {
    case server, clients, memory, persistence, stats, replication, cpu, modules, commandstats,
      errorstats, latencystats, cluster, keyspace

    /// Not among the usual ones.
    var isExtra: Bool { self == .commandstats || self == .latencystats }
  }

  /// Of the sections with these names, in any case and order; `default`, `all` and `everything`
  /// name several. Unknown names add nothing.
  func bytes(_ names: [[UInt8]]) -> [UInt8] {
    let wanted = Set(names.map(option))
    let isAll = !wanted.isDisjoint(with: ["all", "everything"])
    let isUsual = names.isEmpty || wanted.contains("default")
    let sections = Section.allCases.filter { section in
      wanted.contains(section.rawValue)
        || isAll && (section != .modules || wanted.contains("everything"))
        || isUsual && !section.isExtra
    }
    return Array(sections.map { text(of: $0) }.joined(separator: "\r\n").utf8)
  }

  private func text(of section: Section) -> String {
    let title =
      section == .cpu
      ? "CPU"
      : section.rawValue.prefix(1).uppercased()
        + section.rawValue.dropFirst()
    return "# \(title)\r\n" + lines(section).map { "\($0.0):\($0.1)\r\n" }.joined()
  }

  private typealias Line = (String, String)

  private func lines(_ section: Section) -> [Line] {
    switch section {
    case .server: server
    case .clients: clients
    case .memory: memory
    case .persistence: persistence
    case .stats: statistics
    case .replication: replication
    case .cpu:
      [
        ("used_cpu_sys", Self.decimal(facts.process.systemSeconds, places: 6)),
        ("used_cpu_user", Self.decimal(facts.process.userSeconds, places: 6)),
      ]
    case .modules, .latencystats: []
    case .commandstats: facts.commands.map(commandLine)
    case .errorstats: facts.errors.map { ("errorstat_\($0.word)", "count=\($0.count)") }
    case .cluster: [("cluster_enabled", settings.isCluster ? "1" : "0")]
    case .keyspace:
      facts.keys == 0
        ? []
        : [
          (
            "db0",
            "keys=\(facts.keys),expires=\(facts.keysWithDeadline),"
              + "avg_ttl=\(facts.meanLifeMilliseconds)"
          )
        ]
    }
  }

  private var server: [Line] {
    [
      ("redis_version", settings.redisVersion), ("shardkv_version", facts.program.version),
      ("redis_mode", settings.isCluster ? "cluster" : "standalone"),
      ("os", facts.program.operatingSystem), ("arch_bits", "64"), ("multiplexing_api", "epoll"),
      ("process_id", "\(facts.program.processID)"), ("run_id", facts.program.runID),
      ("tcp_port", "\(settings.port)"), ("server_time_usec", "\(facts.wallMicroseconds)"),
      ("uptime_in_seconds", "\(facts.uptimeSeconds)"),
      ("uptime_in_days", "\(facts.uptimeSeconds / 86_400)"), ("io_threads_active", "0"),
    ]
  }

  private var clients: [Line] {
    [
      ("connected_clients", "\(facts.connectedClients)"), ("cluster_connections", "0"),
      ("maxclients", "\(settings.clientsMax)"), ("blocked_clients", "0"),
      ("tracking_clients", "0"), ("pubsub_clients", "0"),
      ("watching_clients", "\(facts.watchingClients)"),
      ("clients_in_multi", "\(facts.transactionClients)"),
      ("paused_reason", facts.pausedReason),
    ]
  }

  private var memory: [Line] {
    let process = facts.process
    let ratio =
      process.usedMemory > 0 ? Double(process.residentMemory) / Double(process.usedMemory) : 0
    return [
      ("used_memory", "\(process.usedMemory)"),
      ("used_memory_human", Self.short(process.usedMemory)),
      ("used_memory_rss", "\(process.residentMemory)"),
      ("used_memory_rss_human", Self.short(process.residentMemory)),
      ("used_memory_peak", "\(process.peakMemory)"),
      ("used_memory_peak_human", Self.short(process.peakMemory)),
      ("used_memory_dataset", "\(facts.dataMemory)"),
      ("used_memory_overhead", "\(max(0, process.usedMemory - facts.dataMemory))"),
      ("total_system_memory", "\(process.machineMemory)"),
      ("total_system_memory_human", Self.short(process.machineMemory)),
      ("maxmemory", "0"), ("maxmemory_human", "0B"), ("maxmemory_policy", "noeviction"),
      ("mem_fragmentation_ratio", Self.decimal(ratio, places: 2)),
      ("active_defrag_running", "0"), ("lazyfree_pending_objects", "0"),
    ]
  }

  private var persistence: [Line] {
    [
      ("loading", "0"), ("async_loading", "0"),
      ("rdb_changes_since_last_save", "\(facts.changesSinceSnapshot)"),
      ("rdb_bgsave_in_progress", facts.isSnapshotUnderWay ? "1" : "0"),
      ("rdb_last_save_time", "\(facts.lastSnapshotSeconds)"), ("rdb_last_bgsave_status", "ok"),
      ("aof_enabled", "1"), ("aof_rewrite_in_progress", "0"),
      ("aof_last_bgrewrite_status", "ok"), ("aof_last_write_status", "ok"),
    ] + disk
  }

  /// Names of our own.
  private var disk: [Line] {
    guard let disk = facts.disk else { return [] }
    return [
      ("disk_free", "\(disk.free)"), ("disk_total", "\(disk.total)"),
      ("disk_reserve", "\(disk.reserve)"), ("disk_room", disk.room),
    ]
  }

  private var statistics: [Line] {
    [
      ("total_connections_received", "\(facts.connectionsReceived)"),
      ("total_commands_processed", "\(facts.commandsProcessed)"),
      ("instantaneous_ops_per_sec", "\(facts.commandsPerSecond)"),
      ("total_net_input_bytes", "\(facts.bytesIn)"),
      ("total_net_output_bytes", "\(facts.bytesOut)"),
      ("instantaneous_input_kbps", Self.decimal(facts.kilobytesInPerSecond, places: 2)),
      ("instantaneous_output_kbps", Self.decimal(facts.kilobytesOutPerSecond, places: 2)),
      ("rejected_connections", "\(facts.connectionsRejected)"),
      ("expired_keys", "\(facts.expiredKeys)"), ("evicted_keys", "0"), ("evicted_clients", "0"),
      ("keyspace_hits", "\(facts.keyHits)"), ("keyspace_misses", "\(facts.keyMisses)"),
      ("pubsub_channels", "0"), ("pubsub_patterns", "0"), ("latest_fork_usec", "0"),
      ("total_error_replies", "\(facts.errorReplies)"),
      ("unexpected_error_replies", "\(facts.protocolErrors)"),
    ]
  }

  private var replication: [Line] {
    let state = facts.replication
    var lines: [Line] = [("role", state.isLeader ? "master" : "slave")]
    if !state.isLeader {
      lines += [
        ("master_host", state.leader?.host ?? ""), ("master_port", "\(state.leader?.port ?? 0)"),
        ("master_link_status", state.leader == nil ? "down" : "up"),
        ("master_sync_in_progress", "0"), ("slave_repl_offset", "\(state.appliedIndex)"),
        ("slave_read_only", "1"),
      ]
    }
    lines.append(("connected_slaves", "\(state.isLeader ? state.replicas.count : 0)"))
    for (place, replica) in state.replicas.enumerated() where state.isLeader {
      let value =
        "ip=\(replica.host),port=\(replica.port),state=online,offset=\(replica.index),"
        + "lag=\(replica.lagSeconds)"
      lines.append(("slave\(place)", value))
    }
    return lines + [
      ("master_failover_state", "no-failover"), ("master_replid", state.logID),
      ("master_repl_offset", "\(state.appliedIndex)"),
    ]
  }

  private func commandLine(_ command: InfoFacts.Command) -> Line {
    let mean = command.calls > 0 ? Double(command.microseconds) / Double(command.calls) : 0
    return (
      "cmdstat_\(command.name)",
      "calls=\(command.calls),usec=\(command.microseconds),"
        + "usec_per_call=\(Self.decimal(mean, places: 2)),"
        + "rejected_calls=\(command.rejected),failed_calls=\(command.failed)"
    )
  }

  /// With so many digits behind the point; what no 64 bits hold is 0.
  static func decimal(_ value: Double, places: Int) -> String {
    var scale: Int64 = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int64(exactly: (value.magnitude * Double(scale)).rounded()) ?? 0
    let digits = String(scaled % scale)
    let fraction = String(repeating: "0", count: max(0, places - digits.utf8.count)) + digits
    return "\(value < 0 && scaled != 0 ? "-" : "")\(scaled / scale).\(fraction)"
  }

  /// A number of bytes as Redis shows it to people: `512B`, `1.50K`, `2.00G`.
  static func short(_ bytes: Int64) -> String {
    if bytes < 1024 { return "\(bytes)B" }
    var unit = 1024.0
    for letter in ["K", "M", "G", "T"] {
      if Double(bytes) < unit * 1024 || letter == "T" {
        return decimal(Double(bytes) / unit, places: 2) + letter
      }
      unit *= 1024
    }
    return "\(bytes)B"
  }
}
