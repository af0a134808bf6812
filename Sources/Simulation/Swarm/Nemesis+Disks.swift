import Basics

/// Disks that are slow, full or wrong.
extension Nemesis {
  func stallSync() {
    counters.syncStalls += 1
    victim().syncStall = generator.next(in: 500...5_000) * Int(nanosecondsPerMillisecond)
  }

  func failSync() {
    let host = victim()
    guard host.isUp else { return }
    counters.syncFailures += 1
    host.failsNextSync = true
    later(options.downTime) { nemesis in
      host.failsNextSync = false
      nemesis.simulator.start(host)
    }
  }

  /// Others have taken all of a disk, until they leave it again. A process that wants more than its
  /// journal has then ends, and comes back when there is room.
  func fillDisk() {
    let host = victim()
    simulator.leaveRoom(0, on: host)
    later(options.fullDiskTime) { nemesis in
      nemesis.simulator.leaveRoom(nil, on: host)
      nemesis.simulator.start(host)
    }
  }

  func stallBackground() {
    victim().backgroundStall = generator.next(in: 500...5_000) * Int(nanosecondsPerMillisecond)
  }

  /// Bits change under a process that is down: it may not come back. At most one in a group, and in
  /// none that could not do without it.
  func damageDisk() {
    guard let replica = expendable() else { return }
    crash(replica.host)
    guard !options.changesMembers || cluster.canLose(replica, comesBack: false) else { return }
    simulator.damage(replica.host)
    cluster.noteLoss(of: replica)
    later(options.downTime) { $0.simulator.start(replica.host) }
  }

  private func expendable() -> SimulatedCluster.Replica? {
    let replica = cluster.replicas[generator.next(in: 0..<cluster.replicas.count)]
    let members = cluster.replicas.filter { $0.group == replica.group }
    guard members.count > 2, !members.contains(where: \.host.isDamaged) else { return nil }
    return replica
  }

  /// The power is cut, and a write that was synced turns out to be at a wrong place.
  func misdirectWrite() {
    guard let replica = expendable() else { return }
    crash(replica.host, losesPower: true)
    guard cluster.canLose(replica, comesBack: false) else { return }
    guard simulator.misdirectWrite(of: replica.host) else { return }
    cluster.noteLoss(of: replica)
    later(options.downTime) { $0.simulator.start(replica.host) }
  }

  /// A folder is gone. Mostly somebody makes a new one under the old id, as a script does that runs
  /// `init` wherever there is none. Of a group that began with one replica a folder like the first
  /// would begin it again, with nobody to ask: only one that is to join can be refused.
  func wipeFolder() {
    let host = victim()
    guard let replica = cluster.replicas.first(where: { $0.host === host }) else { return }
    crash(host, losesPower: true)
    guard cluster.canLose(replica, comesBack: true) else { return }
    simulator.noteWipe()
    cluster.noteLoss(of: replica)
    let isRemade = generator.chance(0.8)
    let beganAlone = cluster.plan.groups[replica.group].members.count == 1
    cluster.loseFolder(
      of: replica, remade: isRemade, isJoiner: generator.chance(0.3) || beganAlone)
    later(options.downTime) { $0.simulator.start(host) }
  }

  /// As a supervisor does that restarts nodes one after the other.
  func drainOne() {
    let host = victim()
    guard host.isUp else { return }
    counters.drains += 1
    simulator.terminate(host)
    later(options.downTime) { $0.simulator.start(host) }
  }

  /// A leader that has just begun to change its group has an entry that nobody else has.
  func strikeChanger(_ host: SimulatedHost) {
    guard isActive, generator.chance(options.memberStrikeChance) else { return }
    counters.struckChangers += 1
    knockOut(host, within: 0...20)
  }
}
