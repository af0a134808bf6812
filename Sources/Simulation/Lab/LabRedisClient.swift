import Basics
import RESP
import ShardKVServer
import Wire

/// A client of Redis in a scenario: it sends a request, goes where it is sent, and tries others
/// when a connection ends. Its calls return when there is an answer, in virtual time.
package final class LabRedisClient {
  /// What became of a request.
  package enum Answer {
    case reply(RESP.Reply)
    /// The connection ended before the answer: it may have been carried out.
    case lost
  }

  private let lab: LabCluster
  private let process = RedisProcess()
  private let host: SimulatedHost
  package let addresses: [String]
  /// Where requests go first.
  package var address: String

  init(_ lab: LabCluster) {
    self.lab = lab
    addresses = lab.cluster.plan.groups.flatMap { $0.members.map(\.redis) }.filter { !$0.isEmpty }
    address = addresses.first ?? ""
    host = lab.simulator.addHost(name: "redis\(lab.simulator.hosts.count)", address: nil)
    lab.simulator.start(host, with: process)
  }

  /// Sends a request, its words parted by blanks, until a server carries it out or refuses it.
  /// With `repeats` it is sent again if its fate is unknown, which only reads should be.
  package func ask(_ line: String, repeats: Bool = true) throws -> RESP.Reply {
    let deadline = lab.seconds + LabCluster.callSeconds
    while lab.seconds < deadline {
      switch try send(line) {
      case .reply(.error(let text)):
        let words = String(decoding: text, as: UTF8.self).split(separator: " ")
        switch words.first {
        case "MOVED" where words.count == 3: address = String(words[2])
        case "TRYAGAIN", "CLUSTERDOWN": try lab.run(milliseconds: 10)
        default: return .error(text)
        }
      case .reply(let reply): return reply
      case .lost:
        guard repeats else { throw LabFailure("\(line): the connection ended") }
        address = addresses[lab.generator.next(in: 0..<addresses.count)]
        try lab.run(milliseconds: 10)
      }
    }
    throw LabFailure("\(line) has no answer")
  }

  /// Sends a request once to where the last one was answered.
  package func send(_ line: String) throws -> Answer {
    var answer: Answer?
    let request = line.split(separator: " ").map { Array($0.utf8) }
    process.submit(request, to: address) { answer = $0 }
    lab.simulator.wake(host)
    try lab.require("an answer to \(line)") { answer != nil }
    return answer ?? .lost
  }

  /// Sends a request with a closure for the answer, and does not wait.
  package func begin(_ line: String, then: @escaping (Answer) -> Void) {
    process.submit(line.split(separator: " ").map { Array($0.utf8) }, to: address, completion: then)
    lab.simulator.wake(host)
  }
}

/// A client of Redis on a simulated host, with one connection for each address.
final class RedisProcess: SimulatedProcess {
  private struct Link {
    var address: String
    var parser = ReplyParser()
    var waiting: [(LabRedisClient.Answer) -> Void] = []
  }

  private struct Request {
    var arguments: [[UInt8]]
    var address: String
    var completion: (LabRedisClient.Answer) -> Void
  }

  private var requests: [Request] = []
  private var links: [ConnectionID: Link] = [:]
  private var nextConnection: UInt64 = 1

  var nextDeadline: UInt64? { nil }

  func submit(
    _ arguments: [[UInt8]], to address: String,
    completion: @escaping (LabRedisClient.Answer) -> Void
  ) {
    requests.append(Request(arguments: arguments, address: address, completion: completion))
  }

  func turn(_ now: Moment, _ inputs: [NodeInput]) -> NodeEffects {
    var effects = NodeEffects()
    for case .link(let link) in inputs {
      switch link {
      case .accepted, .connected, .congested: break
      case .received(let connection, let bytes): receive(bytes, on: connection)
      case .closed(let connection, _):
        for completion in links.removeValue(forKey: connection)?.waiting ?? [] {
          completion(.lost)
        }
      }
    }
    let new = requests
    requests = []
    for request in new { send(request, &effects) }
    return effects
  }

  private func receive(_ bytes: [UInt8], on connection: ConnectionID) {
    links[connection]?.parser.append(bytes)
    while let reply = try? links[connection]?.parser.next() {
      links[connection]?.waiting.removeFirst()(.reply(reply))
    }
  }

  private func send(_ request: Request, _ effects: inout NodeEffects) {
    let known = links.filter { $0.value.address == request.address }.keys.min()
    let connection = known ?? ConnectionID(rawValue: nextConnection)
    if known == nil {
      nextConnection += 1
      links[connection] = Link(address: request.address)
      effects.links.append(.connect(connection, request.address))
    }
    links[connection]?.waiting.append(request.completion)
    var bytes = Array("*\(request.arguments.count)\r\n".utf8)
    for argument in request.arguments {
      bytes += Array("$\(argument.count)\r\n".utf8) + argument + [0x0D, 0x0A]
    }
    effects.links.append(.send(connection, bytes))
  }
}
