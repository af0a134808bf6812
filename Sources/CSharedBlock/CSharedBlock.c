#include "CSharedBlock.h"

#include <malloc.h>
#include <stdlib.h>

// What a block is when nobody has it any more. The count keeps its place.
typedef struct Block {
  uint32_t count;
  struct Block *next;
} Block;

// Set once, when one thread is to free what the others let go of.
static bool is_kept;
static _Thread_local bool is_keeper;
// What was let go of since the keeper looked last; the newest first.
static Block *given;
// What the keeper has taken of it.
static Block *taken;
// Blocks that wait for the keeper, and how many may; more are freed where they are let go of.
static size_t waiting;
static const size_t waiting_max = 1 << 18;

void *shardkv_block_make(size_t size) {
  Block *block = malloc(size < sizeof(Block) ? sizeof(Block) : size);
  if (block) block->count = 1;
  return block;
}

size_t shardkv_block_size(void *block) { return malloc_usable_size(block); }

void shardkv_block_free(void *memory) {
  if (is_keeper || !__atomic_load_n(&is_kept, __ATOMIC_RELAXED) ||
      __atomic_load_n(&waiting, __ATOMIC_RELAXED) >= waiting_max) {
    return free(memory);
  }
  __atomic_fetch_add(&waiting, 1, __ATOMIC_RELAXED);
  Block *block = memory;
  block->next = __atomic_load_n(&given, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(
    &given, &block->next, block, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
  }
}

void shardkv_blocks_keep(void) {
  is_keeper = true;
  __atomic_store_n(&is_kept, true, __ATOMIC_RELAXED);
}

void shardkv_blocks_free(size_t count) {
  size_t freed = 0;
  while (freed < count) {
    if (!taken && __atomic_load_n(&given, __ATOMIC_RELAXED)) {
      taken = __atomic_exchange_n(&given, NULL, __ATOMIC_ACQUIRE);
    }
    if (!taken) break;
    Block *block = taken;
    taken = block->next;
    free(block);
    freed += 1;
  }
  if (freed > 0) __atomic_fetch_sub(&waiting, freed, __ATOMIC_RELAXED);
}
