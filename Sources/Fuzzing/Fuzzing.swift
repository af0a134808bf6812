import Basics

/// Something that a parser must not do.
package struct Finding: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }
}

/// Gives inputs to parsers. An input follows from the seed and its number alone, in each process.
package protocol InputPlayer {
  /// As `program` gives them to a person: what it is for, and how it is called.
  static var program: StaticString { get }
  static var summary: String { get }

  init(seed: UInt64)

  var seed: UInt64 { get }

  /// Plays one input. Throws what a parser did wrong.
  mutating func play(_ number: Int) throws(Finding)

  /// An input for a person.
  func text(of number: Int) -> String

  /// What came of all inputs that were played: how often, and a name. What never did is named, too.
  var ends: [(name: String, count: Int)] { get }

  /// Further lines for the end of a run.
  var remarks: [String] { get }
}

extension InputPlayer {
  /// The names of what never happened.
  package var missing: [String] { ends.filter { $0.count == 0 }.map(\.name) }

  /// What an input is made with, and after that how it is given.
  package static func generator(seed: UInt64, number: Int) -> SeededGenerator {
    var root = SeededGenerator(seed: seed)
    return SeededGenerator(seed: root.next() &+ UInt64(bitPattern: Int64(number)))
  }
}

extension SeededGenerator {
  package mutating func element<Element>(of list: [Element]) -> Element {
    list[next(in: 0..<list.count)]
  }

  package mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(next(in: 0...255)) }
  }
}
