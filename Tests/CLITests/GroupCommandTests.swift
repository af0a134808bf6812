import Basics
import ShardMap
import Testing

@testable import shardkv_cli

@Suite("The operands of group commands")
struct GroupCommandTests {
  @Test func operandNamesIdAndAddress() throws {
    #expect(
      try App.replica("0000000000000004=d:4")
        == ReplicaAddress(id: ReplicaID(rawValue: 4), peer: "d:4"))
    #expect(throws: Failure.self) { try App.replica("d:4") }
    #expect(throws: Failure.self) { try App.replica("0000000000000004=d") }
  }
}
