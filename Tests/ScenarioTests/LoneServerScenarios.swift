import ShardKVServer
import ShardMap
import Simulation
import Testing

/// The scenarios of the 2025 lab with one server (`kvsrv`), and its lock. A Put that names a
/// version is a compare-and-set here: `ErrVersion` and `ErrNoKey` are its failure, and there is no
/// `ErrMaybe`, since what was lost is asked again and answered as it was the first time.
struct LoneServerScenarios {
  @Test("ReliablePut") func reliablePut() throws {
    let client = try KeyValueLab.makeLab(servers: 1).makeClient()
    #expect(try client.compareAndSet("k", expected: nil, value: "6.5840") == 1)
    #expect(try client.read("k") == ("6.5840", 1))
    // ErrVersion: the key is there, or was changed since.
    #expect(try client.compareAndSet("k", expected: nil, value: "6.5840") == nil)
    #expect(try client.compareAndSet("k", expected: "older", value: "newer") == nil)
    #expect(try client.read("k") == ("6.5840", 1))
    // ErrNoKey.
    #expect(try client.compareAndSet("y", expected: "there", value: "6.5840") == nil)
    #expect(try client.read("y").text == nil)
    #expect(try client.compareAndSet("k", expected: "6.5840", value: "6.824") == 2)
  }

  @Test("PutConcurrentReliable") func putConcurrentReliable() throws {
    try KeyValueLab(edition: .labs2025, clients: 10, servers: 1).run()
  }

  @Test("UnreliableNet") func unreliableNet() throws {
    let lab = try KeyValueLab.makeLab(servers: 1, isUnreliable: true)
    let client = lab.makeClient()
    var held: String?
    for round in 1...100 {
      let value = "value \(round)"
      #expect(try client.compareAndSet("k", expected: held, value: value) == UInt64(round))
      #expect(try client.compareAndSet("k", expected: held, value: "again") == nil)
      held = value
    }
    #expect(try client.read("k") == ("value 100", 100))
    let repeats = RarePaths.names.firstIndex(of: "writeAnsweredAgain").map {
      lab.cluster.rarePaths[$0]
    }
    #expect(repeats ?? 0 > 0, "a reply was lost, and the repeat was answered with the first one's")
    try lab.checkHistory()
  }

  @Test("OneClientReliable, OneClientUnreliable", arguments: [false, true])
  func lockOfOneClient(isUnreliable: Bool) throws {
    try lock(clients: 1, isUnreliable: isUnreliable)
  }

  @Test("ManyClientsReliable, ManyClientsUnreliable", arguments: [false, true])
  func lockOfManyClients(isUnreliable: Bool) throws {
    try lock(clients: 10, isUnreliable: isUnreliable)
  }
}

extension LoneServerScenarios {
  /// A key that holds the name of whoever has the lock, or nothing.
  private final class Lock {
    static let key = "lock"
    var holder: Int?
    var acquired = 0
    /// The version that came with the lock, which tells a later holder from an earlier one.
    var token: UInt64 = 0
    var isOver = false
  }

  /// Two seconds in which clients take a lock, hold it for a moment and give it back: never two
  /// hold it, and whoever holds it has a greater token than all before.
  private func lock(clients: Int, isUnreliable: Bool) throws {
    let lab = try KeyValueLab.makeLab(servers: 1, isUnreliable: isUnreliable)
    let lock = Lock()
    try lab.makeClient().put(Lock.key, "")
    let users = (0..<clients).map { _ in lab.makeClient() }
    for (number, user) in users.enumerated() { use(lock, user, number, lab) }
    try lab.run(milliseconds: 2_000)
    lock.isOver = true
    try lab.require("the clients to finish") { users.allSatisfy { $0.openCount == 0 } }
    #expect(lock.acquired >= (isUnreliable ? 1 : 50))
    #expect(lock.holder == nil)
    #expect(try lab.makeClient().get(Lock.key) == "")
    try lab.checkHistory()
  }

  private func use(_ lock: Lock, _ user: LabClient, _ number: Int, _ lab: LabCluster) {
    let name = Array("client \(number)".utf8)
    var next = Next.acquire
    user.work {
      switch next {
      case .acquire:
        if lock.isOver { return nil }
        next = .wait
        return .operation(.compareAndSet(expected: [], value: name), key: Lock.key) { output in
          guard case .written(let version?) = output else { return }
          if let other = lock.holder { throw LabFailure("\(number) and \(other) hold the lock") }
          guard version > lock.token else { throw LabFailure("token \(version) is not new") }
          (lock.holder, lock.token) = (number, version)
          lock.acquired += 1
          next = .hold
        }
      case .wait:
        next = .acquire
        return .pause(milliseconds: lab.random(1...20))
      case .hold:
        next = .release
        return .pause(milliseconds: 10)
      case .release:
        lock.holder = nil
        next = .wait
        return .operation(.compareAndSet(expected: name, value: []), key: Lock.key) { output in
          guard case .written = output else { throw LabFailure("\(number) lost the lock") }
        }
      }
    }
  }

  private enum Next { case acquire, wait, hold, release }
}
