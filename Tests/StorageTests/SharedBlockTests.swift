import CSharedBlock
import Dispatch
import EventLoop
import Testing

/// What becomes of the memory of keys. One thread takes what others let go of, and others of this
/// process do so meanwhile: nothing is asked that they could change.
@Suite(.serialized)
struct SharedBlockTests {
  private let size = 968

  private func make(_ count: Int) throws -> [UnsafeMutableRawPointer] {
    try (0..<count).map { _ in try #require(shardkv_block_make(size)) }
  }

  /// Gives up references in another thread.
  private func releaseElsewhere(_ blocks: [UnsafeMutableRawPointer]) {
    let addresses = blocks.map { UInt(bitPattern: $0) }
    let done = DispatchSemaphore(value: 0)
    startThread {
      for address in addresses {
        if let block = UnsafeMutableRawPointer(bitPattern: address) { shardkv_block_release(block) }
      }
      done.signal()
    }
    done.wait()
  }

  @Test func whatAnotherThreadLetsGoOfIsForTheNextOfItsSize() throws {
    shardkv_blocks_keep(true)
    defer { shardkv_blocks_keep(false) }
    let blocks = try make(4_000)
    let released = blocks.prefix(100)
    releaseElsewhere(Array(released))
    // They wait for their turn.
    #expect(shardkv_blocks_free(10))
    while shardkv_blocks_free(1_000) {}
    for _ in 0..<released.count {
      let before = shardkv_blocks_spare()
      let block = try #require(shardkv_block_make(size))
      #expect(shardkv_blocks_spare() == before - shardkv_block_size(block))
      shardkv_block_retain(block)
      shardkv_block_release(block)
      #expect(shardkv_block_is_unique(block))
      releaseElsewhere([block])
    }
    for block in blocks.dropFirst(released.count) { shardkv_block_release(block) }
  }

  @Test func nothingIsKeptForWhatIsNotUsed() throws {
    shardkv_blocks_keep(true)
    defer { shardkv_blocks_keep(false) }
    let blocks = try make(20_000)
    releaseElsewhere(Array(blocks.prefix(1_000)))
    while shardkv_blocks_free(1_000) {}
    let kept = shardkv_blocks_spare()
    #expect(kept >= 1_000 * size)
    for block in blocks.dropFirst(1_000) { shardkv_block_release(block) }
    // Others may give up theirs between two calls.
    for _ in 0..<1_000 where shardkv_blocks_spare() > shardkv_blocks_used() / 16 {
      while shardkv_blocks_free(1_000) {}
    }
    #expect(shardkv_blocks_spare() <= shardkv_blocks_used() / 16)
  }

  @Test func endingItFreesWhatIsKept() throws {
    shardkv_blocks_keep(true)
    let blocks = try make(4_000)
    releaseElsewhere(Array(blocks.prefix(100)))
    shardkv_blocks_keep(false)
    #expect(shardkv_blocks_spare() == 0)
    for block in blocks.dropFirst(100) { shardkv_block_release(block) }
    #expect(shardkv_blocks_spare() == 0)
  }
}
