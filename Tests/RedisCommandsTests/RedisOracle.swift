import Foundation
import Glibc
import RESP
import Testing

/// All that is held against real servers, one after the other, since they share them: one that
/// stands alone and one that is a whole cluster, which `scripts/redis-oracle.sh` starts.
@Suite(.serialized, .enabled(if: RedisOracle.isThere, "needs scripts/redis-oracle.sh"))
enum AgainstRedis {}

/// A connection to a real redis-server, whose wall clock is a file.
struct RedisOracle {
  static let port = variable("SHARDKV_REDIS_PORT").flatMap(UInt16.init)
  static let clusterPort = variable("SHARDKV_REDIS_CLUSTER_PORT").flatMap(UInt16.init)
  static let clockFile = variable("SHARDKV_CLOCK_FILE")
  static let commands = variable("SHARDKV_ORACLE_COMMANDS").flatMap(Int.init) ?? 100_000
  static let seed = variable("SHARDKV_ORACLE_SEED").flatMap(UInt64.init) ?? 1
  static var isThere: Bool { port != nil && clusterPort != nil && clockFile != nil }

  private static func variable(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name]
  }

  struct Failure: Error {
    let what: String
  }

  private let descriptor: Int32

  init(isCluster: Bool = false) throws {
    guard let port = isCluster ? Self.clusterPort : Self.port else {
      throw Failure(what: "no port")
    }
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw Failure(what: "cannot connect: \(errno)") }
    // A request that is not answered must not wait for an acknowledgement of the one before.
    var isOn: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
    var patience = timeval(tv_sec: 2, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  func close() { _ = Glibc.close(descriptor) }

  /// Sets the server's clock, in milliseconds since 1970.
  func setClock(_ now: Int64) throws {
    guard let path = Self.clockFile else { throw Failure(what: "no clock") }
    let file = open(path, O_WRONLY)
    var microseconds = UInt64(now) * 1000
    guard file >= 0, pwrite(file, &microseconds, 8, 0) == 8 else {
      throw Failure(what: "cannot set the clock: \(errno)")
    }
    _ = Glibc.close(file)
  }

  /// Sends requests and gives the bytes of each reply.
  func ask(_ requests: [[[UInt8]]]) throws -> [[UInt8]] {
    try send(requests.flatMap(Self.encoded))
    var parser = ReplyParser()
    var received: [UInt8] = []
    var ends: [Int] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while ends.count < requests.count {
      let count = recv(descriptor, &chunk, chunk.count, 0)
      guard count > 0 else { throw Failure(what: "the server hung up") }
      // Byte by byte, so that it is known where a reply ends.
      for byte in chunk[..<count] {
        received.append(byte)
        parser.append([byte])
        if byte == 0x0A, try parser.next() != nil { ends.append(received.count) }
      }
    }
    return ends.indices.map { Array(received[($0 == 0 ? 0 : ends[$0 - 1])..<ends[$0]]) }
  }

  /// Sends a request and gives the next `count` bytes that come, fewer if no more come in time.
  func exchange(_ request: [[UInt8]], count: Int) throws -> [UInt8] {
    try send(Self.encoded(request))
    var received: [UInt8] = []
    while received.count < count {
      var chunk = [UInt8](repeating: 0, count: count - received.count)
      let read = recv(descriptor, &chunk, chunk.count, 0)
      guard read > 0 else { break }
      received += chunk[..<read]
    }
    return received
  }

  /// The reply to one request as a value.
  func reply(_ request: [[UInt8]]) throws -> Reply {
    var parser = ReplyParser()
    parser.append(try ask([request])[0])
    guard let reply = try parser.next() else { throw Failure(what: "half a reply") }
    return reply
  }

  func reply(_ line: String) throws -> Reply {
    try reply(line.split(separator: " ").map { Array($0.utf8) })
  }

  static func encoded(_ request: [[UInt8]]) -> [UInt8] {
    request.reduce(into: Array("*\(request.count)\r\n".utf8)) { bytes, argument in
      bytes += Array("$\(argument.count)\r\n".utf8) + argument + [0x0D, 0x0A]
    }
  }

  private func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Failure(what: "cannot send: \(errno)") }
      sent += count
    }
  }
}
