import Basics
import Testing

@testable import ShardKV

/// A map that is plainly right: a sorted array.
private struct ModelMap: Equatable {
  struct Row: Equatable {
    var key: [UInt8]
    var value: [UInt8]
    var version: UInt64
  }

  var rows: [Row] = []

  func place(of key: [UInt8]) -> (index: Int, isFound: Bool) {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].key.lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
    }
    return (low, low < rows.count && rows[low].key == key)
  }

  mutating func put(_ key: [UInt8], _ value: [UInt8], isAppend: Bool) -> UInt64 {
    let place = place(of: key)
    guard place.isFound else {
      rows.insert(Row(key: key, value: value, version: 1), at: place.index)
      return 1
    }
    rows[place.index].version += 1
    rows[place.index].value = isAppend ? rows[place.index].value + value : value
    return rows[place.index].version
  }

  mutating func remove(_ key: [UInt8]) -> Bool {
    let place = place(of: key)
    if place.isFound { rows.remove(at: place.index) }
    return place.isFound
  }
}

extension ByteMap {
  fileprivate var model: ModelMap {
    var model = ModelMap()
    forEach { element in
      model.rows.append(
        ModelMap.Row(
          key: Array(element.key), value: Array(element.value), version: element.marks.version))
      return true
    }
    return model
  }

  /// Stops if a node is out of order, too small, too full, or sends keys to the wrong child.
  func checkStructure() {
    guard let root else {
      invariant(count == 0 && bytes == 0, "an empty map of \(count) keys")
      return
    }
    var keys = 0
    var depths: Set<Int> = []
    Self.check(root.view, low: nil, high: nil, depth: 0, isRoot: true, &keys, &depths)
    invariant(keys == count, "\(keys) keys counted as \(count)")
    invariant(depths.count == 1, "leaves at depths \(depths)")
  }

  private static func check(
    _ view: NodeView, low: [UInt8]?, high: [UInt8]?, depth: Int, isRoot: Bool, _ keys: inout Int,
    _ depths: inout Set<Int>
  ) {
    invariant(view.count > 0 && view.count < Node.capacity, "a node of \(view.count)")
    invariant(isRoot || view.isLeaf || view.count >= Node.countMin, "an inner of \(view.count)")
    invariant(view.skip >= view.fence, "skips \(view.skip) of \(view.fence)")
    for index in view.first..<view.count {
      let key = Array(view.key(index).key)
      let word = view.key(index).key.withMemoryRebound(to: UInt8.self) { bytes in
        keyWord(UnsafeRawBufferPointer(bytes), at: view.skip)
      }
      invariant(view.word(index) == word, "an old word")
      invariant(low.map { !key.lexicographicallyPrecedes($0) } ?? true, "below the bound")
      invariant(high.map { key.lexicographicallyPrecedes($0) } ?? true, "above the bound")
      invariant(key.starts(with: view.key(view.first).key.prefix(view.skip)), "skips too much")
    }
    if view.isLeaf {
      keys += view.count
      depths.insert(depth)
      return
    }
    for index in 0..<view.count {
      let next = index + 1 < view.count ? Array(view.key(index + 1).key) : high
      let own = index == 0 ? low : Array(view.key(index).key)
      check(
        view.child(index)._withUnsafeGuaranteedRef { $0.view }, low: own, high: next,
        depth: depth + 1, isRoot: false, &keys, &depths)
    }
  }
}

struct ByteMapTests {
  /// Keys of several shapes: few bytes, shared prefixes, prefixes of one another, zero bytes.
  private static func key(_ generator: inout SeededGenerator, shape: Int) -> [UInt8] {
    switch shape {
    case 0:
      return (0..<generator.next(in: 0...3)).map { _ in UInt8(generator.next(in: 0...3)) }
    case 1:
      return Array("user:0000000000:profile:\(generator.next(in: 0..<1500))".utf8)
    case 2:
      return Array(repeating: 0, count: generator.next(in: 0...40))
        + (0..<generator.next(in: 0...2)).map { _ in UInt8(generator.next(in: 0...1)) }
    default:
      return (0..<generator.next(in: 6...20)).map { _ in
        UInt8(truncatingIfNeeded: generator.next() & 0x0F)
      }
    }
  }

  @Test(arguments: 0..<12) func agreesWithASortedArray(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    var map = ByteMap()
    var model = ModelMap()
    var captures: [(ByteMap, ModelMap)] = []
    for step in 0..<3000 {
      // Grows, shrinks to nothing, grows again.
      let isShrinking = (step / 1000) % 2 == 1
      let key = Self.key(&generator, shape: seed % 5 == 4 ? generator.next(in: 0...3) : seed % 5)
      let action = generator.next(in: 0..<10)
      if isShrinking ? action < 8 : action < 2 {
        let key =
          model.rows.isEmpty || generator.chance(0.3)
          ? key : model.rows[generator.next(in: 0..<model.rows.count)].key
        #expect((map.remove(key) != nil) == model.remove(key))
      } else {
        let value = (0..<generator.next(in: 0...30)).map { UInt8($0) }
        let isAppend = generator.chance(0.3)
        let changed = isAppend ? map.append(key, value) : map.put(key, value)
        #expect(changed.marks.version == model.put(key, value, isAppend: isAppend))
      }
      if step % 250 == 0 {
        map.checkStructure()
        captures.append((map, model))
      }
      if step % 50 == 0 {
        let probe = Self.key(&generator, shape: generator.next(in: 0...3))
        let place = model.place(of: probe)
        #expect(
          map.value(of: probe)?.value == (place.isFound ? model.rows[place.index].value : nil))
        var next: [UInt8]?
        map.forEach(after: probe) { element in
          next = Array(element.key)
          return false
        }
        let index = place.isFound ? place.index + 1 : place.index
        #expect(next == (index < model.rows.count ? model.rows[index].key : nil))
      }
    }
    captures.append((map, model))
    for (map, model) in captures {
      map.checkStructure()
      #expect(map.model == model)
      #expect(map.count == model.rows.count)
      #expect(map.bytes == model.rows.reduce(0) { $0 + $1.key.count + $1.value.count })
    }
  }

  @Test func ascendingKeysFillLeaves() {
    var map = ByteMap()
    for number in 0..<5000 {
      map.put(Array("key\(String(1_000_000 + number))".utf8), [])
    }
    map.checkStructure()
    var leaves = 0
    func countLeaves(_ view: NodeView) {
      if view.isLeaf { leaves += 1 }
      if !view.isLeaf {
        for index in 0..<view.count {
          countLeaves(view.child(index)._withUnsafeGuaranteedRef { $0.view })
        }
      }
    }
    if let root = map.root { countLeaves(root.view) }
    #expect(leaves <= 5000 / 63 + 1)
  }

  @Test func removesFromBothEndsUntilNothingIsLeft() {
    var map = ByteMap()
    let keys = (0..<3000).map { Array("k\(String(10_000 + $0))".utf8) }
    for key in keys { map.put(key, key) }
    for step in 0..<1500 {
      let removed = [map.remove(keys[step]), map.remove(keys[2999 - step])]
      #expect(removed.allSatisfy { $0 == EntryMarks(version: 1) })
      if step % 100 == 0 { map.checkStructure() }
    }
    #expect(map.isEmpty && map.bytes == 0 && map.root == nil)
  }

  @Test func aVersionThatIsGivenStays() {
    var map = ByteMap()
    map.put([1], [2], ByteMap.Update(version: 7))
    map.append([1], [3], ByteMap.Update(version: 7))
    #expect(map.value(of: [1])?.version == 7)
    #expect(map.value(of: [1])?.value == [2, 3])
    #expect(map.put([1], []).marks.version == 8)
  }

  @Test func longValuesGrowInPiecesAndShrink() {
    var map = ByteMap()
    var expected: [UInt8] = []
    for step in 0..<200 {
      let piece = Array(repeating: UInt8(step), count: 500)
      map.append([9], piece)
      expected += piece
      if step == 100 {
        let old = map
        map.put([9], [1])
        #expect(old.value(of: [9])?.value == expected)
        expected = [1]
      }
    }
    #expect(map.value(of: [9])?.value == expected)
    #expect(map.bytes == expected.count + 1)
  }

  @Test func marksAreKeptAndAnOverdueKeyIsANewOne() {
    var map = ByteMap()
    map.put([1], [2], ByteMap.Update(modified: 4, deadline: 100))
    let appended = map.append([1], [3], ByteMap.Update(modified: 5, deadline: nil, now: 100))
    #expect(appended.marks == EntryMarks(version: 2, modified: 5, deadline: 100))
    #expect(appended.oldDeadline == 100)
    let old = map
    let late = map.append([1], [4], ByteMap.Update(modified: 6, deadline: nil, now: 101))
    #expect(late.marks == EntryMarks(version: 1, modified: 6))
    #expect(late.oldDeadline == 100)
    #expect(map.value(of: [1])?.value == [4] && map.count == 1 && map.bytes == 2)
    #expect(old.value(of: [1])?.value == [2, 3])
    map.put([1], [5], ByteMap.Update(modified: 7, deadline: 9))
    #expect(map.put([1], [6], ByteMap.Update(modified: 8, now: 10)).marks.version == 1)
  }

  @Test func marksOfEverySizeAreKept() {
    var random = SeededGenerator(seed: 8)
    let versions: [UInt64] = [0, 1, 4_294_967_294, 4_294_967_295, 4_294_967_296, .max - 1_000]
    let deadlines: [UInt64] = [0, 1, .max]
    var map = ByteMap()
    var model: [UInt8: (value: [UInt8], marks: EntryMarks)] = [:]
    var captures: [(ByteMap, [UInt8: (value: [UInt8], marks: EntryMarks)])] = []
    for step in 0..<4_000 {
      let key = UInt8(random.next(in: 0..<20))
      let value = Array(repeating: UInt8(truncatingIfNeeded: step), count: random.next(in: 0..<40))
      let update = ByteMap.Update(
        version: random.chance(0.5) ? versions[random.next(in: 0..<versions.count)] : nil,
        modified: random.next(), deadline: deadlines[random.next(in: 0..<deadlines.count)])
      let old = model[key]
      let marks = EntryMarks(
        version: update.version ?? (old?.marks.version ?? 0) + 1, modified: update.modified,
        deadline: update.deadline ?? 0)
      if random.chance(0.5) {
        #expect(map.append([key], value, update).marks == marks)
        model[key] = ((old?.value ?? []) + value, marks)
      } else {
        #expect(map.put([key], value, update).marks == marks)
        model[key] = (value, marks)
      }
      if random.chance(0.01) { captures.append((map, model)) }
    }
    for (map, model) in captures + [(map, model)] {
      for (key, row) in model {
        let found = map.withElement(of: [key]) { (Array($0.key), Array($0.value), $0.marks) }
        #expect(found?.0 == [key] && found?.1 == row.value && found?.2 == row.marks)
      }
    }
  }

  @Test func anyEntryIsAsProbableAsAnother() {
    var map = ByteMap()
    var random = SeededGenerator(seed: 3)
    #expect(map.withAnyElement(&random) { $0.key.count } == nil)
    // Ascending keys make full leaves, and the others leaves of very different sizes.
    for number in 0..<400 { map.put([1, UInt8(number / 256), UInt8(number % 256)], []) }
    for number in 0..<400 {
      map.put([0, UInt8(number * 7 % 400 / 256), UInt8(number * 7 % 400 % 256)], [])
    }
    var counts: [[UInt8]: Int] = [:]
    for _ in 0..<80_000 {
      guard let key = map.withAnyElement(&random, { Array($0.key) }) else { return }
      counts[key, default: 0] += 1
    }
    // 100 expected of each, with a deviation of 10.
    #expect(counts.count == 800)
    #expect(counts.values.allSatisfy { (50...150).contains($0) })
  }
}
