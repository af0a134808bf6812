import Raft
import ShardMap

extension Journal {
  /// What `init` writes into an empty folder. The identity appears last and by a rename, so that a
  /// folder that has one is complete.
  package static func format(
    _ identity: ReplicaIdentity, settings: JournalSettings
  ) -> [FileEffect] {
    let header = SegmentHeader(
      owner: SegmentHeader.Owner(identity), segment: 1, previous: 0, last: .zero,
      hardState: HardState(), prewritten: UInt64(prewrittenBytes(settings)), chain: 0)
    var effects = makeSegment(header).effects
    let bytes = IdentityFile.encode(identity)
    effects += writeIdentity(bytes, to: FileNames.identityCopy)
    effects += writeIdentity(bytes, to: FileNames.identity)
    return effects
  }

  /// Makes or replaces one of the two files, as a whole or not at all.
  static func writeIdentity(_ bytes: [UInt8], to name: String) -> [FileEffect] {
    let temporary = FileNames.identityTemporary
    return [
      .create(temporary), .write(temporary, offset: 0, bytes: bytes), .sync(temporary), .syncFolder,
      .rename(temporary, to: name), .syncFolder,
    ]
  }
}
