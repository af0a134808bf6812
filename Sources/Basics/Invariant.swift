/// Stops the process when an invariant is broken, with the state in the message.
///
/// `assert` vanishes in release builds and `precondition` loses its message there; this does
/// neither.
package func invariant(
  _ holds: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID,
  line: UInt = #line
) {
  if !holds { fatalError("invariant broken: \(message())", file: file, line: line) }
}
