import Balancing
import Testing

@Suite struct BackendTests {
  @Test func ipAddressesAreOrderedByNumberThenPort() {
    let ordered = [
      "1.0.0.1:80", "1.0.0.1:443", "1.0.0.255:80", "1.1.1.1:80", "10.0.0.1:80", "[::1]:80",
      "[::2]:7", "[fe80::1]:80", "a.example:80", "b.example:1",
    ].map { BackendAddress($0) }
    #expect(ordered.reversed().sorted() == ordered)
    #expect(ordered.map(\.text).map { BackendAddress($0) } == ordered)
  }

  @Test(arguments: [
    ("10.0.0.1:80", "10.0.0.1:80", "10.0.0.1"), ("[::1]:7777", "[::1]:7777", "::1"),
    ("[0:0:0:0:0:0:0:1]:7777", "[::1]:7777", "::1"), ("[1::]:1", "[1::]:1", "1::"),
    ("[::]:1", "[::]:1", "::"),
    ("[2001:DB8:0:0:1:0:0:1]:9", "[2001:db8::1:0:0:1]:9", "2001:db8::1:0:0:1"),
    ("[1:0:2:3:4:5:6:7]:9", "[1:0:2:3:4:5:6:7]:9", "1:0:2:3:4:5:6:7"),
    ("host:80", "host:80", "host"), ("host", "host", "host"), ("::1", "::1", "::1"),
    ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
  ])
  func anAddressHasOneSpelling(text: String, canonical: String, host: String) {
    let address = BackendAddress(text)
    #expect(address.text == canonical)
    #expect(address.hostText == host)
    #expect(BackendAddress(canonical) == address)
  }

  @Test(arguments: [
    "", ":", ":80", "a:b", "host:0", "host:65536", "1.2.3:4:5", "[::1", "[:::1]:80", "[1::2::3]:80",
    "[1:2:3:4:5:6:7:8:9]:80", "[12345::]:80", "[::+1]:80", "unix:/tmp/socket", "[]:80",
    "[1:2:3:4:5:6:7]:80",
  ])
  func otherTextsAreNamesAsTheyAre(text: String) {
    let address = BackendAddress(text)
    #expect(address.host == .name(text))
    #expect(address.text == text)
    #expect(address.port == 0)
  }

  @Test func numbersWithLeadingZerosAreNames() {
    #expect(BackendAddress("01.2.3.4:80").host == .name("01.2.3.4"))
    #expect(BackendAddress("1.2.3.256:80").host == .name("1.2.3.256"))
  }

  @Test func theAnnotationIsNoPartOfABackend() {
    let plain = Backend("1.1.1.1:80", weight: 2)
    let annotated = Backend("1.1.1.1:80", weight: 2, ext: "rack 4")
    #expect(plain == annotated)
    #expect(Set([plain, annotated]).count == 1)
    #expect(!(plain < annotated) && !(annotated < plain))
    #expect(plain < Backend("1.1.1.1:80", weight: 3))
    #expect(plain != Backend("1.1.1.1:80", weight: 3))
  }

  @Test func aSetIsOrderedByAddressThenWeightAndHasNobodyTwice() throws {
    let set = try BackendSet([
      Backend("1.1.1.1:80"), Backend("1.0.0.255:80"), Backend("1.0.0.1:80", weight: 9),
      Backend("1.0.0.1:80", weight: 2), Backend("1.1.1.1:80", ext: "again"),
    ])
    #expect(
      set.map { "\($0.address) \($0.weight)" } == [
        "1.0.0.1:80 2", "1.0.0.1:80 9", "1.0.0.255:80 1", "1.1.1.1:80 1",
      ])
    #expect(set.totalWeight == 13)
  }

  @Test func aSetHasALimit() throws {
    let most = (0..<65_535).map { Backend(BackendAddress(host: .v4($0), port: 1)) }
    #expect(try BackendSet(most).count == 65_535)
    #expect(throws: BackendSet.Problem.tooMany(65_536)) {
      try BackendSet(most + [Backend("one:1")])
    }
    let heavy = (0..<257).map { Backend(BackendAddress(host: .v4($0), port: 1), weight: 65_535) }
    #expect(throws: BackendSet.Problem.tooHeavy(257 * 65_535)) { try BackendSet(heavy) }
  }
}
