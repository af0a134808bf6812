import Arguments
import Basics
import Glibc
import Journal
import Storage

/// Shows or checks a data folder.
func lookAtJournal(_ command: ParsedCommand) throws -> ExitCode {
  let path = command.operands[1]
  let isVerified = try verb(command) == "verify"
  guard !isVerified || !command.isOn("records") else {
    throw UsageError("--records is for 'journal inspect'")
  }
  let view = try view(path)
  let (report, holder) = try look(view)
  let text = JournalText(path: path, report: report, strangers: try strangers(view), holder: holder)
  if command.isOn("json") {
    Log.put(text.json.text + "\n", on: STDOUT_FILENO)
  } else {
    Log.put(lines(isVerified ? text.verdict : text.overview), on: STDOUT_FILENO)
  }
  if command.isOn("records") { try putRecords(of: report, view, asJSON: command.isOn("json")) }
  guard isVerified else { return .done }
  if !text.findings.isEmpty { return .damagedData }
  return report.unreadable.isEmpty ? .done : .inputOutput
}

func lines(_ lines: [String]) -> String { lines.joined(separator: "\n") + "\n" }

/// What is to be done with the operand after it.
func verb(_ command: ParsedCommand) throws(UsageError) -> String {
  let verb = command.operands[0]
  guard verb == "inspect" || verb == "verify" else {
    throw UsageError("'\(verb)' is none of: inspect, verify")
  }
  return verb
}

func view(_ path: String) throws(Failure) -> FolderView {
  do throws(StorageError) {
    return try FolderView(path)
  } catch {
    throw Failure(.noInput, "\(error); name a data folder")
  }
}

/// What is there. A process that writes there may be between two writes, and removes files: what is
/// found wrong then is looked at again, and stays if it is still there.
private func look(_ view: FolderView) throws -> (JournalReport, Int32?) {
  var report = try once(view)
  let holder = view.holder()
  for _ in 0..<4 where holder != nil && !(report.findings.isEmpty && report.unreadable.isEmpty) {
    var pause = timespec(tv_sec: 0, tv_nsec: 50_000_000)
    nanosleep(&pause, nil)
    view.refresh()
    report = report.confirmed(by: try once(view))
  }
  return (report, holder)
}

private func once(_ view: FolderView) throws(Failure) -> JournalReport {
  do throws(RecoveryError) {
    return try JournalReport(view.reader)
  } catch {
    switch error {
    case .unreadable: throw Failure(.inputOutput, "\(view.path): \(error)")
    default: throw Failure(.noInput, "\(view.path): \(error)")
    }
  }
}

/// What is no plain file.
private func strangers(_ view: FolderView) throws(Failure) -> [(name: String, kind: String)] {
  try inputOutput { () throws(StorageError) in
    try view.items().filter { $0.size == nil }.map { ($0.name, $0.kind) }
      .sorted { $0.name < $1.name }
  }
}

/// Each record as it is read, so that a long log takes no memory.
private func putRecords(
  of report: JournalReport, _ view: FolderView, asJSON: Bool
) throws(Failure) {
  if !asJSON { Log.put("\n" + RecordText.heading + "\n", on: STDOUT_FILENO) }
  for segment in report.segments {
    let file = FolderReader.File(name: segment.name, size: segment.size)
    do throws(RecoveryError) {
      var stream = try RecordStream(view.reader, file)
      var lines: [String] = []
      while let record = try stream.next() {
        lines.append(asJSON ? RecordText.json(record).text : RecordText.line(record))
        if lines.count >= 256 { flush(&lines) }
      }
      flush(&lines)
    } catch {
      throw Failure(.inputOutput, "\(view.path): \(error)")
    }
  }
}

private func flush(_ lines: inout [String]) {
  if lines.isEmpty { return }
  Log.put(lines.joined(separator: "\n") + "\n", on: STDOUT_FILENO)
  lines = []
}
