import Basics
import Checksums
import Raft

/// The log as recovery finds it, batch by batch.
struct RecoveredLog {
  /// The entry before `entries`; its term is unknown after a cut below the first segment kept.
  var baseIndex: LogIndex
  var baseTerm: Term?
  var entries: [Entry] = []
  var hardState: HardState
  var trust: Trust
  /// False: whoever walks a segment wants to know whether it is whole, not what is in it, and the
  /// entries get no payloads.
  var keepsPayloads = true

  init(_ header: SegmentHeader) {
    baseIndex = header.last.index
    baseTerm = header.last.term
    hardState = header.hardState
    trust = header.trust
  }

  /// A log that begins after `base` and has nothing yet.
  init(after base: EntryID) {
    baseIndex = base.index
    baseTerm = base.term
    hardState = HardState()
    trust = Trust()
  }

  var lastIndex: LogIndex { LogIndex(baseIndex.rawValue + UInt64(entries.count)) }
  var lastTerm: Term { entries.last?.term ?? baseTerm ?? .zero }

  /// The term at `index`; `nil` if the log does not say.
  func term(at index: LogIndex) -> Term? {
    if index == baseIndex { return baseTerm }
    guard index > baseIndex, index <= lastIndex else { return nil }
    return entries[Int(index.rawValue - baseIndex.rawValue) - 1].term
  }

  /// Bytes of the records of the entries after `index`.
  func bytes(after index: LogIndex) -> UInt64 {
    entries.reduce(0) {
      $0 + ($1.index > index ? UInt64(RecordHeader.recordBytes(bodyCount: $1.payload.count)) : 0)
    }
  }

  /// Takes an entry over; false if it would leave a gap.
  mutating func append(_ entry: Entry) -> Bool {
    guard entry.index > .zero, entry.index <= lastIndex.next else { return false }
    if entry.index <= baseIndex {
      entries = []
      baseIndex = entry.index.previous
      baseTerm = nil
    } else if entry.index <= lastIndex {
      entries.removeLast(Int(lastIndex.rawValue - entry.index.rawValue) + 1)
    }
    entries.append(entry)
    return true
  }

  mutating func reset(to id: EntryID) {
    entries = []
    baseIndex = id.index
    baseTerm = id.term
  }
}

/// Walks the batches of one segment, all of whose bytes are in memory.
struct SegmentScan {
  /// Where the first bytes stand that are not part of a whole batch.
  struct End {
    /// After the last whole batch, and where that begins.
    var offset: Int
    var lastBatch: Int
    var chain: UInt32
    /// The segment that the last batch names as the next.
    var sealedFor: UInt64?
    /// The first record that is not as it was written; `nil` if there is none.
    var bad: (offset: Int, reason: String)?
  }

  let bytes: UnsafeRawBufferPointer
  let salt: UInt32

  /// Applies every whole batch to `log`.
  func walk(_ log: inout RecoveredLog) -> End {
    var end = End(offset: SegmentHeader.size, lastBatch: SegmentHeader.size, chain: salt)
    var records: [(header: RecordHeader, offset: Int)] = []
    var offset = end.offset
    var chain = salt
    while offset < bytes.count, end.sealedFor == nil {
      guard let header = RecordHeader(bytes, at: offset, salt: salt) else { break }
      if let problem = problem(header, at: offset, chain: chain) {
        return bad(end, offset, problem)
      }
      let size = RecordHeader.recordBytes(bodyCount: Int(header.length))
      if header.type == .end { break }
      chain = header.checksum
      guard header.type == .commit else {
        records.append((header, offset))
        offset += size
        continue
      }
      let batch = end.offset..<offset
      if let problem = problem(commit: header, of: batch, records.count, log) {
        return bad(end, offset, problem)
      }
      if let problem = apply(records, to: &log, &end) {
        return bad(end, problem.offset, problem.reason)
      }
      offset += size
      end.lastBatch = end.offset
      end.offset = offset
      // The next segment was made, with the chain so far, before the seal was written.
      if end.sealedFor == nil { end.chain = chain }
      records.removeAll(keepingCapacity: true)
    }
    if !records.isEmpty { return bad(end, offset, "no valid record") }
    return end
  }

  private func bad(_ end: End, _ offset: Int, _ reason: String) -> End {
    var end = end
    end.bad = (offset, reason)
    return end
  }

  /// What is wrong with a record whose header is valid.
  private func problem(_ header: RecordHeader, at offset: Int, chain: UInt32) -> String? {
    guard header.chain == chain else { return "the record does not follow the one before" }
    let count = Int(header.length)
    let start = offset + RecordHeader.size
    guard count <= bytes.count - start,
      RecordHeader.recordBytes(bodyCount: count) <= bytes.count - offset
    else { return "the record is longer than the file" }
    let body = UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
    guard CRC32C.checksum(body, continuing: salt) == header.bodyChecksum else {
      return "the record's checksum does not match"
    }
    let end = offset + RecordHeader.recordBytes(bodyCount: count)
    guard bytes[start + count..<end].allSatisfy({ $0 == 0 }) else {
      return "the padding is not zero"
    }
    return nil
  }

  /// What is wrong with a batch whose records are valid.
  private func problem(
    commit header: RecordHeader, of batch: Range<Int>, _ recordCount: Int, _ log: RecoveredLog
  ) -> String? {
    guard header.length == UInt32(CommitFrame.bodyBytes) else {
      return "the commit record is damaged"
    }
    let body = batch.upperBound + RecordHeader.size
    guard header.term == UInt64(batch.count) else { return "the batch has another length" }
    guard RecordHeader.u32(bytes, body + 4) == UInt32(recordCount) else {
      return "the batch has another number of records"
    }
    let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[batch]), continuing: salt)
    guard RecordHeader.u32(bytes, body) == checksum else {
      return "the batch's checksum does not match"
    }
    guard header.index == log.lastIndex.rawValue else {
      return "the log should have reached index \(header.index) before"
    }
    return nil
  }

  private func apply(
    _ records: [(header: RecordHeader, offset: Int)], to log: inout RecoveredLog, _ end: inout End
  ) -> (offset: Int, reason: String)? {
    for (header, offset) in records {
      let id = EntryID(index: LogIndex(header.index), term: Term(header.term))
      switch header.type {
      case .hardState:
        log.hardState = HardState(
          term: Term(header.term),
          vote: header.kind == 0 ? nil : ReplicaID(rawValue: header.stamp))
      case .entry:
        let start = offset + RecordHeader.size
        guard let kind = Entry.Kind(rawValue: header.kind) else {
          return (offset, "the entry has an unknown kind")
        }
        let payload = log.keepsPayloads ? [UInt8](bytes[start..<start + Int(header.length)]) : []
        guard
          log.append(Entry(id: id, kind: kind, stamp: header.stamp, payload: payload))
        else { return (offset, "entry \(id.index) leaves a gap after \(log.lastIndex)") }
      case .logReset:
        log.reset(to: id)
      case .snapshotMarker: break
      case .seal:
        end.sealedFor = header.index
      case .trust:
        guard let trust = Trust(doubts: header.index, code: UInt32(header.kind)) else {
          return (offset, "the trust has an impossible cause")
        }
        log.trust = trust
      case .commit, .end:
        return (offset, "a record of the end inside a batch")
      }
    }
    return nil
  }

  /// Every valid header of a record, whole batches or not.
  func headers() -> [RecordHeader] {
    var found: [RecordHeader] = []
    for offset in stride(from: SegmentHeader.size, through: bytes.count - RecordHeader.size, by: 8)
    where RecordHeader.u32(bytes, offset) == RecordHeader.magic {
      if let header = RecordHeader(bytes, at: offset, salt: salt) { found.append(header) }
    }
    return found
  }
}
