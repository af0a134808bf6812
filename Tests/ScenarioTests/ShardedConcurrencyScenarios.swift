import Basics
import ShardMap
import Simulation
import Testing

/// The scenarios of the sharded key-value lab in which clients work while shards move.
struct ShardedConcurrencyScenarios {
  @Test("Concurrent1") func concurrent1() throws {
    let stage = try ShardedLab(maxLogBytes: 100)
    try stage.join(0)
    try stage.put(keys: 10)
    let appenders = stage.startAppenders(pauseMilliseconds: 10)
    try stage.lab.run(milliseconds: 150)
    try stage.join(1)
    try stage.lab.run(milliseconds: 500)
    try stage.join(2)
    try stage.lab.run(milliseconds: 500)
    try stage.leave(0)
    stage.stop(0)
    try stage.lab.run(milliseconds: 100)
    stage.stop(1)
    try stage.lab.run(milliseconds: 100)
    stage.stop(2)
    try stage.leave(2)
    try stage.lab.run(milliseconds: 100)
    stage.start(0, 1, 2)
    try stage.lab.run(milliseconds: 100)
    try stage.join(0)
    try stage.leave(1)
    try stage.lab.run(milliseconds: 500)
    try stage.join(1)
    try stage.lab.run(milliseconds: 1_000)
    try stage.finish(appenders)
    try stage.check()
    try stage.lab.checkHistory()
  }

  @Test("Concurrent2") func concurrent2() throws {
    let stage = try ShardedLab()
    try stage.join(1)
    try stage.join(0)
    try stage.join(2)
    try stage.put(keys: 10)
    let appenders = stage.startAppenders(pauseMilliseconds: 50)
    try stage.leave(0)
    try stage.leave(2)
    try stage.lab.run(milliseconds: 3_000)
    try stage.join(0)
    try stage.join(2)
    try stage.leave(1)
    try stage.lab.run(milliseconds: 3_000)
    try stage.join(1)
    try stage.leave(0)
    try stage.leave(2)
    try stage.lab.run(milliseconds: 3_000)
    stage.stop(1, 2)
    try stage.lab.run(milliseconds: 1_000)
    stage.start(1, 2)
    try stage.lab.run(milliseconds: 2_000)
    try stage.finish(appenders)
    try stage.check()
    try stage.lab.checkHistory()
  }

  @Test("Concurrent3") func concurrent3() throws {
    let stage = try ShardedLab(maxLogBytes: 300)
    try stage.join(0)
    try stage.put(keys: 10)
    let appenders = stage.startAppenders(pauseMilliseconds: 0)
    let end = stage.lab.seconds + 12
    while stage.lab.seconds < end {
      try stage.join(2)
      try stage.join(1)
      try stage.lab.run(milliseconds: stage.lab.random(0...899))
      stage.stop(0, 1, 2)
      stage.start(0, 1, 2)
      try stage.lab.run(milliseconds: stage.lab.random(0...899))
      try stage.leave(1)
      try stage.leave(2)
      try stage.lab.run(milliseconds: stage.lab.random(0...899))
    }
    try stage.lab.run(milliseconds: 2_000)
    try stage.finish(appenders)
    try stage.check()
    try stage.lab.checkHistory()
  }

  @Test("Unreliable1") func unreliable1() throws {
    let stage = try ShardedLab(isUnreliable: true, maxLogBytes: 100)
    try stage.join(0)
    try stage.put(keys: 10)
    try stage.join(1)
    try stage.join(2)
    try stage.leave(0)
    for _ in 0..<20 { try stage.checkAndAppend() }
    try stage.join(0)
    try stage.leave(1)
    for _ in 0..<20 { try stage.check() }
  }

  @Test("Unreliable2") func unreliable2() throws {
    let stage = try ShardedLab(isUnreliable: true, maxLogBytes: 100)
    try stage.join(0)
    try stage.put(keys: 10)
    let appenders = stage.startAppenders(pauseMilliseconds: 0)
    try changeOftenWhileUnreliable(stage)
    try stage.finish(appenders)
    try stage.check()
    try stage.lab.checkHistory()
  }

  @Test("Unreliable3") func unreliable3() throws {
    let stage = try ShardedLab(isUnreliable: true, maxLogBytes: 100)
    try stage.join(0)
    try stage.put(keys: 10)
    var isOver = false
    let clients = (0..<10).map { _ in stage.lab.makeClient() }
    for (number, client) in clients.enumerated() {
      var written = 0
      client.work {
        guard !isOver else { return nil }
        let key = "\(stage.lab.random(0...9))"
        let dice = stage.lab.random(0...99)
        if dice >= 55 { return .operation(.get, key: key) { _ in } }
        written += 1
        let value = Array("\(number).\(written) ".utf8)
        return .operation(dice < 50 ? .append(value) : .put(value), key: key) { _ in }
      }
    }
    try changeOftenWhileUnreliable(stage)
    isOver = true
    try stage.lab.require("the clients to finish") {
      clients.allSatisfy { $0.openCount == 0 }
    }
    try stage.lab.checkHistory()
  }

  private func changeOftenWhileUnreliable(_ stage: ShardedLab) throws {
    try stage.lab.run(milliseconds: 150)
    try stage.join(1)
    try stage.lab.run(milliseconds: 500)
    try stage.join(2)
    try stage.lab.run(milliseconds: 500)
    try stage.leave(0)
    try stage.lab.run(milliseconds: 500)
    try stage.leave(1)
    try stage.lab.run(milliseconds: 500)
    try stage.join(1)
    try stage.join(0)
    try stage.lab.run(milliseconds: 2_000)
    stage.lab.setReliable(true)
  }
}
