import Journal
import Wire

/// What a replica may still write, as its shell measured the file system of its folder.
///
/// Other programs fill a disk, too, and at any moment. So the data stops growing while there is
/// still room for what has to go on: snapshots, removals, changes of the configuration.
struct DiskRoom: Sendable {
  /// The last measure; `nil`: there was none yet.
  private(set) var space: DiskSpace?
  private(set) var level = NodeStatus.Room.enough
  /// When the level was ``NodeStatus/Room/enough`` last, monotonic nanoseconds.
  private(set) var lacksSince: UInt64 = 0
  /// Of a leader: fewer than a quorum of its group have room, as far as they have said.
  var isGroupShort = false

  /// Growth is refused below so many bytes.
  func reserve(_ settings: NodeSettings) -> UInt64 {
    let usual = min(Self.usualReserveMax, (space?.total ?? 0) / 20)
    return settings.diskReserveBytes ?? usual
  }

  private static let usualReserveMax: UInt64 = 256 << 20

  /// Takes a measure; `journalBytes` can be appended without taking any of it. What was refused is
  /// taken again only when there is a tenth more room, so that it does not change with each file.
  mutating func measured(
    _ space: DiskSpace, journalBytes: Int, _ settings: NodeSettings, now: UInt64
  ) {
    if level == .enough { lacksSince = now }
    self.space = space
    let slack: UInt64 = level == .enough ? 0 : 1
    let reserve = reserve(settings)
    let segment = UInt64(settings.journal.segmentBytes)
    let needed = UInt64(settings.journalReserveBytes)
    if space.free < segment + (level == .out ? segment / 10 : 0),
      UInt64(journalBytes) < needed + (level == .out ? needed / 10 : 0)
    {
      level = .out
    } else {
      level = space.free < reserve + slack * (reserve / 10) ? .low : .enough
    }
  }

  /// Whether it tells of a change of the level.
  func event(after before: NodeStatus.Room, _ settings: NodeSettings) -> NodeEvent? {
    guard level != before, let space else { return nil }
    let left = "\(space.free) of \(space.total) bytes of the disk are free"
    return switch level {
    case .enough: NodeEvent(.info, "\(left): all writes are taken again")
    case .low:
      NodeEvent(
        .warning,
        "\(left), less than the reserve of \(reserve(settings)): only what does not make the data "
          + "grow is taken, and no shard is fetched. Free some, or make the disk larger")
    case .out:
      NodeEvent(
        .error,
        "\(left), and the journal has next to nothing: only reads are served. Free some, or make "
          + "the disk larger")
    }
  }
}
