import Basics
import CLinux
import Glibc
import Wire

extension Loop {
  /// Accepts connections at `host:port`, where port 0 is any free one.
  ///
  /// - Returns: the port.
  /// - Throws: the first address's error, with the endpoint.
  package func listen(
    on endpoint: String, _ door: LoopDoor = LoopDoor()
  ) throws(LoopError) -> Int {
    guard let address = try SocketAddress.resolve(endpoint, toListen: true).first else {
      throw LoopError("\(endpoint) has no address")
    }
    let descriptor = makeSocket(address.family)
    guard descriptor >= 0 else { throw LoopError("\(endpoint): socket: \(systemError())") }
    // A restarted server gets its port although old connections are still being forgotten. What
    // accepted connections need is set here, since they inherit it.
    set(descriptor, SOL_SOCKET, SO_REUSEADDR)
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE)
    set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
    set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
    guard address.withPointer({ bind(descriptor, $0, $1) }) == 0,
      Glibc.listen(descriptor, LoopLimits.backlog) == 0,
      let bound = SocketAddress(of: descriptor, local: true)
    else {
      let reason = systemError()
      close(descriptor)
      throw LoopError("cannot listen on \(endpoint): \(reason)")
    }
    let listener = Listener(descriptor: descriptor, door: door)
    guard register(listener) else {
      close(descriptor)
      throw LoopError("cannot watch \(endpoint)")
    }
    listeners.append(listener)
    return bound.port
  }

  /// Closes the listening sockets; connections stay.
  package func stopListening() {
    for listener in listeners {
      forget(listener.slot)
      close(listener.descriptor)
    }
    listeners.removeAll()
    acceptAgainAt = nil
  }

  func accept(from listener: Listener) {
    for _ in 0..<limits.acceptsPerTurnMax {
      let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
      let descriptor = retrying { linux_accept4(listener.descriptor, nil, nil, flags) }
      if descriptor >= 0 {
        admit(descriptor, at: listener)
        continue
      }
      // Out of descriptors or memory, the queue stays as it is and would be reported without end.
      if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) {
        for listener in listeners { update(listener.slot, listener.descriptor, 0) }
        acceptAgainAt = Self.monotonic() + limits.acceptPause
      }
      // Anything else is "no more", or the fault of a connection that is gone again (accept(2)).
      return
    }
  }

  private func admit(_ descriptor: Int32, at listener: Listener) {
    guard listener.accepted < listener.door.acceptedMax else {
      listener.door.refusal.withUnsafeBytes { bytes in
        _ = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      }
      close(descriptor)
      return
    }
    let from = SocketAddress(of: descriptor, local: false)?.description ?? "unknown"
    let connection = Connection(
      id: ConnectionID(rawValue: listener.nextConnection), descriptor: descriptor, phase: .open)
    connection.listener = listener
    guard register(connection) else {
      close(descriptor)
      return
    }
    listener.nextConnection += 1
    listener.accepted += 1
    connections[connection.id] = connection
    reports.append(.accepted(connection.id, from: from))
  }

  func open(_ id: ConnectionID, _ endpoint: String) {
    let addresses: [SocketAddress]
    do throws(LoopError) {
      addresses = try SocketAddress.resolve(endpoint, toListen: false)
    } catch {
      reports.append(.closed(id, reason: error.description))
      return
    }
    let connection = Connection(id: id, descriptor: -1, phase: .connecting)
    connection.otherAddresses = addresses[...]
    connections[id] = connection
    tryNextAddress(connection, after: "no address")
  }

  /// Starts connecting to the next address, or reports why the last one did not answer.
  func tryNextAddress(_ connection: Connection, after reason: String) {
    if connection.descriptor >= 0 {
      forget(connection.slot)
      close(connection.descriptor)
      connection.descriptor = -1
    }
    var reason = reason
    while let address = connection.otherAddresses.popFirst() {
      let descriptor = makeSocket(address.family)
      guard descriptor >= 0 else {
        reason = "socket: \(systemError())"
        continue
      }
      set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
      let status = address.withPointer { connect(descriptor, $0, $1) }
      guard status == 0 || errno == EINPROGRESS || errno == EINTR else {
        reason = systemError()
        close(descriptor)
        continue
      }
      connection.descriptor = descriptor
      guard register(connection) else {
        reason = "epoll: \(systemError())"
        close(descriptor)
        connection.descriptor = -1
        continue
      }
      connection.connectDeadline = Self.monotonic() + limits.connectTimeout
      connecting.add(connection, deadline: connection.connectDeadline)
      return
    }
    fail(connection, "cannot connect: \(reason)")
  }

  func finishConnecting(_ connection: Connection) {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(connection.descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
    if code != 0 { return tryNextAddress(connection, after: text(of: code)) }
    connection.phase = .open
    reports.append(.connected(connection.id))
    send(connection)
  }

  private func makeSocket(_ family: Int32) -> Int32 {
    let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    return socket(family, Int32(kind), 0)
  }

  /// Options are improvements: a socket without them still works.
  private func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32 = 1) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }
}
