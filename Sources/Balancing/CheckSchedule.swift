/// When a background loop looks for backends and checks them. Times are nanoseconds of the
/// monotonic clock.
package struct CheckSchedule: Hashable, Sendable {
  package struct Due: Hashable, Sendable {
    /// Look for backends now, before checking.
    package let update: Bool
    package let check: Bool
    /// When to ask again; `nil`: never, the loop is done.
    package let next: UInt64?

    package init(update: Bool, check: Bool, next: UInt64?) {
      self.update = update
      self.check = check
      self.next = next
    }
  }

  private let updateEvery: UInt64?
  private let checkEvery: UInt64?
  private var nextUpdate: UInt64 = 0
  private var nextCheck: UInt64 = 0

  /// - Parameters:
  ///   - updateEvery: how often to look for backends; `nil` is once, at the start.
  ///   - checkEvery: how often to check them; `nil` is once, at the start.
  package init(updateEvery: UInt64?, checkEvery: UInt64?) {
    self.updateEvery = updateEvery
    self.checkEvery = checkEvery
  }

  /// What is due at `now`. The next time is counted from `now`, so nothing piles up when late.
  package mutating func due(_ now: UInt64) -> Due {
    let (update, check) = (nextUpdate <= now, nextCheck <= now)
    if update { nextUpdate = Self.later(now, updateEvery) }
    if check { nextCheck = Self.later(now, checkEvery) }
    let next = min(nextUpdate, nextCheck)
    return Due(update: update, check: check, next: next == .max ? nil : next)
  }

  private static func later(_ now: UInt64, _ pause: UInt64?) -> UInt64 {
    guard let pause else { return .max }
    let (sum, isTooLate) = now.addingReportingOverflow(pause)
    return isTooLate ? .max : sum
  }
}
