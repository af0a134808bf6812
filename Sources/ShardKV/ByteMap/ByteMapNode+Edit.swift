// Changes of one node that is held by nobody else. Keys and children are passed with the reference
// that the node then owns.

extension NodeView {
  /// Puts a key (and in an inner node its child) at `index`.
  func insert(_ key: Entry, child: Unmanaged<Node>? = nil, at index: Int) {
    if skip > fence {
      // The keys here may share more than what sends them here; a new one need not.
      let shared = count > first ? commonPrefix(key.key, self.key(first).key) : 0
      if shared < skip { setSkip(max(fence, shared)) }
    }
    shift(from: index, by: 1)
    setKey(index, key)
    setWord(index, index < first ? 0 : keyWord(key.key, at: self.skip))
    if let child { setChild(index, child) }
    count += 1
    // While a node fills, its keys turn out to have more in common than was known of them.
    if count == 8 || count == 32 { fit(fence: fence) }
  }

  /// Takes a key (and in an inner node its child) out and gives up its references.
  func remove(at index: Int) {
    key(index).release()
    if !isLeaf { child(index).release() }
    shift(from: index + 1, by: -1)
    shrink(to: count - 1)
  }

  /// Puts another key in the place of the one at `index`, in the same order.
  func replaceKey(at index: Int, with key: Entry) {
    self.key(index).release()
    setKey(index, key)
    fit(fence: fence)
  }

  /// Appends what another node has in `range`, which both have afterwards.
  func append(from source: NodeView, _ range: Range<Int>) {
    for index in range { source.key(index).retain() }
    if !isLeaf {
      for index in range { _ = source.child(index).retain() }
    }
    for column in 0..<(isLeaf ? 2 : 3) {
      let offset = column * Node.capacity * 8
      (base + offset + count * 8).copyMemory(
        from: source.base + offset + range.lowerBound * 8, byteCount: range.count * 8)
    }
    count += range.count
  }

  /// Puts in front what another node has in `range`, which both have afterwards.
  func prepend(from source: NodeView, _ range: Range<Int>) {
    let behind = count
    shift(from: 0, by: range.count)
    count = 0
    append(from: source, range)
    count += behind
  }

  /// Gives up what is before `index`.
  func removeFirst(_ index: Int) {
    for position in 0..<index { key(position).release() }
    if !isLeaf {
      for position in 0..<index { child(position).release() }
    }
    shift(from: index, by: -index)
    shrink(to: count - index)
  }

  /// Gives up what is at `index` and behind it.
  func truncate(to index: Int) {
    for position in index..<count { key(position).release() }
    if !isLeaf {
      for position in index..<count { child(position).release() }
    }
    shrink(to: index)
  }

  /// Takes over a new fence and chooses the words anew.
  func fit(fence: Int) {
    header.pointee.fence = UInt32(fence)
    var skip = fence
    if count > first + 1 {
      let shared = commonPrefix(key(first).key, key(count - 1).key)
      // Each search has to compare what lies between fence and skip: not worth it for few bytes.
      if shared >= fence + 3 { skip = shared }
    }
    setSkip(skip)
  }

  /// The bytes that all keys of child `index` have in common, by the bounds around it.
  func fence(ofChild index: Int) -> Int {
    guard index + 1 < count else { return fence }
    return max(fence, commonPrefix(key(index).key, key(index + 1).key))
  }

  private func shrink(to newCount: Int) {
    for index in newCount..<count { setWord(index, UInt64.max) }
    count = newCount
  }

  private func setSkip(_ skip: Int) {
    header.pointee.skip = UInt32(skip)
    if !isLeaf { setWord(0, 0) }
    for index in first..<max(first, count) { setWord(index, keyWord(key(index).key, at: skip)) }
  }

  /// Moves what is at `index` and behind it in all columns.
  private func shift(from index: Int, by distance: Int) {
    for column in 0..<(isLeaf ? 2 : 3) {
      let source = base + column * Node.capacity * 8 + index * 8
      (source + distance * 8).copyMemory(from: source, byteCount: (count - index) * 8)
    }
  }
}
