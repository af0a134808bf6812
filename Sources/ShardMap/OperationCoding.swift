import Basics

private enum OperationTag: UInt8 {
  case put = 0
  case append = 1
  case delete = 2
  case setIfAbsent = 3
  case setIfEqual = 4
}

private enum AnswerTag: UInt8 {
  case written = 0
  case missing = 1
  case compareFailed = 2
}

private enum ControlTag: UInt8 {
  case join = 0
  case leave = 1
  case forcedLeave = 2
  case move = 3
}

/// The binary form of what clients ask for, and of the answers that sessions keep.
extension ByteWriter {
  package mutating func writeOperation(_ operation: WriteOperation) {
    switch operation {
    case .put(let value):
      u8(OperationTag.put.rawValue)
      blob(value)
    case .append(let value):
      u8(OperationTag.append.rawValue)
      blob(value)
    case .delete:
      u8(OperationTag.delete.rawValue)
    case .compareAndSet(nil, let value):
      u8(OperationTag.setIfAbsent.rawValue)
      blob(value)
    case .compareAndSet(let expected?, let value):
      u8(OperationTag.setIfEqual.rawValue)
      blob(expected)
      blob(value)
    }
  }

  package mutating func writeAnswer(_ answer: WriteAnswer) {
    switch answer {
    case .written(let version):
      u8(AnswerTag.written.rawValue)
      varint(version)
    case .missing: u8(AnswerTag.missing.rawValue)
    case .compareFailed: u8(AnswerTag.compareFailed.rawValue)
    }
  }

  package mutating func controlCommand(_ command: ControlCommand) {
    switch command {
    case .join(let requests):
      u8(ControlTag.join.rawValue)
      varint(requests.count)
      for request in requests {
        groupID(request.group)
        varint(request.seeds.count)
        for seed in request.seeds { text(seed) }
      }
    case .leave(let groups, let force):
      u8((force ? ControlTag.forcedLeave : ControlTag.leave).rawValue)
      varint(groups.count)
      for group in groups { groupID(group) }
    case .move(let shard, let group):
      u8(ControlTag.move.rawValue)
      shardID(shard)
      groupID(group)
    }
  }
}

/// Reads what the writer's functions of the same names wrote; throws on what no writer makes.
extension ByteReader {
  package mutating func writeOperation() throws(ByteError) -> WriteOperation {
    let start = offset
    guard let tag = OperationTag(rawValue: try u8("kind of write")) else {
      throw .malformed(field: "kind of write", offset: start)
    }
    switch tag {
    case .put: return .put(value: try blob("value"))
    case .append: return .append(value: try blob("value"))
    case .delete: return .delete
    case .setIfAbsent: return .compareAndSet(expected: nil, value: try blob("value"))
    case .setIfEqual:
      return .compareAndSet(expected: try blob("expected value"), value: try blob("value"))
    }
  }

  package mutating func writeAnswer() throws(ByteError) -> WriteAnswer {
    let start = offset
    guard let tag = AnswerTag(rawValue: try u8("kind of answer")) else {
      throw .malformed(field: "kind of answer", offset: start)
    }
    switch tag {
    case .written: return .written(version: try varint("version"))
    case .missing: return .missing
    case .compareFailed: return .compareFailed
    }
  }

  package mutating func controlCommand() throws(ByteError) -> ControlCommand {
    let start = offset
    guard let tag = ControlTag(rawValue: try u8("kind of control command")) else {
      throw .malformed(field: "kind of control command", offset: start)
    }
    switch tag {
    case .join: return .join(try joinRequests())
    case .leave: return .leave(try groupIDs(), force: false)
    case .forcedLeave: return .leave(try groupIDs(), force: true)
    case .move: return .move(try shardID("shard"), to: try groupID("group"))
    }
  }

  private mutating func joinRequests() throws(ByteError) -> [JoinRequest] {
    let groupCount = try count("number of groups", limit: remaining)
    var requests: [JoinRequest] = []
    for _ in 0..<groupCount {
      let group = try groupID("group")
      let seedCount = try count("number of seeds", limit: remaining)
      var seeds: [String] = []
      for _ in 0..<seedCount { seeds.append(try text("seed address")) }
      requests.append(JoinRequest(group: group, seeds: seeds))
    }
    return requests
  }

  private mutating func groupIDs() throws(ByteError) -> [GroupID] {
    let groupCount = try count("number of groups", limit: remaining)
    var groups: [GroupID] = []
    for _ in 0..<groupCount { groups.append(try groupID("group")) }
    return groups
  }
}
