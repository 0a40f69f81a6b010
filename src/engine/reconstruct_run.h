/* Reconstruction of decisions on training samples, with an engine's threads. */
#ifndef ENGINE_RECONSTRUCT_RUN_H
#define ENGINE_RECONSTRUCT_RUN_H

#include "engine/pool.h"
#include "engine/setup.h"
#include "prune/reconstruct.h"

/* All borrowed. */
struct reconstruct_order {
    const struct setup *setup;
    struct pool *pool;
    struct pool_lender lender;     /* who else wants it meanwhile */
    const struct dataset *data;    /* training samples */
    const struct weights *weights; /* of before; NULL: the model's own */
    const struct reconstruct_method *method;
    const bool *chosen; /* per layer; NULL: all */
    bool distribute;    /* `share` of the weights of the chosen layers, in place
                           of what the decisions say */
    double share;
    int64_t samples; /* 0: 1024 */
    const struct cancel *cancel;
    int (*progress)(void *context, const char *layer, int done, int total,
                    struct error *err);
    void *context;
};

/*
 * decisions  one per layer; written where amounts are distributed
 * removed    share of all weights that are gone; may be NULL
 * out        one holder: the caller
 * Errors: as reconstruct, ERROR_SHAPE (samples that do not fit).
 */
int reconstruct_run(struct weights **out, struct decision *decisions,
                    double *removed, const struct reconstruct_order *order,
                    struct error *err);

#endif
