/*
 * Reconstruction where channels, heads or blocks go: the changed side keeps the
 * model's shapes, and what goes is made zero wherever it flows, which is what
 * the smaller graph computes.
 */
#ifndef PRUNE_RECONSTRUCT_LOST_H
#define PRUNE_RECONSTRUCT_LOST_H

#include "prune/shrink.h"
#include "prune/trace.h"
#include "tensor/bitmask.h"

/* Of one value: positions that stay per axis (NULL: all), or nothing does, or
 * another value takes its place. */
struct lost_value {
    unsigned char *keep[SHAPE_MAX_RANK];
    bool touched, gone, replaced;
    int by; /* where replaced */
};

struct lost {
    struct removal removal; /* borrowed; labels NULL: nothing goes */
    const struct layer_table *layers;
    struct lost_value *values; /* per value id */
    struct arena arena;
};

/*
 * instance  of any batch
 * Errors: ERROR_MEMORY, ERROR_MISMATCH (a value whose positions moved).
 */
int lost_init(struct lost *lost, const struct graph *instance,
              const struct layer_table *layers, const struct removal *removal,
              struct error *err);
void lost_release(struct lost *lost);

/* Keeps what takes the place of others as long as it is needed. */
void lost_hold(const struct lost *lost, struct trace *trace);
/* Whether a node's outputs lose something. */
bool lost_touches(const struct lost *lost, const struct graph *graph, int node);
/* Makes zero what a node's outputs lose, on the changed side. */
void lost_clear(const struct lost *lost, struct trace *trace, int node);

/*
 * The weights of a layer that stay, initialised here; words NULL: all do.
 * rows  (matrix.rows) written: 0 where the output goes; may be NULL
 */
int lost_layer(struct bitmask *mask, float *rows, const struct lost *lost,
               const struct graph *graph, size_t row, struct error *err);

#endif
