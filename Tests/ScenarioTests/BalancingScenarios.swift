import Balancing
import Checksums
import Glibc
import Testing

/// What takes too many choices for a debug build.
@Suite struct BalancingScenarios {
  /// The hashes of a million keys.
  private static let hashes = (0..<1_000_000).map { CRC32.checksum(Array("key-\($0)".utf8)) }

  /// From 3 to 100 equal backends of one port, as replicas on machines of their own are.
  @Test func theRingSharesAMillionKeysEvenlyAndANewBackendMovesOnlyItsOwn() throws {
    var owners: [Int] = []
    for count in 3...100 {
      let set = try BackendSet((1...count).map { Backend("10.0.0.\($0):7000") })
      let ring = KetamaRing(set)
      let next = Self.hashes.map { ring.member(at: ring.position(hash: $0)) ?? -1 }
      #expect(deviation(next, count) <= 0.1, "\(count) backends")
      let strays = zip(owners, next).count { $0 != $1 && $1 != count - 1 }
      #expect(strays == 0, "of \(count) backends the newest is not the only one that got keys")
      owners = next
    }
  }

  /// Backends that differ only by their ports meet 12.4 % with nginx' points; twice as many hold.
  @Test func twiceThePointsHoldForBackendsOfOneHost() throws {
    for (points, holds) in [(KetamaRing.standardPoints, false), (320, true)] {
      let set = try BackendSet((1...4).map { Backend("10.0.0.1:\(7_000 + $0)") })
      let ring = KetamaRing(set, pointsPerWeight: points)
      let owners = Self.hashes.map { ring.member(at: ring.position(hash: $0)) ?? -1 }
      #expect((deviation(owners, 4) <= 0.1) == holds, "\(points) points")
    }
  }

  /// Prints the table of docs/parts/balancing.md; see scripts/bench-balancing.sh.
  @Test(.enabled(if: getenv("BALANCING_BENCH") != nil)) func costs() throws {
    print(try BalancingBenchmark.table())
  }

  /// The standard deviation of the shares as a part of their mean.
  private func deviation(_ owners: [Int], _ count: Int) -> Double {
    var shares = Array(repeating: 0.0, count: count)
    for owner in owners { shares[owner] += 1 }
    let mean = Double(owners.count) / Double(count)
    let variance = shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    return variance.squareRoot() / mean
  }
}
