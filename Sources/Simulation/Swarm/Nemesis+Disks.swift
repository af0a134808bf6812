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

  /// The process ends as soon as it writes, and comes back when there is room.
  func fillDisk() {
    let host = victim()
    simulator.trace("\(host.name) has no room left")
    host.disk.isFull = true
    later(options.fullDiskTime) { nemesis in
      host.disk.isFull = false
      nemesis.simulator.start(host)
    }
  }

  func stallRead() {
    victim().readStall = generator.next(in: 500...5_000) * Int(nanosecondsPerMillisecond)
  }

  /// Bits change under a process that is down: it may not come back. At most one in a group, and in
  /// none that could not do without it.
  func damageDisk() {
    let replica = cluster.replicas[generator.next(in: 0..<cluster.replicas.count)]
    let members = cluster.replicas.filter { $0.group == replica.group }
    guard members.count > 2, !members.contains(where: \.host.isDamaged) else { return }
    crash(replica.host)
    simulator.damage(replica.host)
  }
}
