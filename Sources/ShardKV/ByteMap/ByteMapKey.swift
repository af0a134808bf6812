// Comparing keys eight bytes at a time. Keys order as sequences of unsigned bytes, a prefix first.

/// The eight bytes of `key` from `offset` on as a big-endian number, zeros behind its end: unequal
/// numbers order like the keys.
@inline(__always)
func keyWord(_ key: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
  let rest = key.count - offset
  guard rest > 0, let base = key.baseAddress else { return 0 }
  if rest >= 8 { return UInt64(bigEndian: (base + offset).loadUnaligned(as: UInt64.self)) }
  var word: UInt64 = 0
  for index in 0..<rest {
    word |=
      UInt64(base.load(fromByteOffset: offset + index, as: UInt8.self)) << UInt64(56 - 8 * index)
  }
  return word
}

/// Negative, 0 or positive, as `left` is before, equal to or after `right`; both are known to agree
/// before `offset`.
@inline(__always)
func compareKeys(
  _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer, from offset: Int
) -> Int {
  let shared = min(left.count, right.count)
  var position = offset
  while position < shared {
    let leftWord = keyWord(left, at: position)
    let rightWord = keyWord(right, at: position)
    if leftWord != rightWord { return leftWord < rightWord ? -1 : 1 }
    position += 8
  }
  return left.count - right.count
}

/// How many leading bytes both have in common.
func commonPrefix(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
  let shared = min(left.count, right.count)
  var position = 0
  while position < shared {
    let difference = keyWord(left, at: position) ^ keyWord(right, at: position)
    if difference != 0 { return min(shared, position + difference.leadingZeroBitCount / 8) }
    position += 8
  }
  return shared
}
