/// Keeps the large value that holds one at its place while it is read.
///
/// A struct of known layout is copied to the stack for each call of a function that does not change
/// it, however large it is: a node is 4 KB, and one turn asked itself and its parts some thirty
/// questions. The layout of an existential is only known while running, so a struct with one is
/// handed over by its address, and none of those copies is made.
package struct Anchor: Sendable {
  private let unknown: (any Sendable)?

  package init() { unknown = nil }
}
