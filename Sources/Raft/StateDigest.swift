/// What a replica's state was after an entry of the log, in so few bytes that it can be sent to all
/// others: one hash for each part of the state.
package struct StateDigest: Hashable, Sendable {
  /// One part of the state. Which parts there are and what their numbers mean is the machine's.
  package struct Part: Hashable, Sendable {
    package var number: Int
    package var hash: UInt64

    package init(number: Int, hash: UInt64) {
      self.number = number
      self.hash = hash
    }
  }

  package var index: LogIndex
  /// Says how the state was made bytes: what has another format cannot be compared.
  package var format: Int
  /// Ascending by number; a part that is as in a new machine may be left out.
  package var parts: [Part]

  package init(index: LogIndex, format: Int, parts: [Part]) {
    self.index = index
    self.format = format
    self.parts = parts
  }

  /// Whether the two say anything about each other.
  package func isComparable(with other: StateDigest) -> Bool {
    index == other.index && format == other.format
  }

  /// The numbers of the parts that are not the same, ascending.
  package func parts(differingFrom other: StateDigest) -> [Int] {
    var hashes: [Int: UInt64] = [:]
    for part in other.parts { hashes[part.number] = part.hash }
    var differing: [Int] = []
    for part in parts where hashes.removeValue(forKey: part.number) != part.hash {
      differing.append(part.number)
    }
    return (differing + hashes.keys).sorted()
  }
}

/// What a replica tells the other members of its group of its state.
package struct StateReport: Hashable, Sendable {
  package var digest: StateDigest
  /// Its disk may lack something that it acknowledged: nobody may rely on it.
  package var isInDoubt: Bool

  package init(digest: StateDigest, isInDoubt: Bool) {
    self.digest = digest
    self.isInDoubt = isInDoubt
  }
}
