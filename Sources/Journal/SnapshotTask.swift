import Basics
import Raft

/// The writing of one snapshot by a ``BackgroundWorker``.
struct SnapshotTask: Sendable {
  /// What ``advance(_:)`` came to.
  enum Advance {
    /// There are effects now, or nothing is to be done before a section comes.
    case goesOn(isSectionTaken: Bool)
    case done(BackgroundResult)
    case unreadable(BackgroundResult)
  }

  private(set) var writer: SnapshotWriter
  /// Gives the sections of the own state; `nil` when it has given all.
  private var capture: (any SnapshotCapture)?
  /// Takes those of another's.
  private var restorer: (any SnapshotRestorer)?
  private var machine: (any Sendable)?
  private let isReceived: Bool
  /// Sections that came and were not taken yet.
  private var received: [(bytes: [UInt8], isLast: Bool)] = []
  private var sectionCount = 0

  /// One that was written: the next one is put into its memory.
  private var section: [UInt8] = []
  /// To be done before anything else.
  private(set) var effects: [FileEffect] = []
  /// The temporary file is there.
  private(set) var isCreated = false
  private var isBegun = false
  /// `effects` are the last.
  private(set) var isFinished = false
  private var startedAt: UInt64 = 0
  /// Monotonic nanoseconds.
  private(set) var restsUntil: UInt64 = 0

  init(_ writer: SnapshotWriter, capture: any SnapshotCapture) {
    self.writer = writer
    self.capture = capture
    isReceived = false
  }

  init(_ writer: SnapshotWriter, restorer: any SnapshotRestorer) {
    self.writer = writer
    self.restorer = restorer
    isReceived = true
  }

  mutating func receive(_ bytes: [UInt8], isLast: Bool) {
    if isReceived { received.append((bytes, isLast)) }
  }

  /// The first of `effects` is done.
  mutating func performed(_ now: UInt64, restFactor: Double) {
    switch effects.removeFirst() {
    case .create: isCreated = true
    // The content of a section is written last.
    case .write(_, _, let bytes): section = bytes
    default: break
    }
    guard effects.isEmpty, !isReceived, now > startedAt else { return }
    restsUntil = now + UInt64(Double(now - startedAt) * restFactor)
  }

  /// There are no effects left: finds the next ones.
  mutating func advance(_ now: UInt64) -> Advance {
    startedAt = now
    if !isBegun {
      isBegun = true
      effects = [writer.create()] + writer.begin()
      return .goesOn(isSectionTaken: false)
    }
    if isFinished {
      let written = writer.written
      return .done(machine.map { .received(written, machine: $0) } ?? .written(written))
    }
    return isReceived ? takeSection() : nextSection()
  }

  private mutating func nextSection() -> Advance {
    if capture?.nextSection(into: &section) == true {
      effects = writer.add(section)
      // One owner again, once the effects are done.
      section = []
    } else {
      capture = nil
      finish()
    }
    return .goesOn(isSectionTaken: false)
  }

  private mutating func takeSection() -> Advance {
    guard !received.isEmpty else { return .goesOn(isSectionTaken: false) }
    let section = received.removeFirst()
    do {
      try restorer?.consume(section.bytes)
      if section.isLast { try restore() }
    } catch {
      return .unreadable(
        .unreadable(writer.metadata.last, section: sectionCount, reason: "\(error)"))
    }
    sectionCount += 1
    effects = writer.add(section.bytes)
    if section.isLast { finish() }
    return .goesOn(isSectionTaken: true)
  }

  private mutating func restore() throws(ByteError) {
    machine = try restorer?.finish()
    restorer = nil
  }

  private mutating func finish() {
    effects += writer.finish()
    isFinished = true
  }
}
