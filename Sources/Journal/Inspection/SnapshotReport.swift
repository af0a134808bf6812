import Basics
import Raft
import ShardMap

/// What the file of one snapshot holds.
package struct SnapshotReport: Sendable {
  package var name: String
  package var size: UInt64
  /// `nil` if the header is damaged: there is nothing else then.
  package var metadata: SnapshotMetadata?
  package var cluster = ClusterID(rawValue: 0)
  package var group = GroupID.none
  package var groupIdentity = GroupIdentity(rawValue: 0)
  package var replica = ReplicaID(rawValue: 0)
  /// Bytes of each section, those before the first that is damaged.
  package var sectionBytes: [Int] = []
  /// The first bytes that are not as they were written.
  package var problem: (offset: UInt64, reason: String)?

  var owner: SegmentHeader.Owner?
  private var file: SnapshotFile?

  init(_ file: FolderReader.File, unreadable reason: String) {
    name = file.name
    size = file.size
    problem = (0, reason)
  }

  /// Reads a file that is perhaps a snapshot, whatever its name, and checks each byte.
  package init(_ reader: FolderReader, _ file: FolderReader.File) throws(RecoveryError) {
    try self.init(FolderFiles(reader, [file]), file)
  }

  init(_ folder: FolderFiles, _ file: FolderReader.File) throws(RecoveryError) {
    let scan = try SnapshotScan(folder, file)
    name = file.name
    size = file.size
    problem = scan.problem
    guard let owner = scan.owner, let found = scan.found else { return }
    self.owner = owner
    (cluster, group) = (owner.cluster, owner.group)
    (groupIdentity, replica) = (owner.groupIdentity, owner.replica)
    metadata = found.metadata
    sectionBytes = found.sections.map {
      Int($0.upperBound - $0.lowerBound) - SnapshotFormat.sectionHeaderBytes
    }
    self.file = found
  }

  /// The content of one section.
  package func section(_ number: Int, _ reader: FolderReader) throws -> [UInt8] {
    guard let file, file.sections.indices.contains(number) else {
      throw ByteError.truncated(field: "sections", offset: number)
    }
    let place = file.sections[number]
    let count = Int(place.upperBound - place.lowerBound)
    return try Journal.decodeSection(
      reader.read(FileRead(name: name, offset: place.lowerBound, count: count)))
  }
}
