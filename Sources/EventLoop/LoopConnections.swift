import Basics
import CLinux
import Glibc
import Wire

extension Loop {
  /// Carries out what was decided. Bytes are only queued: ``flush()`` sends them, once for the
  /// turn. Effects on a connection that is gone are ignored, since its end is on its way to the
  /// decider.
  package func perform(_ effects: [LinkEffect]) {
    for effect in effects {
      switch effect {
      case .connect(let id, let endpoint): open(id, endpoint)
      case .send(let id, let bytes):
        guard let connection = connections[id] else { continue }
        connection.output.append(bytes, pool: pool)
        pendingBytes += bytes.count
        markDirty(connection)
      case .close(let id):
        // An end that was noticed after the last poll is no news to who closes it.
        reports.removeAll { if case .closed(id, _) = $0 { true } else { false } }
        guard let connection = connections.removeValue(forKey: id) else { continue }
        closing.add(connection, deadline: Self.monotonic() + limits.closeTimeout)
        if connection.phase == .connecting, connection.output.isEmpty {
          release(connection)
        } else {
          connection.phase = .draining
          markDirty(connection)
        }
      case .pause(let id): hold(id, true)
      case .resume(let id): hold(id, false)
      }
    }
  }

  private func hold(_ id: ConnectionID, _ isHeld: Bool) {
    guard let connection = connections[id], connection.phase == .open else { return }
    connection.isHeld = isHeld
    watch(connection)
  }

  /// Sends what waits: one system call for each connection, however many messages there are.
  package func flush() {
    for connection in dirty {
      connection.isDirty = false
      send(connection)
    }
    dirty.removeAll(keepingCapacity: true)
    while pendingBytes > limits.outputTotalMax,
      let fullest = connections.values.max(by: { $0.output.count < $1.output.count }),
      !fullest.output.isEmpty
    {
      fail(fullest, "more than \(limits.outputTotalMax) bytes wait to be sent on all connections")
    }
  }

  private func markDirty(_ connection: Connection) {
    if connection.isDirty { return }
    connection.isDirty = true
    dirty.append(connection)
  }

  func send(_ connection: Connection) {
    guard connection.phase == .open || connection.phase == .draining else { return }
    let before = connection.output.count
    let error =
      connection.isFull ? 0 : connection.output.send(to: connection.descriptor, pool: pool)
    pendingBytes -= before - connection.output.count
    if error != 0 { return fail(connection, "sending: \(text(of: error))") }
    let waiting = connection.output.count
    if waiting > limits.outputHardMax {
      return fail(connection, "it does not read: \(waiting) bytes wait to be sent")
    }
    connection.isFull = waiting > 0
    if connection.id.isAccepted, connection.phase == .open {
      // Half the limit, so that it does not flap.
      let isPaused =
        waiting > (connection.isPaused ? limits.outputSoftMax / 2 : limits.outputSoftMax)
      if isPaused != connection.isPaused { reports.append(.congested(connection.id, isPaused)) }
      connection.isPaused = isPaused
    }
    if connection.phase == .draining, waiting == 0 {
      connection.phase = .lingering
      shutdown(connection.descriptor, Int32(SHUT_WR))
    }
    watch(connection)
  }

  private func watch(_ connection: Connection) {
    let wanted = connection.wantedInterest
    if wanted == connection.interest { return }
    connection.interest = wanted
    update(connection.slot, connection.descriptor, wanted)
  }

  /// Handles what epoll says of a connection.
  func handle(_ connection: Connection, _ events: UInt32) {
    let isBroken = events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
    if connection.phase == .connecting {
      if isBroken || events & EPOLLOUT.rawValue != 0 { finishConnecting(connection) }
      return
    }
    if events & EPOLLOUT.rawValue != 0 {
      connection.isFull = false
      send(connection)
    }
    // A broken connection that is not read from would be reported for ever.
    let isRead = connection.interest & EPOLLIN.rawValue != 0
    if isRead, isBroken || events & EPOLLIN.rawValue != 0 {
      receive(connection)
    } else if isBroken, connection.phase != .closed {
      fail(connection, text(of: socketError(of: connection.descriptor)))
    }
  }

  private func receive(_ connection: Connection) {
    if connection.phase == .closed { return }
    if inputBudget <= 0 {
      if firstLate == nil { firstLate = connection }
      return
    }
    let count = retrying {
      recv(connection.descriptor, readBuffer.baseAddress, readBuffer.count, 0)
    }
    if count > 0 {
      inputBudget -= count
      if connection.phase == .open {
        reports.append(
          .received(connection.id, [UInt8](UnsafeRawBufferPointer(rebasing: readBuffer[..<count]))))
      }
    } else if count == 0 {
      fail(connection, "closed by the other side")
    } else if errno != EAGAIN {
      fail(connection, "receiving: \(systemError())")
    }
  }

  /// Reports the end of a connection, unless we closed it ourselves.
  func fail(_ connection: Connection, _ reason: String) {
    if connections[connection.id] === connection {
      connections[connection.id] = nil
      reports.append(.closed(connection.id, reason: reason))
    }
    release(connection)
  }

  /// Frees all that a connection has.
  func release(_ connection: Connection) {
    if connection.phase == .closed { return }
    connection.phase = .closed
    connection.listener?.accepted -= 1
    connection.listener = nil
    pendingBytes -= connection.output.count
    connection.output.removeAll(pool: pool)
    if connection.descriptor >= 0 {
      forget(connection.slot)
      close(connection.descriptor)
      connection.descriptor = -1
    }
  }

  func socketError(of descriptor: Int32) -> Int32 {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
    return code == 0 ? ECONNRESET : code
  }
}
