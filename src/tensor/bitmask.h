/* One bit per weight: 1 = kept, 0 = pruned. */
#ifndef TENSOR_BITMASK_H
#define TENSOR_BITMASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bitmask {
    size_t bits;
    uint64_t *words; /* owned; bits behind the last are zero */
};

/* All bits `value`. Returns 0, or -1 when memory is exhausted. */
int bitmask_init(struct bitmask *mask, size_t bits, bool value);
int bitmask_copy(struct bitmask *out, const struct bitmask *in);
void bitmask_release(struct bitmask *mask);

static inline bool bitmask_get(const struct bitmask *mask, size_t i)
{
    return mask->words[i / 64] >> (i % 64) & 1u;
}

static inline void bitmask_set(struct bitmask *mask, size_t i, bool value)
{
    uint64_t bit = (uint64_t)1 << (i % 64);
    if (value)
        mask->words[i / 64] |= bit;
    else
        mask->words[i / 64] &= ~bit;
}

/* Clears the bits that `other`, of as many bits, has cleared. */
void bitmask_and(struct bitmask *mask, const struct bitmask *other);

/* How many bits are 1. */
size_t bitmask_count(const struct bitmask *mask);
bool bitmask_equal(const struct bitmask *a, const struct bitmask *b);

#endif
