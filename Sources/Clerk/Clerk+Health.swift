import Balancing
import Basics
import ShardMap
import Wire

extension Clerk {
  /// The endpoint to try next; `nil` if none can be tried now.
  ///
  /// The leader if it is known and well; else whom the party's pool chooses. An address that failed
  /// is left alone for a while, and then asked in the background whether it is well: no operation
  /// waits for that. Only if nobody is known to be well does an operation itself go and see.
  mutating func choose(_ party: Party, _ destination: Destination, for id: OperationID) -> Int? {
    let isForAny = operations[id]?.work.isForAnyReplica ?? false
    let preferred = parties[party]?.preferred
    if !isForAny, let preferred, let index = endpoint(at: preferred, isHint: true),
      !endpoints[index].isSuspect
    {
      return index
    }
    let addresses = destination.addresses
    if case .node = party { return leastBad(addresses) }
    setPool(of: party, to: addresses)
    var tried = isForAny ? operations[id]?.tried ?? [] : []
    tried += probeSuspects(addresses)
    while let backend = parties[party]?.pool.choose(now: now.monotonic, excluding: tried) {
      guard let address = parties[party]?.address(of: backend),
        let index = endpoint(at: address, isHint: false)
      else { return nil }
      endpoints[index].party = party
      if !endpoints[index].isSuspect { return index }
      tried.append(backend)
    }
    let haveRefused = operations[id]?.tried.isEmpty == false
    return isForAny && haveRefused ? nil : leastBad(addresses)
  }

  /// Of those that are to be tried again by now the one whose failure is the longest ago.
  private mutating func leastBad(_ addresses: [String]) -> Int? {
    var best: Int?
    for address in addresses {
      guard let index = endpoint(at: address, isHint: false),
        endpoints[index].retryAt <= now.monotonic
      else { continue }
      if let best, endpoints[best].retryAt <= endpoints[index].retryAt { continue }
      best = index
    }
    return best
  }

  /// Greets those of the addresses that have rested, and names all that are not known to be well.
  private mutating func probeSuspects(_ addresses: [String]) -> [BackendAddress] {
    var suspects: [BackendAddress] = []
    for address in addresses {
      guard let index = endpoint(at: address, isHint: false), endpoints[index].isSuspect else {
        continue
      }
      if endpoints[index].restUntil <= now.monotonic { probe(index) }
      suspects.append(endpoints[index].backend)
    }
    return suspects
  }

  private mutating func setPool(of party: Party, to addresses: [String]) {
    if parties[party] == nil {
      // Parties of the past are few; should they ever be many, hints are cheap to learn again.
      if parties.count > 1_024 { parties = [:] }
      parties[party] = PartyState(seed: random.next())
    }
    guard parties[party]?.addresses != addresses else { return }
    parties[party]?.setAddresses(addresses)
    for address in addresses {
      guard let index = endpoint(at: address, isHint: false) else { continue }
      endpoints[index].party = party
    }
  }

  /// Finds out whether an address that failed is well again: a greeting is enough for that.
  mutating func probe(_ index: Int) {
    guard endpoints[index].isSuspect, endpoints[index].retryAt <= now.monotonic,
      endpoints[index].connection == nil
    else { return }
    connect(index)
  }

  /// Somebody says that this address leads, so it may be well again before its rest is over.
  mutating func probeHinted(_ hint: String) {
    guard let index = endpoint(at: hint, isHint: true) else { return }
    probe(index)
  }

  /// It greeted: operations may go there again.
  mutating func proved(_ index: Int) {
    guard endpoints[index].isSuspect else { return }
    endpoints[index].isSuspect = false
    endpoints[index].retryAt = 0
    endpoints[index].restUntil = 0
    if let party = endpoints[index].party {
      parties[party]?.pool.forgive(endpoints[index].backend)
    }
  }

  /// Notes a failure in `endpoint`, which is about to be the endpoint at `index`.
  mutating func suspect(_ endpoint: inout Endpoint, _ isSilent: Bool) {
    let doublings = UInt64(min(endpoint.failures, 4))
    // To find out that nobody answers costs a whole timeout, so that is tried ever less often.
    endpoint.retryAt =
      now.monotonic + jitter(settings.reconnect) << (isSilent ? min(doublings, 3) : 0)
    let longest = settings.rest.upperBound
    let rest =
      isSilent
      ? min(settings.rest.lowerBound << doublings, longest)
      : min(settings.reconnect.upperBound << doublings, longest)
    endpoint.restUntil = max(endpoint.retryAt, now.monotonic + jitter(rest * 3 / 4...rest))
    endpoint.failures += 1
    endpoint.isSuspect = true
    guard let party = endpoint.party else { return }
    parties[party]?.failed(endpoint.backend, now: now.monotonic, until: endpoint.restUntil)
  }

  /// The leader of a party is somewhere else than at `address`, or it is not known where.
  mutating func passOver(_ address: String, of party: Party, hint: String? = nil) {
    if parties[party]?.preferred == address { parties[party]?.preferred = nil }
    if let hint {
      if parties[party] == nil { parties[party] = PartyState(seed: random.next()) }
      parties[party]?.preferred = hint
    }
  }
}
