import Basics
import Journal
import RedisCommands
import Wire

// What a replica takes when its disk is nearly full. Growth is refused where it is asked for: what
// is in the log is applied whatever the disk holds, since all replicas have to do the same.
extension Node {
  /// Takes what is left on the disk.
  mutating func measured(_ space: DiskSpace) {
    let before = room.level
    room.measured(
      space, journalBytes: disk.journal.roomBytes, settings, now: now.monotonic)
    noteRoom(after: before)
  }

  /// What the journal has may end between two measures.
  mutating func noteJournalRoom() {
    if room.level != .enough, let space = room.space { measured(space) }
  }

  private mutating func noteRoom(after before: NodeStatus.Room) {
    raft.hasRoom = room.level == .enough
    raft.isRefusingAppends = room.level == .out
    noteGroupRoom()
    if let event = room.event(after: before, settings) { effects.events.append(event) }
    if before != .enough, room.level == .enough { disk.foundRoom(now.monotonic) }
  }

  /// Looks whether a quorum of disks has room, and for somebody else to lead where it is only this
  /// one that has none: what a client asks meanwhile waits for that.
  mutating func noteGroupRoom() {
    guard raft.role == .leader else { return }
    if let heir = raft.heirWithRoom, raft.transferTarget == nil {
      effects.rarePaths.insert(.handedOverForRoom)
      raft.transferLeadership(to: heir)
    }
    guard raft.groupHasRoom == room.isGroupShort else { return }
    room.isGroupShort.toggle()
    effects.events.append(
      room.isGroupShort
        ? NodeEvent(.warning, "too few disks of the group have room: its data must not grow")
        : NodeEvent(.info, "enough disks of the group have room: its data may grow"))
  }

  /// The disk is to be measured again and again, so that refused writes are soon taken again.
  package var watchesDisk: Bool { room.level != .enough }

  /// Nothing that makes the data grow is proposed.
  var refusesGrowth: Bool { room.level != .enough || room.isGroupShort }

  /// Nothing at all is proposed.
  var refusesWrites: Bool { room.level == .out }

  /// Somebody else may have room and take over: what there is no room for here waits so long.
  var seeksRoom: Bool {
    !room.isGroupShort && now.monotonic < room.lacksSince + Self.seekingNanoseconds
  }

  private static var seekingNanoseconds: UInt64 { 400 * nanosecondsPerMillisecond }

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
