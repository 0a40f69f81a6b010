/* Exact selection of the k smallest scores in linear time. */
#ifndef PRUNE_SELECT_H
#define PRUNE_SELECT_H

#include "base/error.h"
#include "tensor/bitmask.h"

#include <stdint.h>

/* Scores of one layer; borrowed. */
struct score_span {
    const float *scores;
    int64_t count;
};

/*
 * Where the k smallest end: every score whose key is below `key` and the
 * first `ties` of those whose key equals it, in the order of spans and
 * indices.
 */
struct score_cut {
    uint32_t key;
    int64_t ties;
};

/*
 * A number that orders like the score: -0 equals 0, NAN comes behind
 * everything (a weight that nobody can judge is kept longest).
 */
uint32_t score_key(float score);

/*
 * Finds the cut of the k smallest scores of all spans together.
 *
 * k  0 … sum of the counts
 *
 * Two passes over the scores, 512 KiB of scratch.
 * Errors: ERROR_MEMORY.
 */
int score_cut_find(struct score_cut *cut, const struct score_span *spans,
                   size_t count, int64_t k, struct error *err);

/*
 * Clears the bits of one span's scores on the near side of the cut and takes
 * the ties that it used from cut->ties, so that calls for successive spans
 * continue each other. mask may be NULL (only count). Returns how many fell.
 */
int64_t score_cut_apply(struct score_cut *cut, const struct score_span *span,
                        struct bitmask *mask);

#endif
