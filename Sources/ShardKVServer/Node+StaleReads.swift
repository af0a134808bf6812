import Basics
import Raft
import ShardMap
import Wire

/// How fresh the applied state of a follower is.
struct Freshness: Sendable {
  /// The leader's newest message, monotonic nanoseconds, and how far it had committed then.
  private var news: (at: UInt64, commit: LogIndex)?
  /// Everything that was acknowledged before this is applied, monotonic nanoseconds.
  private(set) var since: UInt64?

  /// The leader was heard of.
  mutating func heard(commit: LogIndex, at now: UInt64) { news = (now, commit) }

  /// - Parameter isOfTerm: the last entry applied is of the leader's term. Before, a new leader may
  ///   not know yet of everything that is committed, and its commit index says nothing.
  mutating func note(applied: LogIndex, isOfTerm: Bool) {
    guard let (at, commit) = news, applied >= commit, isOfTerm else { return }
    since = at
    news = nil
  }

  /// Whoever led has not followed anybody since.
  mutating func forget() { self = Freshness() }
}

extension Node {
  /// A leader's message was taken in; to be called right after it.
  mutating func noteFreshness(_ message: Message) {
    guard case .append(let request) = message.body, raft.leader == message.from,
      raft.term == message.term
    else { return }
    freshness.heard(commit: request.commit, at: now.monotonic)
  }

  /// What of the leader's news is applied by the end of this turn.
  mutating func updateFreshness() {
    guard raft.role != .leader else { return freshness.forget() }
    freshness.note(
      applied: applied, isOfTerm: raft.term(at: applied) == raft.term)
  }

  /// How old the applied state may be, in milliseconds; `nil` if that is not known. A leader cannot
  /// know better than that it leads, and loses that belief when no quorum answers it.
  private var age: UInt64? {
    if raft.role == .leader { return raft.isReadyToServe ? 0 : nil }
    guard let since = freshness.since else { return nil }
    let age = now.monotonic - min(since, now.monotonic)
    // Upwards, so that it is never less than the truth.
    return (age + nanosecondsPerMillisecond - 1) / nanosecondsPerMillisecond
  }

  /// The answer of any replica of a shard group, without asking another.
  func staleRead(_ key: [UInt8]) -> Reply.Body {
    guard let age else { return .refused(.notReady) }
    switch service.read(.get(key: key)) {
    case .value(let value, let version):
      return .stale(StaleValue(value: value, version: version, age: age))
    case .noKey: return .stale(StaleValue(value: nil, version: 0, age: age))
    case let refusal: return refusal
    }
  }
}
