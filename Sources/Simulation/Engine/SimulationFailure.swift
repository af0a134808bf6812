/// Why a run is a failure.
package struct SimulationFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    case wrongResult = "wrong result"
    case noProgress = "no progress"
  }

  package var kind: Kind
  /// Virtual nanoseconds.
  package var time: UInt64
  package var message: String

  package var description: String {
    "\(kind.rawValue) at \(Simulator.text(of: time)): \(message)"
  }
}
