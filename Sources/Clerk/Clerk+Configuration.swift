import Basics
import ShardMap
import Wire

extension Clerk {
  /// Sees to it that the newest configuration is asked for once, soon: one question at a time,
  /// after a pause that many clerks do not draw alike, however many operations want it. The first
  /// one is asked for at once.
  mutating func requestRefresh() {
    guard refreshOperation == nil, !isRefreshScheduled, userCount > 0 else { return }
    if configuration == nil, fruitlessRefreshes == 0 { return refresh() }
    isRefreshScheduled = true
    let pause = jitter(settings.refresh) << UInt64(min(fruitlessRefreshes, 4))
    timers.push(.refresh, at: now.monotonic + pause)
  }

  mutating func refresh() {
    guard refreshOperation == nil, userCount > 0 else { return }
    fruitlessRefreshes += 1
    refreshOperation = start(Pending(.refresh, deadline: .max))
  }

  /// Takes a configuration that a controller gave; of older ones only the addresses. The
  /// controllers it names are asked from now on, and those that were given at first as well: who is
  /// asked only rarely may find none of the others.
  mutating func adopt(_ newer: Configuration, from replicas: [String]) {
    if !replicas.isEmpty { controllers = replicas + seeds.filter { !replicas.contains($0) } }
    if let configuration {
      guard newer.layout == configuration.layout else { return }
      guard newer.number >= configuration.number else {
        return learnOlder(newer)
      }
      // The same number may come with newer addresses.
      let isNews = newer.number > configuration.number
      self.configuration = newer
      if !isNews { return }
      overrides = overrides.filter { $0.value.number > newer.number }
    } else {
      configuration = newer
    }
    fruitlessRefreshes = 0
    let waiting = waitingForConfiguration
    waitingForConfiguration = []
    for ticket in waiting where isCurrent(ticket) { enter(.ready, ticket.operation) }
    dropForgottenEndpoints()
  }

  /// Two older configurations may be asked for in turn, and only one of them name a group.
  private mutating func learnOlder(_ older: Configuration) {
    if olderRecords.count > 2 * Limits.groupsMax { olderRecords = [:] }
    for (group, told) in older.departed.merging(older.groups, uniquingKeysWith: { $1 }) {
      if let known = olderRecords[group], known.identity == told.identity,
        known.membershipIndex > told.membershipIndex
      {
        continue
      }
      olderRecords[group] = told
    }
  }

  mutating func refreshEnded() {
    refreshOperation = nil
    // Whoever is in a pause asks again after it; the tickets of others are spent.
    waitingForConfiguration = waitingForConfiguration.filter { isCurrent($0) }
  }
}
