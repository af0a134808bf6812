// CRC32C by the processor's own instruction, where it has one.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

static inline int shardkv_crc32c_is_fast(void) { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2"))) static inline uint32_t
shardkv_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  uint64_t state = crc;
  while (count >= 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes, 8);
    state = __builtin_ia32_crc32di(state, word);
    bytes += 8;
    count -= 8;
  }
  while (count-- > 0) state = __builtin_ia32_crc32qi((uint32_t)state, *bytes++);
  return (uint32_t)state;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static inline int shardkv_crc32c_is_fast(void) { return 1; }

static inline uint32_t shardkv_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  while (count >= 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes, 8);
    crc = __crc32cd(crc, word);
    bytes += 8;
    count -= 8;
  }
  while (count-- > 0) crc = __crc32cb(crc, *bytes++);
  return crc;
}

#else

static inline int shardkv_crc32c_is_fast(void) { return 0; }

static inline uint32_t shardkv_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return crc;
}

#endif
