import Basics
import ShardMap
import Wire

extension Clerk {
  /// Sees to it that the newest configuration is asked for once, soon: one question at a time, and
  /// not again at once, however many operations want it.
  mutating func requestRefresh() {
    guard refreshOperation == nil, !isRefreshScheduled, userCount > 0 else { return }
    if now.monotonic < refreshAllowedAt {
      isRefreshScheduled = true
      timers.push(.refresh, at: refreshAllowedAt)
    } else {
      refreshOperation = start(Pending(.refresh, deadline: .max))
    }
  }

  /// Takes a configuration that a controller gave; older ones change nothing.
  mutating func adopt(_ newer: Configuration) {
    if let configuration {
      guard newer.number >= configuration.number, newer.layout == configuration.layout else {
        return
      }
      // The same number may come with newer addresses.
      let isNews = newer.number > configuration.number
      self.configuration = newer
      if !isNews { return }
    } else {
      configuration = newer
    }
    let waiting = waitingForConfiguration
    waitingForConfiguration = []
    for ticket in waiting where isCurrent(ticket) { enter(.ready, ticket.operation) }
    dropForgottenEndpoints()
  }

  mutating func refreshEnded() {
    refreshOperation = nil
    refreshAllowedAt = now.monotonic + jitter(settings.refresh)
    // Whoever is in a pause asks again after it; the tickets of others are spent.
    waitingForConfiguration = waitingForConfiguration.filter { isCurrent($0) }
  }
}
