import Glibc

/// An address of the internet, version 4 or 6, with its port.
struct SocketAddress {
  private var storage = sockaddr_storage()
  private var length: socklen_t

  /// Copies what a system call gave; the caller says how many bytes of it are meant.
  private init(_ pointer: UnsafePointer<sockaddr>, length: socklen_t) {
    self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
    withUnsafeMutableBytes(of: &storage) { target in
      target.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(self.length)))
    }
  }

  /// The other end of a connection, or our own.
  init?(of descriptor: Int32, local: Bool) {
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = withUnsafeMutablePointer(to: &storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        local
          ? getsockname(descriptor, address, &length) : getpeername(descriptor, address, &length)
      }
    }
    if status != 0 { return nil }
  }

  /// All addresses of `host:port` or `[host]:port`, in the order they are to be tried. A numeric
  /// host is answered at once; a name asks the resolver, which blocks for as long as that takes:
  /// servers are best named by numbers.
  static func resolve(_ endpoint: String, toListen: Bool) throws(LoopError) -> [SocketAddress] {
    let (host, port) = try split(endpoint)
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | (toListen ? AI_PASSIVE : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    var status = getaddrinfo(host, port, &hints, &list)
    if status == EAI_NONAME {
      hints.ai_flags &= ~AI_NUMERICHOST
      status = getaddrinfo(host, port, &hints, &list)
    }
    guard status == 0 else {
      throw LoopError("cannot resolve \(endpoint): \(String(cString: gai_strerror(status)))")
    }
    defer { freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var next = list
    while let item = next {
      if let address = item.pointee.ai_addr {
        found.append(SocketAddress(address, length: item.pointee.ai_addrlen))
      }
      next = item.pointee.ai_next
    }
    return found
  }

  static func split(_ endpoint: String) throws(LoopError) -> (host: String, port: String) {
    guard let colon = endpoint.lastIndex(of: ":") else {
      throw LoopError("'\(endpoint)' is not an address: expected host:port")
    }
    var host = endpoint[..<colon]
    let port = endpoint[endpoint.index(after: colon)...]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard UInt16(port) != nil, !host.isEmpty, !host.utf8.contains(0) else {
      throw LoopError("'\(endpoint)' is not an address: expected host:port")
    }
    return (String(host), String(port))
  }

  var family: Int32 { Int32(storage.ss_family) }

  /// Calls with the form that `connect` and `bind` take.
  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  /// `host:port` in numbers, with brackets around a host of version 6.
  var description: String {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let status = withPointer { address, length in
      getnameinfo(
        address, length, &host, socklen_t(host.count), &port, socklen_t(port.count),
        NI_NUMERICHOST | NI_NUMERICSERV)
    }
    guard status == 0 else { return "unknown" }
    let name = Self.text(host)
    return (name.contains(":") ? "[\(name)]" : name) + ":" + Self.text(port)
  }

  var port: Int { description.split(separator: ":").last.flatMap { Int($0) } ?? 0 }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension Loop {
  /// Whether the text has the form `host:port` that ``listen(on:)`` and connections take.
  package static func isEndpoint(_ text: String) -> Bool {
    (try? SocketAddress.split(text)) != nil
  }
}
