import Basics
import Testing

@testable import ShardKV

/// Map, index of deadlines and counter of one shard, against a dictionary.
struct KeyspaceTests {
  private struct Model {
    struct Row: Equatable {
      var value: [UInt8]
      var version: UInt64
      var deadline: UInt64
    }

    var rows: [[UInt8]: Row] = [:]

    func alive(_ key: [UInt8], _ now: UInt64) -> Row? {
      rows[key].flatMap { $0.deadline == 0 || now <= $0.deadline ? $0 : nil }
    }

    /// Removes what is over-due as ``Keyspace`` should: by deadline, then by key.
    mutating func removeOverdue(_ now: UInt64, max: Int) -> Int {
      let due = rows.filter { $0.value.deadline > 0 && $0.value.deadline < now }.sorted {
        $0.value.deadline == $1.value.deadline
          ? $0.key.lexicographicallyPrecedes($1.key) : $0.value.deadline < $1.value.deadline
      }.prefix(max)
      for row in due { rows[row.key] = nil }
      return due.count
    }
  }

  @Test(arguments: 0..<8) func agreesWithADictionary(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var keys = Keyspace()
    var model = Model()
    var now: UInt64 = 1000
    var modified: Set<UInt64> = []
    for step in 0..<2500 {
      let key = (0..<random.next(in: 0...3)).map { _ in UInt8(random.next(in: 0...4)) }
      let value = (0..<random.next(in: 0...5)).map { UInt8($0) }
      let deadline = random.chance(0.6) ? now + UInt64(random.next(in: 0...60)) : 0
      let before = model.alive(key, now)
      switch random.next(in: 0..<10) {
      case 0...4:
        let version = keys.put(key, value, deadline: deadline, now: now)
        model.rows[key] = .init(
          value: value, version: (before?.version ?? 0) + 1, deadline: deadline)
        #expect(version == model.rows[key]?.version)
        #expect(modified.insert(keys.changes).inserted)
      case 5, 6:
        let version = keys.append(key, value, now: now)
        model.rows[key] = .init(
          value: (before?.value ?? []) + value, version: (before?.version ?? 0) + 1,
          deadline: before?.deadline ?? 0)
        #expect(version == model.rows[key]?.version)
        #expect(modified.insert(keys.changes).inserted)
      case 7:
        #expect(keys.remove(key, now: now) == (before != nil))
        if before != nil { model.rows[key] = nil }
      case 8:
        let max = random.next(in: 0...4)
        #expect(keys.removeOverdue(now: now, max: max) == model.removeOverdue(now, max: max))
      default: now += UInt64(random.next(in: 0...20))
      }
      let found = keys.value(of: key, now: now)
      #expect(found?.value == model.alive(key, now)?.value)
      #expect(found?.marks.version == model.alive(key, now)?.version)
      #expect(found?.marks.deadline == model.alive(key, now)?.deadline)
      #expect(keys.isValue(of: key, found?.value, now: now))
      #expect(!keys.isValue(of: key, [99], now: now))
      if step % 20 == 0 { keys.checkAgreement() }
    }
    #expect(keys.map.count == model.rows.count)
    keys.checkAgreement()
    _ = keys.removeAll()
    keys.checkAgreement()
    #expect(keys.map.isEmpty && keys.changes > 1000)
  }

  @Test func theCounterSurvivesWhatItCounted() {
    var keys = Keyspace()
    keys.put([1], [1], now: 0)
    #expect(keys.marks(of: [1], now: 0)?.modified == 1)
    #expect(keys.remove([1], now: 0) == true)
    #expect(!keys.isBlank)
    keys.put([1], [1], now: 0)
    #expect(keys.marks(of: [1], now: 0) == EntryMarks(version: 1, modified: 3))
    keys.restore([2], [1], EntryMarks(version: 1, modified: 50))
    keys.put([1], [1], now: 0)
    #expect(keys.marks(of: [1], now: 0)?.modified == 51)
  }

  @Test func partsOfAValueMustAgree() {
    var keys = Keyspace()
    let marks = EntryMarks(version: 3, modified: 4, deadline: 70)
    let other = EntryMarks(version: 3, modified: 4, deadline: 71)
    let attempts: [(offset: Int, part: [UInt8], marks: EntryMarks, isNext: Bool)] = [
      (2, [9], marks, false), (0, [9, 8], marks, true), (0, [7], marks, false),
      (3, [7], marks, false), (2, [7], other, false), (2, [7], marks, true),
    ]
    for attempt in attempts {
      let isNext = keys.restorePart([1], at: attempt.offset, attempt.part, attempt.marks)
      #expect(isNext == attempt.isNext)
    }
    #expect(keys.value(of: [1], now: 70)?.value == [9, 8, 7])
    #expect(keys.marks(of: [1], now: 70) == marks)
    keys.checkAgreement()
  }
}
