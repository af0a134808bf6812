import Basics
import Journal
import Raft
import ShardMap

extension JournalText {
  /// All of the report.
  var json: JSON {
    .fields([
      "folder": .string(path),
      "process": holder.map { .integer(Int($0)) } ?? .null,
      "identity": identity,
      "segments": .array(report.segments.map(Self.segment)),
      "snapshots": .array(report.snapshots.map(Self.snapshot)),
      "others": .array(
        report.others.map {
          .fields([
            "name": .string($0.name), "bytes": .count($0.size), "what": .string($0.kind.rawValue),
          ])
        }
          + strangers.map { .fields(["name": .string($0.name), "what": .string($0.kind)]) }),
      "outlook": outlookJSON,
      "sound": .bool(findings.isEmpty && report.unreadable.isEmpty),
      "findings": .array(findings.map(Self.finding)),
      "unreadable": .array(report.unreadable.map { .string($0) }),
    ])
  }

  private var identity: JSON {
    guard let identity = report.identity else { return .null }
    let files = report.identities.map { file in
      JSON.fields([
        "name": .string(file.name), "problem": file.problem.map { .string($0) } ?? .null,
      ])
    }
    return .fields([
      "cluster": .string("\(identity.cluster)"),
      "group": .integer(Int(identity.group.rawValue)),
      "groupIdentity": .string("\(identity.groupIdentity)"),
      "replica": .string("\(identity.replica)"),
      "incarnation": .string("\(identity.incarnation)"),
      "joiner": .bool(identity.isJoiner),
      "mapping": .string(identity.layout.mapping == .slots ? "slots" : "first-byte"),
      "shards": .integer(identity.layout.shardCount),
      "members": .array(identity.members.map(Self.member)),
      "agree": .bool(report.identitiesAgree),
      "files": .array(files),
    ])
  }

  private static func member(_ member: ReplicaAddress) -> JSON {
    .fields([
      "replica": .string("\(member.id)"), "peer": .string(member.peer),
      "redis": .string(member.redis),
    ])
  }

  static func json(_ id: EntryID) -> JSON {
    .fields(["index": .count(id.index.rawValue), "term": .count(id.term.rawValue)])
  }

  private static func json(_ trust: Trust) -> JSON {
    .fields([
      "doubts": .count(trust.doubts), "cause": trust.cause.map { .string($0.words) } ?? .null,
    ])
  }

  private static func segment(_ segment: SegmentReport) -> JSON {
    if let problem = segment.problem {
      return .fields([
        "name": .string(segment.name), "bytes": .count(segment.size), "problem": .string(problem),
      ])
    }
    let end: JSON =
      switch segment.tail {
      case .endMark: .string("end mark")
      case .sealed(let next): .fields(["sealedFor": .count(next)])
      case .other(let reason): .string(reason)
      }
    return .fields([
      "name": .string(segment.name), "bytes": .count(segment.size),
      "segment": .count(segment.segment), "previous": .count(segment.previous),
      "after": json(segment.lastBefore), "trust": json(segment.trust),
      "firstIndex": segment.indexes.map { .count($0.lowerBound.rawValue) } ?? .null,
      "lastIndex": segment.indexes.map { .count($0.upperBound.rawValue) } ?? .null,
      "firstTerm": segment.terms.map { .count($0.lowerBound.rawValue) } ?? .null,
      "lastTerm": segment.terms.map { .count($0.upperBound.rawValue) } ?? .null,
      "entries": .integer(segment.entries), "batches": .integer(segment.batches),
      "usedBytes": .integer(segment.usedBytes), "end": end,
    ])
  }

  private static func snapshot(_ snapshot: SnapshotReport) -> JSON {
    .fields([
      "name": .string(snapshot.name), "bytes": .count(snapshot.size),
      "last": snapshot.metadata.map { json($0.last) } ?? .null,
      "sections": .integer(snapshot.sectionBytes.count),
      "problem": snapshot.problem.map {
        .fields(["offset": .count($0.offset), "reason": .string($0.reason)])
      } ?? .null,
    ])
  }

  private var outlookJSON: JSON {
    switch report.outlook {
    case .refused(let error): return .fields(["refused": .string(error.description)])
    case .starts(let start):
      return .fields([
        "last": Self.json(start.last), "entries": .integer(start.entries),
        "snapshot": start.snapshot.map(Self.json) ?? .null,
        "term": .count(start.hardState.term.rawValue),
        "vote": start.hardState.vote.map { .string("\($0)") } ?? .null,
        "trust": Self.json(start.trust), "notes": .array(start.notes.map { .string($0) }),
        "repairs": .array(start.repairs.map { .string($0) }),
      ])
    }
  }

  private static func finding(_ finding: JournalReport.Finding) -> JSON {
    .fields([
      "file": .string(finding.file), "offset": .count(finding.offset),
      "index": finding.index.map { .count($0.rawValue) } ?? .null,
      "reason": .string(finding.reason), "consequence": .string(finding.consequence),
    ])
  }
}

/// A record of the log in one line.
enum RecordText {
  static let heading =
    "SEGMENT                       OFFSET  TYPE             INDEX      TERM    LENGTH  KIND"

  static func line(_ record: RecordReport) -> String {
    let left = { (text: String, width: Int) in
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let right = { (number: UInt64, width: Int) in
      String(repeating: " ", count: max(0, width - "\(number)".count)) + "\(number)"
    }
    let end = [record.kind, record.problem ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")
    return record.file + right(record.offset, 12) + "  " + left(record.type, 12)
      + right(record.index, 10) + right(record.term, 10) + right(record.length, 10)
      + (end.isEmpty ? "" : "  " + end)
  }

  static func json(_ record: RecordReport) -> JSON {
    .fields([
      "file": .string(record.file), "offset": .count(record.offset), "type": .string(record.type),
      "index": .count(record.index), "term": .count(record.term), "kind": .string(record.kind),
      "length": .count(record.length), "problem": record.problem.map { .string($0) } ?? .null,
    ])
  }
}
