import Basics
import Sessions
import ShardMap

extension ShardGroupMachine {
  /// The configuration to ask the controller for; `nil` for the newest.
  package var wantedConfiguration: ConfigNumber? {
    bugs.contains(.configurationsSkipped) ? nil : configuration.number.next
  }

  private func isNext(_ number: ConfigNumber) -> Bool {
    bugs.contains(.configurationsSkipped)
      ? number > configuration.number : number == configuration.number.next
  }

  /// What a configuration would do to one shard here.
  private enum Change {
    case none
    /// From this group to another, or to none.
    case leaves
    /// To this group; nobody has data.
    case startsEmpty
    /// To this group, which still has the data since it was the last owner.
    case comesBack
    /// To this group, whose data is at another.
    case arrives
    /// It contradicts what is here: carrying it out could lose data.
    case refused
  }

  private func change(of shard: ShardID, in next: Configuration) -> Change {
    let before = owns(shard)
    let after = isOwner(of: shard, in: next)
    let assignment = next.shards[shard.index]
    let state = shards[shard.index]
    guard before != after else { return .none }
    if before {
      let isSource = assignment.source == group && assignment.left == next.number
      return isSource && state.status == .serving ? .leaves : .refused
    }
    let isVacant = state.status == .serving
    if assignment.source == .none { return isVacant ? .startsEmpty : .refused }
    if assignment.source == group, next.record(of: group)?.identity == identity {
      let isKept = state.status == .bePulling && state.left == assignment.left
      return isKept ? .comesBack : .refused
    }
    return isVacant && next.record(of: assignment.source) != nil ? .arrives : .refused
  }

  /// Whether `configuration` is the next and can be adopted now.
  ///
  /// A shard in hand-over holds back only a configuration that would move that very shard to or
  /// from this group. A configuration that names another group by this group's number is as one
  /// that does not name this group.
  package func canAdopt(_ configuration: Configuration) -> Bool {
    guard isNext(configuration.number),
      configuration.layout == layout, configuration.shards.count == shards.count
    else { return false }
    if bugs.contains(.waitsForAllShards), shards.contains(where: { $0.status != .serving }) {
      return false
    }
    for index in shards.indices {
      if case .refused = change(of: ShardID(index), in: configuration) { return false }
    }
    return true
  }

  mutating func adopt(_ next: Configuration) {
    guard canAdopt(next) else { return }
    for index in shards.indices {
      let shard = ShardID(index)
      let assignment = next.shards[index]
      switch change(of: shard, in: next) {
      case .none, .refused: break
      case .leaves:
        shards[index].status = .bePulling
        shards[index].left = next.number
        shards[index].leftClock = clock
      case .startsEmpty: shards[index] = Shard(limits: limits.sessions)
      case .comesBack: setServing(index)
      case .arrives:
        shards[index] = Shard(limits: limits.sessions)
        shards[index].status = .pulling
        shards[index].left = assignment.left
        shards[index].source = assignment.source
        arriving.append(shard)
      }
    }
    arriving.sort()
    configuration = next
    findDeadlines()
  }

  /// What the leader still has to do, by shard.
  package func duties() -> [Duty] {
    var duties: [Duty] = []
    for shard in arriving {
      let state = shards[shard.index]
      guard let record = configuration.record(of: state.source) else { continue }
      if state.status == .pulling {
        duties.append(
          .pull(
            shard, left: state.left, group: state.source, from: record,
            cursor: state.position.cursor))
      }
      if state.status == .gcing || bugs.contains(.sourceDeletedEarly) {
        duties.append(
          .requestDeletion(shard, left: state.left, group: state.source, from: record))
      }
    }
    return duties
  }

  /// The part of a shard after `cursor` (empty: from its beginning), about `bytesMax` bytes of it.
  ///
  /// While a shard is BePulling it does not change, so every replica that has come to the hand-over
  /// gives the same bytes, and the next chunk may be asked of another.
  package func shardChunk(
    _ shard: ShardID, left: ConfigNumber, cursor: [UInt8], bytesMax: Int
  ) -> ChunkAnswer {
    guard shard.index < shards.count else { return .gone }
    guard configuration.number >= left else { return .notReady }
    let state = shards[shard.index]
    if bugs.contains(.swapsDeadlock), !arriving.isEmpty { return .notReady }
    guard state.status == .bePulling, state.left == left else {
      guard bugs.contains(.sourceDeletedEarly), state.status == .serving else { return .gone }
      return .chunk(
        ShardChunk.encode(
          Shard(limits: limits.sessions), shard: shard, left: left,
          from: ShardPosition(cursor: cursor) ?? .start,
          clock: clock, sizes: (bytesMax, limits.pieceBytesMin)))
    }
    guard let position = ShardPosition(cursor: cursor), position != .end else { return .gone }
    return .chunk(
      ShardChunk.encode(
        state, shard: shard, left: left, from: position, clock: state.leftClock,
        withSessions: !bugs.contains(.sessionsLeftBehind), sizes: (bytesMax, limits.pieceBytesMin)))
  }

  /// What to do when the new owner says that it has committed the whole shard.
  package func deletion(_ shard: ShardID, left: ConfigNumber) -> DeletionAnswer {
    guard shard.index < shards.count else { return .alreadyDone }
    guard configuration.number >= left else { return .notReady }
    let state = shards[shard.index]
    return state.status == .bePulling && state.left == left ? .propose : .alreadyDone
  }

  mutating func install(_ shard: ShardID, left: ConfigNumber, chunk bytes: [UInt8]) {
    guard shard.index < shards.count, shards[shard.index].status == .pulling,
      shards[shard.index].left == left,
      let chunk = try? ShardChunk(
        bytes, shard: shard, left: left, onto: shards[shard.index],
        withVersions: !bugs.contains(.versionsReset))
    else { return }
    shards[shard.index] = chunk.result
    guard chunk.result.position == .end else { return }
    // Keys whose deadline is over by it are removed with the next entry.
    clock = max(clock, chunk.clock)
    shards[shard.index].status = .gcing
    findDeadlines()
  }

  mutating func delete(_ shard: ShardID, left: ConfigNumber) {
    guard shard.index < shards.count, shards[shard.index].status == .bePulling,
      shards[shard.index].left == left
    else { return }
    discarded += shards[shard.index].keys.removeAll()
    shards[shard.index] = Shard(limits: limits.sessions)
  }

  mutating func confirmDeletion(_ shard: ShardID, left: ConfigNumber) {
    guard shard.index < shards.count, shards[shard.index].status == .gcing,
      shards[shard.index].left == left
    else { return }
    setServing(shard.index)
    arriving.removeAll { $0 == shard }
  }

  private mutating func setServing(_ index: Int) {
    shards[index].status = .serving
    shards[index].left = .zero
    shards[index].source = .none
    shards[index].leftClock = 0
    shards[index].position = .start
  }
}
