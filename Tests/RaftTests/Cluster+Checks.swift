import Basics
import Raft

/// The helpers of the labs' testers.
extension Cluster {
  /// E of the scenarios, in milliseconds.
  static let electionMilliseconds = 1000

  func check() throws {
    if let failure { throw Failed(description: failure) }
  }

  var connectedNodes: [Int] { everyone.filter { nodes[$0].isConnected && nodes[$0].raft != nil } }

  func isLeader(_ number: Int) -> Bool { nodes[number].raft?.role == .leader }

  func term(_ number: Int) -> UInt64 { nodes[number].raft?.term.rawValue ?? 0 }

  /// The one leader of the highest term among the connected, within ten polls.
  @discardableResult
  func checkOneLeader() throws -> Int {
    for _ in 0..<10 {
      run(milliseconds: generator.next(in: 450...549))
      try check()
      let leaders = connectedNodes.filter(isLeader)
      let terms = leaders.map(term)
      if Set(terms).count != terms.count { throw Failed(description: "two leaders in a term") }
      if let last = leaders.max(by: { term($0) < term($1) }) { return last }
    }
    throw Failed(description: "no leader after ten polls")
  }

  func checkNoLeader() throws {
    try check()
    let leaders = connectedNodes.filter(isLeader)
    if !leaders.isEmpty { throw Failed(description: "\(leaders) lead without a quorum") }
  }

  func checkTerms() throws -> UInt64 {
    let terms = Set(connectedNodes.map(term))
    guard terms.count == 1, let term = terms.first else {
      throw Failed(description: "terms differ: \(terms.sorted())")
    }
    return term
  }

  /// How many replicas applied the number at `index` (counted from 1). That they applied the same
  /// is checked whenever one applies.
  func appliedBy(_ index: Int) -> Int { nodes.count { $0.raft != nil && $0.count >= index } }

  /// Offers a number to a node.
  /// - Returns: the index that it has if it is committed, and the term; `nil` if it does not lead.
  func propose(_ value: UInt64, at number: Int, bytes: Int = 8) -> (index: Int, term: UInt64)? {
    guard isLeader(number) else { return nil }
    var writer = ByteWriter()
    writer.u64(value)
    writer.raw(Array(repeating: 0x5A, count: max(bytes - 8, 0)))
    var id: EntryID?
    turn(number) { id = $0.propose(writer.bytes) }
    guard let id else { return nil }
    let node = nodes[number]
    let ahead = node.journal.count { $0.kind == .command && $0.index > node.applied }
    return (node.count + ahead, id.term.rawValue)
  }

  /// Proposes until that number is applied by `expected` replicas where it was put.
  /// - Returns: its index.
  @discardableResult
  func one(
    _ value: UInt64, _ expected: Int, retry: Bool = true, bytes: Int = 8
  ) throws -> Int {
    let end = now + 10_000_000
    var first = generator.next(in: everyone)
    while now < end {
      try check()
      var index: Int?
      for _ in everyone where index == nil {
        first = (first + 1) % nodes.count
        if nodes[first].isConnected { index = propose(value, at: first, bytes: bytes)?.index }
      }
      guard let index else {
        run(milliseconds: 50)
        continue
      }
      let isAgreed = run(upToMilliseconds: 2000) {
        appliedBy(index) >= expected && values[index - 1] == value
      }
      if isAgreed { return index }
      if !retry { throw Failed(description: "no agreement on \(value) at \(index)") }
    }
    try check()
    throw Failed(description: "no agreement of \(expected) on \(value) within 10 s")
  }

  /// Waits until `expected` replicas applied `index`.
  /// - Returns: the number; `nil` once a node has a term above `term`.
  func wait(_ index: Int, _ expected: Int, term: UInt64? = nil) throws -> UInt64? {
    var pause = 10
    for _ in 0..<30 {
      try check()
      if appliedBy(index) >= expected { break }
      run(milliseconds: pause)
      pause = min(pause * 2, 1000)
      if let term, everyone.contains(where: { self.term($0) > term }) { return nil }
    }
    guard appliedBy(index) >= expected else {
      throw Failed(description: "only \(appliedBy(index)) applied \(index)")
    }
    return values[index - 1]
  }

  var largestDisk: Int { nodes.map(\.disk.bytes).max() ?? 0 }

  /// The node `offset` places after another.
  func after(_ number: Int, _ offset: Int) -> Int { (number + offset) % nodes.count }

  func random() -> UInt64 { generator.next() >> 1 }
}
