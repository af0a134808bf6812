#include "CSharedBlock.h"

#include <malloc.h>
#include <stdlib.h>

// What a block is when nobody has it any more. The count keeps its place.
typedef struct Block {
  uint32_t count;
  struct Block *next;
} Block;

// Set while one thread is to free what the others let go of.
static bool is_kept;
static _Thread_local bool is_keeper;
// What was let go of since the keeper looked last; the newest first.
static Block *given;
// What the keeper has taken of it.
static Block *taken;
// Blocks that wait for the keeper, and how many may; more are freed where they are let go of.
static size_t waiting;
static const size_t waiting_max = 1 << 18;

// Usable bytes of the blocks that somebody has, and of those that the keeper has for the next of
// their size.
static size_t used;
static size_t spare;
// Of what is used the spare may be so much.
static const size_t spare_part = 16;
// The spare by size, up to a KiB: what is larger is seldom of the same size, and goes.
enum { classes = 64 };
static Block *spares[classes];
// Where the next spare block that is too much is looked for.
static size_t swept;

// The sizes that the GNU allocator has, so that nothing is lost by asking for them: 24, 40, 56 …
static size_t rounded(size_t size) { return ((size + 7) & ~(size_t)15) + 8; }

// A block that has so much room has enough for all sizes of this class.
static size_t class_of(size_t usable) { return (usable - 8) / 16; }

static bool has_too_much(void) { return spare > shardkv_blocks_used() / spare_part; }

static Block *take_spare(size_t class) {
  Block *block = spares[class];
  if (!block) return NULL;
  spares[class] = block->next;
  spare -= malloc_usable_size(block);
  return block;
}

// Keeps a block for the next of its size, or frees it. Of the keeper.
static void reuse(Block *block) {
  size_t usable = malloc_usable_size(block);
  size_t class = class_of(usable);
  if (class >= classes || has_too_much()) return free(block);
  block->next = spares[class];
  spares[class] = block;
  spare += usable;
}

// Frees one of the spare blocks.
static void drop_spare(void) {
  for (size_t looked = 0; looked < classes; looked++) {
    swept = (swept + 1) % classes;
    Block *block = take_spare(swept);
    if (block) return free(block);
  }
}

void *shardkv_block_make(size_t size) {
  size = rounded(size < sizeof(Block) ? sizeof(Block) : size);
  size_t class = class_of(size);
  Block *block = NULL;
  if (is_keeper && class < classes) block = take_spare(class);
  // The allocator gives 16 bytes more where it could do nothing with them.
  if (is_keeper && !block && class + 1 < classes) block = take_spare(class + 1);
  if (!block) block = malloc(size);
  if (!block) return NULL;
  __atomic_fetch_add(&used, malloc_usable_size(block), __ATOMIC_RELAXED);
  block->count = 1;
  return block;
}

size_t shardkv_block_size(void *block) { return malloc_usable_size(block); }

void shardkv_block_free(void *memory) {
  Block *block = memory;
  __atomic_fetch_sub(&used, malloc_usable_size(block), __ATOMIC_RELAXED);
  if (is_keeper) return reuse(block);
  if (!__atomic_load_n(&is_kept, __ATOMIC_RELAXED) ||
      __atomic_load_n(&waiting, __ATOMIC_RELAXED) >= waiting_max) {
    return free(block);
  }
  __atomic_fetch_add(&waiting, 1, __ATOMIC_RELAXED);
  block->next = __atomic_load_n(&given, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(
    &given, &block->next, block, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
  }
}

void shardkv_blocks_keep(bool keeps) {
  is_keeper = keeps;
  __atomic_store_n(&is_kept, keeps, __ATOMIC_RELAXED);
  if (keeps) return;
  while (shardkv_blocks_free(waiting_max)) {
  }
  while (spare > 0) drop_spare();
}

bool shardkv_blocks_free(size_t count) {
  size_t reused = 0;
  while (reused < count) {
    if (!taken && __atomic_load_n(&given, __ATOMIC_RELAXED)) {
      taken = __atomic_exchange_n(&given, NULL, __ATOMIC_ACQUIRE);
    }
    if (!taken) break;
    Block *block = taken;
    taken = block->next;
    reuse(block);
    reused += 1;
  }
  __atomic_fetch_sub(&waiting, reused, __ATOMIC_RELAXED);
  for (; reused < count && has_too_much(); reused++) drop_spare();
  return taken || __atomic_load_n(&given, __ATOMIC_RELAXED) || has_too_much();
}

size_t shardkv_blocks_spare(void) { return spare; }

size_t shardkv_blocks_used(void) { return __atomic_load_n(&used, __ATOMIC_RELAXED); }
