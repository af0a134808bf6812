import Arguments
import Basics
import Clerk
import ShardMap
import Testing

@testable import shardkv_cli

struct BenchTests {
  @Test func histogramBucketsAreNarrowAndInOrder() {
    var generator = SeededGenerator(seed: 7)
    var last = 0
    for value in 0..<5_000 {
      let index = Histogram.index(of: UInt64(value))
      #expect(index == last || index == last + 1)
      last = index
    }
    for _ in 0..<2_000 {
      let value = generator.next() >> UInt64(generator.next(in: 1..<60))
      let index = Histogram.index(of: value)
      let top = Histogram.upperEnd(of: index)
      #expect(top >= value && Double(top - value) <= Double(value) / 128 + 1)
      #expect(Histogram.index(of: top) == index)
      #expect(Histogram.index(of: top + 1) == index + 1)
    }
  }

  @Test func quantilesOfKnownValues() {
    var histogram = Histogram()
    #expect(histogram.value(at: 0.5) == 0)
    for value in 1...1_000 { histogram.record(UInt64(value) * 1_000) }
    #expect(histogram.count == 1_000)
    #expect(histogram.max == 1_000_000)
    for (quantile, exact) in [(0.5, 500_000.0), (0.9, 900_000), (0.99, 990_000)] {
      let value = Double(histogram.value(at: quantile))
      #expect(value >= exact && value <= exact * 1.01)
    }
    #expect(histogram.value(at: 1) == 1_000_000)
  }

  func options(_ arguments: String...) throws -> BenchOptions {
    switch commandTable.parse(["bench"] + arguments, environment: [:]) {
    case .run(let parsed): return try BenchOptions(parsed)
    case .wrong(let error): throw error
    default: throw UsageError("not a run")
    }
  }

  @Test func optionsAreReadAndRefused() throws {
    let plain = try options()
    #expect(plain.clients == 32 && plain.duration == 10_000_000_000 && plain.dataSize == 256)
    #expect(plain.mixText == "get=90,put=10")
    let full = try options(
      "-c", "64", "-P", "4", "-n", "1000", "-d", "16", "-r", "10", "--mix", "append=1,get=3",
      "--rate", "5000", "--verify")
    #expect(full.requests == 1_000 && full.duration == nil && full.rate == 5_000)
    #expect(try options("-z", "1.5").duration == 1_500_000_000)
    #expect(try options("-z", "2m").duration == 120_000_000_000)
    #expect(try options("--verify").mixText == "append=100")
    #expect(throws: UsageError.self) { try options("--verify", "--mix", "put=1") }
    #expect(throws: UsageError.self) { try options("--mix", "walk=1") }
    #expect(throws: UsageError.self) { try options("--mix", "get=0") }
    #expect(throws: UsageError.self) { try options("-c", "0") }
    #expect(throws: UsageError.self) { try options("-d", "1048577") }
    #expect(throws: UsageError.self) { try options("-z", "soon") }
  }

  @Test func aFullKeyGivesItsPlaceToAFreshOne() throws {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 64))
    var keys = BenchKeys(count: 2, prefix: "k", layout: layout)
    #expect(keys.indexForAppend(1, bytes: BenchKeys.appendedBytesMax) == 1)
    let fresh = keys.indexForAppend(1, bytes: 10)
    #expect(fresh == 2 && keys.index(of: 1) == 2 && keys.index(of: 0) == 0)
    #expect(Set(keys.names).count == 3 && keys.shards.count == 3)
  }

  @Test func gapsAreMeasuredForOwnersOnly() throws {
    let layout = try #require(ShardLayout(mapping: .slots, shardCount: 2))
    var configuration = Configuration(layout: layout)
    configuration.number = ConfigNumber(1)
    configuration.shards[0].owner = GroupID(1)
    configuration.shards[1].owner = GroupID(2)
    var gaps = GapTracker(start: 100)
    gaps.adopt(configuration, at: 100)
    gaps.complete(ShardID(0), at: 110)
    gaps.complete(ShardID(1), at: 120)
    gaps.complete(ShardID(0), at: 200)
    // Group 2 leaves: it is not waited for any more, and is waited for anew when it comes back.
    configuration.number = ConfigNumber(2)
    configuration.shards[1].owner = GroupID(1)
    gaps.adopt(configuration, at: 210)
    gaps.complete(ShardID(1), at: 900)
    configuration.number = ConfigNumber(3)
    configuration.shards[1].owner = GroupID(2)
    gaps.adopt(configuration, at: 1_000)
    gaps.complete(ShardID(1), at: 1_050)
    gaps.finish(at: 1_060)
    #expect(gaps.groups[GroupID(1)]?.longest == 700)
    #expect(gaps.groups[GroupID(2)]?.longest == 50)
    #expect(gaps.overall.longest == 700)
    #expect(gaps.groups[GroupID(2)]?.operations == 2)
  }

  @Test func historiesSayWhatACheckNeeds() {
    func text(_ answer: ClerkOutcome) -> String {
      let fields = HistoryWriter.fields(answer)
      return "\(fields.output.text) \(fields.version.text) \(fields.applied.text)"
    }
    #expect(text(.reply(.value([0x61], version: 3))) == "\"a\" 3 null")
    #expect(text(.reply(.noKey)) == "null null null")
    #expect(text(.reply(.written(.written(version: 7)))) == "null 7 true")
    #expect(text(.reply(.written(.missing))) == "null null false")
    #expect(text(.reply(.written(.compareFailed))) == "null null false")
  }

  @Test func ringGivesPlacesInTurn() {
    var ring = Ring(2)
    #expect(ring.take() == 0)
    #expect(ring.take() == 1)
    #expect(ring.take() == nil)
    ring.put(1)
    ring.put(0)
    #expect(ring.take() == 1)
    #expect(ring.count == 1)
  }
}
