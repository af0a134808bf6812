/// An operation with the digests of its values, so that each is looked through once.
struct DigestedOperation: Sendable {
  var operation: RegisterOperation
  /// What a put or compare-and-set writes, or an append adds.
  let written: ValueDigest?
  /// What a compare-and-set expects; `nil`: an absent key.
  let expected: ValueDigest?
  /// What a get was answered; `nil`: an absent key.
  let read: ValueDigest?

  init(_ operation: RegisterOperation) {
    self.operation = operation
    switch operation.input {
    case .get, .delete: (written, expected) = (nil, nil)
    case .put(let value), .append(let value): (written, expected) = (ValueDigest(value), nil)
    case .compareAndSet(let old, let new):
      (written, expected) = (ValueDigest(new), old.map { ValueDigest($0) })
    }
    if case .value(let value?, _) = operation.output {
      read = ValueDigest(value)
    } else {
      read = nil
    }
  }

  /// The same write, whose client did not learn what became of it.
  var withUnknownOutcome: DigestedOperation {
    var digested = self
    digested.operation.output = nil
    digested.operation.return = RegisterOperation.never
    return digested
  }

  var withoutVersion: DigestedOperation {
    var digested = self
    digested.operation = operation.withoutVersion
    return digested
  }
}

/// The values of a key that matter: those that somebody saw or expected, and those on the way to
/// them by appends. All others are one value, since no operation can tell them apart.
struct ValueClasses {
  typealias Class = Int32

  /// The key is absent.
  static let absent: Class = 0
  /// A value that nobody saw or expected, and that no append makes into one.
  static let other: Class = 1
  /// A value that no order of the writes can make.
  static let impossible: Class = -1
  /// In ``origins``: there is more than one.
  static let several: Class = -2

  private var classes: [ValueDigest: Class] = [:]
  private var digests: [ValueDigest] = [.empty, .empty]
  /// For each class, the class of the put (or absence) from which appends alone lead to it.
  private(set) var origins: [Class] = [absent, several]
  /// Whether some value that matters is made by appends to an absent key.
  private(set) var growsFromAbsent = false

  /// Digests of puts and swaps, and of the value at the start.
  private var roots: Set<ValueDigest> = []
  private var rootLengths: [Int] = []
  private var canBeAbsent: Bool
  private var pieces: [ValueDigest: Piece] = [:]
  private var pieceLengths: [(count: Int, shift: ValueDigest.Shift)] = []

  /// What appends add.
  private struct Piece {
    let shift: ValueDigest.Shift
    /// Whether a value that matters has it in a place where it can have been appended.
    var isSeen: Bool
  }

  var count: Int { digests.count }

  /// Whether somebody appends nothing, which makes a version and leaves the value as it is.
  var canStayWhenAppendedTo: Bool { pieces[.empty] != nil }

  init(_ operations: [DigestedOperation], start: [UInt8]?) {
    canBeAbsent = start == nil
    collectWrites(operations, start: start)
    var seen: [(digest: ValueDigest, value: [UInt8])] = []
    for digested in operations {
      if case .value(let value?, _) = digested.operation.output, let digest = digested.read {
        seen.append((digest, value))
      }
      if case .compareAndSet(let value?, _) = digested.operation.input,
        let digest = digested.expected
      {
        seen.append((digest, value))
      }
    }
    // The longest first: the shorter ones that it grew from are found on the way.
    seen.sort { $0.value.count > $1.value.count }
    let goals = Set(seen.map(\.digest))
    for (digest, value) in seen where classes[digest] == nil {
      if pieces.isEmpty {
        if roots.contains(digest) { add(digest, origin: nil) }
      } else {
        explain(value, goals: goals)
      }
    }
  }

  private mutating func collectWrites(_ operations: [DigestedOperation], start: [UInt8]?) {
    if let start { roots.insert(ValueDigest(start)) }
    var lengths: Set<Int> = start.map { [$0.count] } ?? []
    var pieceCounts: Set<Int> = []
    for digested in operations {
      switch digested.operation.input {
      case .get: continue
      case .delete: canBeAbsent = true
      case .put, .compareAndSet:
        guard let written = digested.written, roots.insert(written).inserted else { continue }
        lengths.insert(written.count)
      case .append:
        guard let written = digested.written, pieces[written] == nil else { continue }
        let shift = ValueDigest.Shift(count: written.count)
        // One of nothing leaves every value as it is.
        pieces[written] = Piece(shift: shift, isSeen: written.count == 0)
        if pieceCounts.insert(written.count).inserted {
          pieceLengths.append((written.count, shift))
        }
      }
    }
    rootLengths = lengths.sorted()
    pieceLengths.sort { $0.count < $1.count }
  }

  /// Finds the beginnings of `value` that puts and appends can make on the way to one in `goals`.
  private mutating func explain(_ value: [UInt8], goals: Set<ValueDigest>) {
    var heads = [ValueDigest.empty]
    heads.reserveCapacity(value.count + 1)
    var head = ValueDigest.empty
    for byte in value {
      head.append(byte)
      heads.append(head)
    }
    let grewFrom = origins(of: heads)
    var leadsOn = [Bool](repeating: false, count: heads.count)
    for length in heads.indices.reversed() where grewFrom[length] != Self.nowhere {
      leadsOn[length] = goals.contains(heads[length])
      for (count, shift) in pieceLengths
      where count > 0 && length + count < heads.count && leadsOn[length + count] {
        let piece = heads[length + count].without(head: heads[length], shift: shift)
        guard pieces[piece] != nil else { continue }
        leadsOn[length] = true
        pieces[piece]?.isSeen = true
      }
    }
    if canBeAbsent {
      for (length, _) in pieceLengths where length < heads.count && leadsOn[length] {
        pieces[heads[length]]?.isSeen = true
      }
    }
    for length in heads.indices where leadsOn[length] {
      switch grewFrom[length] {
      case Self.fromAbsent:
        growsFromAbsent = true
        add(heads[length], origin: Self.absent)
      case Self.fromSeveral:
        growsFromAbsent = true
        add(heads[length], origin: Self.several)
      case length: add(heads[length], origin: nil)
      case let root: add(heads[length], origin: classes[heads[root]] ?? Self.several)
      }
    }
  }

  private static let (nowhere, fromAbsent, fromSeveral) = (-1, -2, -3)

  /// For each beginning of a value, the length of the put from which appends lead to it.
  private func origins(of heads: [ValueDigest]) -> [Int] {
    var grewFrom = [Int](repeating: Self.nowhere, count: heads.count)
    func reach(_ length: Int, from origin: Int) {
      let isNew = grewFrom[length] == Self.nowhere || grewFrom[length] == origin
      grewFrom[length] = isNew ? origin : Self.fromSeveral
    }
    for length in rootLengths where length < heads.count && roots.contains(heads[length]) {
      reach(length, from: length)
    }
    if canBeAbsent {
      for (length, _) in pieceLengths where length < heads.count && pieces[heads[length]] != nil {
        reach(length, from: Self.fromAbsent)
      }
    }
    for length in heads.indices where grewFrom[length] != Self.nowhere {
      for (count, shift) in pieceLengths where count > 0 && length + count < heads.count {
        let piece = heads[length + count].without(head: heads[length], shift: shift)
        if pieces[piece] != nil { reach(length + count, from: grewFrom[length]) }
      }
    }
    return grewFrom
  }

  /// `origin` `nil`: the value itself.
  private mutating func add(_ digest: ValueDigest, origin: Class?) {
    guard classes[digest] == nil else { return }
    let new = Class(digests.count)
    classes[digest] = new
    digests.append(digest)
    origins.append(origin ?? new)
  }

  /// Of a value that was seen or expected; `nil`: of an absent key.
  func seen(_ digest: ValueDigest?) -> Class {
    guard let digest else { return Self.absent }
    return classes[digest] ?? Self.impossible
  }

  /// Of a value that is written.
  func written(_ digest: ValueDigest) -> Class { classes[digest] ?? Self.other }

  /// Whether an append of this can lead to a value that matters.
  func isSeen(piece: ValueDigest) -> Bool { pieces[piece]?.isSeen ?? false }

  /// After an append to a value of a class.
  func appending(_ piece: ValueDigest, to held: Class) -> Class {
    if held == Self.absent { return written(piece) }
    guard held != Self.other, let shift = pieces[piece]?.shift else { return Self.other }
    return written(digests[Int(held)].followed(by: piece, shift: shift))
  }
}
