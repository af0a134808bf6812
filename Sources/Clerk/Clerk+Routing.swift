import Basics
import ShardMap
import Wire

extension Clerk {
  /// Where a key is served, by the newest configuration seen: its shard, the group that owns it
  /// (``GroupID/none``: no group does), the peer addresses of that group's replicas, and the
  /// configuration's number. `nil` before the first configuration.
  package func route(_ key: [UInt8]) -> (
    shard: ShardID, group: GroupID, addresses: [String], configuration: ConfigNumber
  )? {
    guard let shard = configuration?.layout.shard(of: key), let owner = knownOwner(of: shard),
      let number = knownNumber(of: shard)
    else { return nil }
    return (shard, owner.group, owner.record?.peerAddresses ?? [], number)
  }

  /// Brings an operation as far as it gets now: onto a connection, or into a state that ends by a
  /// timer, a reply or another operation.
  mutating func advance(_ id: OperationID) {
    guard operations[id]?.state == .ready, let work = operations[id]?.work else { return }
    if userCount == 0, !work.isUser { return forget(id) }
    guard let destination = destination(of: work, id) else { return }
    if let key = operations[id]?.sessionKey, operations[id]?.write == nil {
      guard takeNumber(id, in: key) else { return }
    }
    let party = destination.party
    guard let endpoint = choose(party, destination, for: id) else {
      if operations[id]?.tried.isEmpty == false { return pauseAfterRound(id) }
      let addresses = destination.addresses
      let retryAt = addresses.compactMap { endpointIndex[$0].map { endpoints[$0].retryAt } }.min()
      return pause(id, until: max(retryAt ?? 0, now.monotonic + jitter(settings.pause)))
    }
    post(id, party, at: endpoint)
  }

  /// Who can carry it out. Without any the operation is made to wait, and the answer is `nil`.
  private mutating func destination(of work: Pending.Work, _ id: OperationID) -> Destination? {
    switch work {
    case .refresh, .user(.query), .user(.control), .user(.plan), .user(.register),
      .openSession(nil):
      return Destination(party: .controllers, plain: controllers)
    case .user(.status(let address)):
      return Destination(party: .node(address), plain: [address])
    case .user(.toGroup(let group, let record, _)):
      return Destination(party: .group(group, record.identity), record: newest(record, of: group))
    case .user(.membership(let group, let record?, _)) where group != .none:
      return Destination(party: .group(group, record.identity), record: newest(record, of: group))
    case .user(.membership):
      return Destination(party: .controllers, plain: controllers)
    case .user(.get(let key, _)), .user(.write(let key, _)):
      guard let shard = configuration?.layout.shard(of: key) else {
        return waitForConfiguration(id, "no configuration from the controller yet")
      }
      return owner(of: shard, id)
    case .openSession(.some(let shard)), .user(.redis(let shard, _, _)):
      return owner(of: shard, id)
    }
  }

  /// Replicas may have been replaced since the caller learnt of them.
  func newest(_ record: GroupRecord, of group: GroupID) -> GroupRecord {
    var newest = record
    for known in [configuration?.record(of: group), olderRecords[group]] {
      guard let known, known.identity == record.identity,
        known.membershipIndex > newest.membershipIndex
      else { continue }
      newest = known
    }
    return newest
  }

  private mutating func owner(of shard: ShardID, _ id: OperationID) -> Destination? {
    operations[id]?.shard = shard
    guard let (group, known) = knownOwner(of: shard), let number = knownNumber(of: shard) else {
      return waitForConfiguration(id, "no configuration from the controller yet")
    }
    guard let record = known else {
      return waitForConfiguration(id, "no group owns shard \(shard) in configuration \(number)")
    }
    guard !record.replicas.isEmpty else {
      return waitForConfiguration(id, "group \(group) has registered no addresses")
    }
    return Destination(party: .group(group, record.identity), record: record)
  }

  /// Asks for a newer configuration and makes the operation wait: for the first one as long as it
  /// takes, for a newer one no longer than a pause, because there may be none.
  @discardableResult
  mutating func waitForConfiguration(_ id: OperationID, _ problem: String) -> Destination? {
    operations[id]?.lastProblem = problem
    requestRefresh()
    if configuration == nil {
      waitingForConfiguration.append(enter(.waiting, id))
    } else {
      pause(id)
      if let token = operations[id]?.token {
        waitingForConfiguration.append(Ticket(operation: id, token: token))
      }
    }
    return nil
  }

  /// Everybody who is well has refused a read that any replica may answer, and is asked again after
  /// a pause. After some rounds these may be replicas that were removed and still run.
  private mutating func pauseAfterRound(_ id: OperationID) {
    operations[id]?.tried = []
    if let pauses = operations[id]?.pauses, pauses % 4 == 3 { requestRefresh() }
    pause(id)
  }

  /// Makes an operation wait a little: longer the more often it had to.
  mutating func pause(_ id: OperationID, until: UInt64? = nil) {
    guard let pauses = operations[id]?.pauses else { return }
    operations[id]?.pauses = pauses &+ 1
    operations[id]?.hops = 0
    let length = jitter(settings.pause) << UInt64(min(pauses / 4, 3))
    let ticket = enter(.paused, id)
    timers.push(.wake(ticket), at: until ?? now.monotonic &+ length)
  }
}

/// Who can carry out an operation, and where they are.
struct Destination {
  var party: Party
  var plain: [String] = []
  var record: GroupRecord?

  /// Made when they are needed: mostly the leader is known.
  var addresses: [String] { record?.peerAddresses ?? plain }
}

extension GroupRecord {
  /// In the order of the record, without replicas that do not listen.
  var peerAddresses: [String] { replicas.map(\.peer).filter { !$0.isEmpty } }
}
