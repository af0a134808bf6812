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
// blocks wait. To be called once in a process, by the thread that makes blocks all the time.
void shardkv_blocks_keep(void);

// In that thread: frees at most so many of the blocks that wait.
void shardkv_blocks_free(size_t count);
