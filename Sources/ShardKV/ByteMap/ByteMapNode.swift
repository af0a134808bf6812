struct NodeHeader {
  /// Entries of a leaf, children of an inner node.
  var count: UInt16
  var isLeaf: Bool
  /// Every key that the nodes above send here starts with the same `fence` bytes.
  var fence: UInt32
  /// The words are taken at this offset: every key in this node starts with the same `skip` bytes,
  /// `skip` ≥ `fence`.
  var skip: UInt32
}

/// A node of the tree, its arrays in one allocation: words, keys and, in an inner node, children.
///
/// In a leaf the keys are its entries. In an inner node key `i` is the lower bound of child `i`;
/// key 0 is the lower bound of the node itself, and never compared. A word is the eight bytes of
/// its key from ``NodeHeader/skip`` on, so that most comparisons stay inside the node. Behind the
/// last key, words are the greatest number.
///
/// Changed only by a map that holds the one reference to it.
final class Node: ManagedBuffer<NodeHeader, UInt64> {
  static let capacity = 64
  /// A node other than the root with less than this is joined with a neighbour.
  static let countMin = 16

  static func make(isLeaf: Bool) -> Node {
    let buffer = Node.create(minimumCapacity: (isLeaf ? 2 : 3) * capacity) { _ in
      NodeHeader(count: 0, isLeaf: isLeaf, fence: 0, skip: 0)
    }
    buffer.withUnsafeMutablePointerToElements {
      $0.initialize(repeating: UInt64.max, count: capacity)
    }
    return unsafeDowncast(buffer, to: Node.self)
  }

  deinit {
    let view = self.view
    for index in 0..<view.count { view.key(index).release() }
    if !view.isLeaf {
      for index in 0..<view.count { view.child(index).release() }
    }
  }

  /// Valid while the node lives.
  @inline(__always)
  var view: NodeView {
    withUnsafeMutablePointers { NodeView(header: $0, base: UnsafeMutableRawPointer($1)) }
  }

  /// Another node with the same entries or children.
  func copy() -> Node {
    let source = view
    let other = Node.make(isLeaf: source.isLeaf)
    let target = other.view
    target.header.pointee = source.header.pointee
    target.count = 0
    target.append(from: source, 0..<source.count)
    return other
  }
}

/// Where the parts of a ``Node`` are. Does not keep the node alive.
struct NodeView {
  let header: UnsafeMutablePointer<NodeHeader>
  let base: UnsafeMutableRawPointer

  private static var column: Int { Node.capacity * 8 }

  @inline(__always)
  var count: Int {
    get { Int(header.pointee.count) }
    nonmutating set { header.pointee.count = UInt16(newValue) }
  }
  @inline(__always)
  var isLeaf: Bool { header.pointee.isLeaf }
  @inline(__always)
  var skip: Int { Int(header.pointee.skip) }
  @inline(__always)
  var fence: Int { Int(header.pointee.fence) }
  /// The first key that is compared.
  @inline(__always)
  var first: Int { isLeaf ? 0 : 1 }

  @inline(__always)
  func word(_ index: Int) -> UInt64 { base.load(fromByteOffset: index &* 8, as: UInt64.self) }

  @inline(__always)
  func setWord(_ index: Int, _ word: UInt64) {
    base.storeBytes(of: word, toByteOffset: index &* 8, as: UInt64.self)
  }

  @inline(__always)
  func key(_ index: Int) -> Entry {
    base.load(fromByteOffset: Self.column &+ index &* 8, as: Entry.self)
  }

  @inline(__always)
  func setKey(_ index: Int, _ key: Entry) {
    base.storeBytes(of: key, toByteOffset: Self.column &+ index &* 8, as: Entry.self)
  }

  @inline(__always)
  func child(_ index: Int) -> Unmanaged<Node> {
    base.load(fromByteOffset: 2 &* Self.column &+ index &* 8, as: Unmanaged<Node>.self)
  }

  @inline(__always)
  func setChild(_ index: Int, _ child: Unmanaged<Node>) {
    base.storeBytes(
      of: child, toByteOffset: 2 &* Self.column &+ index &* 8, as: Unmanaged<Node>.self)
  }

  /// The number of compared keys and of those before them that are below `key`, and whether the
  /// next one equals it.
  func locate(_ key: UnsafeRawBufferPointer) -> (index: Int, isFound: Bool) {
    let start = first
    let end = count
    let skip = self.skip
    if start >= end { return (start, false) }
    if skip > fence {
      let other = self.key(start).key
      let prefix = UnsafeRawBufferPointer(rebasing: other[..<skip])
      let mine = UnsafeRawBufferPointer(rebasing: key[..<min(skip, key.count)])
      let order = compareKeys(mine, prefix, from: fence)
      if order != 0 { return (order < 0 ? start : end, false) }
    }
    let word = keyWord(key, at: skip)
    var low = max(start, wordsBelow(word))
    // Keys with the same word differ behind it, or in their length.
    var high = low
    while high < end, self.word(high) == word { high &+= 1 }
    while low < high {
      let middle = (low + high) / 2
      let order = compareKeys(self.key(middle).key, key, from: skip)
      if order == 0 { return (middle, true) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }

  /// The number of words below `word`: first of blocks of eight, then within a block. Nothing
  /// branches on what is compared, which would be guessed wrongly half of the time, and no
  /// comparison waits for another.
  @inline(__always)
  private func wordsBelow(_ word: UInt64) -> Int {
    var block = 0
    for index in 0..<8 { block &+= self.word(index &* 8 &+ 7) < word ? 8 : 0 }
    var below = block
    for index in 0..<8 { below &+= self.word(block &+ index) < word ? 1 : 0 }
    return below
  }

  /// The child of an inner node that has or would have `key`.
  @inline(__always)
  func childIndex(_ key: UnsafeRawBufferPointer) -> Int {
    let place = locate(key)
    return place.isFound ? place.index : place.index - 1
  }
}
