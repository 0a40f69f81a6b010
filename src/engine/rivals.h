/*
 * Criteria side by side: the accuracy that each one leaves at one layer's
 * amount, everything else as it is. Found by work (`criteria LAYER`).
 */
#ifndef ENGINE_RIVALS_H
#define ENGINE_RIVALS_H

#include "engine/engine.h"

enum { RIVALS_MAX = 32, RIVAL_REASON_BYTES = 96 };

struct rival {
    const struct criterion *criterion;
    bool known, refused;
    double value, low, high; /* accuracy and its 95 % interval, when known */
    int64_t samples;
    char reason[RIVAL_REASON_BYTES]; /* when refused */
};

struct rivals {
    uint64_t hash; /* of the variant that everything else is of */
    int variant;
    size_t row; /* index of the layer */
    const struct structure *structure;
    double amount;         /* share of the structure's units */
    size_t count, current; /* current: the variant's own criterion, or count */
    struct rival items[RIVALS_MAX];
};

/* A copy of the newest; false before the first. Any thread. */
bool engine_rivals(struct engine *engine, struct rivals *out);

#endif
