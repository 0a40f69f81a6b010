#include "tensor/bitmask.h"

#include <stdlib.h>
#include <string.h>

static size_t words_of(size_t bits)
{
    return (bits + 63) / 64;
}

int bitmask_init(struct bitmask *mask, size_t bits, bool value)
{
    size_t words = words_of(bits);
    mask->bits = bits;
    mask->words = calloc(words ? words : 1, sizeof *mask->words);
    if (!mask->words)
        return -1;
    if (value && words) {
        memset(mask->words, 0xff, words * sizeof *mask->words);
        if (bits % 64)
            mask->words[words - 1] = ((uint64_t)1 << (bits % 64)) - 1;
    }
    return 0;
}

int bitmask_copy(struct bitmask *out, const struct bitmask *in)
{
    if (bitmask_init(out, in->bits, false) < 0)
        return -1;
    memcpy(out->words, in->words, words_of(in->bits) * sizeof *in->words);
    return 0;
}

void bitmask_release(struct bitmask *mask)
{
    free(mask->words);
    *mask = (struct bitmask){0};
}

void bitmask_and(struct bitmask *mask, const struct bitmask *other)
{
    for (size_t i = 0; i < words_of(mask->bits); i++)
        mask->words[i] &= other->words[i];
}

size_t bitmask_count(const struct bitmask *mask)
{
    size_t count = 0;
    for (size_t i = 0; i < words_of(mask->bits); i++)
        count += (size_t)__builtin_popcountll(mask->words[i]);
    return count;
}

bool bitmask_equal(const struct bitmask *a, const struct bitmask *b)
{
    size_t words = words_of(a->bits);
    return a->bits == b->bits &&
           (words == 0 ||
            memcmp(a->words, b->words, words * sizeof *a->words) == 0);
}
