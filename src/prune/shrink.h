/*
 * Physically smaller graphs: labels (prune/group.h) that are removed, blocks
 * (prune/block.h) that are passed over, channels that change their places.
 */
#ifndef PRUNE_SHRINK_H
#define PRUNE_SHRINK_H

#include "prune/block.h"
#include "prune/group.h"

/* What goes. */
struct removal {
    const bool *labels; /* per label of the table, read at roots */
    const bool *blocks; /* per block; NULL: none */
    /* Per label, at roots, the one that comes to its place (prune/permute.h):
     * a permutation of labels that stay. NULL: all where they are. */
    const int *order;
};

/* What becomes of the positions of a constant, per axis. */
struct shrink_places {
    unsigned char *keep[SHAPE_MAX_RANK]; /* 0 or 1; NULL: all stay */
    int *from[SHAPE_MAX_RANK]; /* which one comes here; NULL: each its own */
};

enum shrink_mode {
    SHRINK_COMPACT, /* smaller constants, changed attributes and shapes */
    SHRINK_MASK,    /* same shapes and order, zeros: what compact must equal */
};

/*
 * A new template with the node and value ids of the model's; new constants
 * come behind. A constant that several nodes lose different parts of becomes
 * several. Nodes that nothing needs any more hold a place only (folded).
 *
 * graph  any instance of the model: its constants are taken
 * out    owned by the caller (graph_drop), resolved, ready for op_instantiate
 *
 * Errors: ERROR_MEMORY, ERROR_MISMATCH (a node that cannot follow, named).
 */
int shrink_graph(struct graph **out, const struct graph *graph,
                 const struct layer_table *layers,
                 const struct removal *removal, enum shrink_mode mode,
                 struct error *err);

/*
 * What becomes of the positions of layer row's weight, as stored.
 * places  written; arena memory
 */
int shrink_weight(const struct graph *graph, const struct layer_table *layers,
                  const struct removal *removal, size_t row,
                  struct shrink_places *places, struct arena *arena,
                  struct error *err);

/*
 * Masked equals compacted: makes both graphs of one sample, runs them on
 * `runs` random inputs and compares every output, relative to its largest
 * element.
 * Errors: ERROR_MISMATCH (found, expected), those of making them.
 */
int shrink_verify(const struct graph *graph, const struct layer_table *layers,
                  const struct removal *removal, int runs, uint64_t seed,
                  const struct cancel *cancel, struct error *err);

#endif
