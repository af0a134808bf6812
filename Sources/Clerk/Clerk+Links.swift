import Basics
import ShardMap
import Wire

extension Clerk {
  /// The endpoint of an address; `nil` for a hint to an unknown address when there are many.
  mutating func endpoint(at address: String, isHint: Bool) -> Int? {
    if let index = endpointIndex[address] { return index }
    if isHint, endpointIndex.count >= settings.endpointsMax { return nil }
    let index = endpoints.firstIndex { $0.address.isEmpty } ?? endpoints.count
    if index == endpoints.count {
      endpoints.append(Endpoint(address: address))
    } else {
      endpoints[index] = Endpoint(address: address)
    }
    endpointIndex[address] = index
    return index
  }

  /// Closes and forgets endpoints that neither the configuration nor any operation names.
  mutating func dropForgottenEndpoints() {
    guard let configuration else { return }
    var known = Set(controllers)
    for group in configuration.groupIDs + configuration.departed.keys.sorted() {
      known.formUnion(configuration.record(of: group)?.peerAddresses ?? [])
    }
    for shard in overrides.keys.sorted() {
      known.formUnion(overrides[shard]?.owner.record.peerAddresses ?? [])
    }
    // A leader that was hinted at may be missing from the list of controllers that was given.
    if let leader = parties[.controllers]?.preferred { known.insert(leader) }
    for index in endpoints.indices
    where endpoints[index].isIdle && !endpoints[index].address.isEmpty
      && !known.contains(endpoints[index].address)
    {
      if let connection = endpoints[index].connection {
        connections[connection] = nil
        effects.links.append(.close(connection))
      }
      endpointIndex[endpoints[index].address] = nil
      endpoints[index] = Endpoint(address: "")
    }
  }

  /// Hands an operation to an endpoint, which sends it when it can.
  mutating func post(_ id: OperationID, _ party: Party, at index: Int) {
    let ticket = enter(.queued, id)
    if endpoints[index].connection == nil { connect(index) }
    if endpoints[index].welcome != nil, endpoints[index].queue.isEmpty,
      endpoints[index].inFlight < settings.requestsPerLinkMax
    {
      return send(ticket, party, on: index)
    }
    endpoints[index].queue.append((ticket, party))
  }

  mutating func connect(_ index: Int) {
    let connection = ConnectionID(rawValue: nextConnection)
    nextConnection += 1
    connections[connection] = index
    endpoints[index].connection = connection
    endpoints[index].decoder = FrameDecoder(limits: .greeting)
    effects.links.append(.connect(connection, endpoints[index].address))
    let hello = Hello(versions: 1...1, cluster: cluster, replica: nil)
    effects.links.append(.send(connection, FrameCodec.encode(.hello(hello))))
    timers.push(.greeting(connection), at: now.monotonic + settings.attemptTimeout)
  }

  /// Writes the request of an operation into the endpoint's buffer.
  private mutating func send(_ ticket: Ticket, _ party: Party, on index: Int) {
    let id = ticket.operation
    guard isCurrent(ticket), let work = operations[id]?.work,
      let connection = endpoints[index].connection
    else { return }
    if let problem = mismatch(party, index) {
      passOver(endpoints[index].address, of: party)
      return waitAfterMismatch(id, problem, index)
    }
    let write = stamp(id)
    guard let body = work.body(write) else {
      return fail(id, .outcomeUnknown, "it lost its number")
    }
    let request = attempts.insert(
      Attempt(
        operation: id, connection: connection, endpoint: index, party: party,
        sentAt: now.monotonic))
    operations[id]?.attempts += 1
    operations[id]?.lastEndpoint = endpoints[index].address
    enter(.inFlight(request), id)
    timeouts.append((request, now.monotonic + settings.attemptTimeout))
    endpoints[index].inFlight += 1
    parties[party]?.pool.began(endpoints[index].backend)
    FrameCodec.encode(
      .request(Request(id: request, body: body)), into: &endpoints[index].output)
    touch(index)
  }

  /// Why the node there is not who is meant.
  private func mismatch(_ party: Party, _ index: Int) -> String? {
    guard let welcome = endpoints[index].welcome else { return nil }
    let address = endpoints[index].address
    switch party {
    case .node: return nil
    case .controllers:
      return welcome.group == .none
        ? nil : "\(address) is a replica of group \(welcome.group), not a controller"
    case .group(let group, let identity):
      return welcome.group == group && welcome.identity == identity
        ? nil
        : "\(address) is a replica of group \(welcome.group) (\(welcome.identity)), "
          + "not of group \(group) (\(identity))"
    }
  }

  private mutating func waitAfterMismatch(_ id: OperationID, _ problem: String, _ index: Int) {
    operations[id]?.lastEndpoint = endpoints[index].address
    waitForConfiguration(id, problem)
    // Not for the first configuration, which may be behind the next address.
    if operations[id]?.state == .waiting { pause(id) }
  }

  func isOpen(_ index: Int) -> Bool { endpoints[index].welcome != nil }

  mutating func touch(_ index: Int) {
    if endpoints[index].isTouched { return }
    endpoints[index].isTouched = true
    touched.append(index)
  }

  /// Writes the requests that wait at open endpoints, as far as there is room.
  mutating func sendQueued() {
    var position = 0
    // Sending may touch more endpoints.
    while position < touched.count {
      let index = touched[position]
      position += 1
      while isOpen(index), endpoints[index].inFlight < settings.requestsPerLinkMax,
        let (ticket, party) = endpoints[index].queue.popFirst()
      {
        send(ticket, party, on: index)
      }
    }
  }

  /// Lets out what was written, in one buffer for each connection.
  mutating func flushLinks() {
    for index in touched {
      endpoints[index].isTouched = false
      guard let connection = endpoints[index].connection, !endpoints[index].output.isEmpty else {
        continue
      }
      var output: [UInt8] = []
      swap(&output, &endpoints[index].output)
      effects.links.append(.send(connection, output))
    }
    touched.removeAll(keepingCapacity: true)
  }

  /// Takes in bytes of a connection; bytes that are no messages end it.
  mutating func receive(_ bytes: [UInt8], on connection: ConnectionID) {
    guard let index = connections[connection] else { return }
    endpoints[index].lastReceived = now.monotonic
    endpoints[index].decoder.append(bytes)
    do throws(WireError) {
      // A message may end the connection, and then the endpoint has another one or none.
      while endpoints[index].connection == connection,
        let message = try endpoints[index].decoder.next()
      {
        handle(message, connection, index)
      }
    } catch {
      failLink(index, error.description, isClosed: false)
    }
  }

  private mutating func handle(_ message: WireMessage, _ connection: ConnectionID, _ index: Int) {
    switch message {
    case .welcome(let welcome) where endpoints[index].welcome == nil:
      if welcome.version != 1 {
        return failLink(index, "speaks version \(welcome.version) only", isClosed: false)
      }
      if let cluster, cluster != welcome.cluster {
        return failLink(
          index, "belongs to cluster \(welcome.cluster), not to \(cluster)", isClosed: false)
      }
      cluster = welcome.cluster
      endpoints[index].welcome = welcome
      proved(index)
      endpoints[index].decoder.limits = .conversation
      touch(index)
    case .reply(let reply) where endpoints[index].welcome != nil:
      handle(reply, connection, index)
    case .goodbye(let reason): failLink(index, reason, isClosed: false)
    default: failLink(index, "sent a message that nobody asked for", isClosed: false)
    }
  }

  /// The connection is lost: all that was on it goes elsewhere.
  mutating func failLink(
    _ index: Int, _ reason: String, isClosed: Bool, isSilent: Bool = false
  ) {
    guard let connection = endpoints[index].connection else { return }
    let wasAtRest = isOpen(index) && isClosed && endpoints[index].isIdle
    connections[connection] = nil
    if !isClosed { effects.links.append(.close(connection)) }
    let requests = attempts.keys { $0.connection == connection && !$0.isLate }
    let queued = endpoints[index].queue.removeAll()
    let address = endpoints[index].address
    var fresh = Endpoint(address: address, backend: endpoints[index].backend)
    fresh.party = endpoints[index].party
    fresh.failures = endpoints[index].failures
    if !wasAtRest { suspect(&fresh, isSilent) }
    fresh.isTouched = endpoints[index].isTouched
    endpoints[index] = fresh

    let problem = "\(address): \(reason)"
    var failed: Set<Party> = []
    for request in requests {
      guard let attempt = attempts.remove(request) else { continue }
      if failed.insert(attempt.party).inserted { linkFailed(attempt.party, address) }
      parties[attempt.party]?.pool.ended(fresh.backend, .abandoned, now: now.monotonic)
      attemptEnded(attempt.operation, problem, address, mayHaveBeenApplied: true)
    }
    for (ticket, party) in queued where isCurrent(ticket) {
      if failed.insert(party).inserted { linkFailed(party, address) }
      attemptEnded(ticket.operation, problem, address, mayHaveBeenApplied: false)
    }
  }

  private mutating func linkFailed(_ party: Party, _ address: String) {
    passOver(address, of: party)
    parties[party]?.failures += 1
    guard case .group = party, let failures = parties[party]?.failures,
      let replicas = parties[party]?.addresses.count
    else { return }
    // Nobody of the group can be reached by these addresses: there may be new ones.
    if replicas > 0, failures % replicas == 0 { requestRefresh() }
  }
}
