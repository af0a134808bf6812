import CLinux

// What is set of the allocator of the C library, from which all memory of a process comes.

/// Gives memory that was freed back to the system, which the allocator else keeps for later. It
/// takes milliseconds for each hundred MiB and nobody can allocate meanwhile: only for a process
/// that does not serve yet.
package func giveFreeMemoryBack() { malloc_trim(0) }

/// Blocks from 32 KiB on, as entries of the log and sections of a snapshot are, come from the
/// system and go back to it, once and for all: left alone, the allocator soon takes them from
/// among the keys, where each leaves a hole that nothing else fits in. Called once, at the start.
package func keepLargeBlocksApart() {
  mallopt(M_MMAP_THRESHOLD, 32 << 10)
  // Setting the one ends the adjustment of the other two: the end of the heap is to rest.
  mallopt(M_TRIM_THRESHOLD, 16 << 20)
  mallopt(M_TOP_PAD, 1 << 20)
}
