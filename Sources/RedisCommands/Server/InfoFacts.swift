/// What INFO tells, measured by the server. Counters count since it started or since CONFIG
/// RESETSTAT.
package struct InfoFacts: Hashable, Sendable {
  package var program = ProgramFacts()
  package var process = ProcessMeasure()
  package var uptimeSeconds: Int64 = 0
  package var wallMicroseconds: Int64 = 0

  package var connectedClients = 0
  package var transactionClients = 0
  package var watchingClients = 0
  package var pausedReason = "none"

  /// Bytes of keys and values.
  package var dataMemory: Int64 = 0

  package var connectionsReceived: Int64 = 0
  package var connectionsRejected: Int64 = 0
  package var commandsProcessed: Int64 = 0
  package var commandsPerSecond: Int64 = 0
  package var bytesIn: Int64 = 0
  package var bytesOut: Int64 = 0
  package var kilobytesInPerSecond = 0.0
  package var kilobytesOutPerSecond = 0.0
  package var expiredKeys: Int64 = 0
  package var keyHits: Int64 = 0
  package var keyMisses: Int64 = 0
  package var errorReplies: Int64 = 0
  package var protocolErrors: Int64 = 0

  /// Commands appended to the log since the last snapshot, and when that was, in Unix seconds.
  package var changesSinceSnapshot: Int64 = 0
  package var lastSnapshotSeconds: Int64 = 0
  package var isSnapshotUnderWay = false
  /// `nil`: it was not measured.
  package var disk: Disk?

  package var replication = Replication()
  /// By name.
  package var commands: [Command] = []
  /// First words of error replies and how often they were sent, by name.
  package var errors: [ErrorCount] = []

  package var keys: Int64 = 0
  /// Keys with a deadline, and the mean of what they have to live.
  package var keysWithDeadline: Int64 = 0
  package var meanLifeMilliseconds: Int64 = 0

  package struct Replication: Hashable, Sendable {
    package var isLeader = true
    /// 40 hexadecimal digits that name the group's log.
    package var logID = String(repeating: "0", count: 40)
    /// Index of the last entry of the log that was applied here.
    package var appliedIndex: UInt64 = 0
    /// Of the leader, on a replica that knows one.
    package var leader: (host: String, port: UInt16)? {
      get { leaderHost.map { ($0, leaderPort) } }
      set { (leaderHost, leaderPort) = (newValue?.host, newValue?.port ?? 0) }
    }
    private var leaderHost: String?
    private var leaderPort: UInt16 = 0
    /// Of the other replicas, on a leader.
    package var replicas: [Replica] = []

    package init() {}
  }

  package struct Replica: Hashable, Sendable {
    package let host: String
    package let port: UInt16
    package let index: UInt64
    package let lagSeconds: Int64

    package init(host: String, port: UInt16, index: UInt64, lagSeconds: Int64) {
      self.host = host
      self.port = port
      self.index = index
      self.lagSeconds = lagSeconds
    }
  }

  package struct Command: Hashable, Sendable {
    package let name: String
    package var calls: Int64
    package var microseconds: Int64
    package var rejected: Int64
    package var failed: Int64

    package init(
      name: String, calls: Int64, microseconds: Int64, rejected: Int64 = 0, failed: Int64 = 0
    ) {
      self.name = name
      self.calls = calls
      self.microseconds = microseconds
      self.rejected = rejected
      self.failed = failed
    }
  }

  /// The file system of the data folder, in bytes.
  package struct Disk: Hashable, Sendable {
    package let free: UInt64
    package let total: UInt64
    /// With less than that free no data is taken.
    package let reserve: UInt64
    /// One word for what there is room for.
    package let room: String

    package init(free: UInt64, total: UInt64, reserve: UInt64, room: String) {
      self.free = free
      self.total = total
      self.reserve = reserve
      self.room = room
    }
  }

  package struct ErrorCount: Hashable, Sendable {
    package let word: String
    package let count: Int64

    package init(word: String, count: Int64) {
      self.word = word
      self.count = count
    }
  }

  package init() {}
}
