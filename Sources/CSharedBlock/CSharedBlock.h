// Blocks of memory that are shared by counting references. The count takes the first four bytes of
// a block; the rest is its owners'.
#pragma once
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// A block of at least `size` bytes, of which the count is a part, with one reference; NULL if there
// is no memory.
static inline void *_Nullable shardkv_block_make(size_t size) {
  uint32_t *block = (uint32_t *)malloc(size);
  if (block) *block = 1;
  return block;
}

// All bytes that may be used, the count among them.
static inline size_t shardkv_block_size(void *_Nonnull block) { return malloc_usable_size(block); }

static inline void shardkv_block_retain(void *_Nonnull block) {
  __atomic_fetch_add((uint32_t *)block, 1, __ATOMIC_RELAXED);
}

// Gives up a reference, and frees the block with the last one: what others did with it before they
// gave theirs up has happened then.
static inline void shardkv_block_release(void *_Nonnull block) {
  if (__atomic_fetch_sub((uint32_t *)block, 1, __ATOMIC_ACQ_REL) == 1) free(block);
}

// There is one reference, so the caller's: what others did with the block has happened.
static inline bool shardkv_block_is_unique(void *_Nonnull block) {
  return __atomic_load_n((uint32_t *)block, __ATOMIC_ACQUIRE) == 1;
}
