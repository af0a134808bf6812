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
    effects += [
      .create(FileNames.identityTemporary),
      .write(
        FileNames.identityTemporary, offset: 0, bytes: IdentityFile.encode(identity)),
      .sync(FileNames.identityTemporary),
      .syncFolder,
      .rename(FileNames.identityTemporary, to: FileNames.identity),
      .syncFolder,
    ]
    return effects
  }
}
