import Balancing
import Testing

/// The vectors of Pingora's ring, which is nginx' `hash … consistent`.
@Suite struct KetamaRingTests {
  private func owner(_ ring: KetamaRing, _ set: BackendSet, _ key: String) -> String? {
    ring.member(of: Array(key.utf8)).map { set[$0].address.text }
  }

  @Test func twoBackendsAndPaths() throws {
    let set = try BackendSet([Backend("127.0.0.1:7777"), Backend("127.0.0.1:7778")])
    let ring = KetamaRing(set)
    #expect(ring.count == 320)
    let expected = [
      "/some/path": "127.0.0.1:7778", "/some/longer/path": "127.0.0.1:7777",
      "/sad/zaidoon": "127.0.0.1:7778", "/g": "127.0.0.1:7777",
      "/pingora/team/is/cool/and/this/is/a/long/uri": "127.0.0.1:7778",
      "/i/am/not/confident/in/this/code": "127.0.0.1:7777",
    ]
    for (path, address) in expected { #expect(owner(ring, set, path) == address, "\(path)") }
  }

  @Test(arguments: [
    ("127.0.0.1", [7778, 7779, 7779, 7777, 7777, 7778, 7778, 7779]),
    ("[::1]", [7777, 7778, 7777, 7778, 7778, 7777, 7779]),
  ])
  func theWalkFromAKey(host: String, ports: [UInt16]) throws {
    let set = try BackendSet((7777...7779).map { Backend("\(host):\($0)") })
    let ring = KetamaRing(set)
    let walked = ring.walk(from: Array("doghash".utf8)).map { set[$0].address.port }
    #expect(Array(walked.prefix(ports.count)) == ports)
    #expect(walked.count == ring.count)
  }

  @Test func anEleventhBackendTakesNeitherOfTwoKeys() throws {
    for count in [10, 11] {
      let set = try BackendSet((1...count).map { Backend("127.0.0.\($0):6443") })
      let ring = KetamaRing(set)
      #expect(owner(ring, set, "a") == "127.0.0.10:6443")
      #expect(owner(ring, set, "b") == "127.0.0.5:6443")
    }
  }

  @Test func onlyTheKeysOfTheBackendThatLeftMove() throws {
    let names = ["1.1.1.1:80": "b1", "1.0.0.1:80": "b2", "1.0.0.255:80": "b3"]
    func owners(_ list: [String]) throws -> [String?] {
      let set = try BackendSet(list.map { Backend($0) })
      let ring = KetamaRing(set)
      return (0...9).map { owner(ring, set, "test\($0)").flatMap { names[$0] } }
    }
    #expect(
      try owners(["1.1.1.1:80", "1.0.0.1:80", "1.0.0.255:80"])
        == ["b2", "b1", "b1", "b1", "b1", "b3", "b1", "b3", "b1", "b2"])
    #expect(
      try owners(["1.1.1.1:80", "1.0.0.1:80"])
        == ["b2", "b1", "b1", "b1", "b1", "b2", "b1", "b1", "b1", "b2"])
  }

  @Test func nineHeavyBackendsHaveAllTheirPointsButThoseInWhichTheyMeet() throws {
    let set = try BackendSet((1...9).map { Backend("10.0.0.\($0):443", weight: 100) })
    let ring = KetamaRing(set)
    #expect(ring.count <= 144_000 && ring.count > 143_990)
  }

  @Test func withoutWeightThereIsNoRing() throws {
    let set = try BackendSet([Backend("a:1", weight: 0), Backend("b:1", weight: 0)])
    for ring in [KetamaRing(set), KetamaRing(BackendSet())] {
      #expect(ring.isEmpty)
      #expect(ring.member(of: [1]) == nil)
      #expect(ring.member(at: 5) == nil)
      #expect(Array(ring.walk(from: [1])) == [])
    }
    let one = KetamaRing([.init(base: [1]), .init(base: [2], weight: 0)])
    #expect(Set(one.walk(from: [7])) == [0])
  }

  @Test func thePointsForEachWeightCanBeChosen() {
    let members = (0..<4).map { KetamaRing.Member(base: [$0]) }
    #expect(KetamaRing(members, pointsPerWeight: 3).count == 12)
    #expect(KetamaRing(members, pointsPerWeight: 1_000).count > 3_990)
  }

  @Test func ofTwoMembersThatMeetTheFirstHasThePoint() {
    let ring = KetamaRing([.init(base: [1]), .init(base: [1])])
    #expect(ring.count == 160)
    #expect(Set(ring.walk(from: [9])) == [0])
  }

  @Test func aKeyBehindTheLastPointBelongsToTheFirst() {
    let ring = KetamaRing([.init(base: [1])])
    #expect(ring.position(hash: .max) == 0)
    #expect(ring.position(hash: 0) == 0)
    #expect(ring.member(at: ring.count) == ring.member(at: 0))
  }
}
