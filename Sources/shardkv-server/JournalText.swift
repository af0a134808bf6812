import Basics
import Journal
import Raft
import ShardMap

/// A ``JournalReport`` for people and for programs.
struct JournalText {
  var path: String
  var report: JournalReport
  /// What is no plain file: recovery does not look at it.
  var strangers: [(name: String, kind: String)]
  /// The process that has the folder open.
  var holder: Int32?

  /// Those that are damage: what a running process is writing is not.
  var findings: [JournalReport.Finding] {
    report.findings.filter { holder == nil || !$0.isTornTail }
  }

  private var unfinished: [JournalReport.Finding] {
    report.findings.filter { holder != nil && $0.isTornTail }
  }

  // For people.

  var overview: [String] {
    var lines = [heading]
    lines += identityLines
    lines += table(segmentRows) + table(snapshotRows) + table(otherRows)
    lines += outlookLines
    lines += findingLines
    return lines
  }

  /// What `verify` says.
  var verdict: [String] {
    var lines = findingLines
    for file in report.others where file.kind != .spare {
      lines.append("\(file.name): \(file.kind.rawValue)")
    }
    lines += strangers.map { "\($0.name): \($0.kind): left alone" }
    if let trust = outlook?.trust, let cause = trust.cause, findings.isEmpty {
      lines.append(
        "the replica is in doubt (\(cause.words), doubt \(trust.doubts)) until its group has given "
          + "it what it may lack")
    }
    if case .refused(let error) = report.outlook { lines.append("at the next start: \(error)") }
    let count = findings.count
    lines.append(
      "\(path): \(contents): "
        + (count == 0
          ? report.unreadable.isEmpty ? "sound" : "not all could be read"
          : "\(count) damaged place\(count == 1 ? "" : "s")"))
    return lines
  }

  private var outlook: JournalReport.Start? {
    if case .starts(let start) = report.outlook { start } else { nil }
  }

  private var contents: String {
    func several(_ count: Int, _ one: String, _ many: String) -> String {
      "\(count) \(count == 1 ? one : many)"
    }
    let entries = report.segments.reduce(0) { $0 + $1.entries }
    let spares = report.others.count { $0.kind == .spare }
    return several(report.segments.count, "segment", "segments") + " with "
      + several(entries, "entry", "entries") + ", "
      + several(report.snapshots.count, "snapshot", "snapshots") + ", "
      + several(spares, "spare", "spares")
  }

  private var heading: String {
    "Folder    \(path)" + (holder.map { ", in use by process \($0)" } ?? "")
  }

  private var identityLines: [String] {
    var lines: [String] = []
    if let identity = report.identity {
      lines.append("Whose     \(describe(identity)), incarnation \(identity.incarnation)")
      let mapping = identity.layout.mapping == .slots ? "slots" : "first byte"
      lines.append("Keys      \(identity.layout.shardCount) shards by \(mapping)")
      let members = identity.members.map { "\($0.id)=\($0.peer)" }.joined(separator: " ")
      lines.append("\(identity.isJoiner ? "Joins as " : "Members ")  \(members)")
    }
    if report.identitiesAgree {
      lines.append("Identity  whole, and its copy agrees")
    } else {
      for file in report.identities {
        lines.append("Identity  \(file.name): \(file.problem ?? "whole")")
      }
    }
    return lines
  }

  private var segmentRows: [[String]] {
    let heading = ["SEGMENT", "AFTER", "INDEXES", "TERMS", "ENTRIES", "BATCHES", "USED", "BYTES"]
    return [heading + ["DOUBTS", "ENDS WITH"]]
      + report.segments.map { segment in
        if let problem = segment.problem {
          return [segment.name, "", "", "", "", "", "", "\(segment.size)", "", problem]
        }
        return [
          segment.name, "\(segment.lastBefore)", Self.range(segment.indexes),
          Self.range(segment.terms), "\(segment.entries)", "\(segment.batches)",
          "\(segment.usedBytes)", "\(segment.size)", Self.doubts(segment.trust),
          Self.words(segment.tail),
        ]
      }
  }

  private static func range<Value: Hashable & CustomStringConvertible>(
    _ range: ClosedRange<Value>?
  ) -> String {
    guard let range else { return "none" }
    return range.lowerBound == range.upperBound
      ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }

  private static func doubts(_ trust: Trust) -> String {
    "\(trust.doubts)" + (trust.cause.map { " (\($0.words))" } ?? "")
  }

  private static func words(_ tail: SegmentReport.Tail) -> String {
    switch tail {
    case .endMark: "end mark"
    case .sealed(let next): "seal, next is \(next)"
    case .other(let reason): reason
    }
  }

  private var snapshotRows: [[String]] {
    if report.snapshots.isEmpty { return [] }
    return [["SNAPSHOT", "LAST", "SECTIONS", "BYTES", "STATE"]]
      + report.snapshots.map { snapshot in
        let last = snapshot.metadata.map { "\($0.last)" } ?? "?"
        let state = snapshot.problem.map { "byte \($0.offset): \($0.reason)" } ?? "whole"
        return [snapshot.name, last, "\(snapshot.sectionBytes.count)", "\(snapshot.size)", state]
      }
  }

  private var otherRows: [[String]] {
    let rows =
      report.others.map { [$0.name, "\($0.size)", $0.kind.rawValue] }
      + strangers.map { [$0.name, "", "\($0.kind): left alone"] }
    return rows.isEmpty ? [] : [["OTHER", "BYTES", "WHAT"]] + rows
  }

  private var outlookLines: [String] {
    switch report.outlook {
    case .refused(let error): return ["", "At the next start: \(error)"]
    case .starts(let start):
      var text = "At the next start: the log ends at \(start.last), with \(start.entries) entries"
      text += start.snapshot.map { " and the snapshot at \($0)" } ?? " and no snapshot"
      text += "; term \(start.hardState.term), "
      text += start.hardState.vote.map { "vote for \($0)" } ?? "no vote"
      text += start.trust.cause == nil ? "; in no doubt" : "; in doubt: \(Self.doubts(start.trust))"
      return ["", text] + start.notes.map { "  \($0)" } + start.repairs.map { "  would \($0)" }
    }
  }

  private var findingLines: [String] {
    var lines: [String] = []
    for finding in findings {
      let index = finding.index.map { ", log index \($0)" } ?? ""
      lines.append("\(finding.file), byte \(finding.offset)\(index): \(finding.reason)")
      lines.append("  at the next start: \(finding.consequence)")
    }
    for finding in unfinished {
      lines.append(
        "\(finding.file), byte \(finding.offset): not finished (\(finding.reason)): process "
          + "\(holder ?? 0) writes there, so this is no finding; look again, or when it has stopped"
      )
    }
    return lines + report.unreadable
  }
}

/// Rows under a heading, as columns with an empty line before; nothing without rows.
func table(_ rows: [[String]]) -> [String] {
  guard rows.count > 1 else { return [] }
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
  }
  let lines = rows.map { row in
    row.enumerated().map { column, cell in
      column == columns - 1
        ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
    }.joined(separator: "  ")
  }
  return [""] + lines
}
