import Basics
import Raft
import ShardMap

/// A replica's disk: the write-ahead log of its entries and promises, and its snapshots.
///
/// The journal turns appends into ``FileEffect``s and never reads while running. What it asks for
/// must be done in order, and the syncs of one ``flush()`` before the writes of the next: that the
/// next batch exists is the proof that the one before was durable. docs/STORAGE.md has the layouts.
package struct Journal: Sendable {
  struct Segment: Hashable, Sendable {
    let id: UInt64
    let name: String
    /// The last index of the log before this segment.
    var lastBefore: LogIndex
    /// Bytes of header and batches.
    var used: Int
    /// Bytes of the file.
    var size: Int

    init(id: UInt64, lastBefore: LogIndex, used: Int, size: Int) {
      self.id = id
      name = FileNames.segment(id)
      self.lastBefore = lastBefore
      self.used = used
      self.size = size
    }
  }

  let settings: JournalSettings
  private let anchor = Anchor()
  let owner: SegmentHeader.Owner
  /// Oldest first; the last is written to.
  var segments: [Segment]
  var buffer: RecordBuffer
  /// The last entry of the log, those in the buffer included.
  package internal(set) var last: EntryID
  /// Where the log was before the first batch that is not flushed.
  var flushedLast: LogIndex
  /// The log before and at this index was replaced by a received snapshot.
  var resetIndex: LogIndex
  var hardState: HardState
  package internal(set) var trust: Trust
  /// Files that become segments without asking the file system for room; at most ``sparesMax``.
  var spares: [String] = []
  /// The count of the last spare that was written ahead. A name does not come twice while a segment
  /// that is to be made of the file before may still wait.
  var lastSpareMade: UInt64 = 0
  /// The next batch begins a new segment, however much room there is in this one.
  var leavesSegment = false
  /// Makes the segment that the buffer goes to and seals the one before.
  var rotation: [FileEffect] = []
  /// Removals that wait for the marker in the buffer, and those whose marker is durable.
  var waitingRemovals: [FileEffect] = []
  var removals: [FileEffect] = []
  /// Kept snapshots, oldest first.
  var snapshots: [SnapshotFile] = []
  /// Bytes of batches ever written by this value, and how many of them were written when the newest
  /// snapshot began.
  var writtenBytes: UInt64 = 0
  var writtenBytesAtSnapshot: UInt64 = 0

  /// Old segments that are kept for new ones.
  static let sparesMax = 2

  /// Buffers the promises, if given, and the entries, which follow each other, and then that the
  /// log is no longer, or once more, in doubt. If the first entry is not after the last of the
  /// journal, the journal is cut there first; it never leaves a gap.
  package mutating func append(
    hardState newHardState: HardState?, entries: [Entry], trust newTrust: Trust? = nil
  ) {
    append(newHardState)
    append(entries)
    guard let newTrust, newTrust != trust else { return }
    beginBatch()
    buffer.append(
      RecordHeader(type: .trust, kind: newTrust.cause?.rawValue ?? 0, index: newTrust.doubts),
      body: [])
    trust = newTrust
  }

  private mutating func append(_ newHardState: HardState?) {
    if let newHardState, newHardState != hardState {
      beginBatch()
      buffer.append(
        RecordHeader(
          type: .hardState, kind: newHardState.vote == nil ? 0 : 1,
          term: newHardState.term.rawValue, stamp: newHardState.vote?.rawValue ?? 0),
        body: [])
      hardState = newHardState
    }
  }

  private mutating func append(_ entries: [Entry]) {
    guard let first = entries.first else { return }
    invariant(
      first.index > .zero && first.index <= last.index.next,
      "entry \(first.id) would leave a gap after \(last)")
    var next = first.index
    for entry in entries {
      invariant(entry.index == next, "entry \(entry.id) does not stand at \(next)")
      beginBatch(bytes: RecordHeader.recordBytes(bodyCount: entry.payload.count))
      buffer.append(
        RecordHeader(
          type: .entry, kind: entry.kind.rawValue, index: entry.index.rawValue,
          term: entry.term.rawValue, stamp: entry.stamp),
        body: entry.payload)
      last = entry.id
      next = next.next
    }
  }

  /// Buffers that a received snapshot, durable already, replaced the whole log.
  package mutating func resetLog(to newLast: EntryID) {
    beginBatch()
    buffer.append(
      RecordHeader(
        type: .logReset, index: newLast.index.rawValue, term: newLast.term.rawValue),
      body: [])
    last = newLast
    resetIndex = newLast.index
  }

  /// True if ``flush()`` would ask for something.
  package var needsFlush: Bool { !buffer.isEmpty || !removals.isEmpty }

  /// Everything buffered, as one batch unless it reaches into a new segment. The syncs make durable
  /// what the writes say; both are empty if nothing was buffered.
  package mutating func flush() -> (writes: [FileEffect], syncs: [FileEffect]) {
    var writes = removals
    var syncs: [FileEffect] = removals.isEmpty ? [] : [.syncFolder]
    for case .rename(_, to: let spare) in removals { add(spare: spare) }
    removals = []
    guard !buffer.isEmpty else { return (writes, syncs) }
    writes += rotation
    rotation = []
    removals = waitingRemovals
    waitingRemovals = []
    let name = segments[segments.count - 1].name
    writes.append(writeBatch(name))
    syncs.insert(.sync(name), at: 0)
    return (writes, syncs)
  }

  /// Bytes of records in the segments that are kept.
  package var journalBytes: UInt64 { segments.reduce(0) { $0 + UInt64($1.used) } }

  /// Bytes of the segments' files, spares included: ``journalBytes`` and what was written ahead.
  package var journalFileBytes: UInt64 {
    segments.reduce(0) { $0 + UInt64($1.size) }
      + UInt64(spares.count * Self.prewrittenBytes(settings))
  }

  /// Bytes of entries that one batch can have without asking the file system for room.
  package var roomBytes: Int {
    let newest = segments[segments.count - 1]
    let rest = newest.size - newest.used - buffer.count - Self.batchOverhead
    if spares.isEmpty { return max(0, rest) }
    return max(rest, Self.prewrittenBytes(settings) - SegmentHeader.size - Self.batchOverhead)
  }

  /// What may come with the entries of a batch: promises, trust, a snapshot's marker, commit
  /// record, end mark, and what seals the segment after it.
  private static let batchOverhead = 512

  /// Bytes of the snapshots that are kept.
  package var snapshotBytes: UInt64 { snapshots.reduce(0) { $0 + $1.size } }

  /// Bytes of records that the newest durable snapshot does not make superfluous.
  package var bytesSinceSnapshot: UInt64 {
    writtenBytes + UInt64(buffer.count) - writtenBytesAtSnapshot
  }

  /// Before records of so many bytes: goes on in a new segment if this one is full, or if they
  /// would make its file longer and a new segment has room for them. What waits in the buffer,
  /// because the disk is busy with what came before it, then ends as a batch of its own.
  mutating func beginBatch(bytes: Int = 0) {
    let full = segments[segments.count - 1]
    let capacity = Self.prewrittenBytes(settings) - SegmentHeader.size - Self.batchOverhead
    let end = full.used + buffer.count
    let isFull = buffer.isEmpty && (full.used >= settings.segmentBytes || leavesSegment)
    let grows = end + bytes + Self.batchOverhead > full.size && bytes <= capacity
    guard isFull || grows && end > SegmentHeader.size else { return }
    leavesSegment = false
    if !buffer.isEmpty {
      rotation.append(writeBatch(full.name))
      rotation.append(.sync(full.name))
    }
    let header = SegmentHeader(
      owner: owner, segment: full.id + 1, previous: full.id, last: last, hardState: hardState,
      prewritten: UInt64(Self.prewrittenBytes(settings)), chain: buffer.chain, trust: trust)
    let made = Self.makeSegment(header, from: spares.isEmpty ? nil : spares.removeFirst())
    // The order is what recovery relies on: the new segment is durable before the old one names it,
    // and the old one is sealed before the new one holds anything.
    rotation += made.effects
    buffer.append(RecordHeader(type: .seal, index: header.segment), body: [])
    rotation.append(writeBatch(full.name))
    rotation.append(.sync(full.name))
    segments.append(
      Segment(
        id: header.segment, lastBefore: last.index, used: SegmentHeader.size,
        size: Self.prewrittenBytes(settings)))
    buffer.begin(salt: made.salt)
  }

  /// Turns the buffer into a batch at the end of the last segment.
  private mutating func writeBatch(_ name: String) -> FileEffect {
    let position = segments.count - 1
    let offset = segments[position].used
    let batch = buffer.commit(watermark: flushedLast.rawValue)
    flushedLast = last.index
    // The end mark is not part of the batch: the next one begins there.
    segments[position].used += batch.count - RecordHeader.size
    segments[position].size = max(segments[position].size, offset + batch.count)
    writtenBytes += UInt64(batch.count)
    return .write(name, offset: UInt64(offset), bytes: batch)
  }

  static func prewrittenBytes(_ settings: JournalSettings) -> Int {
    (max(settings.segmentBytes, SegmentHeader.size + RecordHeader.size) + 7) & ~7
  }

  /// Makes a segment without records, of a spare file or of zeros, and makes it durable. It gets
  /// its name last, so that a segment that can be seen is whole.
  static func makeSegment(
    _ header: SegmentHeader, from spare: String? = nil
  ) -> (effects: [FileEffect], salt: UInt32) {
    let name = FileNames.segment(header.segment)
    let start = header.encode()
    var reader = ByteReader(start, in: 12..<16)
    let salt = (try? reader.u32("checksum")) ?? 0
    let bytes = start + RecordBuffer.endMark(salt: salt)
    if let spare {
      return (
        [
          .write(spare, offset: 0, bytes: bytes), .sync(spare), .rename(spare, to: name),
          .syncFolder,
        ],
        salt
      )
    }
    let temporary = name + FileNames.temporarySuffix
    let end = max(bytes.count, Int(header.prewritten))
    return (
      [.create(temporary), .write(temporary, offset: 0, bytes: bytes)]
        + zeros(temporary, bytes.count..<end)
        + [.sync(temporary), .rename(temporary, to: name), .syncFolder],
      salt
    )
  }
}
