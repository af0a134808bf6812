import Basics
import Journal
import Raft

/// Reading back what is on the disk, and what is done when it is not what was written.
///
/// As long as the node runs, memory has everything: a new snapshot and the log after it stand for
/// all that was damaged. Then the damaged files are not needed any more, and go.
extension Node {
  /// Begins a pass when it is time for one.
  mutating func scrub() {
    guard settings.scrubBytesPerSecond > 0, !disk.isScrubbing, disk.flight == nil,
      now.monotonic >= disk.nextScrubAt, disk.damaged.isEmpty, let scrub = disk.journal.scrub()
    else { return }
    disk.isScrubbing = true
    effects.background.append(.scrub(scrub, bytesPerSecond: settings.scrubBytesPerSecond))
  }

  mutating func scrubbed() {
    disk.isScrubbing = false
    scheduleScrub()
    counters.scrubs += 1
  }

  /// The next pass begins so long after now.
  mutating func scheduleScrub() {
    disk.nextScrubAt = now.monotonic + settings.scrubMilliseconds * nanosecondsPerMillisecond
  }

  /// A file is not what was written. It may be gone, or be another, since it was read.
  mutating func found(_ damage: FileDamage) {
    guard disk.journal.needs(file: damage.file), !disk.damaged.contains(damage.file) else { return }
    counters.damagedFiles += 1
    disk.damaged.append(damage.file)
    disk.damaged.sort()
    effects.rarePaths.insert(.damageFound)
    effects.events.append(
      NodeEvent(
        .error,
        "\(damage.file) is damaged at byte \(damage.offset): \(damage.reason). What was in it is "
          + "written again from memory; look at the disk, and replace it if that happens again"))
  }

  /// Makes damaged files superfluous; true if that takes a snapshot of now.
  mutating func repairsDamage() -> Bool {
    guard !disk.damaged.isEmpty else { return false }
    forgetRepaired()
    if disk.damaged.contains(where: { disk.journal.isOlderSnapshot(file: $0) }) {
      _ = disk.journal.dropOlderSnapshots(retainLogFrom: raft.firstIndex)
      forgetRepaired()
    }
    guard !disk.damaged.isEmpty, now.monotonic >= disk.retryAt, applied > .zero else {
      return false
    }
    disk.journal.leaveSegment()
    return true
  }

  /// A snapshot was written that stands for all before it: what is older goes, although the log
  /// could be of use to a slow follower. Where nothing was applied since the damaged snapshot, the
  /// new one has its name, and took its place.
  mutating func replaceDamaged(by snapshot: WrittenSnapshot) {
    guard !disk.damaged.isEmpty else { return }
    _ = disk.journal.dropOlderSnapshots(retainLogFrom: snapshot.metadata.last.index.next)
    disk.retryAt =
      now.monotonic + settings.snapshotRetryMilliseconds.lowerBound * nanosecondsPerMillisecond
    forgetRepaired(replaced: snapshot.name)
  }

  private mutating func forgetRepaired(replaced: String? = nil) {
    let before = disk.damaged.count
    disk.damaged.removeAll { $0 == replaced || !disk.journal.needs(file: $0) }
    guard disk.damaged.isEmpty, before > 0 else { return }
    effects.rarePaths.insert(.damageRepaired)
    effects.events.append(
      NodeEvent(.info, "what was damaged is on the disk again, and the damaged files are gone"))
  }
}
