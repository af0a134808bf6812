/// The operations of one key as the search needs them: values are small numbers.
struct SearchPlan {
  /// What an operation does, given the answer that its client had.
  enum Action {
    /// The key holds `needs`, and stays as it is.
    case find
    /// The key does not hold `needs`, and stays as it is.
    case miss
    case put
    case append(ValueDigest)
    /// The key is there, and then absent.
    case remove
    /// The key holds `needs`, and then `writes`.
    case swap
  }

  struct Item {
    /// In the history that was given.
    var position: Int
    var call: UInt64
    var `return`: UInt64
    var action: Action
    var needs = ValueClasses.impossible
    var writes = ValueClasses.other
    /// The version that it must have made or found.
    var version: UInt64?
    /// Items of the same effect do the same to every state. Of those that do not write: -1.
    var effect = -1

    var isPutOrSwap: Bool {
      switch action {
      case .put, .swap: true
      case .find, .miss, .append, .remove: false
      }
    }

    /// Whether it cannot be placed but where the key holds `needs`.
    var mustFind: Bool {
      switch action {
      case .find, .swap: true
      case .miss, .put, .append, .remove: false
      }
    }
  }

  struct State: Hashable {
    var value: ValueClasses.Class
    /// 0 in histories without versions.
    var version: UInt64
  }

  let classes: ValueClasses
  let start: State
  private let tracksVersions: Bool
  /// Those with a known outcome, in the order of their calls.
  private(set) var known: [Item] = []
  /// Those with an unknown outcome, by effect, each in the order of their calls.
  private(set) var unknown: [[Item]] = []
  private(set) var effectCount = 0

  init(_ operations: [DigestedOperation], start: RegisterValue) {
    let classes = ValueClasses(operations, start: start.value)
    self.classes = classes
    tracksVersions = operations.contains { $0.operation.version != nil }
    self.start = State(
      value: start.value.map { classes.written(ValueDigest($0)) } ?? ValueClasses.absent,
      version: tracksVersions ? start.version : 0)
    var unsettled: [Item] = []
    for (position, digested) in operations.enumerated() {
      guard let item = item(digested, position) else { continue }
      if digested.operation.output != nil { known.append(item) } else { unsettled.append(item) }
    }
    settle(&unsettled)
    known.sort { ($0.call, $0.position) < ($1.call, $1.position) }
    unsettled.sort { ($0.call, $0.position) < ($1.call, $1.position) }
    var effects: [Effect: Int] = [:]
    for index in known.indices { known[index].effect = number(known[index], in: &effects) }
    var groups: [Int: Int] = [:]
    for var item in unsettled {
      item.effect = number(item, in: &effects)
      if let group = groups[item.effect] {
        unknown[group].append(item)
      } else {
        groups[item.effect] = unknown.count
        unknown.append([item])
      }
    }
    effectCount = effects.count
  }

  /// What has an unknown outcome but alone can have written what somebody read did happen, and
  /// before that read had returned. It made the version of a read that found just that, unless an
  /// append of nothing may have made another since.
  private mutating func settle(_ unsettled: inout [Item]) {
    var writers = [Int](repeating: 0, count: classes.count)
    var firstReturn = [UInt64](repeating: .max, count: classes.count)
    var version = [UInt64?](repeating: nil, count: classes.count)
    writers[Int(start.value)] += 1
    for item in known + unsettled where item.isPutOrSwap { writers[Int(item.writes)] += 1 }
    for item in known where item.mustFind && item.needs > ValueClasses.other {
      let origin = classes.origins[Int(item.needs)]
      guard origin > ValueClasses.other else { continue }
      firstReturn[Int(origin)] = min(firstReturn[Int(origin)], item.return)
      if origin == item.needs, !classes.canStayWhenAppendedTo, case .find = item.action {
        version[Int(origin)] = item.version ?? version[Int(origin)]
      }
    }
    unsettled.removeAll { item in
      let written = Int(item.writes)
      guard item.isPutOrSwap, item.writes > ValueClasses.other, writers[written] == 1,
        classes.origins[written] == item.writes, firstReturn[written] != .max,
        firstReturn[written] >= item.call
      else { return false }
      var settled = item
      settled.return = firstReturn[written]
      settled.version = version[written]
      known.append(settled)
      return true
    }
  }

  private func number(_ item: Item, in effects: inout [Effect: Int]) -> Int {
    guard let effect = effect(of: item) else { return -1 }
    let number = effects[effect] ?? effects.count
    effects[effect] = number
    return number
  }

  /// `nil` for what can change nothing: what has an unknown outcome and is a read, or a swap that
  /// expects what the key never holds.
  private func item(_ digested: DigestedOperation, _ position: Int) -> Item? {
    let operation = digested.operation
    var item = Item(
      position: position, call: operation.call, return: operation.return, action: .find,
      version: operation.version)
    switch operation.input {
    case .get:
      guard operation.output != nil else { return nil }
      if case .value = operation.output { item.needs = classes.seen(digested.read) }
    case .put:
      item.action = .put
      if let written = digested.written { item.writes = classes.written(written) }
    case .append:
      if let written = digested.written { item.action = .append(written) }
    case .delete:
      item.action = operation.output == .missing ? .find : .remove
      if operation.output == .missing { item.needs = ValueClasses.absent }
      item.writes = ValueClasses.absent
    case .compareAndSet:
      item.needs = classes.seen(digested.expected)
      item.action = operation.output == .compareFailed ? .miss : .swap
      if operation.output == nil, item.needs == ValueClasses.impossible { return nil }
      if let written = digested.written { item.writes = classes.written(written) }
    }
    return item
  }

  private struct Effect: Hashable {
    var action: Int
    var needs = ValueClasses.impossible
    var writes = ValueClasses.other
    var piece: ValueDigest?
    var version: UInt64?
  }

  private func effect(of item: Item) -> Effect? {
    switch item.action {
    case .find, .miss: nil
    case .put: Effect(action: 0, writes: item.writes, version: item.version)
    // An append that leads to nothing that matters is like a put of what nobody sees.
    case .append(let piece):
      classes.isSeen(piece: piece)
        ? Effect(action: 1, piece: piece, version: item.version)
        : Effect(action: 0, writes: ValueClasses.other, version: item.version)
    case .remove: Effect(action: 2, version: item.version)
    case .swap: Effect(action: 3, needs: item.needs, writes: item.writes, version: item.version)
    }
  }

  /// The state after an item, `nil` if it cannot follow. One of unknown outcome must change it.
  func step(_ item: Item, from state: State) -> State? {
    var after = state
    switch item.action {
    case .find:
      guard state.value == item.needs else { return nil }
      return item.version == nil || item.version == state.version ? state : nil
    case .miss:
      return state.value == item.needs ? nil : state
    case .put:
      after.value = item.writes
    case .append(let piece):
      after.value = classes.appending(piece, to: state.value)
    case .remove:
      guard state.value != ValueClasses.absent else { return nil }
      after.value = ValueClasses.absent
    case .swap:
      guard state.value == item.needs else { return nil }
      after.value = item.writes
    }
    if tracksVersions {
      if case .remove = item.action { after.version = 0 } else { after.version &+= 1 }
    }
    return item.version == nil || item.version == after.version ? after : nil
  }
}
