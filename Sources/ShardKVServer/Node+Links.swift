import Basics
import Clerk
import Journal
import Raft
import ShardMap
import Wire

/// The protocol versions that this program speaks.
package let protocolVersions = 1...1

/// A connection that somebody else opened.
struct AcceptedLink: Sendable {
  enum Standing: Sendable {
    /// Nothing but a hello is allowed; closed at the deadline, monotonic nanoseconds.
    case stranger(deadline: UInt64)
    case client
    /// A replica, and how it greeted.
    case peer(ReplicaHello)
  }

  var standing: Standing
  var decoder = FrameDecoder()
  var from: String
}

/// Another replica of this group, and our connection to it.
struct Peer: Sendable {
  var address: ReplicaAddress
  var connection: ConnectionID?
  var isOpen = false
  /// It answered our hello.
  var isWelcome = false
  /// When to try to connect again, monotonic nanoseconds.
  var nextAttempt: UInt64 = 0
  var decoder = FrameDecoder()
  /// Set for one that is not a member: when it is forgotten, monotonic nanoseconds.
  var leavesAt: UInt64?
  /// It was told that the group does not begin without this one.
  var isMissed = false

  init(address: ReplicaAddress, leavesAt: UInt64? = nil) {
    self.address = address
    self.leavesAt = leavesAt
  }
}

extension Node {
  /// Where the connections of this node's own clerk begin.
  package static var firstClerkConnection: UInt64 { 1 << 62 }

  mutating func handle(_ link: LinkInput, _ clerkInputs: inout [LinkInput]) {
    if link.connection.isRedis { return handleRedis(link) }
    switch link {
    case .accepted(let connection, let from): accept(connection, from)
    case .connected(let connection):
      if connection.rawValue >= Self.firstClerkConnection { return clerkInputs.append(link) }
      greet(connection)
    case .received(let connection, let bytes):
      if connection.isAccepted {
        receive(bytes, on: connection)
      } else if connection.rawValue >= Self.firstClerkConnection {
        clerkInputs.append(link)
      } else {
        receiveFromPeer(bytes, on: connection)
      }
    case .closed(let connection, let reason):
      outbox.drop(connection)
      if connection.isAccepted {
        accepted[connection] = nil
      } else if connection.rawValue >= Self.firstClerkConnection {
        clerkInputs.append(link)
      } else {
        losePeer(connection, reason)
      }
    // What it was answered is bounded by what it has asked.
    case .congested: break
    }
  }

  // Connections that others open.

  private mutating func accept(_ connection: ConnectionID, _ from: String) {
    let deadline = now.monotonic + settings.helloMilliseconds * nanosecondsPerMillisecond
    accepted[connection] = AcceptedLink(standing: .stranger(deadline: deadline), from: from)
    if accepted.count > settings.connectionsMax {
      close(connection, "this node has \(settings.connectionsMax) connections, its limit")
    }
  }

  private mutating func receive(_ bytes: [UInt8], on connection: ConnectionID) {
    // By their places: to change one by its key would take it out and put it back each time.
    guard let place = accepted.index(forKey: connection) else { return }
    accepted.values[place].decoder.append(bytes)
    do {
      while let place = accepted.index(forKey: connection),
        let message = try accepted.values[place].decoder.next()
      {
        handle(message, on: connection)
      }
    } catch {
      effects.rarePaths.insert(.frameDamaged)
      close(connection, "\(error)")
    }
  }

  private mutating func handle(_ message: WireMessage, on connection: ConnectionID) {
    guard let link = accepted[connection] else { return }
    switch (link.standing, message) {
    case (.stranger, .hello(let hello)):
      if let reason = refusal(of: hello) {
        effects.rarePaths.insert(.helloRefused)
        return close(connection, reason)
      }
      if let caller = hello.replica {
        if let reason = problem(of: caller.from, caller.incarnation) {
          outbox.send(.dismissal(reason: reason), on: connection)
          effects.events.append(NodeEvent(.warning, "refused \(link.from): \(reason)"))
          return close(connection, nil)
        }
        meetStranger(caller)
      }
      accepted[connection]?.decoder.limits = .conversation
      accepted[connection]?.standing = hello.replica.map { .peer($0) } ?? .client
      outbox.send(
        .welcome(
          Welcome(
            version: protocolVersions.upperBound, cluster: identity.cluster, group: identity.group,
            identity: identity.groupIdentity, replica: identity.replica,
            incarnation: identity.incarnation)), on: connection)
    case (.peer(let caller), .raft(let message)):
      guard message.from == caller.from, message.to == identity.replica else {
        return close(connection, "a message of another replica than the hello named")
      }
      counters.messagesReceived += 1
      if case .appendReply(let reply) = message.body,
        case .conflict(let previous, let hint) = reply.outcome, hint.index.next < previous
      {
        effects.rarePaths.insert(.conflictSkippedEntries)
      }
      meetStranger(caller)
      raft.step(message)
      noteFreshness(message)
    case (.peer(let caller), .state(let report)):
      counters.messagesReceived += 1
      heard(report, from: caller.from)
    case (.peer, .dismissal(let reason)): leave(because: reason)
    case (.client, .request(let request)): handle(request, on: connection)
    case (_, .goodbye(let reason)):
      effects.rarePaths.insert(.goodbyeReceived)
      effects.events.append(NodeEvent(.warning, "\(link.from) said goodbye: \(reason)"))
      close(connection, nil)
    default: close(connection, "a message that does not belong here")
    }
  }

  /// Why whoever says this hello is not spoken to; `nil`: welcome.
  private func refusal(of hello: Hello) -> String? {
    guard hello.versions.overlaps(protocolVersions) else {
      return "this node speaks protocol versions \(protocolVersions.lowerBound) to "
        + "\(protocolVersions.upperBound), the caller \(hello.versions.lowerBound) to "
        + "\(hello.versions.upperBound)"
    }
    if let cluster = hello.cluster, cluster != identity.cluster {
      return "this node belongs to cluster \(identity.cluster), not to \(cluster)"
    }
    guard let caller = hello.replica else { return nil }
    guard caller.group == identity.group, caller.identity == identity.groupIdentity,
      hello.cluster == identity.cluster
    else {
      return
        "this node is a replica of group \(identity.group) (\(identity.groupIdentity)), not of "
        + "group \(caller.group) (\(caller.identity))"
    }
    guard caller.to == identity.replica else {
      return "this is replica \(identity.replica), not \(caller.to)"
    }
    return nil
  }

  mutating func close(_ connection: ConnectionID, _ reason: String?) {
    if let reason {
      outbox.send(.goodbye(reason: reason), on: connection)
      effects.events.append(
        NodeEvent(.warning, "closed \(accepted[connection]?.from ?? "a connection"): \(reason)"))
    }
    outbox.flush(connection, into: &effects.links)
    effects.links.append(.close(connection))
    accepted[connection] = nil
  }

  /// Closes connections that do not say who they are.
  mutating func expireHellos() {
    guard now.monotonic >= nextHelloCheck else { return }
    nextHelloCheck = now.monotonic + settings.helloMilliseconds * nanosecondsPerMillisecond / 4
    for connection in accepted.keys.sorted() {
      if case .stranger(let deadline)? = accepted[connection]?.standing, deadline <= now.monotonic {
        effects.rarePaths.insert(.helloExpired)
        close(connection, "no hello within \(settings.helloMilliseconds) ms")
      }
    }
  }

  // Connections to the other replicas, for our messages to them; theirs come on their own.

  mutating func connectPeers() {
    forgetStrangers()
    for place in peers.indices
    where peers[place].connection == nil && peers[place].nextAttempt <= now.monotonic {
      let connection = ConnectionID(rawValue: nextConnection)
      nextConnection += 1
      peers[place].connection = connection
      peers[place].decoder = FrameDecoder()
      effects.links.append(.connect(connection, peers[place].address.peer))
    }
  }

  private mutating func greet(_ connection: ConnectionID) {
    guard let place = peers.firstIndex(where: { $0.connection == connection }) else { return }
    peers[place].isOpen = true
    outbox.send(
      .hello(
        Hello(
          versions: protocolVersions, cluster: identity.cluster,
          replica: ReplicaHello(
            group: identity.group, identity: identity.groupIdentity, from: identity.replica,
            to: peers[place].address.id, incarnation: identity.incarnation,
            address: ownAddress))), on: connection)
  }

  private mutating func receiveFromPeer(_ bytes: [UInt8], on connection: ConnectionID) {
    guard let place = peers.firstIndex(where: { $0.connection == connection }) else { return }
    peers[place].decoder.append(bytes)
    do {
      while let message = try peers[place].decoder.next() {
        switch message {
        case .welcome(let welcome):
          if let reason = problem(of: peers[place].address.id, welcome.incarnation) {
            outbox.send(.dismissal(reason: reason), on: connection)
            outbox.flush(connection, into: &effects.links)
            return dropPeer(place, reason)
          }
          peers[place].isWelcome = true
        case .dismissal(let reason): return leave(because: reason)
        case .goodbye(let reason): dropPeer(place, reason); return
        default: dropPeer(place, "a message that does not belong here"); return
        }
      }
    } catch {
      dropPeer(place, "\(error)")
    }
  }

  /// Where this replica is reached.
  private var ownAddress: String {
    (member(identity.replica)?.address ?? identity.members.first { $0.id == identity.replica })?
      .peer ?? ""
  }

  mutating func dropPeer(_ place: Int, _ reason: String) {
    guard let connection = peers[place].connection else { return }
    outbox.drop(connection)
    effects.links.append(.close(connection))
    losePeer(connection, reason)
  }

  private mutating func losePeer(_ connection: ConnectionID, _ reason: String) {
    guard let place = peers.firstIndex(where: { $0.connection == connection }) else { return }
    let wasOpen = peers[place].isOpen
    peers[place].connection = nil
    peers[place].isOpen = false
    // One that worked is tried again at once: whether its process is still there matters.
    let pause = peers[place].isWelcome ? 0 : UInt64(random.next(in: settings.reconnectMilliseconds))
    peers[place].nextAttempt = now.monotonic + pause * nanosecondsPerMillisecond
    peers[place].isWelcome = false
    if !wasOpen {
      noteUnreachable(peers[place].address.id)
      tellWhoIsMissing(place, reason)
    }
    if wasOpen {
      effects.events.append(
        NodeEvent(.info, "lost the connection to \(peers[place].address.peer): \(reason)"))
    }
  }

  /// A connection to another replica failed. If it leads, and has none to us either, then its
  /// process is gone.
  private mutating func noteUnreachable(_ replica: ReplicaID) {
    guard raft.leader == replica else { return }
    let isConnected = accepted.values.contains {
      if case .peer(let caller) = $0.standing { caller.from == replica } else { false }
    }
    if !isConnected { raft.suspectLeader() }
  }

  /// Whoever starts a new group should know why nothing happens.
  private mutating func tellWhoIsMissing(_ place: Int, _ reason: String) {
    guard raft.isUnborn, followed.isVoter(identity.replica), !peers[place].isMissed,
      now.monotonic >= startedAt + settings.helloMilliseconds * nanosecondsPerMillisecond
    else { return }
    peers[place].isMissed = true
    effects.events.append(
      NodeEvent(
        .warning,
        "cannot reach \(peers[place].address.peer) (\(reason)): a new group begins once all its "
          + "replicas have been reached"))
  }

  /// Sends to another replica, or drops the message if there is no connection: Raft sends again.
  mutating func send(_ message: Message) {
    guard let peer = peers.first(where: { $0.address.id == message.to }), peer.isOpen,
      let connection = peer.connection
    else { return }
    counters.messagesSent += 1
    if !message.body.isReply { counters.callsSent += 1 }
    switch message.body {
    case .timeoutNow: effects.rarePaths.insert(.toldToCampaign)
    case .removed: effects.rarePaths.insert(.toldRemoved)
    default: break
    }
    outbox.send(.raft(message), on: connection)
  }
}
