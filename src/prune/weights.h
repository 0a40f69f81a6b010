/* Weights of a variant that are not the model's own: what reconstruction and
 * tuning leave behind. */
#ifndef PRUNE_WEIGHTS_H
#define PRUNE_WEIGHTS_H

#include "prune/decision.h"

#include <stdatomic.h>

/*
 * An overlay of constants over the model's, immutable and counted. The masks
 * that were found together with the weights belong to it: they hold for a layer
 * as long as its decision is the one here. A masked position keeps the
 * model's own value, so that a weight that comes back later comes back as it
 * was; when more is removed, what is masked already falls first.
 */
struct weights {
    atomic_int holders;
    uint64_t hash; /* of everything below; never 0 */
    size_t count;
    int *ids;               /* value ids as the file stores them, ascending */
    struct tensor *tensors; /* type and shape of the model's */
    struct contents *contents;  /* of each */
    size_t layer_count;         /* of the layer table */
    struct bitmask *masks;      /* per layer; words NULL: none */
    struct decision *decisions; /* per layer */
};

/* What a new overlay is made from; all of it borrowed. */
struct weights_parts {
    const struct graph *graph;    /* the model's own weights, any instance */
    const struct weights *base;   /* what was there before; NULL: nothing */
    size_t count;                 /* constants that changed */
    const int *ids;               /* as graph_stored gives them */
    const struct tensor *tensors; /* shared, not consumed */
    const struct layer_table *layers;
    /* Per layer, the masks that hold now (words NULL: dense), and what they
     * are the outcome of; NULL: those of the base. */
    const struct bitmask *masks;
    const struct decision *decisions;
};

/*
 * What the parts leave out is taken from the base.
 * out  one holder: the caller (weights_drop)
 * Errors: ERROR_MEMORY, ERROR_SHAPE (a tensor unlike the model's).
 */
int weights_create(struct weights **out, const struct weights_parts *parts,
                   struct error *err);
struct weights *weights_retain(const struct weights *weights);
void weights_drop(const struct weights *weights); /* NULL is fine */

/* The graph with the overlay's constants instead of its own; without masks.
 * weights NULL: the same graph, retained. Owned by the caller. */
int weights_apply(struct graph **out, const struct graph *graph,
                  const struct weights *weights, struct error *err);

/* The mask of a layer while its decision is the one that it was found for;
 * NULL: there is none, or the decision is another. */
const struct bitmask *weights_mask(const struct weights *weights, size_t layer,
                                   const struct decision *decision);

/*
 * Moves the scores of what the overlay masks in this layer below all others,
 * keeping their order: score s >= 0 becomes -1 / (1 + s).
 * scores  (layer->weights), changed
 */
void weights_lower_scores(const struct weights *weights, size_t layer,
                          float *scores, int64_t count);

#endif
