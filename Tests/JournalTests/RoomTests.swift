import Journal
import Raft
import Simulation
import Testing

/// What the thread of a journal does when others have filled its disk.
@Suite struct RoomTests {
  /// A segment is made as far as there is room, again and again, until there is enough.
  @Test func aSegmentWaitsForRoom() throws {
    var disk = try SimulatedDisk.formatted()
    var journal = try disk.recovered().journal
    let entries = (1...40 as ClosedRange<UInt64>).map { entry($0, term: 1, bytes: 100) }
    journal.append(hardState: nil, entries: entries)
    let (writes, syncs) = journal.flush()
    var batch = FileBatch(number: 7, effects: writes + syncs)
    var waits = 0
    for room in [0, 100, 1_000_000] {
      disk.capacity = disk.totalBytes + room
      // Twice: what was begun is removed first.
      for _ in 0..<2 {
        guard let position = try disk.performUntilFull(batch) else { break }
        guard let rest = batch.rest(withoutRoomAt: position) else {
          Issue.record("\(batch.effects[position]) cannot wait")
          return
        }
        waits += 1
        batch = rest
      }
    }
    #expect(batch.number == 7)
    #expect(waits >= 2)
    #expect(try disk.recovered().state.entries == entries)
    #expect(try disk.recovered().state.trust == Trust())
  }

  @Test func bytesOfTheLogDoNotWait() {
    let batch = FileBatch(
      number: 1, effects: [.write("wal-0000000000000001.log", offset: 0, bytes: [1]), .syncFolder])
    #expect(batch.rest(withoutRoomAt: 0) == nil)
    #expect(batch.rest(withoutRoomAt: 1) == nil)
  }
}

extension SimulatedDisk {
  /// The position of the effect for which there is no room; `nil`: all were carried out.
  fileprivate mutating func performUntilFull(_ batch: FileBatch) throws -> Int? {
    for (position, effect) in batch.effects.enumerated() {
      guard hasRoom(for: effect) else { return position }
      try execute(effect)
    }
    return nil
  }
}
