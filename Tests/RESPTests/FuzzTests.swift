import Testing

@testable import resp_fuzz

/// A short run of what `scripts/fuzz.sh redis` does with millions of inputs.
@Suite struct FuzzTests {
  @Test func theParsersBearRandomBytes() {
    var fuzzer = Fuzzer(seed: 1)
    for number in 1...4_000 {
      do {
        try fuzzer.play(number)
      } catch {
        Issue.record("seed 1, input \(number): \(error)")
        return
      }
    }
    // What is never tried is not tested.
    #expect(fuzzer.missing == [])
  }

  @Test func anInputIsTheSameEachTime() {
    for number in 1...50 {
      #expect(
        FuzzInput(seed: 3, number: number).bytes == FuzzInput(seed: 3, number: number).bytes)
    }
  }
}
