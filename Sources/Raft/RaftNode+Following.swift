import Basics

extension RaftNode {
  /// Takes the sender of a valid request of this term as the leader.
  mutating func hearLeader(_ sender: ReplicaID) {
    if standing != .follower || leader != sender {
      becomeFollower(term: term, leader: sender)
    }
    electionElapsed = 0
    ticksSinceLeader = 0
    isLeaderHeard = true
  }

  mutating func handle(_ request: AppendRequest, from sender: ReplicaID) {
    // Two leaders of one term cannot be; whoever claims it is not believed.
    guard standing != .leader, request.isSound(term: term) else { return }
    hearLeader(sender)
    if isRestoring {
      reply(.heard, round: request.round)
      return
    }
    if request.previous.index < log.base.index {
      following.verified = max(following.verified, commitIndex)
      settleTrust(by: request)
      acknowledge(upTo: commitIndex, appended: false, round: request.round)
      return
    }
    guard log.contains(request.previous) else {
      refuse(request)
      return
    }
    var known = 0
    if !settings.bugs.contains(.appendTruncates) {
      while known < request.entries.count, log.contains(request.entries[known].id) { known += 1 }
    }
    // With the first entry of a leader's term a group that is full goes on to answer reads.
    let isFull =
      isRefusingAppends && request.entries[known...].contains { $0.kind != .empty }
    let lastNew =
      isFull
      ? LogIndex(request.previous.index.rawValue + UInt64(known))
      : request.entries.last?.index ?? request.previous.index
    if known < request.entries.count, !isFull {
      guard cut(from: request.entries[known].index) else { return }
      for entry in request.entries[known...] { append(entry) }
    }
    // Only up to the last entry of this message: what follows in our log may be another leader's.
    commit(
      upTo: settings.bugs.contains(.commitBeyondAppend)
        ? request.commit : min(request.commit, lastNew))
    following.verified = max(following.verified, lastNew)
    settleTrust(by: request)
    // An acknowledgement of less would have the rest sent again at once.
    if isFull { return reply(.heard, round: request.round) }
    acknowledge(upTo: lastNew, appended: known < request.entries.count, round: request.round)
  }

  /// Makes room for an entry at `index`: drops ours from there on.
  private mutating func cut(from index: LogIndex) -> Bool {
    guard index <= log.last.index else { return true }
    guard index > commitIndex else {
      contradicted(at: index)
      return false
    }
    log.truncate(from: index)
    forgetHandouts(from: index)
    if !settings.bugs.contains(.noRollbackOfTruncatedConfig) {
      _ = memberships.truncate(from: index)
    }
    return true
  }

  private mutating func refuse(_ request: AppendRequest) {
    guard request.previous.index > commitIndex else {
      contradicted(at: request.previous.index)
      return
    }
    let hint = log.lastEntry(at: request.previous.index.previous, notAbove: request.previous.term)
    reply(.conflict(previous: request.previous.index, hint: hint), round: request.round)
  }

  /// A leader disagrees with what is committed: state was lost somewhere, and to go on would lose
  /// more. With planted bugs that is what the simulator waits for its checkers to see.
  private func contradicted(at index: LogIndex) {
    invariant(
      !settings.bugs.isEmpty,
      "\(id): leader \(String(describing: leader)) of term \(term) contradicts entry \(index), "
        + "but everything up to \(commitIndex) is committed"
    )
  }

  /// Tells the leader that the log agrees up to `index`: at once if that is durable, otherwise
  /// after this ready's sync; and if an earlier ready's sync is still under way, when that is done.
  mutating func acknowledge(upTo index: LogIndex, appended: Bool, round: UInt64) {
    following.verified = max(following.verified, index)
    if appended || hardState != hardStateHanded || trust != trustHanded {
      // A new round must not wait for the disk: reads hang on it.
      if round > following.round { reply(.heard, round: round) }
      let matched = max(index, following.reply.map(\.matchedIndex) ?? .zero)
      following.reply = answer(.matched(matched), round: max(round, following.round))
    } else if index <= durable {
      reply(.matched(index), round: round)
    } else {
      reply(.heard, round: round)
      following.owesReply = following.reply == nil
    }
    following.round = max(following.round, round)
  }

  mutating func reply(_ outcome: AppendReply.Outcome, round: UInt64) {
    guard let leader else { return }
    following.round = max(following.round, round)
    let answer = Message.Body.appendReply(answer(outcome, round: round))
    // That a doubt is settled may be said only when it is durable, and otherwise it was not
    // settled.
    if isSettling { sendAfterSync(answer, to: leader) } else { send(answer, to: leader) }
  }

  private func answer(_ outcome: AppendReply.Outcome, round: UInt64) -> AppendReply {
    AppendReply(
      outcome: outcome, round: round, wall: now.wall,
      promise: settings.leaseReads ? settings.promiseMilliseconds : 0, trust: trust.report,
      hasRoom: hasRoom)
  }

  mutating func payOwedReply() {
    guard following.owesReply, leader != nil else { return }
    let index = min(following.verified, durable)
    following.owesReply = index < following.verified
    reply(.matched(index), round: following.round)
  }
}

extension AppendReply {
  fileprivate var matchedIndex: LogIndex {
    if case .matched(let index) = outcome { index } else { .zero }
  }
}

extension AppendRequest {
  /// Whether a leader of `term` can have sent this.
  fileprivate func isSound(term: Term) -> Bool {
    guard previous.index.rawValue < 1 << 62, previous.index > .zero || previous == .zero else {
      return false
    }
    var last = previous
    var stamp: UInt64 = 0
    for entry in entries {
      guard entry.index == last.index.next, entry.term >= last.term, entry.stamp >= stamp else {
        return false
      }
      if entry.kind == .membership, (try? Membership(encoded: entry.payload)) == nil {
        return false
      }
      last = entry.id
      stamp = entry.stamp
    }
    return last.term <= term
  }
}
