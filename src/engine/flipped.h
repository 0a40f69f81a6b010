/*
 * What flipped: the samples on which a variant and the dense model disagree.
 * Found on the engine thread, immutable, counted.
 */
#ifndef ENGINE_FLIPPED_H
#define ENGINE_FLIPPED_H

#include "engine/engine.h"
#include "eval/disagree.h"
#include "eval/outcome.h"

struct flipped {
    atomic_int holders;
    uint64_t hash;    /* of the variant */
    int64_t answered; /* samples that both have answered */
    int64_t samples;  /* of the data */
    bool labels;      /* else the dense model's answer counts as right */
    struct disagreement found;
};

/*
 * before, after  outcomes by sample id; predicted -1: not answered
 * right          right classes by sample id, borrowed; NULL: the first one's
 *                answers
 */
int flipped_create(struct flipped **out, const struct outcome *before,
                   const struct outcome *after, const int64_t *right,
                   int64_t samples, struct error *err);
const struct flipped *flipped_retain(const struct flipped *flipped);
void flipped_drop(const struct flipped *flipped); /* NULL is fine */

/*
 * What is known of `variant`, retained, or NULL; asks for more when there is
 * more to know. The engine's descriptor wakes when it is there. Answers that
 * were dropped for want of memory are evaluated anew.
 */
const struct flipped *engine_flipped(struct engine *engine,
                                     const struct variant *variant);

#endif
