/* A 64-bit content hash: the same bytes give the same number everywhere. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Continues `seed` (0 to begin) with `bytes` bytes. Not cryptographic.
 * Source: FNV-1a over 8-byte words with a 128-bit multiply-fold between them.
 */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t bytes);

/* Continues `seed` with one number. */
uint64_t hash_u64(uint64_t seed, uint64_t number);

#endif
