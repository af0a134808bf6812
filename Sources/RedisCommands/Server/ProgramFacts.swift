/// What INFO tells of the program, which only who runs the node knows.
package struct ProgramFacts: Hashable, Sendable {
  /// This program's own, not Redis'.
  package var version = ""
  /// 40 hexadecimal digits that are new with each start.
  package var runID = String(repeating: "0", count: 40)
  package var processID: Int32 = 0
  package var operatingSystem = ""

  package init() {}
}

/// What the process uses, as the system says; bytes, and seconds of processors.
package struct ProcessMeasure: Hashable, Sendable {
  /// What it has allocated.
  package var usedMemory: Int64 = 0
  package var residentMemory: Int64 = 0
  package var peakMemory: Int64 = 0
  package var machineMemory: Int64 = 0
  package var systemSeconds = 0.0
  package var userSeconds = 0.0
  /// The longest that the loop was ever busy without looking at its sockets, and the longest of the
  /// last minute.
  package var longestTurnMicroseconds: UInt64 = 0
  package var longestRecentTurnMicroseconds: UInt64 = 0

  package init() {}
}
