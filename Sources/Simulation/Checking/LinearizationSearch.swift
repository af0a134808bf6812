/// One run of the search of Wing and Gong, with Lowe's memory of configurations that led nowhere.
///
/// What keeps it short, without changing its answer:
/// - What does not write is placed as soon as it can be: no later place is better.
/// - Of operations that do the same to every state, the one that must return first comes first.
/// - What has an unknown outcome comes last, and of two configurations that differ only in what of
///   that they have used, the one that has used less is as good.
/// - A value that is still to be read is not overwritten if nobody can write it again, and a
///   version that somebody must still be told is not passed if no delete can bring it back.
struct LinearizationSearch {
  enum Outcome {
    case found
    /// The longest order that was found, as positions in the history.
    case none(longestOrder: [Int])
    case exhausted(steps: Int)
  }

  private typealias Item = SearchPlan.Item
  private typealias State = SearchPlan.State

  /// An operation that was placed, and which may follow it.
  private struct Frame {
    /// Negative: of unknown outcome, `~group`; else a known one. `nil` at the bottom.
    var placed: Int?
    var before: State
    /// The first of its candidates that was not tried.
    var next: Int
    let firstCandidate: Int
  }

  private let plan: SearchPlan
  private let stepsMax: Int
  private var state: State
  /// The known operations that are not placed, by call, in a ring; its head is their count.
  private var nextCall: [Int]
  private var previousCall: [Int]
  private var knownLeft: Int
  /// Of each group of unknown outcome, how many are placed.
  private var used: [Int32]
  private var frames: [Frame] = []
  private var candidates: [Int] = []
  private var visited: VisitedConfigurations
  private var placedHash = VisitedConfigurations.PlacedHash()
  /// Of each class, the known operations left that must find it, and those that write it.
  private var readersLeft: [Int32]
  /// The same for all classes of one origin together.
  private var readersLeftByOrigin: [Int32]
  private var writersLeft: [Int32]
  /// Of each effect, the visit in which it last was a candidate.
  private var effectSeen: [Int]
  private var visit = 0
  private var best: (known: Int, order: [Int]) = (-1, [])
  private var isRising = true

  init(_ plan: SearchPlan, stepsMax: Int) {
    self.plan = plan
    self.stepsMax = stepsMax
    let count = plan.known.count
    state = plan.start
    nextCall = (0...count).map { $0 == count ? 0 : $0 + 1 }
    previousCall = (0...count).map { $0 == 0 ? count : $0 - 1 }
    knownLeft = count
    used = Array(repeating: 0, count: plan.unknown.count)
    visited = VisitedConfigurations(groups: plan.unknown.count)
    readersLeft = Array(repeating: 0, count: plan.classes.count)
    readersLeftByOrigin = readersLeft
    writersLeft = readersLeft
    effectSeen = Array(repeating: 0, count: plan.effectCount)
    for item in plan.known {
      countReader(item, by: 1)
      if let written = Self.written(item) { writersLeft[written] += 1 }
    }
    for group in plan.unknown {
      if let written = Self.written(group[0]) { writersLeft[written] += Int32(group.count) }
    }
  }

  /// The class that an item must find.
  private static func read(_ item: Item) -> Int? {
    switch item.action {
    case .find, .swap: item.needs >= 0 ? Int(item.needs) : nil
    case .miss, .put, .append, .remove: nil
    }
  }

  /// The class that an item writes whatever was there.
  private static func written(_ item: Item) -> Int? {
    switch item.action {
    case .put, .swap, .remove: Int(item.writes)
    case .find, .miss, .append: nil
    }
  }

  mutating func run() -> Outcome {
    var steps = 0
    open(placed: nil, before: state)
    while knownLeft > 0 {
      guard let top = frames.last else { return .none(longestOrder: best.order) }
      guard top.next < candidates.count else {
        noteBest()
        close()
        continue
      }
      frames[frames.count - 1].next += 1
      steps += 1
      if steps > stepsMax { return .exhausted(steps: steps) }
      tryToPlace(candidates[top.next])
    }
    return .found
  }

  /// Looks for what may follow now.
  private mutating func open(placed: Int?, before: State) {
    let first = candidates.count
    frames.append(Frame(placed: placed, before: before, next: first, firstCandidate: first))
    visit += 1
    var firstReturn = UInt64.max
    var index = nextCall[plan.known.count]
    while index < plan.known.count, plan.known[index].call <= firstReturn {
      let item = plan.known[index]
      firstReturn = min(firstReturn, item.return)
      if isTooLate(item) {
        candidates.removeSubrange(first...)
        return
      }
      if item.effect >= 0 {
        candidates.append(index)
      } else if plan.step(item, from: state) != nil {
        candidates.removeSubrange(first...)
        candidates.append(index)
        return
      }
      index = nextCall[index]
    }
    keepFirstOfEachEffect(from: first)
    for group in plan.unknown.indices {
      let count = Int(used[group])
      if count < plan.unknown[group].count, plan.unknown[group][count].call <= firstReturn {
        candidates.append(~group)
      }
    }
  }

  /// Whether the version that it was told is passed for good: only deletes make versions fall.
  private func isTooLate(_ item: Item) -> Bool {
    guard let version = item.version, writersLeft[Int(ValueClasses.absent)] == 0 else {
      return false
    }
    return item.effect >= 0 ? version <= state.version : version < state.version
  }

  /// Sorts the candidates by their returns, and drops those that do what an earlier one does.
  private mutating func keepFirstOfEachEffect(from first: Int) {
    for place in first..<candidates.count {
      let index = candidates[place]
      var target = place
      while target > first, plan.known[candidates[target - 1]].return > plan.known[index].return {
        candidates[target] = candidates[target - 1]
        target -= 1
      }
      candidates[target] = index
    }
    var kept = first
    for place in first..<candidates.count {
      let effect = plan.known[candidates[place]].effect
      if effectSeen[effect] == visit { continue }
      effectSeen[effect] = visit
      candidates[kept] = candidates[place]
      kept += 1
    }
    candidates.removeSubrange(kept...)
  }

  private mutating func tryToPlace(_ candidate: Int) {
    let item =
      candidate < 0 ? plan.unknown[~candidate][Int(used[~candidate])] : plan.known[candidate]
    guard let after = plan.step(item, from: state) else { return }
    if item.effect >= 0, losesAValue(item, isKnown: candidate >= 0, after: after) { return }
    if candidate < 0 { used[~candidate] += 1 } else { placedHash.flip(candidate) }
    // What does not write was the only candidate: the configuration before it was new.
    guard item.effect < 0 || visited.insert(placedHash, after, used) else {
      if candidate < 0 { used[~candidate] -= 1 } else { placedHash.flip(candidate) }
      return
    }
    let before = state
    state = after
    if candidate >= 0 {
      nextCall[previousCall[candidate]] = nextCall[candidate]
      previousCall[nextCall[candidate]] = previousCall[candidate]
      knownLeft -= 1
      countReader(item, by: -1)
    }
    if let written = Self.written(item) { writersLeft[written] -= 1 }
    isRising = true
    open(placed: candidate, before: before)
  }

  /// Takes back what was placed last.
  private mutating func close() {
    guard let frame = frames.popLast() else { return }
    candidates.removeSubrange(frame.firstCandidate...)
    guard let placed = frame.placed else { return }
    state = frame.before
    let item: Item
    if placed < 0 {
      used[~placed] -= 1
      item = plan.unknown[~placed][Int(used[~placed])]
    } else {
      item = plan.known[placed]
      placedHash.flip(placed)
      nextCall[previousCall[placed]] = placed
      previousCall[nextCall[placed]] = placed
      knownLeft += 1
      countReader(item, by: 1)
    }
    if let written = Self.written(item) { writersLeft[written] += 1 }
  }

  /// Whether the held value, or what appends can make of it, would be gone for good while somebody
  /// must still find it.
  private func losesAValue(_ item: Item, isKnown: Bool, after: State) -> Bool {
    let held = state.value
    guard held != after.value, held != ValueClasses.other else { return false }
    let origin = plan.classes.origins[Int(held)]
    guard origin >= 0, after.value != origin else { return false }
    let ownWrite: Int32 = Self.written(item) == Int(origin) ? 1 : 0
    guard writersLeft[Int(origin)] <= ownWrite else { return false }
    let own: Int32 = isKnown && Self.read(item) == Int(held) ? 1 : 0
    if readersLeft[Int(held)] > own { return true }
    let originAfter = plan.classes.origins[Int(after.value)]
    if after.value != ValueClasses.other, originAfter == origin || originAfter < 0 { return false }
    return readersLeftByOrigin[Int(origin)] > own
  }

  /// Counts a known item that must find a value as placed, or as not placed again.
  private mutating func countReader(_ item: Item, by change: Int32) {
    guard let read = Self.read(item) else { return }
    readersLeft[read] += change
    let origin = plan.classes.origins[read]
    if origin >= 0 { readersLeftByOrigin[Int(origin)] += change }
  }

  /// Copies the order only when the search turns back, not at each operation.
  private mutating func noteBest() {
    guard isRising else { return }
    isRising = false
    let known = plan.known.count - knownLeft
    guard known > best.known else { return }
    var counts = [Int](repeating: 0, count: plan.unknown.count)
    best.known = known
    best.order = frames.compactMap { frame in
      guard let placed = frame.placed else { return nil }
      guard placed < 0 else { return plan.known[placed].position }
      counts[~placed] += 1
      return plan.unknown[~placed][counts[~placed] - 1].position
    }
  }
}

/// The configurations that were tried: which known operations are placed, the state after them, and
/// how many of unknown outcome were used, by group.
private struct VisitedConfigurations {
  /// A set of operations as the exclusive or of 128 bits for each: two sets of a search share it
  /// with a chance of about 2⁻¹²⁸ for each pair of configurations.
  struct PlacedHash: Hashable {
    private var first: UInt64 = 0
    private var second: UInt64 = 0

    mutating func flip(_ index: Int) {
      first ^= Self.mixed(UInt64(index) &* 2 &+ 1)
      second ^= Self.mixed(UInt64(index) &* 2 &+ 2)
    }

    private static func mixed(_ number: UInt64) -> UInt64 {
      var mixed = number &* 0x9E37_79B9_7F4A_7C15
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  private struct Key: Hashable {
    var placed: PlacedHash
    var state: SearchPlan.State
  }

  /// Entries, and counts of what they used, that are remembered: about 700 MB. What comes later is
  /// forgotten, which costs steps and changes no answer.
  private static let (entriesMax, usesMax) = (4 << 20, 64 << 20)

  private let groups: Int
  /// Of each key the newest entry; older ones follow by `older`.
  private var newest: [Key: Int] = [:]
  private var older: [Int] = []
  private var uses: [Int32] = []

  init(groups: Int) { self.groups = groups }

  /// False if it was there, or one that had used no more of unknown outcome.
  mutating func insert(_ placed: PlacedHash, _ state: SearchPlan.State, _ used: [Int32]) -> Bool {
    let key = Key(placed: placed, state: state)
    var entry = newest[key] ?? -1
    while entry >= 0 {
      if (0..<groups).allSatisfy({ uses[entry * groups + $0] <= used[$0] }) { return false }
      entry = older[entry]
    }
    guard older.count < Self.entriesMax, uses.count + groups <= Self.usesMax else { return true }
    older.append(newest.updateValue(older.count, forKey: key) ?? -1)
    uses += used
    return true
  }
}
