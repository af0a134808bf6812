import Basics
import Raft
import ShardMap
import Testing
import Wire

@testable import ShardKVServer

@Suite("Who is a member, by which folder")
struct MemberTests {
  private let other = ReplicaID(rawValue: 0xB2)

  private func hello(_ incarnation: UInt64) -> [UInt8] {
    FrameCodec.encode(
      .hello(
        Hello(
          versions: 1...1, cluster: ClusterID(rawValue: 1),
          replica: ReplicaHello(
            group: GroupID(4), identity: GroupIdentity(rawValue: 2), from: other,
            to: ReplicaID(rawValue: 3), incarnation: Incarnation(rawValue: incarnation),
            address: "127.0.0.1:7112"))))
  }

  /// Lets the node become a leader that has taken in a learner; the connection of a client.
  private func lead(_ node: inout LoneNode<ShardGroupService>) throws -> ConnectionID {
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    let address = ReplicaAddress(id: other, peer: "127.0.0.1:7112")
    #expect(try node.ask(.membership(.add(address)), on: client) == .done(.zero))
    return client
  }

  @Test func contextIsReadAsItWasWritten() {
    let member = Member(
      address: ReplicaAddress(id: other, peer: "a:1", redis: "b:2", http: "c:3"),
      incarnation: Incarnation(rawValue: 7))
    #expect(Member(other, encoded: member.encoded()) == member)
    for count in 0..<member.encoded().count {
      #expect(Member(other, encoded: Array(member.encoded().prefix(count))) == nil)
    }
  }

  @Test func learnerIsListedWithItsAddressAndDoesNotVote() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    let client = try lead(&node)
    guard case .status(let status) = try node.ask(.status, on: client) else {
      Issue.record("no status")
      return
    }
    #expect(status.voters == [ReplicaID(rawValue: 3)])
    #expect(status.learners == [other])
    #expect(status.replicas.map(\.peer) == ["127.0.0.1:7111", "127.0.0.1:7112"])
    #expect(status.isMembershipSettled)
  }

  @Test func folderIsBoundOnceAndAnotherIsDismissed() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    _ = try lead(&node)
    let first = node.accept(2)
    node.receive(hello(70), on: first)
    #expect(!node.closed.contains(first))
    node.pass(milliseconds: 100)
    let second = node.accept(3)
    node.receive(hello(71), on: second)
    #expect(node.closed.contains(second))
    let messages = try node.messages(on: second)
    guard case .dismissal(let reason)? = messages.first else {
      Issue.record("not dismissed: \(messages)")
      return
    }
    #expect(reason.contains("shardkv-cli group replace 4 00000000000000b2"))
    let again = node.accept(4)
    node.receive(hello(70), on: again)
    #expect(!node.closed.contains(again))
  }

  /// Both were accepted while the group knew no folder of that replica: with the entry that names
  /// one the other's connection ends, or its votes and acknowledgements would go on to count.
  @Test func connectionOfAnotherFolderEndsWhenTheGroupLearnsTheRightOne() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    node.pass(milliseconds: 2_000)
    let impostor = node.accept(2)
    node.receive(hello(71), on: impostor)
    let right = node.accept(3)
    node.receive(hello(70), on: right)
    #expect(node.closed.isDisjoint(with: [impostor, right]))
    let client = try node.client(1)
    let address = ReplicaAddress(id: other, peer: "127.0.0.1:7112")
    #expect(try node.ask(.membership(.add(address)), on: client) == .done(.zero))
    node.pass(milliseconds: 200)
    #expect(node.closed.contains(impostor))
    #expect(!node.closed.contains(right))
    guard case .dismissal? = try node.messages(on: impostor).last else {
      Issue.record("closed without a word")
      return
    }
  }

  /// A partition may be longer than a stranger is remembered, and its connection may survive it.
  @Test func strangerThatSpeaksAgainIsConnectedToAgain() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    node.pass(milliseconds: 2_000)
    let connection = node.accept(2)
    node.receive(hello(70), on: connection)
    node.pass(milliseconds: 100)
    let first = try #require(node.opened["127.0.0.1:7112"])
    node.take([.link(.connected(first))])
    node.pass(milliseconds: 11_000)
    #expect(node.closed.contains(first))
    let heartbeat = Message(
      from: other, to: ReplicaID(rawValue: 3), term: Term(9), body: Seat.append(commit: 0))
    node.receive(FrameCodec.encode(.raft(heartbeat)), on: connection)
    node.pass(milliseconds: 100)
    let second = try #require(node.opened["127.0.0.1:7112"])
    #expect(second != first && !node.closed.contains(second))
  }

  @Test func controllersSayWhereAllOfThemAre() throws {
    var node = try LoneNode<ControllerService>(group: 0)
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    let address = ReplicaAddress(id: other, peer: "127.0.0.1:7112")
    #expect(try node.ask(.membership(.add(address)), on: client) == .done(.zero))
    guard case .configuration(_, let controllers) = try node.ask(.query(nil), on: client) else {
      Issue.record("no configuration")
      return
    }
    #expect(controllers == ["127.0.0.1:7111", "127.0.0.1:7112"])
  }

  /// A new group waits for all its replicas, and says for whom, once, to those who wait with it.
  @Test func newGroupSaysWhoIsMissing() throws {
    var node = try LoneNode<ShardGroupService>(group: 4, others: [4, 5])
    node.pass(milliseconds: 100)
    let here = try #require(node.opened["127.0.0.1:7112"])
    node.take([.link(.connected(here))])
    for _ in 0..<80 {
      node.pass(milliseconds: 100)
      let missing = try #require(node.opened["127.0.0.1:7113"])
      node.take([.link(.closed(missing, reason: "connection refused"))])
    }
    let warnings = node.events.filter { $0.level == .warning }.map(\.message)
    #expect(
      warnings == [
        "cannot reach 127.0.0.1:7113 (connection refused): a new group begins once all its "
          + "replicas have been reached"
      ])
  }

  @Test func whoIsDismissedByItsGroupStops() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    _ = try lead(&node)
    let connection = node.accept(2)
    node.receive(hello(70), on: connection)
    node.receive(FrameCodec.encode(.dismissal(reason: "made anew")), on: connection)
    #expect(node.stop == .dismissed("made anew"))
  }

  @Test func clientCannotDismiss() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    let client = try lead(&node)
    node.receive(FrameCodec.encode(.dismissal(reason: "made anew")), on: client)
    #expect(node.stop == nil)
    #expect(node.closed.contains(client))
  }

  @Test func silentLearnerIsNotPromotedAndSaysWhy() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    let client = try lead(&node)
    node.pass(milliseconds: 1_000)
    guard
      case .refused(.invalid(let reason)) = try node.ask(.membership(.promote(other)), on: client)
    else {
      Issue.record("promoted")
      return
    }
    #expect(reason.contains("lacks"))
    #expect(try node.ask(.membership(.remove(other)), on: client) == .done(.zero))
  }

  @Test func addressOfAMemberIsNotGivenToAnother() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    let client = try lead(&node)
    let address = ReplicaAddress(id: ReplicaID(rawValue: 0xC3), peer: "127.0.0.1:7112")
    guard
      case .refused(.invalid(let reason)) = try node.ask(.membership(.add(address)), on: client)
    else {
      Issue.record("added")
      return
    }
    #expect(reason.contains("is the address of"))
  }

  @Test func aloneItDrainsAtOnce() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    node.pass(milliseconds: 2_000)
    node.take([.stop])
    #expect(node.stop == .drained)
  }
}
