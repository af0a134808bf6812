import Glibc

/// Blocks of memory that are used again and again by all connections of a loop, so that an idle
/// connection holds none.
final class BlockPool {
  /// Bytes of one block.
  static let blockBytes = 32 << 10
  /// Free blocks kept for later.
  static let freeMax = 256
  private var free: [UnsafeMutableRawPointer] = []

  deinit { for block in free { block.deallocate() } }

  func take() -> UnsafeMutableRawPointer {
    free.popLast() ?? .allocate(byteCount: Self.blockBytes, alignment: 16)
  }

  func giveBack(_ block: UnsafeMutableRawPointer) {
    if free.count < Self.freeMax { free.append(block) } else { block.deallocate() }
  }
}

/// Bytes that wait to be sent on one connection, copied into blocks: many small messages become few
/// large pieces, and one system call takes them all.
struct OutputQueue {
  private struct Piece {
    var block: UnsafeMutableRawPointer
    var start = 0
    var end = 0
  }

  private var pieces: [Piece] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ bytes: [UInt8], pool: BlockPool) {
    bytes.withUnsafeBytes { source in
      var rest = source[...]
      while !rest.isEmpty {
        if pieces.last.map({ $0.end == BlockPool.blockBytes }) ?? true {
          pieces.append(Piece(block: pool.take()))
        }
        let last = pieces.count - 1
        let end = pieces[last].end
        let part = rest.prefix(BlockPool.blockBytes - end)
        UnsafeMutableRawBufferPointer(
          start: pieces[last].block + end, count: BlockPool.blockBytes - end
        ).copyBytes(from: part)
        pieces[last].end += part.count
        rest = rest.dropFirst(part.count)
      }
    }
    count += bytes.count
  }

  /// Sends as much as the socket takes; returns 0, or the error that is not "later".
  mutating func send(to descriptor: Int32, pool: BlockPool) -> Int32 {
    while count > 0 {
      let (sent, offered) = sendOnce(to: descriptor)
      if sent < 0 { return -sent == Int(EAGAIN) ? 0 : Int32(-sent) }
      consume(sent, pool: pool)
      if sent < offered { return 0 }
    }
    return 0
  }

  mutating func removeAll(pool: BlockPool) { consume(count, pool: pool) }

  /// One system call: the bytes it took, or the error as a negative number.
  private func sendOnce(to descriptor: Int32) -> (sent: Int, offered: Int) {
    // A library must not change what SIGPIPE does to the whole process, so each call is asked not
    // to raise it.
    let flags = Int32(MSG_NOSIGNAL)
    if pieces.count == 1 {
      let piece = pieces[0]
      let length = piece.end - piece.start
      let sent = retrying { Glibc.send(descriptor, piece.block + piece.start, length, flags) }
      return (sent < 0 ? -Int(errno) : sent, length)
    }
    let partsMax = 64
    return withUnsafeTemporaryAllocation(of: iovec.self, capacity: partsMax) { parts in
      var used = 0
      var offered = 0
      for piece in pieces.prefix(partsMax) {
        let length = piece.end - piece.start
        parts[used] = iovec(iov_base: piece.block + piece.start, iov_len: length)
        used += 1
        offered += length
      }
      var message = msghdr()
      message.msg_iov = parts.baseAddress
      message.msg_iovlen = used
      let sent = retrying { sendmsg(descriptor, &message, flags) }
      return (sent < 0 ? -Int(errno) : sent, offered)
    }
  }

  private mutating func consume(_ sent: Int, pool: BlockPool) {
    var rest = sent
    var finished = 0
    while rest > 0, finished < pieces.count {
      let length = pieces[finished].end - pieces[finished].start
      if rest < length {
        pieces[finished].start += rest
        break
      }
      pool.giveBack(pieces[finished].block)
      finished += 1
      rest -= length
    }
    pieces.removeFirst(finished)
    count -= sent
  }
}
