import Raft

extension JournalReport {
  /// Reads a whole folder, every byte as recovery does, and nothing but reads. A file that cannot
  /// be read is named in ``unreadable``.
  ///
  /// - Throws: if the folder cannot be listed, or holds no replica.
  package init(
    _ reader: FolderReader, settings: JournalSettings = JournalSettings()
  ) throws(RecoveryError) {
    let folder = try FolderFiles(reader)
    do throws(RecoveryError) {
      outlook = .starts(Start(try Journal.recover(reader, settings: settings)))
    } catch {
      outlook = .refused(error)
      switch error {
      case .notInitialised, .initialisationInterrupted: throw error
      default: break
      }
    }
    readIdentities(folder)
    readSegments(folder)
    readSnapshots(folder)
    nameOthers(folder, settings)
    let owner =
      identity.map { SegmentHeader.Owner($0) } ?? segments.lazy.compactMap(\.owner).first
    if let owner { readLog(folder, owner) }
    noteRefusal()
    findings = findings.sorted { ($0.file, $0.offset) < ($1.file, $1.offset) }
  }

  private mutating func readIdentities(_ folder: FolderFiles) {
    for name in [FileNames.identity, FileNames.identityCopy] {
      do throws(RecoveryError) {
        let identity = try Journal.readIdentity(folder, name)
        identities.append(IdentityFileReport(name: name, identity: identity))
      } catch {
        let reason = note(error)
        identities.append(IdentityFileReport(name: name, problem: reason))
        if let reason { find(name, 0, nil, reason, "it is written again from the other copy") }
      }
    }
    if let one = identities[0].identity, let other = identities[1].identity, one != other {
      find(FileNames.identityCopy, 0, nil, "it names another replica than the identity", "nothing")
    }
  }

  private mutating func readSegments(_ folder: FolderFiles) {
    for file in folder.files where FileNames.segmentID(file.name) != nil {
      var report = SegmentReport(file)
      do throws(RecoveryError) {
        report = try SegmentReport(folder, file)
      } catch {
        report.problem = note(error)
      }
      segments.append(report)
    }
  }

  private mutating func readSnapshots(_ folder: FolderFiles) {
    for file in folder.files where FileNames.snapshotID(file.name) != nil {
      do throws(RecoveryError) {
        let report = try SnapshotReport(folder, file)
        snapshots.append(report)
        guard let problem = report.problem else { continue }
        find(
          file.name, problem.offset, nil, problem.reason,
          "the snapshot is kept aside, and an older one or the log stands in for it")
      } catch {
        snapshots.append(SnapshotReport(file, unreadable: note(error) ?? "unreadable"))
      }
    }
  }

  private mutating func nameOthers(_ folder: FolderFiles, _ settings: JournalSettings) {
    let known = Set(
      identities.map(\.name) + segments.map(\.name) + snapshots.map(\.name) + [FileNames.lock])
    for file in folder.files where !known.contains(file.name) {
      let kind: OtherFile.Kind =
        if FileNames.spareNumber(file.name) != nil {
          Journal.isFit(size: Int(clamping: file.size), settings) ? .spare : .unfitSpare
        } else if file.name == FileNames.discard {
          .discard
        } else if file.name.hasSuffix(FileNames.brokenSuffix) {
          .keptAside
        } else if file.name.hasSuffix(FileNames.temporarySuffix) {
          .unfinished
        } else {
          .unknown
        }
      others.append(OtherFile(name: file.name, size: file.size, kind: kind))
    }
  }

  /// The log as recovery walks it, and where it would end it.
  private mutating func readLog(_ folder: FolderFiles, _ owner: SegmentHeader.Owner) {
    for segment in segments {
      if let reason = segment.problem, !unreadable.contains(where: { $0.contains(segment.name) }) {
        find(segment.name, 0, nil, reason, "the segment is kept aside, if the log needs none of it")
      } else if let other = segment.owner, other != owner {
        find(segment.name, 0, nil, Self.foreign, "")
      }
    }
    for snapshot in snapshots where snapshot.metadata != nil && snapshot.owner != owner {
      find(snapshot.name, 0, nil, Self.foreign, "")
    }
    do throws(RecoveryError) {
      let snapshots = try SnapshotRecovery(folder, owner: owner)
      let covered = snapshots.valid.first?.metadata.last.index ?? .zero
      var log = try LogRecovery(folder, owner: owner, covered: covered)
      for (cut, index) in log.passed {
        find(
          cut.file, cut.offset, index, cut.reason,
          "a snapshot has what it held: kept aside, and the log goes on behind it")
      }
      let index = log.log.lastIndex.next
      _ = Journal.chooseSnapshot(snapshots, &log)
      if let cut = log.cut { find(cut, index) }
      if let newest = log.segments.last { findMissingEnd(of: newest, log) }
    } catch {
      _ = note(error)
    }
  }

  private static let foreign = "it belongs to another replica, group or cluster"

  private mutating func find(_ cut: LogRecovery.Cut, _ index: LogIndex) {
    // The same place is named once, with the reason that was found there and what recovery does.
    let isSame = { (found: Finding) in found.file == cut.file && found.offset == cut.offset }
    let reason = findings.first(where: isSame)?.reason ?? cut.reason
    findings.removeAll(where: isSame)
    let cause =
      cut.cause == .damage
      ? "acknowledged data may be missing"
      : "a crash tore the last write, or it was damaged since"
    find(
      cut.file, cut.offset, index, reason,
      "\(cause): the log is cut there, and the replica is in doubt until its group has given it "
        + "what it may lack", isTornTail: cut.cause == .tornTail)
  }

  /// A file that lost bytes behind the end of the log.
  private mutating func findMissingEnd(of newest: Journal.Segment, _ log: LogRecovery) {
    guard log.cut == nil, let segment = segments.first(where: { $0.name == newest.name }),
      segment.size < segment.prewritten
    else { return }
    find(
      segment.name, segment.size, nil,
      "the file is shorter than it was made (\(segment.prewritten) bytes)",
      "zeros are written there: nothing of the log is missing")
  }

  private mutating func find(
    _ file: String, _ offset: UInt64, _ index: LogIndex?, _ reason: String, _ consequence: String,
    isTornTail: Bool = false
  ) {
    var consequence = consequence
    if case .refused = outlook { consequence = "the replica refuses to start" }
    findings.append(
      Finding(
        file: file, offset: offset, index: index, reason: reason, consequence: consequence,
        isTornTail: isTornTail))
  }

  /// What recovery refuses the folder for is wrong in any case.
  private mutating func noteRefusal() {
    guard case .refused(let error) = outlook else { return }
    switch error {
    case .unreadable: _ = note(error)
    case .corrupt(let file, let offset, let index, let reason):
      if !findings.contains(where: { $0.file == file }) { find(file, offset, index, reason, "") }
    case .foreign(let file), .newerFormat(let file, _), .olderFormat(let file, _):
      if !findings.contains(where: { $0.file == file }) {
        find(file, 0, nil, error.description, "")
      }
    case .notInitialised, .initialisationInterrupted: break
    }
  }

  /// What is wrong with a file, for people; `nil` and noted if it could not be read.
  private mutating func note(_ error: RecoveryError) -> String? {
    switch error {
    case .corrupt(_, _, _, let reason): return reason
    case .unreadable(_, _):
      if !unreadable.contains(error.description) { unreadable.append(error.description) }
      return nil
    default: return error.description
    }
  }
}

extension JournalReport.Start {
  init(_ recovery: Recovery) {
    let state = recovery.state
    last = recovery.journal.last
    entries = state.entries.count
    snapshot = state.snapshot?.last
    hardState = state.hardState
    trust = state.trust
    notes = recovery.notes
    repairs = Self.words(recovery.repairs)
  }

  /// What a person would say was done; syncs are left out.
  private static func words(_ effects: [FileEffect]) -> [String] {
    var words: [String] = []
    var written: (name: String, range: Range<UInt64>)?
    func flush() {
      if let (name, range) = written {
        words.append("write \(range.count) bytes into \(name) at byte \(range.lowerBound)")
      }
      written = nil
    }
    for effect in effects {
      if case .write(let name, let offset, let bytes) = effect {
        let end = offset + UInt64(bytes.count)
        if let before = written, before.name == name, before.range.upperBound == offset {
          written = (name, before.range.lowerBound..<end)
        } else {
          flush()
          written = (name, offset..<end)
        }
        continue
      }
      flush()
      switch effect {
      case .create(let name): words.append("make \(name)")
      case .rename(let name, let other): words.append("rename \(name) to \(other)")
      case .remove(let name): words.append("remove \(name)")
      case .truncate(let name, let size): words.append("cut \(name) to \(size) bytes")
      case .write, .sync, .syncFolder: break
      }
    }
    flush()
    return words
  }
}
