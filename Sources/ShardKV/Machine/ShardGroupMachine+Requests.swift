import Basics
import Sessions
import ShardMap

extension ShardGroupMachine {
  /// Why the leader should not propose a write; `nil`: it should. What is still in the log may
  /// change that, so ownership and session are looked at again when it is applied.
  package func refusal(write id: WriteID, key: [UInt8], operation: WriteOperation) -> WriteRefusal?
  {
    let shard = layout.shard(of: key)
    guard canServe(shard) else { return awaitsData(shard) ? .notReady : .wrongGroup }
    switch shards[shard.index].sessions.verdict(for: id) {
    case .expired: return bugs.contains(.expiredSessionsWrite) ? nil : .expired
    case .repeated(let code):
      if case .write(let answer) = AnswerCode.decode(code) { return .answered(answer) }
      return .tooLarge
    case .new: return Self.isTooLarge(key: key, operation) ? .tooLarge : nil
    }
  }

  /// Reads the applied state; whether that is new enough is for Raft to say.
  package func read(key: [UInt8]) -> ReadAnswer {
    let shard = layout.shard(of: key)
    guard canServe(shard) else { return awaitsData(shard) ? .notReady : .wrongGroup }
    guard let entry = shards[shard.index].keys.value(of: key, now: clock) else { return .noKey }
    return .value(entry.value, version: entry.marks.version)
  }

  /// A new session of a shard; `nil` if the shard is not served here. `nonce` is random.
  package func issueSession(shard: ShardID, nonce: UInt64) -> SessionID? {
    guard canServe(shard) else { return nil }
    return shards[shard.index].sessions.issue(nonce: nonce, clock: clock)
  }

  mutating func applyWrite(_ id: WriteID, key: [UInt8], _ operation: WriteOperation) -> Output {
    let shard = layout.shard(of: key)
    guard canServe(shard) || bugs.contains(.ownershipOnlyWhenProposing) else { return .wrongGroup }
    switch shards[shard.index].sessions.admit(id, clock: clock) {
    case .expired:
      return bugs.contains(.expiredSessionsWrite)
        ? perform(operation, on: key, in: shard.index) : .expired
    case .repeated(let code) where !bugs.contains(.repeatsOnlyWhenProposing):
      return AnswerCode.decode(code)
    case .new, .repeated: break
    }
    let output = perform(operation, on: key, in: shard.index)
    noteDeadline(shard.index)
    shards[shard.index].sessions.record(id, answer: AnswerCode.encode(output), clock: clock)
    return output
  }

  private mutating func perform(_ operation: WriteOperation, on key: [UInt8], in shard: Int)
    -> Output
  {
    if Self.isTooLarge(key: key, operation) { return .tooLarge }
    switch operation {
    case .put(let value):
      return .write(.written(version: shards[shard].keys.put(key, value, now: clock)))
    case .append(let suffix):
      let size = shards[shard].keys.valueBytes(of: key, now: clock) ?? 0
      if size + suffix.count > Limits.valueBytesMax { return .tooLarge }
      return .write(.written(version: shards[shard].keys.append(key, suffix, now: clock)))
    case .delete:
      let isRemoved = shards[shard].keys.remove(key, now: clock)
      return .write(isRemoved ? .written(version: 0) : .missing)
    case .compareAndSet(let expected, let value):
      let isEqual = shards[shard].keys.isValue(of: key, expected, now: clock)
      guard isEqual else { return .write(.compareFailed) }
      return .write(.written(version: shards[shard].keys.put(key, value, now: clock)))
    }
  }

  private static func isTooLarge(key: [UInt8], _ operation: WriteOperation) -> Bool {
    if key.count > Limits.keyBytesMax { return true }
    switch operation {
    case .put(let value), .append(let value), .compareAndSet(_, let value):
      return value.count > Limits.valueBytesMax
    case .delete: return false
    }
  }
}
