import Basics
import Raft
import ShardMap
import Wire

extension Node {
  /// Links to replicas that are in no membership known here are kept as long as they are used, and
  /// so much longer: one that was removed is to learn it, and one that joins has to answer.
  private static var strangerNanoseconds: UInt64 { 10_000 * nanosecondsPerMillisecond }
  /// Links to members and strangers together.
  private static var peersMax: Int { 2 * Membership.replicasMax }

  /// What is known of a member; `nil` for strangers.
  func member(_ replica: ReplicaID) -> Member? { members.first { $0.address.id == replica } }

  /// Takes over the membership in force, committed or not: whom to connect to, and where.
  mutating func followMembership() {
    guard raft.membershipRevision != followedRevision else { return }
    followedRevision = raft.membershipRevision
    guard raft.membership != followed else { return }
    followed = raft.membership
    members = followed.everyone.compactMap { replica in
      followed.contexts[replica].flatMap { Member(replica, encoded: $0) }
        ?? identity.members.first { $0.id == replica }.map { Member(address: $0) }
    }
    for member in members where member.address.id != identity.replica { meet(member.address) }
    for place in peers.indices
    where peers[place].leavesAt == nil && !followed.includes(peers[place].address.id) {
      peers[place].leavesAt = now.monotonic + Self.strangerNanoseconds
    }
    dismissImpostors()
    if let known = member(identity.replica)?.incarnation, known != .unknown,
      known != identity.incarnation, !settings.bugs.contains(.wipedReplicaVotes)
    {
      leave(because: dismissal(of: identity.replica, identity.incarnation, known))
    }
  }

  private mutating func meet(_ address: ReplicaAddress) {
    guard let place = peers.firstIndex(where: { $0.address.id == address.id }) else {
      peers.append(Peer(address: address))
      return
    }
    peers[place].leavesAt = nil
    if peers[place].address != address {
      dropPeer(place, "its address is \(address.peer) now")
      peers[place].address = address
    }
  }

  /// A replica is heard from that our membership, which may be the stale one, does not list:
  /// answers need a connection to it, which is kept as long as it speaks. It may speak again after
  /// a silence without another hello.
  mutating func meetStranger(_ caller: ReplicaHello) {
    guard !followed.includes(caller.from) else { return }
    if let place = peers.firstIndex(where: { $0.address.id == caller.from }) {
      peers[place].leavesAt = now.monotonic + Self.strangerNanoseconds
    } else if !caller.address.isEmpty, peers.count < Self.peersMax {
      peers.append(
        Peer(
          address: ReplicaAddress(id: caller.from, peer: caller.address),
          leavesAt: now.monotonic + Self.strangerNanoseconds))
    }
  }

  mutating func forgetStrangers() {
    for place in peers.indices.reversed() {
      guard let end = peers[place].leavesAt, end <= now.monotonic else { continue }
      dropPeer(place, "it is not a member")
      peers.remove(at: place)
    }
  }

  // Folders that were made anew under an old id.

  /// Why a replica with this folder is not who it says it is; `nil`: it may be.
  mutating func problem(of replica: ReplicaID, _ incarnation: Incarnation) -> String? {
    if let known = member(replica)?.incarnation, known != .unknown, known != incarnation,
      !settings.bugs.contains(.wipedReplicaVotes)
    {
      return dismissal(of: replica, incarnation, known)
    }
    if incarnation != .unknown,
      incarnations.updateValue(incarnation, forKey: replica) != incarnation
    {
      haveErrandsChanged = true
    }
    return nil
  }

  private func dismissal(
    of replica: ReplicaID, _ found: Incarnation, _ known: Incarnation
  ) -> String {
    "replica \(replica) of group \(identity.group) has folder \(found), and the group knows it "
      + "with folder \(known). One that lost its folder has forgotten its votes and cannot come "
      + "back under its old id: make a folder for a new id with 'shardkv-server init --join', run "
      + "it, then 'shardkv-cli group replace \(identity.group) \(replica) NEW=HOST:PORT'"
  }

  /// Connections of replicas that the membership now knows with another folder than they greeted
  /// with: they were accepted when that was not known here.
  private mutating func dismissImpostors() {
    guard !settings.bugs.contains(.wipedReplicaVotes) else { return }
    for connection in accepted.keys.sorted() {
      guard case .peer(let caller)? = accepted[connection]?.standing,
        let known = member(caller.from)?.incarnation, known != .unknown,
        caller.incarnation != known
      else { continue }
      effects.rarePaths.insert(.impostorDismissed)
      let reason = dismissal(of: caller.from, caller.incarnation, known)
      outbox.send(.dismissal(reason: reason), on: connection)
      close(connection, nil)
    }
  }

  /// The group does not know this replica's folder: it must not go on.
  mutating func leave(because reason: String) {
    guard effects.stop == nil else { return }
    effects.stop = .dismissed(reason)
    effects.events.append(NodeEvent(.error, reason))
  }

  /// A leader binds the folders that it has learnt of to their replicas, in one entry. From then on
  /// another folder under the same id is refused.
  /// - Returns: whether nothing of it is left to be done.
  mutating func bindIncarnations() -> Bool {
    guard raft.isReadyToServe, raft.isMembershipSettled, !isHandingOver else { return false }
    var contexts: [ReplicaID: [UInt8]] = [:]
    for member in members where member.incarnation == .unknown {
      let replica = member.address.id
      let found =
        replica == identity.replica ? identity.incarnation : incarnations[replica] ?? .unknown
      guard found != .unknown else { continue }
      contexts[replica] = Member(address: member.address, incarnation: found).encoded()
    }
    if contexts.isEmpty { return true }
    if case .accepted = raft.propose(MembershipChange(contexts: contexts)) { return true }
    return false
  }

  // What operators ask for.

  mutating func handle(_ command: MembershipCommand, _ asker: Asker) {
    guard raft.role == .leader else {
      return reply(asker, .refused(.wrongLeader(hint: leaderAddress)))
    }
    guard !isHandingOver else { return reply(asker, .refused(.notReady)) }
    let change: MembershipChange
    switch command {
    case .add(let address):
      if let other = members.first(where: { $0.address.peer == address.peer })?.address.id,
        other != address.id
      {
        return reply(
          asker,
          .refused(.invalid("\(address.peer) is the address of \(other), which is a member")))
      }
      change = MembershipChange(
        adding: [address.id], contexts: [address.id: Member(address: address).encoded()])
    case .promote(let replica): change = .promote(replica)
    case .remove(let replica): change = .remove(replica)
    case .replace(let old, let new): change = .replace(old, with: new)
    case .transfer(let target): return beginHandOver(to: target, for: asker)
    }
    switch raft.propose(change) {
    case .accepted: reply(asker, .done(.zero))
    case .refused(.notLeader): reply(asker, .refused(.wrongLeader(hint: leaderAddress)))
    case .refused(.notReady), .refused(.changePending), .refused(.transferring):
      reply(asker, .refused(.notReady))
    case .refused(.overloaded): reply(asker, .refused(.overloaded))
    case .refused(let refusal): reply(asker, .refused(.invalid("\(refusal)")))
    }
  }
}
