import Basics
import Clerk
import ShardMap
import Simulation
import Testing

/// Processes that are asked to stop while clients write.
struct PlannedStopScenarios {
  typealias Herd = HerdScenarios.Herd

  private func makeHerd() throws -> Herd {
    let herd = try Herd(50)
    try herd.lab.join([GroupID(2)])
    try herd.lab.run(milliseconds: 3_000)
    herd.longest = herd.longest.map { _ in 0 }
    return herd
  }

  @Test("a restart of every node in turn holds up no client for as long as an election takes")
  func rollingRestart() throws {
    let herd = try makeHerd()
    let lab = herd.lab
    for group in [GroupID.none, GroupID(1), GroupID(2)] {
      for server in lab.servers(of: group) {
        lab.terminate(server)
        try lab.require("\(server.host.name) to stop", within: 2) { !server.host.isUp }
        lab.start(server)
        try lab.run(milliseconds: 1_000)
      }
    }
    let worst = (herd.longest.max() ?? 0) / 1_000_000
    print("the longest operation while every node is restarted: \(worst) ms")
    #expect(worst <= 150)
    try herd.finish()
  }

  @Test("a group that left and is stopped sends its clients on at once")
  func departedGroup() throws {
    let herd = try makeHerd()
    let lab = herd.lab
    try lab.leave([GroupID(2)])
    // Until the others have the shards; most clients have not come by since.
    try lab.run(milliseconds: 100)
    for server in lab.servers(of: GroupID(2)) { lab.terminate(server) }
    try lab.run(milliseconds: 3_000)
    #expect(lab.servers(of: GroupID(2)).allSatisfy { !$0.host.isUp })
    let worst = (herd.longest.max() ?? 0) / 1_000_000
    print("the longest operation around a group that left and was stopped: \(worst) ms")
    #expect(worst <= 300)
    try herd.finish()
  }
}
