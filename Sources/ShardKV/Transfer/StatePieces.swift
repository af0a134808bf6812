import Basics
import ShardMap

extension ShardGroupMachine {
  /// Raised when equal states come to be other pieces than before.
  package static let piecesFormat = 1

  /// The state of now in pieces that are the same on every replica, to be hashed while the machine
  /// goes on. O(1).
  package func pieces() -> Pieces {
    var machine = self
    machine.discarded = []
    return Pieces(machine: machine)
  }

  /// Gives a captured state piece by piece. Part 0 is what belongs to no shard; part n + 1 is shard
  /// n, unless it is blank.
  package struct Pieces: Sendable {
    /// Bytes of a piece, about; not a setting, since the cuts are part of what is hashed.
    private static let pieceBytes = Limits.keyBytesMax + (64 << 10)

    /// Without the shards that have been given.
    private var machine: ShardGroupMachine
    /// `nil`: the head is still to come.
    private var shard: Int?
    /// Where the shard goes on.
    private var position = ShardPosition.start

    fileprivate init(machine: ShardGroupMachine) { self.machine = machine }

    /// The next piece and the number of its part; `nil` after the last.
    package mutating func nextPiece() -> (part: Int, bytes: [UInt8])? {
      guard let first = shard else {
        shard = 0
        var writer = ByteWriter()
        machine.encodeHead(into: &writer)
        return (0, writer.bytes)
      }
      guard let next = machine.shards[first...].firstIndex(where: { !$0.isBlank }) else {
        return nil
      }
      let state = machine.shards[next]
      var writer = ByteWriter(reserving: 1 << 10)
      if position == .start { state.encodeHead(of: ShardID(next), into: &writer) }
      position = state.encodePiece(
        from: position, into: &writer, sizes: (Self.pieceBytes, Self.pieceBytes))
      if position == .end {
        machine.forget(next)
        shard = next + 1
        position = .start
      } else {
        shard = next
      }
      return (next + 1, writer.bytes)
    }
  }
}

extension ShardGroupMachine {
  /// Flips a bit of the value of a key, as bad memory does; false if there is no such bit. For
  /// tests: nothing else changes a state like that.
  package mutating func flipBit(_ bit: Int, ofValueOf key: [UInt8]) -> Bool {
    let shard = layout.shard(of: key).index
    return shards[shard].keys.flipBit(bit, ofValueOf: key)
  }
}
