import Raft
import ShardMap
import Simulation
import Testing

/// Who leads when some ways between the servers of a group are closed for good, each direction by
/// itself: where somebody reaches a majority both ways there is one leader, soon and for good, and
/// elsewhere nobody believes that he leads.
struct TopologyScenarios {
  static let group = KeyValueLab.group

  /// A set of directed ways between a few servers.
  struct Topology: CustomStringConvertible {
    var servers: Int
    var ways: Set<[Int]>

    func isOpen(_ from: Int, _ to: Int) -> Bool { ways.contains([from, to]) }

    /// Whether a server and those that it reaches both ways are a majority.
    func hasCentre(_ server: Int) -> Bool {
      let peers = (0..<servers).filter { isOpen(server, $0) && isOpen($0, server) }
      return 2 * (peers.count + 1) > servers
    }

    var canLead: Bool { (0..<servers).contains(where: hasCentre) }

    var description: String {
      ways.map { "\($0[0])→\($0[1])" }.sorted().joined(separator: " ")
    }

    /// The six ways among three servers, open where the bit is set.
    static func three(_ bits: Int) -> Topology {
      let all = [[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]]
      return Topology(
        servers: 3, ways: Set(all.indices.filter { bits >> $0 & 1 == 1 }.map { all[$0] }))
    }
  }

  /// What the servers of the group show.
  struct View: Equatable, CustomStringConvertible {
    var leaders: [Int]
    var highestTerm: UInt64
    var description: String { "leaders \(leaders), highest term \(highestTerm)" }

    init(_ lab: LabCluster, renamed: (Int) -> Int) {
      let seen = lab.servers(of: TopologyScenarios.group).map { $0.node?.observation }
      leaders = seen.indices.filter { seen[$0]?.role == .leader }.map(renamed).sorted()
      highestTerm = seen.compactMap { $0?.term.rawValue }.max() ?? 0
    }
  }

  /// Closes the ways of a healthy cluster whose leader is server `leader` of the topology; what is
  /// wrong afterwards, or `nil`.
  static func trial(
    _ topology: Topology, leader: Int, _ style: NetworkConditions.CutStyle
  ) throws -> String? {
    let lab = try KeyValueLab.makeLab(servers: topology.servers)
    lab.simulator.changeNetwork { $0.conditions.cutStyle = style }
    let client = lab.makeClient()
    try client.put("before", "1")
    let shift = try lab.leader(of: group) - leader + topology.servers
    let renamed = { ($0 + topology.servers - shift % topology.servers) % topology.servers }
    lab.link(group) { topology.isOpen(renamed($0), renamed($1)) }
    try lab.run(milliseconds: 5_000)
    let early = View(lab, renamed: renamed)
    var written: ClientOutcome = .nothing
    lab.cluster.submit(
      .write(key: Array("after".utf8), .put(value: [1])), by: client.client,
      timeout: 5_000_000_000
    ) { outcome in
      if case .reply(.written) = outcome { written = .written } else { written = .failed }
    }
    var views = [early]
    for _ in 0..<150 {
      try lab.run(milliseconds: 100)
      let view = View(lab, renamed: renamed)
      if view != views.last { views.append(view) }
    }
    let seen = views.map(\.description).joined(separator: "; ")
    if topology.canLead {
      guard views.count == 1, early.leaders.count == 1, topology.hasCentre(early.leaders[0]) else {
        return "no stable leader: \(seen)"
      }
      return written == .written ? nil : "a write \(written)"
    }
    guard views.allSatisfy({ $0.leaders.isEmpty }) else { return "somebody leads: \(seen)" }
    return written == .written ? "a write succeeded" : nil
  }

  enum ClientOutcome { case nothing, written, failed }

  @Test("All directed topologies of three servers", arguments: NetworkConditions.CutStyle.allCases)
  func three(_ style: NetworkConditions.CutStyle) throws {
    for bits in 0..<64 {
      let topology = Topology.three(bits)
      for leader in 0..<3 {
        let trouble = try Self.trial(topology, leader: leader, style)
        #expect(trouble == nil, "ways \(topology), first leader \(leader)")
      }
    }
  }

  /// B6: a server that does not hear the leader hears somebody who does, and must not depose it.
  @Test("Half-connected servers at the edge of a healthy middle", arguments: 0..<5)
  func cloudflare(_ leader: Int) throws {
    let pairs = [[0, 1], [0, 2], [1, 2], [3, 1], [4, 2]]
    let topology = Topology(servers: 5, ways: Set(pairs + pairs.map { [$0[1], $0[0]] }))
    #expect(try Self.trial(topology, leader: leader, .drop) == nil)
  }

  /// B7: a leader that only speaks notices it; one that only hears is replaced.
  @Test("A leader that only speaks or only hears", arguments: [true, false])
  func halfDeaf(_ speaks: Bool) throws {
    var ways: Set<[Int]> = []
    for from in 0..<5 {
      for to in 0..<5 where from != to {
        let isOpen = from == 0 ? speaks : to == 0 ? !speaks : true
        if isOpen { ways.insert([from, to]) }
      }
    }
    let topology = Topology(servers: 5, ways: ways)
    #expect(try Self.trial(topology, leader: 0, .drop) == nil)

    let lab = try KeyValueLab.makeLab(servers: 5)
    let leader = try lab.leader(of: Self.group)
    lab.link(Self.group) { speaks ? $1 != leader : $0 != leader }
    try lab.run(milliseconds: 1_200)
    let role = lab.servers(of: Self.group)[leader].node?.observation.role
    #expect(role != .leader, "within an election timeout and a little")
  }
}
