import CLinux

/// Gives memory that was freed back to the system, which the allocator else keeps for later. It
/// takes milliseconds for each hundred MiB and nobody can allocate meanwhile: only for a process
/// that does not serve yet.
package func giveFreeMemoryBack() { malloc_trim(0) }
