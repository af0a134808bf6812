import RESP

/// What a command does to its key.
package enum KeyChange: Hashable, Sendable {
  case none
  case delete
  case put(StoredString)
}

/// What comes of a command on one key.
package struct KeyOutcome: Hashable, Sendable {
  package var reply: Reply
  package var change: KeyChange

  init(_ reply: Reply, _ change: KeyChange = .none) {
    self.reply = reply
    self.change = change
  }

  static func refused(_ error: CommandError) -> KeyOutcome { KeyOutcome(.error(error.text)) }
}

extension StringCommand {
  /// Carries the command out on what the key holds, at `now` of the replicated clock, in
  /// milliseconds since 1970. Replies are those of Redis 7.0; a value grows to `limit` bytes at
  /// most. A key whose deadline is over is taken for absent.
  package func apply(to stored: StoredString?, now: Int64, limit: Int) -> KeyOutcome {
    let current = stored.flatMap { $0.isAlive(at: now) ? $0 : nil }
    do throws(CommandError) {
      return try outcome(current, now: now, limit: limit)
    } catch {
      return .refused(error)
    }
  }

  private func outcome(_ current: StoredString?, now: Int64, limit: Int) throws(CommandError)
    -> KeyOutcome
  {
    switch self {
    case .get: return KeyOutcome(Self.bulk(current))
    case .set(let options): return try Self.set(options, current, now)
    case .append(let bytes): return try Self.append(bytes, current, limit)
    case .length: return KeyOutcome(.integer(Int64(current?.bytes.count ?? 0)))
    case .getAndSet(let bytes): return KeyOutcome(Self.bulk(current), .put(StoredString(bytes)))
    case .getAndDelete: return KeyOutcome(Self.bulk(current), current == nil ? .none : .delete)
    case .getAndExpire(let expiry): return try Self.getAndExpire(expiry, current, now)
    case .range(let start, let end): return KeyOutcome(Self.range(start, end, current))
    case .setRange(let offset, let bytes):
      return try Self.setRange(offset, bytes, current, limit)
    case .increment(let amount): return try Self.increment(amount, current)
    case .incrementFloat(let amount): return try Self.incrementFloat(amount, current)
    case .expire(let options): return try Self.expire(options, current, now)
    case .timeToLive(let isSeconds, let isAbsolute):
      return KeyOutcome(.integer(Self.timeToLive(current, now, isSeconds, isAbsolute)))
    case .persist:
      guard let current, current.deadline != nil else { return KeyOutcome(.integer(0)) }
      return KeyOutcome(.integer(1), .put(StoredString(current.bytes)))
    case .type: return KeyOutcome(.simple(current == nil ? "none" : "string"))
    case .setBit(let offset, let isOn): return Self.setBit(offset, isOn, current)
    case .getBit(let offset): return KeyOutcome(.integer(Self.bit(offset, current)))
    case .bitCount(let range): return KeyOutcome(.integer(try Self.bitCount(range, current)))
    }
  }

  private static func bulk(_ current: StoredString?) -> Reply {
    current.map { .bulk($0.bytes) } ?? .null
  }

  /// A value with a deadline that is over already is a key that is not there.
  private static func change(_ value: StoredString, _ current: StoredString?, _ now: Int64)
    -> KeyChange
  {
    if value.isAlive(at: now) { return .put(value) }
    return current == nil ? .none : .delete
  }

  private static func set(_ options: SetOptions, _ current: StoredString?, _ now: Int64)
    throws(CommandError) -> KeyOutcome
  {
    var deadline: Int64?
    if let expiry = options.expiry {
      deadline = try expiry.deadline(now: now, command: options.name)
    }
    if options.onlyIfNew && current != nil || options.onlyIfThere && current == nil {
      let refusal: Reply = options.answersNumber ? .integer(0) : .null
      return KeyOutcome(options.returnsOld ? bulk(current) : refusal)
    }
    if options.keepsDeadline { deadline = current?.deadline }
    let reply: Reply = options.answersNumber ? .integer(1) : .ok
    let value = StoredString(options.value, deadline: deadline)
    return KeyOutcome(options.returnsOld ? bulk(current) : reply, change(value, current, now))
  }

  private static func append(_ bytes: [UInt8], _ current: StoredString?, _ limit: Int)
    throws(CommandError) -> KeyOutcome
  {
    var value = current ?? StoredString([])
    guard value.bytes.count + bytes.count <= limit else { throw .tooLong }
    value.bytes += bytes
    return KeyOutcome(.integer(Int64(value.bytes.count)), .put(value))
  }

  private static func getAndExpire(_ expiry: GetExpiry, _ current: StoredString?, _ now: Int64)
    throws(CommandError) -> KeyOutcome
  {
    guard let current else { return KeyOutcome(.null) }
    let reply = Reply.bulk(current.bytes)
    switch expiry {
    case .unchanged: return KeyOutcome(reply)
    case .persist:
      return KeyOutcome(reply, current.deadline == nil ? .none : .put(StoredString(current.bytes)))
    case .set(let argument):
      let deadline = try argument.deadline(now: now, command: "getex")
      // Unlike SET, it deletes a key whose deadline is this very millisecond.
      if argument.isAbsolute, deadline <= now { return KeyOutcome(reply, .delete) }
      return KeyOutcome(reply, .put(StoredString(current.bytes, deadline: deadline)))
    }
  }

  private static func range(_ start: Int64, _ end: Int64, _ current: StoredString?) -> Reply {
    guard let bytes = current?.bytes, !(start < 0 && end < 0 && start > end) else {
      return .bulk([])
    }
    guard let part = clamped(start, end, Int64(bytes.count)) else { return .bulk([]) }
    return .bulk(Array(bytes[Int(part.lowerBound)...Int(part.upperBound)]))
  }

  /// Both ends within `0..<count`, negative ones counted from the end; `nil` if nothing is left.
  private static func clamped(_ start: Int64, _ end: Int64, _ count: Int64) -> ClosedRange<Int64>? {
    let first = max(0, start < 0 ? start + count : start)
    let last = min(max(0, end < 0 ? end + count : end), count - 1)
    return count > 0 && first <= last ? first...last : nil
  }

  private static func setRange(
    _ offset: Int64, _ bytes: [UInt8], _ current: StoredString?, _ limit: Int
  ) throws(CommandError) -> KeyOutcome {
    guard !bytes.isEmpty else { return KeyOutcome(.integer(Int64(current?.bytes.count ?? 0))) }
    let (end, overflows) = offset.addingReportingOverflow(Int64(bytes.count))
    guard !overflows, end <= limit else { throw .tooLong }
    var value = current ?? StoredString([])
    grow(&value.bytes, to: Int(end))
    value.bytes.replaceSubrange(Int(offset)..<Int(end), with: bytes)
    return KeyOutcome(.integer(Int64(value.bytes.count)), .put(value))
  }

  private static func grow(_ bytes: inout [UInt8], to count: Int) {
    if bytes.count < count { bytes += repeatElement(0, count: count - bytes.count) }
  }

  private static func increment(_ amount: Int64, _ current: StoredString?) throws(CommandError)
    -> KeyOutcome
  {
    var value = current ?? StoredString([UInt8(ascii: "0")])
    let (sum, overflows) = try integer(value.bytes).addingReportingOverflow(amount)
    guard !overflows else { throw .overflow }
    value.bytes = Array(String(sum).utf8)
    return KeyOutcome(.integer(sum), .put(value))
  }

  private static func incrementFloat(_ amount: LongDouble?, _ current: StoredString?)
    throws(CommandError) -> KeyOutcome
  {
    var value = current ?? StoredString([UInt8(ascii: "0")])
    guard let old = LongDouble(value.bytes), let amount else { throw .notAFloat }
    guard let sum = old.adding(amount) else {
      throw CommandError("ERR increment would produce NaN or Infinity")
    }
    value.bytes = sum.decimalText
    return KeyOutcome(.bulk(value.bytes), .put(value))
  }

  private static func expire(_ options: ExpireOptions, _ current: StoredString?, _ now: Int64)
    throws(CommandError) -> KeyOutcome
  {
    let (milliseconds, isTooFar) = options.amount.multipliedReportingOverflow(
      by: options.isSeconds ? 1000 : 1)
    let (deadline, overflows) = milliseconds.addingReportingOverflow(options.isAbsolute ? 0 : now)
    guard !isTooFar, !overflows else { throw .expireTime(options.name) }
    guard let current else { return KeyOutcome(.integer(0)) }
    if let old = current.deadline {
      if options.onlyWithout || options.onlyLater && deadline <= old
        || options.onlyEarlier && deadline >= old
      {
        return KeyOutcome(.integer(0))
      }
    } else if options.onlyWith || options.onlyLater {
      return KeyOutcome(.integer(0))
    }
    if deadline <= now { return KeyOutcome(.integer(1), .delete) }
    return KeyOutcome(.integer(1), .put(StoredString(current.bytes, deadline: deadline)))
  }

  private static func timeToLive(
    _ current: StoredString?, _ now: Int64, _ isSeconds: Bool, _ isAbsolute: Bool
  ) -> Int64 {
    guard let current else { return -2 }
    guard let deadline = current.deadline else { return -1 }
    let time = isAbsolute ? deadline : max(0, deadline - now)
    // Redis rounds to the nearest second. A time is never negative, so its compiler divides without
    // a sign, which shows for deadlines at the end of 64 bits.
    return isSeconds ? Int64(bitPattern: (UInt64(bitPattern: time) &+ 500) / 1000) : time
  }
}
