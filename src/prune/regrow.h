/*
 * Constants of a smaller graph (prune/shrink.h) put back in the model's own
 * shapes: which element of the model each of theirs is.
 */
#ifndef PRUNE_REGROW_H
#define PRUNE_REGROW_H

#include "prune/apply.h"

/* A constant of the smaller graph that is not the model's as it stands. */
struct regrow_row {
    int id, origin; /* in the smaller graph; in the model */
    size_t count;
    uint32_t *from; /* (count): element of the origin */
    bool known;     /* one origin alone: it can be put back */
};

struct regrow {
    size_t count;
    struct regrow_row *rows;
};

/*
 * graph  any instance of the model
 * set    masks of which channels, heads or blocks go; else there are no rows
 *
 * Errors: ERROR_MEMORY, shrink_graph's.
 */
int regrow_init(struct regrow *regrow, const struct graph *graph,
                const struct layer_table *layers, const struct mask_set *set,
                struct error *err);
void regrow_release(struct regrow *regrow);

/* The mask of constant `id` of the smaller graph, initialised here, from that
 * of the model's constant. */
int regrow_mask(struct bitmask *out, const struct regrow *regrow, int id,
                const struct bitmask *mask, struct error *err);

/*
 * Constants of the smaller graph become the model's: what went keeps the
 * values of `graph`.
 *
 * ids, tensors  (count) of the smaller graph, float32; replaced: those of the
 *               model, in its shapes
 *
 * Errors: ERROR_UNSUPPORTED (a constant that layers shared and lost different
 * parts of, named).
 */
int regrow_tensors(const struct regrow *regrow, const struct graph *graph,
                   size_t count, int *ids, struct tensor *tensors,
                   struct error *err);

#endif
