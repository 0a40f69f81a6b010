/* What the user decided for one layer, and the tables it refers to. */
#ifndef PRUNE_DECISION_H
#define PRUNE_DECISION_H

#include "prune/layer.h"
#include "tensor/bitmask.h"

/* A criterion: how important is each weight? Higher = keep. One file and one
 * row each (prune/score_<name>.c). */
struct criterion {
    const char *name, *help;
    bool needs_data;
    /* weight (layer->shape), score same shape, written */
    int (*score)(const struct layer *layer, const float *weight, float *score,
                 struct error *err);
};
extern const struct criterion *const criteria[]; /* NULL-terminated */
const struct criterion *criterion_find(const char *name);

/* A structure: which weights fall together. Today: "weight". */
struct structure {
    const char *name, *help;
    const char *unit; /* "weights" */
    /* Units in this layer that can be removed; 0: does not apply. */
    int64_t (*units)(const struct layer *layer);
    /* Keeps all but the `remove` least important units. Exactly that many
     * by (score, index). mask written, initialised by the callee. */
    int (*select)(const struct layer *layer, const float *score, int64_t remove,
                  struct bitmask *mask, struct error *err);
};
extern const struct structure *const structures[]; /* NULL-terminated */
const struct structure *structure_find(const char *name);

/* remove == 0 is dense whatever the rest says. */
struct decision {
    const struct structure *structure;
    const struct criterion *criterion;
    int64_t remove; /* units */
};

/*
 * round(share * units), halves away from zero (as C's llround), clamped to
 * 0 … units. share is 0…1.
 */
int64_t decision_units(double share, int64_t units);

/* Whether both remove the same; two dense decisions are equal. */
bool decision_equal(const struct decision *a, const struct decision *b);

#endif
