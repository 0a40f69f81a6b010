/*
 * Radix selection: floats map to integers of the same order; a histogram of
 * the upper 16 bits finds the bucket that holds the k-th score, a histogram
 * of the lower 16 bits inside that bucket finds its key. Ties are broken by
 * position, so that exactly k fall whatever the values are.
 */
#include "prune/select.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALF_BITS = 16, BUCKETS = 1 << HALF_BITS };

uint32_t score_key(float score)
{
    if (isnan(score))
        return UINT32_MAX;
    uint32_t bits;
    score += 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* The bucket that holds the k-th (from 1), and how many of it are wanted. */
static uint32_t find_bucket(const int64_t *histogram, int64_t *k)
{
    uint32_t bucket = 0;
    while (bucket < BUCKETS - 1 && histogram[bucket] < *k)
        *k -= histogram[bucket++];
    return bucket;
}

int score_cut_find(struct score_cut *cut, const struct score_span *spans,
                   size_t count, int64_t k, struct error *err)
{
    *cut = (struct score_cut){0, 0};
    if (k <= 0)
        return 0;
    int64_t *histogram = array_create(BUCKETS, sizeof *histogram);
    if (!histogram)
        return error_memory(err, BUCKETS * sizeof *histogram);
    for (size_t s = 0; s < count; s++)
        for (int64_t i = 0; i < spans[s].count; i++)
            histogram[score_key(spans[s].scores[i]) >> HALF_BITS]++;
    uint32_t upper = find_bucket(histogram, &k);

    memset(histogram, 0, BUCKETS * sizeof *histogram);
    for (size_t s = 0; s < count; s++)
        for (int64_t i = 0; i < spans[s].count; i++) {
            uint32_t key = score_key(spans[s].scores[i]);
            if (key >> HALF_BITS == upper)
                histogram[key & (BUCKETS - 1)]++;
        }
    uint32_t lower = find_bucket(histogram, &k);
    free(histogram);
    cut->key = upper << HALF_BITS | lower;
    cut->ties = k;
    return 0;
}

int64_t score_cut_apply(struct score_cut *cut, const struct score_span *span,
                        struct bitmask *mask)
{
    int64_t fallen = 0;
    for (int64_t i = 0; i < span->count; i++) {
        uint32_t key = score_key(span->scores[i]);
        if (key > cut->key || (key == cut->key && !cut->ties))
            continue;
        if (key == cut->key)
            cut->ties--;
        if (mask)
            bitmask_set(mask, (size_t)i, false);
        fallen++;
    }
    return fallen;
}
