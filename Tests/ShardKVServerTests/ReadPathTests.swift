import Basics
import Raft
import ShardKVServer
import ShardMap
import Testing
import Wire

/// Linearizable reads from a client's request to its answer, and what must not answer them.
@Suite struct ReadPathTests {
  private static var leases: NodeSettings {
    var settings = NodeSettings()
    settings.raft.leaseReads = true
    return settings
  }

  private static let one = Reply.Body.value([1], version: 1)

  /// It asks its leader once for all reads of a turn, and waits until it has applied that far.
  @Test func followerAnswersAtItsLeadersIndex() throws {
    var seat = try Seat()
    try seat.follow()
    seat.table.take([
      seat.mail(.getAnywhere(key: Seat.key), id: 1), seat.mail(.getAnywhere(key: Seat.key), id: 2),
    ])
    let questions = try seat.questions(to: 4)
    #expect(questions.count == 1)
    let number = try #require(questions.first)
    seat.table.take([
      try seat.mail(4, term: 1, .readIndexReply(context: number, index: LogIndex(3)))
    ])
    #expect(try seat.answers() == [])
    let entry = Seat.entry(3, 1, Seat.put(2, sequence: 2))
    seat.table.take([
      try seat.mail(4, term: 1, Seat.append([entry], after: Seat.id(2, 1), commit: 3))
    ])
    #expect(try seat.answers() == Array(repeating: .value([2], version: 2), count: 2))
    #expect(seat.table.node.counters.followerReads == 2)
    // A plain get is the leader's.
    #expect(
      try seat.table.ask(.get(key: Seat.key), on: seat.client)
        == .refused(.wrongLeader(hint: "127.0.0.1:7112")))
  }

  @Test func followerAnswersNothingOfAShardThatItsGroupLost() throws {
    var seat = try Seat()
    try seat.follow()
    seat.table.take([seat.mail(.getAnywhere(key: Seat.key))])
    let number = try #require(try seat.questions(to: 4).first)
    let entry = Seat.entry(3, 1, try Seat.adopt(2, owner: GroupID(6)))
    seat.table.take([
      try seat.mail(4, term: 1, .readIndexReply(context: number, index: LogIndex(3))),
      try seat.mail(4, term: 1, Seat.append([entry], after: Seat.id(2, 1), commit: 3)),
    ])
    guard case .refused(.wrongGroup(ConfigNumber(2), let owner)) = try seat.answers().first else {
      Issue.record("served")
      return
    }
    #expect(owner?.group == GroupID(6))
  }

  @Test func withoutALeaderTheAnswerSaysSo() throws {
    var seat = try Seat()
    #expect(
      try seat.table.ask(.getAnywhere(key: Seat.key), on: seat.client) == .refused(.noLeader))
    try seat.follow()
    seat.table.take([seat.mail(.getAnywhere(key: Seat.key))])
    var waited = 0
    while try seat.answers() != [.refused(.noLeader)], waited < 200 {
      seat.table.take([try seat.mail(4, term: 1, Seat.append(after: Seat.id(2, 1), commit: 2))])
      seat.table.pass(milliseconds: 10)
      waited += 1
    }
    #expect(waited == RaftSettings().electionTicks.lowerBound)
  }

  /// B9, etcd #20418: a follower was stopped, and finds the old leader's answer in its mail with a
  /// new leader's first message.
  @Test func answerThatMeetsAnotherLeaderIsDropped() throws {
    var seat = try Seat()
    try seat.follow()
    seat.table.take([seat.mail(.getAnywhere(key: Seat.key))])
    let number = try #require(try seat.questions(to: 4).first)
    seat.table.pause(milliseconds: 3_000)
    let answer = Message.Body.readIndexReply(context: number, index: LogIndex(2))
    seat.table.take([
      try seat.mail(5, term: 2, Seat.append(after: Seat.id(2, 1), commit: 2)),
      try seat.mail(4, term: 1, answer), try seat.mail(5, term: 2, answer),
    ])
    #expect(try seat.answers() == [.refused(.noLeader)])
    #expect(seat.table.node.counters.followerReads == 0)
  }

  /// Likewise: what was asked before the pause answers no read that came after it.
  @Test func answerServesNoLaterRead() throws {
    var seat = try Seat()
    try seat.follow()
    seat.table.take([seat.mail(.getAnywhere(key: Seat.key), id: 1)])
    let number = try #require(try seat.questions(to: 4).first)
    seat.table.pause(milliseconds: 300)
    seat.table.take([
      seat.mail(.getAnywhere(key: Seat.key), id: 2),
      try seat.mail(4, term: 1, .readIndexReply(context: number, index: LogIndex(2))),
    ])
    #expect(try seat.answers() == [Self.one])
    #expect(try seat.questions(to: 4).count == 1)
  }

  /// The same of a leader: a round that was answered before a pause confirms no read that came
  /// after it.
  @Test func roundServesNoLaterRead() throws {
    var seat = try Seat()
    let term = try seat.lead()
    seat.table.take([seat.mail(.get(key: Seat.key), id: 1)])
    let first = try #require(try seat.sent(to: 4).compactMap(Seat.round).last)
    seat.table.pause(milliseconds: 300)
    seat.table.take([
      seat.mail(.get(key: Seat.key), id: 2),
      try seat.mail(4, term: term, Seat.matched(3, round: first)),
    ])
    #expect(try seat.answers() == [Self.one])
    let second = try #require(try seat.sent(to: 4).compactMap(Seat.round).last)
    #expect(second > first)
    seat.table.take([try seat.mail(4, term: term, Seat.matched(3, round: second))])
    #expect(try seat.answers() == [Self.one])
  }

  /// And a leader that was deposed meanwhile confirms nothing, nor answers a follower.
  @Test func roundThatMeetsAHigherTermIsDropped() throws {
    var seat = try Seat()
    let term = try seat.lead()
    seat.table.take([
      seat.mail(.get(key: Seat.key)), try seat.mail(5, term: term, .readIndex(context: 77)),
    ])
    let round = try #require(try seat.sent(to: 4).compactMap(Seat.round).last)
    seat.table.pause(milliseconds: 3_000)
    seat.table.take([
      try seat.mail(5, term: term + 1, Seat.append(after: Seat.id(3, term), commit: 3)),
      try seat.mail(4, term: term, Seat.matched(3, round: round)),
    ])
    #expect(try seat.answers() == [.refused(.wrongLeader(hint: "127.0.0.1:7113"))])
    let confirmed = try seat.sent(to: 5).contains {
      if case .readIndexReply(77, .some) = $0.body { true } else { false }
    }
    #expect(!confirmed)
  }

  /// B10: a lease answers at once; after a pause that outlived it, nothing of what is in the mail
  /// is answered without a round, not even with the quorum's last promise beside it.
  @Test func leaseEndsInAPause() throws {
    var seat = try Seat(settings: Self.leases)
    let term = try seat.lead(promise: 500)
    seat.table.pass(milliseconds: 100)
    let round = try #require(try seat.sent(to: 4).compactMap(Seat.round).last)
    seat.table.take([try seat.mail(4, term: term, Seat.matched(3, round: round, promise: 500))])
    _ = try seat.answers()
    seat.table.take([seat.mail(.get(key: Seat.key))])
    #expect(try seat.answers() == [Self.one])
    #expect(seat.table.node.counters.leaseReads == 1)
    seat.table.pause(milliseconds: 400)
    seat.table.take([
      seat.mail(.get(key: Seat.key)),
      try seat.mail(4, term: term, Seat.matched(3, round: round, promise: 500)),
    ])
    #expect(try seat.answers() == [])
    #expect(seat.table.node.counters.leaseReads == 1)
  }
}
