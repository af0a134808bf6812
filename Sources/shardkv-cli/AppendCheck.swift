/// What became of appends, each of a token of its own, judged by the values there afterwards.
///
/// Token number `t` is written as its decimal digits, padding dots and a semicolon, so that a value
/// is the list of the tokens that were applied, in the order in which they were.
struct AppendCheck: Sendable {
  enum Outcome: UInt8, Sendable {
    case pending, acknowledged, unknown, failed
  }

  struct Append: Sendable {
    var key: Int32
    var outcome = Outcome.pending
    /// Monotonic nanoseconds.
    var call: UInt64
    var end: UInt64 = .max
  }

  /// What a read saw: enough to tell whether it was a prefix of the final value, and which.
  struct Read: Sendable {
    var key: Int32
    var call: UInt64
    var length: Int
    var hash: UInt64
  }

  struct Verdict: Hashable, Sendable {
    var appends = 0
    var acknowledged = 0
    /// Acknowledged and not there.
    var lost = 0
    /// There more than once (each time beyond the first counts).
    var doubled = 0
    /// Behind one that was called only after this one had ended.
    var reordered = 0
    /// There although never sent, sent to another key, or reported as certainly not applied.
    var phantom = 0
    /// Reads that missed an append acknowledged before, or saw what never was.
    var stale = 0
    /// Keys that could not be read back.
    var unread = 0

    var isGood: Bool { lost + doubled + reordered + phantom + stale + unread == 0 }
  }

  private(set) var appends: [Append] = []
  private(set) var reads: [Read] = []

  /// Registers an append that is about to be sent; its token's number.
  mutating func begin(key: Int, call: UInt64) -> Int {
    appends.append(Append(key: Int32(clamping: key), call: call))
    return appends.count - 1
  }

  mutating func end(_ token: Int, _ outcome: Outcome, at end: UInt64) {
    guard appends.indices.contains(token) else { return }
    appends[token].outcome = outcome
    appends[token].end = outcome == .acknowledged ? end : .max
  }

  mutating func read(key: Int, call: UInt64, value: [UInt8]) {
    var hash = Self.hashStart
    for byte in value { Self.mix(byte, into: &hash) }
    reads.append(Read(key: Int32(clamping: key), call: call, length: value.count, hash: hash))
  }

  static func token(_ number: Int, size: Int) -> [UInt8] {
    var bytes = Array(String(number).utf8)
    while bytes.count + 1 < size { bytes.append(UInt8(ascii: ".")) }
    bytes.append(UInt8(ascii: ";"))
    return bytes
  }

  /// FNV-1a.
  private static let hashStart: UInt64 = 0xCBF2_9CE4_8422_2325
  private static func mix(_ byte: UInt8, into hash: inout UInt64) {
    hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
  }

  /// `values`: by key, what was read back; `nil` where that failed.
  func verdict(values: [[UInt8]?]) -> Verdict {
    var verdict = Verdict()
    verdict.appends = appends.count
    verdict.acknowledged = appends.count { $0.outcome == .acknowledged }
    var seen = [UInt8](repeating: 0, count: appends.count)
    var readsOf: [Int32: [Read]] = [:]
    for read in reads { readsOf[read.key, default: []].append(read) }
    for (key, value) in values.enumerated() {
      guard let value else {
        verdict.unread += 1
        continue
      }
      let list = tokens(in: value, key: key, &verdict, &seen)
      countReordered(list, &verdict)
      if let reads = readsOf[Int32(clamping: key)] {
        countStale(reads, list, value, &verdict)
      }
    }
    for (token, append) in appends.enumerated() {
      let isUnread =
        !values.indices.contains(Int(append.key)) || values[Int(append.key)] == nil
      if isUnread { continue }
      if append.outcome == .acknowledged, seen[token] == 0 { verdict.lost += 1 }
      if append.outcome == .failed, seen[token] > 0 { verdict.phantom += 1 }
    }
    return verdict
  }

  /// The tokens of one key's value in order, each with where it ends; those that do not belong
  /// there are counted and left out.
  private func tokens(
    in value: [UInt8], key: Int, _ verdict: inout Verdict, _ seen: inout [UInt8]
  ) -> [(token: Int, end: Int)] {
    var list: [(token: Int, end: Int)] = []
    var number: Int?
    for (index, byte) in value.enumerated() {
      switch byte {
      case UInt8(ascii: ";"):
        if let token = number, appends.indices.contains(token), appends[token].key == key {
          if seen[token] > 0 { verdict.doubled += 1 }
          seen[token] = min(seen[token], 1) + 1
          list.append((token, index + 1))
        } else {
          verdict.phantom += 1
        }
        number = nil
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let digit = Int(byte - UInt8(ascii: "0"))
        number = (number ?? 0) > Int.max / 100 ? Int.max : (number ?? 0) * 10 + digit
      case UInt8(ascii: "."): break
      default: number = Int.max
      }
    }
    if number != nil { verdict.phantom += 1 }
    return list
  }

  private func countReordered(_ list: [(token: Int, end: Int)], _ verdict: inout Verdict) {
    var earliestEnd = UInt64.max
    for (token, _) in list.reversed() {
      if earliestEnd < appends[token].call { verdict.reordered += 1 }
      earliestEnd = min(earliestEnd, appends[token].end)
    }
  }

  private func countStale(
    _ reads: [Read], _ list: [(token: Int, end: Int)], _ value: [UInt8], _ verdict: inout Verdict
  ) {
    // By the time an append was acknowledged, how long the value was at least.
    let byEnd = list.map { (time: appends[$0.token].end, length: $0.end) }
      .sorted { $0.time < $1.time }
    var lengths: [Int] = []
    for entry in byEnd { lengths.append(max(lengths.last ?? 0, entry.length)) }
    var position = 0
    var hash = Self.hashStart
    for read in reads.sorted(by: { $0.length < $1.length }) {
      guard read.length <= value.count else {
        verdict.stale += 1
        continue
      }
      while position < read.length {
        Self.mix(value[position], into: &hash)
        position += 1
      }
      let before = Self.count(byEnd, before: read.call)
      let least = before == 0 ? 0 : lengths[before - 1]
      if hash != read.hash || read.length < least { verdict.stale += 1 }
    }
  }

  private static func count(_ sorted: [(time: UInt64, length: Int)], before time: UInt64) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle].time < time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
