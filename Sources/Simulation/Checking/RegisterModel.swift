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
    return "[\(call), \(end)] client \(client): \(Self.text(input)) -> \(Self.text(output))"
  }

  private static func text(_ input: Input) -> String {
    switch input {
    case .get: "get"
    case .put(let value): "put \(text(value))"
    case .append(let value): "append \(text(value))"
    case .delete: "delete"
    case .compareAndSet(let expected, let value):
      "compare-and-set \(expected.map(text) ?? "absent") to \(text(value))"
    }
  }

  private static func text(_ output: Output?) -> String {
    func versionText(_ version: UInt64?) -> String { version.map { " (version \($0))" } ?? "" }
    return switch output {
    case nil: "unknown"
    case .value(nil, let version): "absent" + versionText(version)
    case .value(let value?, let version): text(value) + versionText(version)
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

/// What a key holds: the specification that histories are checked against.
package struct RegisterState: Sendable {
  package private(set) var value: [UInt8]?
  package private(set) var version: UInt64 = 0
  /// A hash that is the same in every process, for the checker's cache.
  private(set) var digest: UInt64 = Self.emptyDigest

  private static let emptyDigest: UInt64 = 0xCBF2_9CE4_8422_2325

  package init() {}

  /// The state after `input` if it may answer `output` here, `nil` if it may not. Without an output
  /// every input is possible.
  package func step(
    _ input: RegisterOperation.Input, _ output: RegisterOperation.Output?
  ) -> RegisterState? {
    switch input {
    case .get:
      guard let output else { return self }
      guard case .value(let read, let version) = output, read == value else { return nil }
      return version == nil || version == self.version ? self : nil
    case .put(let new):
      return changed(output) { $0.set(new) }
    case .append(let more):
      return changed(output) { $0.extend(more) }
    case .delete:
      if value == nil { return output == nil || output == .missing ? self : nil }
      return changed(output) { $0 = RegisterState() }
    case .compareAndSet(let expected, let new):
      if value != expected { return output == nil || output == .compareFailed ? self : nil }
      return changed(output) { $0.set(new) }
    }
  }

  private func changed(
    _ output: RegisterOperation.Output?, by change: (inout RegisterState) -> Void
  ) -> RegisterState? {
    var next = self
    switch output {
    case nil:
      change(&next)
      return next
    case .written(let version):
      change(&next)
      return version == nil || version == next.version ? next : nil
    case .value, .missing, .compareFailed:
      return nil
    }
  }

  private mutating func set(_ new: [UInt8]) {
    value = []
    digest = Self.emptyDigest
    extend(new)
  }

  private mutating func extend(_ more: [UInt8]) {
    value = (value ?? []) + more
    version += 1
    for byte in more { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
  }
}

extension RegisterState: Equatable {
  package static func == (left: RegisterState, right: RegisterState) -> Bool {
    left.digest == right.digest && left.version == right.version && left.value == right.value
  }
}
