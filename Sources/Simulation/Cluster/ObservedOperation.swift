import Clerk
import ShardMap
import Wire

extension RegisterOperation.Input {
  /// What a clerk is asked to do for it; `anywhere`: any replica may answer a read.
  package func clerkOperation(key: [UInt8], anywhere: Bool = false) -> ClerkOperation {
    switch self {
    case .get: .get(key: key, anywhere ? .linearizableAnywhere : .linearizable)
    case .put(let value): .write(key: key, .put(value: value))
    case .append(let value): .write(key: key, .append(value: value))
    case .delete: .write(key: key, .delete)
    case .compareAndSet(let expected, let value):
      .write(key: key, .compareAndSet(expected: expected, value: value))
    }
  }
}

/// What a client learned of an operation from its clerk.
package enum Observed {
  /// It happened and answered this.
  case happened(RegisterOperation.Output)
  /// It may have happened, or may still.
  case unknown
  /// It did not happen.
  case didNotHappen
  /// No server may answer this.
  case nonsense(String)

  package init(_ outcome: ClerkOutcome) {
    switch outcome {
    case .reply(.value(let value, let version)):
      self = .happened(.value(value, version: version))
    case .reply(.noKey): self = .happened(.value(nil, version: nil))
    case .reply(.written(.written(let version))): self = .happened(.written(version: version))
    case .reply(.written(.missing)): self = .happened(.missing)
    case .reply(.written(.compareFailed)): self = .happened(.compareFailed)
    case .reply(let body): self = .nonsense("\(body)")
    case .failed(let error):
      self =
        error.code == .invalid
        ? .nonsense("\(error)") : error.mayHaveBeenApplied ? .unknown : .didNotHappen
    }
  }
}
