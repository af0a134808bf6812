/// One operation of one client on one key, with when it began and ended by the simulator's clock.
package struct RegisterOperation: Hashable, Sendable, CustomStringConvertible {
  package enum Input: Hashable, Sendable {
    case get
    case put([UInt8])
    case append([UInt8])
    case delete
    /// `expected` `nil`: the key must be absent.
    case compareAndSet(expected: [UInt8]?, value: [UInt8])
  }

  package enum Output: Hashable, Sendable {
    /// The value, `nil` if the key is absent, and its version if the client was told.
    case value([UInt8]?, version: UInt64?)
    /// Done, with the key's version after it if the client was told.
    case written(version: UInt64?)
    /// There was nothing to delete.
    case missing
    /// The key did not hold the expected value.
    case compareFailed
  }

  /// The time of a return that never came.
  package static let never = UInt64.max

  package var client: Int
  package var call: UInt64
  /// ``never`` if the outcome is unknown: then it may take effect at any time after `call`.
  package var `return`: UInt64
  package var input: Input
  /// `nil` exactly if the outcome is unknown.
  package var output: Output?

  package init(
    client: Int, call: UInt64, return: UInt64 = RegisterOperation.never, input: Input,
    output: Output? = nil
  ) {
    self.client = client
    self.call = call
    self.return = output == nil ? Self.never : `return`
    self.input = input
    self.output = output
  }

  package var isRead: Bool { input == .get }

  package var description: String {
    let end = self.return == Self.never ? "never" : String(self.return)
    return "[\(call), \(end)] client \(client): \(inputText) -> \(outputText)"
  }

  /// What was asked for, for people.
  package var inputText: String {
    switch input {
    case .get: "get"
    case .put(let value): "put \(Self.text(value))"
    case .append(let value): "append \(Self.text(value))"
    case .delete: "delete"
    case .compareAndSet(let expected, let value):
      "compare-and-set \(expected.map(Self.text) ?? "absent") to \(Self.text(value))"
    }
  }

  /// What was answered, for people.
  package var outputText: String {
    func versionText(_ version: UInt64?) -> String { version.map { " (version \($0))" } ?? "" }
    return switch output {
    case nil: "unknown"
    case .value(nil, let version): "absent" + versionText(version)
    case .value(let value?, let version): Self.text(value) + versionText(version)
    case .written(let version): "written" + versionText(version)
    case .missing: "missing"
    case .compareFailed: "compare failed"
    }
  }

  /// The value between quotes; of a long one only its end, which is where appends differ.
  static func text(_ value: [UInt8]) -> String {
    let shown = value.suffix(40)
    let head = shown.count < value.count ? "…(\(value.count) B)" : ""
    return "\"" + head + String(decoding: shown, as: UTF8.self) + "\""
  }
}

extension RegisterOperation {
  /// The same without what the client was told of versions: every order of it is one of that too.
  var withoutVersion: RegisterOperation {
    var operation = self
    switch output {
    case .value(let value, _): operation.output = .value(value, version: nil)
    case .written: operation.output = .written(version: nil)
    case .missing, .compareFailed, nil: break
    }
    return operation
  }

  /// The version that the client was told.
  var version: UInt64? {
    switch output {
    case .value(_, let version), .written(let version): version
    case .missing, .compareFailed, nil: nil
    }
  }
}

/// What a key holds.
package struct RegisterValue: Hashable, Sendable {
  /// `nil`: the key is absent.
  package var value: [UInt8]?
  /// How many writes there were since the key was absent.
  package var version: UInt64

  package static let absent = RegisterValue(value: nil, version: 0)

  package init(value: [UInt8]?, version: UInt64) {
    self.value = value
    self.version = version
  }

  /// Does what `input` does to a key.
  package mutating func apply(_ input: RegisterOperation.Input) {
    switch input {
    case .get: return
    case .put(let new): value = new
    case .append(let more): value = (value ?? []) + more
    case .delete:
      self = .absent
      return
    case .compareAndSet(let expected, let new):
      guard value == expected else { return }
      value = new
    }
    version += 1
  }
}
