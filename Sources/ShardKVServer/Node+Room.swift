import Journal
import RedisCommands
import Wire

// What a replica takes when its disk is nearly full. Growth is refused where it is asked for: what
// is in the log is applied whatever the disk holds, since all replicas have to do the same.
extension Node {
  /// Takes what is left on the disk.
  mutating func measured(_ space: DiskSpace) {
    let before = room.level
    room.measured(space, journalBytes: disk.journal.roomBytes, settings)
    guard let event = room.event(after: before, settings) else { return }
    effects.events.append(event)
    haveErrandsChanged = true
  }

  /// The disk is to be measured again and again, so that refused writes are soon taken again.
  package var watchesDisk: Bool { room.level != .enough }

  /// Nothing that makes the data grow is proposed.
  var refusesGrowth: Bool { room.level != .enough }

  /// Nothing at all is proposed.
  var refusesWrites: Bool { room.level == .out }

  /// Whether there is no room for a request that would be proposed.
  func isRefused(_ body: Request.Body) -> Bool {
    refusesWrites || refusesGrowth && body.growsData
  }

  /// Whether there is room for an errand. A chunk of a shard is data; all else is small.
  mutating func mayBegin(_ errand: Errand) -> Bool {
    guard case .pull = errand.key, refusesGrowth else { return true }
    effects.rarePaths.insert(.errandPutOffForRoom)
    return false
  }

  var diskReport: NodeStatus.Disk? {
    room.space.map { NodeStatus.Disk(free: $0.free, total: $0.total, room: room.level) }
  }
}

extension Request.Body {
  /// Whether carrying it out may make the data grow. That of the controllers is small and bounded.
  fileprivate var growsData: Bool {
    switch self {
    case .write(_, _, .delete): false
    case .write: true
    case .redis(_, let work): (try? RemoteWork(encoded: work))?.growsData ?? true
    default: false
    }
  }
}
