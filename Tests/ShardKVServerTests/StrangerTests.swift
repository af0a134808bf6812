import Basics
import Raft
import ShardKVServer
import ShardMap
import Testing
import Wire

/// What a node does with connections that do not behave.
struct StrangerTests {
  private func goodbye(_ messages: [WireMessage]) -> String? {
    for case .goodbye(let reason) in messages { return reason }
    return nil
  }

  private let wellMannered = Hello(versions: 1...1, cluster: nil, replica: nil)

  @Test func helloIsAnsweredWithWhoThisIs() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    let connection = node.accept(1)
    node.receive(FrameCodec.encode(.hello(wellMannered)), on: connection)
    #expect(
      try node.messages(on: connection) == [
        .welcome(
          Welcome(
            version: 1, cluster: ClusterID(rawValue: 1), group: GroupID(4),
            identity: GroupIdentity(rawValue: 2), replica: ReplicaID(rawValue: 3)))
      ])
  }

  @Test(arguments: [
    (Hello(versions: 2...3, cluster: nil, replica: nil), "speaks protocol versions 1 to 1"),
    (
      Hello(versions: 1...1, cluster: ClusterID(rawValue: 8), replica: nil),
      "belongs to cluster 0000000000000001"
    ),
    (
      Hello(
        versions: 1...1, cluster: ClusterID(rawValue: 1),
        replica: ReplicaHello(
          group: GroupID(5), identity: GroupIdentity(rawValue: 2), from: ReplicaID(rawValue: 3),
          to: ReplicaID(rawValue: 3))), "not of group 5"
    ),
  ])
  func strangerIsRefusedWithTheReason(_ hello: Hello, _ reason: String) throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    let connection = node.accept(1)
    node.receive(FrameCodec.encode(.hello(hello)), on: connection)
    #expect(node.closed.contains(connection))
    #expect(try #require(goodbye(node.messages(on: connection))).contains(reason))
  }

  @Test func bytesThatAreNoFrameCloseThatConnectionOnly() throws {
    var node = try LoneNode<ControllerService>(group: 0)
    node.pass(milliseconds: 2_000)
    let client = try node.client(1)
    var generator = SeededGenerator(seed: 3)
    for number in 2..<40 {
      let stranger = node.accept(UInt64(number))
      let bytes = (0..<200).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      node.receive(Array("POST / HTTP/1.1\r\nHost: here\r\n\r\n".utf8) + bytes, on: stranger)
      #expect(node.closed.contains(stranger))
      #expect(goodbye(try node.messages(on: stranger)) != nil)
    }
    guard case .configuration = try node.ask(.query(nil), on: client) else {
      Issue.record("the client beside the strangers was not answered")
      return
    }
  }

  @Test func frameByteByByteIsTheSameAsWhole() throws {
    var node = try LoneNode<ControllerService>(group: 0)
    node.pass(milliseconds: 2_000)
    let client = node.accept(1)
    let bytes =
      FrameCodec.encode(.hello(wellMannered))
      + FrameCodec.encode(.request(Request(id: 1, body: .query(nil))))
    for byte in bytes { node.receive([byte], on: client) }
    let kinds = try node.messages(on: client)
    #expect(kinds.count == 2)
  }

  @Test func whoSaysNothingIsClosed() throws {
    var node = try LoneNode<ControllerService>(group: 0)
    let silent = node.accept(1)
    node.receive([1], on: silent)
    node.pass(milliseconds: 4_000)
    #expect(!node.closed.contains(silent))
    node.pass(milliseconds: 4_000)
    #expect(node.closed.contains(silent))
  }

  @Test func clientMayNotSpeakForAReplica() throws {
    var node = try LoneNode<ShardGroupService>(group: 4)
    let client = try node.client(1)
    let message = Message(
      from: ReplicaID(rawValue: 9), to: ReplicaID(rawValue: 3), term: Term(1_000),
      body: .timeoutNow)
    node.receive(FrameCodec.encode(.raft(message)), on: client)
    #expect(node.closed.contains(client))
  }

  @Test func oneConnectionTooManyIsToldSo() throws {
    var settings = NodeSettings()
    settings.connectionsMax = 2
    var node = try LoneNode<ControllerService>(group: 0, settings: settings)
    _ = node.accept(1)
    _ = node.accept(2)
    let third = node.accept(3)
    #expect(node.closed.contains(third))
    #expect(try #require(goodbye(node.messages(on: third))).contains("2 connections"))
  }
}
