// Blocks of memory that are shared by counting references. The count takes the first four bytes of
// a block; the rest, of which there are at least twelve more, is its owners'.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A block of at least `size` bytes, of which the count is a part, with one reference; NULL if there
// is no memory.
void *_Nullable shardkv_block_make(size_t size);

// All bytes that may be used, the count among them.
size_t shardkv_block_size(void *_Nonnull block);

// Frees a block without references; use shardkv_block_release.
void shardkv_block_free(void *_Nonnull block);

static inline void shardkv_block_retain(void *_Nonnull block) {
  __atomic_fetch_add((uint32_t *)block, 1, __ATOMIC_RELAXED);
}

// Gives up a reference, and frees the block with the last one: what others did with it before they
// gave theirs up has happened then.
static inline void shardkv_block_release(void *_Nonnull block) {
  if (__atomic_fetch_sub((uint32_t *)block, 1, __ATOMIC_ACQ_REL) == 1) shardkv_block_free(block);
}

// There is one reference, so the caller's: what others did with the block has happened.
static inline bool shardkv_block_is_unique(void *_Nonnull block) {
  return __atomic_load_n((uint32_t *)block, __ATOMIC_ACQUIRE) == 1;
}

// From now on what other threads would free waits for this one to do it. They would do so many at a
// time, each under the lock of the allocator, that this thread would hardly get it. At most 262,144
// blocks wait. What this thread frees itself of a size below a KiB is kept for the next block of
// that size, up to a sixteenth of what is used: else the allocator joins what lies side by side, and
// puts into the hole what does not fit there for long. To be called once in a process, by the thread
// that makes blocks all the time. `false` ends it, in the same thread.
void shardkv_blocks_keep(bool keeps);

// In that thread: takes at most so many of the blocks that wait, and says whether there are more to
// take, or more kept than may be.
bool shardkv_blocks_free(size_t count);

// In that thread: the bytes of the blocks that are kept for others of their size.
size_t shardkv_blocks_spare(void);

// The bytes of the blocks that somebody has a reference to.
size_t shardkv_blocks_used(void);
