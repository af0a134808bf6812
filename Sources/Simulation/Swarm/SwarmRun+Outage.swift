import ShardMap

/// A whole group is down, and the others go on.
extension SwarmRun {
  /// While one group is down a shard of it is given to a second group, which has to wait for it. A
  /// shard of the second one goes to a third all the same, and all that is not of the first group
  /// is served (what the labs call "partial migration").
  func loseGroup() {
    let groups = cluster.plan.groups.dropFirst().map(\.id)
    var areEqual = false
    administrator.insist(on: groups.map { .weight($0, 1) }) { areEqual = true }
    wait("equal weights", nil) { areEqual }
    wait("rest with equal weights", nil) { [self] in cluster.disagreement(among: groups) == nil }
    let held = heldShards()
    guard let lost = held.first(where: { !$0.shards.isEmpty }),
      let second = held.first(where: { $0.group != lost.group && !$0.shards.isEmpty }),
      let third = held.first(where: { $0.group != lost.group && $0.group != second.group })
    else { return }
    simulator.trace("group \(lost.group) is down")
    let down = cluster.replicas(of: lost.group).filter(\.host.isUp)
    for replica in down {
      simulator.crash(replica.host, losesUnsynced: false, silently: false)
    }
    let place = "a cluster without group \(lost.group)"
    var haveMoved = false
    administrator.insist(on: [.move(lost.shards[0], to: second.group)]) { [unowned self] in
      administrator.insist(on: [.move(second.shards[0], to: third.group)]) { haveMoved = true }
    }
    wait("two moves in \(place)", nil) { haveMoved }
    // The second group would go on serving it for as long as it did not hear of the move.
    wait("shard \(second.shards[0]) to arrive in \(place)", nil) { [self] in
      let there = cluster.leader(of: third.group)?.node?.shardReports() ?? []
      return there.contains {
        $0.shard == second.shards[0] && $0.isOwned && $0.status != .pulling
      }
    }
    for shard in second.shards + third.shards { use(shard, place) }
    for replica in down { simulator.start(replica.host) }
    wait("rest after group \(lost.group) came back", nil) { [self] in
      cluster.disagreement(among: groups) == nil
    }
    if simulator.failure == nil { workEverywhere("a cluster that had lost a group") }
  }

  private func heldShards() -> [(group: GroupID, shards: [ShardID])] {
    cluster.plan.groups.dropFirst().map { group in
      let reports = cluster.leader(of: group.id)?.node?.shardReports() ?? []
      return (group.id, reports.filter(\.isOwned).map(\.shard))
    }
  }

  /// A client reads a key of that shard, which need not be there.
  private func use(_ shard: ShardID, _ place: String) {
    let keys = (0..<10_000).lazy.map(SwarmClient.key)
    guard let key = keys.first(where: { [self] in cluster.plan.layout.shard(of: $0) == shard }),
      let client = clients.first, simulator.failure == nil
    else { return }
    var isDone = false
    client.run(.get, key: key, timeout: Self.recoveryTime) { [unowned self] outcome in
      require(outcome, "a read of shard \(shard)", place)
      isDone = true
    }
    wait("a read of shard \(shard) in \(place)", nil) { isDone }
  }
}
