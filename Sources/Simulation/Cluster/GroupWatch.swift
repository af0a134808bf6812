import Basics
import Checksums
import Raft
import ShardKV
import ShardKVServer
import ShardMap
import Sessions
import Wire

/// A host with one of the folders that it had: what promises are kept by.
package struct HostLife: Hashable, Sendable, CustomStringConvertible {
  package var host: Int
  package var folder: Int

  package init(_ host: SimulatedHost) {
    self.host = host.index
    folder = host.folder
  }

  package var description: String {
    "host \(host)" + (folder == 0 ? "" : " with folder \(folder)")
  }
}

/// The answer that each write of a run was applied with, wherever its shard was at that time.
package final class WriteLedger {
  var answers: [WriteID: WriteAnswer] = [:]
  package init() {}
}

/// What must hold among all replicas of one group, and over their whole life: called with what each
/// shows after each turn.
package final class GroupWatch {
  package let group: GroupID
  private let fail: (String) -> Void

  /// The terms that somebody led, or would have led if the power had not been cut.
  @exclusivity(unchecked) private var ledTerms: Set<UInt64> = []
  /// The host that led in a term.
  @exclusivity(unchecked) private var leaderOfTerm: [UInt64: HostLife] = [:]
  /// Term and checksum of the command at an index, as the first replica applied it; 0 where nobody
  /// applied a command.
  private var commands: [UInt64] = []
  /// State hashes at some indexes, with the host that showed it first.
  private var hashes: [UInt64: (hash: UInt64, host: Int)] = [:]
  /// The term of the committed entry at an index, of whatever kind.
  @exclusivity(unchecked) private var termOfIndex: [Term?] = []
  /// By host.
  @exclusivity(unchecked) private var durablePromises: [Promised?] = []
  @exclusivity(unchecked) private var lastSeen: [NodeObservation?] = []
  @exclusivity(unchecked) private var incarnations: [Int] = []
  /// The memberships that were committed.
  @exclusivity(unchecked) package internal(set) var memberships: MembershipWatch
  /// The end of the log of each leader that was removed, by its term.
  private var strangersLast: [UInt64: LogIndex] = [:]
  @exclusivity(unchecked) private var elections = ElectionWatch()
  @exclusivity(unchecked) private var reads = ReadWatch()
  /// The highest index that any replica knew to be committed.
  @exclusivity(unchecked) private var committed = LogIndex.zero
  private let ledger: WriteLedger
  private var didHandOver = false
  /// The chunks of moving shards in the log; only ever asked whether one is among them.
  private var chunks: Set<[UInt8]> = []
  package private(set) var repeatedChunks = 0

  private struct Promised {
    var folder: Int
    var doubts: UInt64
    var promises: HardState
  }

  /// Called with the host that leads a term that nobody was seen to lead before.
  package var didElect: ((Int) -> Void)?
  /// Called with a host that has begun to stand for election, and has asked nobody yet.
  package var didCampaign: ((Int) -> Void)?
  package private(set) var leaderChanges = 0
  package private(set) var commandCount = 0
  @exclusivity(unchecked) package private(set) var configuration = ConfigNumber.zero
  /// The highest index that any replica applied.
  @exclusivity(unchecked) package private(set) var furthest = LogIndex.zero
  /// The host that applied furthest.
  @exclusivity(unchecked) package private(set) var furthestHost: Int?

  package init(
    group: GroupID, members: Membership, ledger: WriteLedger, fail: @escaping (String) -> Void
  ) {
    self.group = group
    memberships = MembershipWatch(members)
    self.ledger = ledger
    self.fail = fail
  }

  /// What was in force for a host after its last turn.
  func membershipShown(by host: Int) -> Membership? {
    lastSeen.indices.contains(host) ? lastSeen[host]?.membership : nil
  }

  /// Called before ``observe(_:life:incarnation:isSettled:name:)`` of the same turn.
  package func observeReads(_ effects: NodeEffects, host: Int, incarnation: Int, name: String) {
    let problem = reads.observe(
      effects, host: host, incarnation: incarnation, committed: committed)
    if let problem { fail("\(name) \(problem)") }
  }

  /// `isSettled`: the node waits for no sync, so that what it shows is durable.
  package func observe(
    _ observation: NodeObservation, life: HostLife, incarnation: Int, isSettled: Bool, name: String
  ) {
    let host = life.host
    if host >= lastSeen.count {
      lastSeen.append(contentsOf: repeatElement(nil, count: host + 1 - lastSeen.count))
      incarnations.append(contentsOf: repeatElement(0, count: host + 1 - incarnations.count))
      durablePromises.append(
        contentsOf: repeatElement(nil, count: lastSeen.count - durablePromises.count))
    }
    checkPromises(observation, life, isSettled, name)
    // Taken out, since a copy would have to hold each of its parts.
    var before = lastSeen[host].take()
    if incarnations[host] != incarnation { before = nil }
    if let problem = elections.observe(observation, after: before)
      ?? SnapshotWatch.problem(of: observation, after: before)
    {
      fail("\(name) \(problem)")
    }
    if observation.role == .leader, ledTerms.insert(observation.term.rawValue).inserted {
      leaderChanges += 1
      didElect?(host)
    }
    if observation.isElected {
      let leader = leaderOfTerm.updateValue(life, forKey: observation.term.rawValue)
      if let leader, leader != life {
        fail("\(leader) and \(life) (\(name)) both led in term \(observation.term)")
      }
    }
    if observation.leadsAsStranger { checkStranger(observation, name) }
    if let before {
      if observation.term < before.term || observation.commitIndex < before.commitIndex
        || observation.appliedIndex < before.appliedIndex
        || observation.configuration < before.configuration
      {
        fail("\(name) went back: \(before) then \(observation)")
      }
      checkCommit(observation, after: before, name)
      checkTransfer(observation, after: before, name)
      checkMatches(observation, after: before, name)
    }
    if let term = observation.appliedTerm {
      let index = Int(clamping: observation.appliedIndex.rawValue)
      if index >= termOfIndex.count {
        termOfIndex.append(contentsOf: repeatElement(nil, count: index + 1 - termOfIndex.count))
      }
      if let known = termOfIndex[index], known != term {
        fail("\(name) committed term \(term) at \(observation.appliedIndex), others \(known)")
      }
      termOfIndex[index] = term
    }
    if observation.appliedIndex > observation.commitIndex {
      fail("\(name) applied what is not committed: \(observation)")
    }
    if observation.role == .candidate, before?.term != observation.term { didCampaign?(host) }
    committed = max(committed, observation.commitIndex)
    lastSeen[host] = observation
    incarnations[host] = incarnation
    if observation.appliedIndex > furthest {
      furthest = observation.appliedIndex
      furthestHost = host
      if observation.configuration < configuration {
        fail("\(name) is furthest and in \(observation.configuration) after \(configuration)")
      }
      configuration = observation.configuration
    }
  }

  /// A leader counts replicas for entries of its own term only; those before are committed with
  /// them (Raft §5.4.2). Whoever counts for older ones may see them overwritten, but seldom does.
  private func checkCommit(
    _ observation: NodeObservation, after last: NodeObservation, _ name: String
  ) {
    guard last.role == .leader, observation.role == .leader, last.term == observation.term,
      observation.commitIndex > last.commitIndex,
      observation.appliedIndex == observation.commitIndex, let term = observation.appliedTerm,
      term < observation.term
    else { return }
    fail("\(name) leads term \(observation.term) and committed an entry of \(term) by counting")
  }

  /// What a follower has in a term it keeps: late replies take nothing back.
  private func checkMatches(
    _ observation: NodeObservation, after last: NodeObservation, _ name: String
  ) {
    guard observation.role == .leader, last.role == .leader, observation.term == last.term,
      observation.membershipIndex == last.membershipIndex
    else { return }
    for position in observation.matches.indices
    where observation.peerDoubts[position] == last.peerDoubts[position] {
      let (now, before) = (observation.matches[position], last.matches[position])
      guard now < before else { continue }
      fail("\(name) knew that a follower has \(before), and now takes it for \(now)")
    }
  }

  /// One vote in a term, and no term that is left is come back to, over the replica's whole life;
  /// but what its disk forgot it cannot keep, and must know so.
  private func checkPromises(
    _ observation: NodeObservation, _ life: HostLife, _ isSettled: Bool, _ name: String
  ) {
    let promises = observation.promises
    let doubts = observation.trust.doubts
    if let last = durablePromises[life.host], last.folder == life.folder, last.doubts == doubts {
      let kept = last.promises
      let forgotVote =
        kept.term == promises.term && kept.vote != nil && kept.vote != promises.vote
      if promises.term < kept.term || forgotVote {
        fail("\(name) promised \(kept) and now shows \(promises)")
      }
    }
    if isSettled {
      durablePromises[life.host] = Promised(
        folder: life.folder, doubts: doubts, promises: promises)
    }
  }

  /// A leader that was removed hands over and takes in nothing more.
  private func checkStranger(_ observation: NodeObservation, _ name: String) {
    let last = strangersLast[observation.term.rawValue] ?? observation.lastIndex
    strangersLast[observation.term.rawValue] = last
    if observation.lastIndex > last {
      fail(
        "\(name) was removed, leads all the same, and its log went on from \(last) to "
          + "\(observation.lastIndex)")
    }
  }

  /// From the beginning of a transfer to its end a leader takes in nothing.
  private func checkTransfer(
    _ observation: NodeObservation, after last: NodeObservation, _ name: String
  ) {
    guard let target = last.transferTarget, observation.transferTarget == target,
      observation.role == .leader, last.term == observation.term,
      observation.lastIndex > last.lastIndex
    else { return }
    fail(
      "\(name) hands its leadership to \(target), and its log went on from \(last.lastIndex) to "
        + "\(observation.lastIndex)")
  }

  /// The same command at an index everywhere, and the same answer to a write however often it is in
  /// the log.
  package func applied(_ applied: AppliedCommand, name: String) {
    let index = Int(clamping: applied.entry.index.rawValue)
    if index >= commands.count {
      commands.append(contentsOf: repeatElement(0, count: index + 1 - commands.count))
    }
    let sum = UInt64(CRC32C.checksum(applied.payload)) | applied.entry.term.rawValue << 32 | 1 << 63
    if commands[index] == 0 {
      commands[index] = sum
      commandCount += 1
      checkAnswer(applied, name)
    } else if commands[index] != sum {
      fail("\(name) applied another command at \(index) than its group: \(applied.entry)")
    }
  }

  /// A client is told what came of its own command, and not of one that stands in its place.
  package func answered(_ told: [(proposed: Term, entry: EntryID)], name: String) {
    for (term, entry) in told where term != entry.term {
      fail("\(name) answered for \(entry) whoever had proposed in term \(term)")
    }
  }

  package func hash(_ hash: UInt64, at index: LogIndex, host: Int, name: String) {
    if let known = hashes[index.rawValue] {
      if known.hash != hash {
        fail("\(name) has another state at \(index) than host \(known.host)")
      }
    } else {
      hashes[index.rawValue] = (hash, host)
    }
  }

  /// True if a command of the hand-over of shards was applied since the last call.
  package func takeHandOver() -> Bool {
    defer { didHandOver = false }
    return didHandOver
  }

  private func checkAnswer(_ applied: AppliedCommand, _ name: String) {
    guard group != .none, let command = try? ShardGroupMachine.decode(applied.payload) else {
      return
    }
    if case .installChunk = command, !chunks.insert(applied.payload).inserted {
      repeatedChunks += 1
    }
    switch command {
    case .write, .commands, .transaction, .flush: break
    case .adopt, .installChunk, .deleteShard, .confirmDeleted: didHandOver = true
    }
    guard case .write(let id, _, _) = command else { return }
    guard case .reply(.written(let answer)) = applied.outcome else { return }
    let identity = WriteID(session: id.session, sequence: id.sequence, firstUnanswered: 0)
    if let first = ledger.answers.updateValue(answer, forKey: identity), first != answer {
      fail("\(name) applied \(identity) twice: \(first), then \(answer)")
    }
  }
}
