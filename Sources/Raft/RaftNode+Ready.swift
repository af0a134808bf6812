import Basics

extension RaftNode {
  /// Whether ``takeReady(applying:)`` has something to hand out.
  package var hasReady: Bool { hasReady(applying: true) }

  /// Whether ``takeReady(applying:)`` has; with `false`, besides committed entries.
  package func hasReady(applying: Bool) -> Bool {
    !messages.isEmpty || !messagesAfterSync.isEmpty || following.reply != nil
      || !readOutcomes.isEmpty || !followerReads.waiting.isEmpty || !receivedSections.isEmpty
      || hardState != hardStateHanded || trust != trustHanded
      || entriesHanded < log.last.index || (applying && commitHanded < commitIndex)
      || (standing == .leader && leadership.isDue)
  }

  /// Hands out everything that is to be done, each thing once. Replication happens here, so that
  /// what was proposed and acknowledged in one turn makes one message for each follower.
  ///
  /// - Parameter applying: `false` leaves committed entries for later.
  package mutating func takeReady(applying: Bool = true) -> Ready {
    if standing == .leader { lead() } else { askLeader() }
    var ready = Ready()
    if hardState != hardStateHanded {
      hardStateHanded = hardState
      ready.hardState =
        settings.bugs.contains(.voteNotDurable) ? HardState(term: hardState.term) : hardState
    }
    if trust != trustHanded {
      trustHanded = trust
      ready.trust = trust
    }
    if entriesHanded < log.last.index {
      ready.entries = log.slice(from: entriesHanded.next, through: log.last.index)
      entriesHanded = log.last.index
      handouts.append(Handout(last: log.last, upTo: log.last.index, settles: isSettling))
    }
    if applying, commitHanded < commitIndex {
      let portion = log.batch(
        from: commitHanded.next, through: commitIndex, bytesMax: settings.committedBytesMax)
      ready.committed = portion.entries
      commitHanded = portion.entries.last?.index ?? commitIndex
    }
    if let reply = following.reply {
      // Whoever forgot its leader since has nobody to tell; the next leader will ask again.
      following.reply = nil
      if let leader { sendAfterSync(.appendReply(reply), to: leader) }
    }
    swap(&ready.messages, &messages)
    swap(&ready.messagesAfterSync, &messagesAfterSync)
    swap(&ready.reads, &readOutcomes)
    swap(&ready.receivedSections, &receivedSections)
    if standing == .leader { ready.wantedSections = wantedSections() }
    checkInvariants()
    return ready
  }

  package var term: Term { hardState.term }

  package var role: Role {
    switch standing {
    case .follower: memberships.isVoter(id) ? .follower : .learner
    case .preCandidate: .preCandidate
    case .candidate: .candidate
    case .leader: .leader
    }
  }

  /// The first entry that is still in memory, and the last; `lastIndex` is one less than
  /// `firstIndex` when there is none.
  package var firstIndex: LogIndex { log.base.index.next }
  package var lastIndex: LogIndex { log.last.index }
  package var lastID: EntryID { log.last }
  /// The replicated clock of the last entry, milliseconds since 1970.
  package var stamp: UInt64 { log.lastStamp }
  /// The membership in force: that of the last membership entry in the log, committed or not.
  package var membership: Membership { memberships.current.membership }
  /// Counts how often ``membership`` became another since this replica started.
  package var membershipRevision: UInt64 { memberships.revision }
  /// The index of the entry that made ``membership``; 0 for the first one.
  package var membershipIndex: LogIndex { memberships.current.index }
  /// The last entry of the newest durable snapshot; zero if there is none.
  package var snapshot: EntryID { snapshotMetadata?.last ?? .zero }
  /// Everything up to here is in this replica's own journal, synced.
  package var durableIndex: LogIndex { durable }

  /// Whether this leader's election is on a disk, so that no other can be elected in its term. One
  /// that won alone says nothing to anybody before.
  package var isElected: Bool { standing == .leader && !leadership.isHeld }

  /// Whether this is a leader that has committed an entry of its own term, so that it knows of
  /// everything that was committed before it.
  package var isReadyToServe: Bool {
    standing == .leader && commitIndex >= leadership.termStart
  }

  /// The end of the oldest snapshot that this leader is sending to a follower.
  package var snapshotSent: LogIndex? {
    leadership.peers.compactMap { $0.sending?.metadata.last.index }.min()
  }

  /// What each other replica is known to have, by its id; of a leader.
  package var matches: [LogIndex] { leadership.peers.map(\.match) }

  /// How often each of them has said that it was in doubt.
  package var peerDoubts: [UInt64] { leadership.peers.map(\.trust.doubts) }

  /// The term of the entry at `index`; `nil` if it is no longer, or not yet, in memory.
  package func term(at index: LogIndex) -> Term? { log.term(at: index) }

  /// Bytes of the entries after `index`, about as many as they are in a journal.
  package func bytes(after index: LogIndex) -> Int { log.bytes(after: index) }

  /// What a snapshot of the state after the entry at `index` stands for; `nil` if that entry is not
  /// committed or no longer in memory.
  package func metadata(at index: LogIndex) -> SnapshotMetadata? {
    guard index <= commitIndex, index > .zero, let id = log.id(at: index),
      let stamp = log.stamp(at: index)
    else { return nil }
    let change = memberships.change(at: index)
    return SnapshotMetadata(
      last: id, stamp: stamp, membership: change.membership, membershipIndex: change.index)
  }

  /// How far a leader's followers are, in ascending order of their ids; empty on others.
  package var progress: [FollowerProgress] {
    guard standing == .leader else { return [] }
    return leadership.peers.map {
      FollowerProgress(
        id: $0.id, phase: $0.phase.rawValue, match: $0.match, next: $0.next,
        ticksSinceHeard: ticks - $0.heardTick, isInDoubt: $0.trust.isInDoubt, hasRoom: $0.hasRoom)
    }
  }

  /// Stops the process if the state contradicts itself.
  package func checkInvariants() {
    invariant(
      log.base.index <= commitHanded && commitHanded <= commitIndex
        && commitIndex <= log.last.index,
      "\(id): base \(log.base), handed \(commitHanded), commit \(commitIndex), last \(log.last)"
    )
    invariant(
      durable <= entriesHanded && entriesHanded <= log.last.index,
      "\(id): durable \(durable), handed \(entriesHanded), last \(log.last)"
    )
    invariant(log.last.term <= term, "\(id): last \(log.last) is above term \(term)")
    invariant(
      snapshot.index <= commitIndex, "\(id): snapshot \(snapshot) is above commit \(commitIndex)")
    invariant(
      standing == .leader || leadership.peers.isEmpty, "\(id) keeps progress but does not lead")
    guard standing == .leader else { return }
    invariant(leader == id, "\(id) leads but follows \(String(describing: leader))")
    invariant(
      leadership.termStart <= log.last.index, "\(id): term start \(leadership.termStart) is lost")
    for peer in leadership.peers {
      invariant(
        peer.match < peer.next && peer.match <= log.last.index
          && peer.next <= log.last.index.next,
        "\(id): \(peer.id) has match \(peer.match), next \(peer.next), our last is \(log.last)"
      )
    }
  }
}

/// How far a follower is, for the status that people read.
package struct FollowerProgress: Hashable, Sendable {
  package var id: ReplicaID
  /// `probe`, `replicate` or `snapshot`.
  package var phase: String
  /// Durable there up to here; the next entry to send.
  package var match: LogIndex
  package var next: LogIndex
  package var ticksSinceHeard: UInt64
  /// It may have forgotten something, and counts for nothing until that is settled.
  package var isInDoubt: Bool
  package var hasRoom: Bool
}
