extension [UInt8] {
  /// Adds bytes that have come to those of a connection, of which the first `read` are done with.
  ///
  /// Drops these when nothing else is left, or when they are most of all: so each byte is moved
  /// once on average, however small the pieces are. `read` is set to where the others begin now.
  package mutating func append(_ piece: [UInt8], read: inout Int) {
    if read == count {
      self = piece
      read = 0
      return
    }
    if read > count / 2 {
      removeSubrange(..<read)
      read = 0
    }
    append(contentsOf: piece)
  }
}
