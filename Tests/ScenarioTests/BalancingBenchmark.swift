import Balancing
import Basics
import Glibc

/// What a choice and a rebuild of each way to balance cost, as a table.
enum BalancingBenchmark {
  private static let sizes = [3, 10, 100, 1_000, 10_000]
  private static let keys = (0..<1_024).map { Array("user:\(1_000_000 + $0 * 7_919)".utf8) }

  static func table() throws -> String {
    var lines = [
      "| | " + sizes.map { "\($0)" }.joined(separator: " | ") + " |",
      "| --- |" + String(repeating: " ---: |", count: sizes.count),
    ]
    var rows: [[String]] = Array(repeating: [], count: names.count)
    for size in sizes {
      for (row, cell) in try column(size).enumerated() { rows[row].append(cell) }
    }
    for (name, row) in zip(names, rows) {
      lines.append("| \(name) | " + row.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n")
  }

  private static let names = [
    "hash", "round robin", "random", "consistent", "smooth weighted", "least connections",
    "dynamic weights", "nginx' plain hash", "pool: choose, began, ended",
  ]

  /// Each cell: nanoseconds of a choice; microseconds of a rebuild.
  private static func column(_ size: Int) throws -> [String] {
    let set = try BackendSet(
      (0..<size).map { Backend(BackendAddress(host: .v4(0x0A00_0000 + UInt32($0)), port: 7_000)) })
    return [
      balancer(set, WeightedSelection(HashSelection())),
      balancer(set, WeightedSelection(RoundRobin())),
      balancer(set, WeightedSelection(RandomSelection(seed: 1))),
      balancer(set, ConsistentSelection()),
      peers(set) { SmoothWeighted.pick(&$0, now: 1) },
      peers(set) { peers in
        let index = LeastConnections.pick(&peers, now: 1)
        if let index { peers[index].began() }
        return index
      },
      peers(set) { DynamicWeights.pick(&$0, now: 1) },
      plainHash(set),
      pool(set),
    ]
  }

  private static func balancer<Selector: BackendSelector>(_ set: BackendSet, _ selector: Selector)
    -> String
  {
    let (build, built) = building {
      var selector = selector
      selector.rebuild(set)
      return selector
    }
    var balancer = LoadBalancer(built)
    balancer.update(set)
    return cell(build) { round in
      balancer.select(keys[round & 1_023], max: 8) == nil ? 0 : 1
    }
  }

  private static func peers(_ set: BackendSet, _ pick: (inout [Peer]) -> Int?) -> String {
    let (build, built) = building { set.map { Peer($0) } }
    var peers = built
    return cell(build) { _ in pick(&peers) ?? 0 }
  }

  private static func plainHash(_ set: BackendSet) -> String {
    let (build, built) = building { set.map { Peer($0) } }
    var peers = built
    return cell(build) { round in
      var walk = NginxHash.Walk()
      return NginxHash.pick(&peers, key: keys[round & 1_023], walk: &walk, now: 1) ?? 0
    }
  }

  private static func pool(_ set: BackendSet) -> String {
    let backends = Array(set)
    let (build, built) = building {
      var pool = BackendPool(seed: 1)
      pool.update(backends)
      return pool
    }
    var pool = built
    return cell(build) { round in
      guard let address = pool.choose(now: UInt64(round)) else { return 0 }
      pool.began(address)
      pool.ended(address, .success, now: UInt64(round), took: 1_000)
      return 1
    }
  }

  /// The best of five builds, in nanoseconds.
  private static func building<Value>(_ build: () -> Value) -> (UInt64, Value) {
    var best = UInt64.max
    var value = build()
    for _ in 0..<5 {
      let begin = now()
      value = build()
      best = min(best, now() - begin)
    }
    return (best, value)
  }

  /// The best of five series of choices, each of about 20 ms.
  private static func cell(_ build: UInt64, _ choose: (Int) -> Int) -> String {
    var count = 64
    var best = Double.infinity
    var sum = 0
    for series in 0..<8 {
      let begin = now()
      for round in 0..<count { sum &+= choose(round) }
      let each = Double(max(1, now() - begin)) / Double(count)
      if series < 3 { count = max(64, Int(20_000_000 / each)) } else { best = min(best, each) }
    }
    withExtendedLifetime(sum) {}
    return "\(Int(best + 0.5)) ns; \(decimal(build)) µs"
  }

  private static func decimal(_ nanoseconds: UInt64) -> String {
    let tenths = (nanoseconds + 50) / 100
    return tenths >= 1_000 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }

  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
