import Basics

extension ByteMap {
  /// Sets a value; the result is the key's version: 1 for a new key, else one more than before.
  @discardableResult
  package mutating func put(_ key: [UInt8], _ value: [UInt8]) -> UInt64 {
    change(key, value, version: nil, isAppend: false)
  }

  /// Sets a value with a version that is known, of a map that is copied here in pieces.
  package mutating func put(_ key: [UInt8], _ value: [UInt8], version: UInt64) {
    _ = change(key, value, version: version, isAppend: false)
  }

  /// Puts bytes behind a value, or sets it if there is none; the result is as of ``put(_:_:)``.
  @discardableResult
  package mutating func append(_ key: [UInt8], _ suffix: [UInt8]) -> UInt64 {
    change(key, suffix, version: nil, isAppend: true)
  }

  /// Puts bytes behind a value without another version than the given.
  package mutating func append(_ key: [UInt8], _ suffix: [UInt8], version: UInt64) {
    _ = change(key, suffix, version: version, isAppend: true)
  }

  /// Removes a key; `false` if it is not there.
  package mutating func remove(_ key: [UInt8]) -> Bool {
    guard let size = withElement(of: key, { $0.key.count + $0.value.count }) else { return false }
    let root = uniqueRoot()
    key.withUnsafeBytes { Self.remove($0, from: root.view) }
    count -= 1
    bytes -= size
    let view = root.view
    if view.count == 0 {
      self.root = nil
    } else if !view.isLeaf, view.count == 1 {
      self.root = view.child(0).takeUnretainedValue()
    }
    return true
  }

  private struct Change {
    let key: UnsafeRawBufferPointer
    let value: UnsafeRawBufferPointer
    let isAppend: Bool
    /// The version to be set; `nil`: one more than before. Afterwards the version that was set.
    var version: UInt64?
    var countAdded = 0
    var bytesAdded = 0
    /// The key is the greatest of all: keys are probably put in ascending order.
    var isAtEnd = true
  }

  private mutating func change(
    _ key: [UInt8], _ value: [UInt8], version: UInt64?, isAppend: Bool
  ) -> UInt64 {
    let root = uniqueRoot()
    let done = key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        var change = Change(key: key, value: value, isAppend: isAppend, version: version)
        Self.apply(&change, to: root.view)
        return change
      }
    }
    count += done.countAdded
    bytes += done.bytesAdded
    if root.view.count == Node.capacity {
      let top = Node.make(isLeaf: false)
      let none = UnsafeRawBufferPointer(start: nil, count: 0)
      top.view.insert(
        .passRetained(Entry.make(key: none, version: 0, value: none)), child: .passRetained(root),
        at: 0)
      Self.splitChild(of: top.view, at: 0, isAtEnd: done.isAtEnd)
      self.root = top
    }
    return done.version ?? 0
  }

  /// The root, held by this map alone.
  private mutating func uniqueRoot() -> Node {
    if !isKnownUniquelyReferenced(&root) { root = root?.copy() ?? Node.make(isLeaf: true) }
    return root.unsafelyUnwrapped
  }

  /// A child of a node that is held by this map alone, made to be so too.
  private static func uniqueChild(of view: NodeView, at index: Int) -> NodeView {
    var child = view.child(index).takeRetainedValue()
    if !isKnownUniquelyReferenced(&child) { child = child.copy() }
    view.setChild(index, .passRetained(child))
    return child.view
  }

  private static func apply(_ change: inout Change, to view: NodeView) {
    guard !view.isLeaf else {
      applyToLeaf(&change, view)
      return
    }
    let index = view.childIndex(change.key)
    if index + 1 < view.count { change.isAtEnd = false }
    let child = uniqueChild(of: view, at: index)
    apply(&change, to: child)
    if child.count == Node.capacity {
      splitChild(of: view, at: index, isAtEnd: change.isAtEnd)
    }
  }

  private static func applyToLeaf(_ change: inout Change, _ view: NodeView) {
    let place = view.locate(change.key)
    guard place.isFound else {
      if place.index < view.count { change.isAtEnd = false }
      let version = change.version ?? 1
      let entry = Entry.make(key: change.key, version: version, value: change.value)
      view.insert(.passRetained(entry), at: place.index)
      change.version = version
      change.countAdded = 1
      change.bytesAdded = change.key.count + change.value.count
      return
    }
    change.isAtEnd = false
    var entry = view.key(place.index).takeRetainedValue()
    let isUnique = isKnownUniquelyReferenced(&entry)
    let version = change.version ?? entry.header.version + 1
    let size = entry.value.count
    if change.isAppend {
      if !isUnique || !entry.appendValue(change.value, version: version) {
        // A value that grows is likely to grow again.
        let spare = (size + change.value.count) / 4
        entry = Entry.make(
          key: entry.key, version: version, value: entry.value, suffix: change.value, spare: spare)
      }
    } else if !isUnique || !entry.replaceValue(with: change.value, version: version) {
      entry = Entry.make(key: entry.key, version: version, value: change.value)
    }
    change.version = version
    change.bytesAdded = entry.value.count - size
    view.setKey(place.index, .passRetained(entry))
  }

  /// Makes two children of one that is full.
  private static func splitChild(of parent: NodeView, at index: Int, isAtEnd: Bool) {
    let left = uniqueChild(of: parent, at: index)
    // Keys that are put in ascending order leave full leaves behind. An inner node keeps at least
    // `countMin` children on both sides, so that each of its leaves has a neighbour to join.
    let cut =
      switch (left.isLeaf, isAtEnd) {
      case (true, true): left.count - 1
      case (false, true): left.count - Node.countMin
      default: left.count / 2
      }
    let right = Node.make(isLeaf: left.isLeaf)
    right.view.append(from: left, cut..<left.count)
    left.truncate(to: cut)
    parent.insert(
      bound(between: left, and: right.view), child: .passRetained(right), at: index + 1)
    left.fit(fence: parent.fence(ofChild: index))
    right.view.fit(fence: parent.fence(ofChild: index + 1))
  }

  /// The shortest key that is above all of `left` and not above any of `right`.
  private static func bound(between left: NodeView, and right: NodeView) -> Unmanaged<Entry> {
    let next = right.key(0)
    guard left.isLeaf else { return next.retain() }
    let shared = left.count > 0 ? commonPrefix(left.key(left.count - 1).key, next.key) : 0
    let key = UnsafeRawBufferPointer(rebasing: next.key.prefix(shared + 1))
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    return .passRetained(Entry.make(key: key, version: 0, value: none))
  }

  /// Removes a key that is there.
  private static func remove(_ key: UnsafeRawBufferPointer, from view: NodeView) {
    guard !view.isLeaf else {
      let place = view.locate(key)
      invariant(place.isFound, "a key vanished on the way to its leaf")
      view.remove(at: place.index)
      return
    }
    let index = view.childIndex(key)
    let child = uniqueChild(of: view, at: index)
    remove(key, from: child)
    if child.count < Node.countMin {
      join(childrenOf: view, at: max(0, min(index, view.count - 2)))
    }
  }

  /// Makes one child of two neighbours of which one has become small, or shares evenly between
  /// them.
  private static func join(childrenOf parent: NodeView, at index: Int) {
    invariant(index + 1 < parent.count, "a node of \(parent.count) children has one too small")
    let left = uniqueChild(of: parent, at: index)
    let right = uniqueChild(of: parent, at: index + 1)
    let total = left.count + right.count
    if total <= Node.capacity * 3 / 4 {
      left.append(from: right, 0..<right.count)
      parent.remove(at: index + 1)
      left.fit(fence: parent.fence(ofChild: index))
      return
    }
    let half = total / 2
    if left.count < half {
      let moved = half - left.count
      left.append(from: right, 0..<moved)
      right.removeFirst(moved)
    } else {
      right.prepend(from: left, half..<left.count)
      left.truncate(to: half)
    }
    parent.replaceKey(at: index + 1, with: bound(between: left, and: right))
    left.fit(fence: parent.fence(ofChild: index))
    right.fit(fence: parent.fence(ofChild: index + 1))
  }
}
