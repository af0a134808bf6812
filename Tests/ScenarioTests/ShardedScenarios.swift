import ShardMap
import Simulation
import Testing

/// The scenarios of the sharded key-value lab that move shards between groups that come and go.
struct ShardedScenarios {
  @Test("StaticShards") func staticShards() throws {
    let stage = try ShardedLab()
    try stage.join(0)
    try stage.join(1)
    try stage.put(keys: 10)
    try stage.check()

    stage.stop(1)
    try stage.lab.checkLogs()
    var completed = 0
    var lastTime = stage.lab.seconds
    for key in 0..<10 {
      stage.lab.makeClient().begin(.get, key: "\(key)") { output in
        #expect(output == .value(Array(stage.model[key].utf8), version: 1))
        completed += 1
        lastTime = stage.lab.seconds
      }
    }
    try stage.lab.require("two seconds of silence", within: 60) {
      stage.lab.seconds > lastTime + 2
    }
    #expect(completed == 5, "exactly the keys of the group that is up")
    stage.start(1)
    try stage.check()
    try stage.lab.require("the other keys", within: 10) { completed == 10 }
  }

  @Test("JoinLeave") func joinLeave() throws {
    let stage = try ShardedLab()
    try stage.join(0)
    try stage.put(keys: 10)
    try stage.join(1)
    try stage.checkAndAppend()
    try stage.leave(0)
    try stage.checkAndAppend()
    try stage.lab.run(milliseconds: 1_000)
    try stage.lab.checkLogs()
    stage.stop(0)
    try stage.check()
  }

  @Test("Snapshot") func snapshot() throws {
    let stage = try ShardedLab(maxLogBytes: 1_000)
    try stage.join(0)
    try stage.put(keys: 30)
    try stage.join(1)
    try stage.join(2)
    try stage.leave(0)
    try stage.checkAndAppend()
    try stage.leave(1)
    try stage.join(0)
    try stage.checkAndAppend()
    try stage.lab.run(milliseconds: 1_000)
    try stage.check()
    try stage.lab.run(milliseconds: 1_000)
    try stage.lab.checkLogs()
    stage.stop(0, 1, 2)
    stage.start(0, 1, 2)
    try stage.check()
  }

  @Test("MissChange") func missChange() throws {
    let stage = try ShardedLab(maxLogBytes: 1_000)
    try stage.join(0)
    try stage.put(keys: 10)
    try stage.check()
    try stage.join(1)
    stage.stopServer(0)
    try stage.join(2)
    try stage.leave(1)
    try stage.leave(0)
    try stage.checkAndAppend()
    try stage.join(1)
    try stage.checkAndAppend()
    stage.startServer(0)
    try stage.checkAndAppend()
    try stage.lab.run(milliseconds: 2_000)
    stage.stopServer(1)
    try stage.join(0)
    try stage.leave(2)
    try stage.checkAndAppend()
    stage.startServer(1)
    try stage.check()
  }

  @Test("Challenge1Delete") func deletesWhatItHandedOver() throws {
    let stage = try ShardedLab(maxLogBytes: 1)
    try stage.join(0)
    try stage.put(keys: 30, valueBytes: 1_000)
    for key in 0..<3 { try stage.check(key) }
    for _ in 0..<2 {
      try stage.join(1)
      try stage.leave(0)
      try stage.join(2)
      try stage.lab.run(milliseconds: 3_000)
      for key in 0..<3 { try stage.check(key) }
      try stage.leave(1)
      try stage.join(0)
      try stage.leave(2)
      try stage.lab.run(milliseconds: 3_000)
      for key in 0..<3 { try stage.check(key) }
    }
    try stage.join(1)
    try stage.join(2)
    for _ in 0..<3 {
      try stage.lab.run(milliseconds: 1_000)
      for key in 0..<3 { try stage.check(key) }
    }
    let bytes = stage.groups.flatMap { stage.lab.servers(of: $0) }.compactMap(\.node)
      .reduce(0) { $0 + Int($1.logBytes + $1.snapshotBytes) }
    #expect(bytes <= 117_000)
    try stage.check()
  }

  @Test("Challenge2Unaffected") func unaffectedShardsGoOn() throws {
    let stage = try ShardedLab(isUnreliable: true, maxLogBytes: 100)
    try stage.join(0)
    try stage.put(keys: 10)
    for key in 0..<10 {
      try stage.client.put("\(key)", "100")
      stage.model[key] = "100"
    }
    try stage.join(1)
    try stage.lab.run(milliseconds: 1_000)
    let owned = try stage.keys(of: 1)
    #expect(owned.count == 5)
    // What is lost on the way may be late: the shards that stay behind are another scenario.
    try stage.lab.require("the shards of group 1 to arrive", within: 10) {
      stage.servedShards(of: 1) == 5
    }
    for key in owned {
      try stage.client.put("\(key)", "101")
      stage.model[key] = "101"
    }
    stage.stop(0)
    // The group that is gone cannot give up what it has.
    try stage.leave(0)
    try stage.lab.run(milliseconds: 1_000)
    for key in owned {
      try stage.check(key)
      try stage.client.put("\(key)", "\(key)-1")
      stage.model[key] = "\(key)-1"
      try stage.check(key)
    }
  }

  @Test("Challenge2Partial") func arrivedShardsAreServed() throws {
    let stage = try ShardedLab(isUnreliable: true, maxLogBytes: 100)
    try stage.join(0, 1, 2)
    try stage.lab.run(milliseconds: 1_000)
    try stage.put(keys: 10)
    let before = try stage.keys(of: 2)
    #expect(before.count >= 3)
    try stage.lab.require("the shards of group 2 to be at work", within: 10) {
      stage.servedShards(of: 2) == before.count
    }
    stage.stop(0)
    try stage.leave(0, 2)
    try stage.lab.run(milliseconds: 1_000)
    for key in before {
      try stage.check(key)
      try stage.client.put("\(key)", "\(key)-2")
      stage.model[key] = "\(key)-2"
      try stage.check(key)
    }
  }
}
