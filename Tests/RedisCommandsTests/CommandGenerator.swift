import Basics

/// Random commands of the string family, valid and not, over few keys so that they meet.
struct CommandGenerator {
  var random: SeededGenerator
  /// Milliseconds since 1970, which deadlines are near to.
  var now: Int64

  typealias Shape = (name: String, arguments: String)

  /// k key, v value, i integer, o offset, b bit, f float, e seconds or milliseconds, S SET's
  /// options, G GETEX's, X EXPIRE's, B BITCOUNT's, L LCS', C COPY's; `*` repeats what is before.
  static let shapes: [Shape] = [
    ("GET", "k"), ("SET", "kvS"), ("SET", "kv"), ("SET", "kf"), ("SET", "ki"), ("SETEX", "kev"),
    ("PSETEX", "kev"), ("SETNX", "kv"), ("MGET", "kk*"), ("MSET", "kvkv*"), ("MSETNX", "kvkv*"),
    ("APPEND", "kv"), ("STRLEN", "k"), ("GETSET", "kv"), ("GETDEL", "k"), ("GETEX", "kG"),
    ("GETRANGE", "koo"), ("SUBSTR", "koo"), ("SETRANGE", "kov"), ("INCR", "k"), ("DECR", "k"),
    ("INCRBY", "ki"), ("DECRBY", "ki"), ("INCRBYFLOAT", "kf"), ("INCRBYFLOAT", "kf"),
    ("DEL", "kk*"), ("UNLINK", "k*"), ("EXISTS", "kk*"), ("TOUCH", "k*"), ("EXPIRE", "keX"),
    ("PEXPIRE", "keX"), ("EXPIREAT", "kaX"), ("PEXPIREAT", "kAX"), ("TTL", "k"), ("PTTL", "k"),
    ("EXPIRETIME", "k"), ("PEXPIRETIME", "k"), ("PERSIST", "k"), ("TYPE", "k"), ("RENAME", "kk"),
    ("RENAMENX", "kk"), ("COPY", "kkC"), ("SETBIT", "kob"), ("GETBIT", "ko"), ("BITCOUNT", "kB"),
    ("LCS", "kkL"),
  ]

  mutating func next() -> [[UInt8]] {
    let shape = pick(Self.shapes)
    var letters = Array(shape.arguments)
    if letters.last == "*" {
      letters.removeLast()
      let unit = shape.arguments.contains("v") ? "kv" : "k"
      for _ in 0..<random.next(in: 0...2) { letters += unit }
    }
    var result = [text(cased(shape.name))]
    for letter in letters { result += argument(letter) }
    if random.chance(0.01) { result.append(text(pick(["x", "1", "NX"]))) }
    if random.chance(0.01), result.count > 1 { result.removeLast() }
    return result
  }

  private mutating func argument(_ letter: Character) -> [[UInt8]] {
    switch letter {
    case "k": return [text("k\(random.next(in: 0..<6))")]
    case "v": return [value()]
    case "i": return [text(integer())]
    case "f": return [text(float())]
    case "o": return [text(offset())]
    case "b": return [text(pick(["0", "1", "0", "1", "1", "2", "-1", "x"]))]
    case "e": return [text(period())]
    case "a": return [text(deadline(seconds: true))]
    case "A": return [text(deadline(seconds: false))]
    case "S": return options(["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "PERSIST"])
    case "G": return options(["PERSIST", "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "NX"], most: 1)
    case "X": return options(["NX", "XX", "GT", "LT", "nx", "foo\r\nbar\r\n", "x\0y"], most: 2)
    case "B":
      guard random.chance(0.8) else { return [] }
      let ends = [text(offset()), text(offset())]
      return ends + options(["BYTE", "BIT", "bit\0x", "x"], most: 1)
    case "L": return options(["LEN", "IDX", "MINMATCHLEN", "WITHMATCHLEN", "idx"])
    case "C": return options(["REPLACE", "DB", "replace", "foo"], most: 2)
    default: return []
    }
  }

  private mutating func options(_ names: [String], most: Int = 3) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for _ in 0..<random.next(in: 0...most) {
      let name = pick(names)
      result.append(text(cased(name)))
      if random.chance(0.05) { continue }
      switch name {
      case "EX", "PX": result.append(text(period()))
      case "EXAT": result.append(text(deadline(seconds: true)))
      case "PXAT": result.append(text(deadline(seconds: false)))
      case "MINMATCHLEN": result.append(text(offset()))
      case "DB": result.append(text(pick(["0", "0", "0", "1", "-1", "x", "99999999999"])))
      default: break
      }
    }
    return result
  }

  private mutating func value() -> [UInt8] {
    switch random.next(in: 0..<10) {
    case 0: return []
    case 1: return text(integer())
    case 2: return text(float())
    case 3: return (0..<random.next(in: 1...12)).map { _ in UInt8(random.next(in: 0...255)) }
    case 4 where random.chance(0.1): return [UInt8](repeating: 0x61, count: 1 << 20)
    case 5 where random.chance(0.1): return [UInt8](repeating: 0x62, count: 700)
    default: return (0..<random.next(in: 1...20)).map { _ in UInt8(random.next(in: 0x61...0x64)) }
    }
  }

  private mutating func integer() -> String {
    switch random.next(in: 0..<8) {
    case 0:
      return pick([
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-0", "+1", "01",
        " 1", "1 ", "", "x", "1.5", "-", "9223372036854775806",
      ])
    case 1: return String(Int64(bitPattern: random.next()))
    default: return String(random.next(in: -100...100))
    }
  }

  private mutating func offset() -> String {
    switch random.next(in: 0..<16) {
    case 0: return integer()
    case 1: return pick(["1048576", "1048575", "8388607", "8388608", "1048560", "4294967296"])
    default: return String(random.next(in: -30...60))
    }
  }

  private mutating func period() -> String {
    switch random.next(in: 0..<10) {
    case 0: return integer()
    case 1: return pick(["9223372036854775", "9223372036854776", "9223370000000000", "0", "-1"])
    default: return String(random.next(in: 1...5000))
    }
  }

  private mutating func deadline(seconds: Bool) -> String {
    if random.chance(0.1) { return period() }
    let time = now + Int64(random.next(in: -3000...20000))
    return String(seconds ? time / 1000 : random.chance(0.1) ? now : time)
  }

  mutating func float() -> String {
    let digits = String(random.next() >> UInt64(random.next(in: 0...63)))
    let sign = pick(["", "-", "", "+", "-"])
    switch random.next(in: 0..<12) {
    case 0:
      return pick([
        "inf", "-inf", "nan", "infinity", "1e4932", "1.2e4932", "-1.1e4932", "1e-4951", "1e-4940",
        "1e-5000", "0x1p10", "0x1.8p-3", "0x.8", "0x", "1e", "1e+", ".", ".5", "5.", " 1", "1 ", "",
        "0e99999999999", "3.0e3", "-0", "0x1.fffffffffffffffffffp5", "1.5.2", "1\0", "00012.50",
      ])
    case 1: return "\(sign)\(digits)e\(random.next(in: -40...40))"
    case 2: return "\(sign)\(digits).\(random.next())e\(random.next(in: -60...60))"
    case 3: return "\(sign)0x\(String(random.next(), radix: 16))p\(random.next(in: -90...20))"
    case 4, 5: return "\(sign)\(digits).\(random.next())"
    case 6: return "\(sign)\(digits)e\(random.next(in: -4960...4932))"
    default: return "\(sign)\(random.next(in: 0...999)).\(random.next(in: 0...99999))"
    }
  }

  private mutating func cased(_ text: String) -> String {
    random.chance(0.3) ? text.lowercased() : text
  }

  private mutating func pick<Element>(_ list: [Element]) -> Element {
    list[random.next(in: 0..<list.count)]
  }

  private func text(_ text: String) -> [UInt8] { Array(text.utf8) }
}
