import Basics

/// The members of one JSON object, found but not read. Fields that nobody asks for are skipped, so
/// that a newer version may add some; a field that is there twice is refused.
package struct JSONObject {
  private struct Member {
    var nameStart: Int
    var nameEnd: Int
    var value: JSONValue
  }

  private let frame: FrameBytes
  private let members: [Member]

  /// The document itself; nothing but white space may follow it.
  init(document frame: FrameBytes) throws(WireError) {
    var scanner = frame.scanner(from: frame.json.lowerBound, to: frame.json.upperBound)
    try self.init(frame, &scanner, depth: 0)
    scanner.skipSpace()
    guard scanner.offset == scanner.end else { throw scanner.bad("more after the document") }
  }

  /// Reads a document of its own, such as a line of a file; `body` must not keep the object, which
  /// points into `bytes`.
  package static func read<Result>(
    _ bytes: UnsafeRawBufferPointer, _ body: (JSONObject) throws(WireError) -> Result
  ) throws(WireError) -> Result {
    try body(JSONObject(document: FrameBytes(bytes, json: 0..<bytes.count, tail: 0..<0)))
  }

  /// A value that was found to be an object; `depth` counts the containers around it.
  fileprivate init(_ value: JSONValue, in frame: FrameBytes, depth: Int) throws(WireError) {
    var scanner = frame.scanner(from: value.start, to: value.end)
    try self.init(frame, &scanner, depth: depth)
  }

  private init(_ frame: FrameBytes, _ scanner: inout JSONScanner, depth: Int) throws(WireError) {
    self.frame = frame
    scanner.skipSpace()
    guard scanner.next == 0x7B else { throw scanner.bad("no object begins") }
    scanner.offset += 1
    var members: [Member] = []
    members.reserveCapacity(10)
    scanner.skipSpace()
    if scanner.next == 0x7D {
      scanner.offset += 1
    } else {
      repeat {
        let name = try scanner.memberName()
        // Otherwise one name could be spelled in two ways.
        if name.isEscaped { throw scanner.bad("an escape in a field name") }
        guard members.count < JSONScanner.membersMax else {
          throw scanner.bad("more than \(JSONScanner.membersMax) fields")
        }
        for member in members
        where member.nameEnd - member.nameStart == name.end - name.start
          && frame.areEqual(member.nameStart, name.start, count: name.end - name.start)
        {
          throw scanner.bad("a field that is there twice")
        }
        let value = try scanner.value(depth: depth + 1)
        members.append(Member(nameStart: name.start, nameEnd: name.end, value: value))
      } while try scanner.continues(closing: 0x7D)
    }
    self.members = members
  }

  /// `nil` if there is no such field or it is null.
  private func find(_ name: StaticString) -> JSONValue? {
    for member in members
    where frame.matches(name, start: member.nameStart, end: member.nameEnd) {
      return member.value.kind == .null ? nil : member.value
    }
    return nil
  }

  private func require(_ name: StaticString) throws(WireError) -> JSONValue {
    guard let value = find(name) else { throw .missingField(name.description) }
    return value
  }

  /// Whether there is such a field and it is not null.
  package func has(_ name: StaticString) -> Bool { find(name) != nil }

  /// Whether there is such a field, null or not.
  package func names(_ name: StaticString) -> Bool {
    members.contains { frame.matches(name, start: $0.nameStart, end: $0.nameEnd) }
  }

  /// A whole number of at most `max`.
  package func whole(_ name: StaticString, max: UInt64) throws(WireError) -> UInt64 {
    let value = try require(name)
    guard value.kind == .integer else {
      throw .badField(name.description, problem: "is not a whole number")
    }
    guard let number = frame.decimal(value.start..<value.end), number <= max else {
      throw .badField(name.description, problem: "is over its limit of \(max)")
    }
    return number
  }

  func int(_ name: StaticString, max: Int = Int.max) throws(WireError) -> Int {
    Int(try whole(name, max: UInt64(max)))
  }

  /// A 64-bit number, which stands in a string.
  func wide(_ name: StaticString, max: UInt64 = .max) throws(WireError) -> UInt64 {
    let value = try require(name)
    guard value.kind == .string, let number = frame.decimal(value.start..<value.end) else {
      throw .badField(name.description, problem: "is not a 64-bit number in a string")
    }
    guard number <= max else {
      throw .badField(name.description, problem: "is over its limit of \(max)")
    }
    return number
  }

  /// A number of something that is counted up. The upper half is never reached, and refusing it
  /// here means that the number after one from outside never overflows.
  func counter(_ name: StaticString) throws(WireError) -> UInt64 {
    try wide(name, max: UInt64(Int64.max))
  }

  /// True or false.
  package func flag(_ name: StaticString) throws(WireError) -> Bool {
    switch try require(name).kind {
    case .yes: true
    case .no: false
    default: throw .badField(name.description, problem: "is neither true nor false")
    }
  }

  /// A string.
  package func text(_ name: StaticString) throws(WireError) -> String {
    let value = try require(name)
    guard value.kind == .string else {
      throw .badField(name.description, problem: "is not a string")
    }
    return String(decoding: frame.stringBytes(value), as: UTF8.self)
  }

  func optionalText(_ name: StaticString) throws(WireError) -> String? {
    has(name) ? try text(name) : nil
  }

  /// A word that is compared with those that are known; see ``Word``.
  func word(_ name: StaticString) throws(WireError) -> Word {
    let value = try require(name)
    guard value.kind == .string, !value.isEscaped else {
      throw .badField(name.description, problem: "is not a plain string")
    }
    return Word(frame: frame, start: value.start, end: value.end)
  }

  func identity<Identity: RandomIdentity>(_ name: StaticString) throws(WireError) -> Identity {
    let value = try require(name)
    guard let identity: Identity = frame.identity(value) else {
      throw .badField(name.description, problem: "is not an id of 16 hexadecimal digits")
    }
    return identity
  }

  /// As ``FrameWriter/pair(_:_:hexadecimal:)`` wrote it.
  func pair(_ name: StaticString) throws(WireError) -> (UInt64, UInt64) {
    let value = try require(name)
    guard value.kind == .string, value.end - value.start > 17,
      frame.byte(value.end - 17) == 0x2D,
      let first = frame.decimal(value.start..<value.end - 17), first <= UInt64(Int64.max),
      let second = frame.hexadecimal(value.end - 16..<value.end)
    else { throw .badField(name.description, problem: "is not number-hexadecimal") }
    return (first, second)
  }

  /// A key or value: a string, `{"b64":…}` or `{"tail":[offset,length]}`.
  package func content(_ name: StaticString) throws(WireError) -> [UInt8] {
    let value = try require(name)
    if value.kind == .string { return frame.stringBytes(value) }
    guard value.kind == .object else {
      throw .badField(name.description, problem: "is neither a string nor an object")
    }
    let object = try JSONObject(value, in: frame, depth: 1)
    if let tail = object.find("tail"), tail.kind == .array {
      return try object.tailBytes(tail)
    }
    guard let base64 = object.find("b64"), base64.kind == .string,
      let bytes = Base64.decode(frame.stringBytes(base64))
    else { throw .badField(name.description, problem: "has neither good base64 nor a tail") }
    return bytes
  }

  private func tailBytes(_ range: JSONValue) throws(WireError) -> [UInt8] {
    var list = JSONList(range, in: frame, depth: 2)
    guard let offset = try list.integer(), let count = try list.integer(),
      try list.next() == nil,
      offset <= frame.tail.count, count <= frame.tail.count - offset
    else { throw .badTail(problem: "does not have the bytes that the document names") }
    let start = frame.tail.lowerBound + offset
    return frame.copy(start..<start + count)
  }

  func object(_ name: StaticString) throws(WireError) -> JSONObject {
    let value = try require(name)
    guard value.kind == .object else {
      throw .badField(name.description, problem: "is not an object")
    }
    return try JSONObject(value, in: frame, depth: 1)
  }

  func list(_ name: StaticString) throws(WireError) -> JSONList {
    let value = try require(name)
    guard value.kind == .array else { throw .badField(name.description, problem: "is not a list") }
    return JSONList(value, in: frame, depth: 1)
  }

  /// A list of texts.
  func texts(_ name: StaticString) throws(WireError) -> [String] {
    var list = try list(name)
    var texts: [String] = []
    while let text = try list.text() { texts.append(text) }
    return texts
  }

  func identities<Identity: RandomIdentity>(_ name: StaticString) throws(WireError) -> [Identity] {
    var list = try list(name)
    var identities: [Identity] = []
    while let value = try list.next() {
      guard let identity: Identity = frame.identity(value) else {
        throw .badField(name.description, problem: "has an id that is not 16 hexadecimal digits")
      }
      if let last = identities.last, last >= identity {
        throw .badField(name.description, problem: "is not in ascending order")
      }
      identities.append(identity)
    }
    return identities
  }
}

/// Walks the elements of one JSON array.
struct JSONList {
  private let frame: FrameBytes
  private var scanner: JSONScanner
  private let depth: Int
  private var isDone: Bool

  fileprivate init(_ value: JSONValue, in frame: FrameBytes, depth: Int) {
    self.frame = frame
    self.depth = depth
    // Between the brackets; the array was checked when it was found.
    scanner = frame.scanner(from: value.start + 1, to: value.end - 1)
    scanner.skipSpace()
    isDone = scanner.offset == scanner.end
  }

  mutating func next() throws(WireError) -> JSONValue? {
    guard !isDone else { return nil }
    let value = try scanner.value(depth: depth)
    scanner.skipSpace()
    if scanner.next == 0x2C { scanner.offset += 1 } else { isDone = true }
    return value
  }

  mutating func object() throws(WireError) -> JSONObject? {
    guard let value = try next() else { return nil }
    guard value.kind == .object else { throw scanner.bad("an element that is not an object") }
    return try JSONObject(value, in: frame, depth: depth)
  }

  mutating func integer() throws(WireError) -> Int? {
    guard let value = try next() else { return nil }
    guard value.kind == .integer, let number = frame.decimal(value.start..<value.end),
      let int = Int(exactly: number)
    else { throw scanner.bad("an element that is not a whole number") }
    return int
  }

  mutating func text() throws(WireError) -> String? {
    guard let value = try next() else { return nil }
    guard value.kind == .string else { throw scanner.bad("an element that is not a string") }
    return String(decoding: frame.stringBytes(value), as: UTF8.self)
  }
}

/// A word of the protocol in a frame, to be compared with those that are known.
struct Word: CustomStringConvertible {
  fileprivate let frame: FrameBytes
  fileprivate let start: Int
  fileprivate let end: Int

  @inline(__always)
  static func ~= (pattern: StaticString, word: Word) -> Bool {
    word.frame.matches(pattern, start: word.start, end: word.end)
  }

  /// The beginning of it: it may be as long as the frame.
  var description: String {
    String(decoding: frame.copy(start..<min(end, start + 64)), as: UTF8.self)
  }
}
