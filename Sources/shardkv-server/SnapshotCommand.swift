import Arguments
import Basics
import Glibc
import Journal
import Raft
import ShardKVServer
import ShardMap
import Storage

/// Shows or checks one snapshot.
func lookAtSnapshot(_ command: ParsedCommand) throws -> ExitCode {
  let path = command.operands[1]
  let isVerified = try verb(command) == "verify"
  let (reader, file) = try snapshotFile(path)
  let report: SnapshotReport
  do throws(RecoveryError) {
    report = try SnapshotReport(reader, file)
  } catch {
    if case .unreadable = error { throw Failure(.inputOutput, "\(path): \(error)") }
    throw Failure(.damagedData, "\(path): \(error)")
  }
  var text = SnapshotText(path: path, report: report)
  if report.problem == nil {
    do throws(SnapshotContents.Problem) {
      text.contents = try SnapshotContents(report, reader)
    } catch {
      text.problem = "its state cannot be restored: \(error)"
    }
  }
  if command.isOn("json") {
    Log.put(text.json.text + "\n", on: STDOUT_FILENO)
  } else {
    Log.put(lines(isVerified ? text.verdict : text.overview), on: STDOUT_FILENO)
  }
  return text.isSound || !isVerified && report.metadata != nil ? .done : .damagedData
}

private func snapshotFile(_ path: String) throws(Failure) -> (FolderReader, FolderReader.File) {
  let slash = path.lastIndex(of: "/")
  let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
  let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  let view = try view(folder)
  let item = try inputOutput { () throws(StorageError) in try view.look(name) }
  guard !name.isEmpty, let item else {
    throw Failure(.noInput, "\(path): there is no such file")
  }
  guard let size = item.size else {
    throw Failure(.noInput, "\(path) is \(item.kind): name the file of a snapshot")
  }
  return (view.reader, FolderReader.File(name: name, size: size))
}

/// A snapshot for people and for programs.
struct SnapshotText {
  var path: String
  var report: SnapshotReport
  var contents: SnapshotContents?
  /// Why the state cannot be restored, though all bytes are as they were written.
  var problem: String?

  var isSound: Bool { report.problem == nil && problem == nil }

  var overview: [String] {
    guard let metadata = report.metadata else { return verdict }
    let group = report.group == .none ? "the controllers" : "group \(report.group)"
    var lines = [
      "Snapshot  \(path), \(report.size) bytes",
      "Whose     replica \(report.replica) of \(group), cluster \(report.cluster)",
      "Last      \(metadata.last), clock \(metadata.stamp)",
      "Members   \(Self.words(metadata.membership)), since index \(metadata.membershipIndex)",
      "Sections  \(report.sectionBytes.count) with \(report.sectionBytes.reduce(0, +)) bytes, the "
        + "largest \(report.sectionBytes.max() ?? 0)",
    ]
    lines += contentLines
    return isSound ? lines : lines + verdict
  }

  var verdict: [String] {
    if let found = report.problem {
      return ["\(path): damaged at byte \(found.offset): \(found.reason)"]
    }
    if let problem { return ["\(path): \(problem)"] }
    return ["\(path): sound, and its state can be restored"]
  }

  private static func words(_ membership: Membership) -> String {
    [
      ("voters", membership.voters), ("outgoing voters", membership.outgoing),
      ("learners", membership.learners),
    ].filter { !$1.isEmpty }.map { name, replicas in
      "\(name) " + replicas.map { "\($0)" }.joined(separator: " ")
    }.joined(separator: ", ")
  }

  private var contentLines: [String] {
    switch contents {
    case nil: return []
    case .shards(let state):
      let keys = state.shards.reduce(0) { $0 + $1.keys }
      let bytes = state.shards.reduce(0) { $0 + $1.bytes }
      let rows = state.shards.map { shard in
        [
          "\(shard.shard)", shard.status.name + (shard.isOwned ? "" : ", not owned"),
          "\(shard.keys)", "\(shard.bytes)",
        ]
      }
      return [
        "State     configuration \(state.configuration), \(keys) keys with \(bytes) bytes in "
          + "\(state.shards.count) of \(state.layout.shardCount) shards"
      ] + table([["SHARD", "STATUS", "KEYS", "BYTES"]] + rows)
    case .controllers(let state):
      let configuration = state.configuration
      let rows = configuration.groupIDs.map { group in
        [
          "\(group)", "\(configuration.shards.count { $0.owner == group })",
          "\(configuration.share(of: group).weight)",
          configuration.groups[group]?.replicas.map(\.peer).joined(separator: " ") ?? "",
        ]
      }
      return [
        "State     configuration \(configuration.number), policy \(configuration.policy.name), "
          + "\(configuration.layout.shardCount) shards, \(state.registeredCount) registered groups"
      ] + table([["GROUP", "SHARDS", "WEIGHT", "REPLICAS"]] + rows)
    }
  }

  var json: JSON {
    .fields([
      "file": .string(path), "bytes": .count(report.size), "sound": .bool(isSound),
      "problem": problemJSON,
      "cluster": .string("\(report.cluster)"), "group": .integer(Int(report.group.rawValue)),
      "groupIdentity": .string("\(report.groupIdentity)"),
      "replica": .string("\(report.replica)"),
      "last": report.metadata.map { JournalText.json($0.last) } ?? .null,
      "clock": report.metadata.map { .count($0.stamp) } ?? .null,
      "membershipIndex": report.metadata.map { .count($0.membershipIndex.rawValue) } ?? .null,
      "voters": Self.json(report.metadata?.membership.voters),
      "outgoing": Self.json(report.metadata?.membership.outgoing),
      "learners": Self.json(report.metadata?.membership.learners),
      "sectionBytes": .array(report.sectionBytes.map { .integer($0) }),
      "state": stateJSON,
    ])
  }

  private static func json(_ replicas: [ReplicaID]?) -> JSON {
    .array((replicas ?? []).map { .string("\($0)") })
  }

  private var problemJSON: JSON {
    if let found = report.problem {
      return .fields(["offset": .count(found.offset), "reason": .string(found.reason)])
    }
    return problem.map { .fields(["reason": .string($0)]) } ?? .null
  }

  private var stateJSON: JSON {
    switch contents {
    case nil: return .null
    case .shards(let state):
      return .fields([
        "configuration": .count(state.configuration.rawValue),
        "shards": .array(
          state.shards.map { shard in
            .fields([
              "shard": .integer(shard.shard.index), "status": .string(shard.status.name),
              "owned": .bool(shard.isOwned), "keys": .integer(shard.keys),
              "bytes": .integer(shard.bytes),
            ])
          }),
      ])
    case .controllers(let state):
      let configuration = state.configuration
      return .fields([
        "configuration": .count(configuration.number.rawValue),
        "groups": .array(
          configuration.groupIDs.map { group in
            .fields([
              "group": .integer(Int(group.rawValue)),
              "shards": .integer(configuration.shards.count { $0.owner == group }),
            ])
          }),
        "registered": .integer(state.registeredCount),
      ])
    }
  }
}
