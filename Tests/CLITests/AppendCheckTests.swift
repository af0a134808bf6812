import Testing

@testable import shardkv_cli

struct AppendCheckTests {
  /// Two appends one after the other and one beside them, all acknowledged, all to key 0.
  func three() -> AppendCheck {
    var check = AppendCheck()
    _ = check.begin(key: 0, call: 10)
    check.end(0, .acknowledged, at: 20)
    _ = check.begin(key: 0, call: 30)
    _ = check.begin(key: 0, call: 31)
    check.end(2, .acknowledged, at: 40)
    check.end(1, .acknowledged, at: 41)
    return check
  }

  @Test func anyOrderOfConcurrentAppendsIsGood() {
    #expect(three().verdict(values: [Array("0;1;2;".utf8)]).isGood)
    #expect(three().verdict(values: [Array("0..;2..;1..;".utf8)]).isGood)
  }

  @Test func whatIsWrongIsCounted() {
    #expect(three().verdict(values: [Array("0;2;".utf8)]).lost == 1)
    #expect(three().verdict(values: [[]]).lost == 3)
    #expect(three().verdict(values: [Array("0;1;2;1;1;".utf8)]).doubled == 2)
    #expect(three().verdict(values: [Array("1;0;2;".utf8)]).reordered == 1)
    #expect(three().verdict(values: [Array("0;1;2;7;".utf8)]).phantom == 1)
    #expect(three().verdict(values: [Array("0;1;2;?;".utf8)]).phantom == 1)
    #expect(three().verdict(values: [Array("0;1;2;3".utf8)]).phantom == 1)
    #expect(three().verdict(values: [Array("0;1;2;99999999999999999999999;".utf8)]).phantom == 1)
    let unread = three().verdict(values: [nil])
    #expect(unread.unread == 1 && unread.lost == 0 && !unread.isGood)
  }

  @Test func aTokenInAnotherKeyIsLostThereAndPhantomHere() {
    let verdict = three().verdict(values: [Array("0;1;".utf8), Array("2;".utf8)])
    #expect(verdict.lost == 1)
    #expect(verdict.phantom == 1)
  }

  @Test func anUnknownAppendMayBeThereOnceAtAnyTimeAfterItsCall() {
    var check = three()
    let late = check.begin(key: 0, call: 50)
    check.end(late, .unknown, at: 60)
    #expect(check.verdict(values: [Array("0;1;2;".utf8)]).isGood)
    #expect(check.verdict(values: [Array("0;1;2;3;".utf8)]).isGood)
    #expect(check.verdict(values: [Array("0;1;2;3;3;".utf8)]).doubled == 1)
    #expect(check.verdict(values: [Array("3;0;1;2;".utf8)]).reordered == 1)
  }

  @Test func anAppendThatFailedMustNotBeThere() {
    var check = three()
    let failed = check.begin(key: 0, call: 50)
    check.end(failed, .failed, at: 60)
    #expect(check.verdict(values: [Array("0;1;2;".utf8)]).isGood)
    #expect(check.verdict(values: [Array("0;1;2;3;".utf8)]).phantom == 1)
  }

  @Test func readsSeeWhatWasAcknowledgedBeforeThem() {
    let final = Array("0;1;2;".utf8)
    var fresh = three()
    fresh.read(key: 0, call: 45, value: final)
    fresh.read(key: 0, call: 25, value: Array("0;".utf8))
    fresh.read(key: 0, call: 5, value: [])
    #expect(fresh.verdict(values: [final]).isGood)

    var stale = three()
    stale.read(key: 0, call: 25, value: [])
    stale.read(key: 0, call: 45, value: Array("0;1;".utf8))
    #expect(stale.verdict(values: [final]).stale == 2)

    var other = three()
    other.read(key: 0, call: 5, value: Array("0;2;".utf8))
    other.read(key: 0, call: 5, value: Array("0;1;2;1;".utf8))
    #expect(other.verdict(values: [final]).stale == 2)
  }

  @Test func tokensFillTheSizeAskedFor() {
    #expect(AppendCheck.token(12, size: 0) == Array("12;".utf8))
    #expect(AppendCheck.token(12, size: 8) == Array("12.....;".utf8))
  }
}
