import Basics
import Journal
import Raft
import ShardKV

/// The constants of one node; times in milliseconds of the monotonic clock.
package struct NodeSettings: Sendable {
  package var raft = RaftSettings()
  package var journal = JournalSettings()
  /// `host:port` of the controllers; a shard group finds its configurations there.
  package var controllers: [String] = []

  /// Bytes of committed entries after which no more are applied in a turn, and commands in them:
  /// those of a few bytes take as long as others. The last ``Ready`` may exceed them.
  package var appliedBytesMax = 256 << 10
  package var appliedCommandsMax = 256

  /// A snapshot is begun when the journal after the last one holds at least this many bytes…
  package var snapshotBytes: UInt64 = 16 << 20
  /// …and at least this many times the size of the newest snapshot.
  package var snapshotFactor = 0.2
  /// A sixteenth of these bytes and a tenth of that factor are enough where next to nothing was
  /// written for so long: the log leaves memory, and the next start finds little to apply.
  package var quietMilliseconds: UInt64 = 10_000
  /// The older of two snapshots, and the log that only it needs, goes when the folder would have
  /// more than this many times the size of the newest…
  package var folderFactor = 2.25
  /// …and more than this many times ``snapshotBytes``: little data can well be kept twice.
  package var folderBytesFactor: UInt64 = 4
  /// How long no snapshot is begun after the disk had no room for one, and the longest such pause
  /// when that happens again and again.
  package var snapshotRetryMilliseconds: ClosedRange<UInt64> = 1_000...30_000
  /// Bytes a second at which the files are read back and checked while there is nothing else to do
  /// beside the journal; 0: never.
  package var scrubBytesPerSecond: UInt64 = 4 << 20
  /// Between the end of one such pass and the next.
  package var scrubMilliseconds: UInt64 = 600_000
  /// The states of a group's replicas are compared where the replicated clock passes a multiple of
  /// so many milliseconds; 0: never. Replicas that have different values compare only where they
  /// agree.
  package var comparisonMilliseconds: UInt64 = 20_000
  /// Sections of a leader's snapshot that may wait to be written; above it the leader is not asked
  /// for the next one.
  package var receivedSectionsMax = 8
  /// With fewer bytes free on the file system of the folder the data does not grow; 0: it may take
  /// the last of them. `nil`: 256 MiB, or a twentieth of the file system where that is less.
  package var diskReserveBytes: UInt64?
  /// Kept back in the journal for votes while the file system has next to nothing.
  package var journalReserveBytes = 1 << 20

  /// Between two looks for a newer configuration.
  package var pollMilliseconds: UInt64 = 100
  /// Between two looks for what a leader has to do.
  package var errandMilliseconds: UInt64 = 20
  /// How long one errand may take before it is given up and begun anew.
  package var errandTimeoutMilliseconds: UInt64 = 2_000
  /// Errands under way at once.
  package var errandsMax = 16
  /// Bytes of keys and values in one chunk of a moving shard.
  package var shardChunkBytes = 256 << 10

  /// Connections accepted at once; above it a stranger is told so and closed.
  package var connectionsMax = 10_000
  /// How long a connection may stay without a complete hello.
  package var helloMilliseconds: UInt64 = 5_000
  /// Of the port for Redis' clients.
  package var redis = RedisSettings()
  /// Of the state machine of a shard group.
  package var shardGroup = MachineLimits()
  /// Requests waiting for an answer; above it a request is refused as overloaded.
  package var requestsMax = 65_536
  /// Wait between attempts to reach a peer.
  package var reconnectMilliseconds = 20...200
  /// How long a node that was asked to stop waits for what is under way.
  package var drainMilliseconds: UInt64 = 1_500

  /// Effects name every command that was applied: what a simulation compares among replicas.
  package var tellsWhatIsApplied = false
  /// It does not sleep through ticks in which it has nothing to do: a test compares the two.
  package var wakesAtEachTick = false
  package var bugs: PlantedBugs = [] {
    didSet {
      raft.bugs = bugs
      journal.bugs = bugs
    }
  }

  package init() {
    raft.firstElectionNeedsAll = true
  }
}
