import Basics
import Raft

/// Replicas that do nothing but what they are told, and a record of everything they do.
///
/// Commands, `N` being a replica's number:
/// - `with WHAT [VALUE]`, before all others: `replicas`, `joiners`, `leases`, `append-bytes`,
///   `in-flight`, `retained`, `promotion-lag`, `bug`
/// - `elect N` (an election, told in one line), `campaign N`, `tick N COUNT`, `pass COUNT` (so many
///   ticks for everyone), `wait MS` (the clocks go on and nobody ticks)
/// - `propose N TEXT`, `read N CONTEXT`, `add N R`, `promote N R`, `remove N R`,
///   `replace N OLD NEW`, `transfer N [R]`, `suspect N`
/// - `deliver N` (everything under way to N), `drop N`, `cut N` and `mend N` (whatever goes to N or
///   comes from it is lost), `sync N`, `stall N` and `unstall N` (its disk), `settle` (sync and
///   deliver everything)
/// - `crash N` (what it has not synced is lost), `crash N doubting` (its journal's end is bad),
///   `crash N forgetting` (and what was there was synced), `crash N damaged` (nothing is left),
///   `start N`
/// - `snapshot N`, `give N` (reads the sections that N wants), `restored N`
struct TranscriptStage {
  private var settings = RaftSettings()
  private var replicas = 3
  private var joiners = 0
  private var nodes: [RaftNode] = []
  /// Messages that were sent and not yet delivered or dropped, oldest first.
  private var mail: [Message] = []
  /// What waits for each node's sync: messages, and what is written.
  private var unsynced: [Disk.Batch] = []
  private var disks: [Disk] = []
  private var down: Set<Int> = []
  private var stalled: Set<Int> = []
  private var lost: Set<Int> = []
  private var wanted: [[WantedSection]] = []
  private var received: [SnapshotMetadata?] = []
  private var standings: [String] = []
  private var milliseconds: UInt64 = 0
  private var lines: [String] = []

  /// What happened since it was last asked for.
  mutating func takeLines() -> [String] {
    defer { lines = [] }
    return lines.isEmpty ? ["nothing"] : lines
  }

  mutating func run(_ command: String) throws {
    let words = command.split(separator: " ").map(String.init)
    if words.first == "with" { return try prepare(words, command) }
    begin()
    switch (words[0], words.count) {
    case ("settle", 1): try settle()
    case ("elect", 2): try elect(words[1])
    case ("pass", 2):
      for _ in 0..<(Int(words[1]) ?? 0) {
        milliseconds += RaftSettings.tickMilliseconds
        let up = (1...nodes.count).filter { !down.contains($0) }
        for number in up { tick(number) }
        for number in up { take(number) }
      }
    case ("wait", 2): milliseconds += UInt64(words[1]) ?? 0
    default:
      guard words.count >= 2, let number = Int(words[1]), nodes.indices.contains(number - 1) else {
        throw Failed(description: "not a command: \(command)")
      }
      nodes[number - 1].setTime(time)
      try run(words[0], number, Array(words.dropFirst(2)), command)
      if !down.contains(number) { take(number) }
    }
  }

  private mutating func prepare(_ words: [String], _ command: String) throws {
    guard nodes.isEmpty, words.count >= 2 else {
      throw Failed(description: "not at the beginning: \(command)")
    }
    let value = words.count > 2 ? Int(words[2]) ?? 0 : 0
    switch words[1] {
    case "replicas": replicas = value
    case "joiners": joiners = value
    case "leases": settings.leaseReads = true
    case "append-bytes": settings.appendBytesMax = value
    case "in-flight": settings.appendsInFlightMax = value
    case "retained": settings.retainedEntries = value
    case "promotion-lag": settings.promotionLagMax = UInt64(value)
    case "bug":
      for named in PlantedBugs.named + PlantedBugs.namedInTests
      where named.name == words.last {
        settings.bugs.insert(named.bug)
      }
    default: throw Failed(description: "not a command: \(command)")
    }
    lines.append("agreed")
  }

  private mutating func begin() {
    guard nodes.isEmpty else { return }
    for number in 1...replicas + joiners {
      disks.append(Disk())
      nodes.append(node(number))
      unsynced.append(Disk.Batch(changes: [], messages: []))
      wanted.append([])
      received.append(nil)
      standings.append(standing(of: nodes[number - 1]))
    }
  }

  private func node(_ number: Int) -> RaftNode {
    let ids = (1...replicas + joiners).map { ReplicaID(rawValue: UInt64($0)) }
    return RaftNode(
      id: ids[number - 1], settings: settings,
      membership: Membership(voters: number <= replicas ? Array(ids[..<replicas]) : []),
      restored: disks[number - 1].restored, seed: UInt64(number))
  }

  private mutating func crash(_ number: Int, _ how: String?) throws {
    switch how {
    case nil: break
    case "doubting": disks[number - 1].forget(batches: 0)
    case "forgetting": disks[number - 1].forget(batches: 1)
    case "damaged": disks[number - 1].forgetEverything()
    default: throw Failed(description: "not a crash: \(how ?? "")")
    }
    down.insert(number)
    mail.removeAll { $0.to == nodes[number - 1].id }
    unsynced[number - 1] = Disk.Batch(changes: [], messages: [])
    // It says and does nothing, and remembers nothing of what it was.
    nodes[number - 1] = node(number)
    standings[number - 1] = ""
  }

  private mutating func start(_ number: Int) {
    down.remove(number)
    nodes[number - 1] = node(number)
    nodes[number - 1].setTime(time)
    let state = nodes[number - 1]
    let vote = state.hardState.vote.map { "\($0.rawValue)" } ?? "nobody"
    lines.append("\(number) remembers term \(state.term), vote \(vote), and has \(state.lastID)")
  }

  private var time: Moment {
    Moment(monotonic: milliseconds * nanosecondsPerMillisecond, wall: milliseconds)
  }

  private mutating func elect(_ leader: String) throws {
    // Where there are leases nobody votes right after a start.
    if settings.leaseReads {
      for number in 1...nodes.count where "\(number)" != leader { try run("tick \(number) 50") }
    }
    for command in ["campaign \(leader)", "settle", "pass 10", "settle"] { try run(command) }
    lines = nodes.filter { $0.role == .leader }.map {
      "\($0.id.rawValue) leads in term \($0.term), and everything is committed up to \($0.lastID)"
    }
  }

  private mutating func settle() throws {
    while !mail.isEmpty
      || unsynced.indices.contains(where: {
        !stalled.contains($0 + 1) && !unsynced[$0].isEmpty
      })
    {
      let up = (1...nodes.count).filter { !down.contains($0) }
      for number in up where !stalled.contains(number) { try run("sync \(number)") }
      for number in up { try run("deliver \(number)") }
    }
  }

  private mutating func run(
    _ word: String, _ number: Int, _ arguments: [String], _ command: String
  ) throws {
    let node = number - 1
    let others = arguments.compactMap { UInt64($0).map { ReplicaID(rawValue: $0) } }
    switch (word, arguments.count) {
    case ("campaign", 0): while nodes[node].role == .follower { tick(number) }
    case ("tick", 1):
      for _ in 0..<(Int(arguments[0]) ?? 0) {
        milliseconds += RaftSettings.tickMilliseconds
        tick(number)
        take(number)
      }
    case ("propose", 1):
      if let refusal = nodes[node].refusal(bytes: arguments[0].utf8.count) {
        lines.append("\(number) refuses: \(refusal)")
      }
      _ = nodes[node].propose(Array(arguments[0].utf8))
    case ("read", 1): nodes[node].readAnywhere(context: UInt64(arguments[0]) ?? 0)
    case ("add", 1): propose(.add(others[0]), number)
    case ("promote", 1): propose(.promote(others[0]), number)
    case ("remove", 1): propose(.remove(others[0]), number)
    case ("replace", 2): propose(.replace(others[0], with: others[1]), number)
    case ("transfer", 0...1):
      if let refusal = nodes[node].transferLeadership(to: others.first) {
        lines.append("\(number) refuses: \(refusal)")
      }
    case ("suspect", 0): nodes[node].suspectLeader()
    case ("deliver", 0):
      let id = nodes[node].id
      for message in mail where message.to == id { nodes[node].step(message) }
      mail.removeAll { $0.to == id }
    case ("drop", 0): mail.removeAll { $0.to == nodes[node].id }
    case ("cut", 0):
      lost.insert(number)
      mail.removeAll { lost.contains(Int($0.to.rawValue)) || lost.contains(Int($0.from.rawValue)) }
    case ("mend", 0): lost.remove(number)
    case ("stall", 0): stalled.insert(number)
    case ("unstall", 0): stalled.remove(number)
    case ("sync", 0): sync(number)
    case ("crash", 0...1): try crash(number, arguments.first)
    case ("start", 0): start(number)
    case ("snapshot", 0), ("give", 0), ("restored", 0): try snapshot(word, number)
    default: throw Failed(description: "not a command: \(command)")
    }
  }

  private mutating func propose(_ change: MembershipChange, _ number: Int) {
    if case .refused(let refusal) = nodes[number - 1].propose(change) {
      lines.append("\(number) refuses: \(refusal)")
    }
  }

  private mutating func sync(_ number: Int) {
    let batch = unsynced[number - 1]
    unsynced[number - 1] = Disk.Batch(changes: [], messages: [])
    if !batch.changes.isEmpty { disks[number - 1].beginBatch() }
    for change in batch.changes { disks[number - 1].carryOut(change) }
    if let last = batch.last {
      nodes[number - 1].persisted(last)
      lines.append("\(number) has synced up to \(last)")
    }
    for message in batch.messages { post(message) }
  }

  /// Snapshots of three sections, of one byte each.
  private mutating func snapshot(_ word: String, _ number: Int) throws {
    let node = number - 1
    switch word {
    case "snapshot":
      guard let metadata = nodes[node].metadata(at: nodes[node].commitIndex) else {
        throw Failed(description: "\(number) has nothing to take a snapshot of")
      }
      nodes[node].compact(upTo: metadata)
      lines.append(
        "\(number) has a snapshot up to \(metadata.last) and a log from \(firstIndex(node))")
    case "give":
      for want in wanted[node] {
        guard let metadata = nodes[node].metadata(at: want.snapshot.index) ?? received[node] else {
          throw Failed(description: "\(number) has no snapshot")
        }
        let chunk = SnapshotChunk(
          metadata: metadata, section: want.section, bytes: [UInt8(want.section)],
          isLast: want.section == 2, round: 0)
        nodes[node].sendSection(chunk, to: want.to)
      }
      wanted[node] = []
    default:
      guard let metadata = received[node] else {
        throw Failed(description: "\(number) has received no snapshot")
      }
      nodes[node].snapshotRestored(metadata)
      lines.append("\(number) has restored the snapshot up to \(metadata.last)")
    }
  }

  private func firstIndex(_ node: Int) -> LogIndex { nodes[node].firstIndex }

  /// A turn of its own.
  private mutating func tick(_ number: Int) {
    nodes[number - 1].setTime(time)
    nodes[number - 1].tick()
    noteStanding(number)
  }

  private mutating func take(_ number: Int) {
    noteStanding(number)
    while nodes[number - 1].hasReady {
      let ready = nodes[number - 1].takeReady()
      if let state = ready.hardState {
        let vote = state.vote.map { "\($0.rawValue)" } ?? "nobody"
        lines.append("\(number) promises term \(state.term), vote \(vote)")
      }
      if let first = ready.entries.first, let last = ready.entries.last {
        lines.append("\(number) appends \(first.id) to \(last.id)")
      }
      if let trust = ready.trust { lines.append("\(number) has settled doubt \(trust.doubts)") }
      if ready.hardState != nil || !ready.entries.isEmpty || ready.trust != nil {
        unsynced[number - 1].changes.append(
          .append(ready.hardState, ready.entries, ready.trust))
      }
      for message in ready.messages { post(message) }
      unsynced[number - 1].messages += ready.messagesAfterSync
      for message in ready.messagesAfterSync {
        lines.append("\(number) holds until synced: \(message.story)")
      }
      for entry in ready.committed { lines.append("\(number) commits \(entry.id) \(entry.story)") }
      for outcome in ready.reads { lines.append("\(number) \(outcome)") }
      for chunk in ready.receivedSections {
        lines.append("\(number) takes section \(chunk.section)\(chunk.isLast ? ", the last" : "")")
        if chunk.isLast { received[number - 1] = chunk.metadata }
      }
      for want in ready.wantedSections {
        lines.append("\(number) needs section \(want.section) for \(want.to.rawValue)")
      }
      wanted[number - 1] += ready.wantedSections
      noteStanding(number)
    }
  }

  private mutating func noteStanding(_ number: Int) {
    let now = standing(of: nodes[number - 1])
    if now != standings[number - 1] { lines.append("\(number) is \(now)") }
    standings[number - 1] = now
  }

  private func standing(of node: RaftNode) -> String {
    func list(_ replicas: [ReplicaID]) -> String {
      replicas.map { "\($0.rawValue)" }.joined(separator: " ")
    }
    var text = "\(node.role)"
    if node.isRemoved { text += ", removed" }
    if node.isInDoubt { text += ", in doubt," }
    text += " among \(list(node.membership.voters))"
    if !node.membership.outgoing.isEmpty { text += " and \(list(node.membership.outgoing))" }
    if !node.membership.learners.isEmpty { text += ", learners \(list(node.membership.learners))" }
    return text
  }

  private mutating func post(_ message: Message) {
    let isLost =
      lost.contains(Int(message.to.rawValue)) || lost.contains(Int(message.from.rawValue))
      || down.contains(Int(message.to.rawValue))
    lines.append(message.story + (isLost ? " (lost)" : ""))
    if !isLost { mail.append(message) }
  }
}

extension Disk.Batch {
  fileprivate var isEmpty: Bool { changes.isEmpty && messages.isEmpty }

  /// The last entry that is written.
  fileprivate var last: EntryID? {
    changes.reduce(nil) { last, change in
      if case .append(_, let entries, _) = change { entries.last?.id ?? last } else { last }
    }
  }
}

extension Entry {
  fileprivate var story: String {
    switch kind {
    case .empty: "empty"
    case .membership: "membership"
    default: String(decoding: payload, as: UTF8.self)
    }
  }
}

extension TrustReport {
  fileprivate var story: String { isInDoubt ? ", in doubt \(doubts)" : "" }
}

extension Message {
  /// One line for people.
  fileprivate var story: String { "\(from.rawValue)→\(to.rawValue) term \(term) \(content)" }

  private var content: String {
    switch body {
    case .voteRequest(let request):
      let kind =
        request.isPreVote ? "pre-vote?" : request.isTransfer ? "vote by transfer?" : "vote?"
      return "\(kind) last \(request.last)"
    case .voteReply(let reply):
      return (reply.isPreVote ? "pre-vote " : "vote ") + (reply.isGranted ? "yes" : "no")
        + reply.trust.story
    case .append(let request):
      let entries = request.entries.map(\.id.description).joined(separator: " ")
      return
        "append after \(request.previous) [\(entries)] commit \(request.commit) "
        + "round \(request.round)"
        + (request.settles.map { ", \($0.index) settles doubt \($0.doubts)" } ?? "")
    case .appendReply(let reply):
      let outcome =
        switch reply.outcome {
        case .matched(let index): "matched \(index)"
        case .conflict(let previous, let hint): "conflict at \(previous), hint \(hint)"
        case .heard: "heard"
        }
      return "\(outcome) round \(reply.round)" + reply.trust.story
    case .snapshot(let chunk):
      return "section \(chunk.section) of the snapshot up to \(chunk.metadata.last)"
    case .snapshotReply(let reply):
      return "wants section \(reply.nextSection) of the snapshot up to \(reply.snapshot)"
    case .readIndex: return "read at which index?"
    case .readIndexReply(_, let index):
      return index.map { "read at \($0)" } ?? "no read"
    case .timeoutNow: return "campaign now"
    case .removed(let index): return "you were removed at \(index)"
    }
  }
}
