import Testing

import Raft

/// Part B of the labs' Raft scenarios.
@Suite struct AgreementScenarios {
  @Test func basicAgree() throws {
    let cluster = Cluster(3, seed: 1)
    try cluster.checkOneLeader()
    for index in 1...3 {
      #expect(cluster.appliedBy(index) == 0)
      #expect(try cluster.one(UInt64(index * 100), 3, retry: false) == index)
    }
  }

  @Test func rpcBytes() throws {
    let cluster = Cluster(3, seed: 2)
    try cluster.checkOneLeader()
    try cluster.one(99, 3, retry: false)
    let before = cluster.bytes
    for index in 2..<12 {
      #expect(try cluster.one(UInt64(index), 3, retry: false, bytes: 5000) == index)
    }
    #expect(cluster.bytes - before <= 200_000)
  }

  @Test func followerFailure() throws {
    let cluster = Cluster(3, seed: 3)
    try cluster.one(101, 3, retry: false)
    let first = try cluster.checkOneLeader()
    cluster.cut(cluster.after(first, 1))
    try cluster.one(102, 2, retry: false)
    cluster.run(milliseconds: Cluster.electionMilliseconds)
    try cluster.one(103, 2, retry: false)
    let leader = try cluster.checkOneLeader()
    cluster.cut(cluster.after(leader, 1))
    cluster.cut(cluster.after(leader, 2))
    #expect(cluster.propose(104, at: leader)?.index == 4)
    cluster.run(milliseconds: 2 * Cluster.electionMilliseconds)
    #expect(cluster.appliedBy(4) == 0)
    try cluster.check()
  }

  @Test func leaderFailure() throws {
    let cluster = Cluster(3, seed: 4)
    try cluster.one(101, 3, retry: false)
    let first = try cluster.checkOneLeader()
    cluster.cut(first)
    try cluster.one(102, 2)
    cluster.run(milliseconds: Cluster.electionMilliseconds)
    try cluster.one(103, 2)
    let second = try cluster.checkOneLeader()
    cluster.cut(second)
    for node in cluster.everyone { _ = cluster.propose(104, at: node) }
    cluster.run(milliseconds: 2 * Cluster.electionMilliseconds)
    #expect(cluster.appliedBy(4) == 0)
    try cluster.check()
  }

  @Test func failAgree() throws {
    let cluster = Cluster(3, seed: 5)
    try cluster.one(101, 3, retry: false)
    let leader = try cluster.checkOneLeader()
    cluster.cut(cluster.after(leader, 1))
    try cluster.one(102, 2, retry: false)
    try cluster.one(103, 2, retry: false)
    cluster.run(milliseconds: Cluster.electionMilliseconds)
    try cluster.one(104, 2, retry: false)
    try cluster.one(105, 2, retry: false)
    cluster.connect(cluster.after(leader, 1))
    try cluster.one(106, 3)
    cluster.run(milliseconds: Cluster.electionMilliseconds)
    try cluster.one(107, 3)
  }

  @Test func failNoAgree() throws {
    let cluster = Cluster(5, seed: 6)
    try cluster.one(10, 5, retry: false)
    let leader = try cluster.checkOneLeader()
    for offset in 1...3 { cluster.cut(cluster.after(leader, offset)) }
    #expect(cluster.propose(20, at: leader)?.index == 2)
    cluster.run(milliseconds: 2 * Cluster.electionMilliseconds)
    #expect(cluster.appliedBy(2) == 0)
    for offset in 1...3 { cluster.connect(cluster.after(leader, offset)) }
    let second = try cluster.checkOneLeader()
    let index = cluster.propose(30, at: second)?.index
    #expect(index == 2 || index == 3)
    try cluster.one(1000, 5)
  }

  @Test func concurrentStarts() throws {
    let cluster = Cluster(3, seed: 7)
    for _ in 0..<5 {
      let leader = try cluster.checkOneLeader()
      guard let first = cluster.propose(1, at: leader) else { continue }
      var indexes: [Int] = []
      for value in 100..<105 {
        guard let taken = cluster.propose(UInt64(value), at: leader), taken.term == first.term
        else { break }
        indexes.append(taken.index)
      }
      var seen: [UInt64] = []
      for index in indexes {
        if let value = try cluster.wait(index, 3, term: first.term) { seen.append(value) }
      }
      if seen.count == 5 {
        #expect(seen.sorted() == [100, 101, 102, 103, 104])
        return
      }
      cluster.run(milliseconds: 3000)
    }
    Issue.record("the term moved too often")
  }

  @Test func rejoin() throws {
    let cluster = Cluster(3, seed: 8)
    try cluster.one(101, 3)
    let first = try cluster.checkOneLeader()
    cluster.cut(first)
    for value: UInt64 in 102...104 { _ = cluster.propose(value, at: first) }
    try cluster.one(103, 2)
    let second = try cluster.checkOneLeader()
    cluster.cut(second)
    cluster.connect(first)
    try cluster.one(104, 2)
    cluster.connect(second)
    try cluster.one(105, 3)
  }

  @Test func backup() throws {
    let cluster = Cluster(5, seed: 9)
    try cluster.one(cluster.random(), 5)
    let first = try cluster.checkOneLeader()
    for offset in 2...4 { cluster.cut(cluster.after(first, offset)) }
    for _ in 0..<50 { _ = cluster.propose(cluster.random(), at: first) }
    cluster.run(milliseconds: Cluster.electionMilliseconds / 2)
    cluster.cut(first)
    cluster.cut(cluster.after(first, 1))
    for offset in 2...4 { cluster.connect(cluster.after(first, offset)) }
    for _ in 0..<50 { try cluster.one(cluster.random(), 3) }
    let second = try cluster.checkOneLeader()
    var other = cluster.after(first, 2)
    if second == other { other = cluster.after(second, 1) }
    cluster.cut(other)
    for _ in 0..<50 { _ = cluster.propose(cluster.random(), at: second) }
    cluster.run(milliseconds: Cluster.electionMilliseconds / 2)
    for node in cluster.everyone { cluster.cut(node) }
    cluster.connect(first)
    cluster.connect(cluster.after(first, 1))
    cluster.connect(other)
    for _ in 0..<50 { try cluster.one(cluster.random(), 3) }
    for node in cluster.everyone { cluster.connect(node) }
    try cluster.one(cluster.random(), 5)
  }

  @Test func count() throws {
    let cluster = Cluster(3, seed: 10)
    var leader = try cluster.checkOneLeader()
    #expect((1...30).contains(cluster.requests))
    for attempt in 0..<5 {
      if attempt > 0 {
        cluster.run(milliseconds: 3000)
        leader = try cluster.checkOneLeader()
      }
      let before = cluster.requests
      guard let first = cluster.propose(1, at: leader) else { continue }
      var expected: [UInt64] = []
      for offset in 1...11 {
        let value = cluster.random()
        guard let taken = cluster.propose(value, at: leader), taken.term == first.term else {
          break
        }
        #expect(taken.index == first.index + offset)
        expected.append(value)
      }
      guard expected.count == 11 else { continue }
      for (offset, value) in expected.enumerated() {
        #expect(try cluster.wait(first.index + 1 + offset, 3, term: first.term) == value)
      }
      #expect(cluster.requests - before <= (10 + 1 + 3) * 3)
      let idle = cluster.requests
      cluster.run(milliseconds: Cluster.electionMilliseconds)
      #expect(cluster.requests - idle <= 60)
      return
    }
    Issue.record("the term moved too often")
  }
}
