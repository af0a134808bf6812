import Basics

/// The sizes of a journal.
package struct JournalSettings: Hashable, Sendable {
  /// Bytes of a segment. A new segment is written full of zeros up to this size before it is used,
  /// so that later syncs need not make a new file size durable; a batch that begins below it may
  /// end above it, and the next batch begins a new segment.
  package var segmentBytes = 4 << 20

  package var bugs: PlantedBugs = []

  package init() {}
}
