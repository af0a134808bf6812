import Basics

/// The two parts of `host:port` or `[host]:port`.
package struct Endpoint: Hashable, Sendable {
  /// An IPv6 address is without brackets.
  package let host: String
  package let port: UInt16

  /// `nil` for a text that is not of that form.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { return nil }
    self.host = String(host)
    self.port = port
  }
}

extension ReplicaAddress {
  /// Reads `HOST:PORT` or `HOST:PORT+REDISPORT`, as operators write it: the port for Redis' clients
  /// is on the same host. `nil` for any other text.
  package init?(_ id: ReplicaID, text: String) {
    let parts = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    let peer = String(parts[0])
    guard Endpoint(peer) != nil, let colon = peer.lastIndex(of: ":") else { return nil }
    guard parts.count == 2 else {
      self.init(id: id, peer: peer)
      return
    }
    guard let port = UInt16(parts[1]), port > 0 else { return nil }
    self.init(id: id, peer: peer, redis: "\(peer[..<colon]):\(port)")
  }
}
