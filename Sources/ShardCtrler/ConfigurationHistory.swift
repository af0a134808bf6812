import Basics
import ShardMap

/// Every kept configuration, as blocks of one whole configuration and the changes after it.
///
/// A move is a dozen bytes, so that a hundred thousand configurations fit into a few megabytes, and
/// a block is short enough to be replayed for one question. Addresses are not in here: they change
/// without a new number, and ``GroupDirectory`` has the latest.
package struct ConfigurationHistory: Sendable {
  /// At least so many of the latest configurations can be asked for.
  package static let kept = 100_000
  /// A block ends when its changes are so many, or weigh so many times its whole configuration.
  package static let changesPerBlockMax = 1_024
  static let changesWeightMax = 4

  package struct Block: Hashable, Sendable {
    /// The number of the whole configuration that the block begins with.
    var first: ConfigNumber
    /// How many configurations there are in the block, the whole one included.
    package var count: Int
    /// Where the changes begin.
    package var wholeBytes: Int
    package var bytes: [UInt8]

    fileprivate var isFull: Bool {
      count > changesPerBlockMax || bytes.count > (changesWeightMax + 1) * wholeBytes
    }
  }

  package let layout: ShardLayout
  package private(set) var blocks: [Block]
  /// How many configurations all blocks hold.
  package private(set) var count: Int
  /// A hash over everything that was ever appended, so that states compare without hashing it all.
  private(set) var digest: UInt64

  /// Holds configuration 0.
  package init(layout: ShardLayout) {
    self.layout = layout
    blocks = [Block(Configuration(layout: layout))]
    count = 1
    digest = StableHash().value
  }

  /// Takes blocks from a snapshot; ``replayed()`` has to accept them before anything else is asked.
  package init(layout: ShardLayout, blocks: [Block], digest: UInt64) {
    self.layout = layout
    self.blocks = blocks
    self.digest = digest
    count = blocks.reduce(0) { $0 + $1.count }
  }

  package var oldest: ConfigNumber { blocks.first?.first ?? .zero }
  package var byteCount: Int { blocks.reduce(0) { $0 + $1.bytes.count } }

  /// Adds the configuration that follows `old`, the newest.
  package mutating func append(_ new: Configuration, after old: Configuration) {
    var writer = ByteWriter()
    writer.change(from: old, to: new)
    let last = blocks.count - 1
    if blocks[last].isFull {
      blocks.append(Block(new))
    } else {
      blocks[last].bytes.append(contentsOf: writer.bytes)
      blocks[last].count += 1
    }
    count += 1
    var hash = StableHash(continuing: digest)
    hash.add(writer.bytes)
    digest = hash.value
    while let first = blocks.first, count - first.count >= Self.kept {
      count -= first.count
      blocks.removeFirst()
    }
  }

  /// A kept configuration, its groups by identity only; `nil` if it is not kept.
  package func configuration(_ number: ConfigNumber) -> Configuration? {
    guard number >= oldest, let block = blocks.last(where: { $0.first <= number }) else {
      return nil
    }
    let steps = number.rawValue - block.first.rawValue
    guard steps < UInt64(block.count) else { return nil }
    do {
      return try block.replayed(layout: layout, steps: Int(steps)).configuration
    } catch {
      fatalError("configuration \(number) \(error), though it was checked when it was stored")
    }
  }

  /// Replays everything, as bytes from outside are checked, and gives the newest.
  package func replayed() throws(ByteError) -> Configuration {
    var newest: Configuration?
    for block in blocks {
      guard newest == nil || newest?.number.next == block.first, block.count >= 1 else {
        throw .malformed(field: "number of a block of configurations", offset: 0)
      }
      let (configuration, end) = try block.replayed(layout: layout, steps: block.count - 1)
      guard end == block.bytes.count else {
        throw .malformed(field: "end of a block of configurations", offset: end)
      }
      newest = configuration
    }
    guard let newest else { throw .truncated(field: "configurations", offset: 0) }
    return newest
  }
}

extension ConfigurationHistory.Block {
  fileprivate init(_ configuration: Configuration) {
    // Everything is a change of configuration 0 without groups.
    var writer = ByteWriter()
    var empty = Configuration(layout: configuration.layout)
    empty.number = configuration.number
    writer.change(from: empty, to: configuration)
    self.init(
      first: configuration.number, count: 1, wholeBytes: writer.count, bytes: writer.bytes)
  }

  /// The configuration `steps` after the block's first, and where its change ends.
  fileprivate func replayed(layout: ShardLayout, steps: Int) throws(ByteError)
    -> (configuration: Configuration, end: Int)
  {
    var reader = ByteReader(bytes)
    var configuration = Configuration(layout: layout)
    configuration.number = first
    try reader.change(&configuration)
    guard reader.offset == wholeBytes else {
      throw .malformed(field: "whole configuration", offset: reader.offset)
    }
    for _ in 0..<steps {
      configuration.number = configuration.number.next
      try reader.change(&configuration)
    }
    return (configuration, reader.offset)
  }
}
