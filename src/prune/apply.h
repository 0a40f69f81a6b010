/* From decisions to masks and masked weights. */
#ifndef PRUNE_APPLY_H
#define PRUNE_APPLY_H

#include "prune/decision.h"

/* Masks per layer (bits 0 where the layer is dense), and zeros per layer. */
struct mask_set {
    struct bitmask *masks; /* per layer; words NULL: dense */
    int64_t *removed;      /* weights masked per layer */
    size_t count;
};

void mask_set_release(struct mask_set *set);

/*
 * Masks for `count` decisions (one per layer). Deterministic: the same graph
 * and decisions give the same masks on any machine. Layers whose decision
 * equals `previous_decisions` take over the previous mask (may be NULL).
 */
int mask_set_init(struct mask_set *set, const struct graph *graph,
                  const struct layer_table *layers,
                  const struct decision *decisions,
                  const struct mask_set *previous,
                  const struct decision *previous_decisions, struct error *err);

/* The graph with every masked weight times its mask (graph_with_constants);
 * unmasked layers keep their buffers. */
int mask_set_apply(struct graph **out, const struct graph *graph,
                   const struct layer_table *layers, const struct mask_set *set,
                   struct error *err);

/*
 * Global allocation by score: removes round(share * N) of all weights of the
 * chosen rows by (score, layer, index); writes each row's decision.
 */
int allocate_global(struct decision *decisions, const struct graph *graph,
                    const struct layer_table *layers, const size_t *rows,
                    size_t row_count, const struct criterion *criterion,
                    double share, struct error *err);

#endif
