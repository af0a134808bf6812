import Basics

extension ByteMap {
  /// What a change says of a key besides its value.
  struct Update {
    /// To be set; `nil`: one more than before, and 1 for a key that was not there.
    var version: UInt64?
    var modified: UInt64 = 0
    /// To be set, 0 being none; `nil`: as before.
    var deadline: UInt64? = 0
    /// A key whose deadline is before this moment was not there.
    var now: UInt64 = 0
  }

  /// What a change of a key has led to.
  struct Changed {
    var marks = EntryMarks(version: 0)
    /// The deadline of the entry that stood there, 0 for none.
    var oldDeadline: UInt64 = 0
  }

  /// Sets a value.
  @discardableResult
  mutating func put(_ key: [UInt8], _ value: [UInt8], _ update: Update = Update()) -> Changed {
    change(key, value, update, isAppend: false)
  }

  /// Puts bytes behind a value, or sets it if there is none.
  @discardableResult
  mutating func append(
    _ key: [UInt8], _ suffix: [UInt8], _ update: Update = Update(deadline: nil)
  ) -> Changed {
    change(key, suffix, update, isAppend: true)
  }

  /// Removes a key and gives what was kept of it; `nil` if it is not there.
  mutating func remove(_ key: [UInt8]) -> EntryMarks? {
    guard
      let (size, marks) = withElement(
        of: key, { ($0.key.count + $0.value.count, $0.marks) })
    else { return nil }
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
    return marks
  }

  private struct Change {
    let key: UnsafeRawBufferPointer
    let value: UnsafeRawBufferPointer
    let isAppend: Bool
    let update: Update
    var changed = Changed()
    var countAdded = 0
    var bytesAdded = 0
    /// The key is the greatest of all: keys are probably put in ascending order.
    var isAtEnd = true

    init(
      _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ update: Update,
      isAppend: Bool
    ) {
      self.key = key
      self.value = value
      self.update = update
      self.isAppend = isAppend
    }

    /// The marks to be set where `old` were; `nil`: the key was not there.
    mutating func settle(after old: EntryMarks?) -> EntryMarks {
      let marks = EntryMarks(
        version: update.version ?? (old?.version ?? 0) + 1, modified: update.modified,
        deadline: update.deadline ?? old?.deadline ?? 0)
      changed.marks = marks
      return marks
    }
  }

  private mutating func change(
    _ key: [UInt8], _ value: [UInt8], _ update: Update, isAppend: Bool
  ) -> Changed {
    let root = uniqueRoot()
    let done = key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        var change = Change(key, value, update, isAppend: isAppend)
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
        Entry.make(key: none, marks: Self.boundMarks, value: none), child: .passRetained(root),
        at: 0)
      Self.splitChild(of: top.view, at: 0, isAtEnd: done.isAtEnd)
      self.root = top
    }
    return done.changed
  }

  /// A bound between nodes is no key.
  private static var boundMarks: EntryMarks { EntryMarks(version: 1) }

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
      let entry = Entry.make(key: change.key, marks: change.settle(after: nil), value: change.value)
      view.insert(entry, at: place.index)
      change.countAdded = 1
      change.bytesAdded = change.key.count + change.value.count
      return
    }
    change.isAtEnd = false
    let entry = view.key(place.index)
    let old = entry.marks
    let isAlive = old.isAlive(at: change.update.now)
    let marks = change.settle(after: isAlive ? old : nil)
    change.changed.oldDeadline = old.deadline
    change.bytesAdded = change.value.count
    if change.isAppend, isAlive {
      if entry.isUnique, entry.appendValue(change.value, marks: marks) { return }
      // A value that grows is likely to grow again.
      let spare = (entry.value.count + change.value.count) / 4
      view.setKey(
        place.index,
        Entry.make(
          key: entry.key, marks: marks, value: entry.value, suffix: change.value, spare: spare))
    } else {
      change.bytesAdded -= entry.value.count
      if entry.isUnique, entry.replaceValue(with: change.value, marks: marks) { return }
      view.setKey(
        place.index, Entry.make(key: entry.key, marks: marks, value: change.value))
    }
    entry.release()
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
  private static func bound(between left: NodeView, and right: NodeView) -> Entry {
    let next = right.key(0)
    guard left.isLeaf else { return next.retain() }
    let shared = left.count > 0 ? commonPrefix(left.key(left.count - 1).key, next.key) : 0
    let key = UnsafeRawBufferPointer(rebasing: next.key.prefix(shared + 1))
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    return Entry.make(key: key, marks: boundMarks, value: none)
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
