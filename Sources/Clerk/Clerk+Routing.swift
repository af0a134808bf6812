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
    guard let configuration else { return nil }
    let shard = configuration.layout.shard(of: key)
    let group = configuration.owner(of: shard)
    return (
      shard, group, configuration.groups[group]?.peerAddresses ?? [], configuration.number
    )
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
    guard let endpoint = choose(party, destination.addresses) else {
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
    case .user(.get(let key)), .user(.write(let key, _)):
      guard let shard = configuration?.layout.shard(of: key) else {
        return waitForConfiguration(id, "no configuration from the controller yet")
      }
      operations[id]?.shard = shard
      return owner(of: shard, id)
    case .openSession(.some(let shard)): return owner(of: shard, id)
    }
  }

  /// Replicas may have been replaced since the caller learnt of them.
  private func newest(_ record: GroupRecord, of group: GroupID) -> GroupRecord {
    guard let known = configuration?.record(of: group), known.identity == record.identity,
      known.membershipIndex > record.membershipIndex
    else { return record }
    return known
  }

  private mutating func owner(of shard: ShardID, _ id: OperationID) -> Destination? {
    guard let configuration else {
      return waitForConfiguration(id, "no configuration from the controller yet")
    }
    let group = configuration.owner(of: shard)
    guard let record = configuration.groups[group] else {
      return waitForConfiguration(
        id, "no group owns shard \(shard) in configuration \(configuration.number)")
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

  /// The endpoint to try: the leader if it is known, else the next address in turn; none that
  /// failed a moment ago.
  private mutating func choose(
    _ party: Party, _ allAddresses: @autoclosure () -> [String]
  ) -> Int? {
    let state = parties[party] ?? PartyState()
    if let preferred = state.preferred, let index = endpoint(at: preferred, isHint: true),
      endpoints[index].retryAt <= now.monotonic
    {
      return index
    }
    let addresses = allAddresses()
    for step in 0..<addresses.count {
      let address = addresses[(state.cursor + step) % addresses.count]
      guard let index = endpoint(at: address, isHint: false),
        endpoints[index].retryAt <= now.monotonic
      else { continue }
      return index
    }
    return nil
  }

  /// The leader of a party is somewhere else than at `address`, or it is not known where.
  mutating func passOver(_ address: String, of party: Party, hint: String? = nil) {
    var state = parties[party] ?? PartyState()
    if state.preferred == address { state.preferred = nil }
    if let hint { state.preferred = hint }
    state.cursor = (addresses(of: party).firstIndex(of: address) ?? state.cursor) + 1
    // Parties of the past are few; should they ever be many, hints are cheap to learn again.
    if parties.count > 1_024 { parties = [:] }
    parties[party] = state
  }

  private func addresses(of party: Party) -> [String] {
    switch party {
    case .controllers: controllers
    case .group(let group, _): configuration?.record(of: group)?.peerAddresses ?? []
    case .node(let address): [address]
    }
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
