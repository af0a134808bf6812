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
      while let position = try disk.performUntilFull(batch) {
        let rest = try #require(batch.rest(withoutRoomAt: position))
        #expect(rest.number == 7)
        waits += 1
        guard rest != batch else { break }
        batch = rest
      }
    }
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
      do {
        try execute(effect)
      } catch  where error.isForLackOfRoom {
        return position
      }
    }
    return nil
  }
}
