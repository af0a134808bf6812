import Basics
import Foundation
import Raft
import Testing

/// Stories of a group, each in a file: a command, a line of dashes, and everything that followed.
///
/// With `REWRITE_TRANSCRIPTS=1` the files are written anew; read the difference before keeping it.
@Suite struct TranscriptTests {
  @Test(arguments: ["election", "replication", "divergence", "reads"])
  func transcript(name: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Transcripts/Raft/\(name).txt")
    let expected = try String(contentsOf: file, encoding: .utf8)
    var stage = Stage()
    var actual = ""
    for block in expected.split(separator: "\n\n") {
      let lines = block.split(separator: "\n").map(String.init)
      let commands = lines.prefix { $0 != "----" }
      actual += actual.isEmpty ? "" : "\n"
      for command in commands {
        actual += command + "\n"
        try stage.run(command)
      }
      actual += "----\n" + stage.takeLines().map { $0 + "\n" }.joined()
    }
    if ProcessInfo.processInfo.environment["REWRITE_TRANSCRIPTS"] == "1" {
      try actual.write(to: file, atomically: true, encoding: .utf8)
    } else {
      #expect(actual == expected)
    }
  }
}

/// Three replicas that do nothing but what they are told.
private struct Stage {
  private var nodes: [RaftNode] = []
  /// Messages that were sent and not yet delivered or dropped, oldest first.
  private var mail: [Message] = []
  /// What waits for each node's sync: messages, and the last entry that was handed out.
  private var unsynced: [(messages: [Message], last: EntryID?)] = []
  private var lines: [String] = []

  init() {
    let ids = (1...3).map { ReplicaID(rawValue: $0) }
    for id in ids {
      nodes.append(
        RaftNode(
          id: id, settings: RaftSettings(), membership: Membership(voters: ids),
          restored: RestoredState(), seed: id.rawValue))
      unsynced.append(([], nil))
    }
  }

  mutating func takeLines() -> [String] {
    defer { lines = [] }
    return lines.isEmpty ? ["nothing"] : lines
  }

  /// Commands: `campaign N`, `propose N TEXT`, `read N CONTEXT`, `tick N COUNT`, `sync N`,
  /// `deliver N` (everything under way to N), `drop N`, and `settle` (sync and deliver all).
  mutating func run(_ command: String) throws {
    let words = command.split(separator: " ").map(String.init)
    if words == ["settle"] {
      while !mail.isEmpty || unsynced.contains(where: { $0.last != nil || !$0.messages.isEmpty }) {
        for number in 1...3 { try run("sync \(number)") }
        for number in 1...3 { try run("deliver \(number)") }
      }
      return
    }
    guard words.count >= 2, let number = Int(words[1]), (1...3).contains(number) else {
      throw Failed(description: "not a command: \(command)")
    }
    switch words[0] {
    case "campaign":
      while nodes[number - 1].role == .follower { tick(number) }
    case "tick": for _ in 0..<(Int(words[2]) ?? 0) { tick(number) }
    case "propose": _ = nodes[number - 1].propose(Array(words[2].utf8))
    case "read": nodes[number - 1].read(context: UInt64(words[2]) ?? 0)
    case "deliver":
      let id = nodes[number - 1].id
      for message in mail where message.to == id { nodes[number - 1].step(message) }
      mail.removeAll { $0.to == id }
    case "drop":
      let id = nodes[number - 1].id
      mail.removeAll { $0.to == id }
    case "sync":
      if let last = unsynced[number - 1].last {
        nodes[number - 1].persisted(last)
        lines.append("\(number) has synced up to \(last)")
      }
      for message in unsynced[number - 1].messages { post(message) }
      unsynced[number - 1] = ([], nil)
    default: throw Failed(description: "not a command: \(command)")
    }
    take(number)
  }

  /// A turn of its own.
  private mutating func tick(_ number: Int) {
    nodes[number - 1].setTime(Moment(monotonic: 0, wall: 0))
    nodes[number - 1].tick()
  }

  private mutating func take(_ number: Int) {
    while nodes[number - 1].hasReady {
      let ready = nodes[number - 1].takeReady()
      if let state = ready.hardState {
        let vote = state.vote.map { "\($0.rawValue)" } ?? "nobody"
        lines.append("\(number) promises term \(state.term), vote \(vote)")
      }
      if let first = ready.entries.first, let last = ready.entries.last {
        lines.append("\(number) appends \(first.id) to \(last.id)")
        unsynced[number - 1].last = last.id
      }
      for message in ready.messages { post(message) }
      unsynced[number - 1].messages += ready.messagesAfterSync
      for message in ready.messagesAfterSync {
        lines.append("\(number) holds until synced: \(describe(message))")
      }
      for entry in ready.committed {
        let text = String(decoding: entry.payload, as: UTF8.self)
        lines.append("\(number) commits \(entry.id) \(text.isEmpty ? "empty" : text)")
      }
      for outcome in ready.reads { lines.append("\(number) \(outcome)") }
    }
  }

  private mutating func post(_ message: Message) {
    lines.append(describe(message))
    mail.append(message)
  }

  private func describe(_ message: Message) -> String {
    let head = "\(message.from.rawValue)→\(message.to.rawValue) term \(message.term) "
    switch message.body {
    case .voteRequest(let request):
      return head + (request.isPreVote ? "pre-vote?" : "vote?") + " last \(request.last)"
    case .voteReply(let reply):
      return head + (reply.isPreVote ? "pre-vote " : "vote ") + (reply.isGranted ? "yes" : "no")
    case .append(let request):
      let entries = request.entries.map(\.id.description).joined(separator: " ")
      return head
        + "append after \(request.previous) [\(entries)] commit \(request.commit) "
        + "round \(request.round)"
    case .appendReply(let reply):
      switch reply.outcome {
      case .matched(let index): return head + "matched \(index) round \(reply.round)"
      case .conflict(let previous, let hint):
        return head + "conflict at \(previous), hint \(hint) round \(reply.round)"
      case .heard: return head + "heard round \(reply.round)"
      }
    default: return head + "\(message.body)"
    }
  }
}
