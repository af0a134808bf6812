import CLinux
import CSharedBlock

// What is asked of the allocator of the C library, from which all memory of a process comes.

/// Gives memory that was freed back to the system, which the allocator else keeps for later. It
/// takes milliseconds for each hundred MiB and nobody can allocate meanwhile: only for a process
/// that does not serve yet.
package func giveFreeMemoryBack() { malloc_trim(0) }

/// Large blocks, as long entries of the log are, come from the system and go back to it: left
/// alone, the allocator soon takes them from among the keys, where each leaves a hole that nothing
/// else fits in. What is large must be less than a client sends at once: of a million keys that
/// were all overwritten in pipelines of 160 kB, a key takes 30 bytes more with twice this limit.
/// Called once, at the start.
package func keepLargeBlocksApart() {
  mallopt(M_MMAP_THRESHOLD, 64 << 10)
  // Before it asks the system, it looks whether the end of the heap has room.
  mallopt(M_TOP_PAD, 64 << 10)
  mallopt(M_TRIM_THRESHOLD, 64 << 10)
}

/// Keys that another thread lets go of, as it does when it has written a snapshot, are freed by
/// this one from now on, in ``freeKeys()``: the allocator has a lock, and while another thread
/// frees a hundred thousand keys, one that allocates sleeps for it up to hundreds of times a turn.
/// This thread also keeps some of what it frees, for the next keys of the same size. Called once.
package func freeKeysInThisThread() { shardkv_blocks_keep(true) }

/// Frees keys that wait for it, not more than a turn can bear: about a tenth of a millisecond. If
/// more wait than a snapshot of usual size leaves, they are freed where they are let go of. `true`:
/// more wait, and need another turn.
package func freeKeys() -> Bool { shardkv_blocks_free(1_024) }
