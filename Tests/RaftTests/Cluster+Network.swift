import Basics
import Raft

extension Cluster {
  /// The labs' network: no loss when reliable; otherwise requests take 0–26 ms and a tenth of them
  /// and of the replies is lost; and with long reordering two thirds of the replies come 200 ms to
  /// 2.2 s late.
  func send(_ message: Message) {
    observe(message)
    let from = number(of: message.from)
    let to = number(of: message.to)
    guard nodes[from].isConnected, nodes[to].isConnected else { return }
    if brokenLinks.contains(Link(from, to)) { return }
    var delay: UInt64 = 200
    if message.isRequest {
      if !isReliable {
        if generator.chance(0.1) { return }
        delay += UInt64(generator.next(in: 0...26_000))
      }
    } else {
      if !isReliable, generator.chance(0.1) { return }
      if isLongReordering, generator.chance(2.0 / 3) {
        let most = generator.next(in: 0...2_000_000)
        delay += 200_000 + UInt64(generator.next(in: 0...most))
      }
    }
    queue.add(.deliver(message), at: now + delay)
  }

  private func observe(_ message: Message) {
    bytes += message.size
    guard message.isRequest else { return }
    requests += 1
    switch message.body {
    case .append, .snapshot:
      let term = message.term.rawValue
      if let leader = leaderOfTerm[term], leader != message.from {
        fail("\(leader) and \(message.from) both lead term \(term)")
      }
      leaderOfTerm[term] = message.from
    default: break
    }
  }
}

extension Message {
  var isRequest: Bool {
    switch body {
    case .voteRequest, .append, .snapshot, .readIndex, .timeoutNow, .removed: true
    case .voteReply, .appendReply, .snapshotReply, .readIndexReply: false
    }
  }

  /// Bytes on the wire, about.
  fileprivate var size: Int {
    switch body {
    case .append(let request): request.entries.reduce(120) { $0 + $1.payload.count + 40 }
    case .snapshot(let chunk): 200 + chunk.bytes.count
    default: 120
    }
  }
}
