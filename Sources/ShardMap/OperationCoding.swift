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
}
