import Basics

/// A map from bytes to bytes with a version and other marks for each key, in ascending order of the
/// keys.
///
/// A copy-on-write B+tree: copying the map is O(1) and shares everything; the first change after
/// that copies one path from the root to a leaf. An entry is one allocation.
///
/// Unchecked sendable: nodes and entries are changed only through a map that holds the one
/// reference to them, and reference counts are atomic, so that copies of a map are independent
/// values.
package struct ByteMap: @unchecked Sendable {
  var root: Node?
  /// Keys in the map.
  package internal(set) var count = 0
  /// Bytes of all keys and values.
  package internal(set) var bytes = 0

  package init() {}

  package var isEmpty: Bool { count == 0 }

  /// One entry while it is looked at: its bytes are valid only until the call that gave it returns.
  package struct Element {
    package let key: UnsafeRawBufferPointer
    package let value: UnsafeRawBufferPointer
    let marks: EntryMarks

    @inline(__always)
    init(_ entry: Entry) {
      key = entry.key
      value = entry.value
      marks = entry.marks
    }
  }

  package func value(of key: [UInt8]) -> (value: [UInt8], version: UInt64)? {
    withElement(of: key) { (Array($0.value), $0.marks.version) }
  }

  /// Looks at an entry without copying it.
  package func withElement<Result>(of key: [UInt8], _ body: (Element) -> Result) -> Result? {
    key.withUnsafeBytes { key in
      find(key).map { body(Element($0)) }
    }
  }

  /// Visits the entries in ascending order, only those with a key above `cursor` if there is one,
  /// until `body` returns `false`.
  package func forEach(after cursor: [UInt8]? = nil, _ body: (Element) -> Bool) {
    guard let root else { return }
    if let cursor {
      _ = cursor.withUnsafeBytes { Self.visit(root.view, after: $0, body) }
    } else {
      _ = Self.visit(root.view, after: nil, body)
    }
  }

  private func find(_ key: UnsafeRawBufferPointer) -> Entry? {
    guard let root else { return nil }
    var view = root.view
    while !view.isLeaf {
      view = view.child(view.childIndex(key))._withUnsafeGuaranteedRef { $0.view }
    }
    let place = view.locate(key)
    return place.isFound ? view.key(place.index) : nil
  }

  private static func visit(
    _ view: NodeView, after cursor: UnsafeRawBufferPointer?, _ body: (Element) -> Bool
  ) -> Bool {
    guard !view.isLeaf else {
      let place = cursor.map { view.locate($0) } ?? (index: 0, isFound: false)
      for index in (place.isFound ? place.index + 1 : place.index)..<view.count {
        guard body(Element(view.key(index))) else { return false }
      }
      return true
    }
    let start = cursor.map { view.childIndex($0) } ?? 0
    for index in start..<view.count {
      let child = view.child(index)._withUnsafeGuaranteedRef { $0.view }
      guard visit(child, after: index == start ? cursor : nil, body) else { return false }
    }
    return true
  }

  /// Any entry, each as probably as another; `nil` if there is none.
  ///
  /// Goes down by places that are drawn among all that a node has room for, and begins again at one
  /// that is empty, so that a key in a full leaf is no rarer than one in a small leaf. All leaves
  /// are equally deep.
  func withAnyElement<Result>(
    _ random: inout SeededGenerator, _ body: (Element) -> Result
  ) -> Result? {
    guard let root else { return nil }
    while true {
      var view = root.view
      var index = random.next(in: 0..<view.count)
      while !view.isLeaf, index < view.count {
        view = view.child(index)._withUnsafeGuaranteedRef { $0.view }
        index = random.next(in: 0..<Node.capacity)
      }
      guard index < view.count else { continue }
      return body(Element(view.key(index)))
    }
  }
}
