import Basics

/// Ways that close.
extension Nemesis {
  /// Some hosts on one side, clients included; or only one way between them. A lonely leader keeps
  /// some clients, who may believe what it says.
  func partition() {
    separate(lonely: generator.chance(0.5) ? victim().index : nil)
  }

  func separate(lonely: Int?) {
    let hosts = simulator.hosts.map(\.index)
    let share = generator.chance(0.5) ? 0.5 : 0.2
    let side = hosts.map { host in
      let isClient = !cluster.isReplica(host)
      return if let lonely, !isClient { host == lonely } else { generator.chance(share) }
    }
    let oneWay = generator.chance(options.oneWayShare)
    let sendsOnly = generator.chance(0.5)
    counters.partitions += 1
    if oneWay { counters.oneWayPartitions += 1 }
    var ways: [(Int, Int)] = []
    for from in hosts {
      for to in hosts where side[from] != side[to] && (!oneWay || side[from] == sendsOnly) {
        ways.append((from, to))
      }
    }
    simulator.trace("partition: \(hosts.filter { side[$0] }) apart\(oneWay ? ", one way" : "")")
    simulator.changeNetwork { network in
      for (from, to) in ways { network.cut(from: from, to: to) }
    }
    later(options.partitionTime) { nemesis in
      nemesis.simulator.trace("partition heals")
      nemesis.simulator.changeNetwork { $0.healAll(now: nemesis.simulator.now) }
    }
  }

  /// Each way, or each pair of ways, is open or closed by itself: hosts that hear each other need
  /// not hear the same others.
  func drawGraph() {
    counters.graphs += 1
    let share = [0.2, 0.4, 0.6][generator.next(in: 0..<3)]
    let isSymmetric = generator.chance(0.5)
    let hosts = simulator.hosts.map(\.index)
    var ways: [(Int, Int)] = []
    for from in hosts {
      for to in hosts[..<from] {
        let isCut = generator.chance(share)
        if isCut { ways.append((from, to)) }
        if isSymmetric ? isCut : generator.chance(share) { ways.append((to, from)) }
      }
    }
    simulator.trace("\(ways.count) ways close")
    simulator.changeNetwork { network in
      for (from, to) in ways { network.cut(from: from, to: to) }
    }
    later(options.partitionTime) { nemesis in
      nemesis.simulator.trace("ways open again")
      nemesis.simulator.changeNetwork { $0.healAll(now: nemesis.simulator.now) }
    }
  }

  /// The ways between two hosts, or one of them, close and open many times.
  func flap() {
    let (from, to) = (victim().index, anyHost().index)
    guard from != to else { return }
    counters.flaps += 1
    let end = simulator.now + UInt64(generator.next(in: options.partitionTime)) * 1_000_000
    let ways = generator.chance(0.5) ? [(from, to), (to, from)] : [(from, to)]
    simulator.trace("ways \(ways) flap")
    toggle(ways, until: end)
  }

  private func toggle(_ ways: [(from: Int, to: Int)], until end: UInt64) {
    let isOver = simulator.now >= end
    simulator.changeNetwork { network in
      for way in ways {
        if isOver || network.isCut(from: way.from, to: way.to) {
          network.heal(from: way.from, to: way.to, now: simulator.now)
        } else {
          network.cut(from: way.from, to: way.to)
        }
      }
    }
    if !isOver { later(5...300) { $0.toggle(ways, until: end) } }
  }
}
