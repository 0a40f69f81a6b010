/* From decisions to masks and masked weights. */
#ifndef PRUNE_APPLY_H
#define PRUNE_APPLY_H

#include "prune/decision.h"
#include "prune/weights.h"

struct masked;        /* prune/masked.h */
struct permute_share; /* prune/permute.h */

/*
 * What is gone: masks per layer in the model's own shapes, and which channels,
 * heads and blocks go for real (their weights are masked, too).
 */
struct mask_set {
    struct bitmask *masks; /* per layer; words NULL: dense */
    int64_t *removed;      /* weights masked per layer */
    size_t count;
    /* As struct removal has them; labels NULL: none go, none move. */
    bool *labels, *blocks;
    int *order;                   /* NULL: channels stay where they are */
    struct permute_share *shares; /* per layer, where there is an order */
    struct masked *masked; /* per layer; NULL: weights are masked when needed */
    size_t label_count;    /* of the group table */
    size_t block_count;
};

void mask_set_release(struct mask_set *set);

struct calibrator;

/* What masks are made from; all of it borrowed. */
struct mask_source {
    const struct graph *graph; /* with the variant's weights */
    const struct layer_table *layers;
    const struct decision *decisions; /* one per layer */
    const struct weights *weights;    /* the variant's; NULL: the model's own */
    /* Masks of the same weights: layers whose decision is the same take them
     * over, with their masked weights, unless other channels, heads or blocks
     * go. What is not copied costs as much as if there were none. NULL: none.
     */
    const struct mask_set *previous;
    const struct decision *previous_decisions;
    /* Who knows what samples say; NULL: criteria that ask are refused. */
    const struct calibrator *calibrator;
};

/*
 * Deterministic: the same graph, weights and decisions (and samples, where a
 * criterion looks at them) give the same masks on any number of threads.
 */
int mask_set_init(struct mask_set *set, const struct mask_source *source,
                  struct error *err);

/*
 * The graph with every masked weight times its mask (graph_with_constants);
 * unmasked layers keep their buffers. Where channels, heads or blocks go or
 * channels change places, another graph of the same batch with the same node
 * and value ids, whose constants are smaller or ordered (prune/shrink.h).
 */
int mask_set_apply(struct graph **out, const struct graph *graph,
                   const struct layer_table *layers, const struct mask_set *set,
                   struct error *err);

/*
 * Masks the weights of a graph beforehand: whatever is made of the set from now
 * on (graphs of other batches, too) shares them, and so do later sets that take
 * layers over. Weights of layers that were taken over are not read.
 */
int mask_set_keep(struct mask_set *set, const struct graph *graph,
                  const struct layer_table *layers, struct error *err);

/* The same as a template: what is written to a file. */
int mask_set_model(struct graph **out, const struct graph *graph,
                   const struct layer_table *layers, const struct mask_set *set,
                   struct error *err);

/* Whether channels, heads or blocks go, or channels change places. */
bool mask_set_shrinks(const struct mask_set *set);

/* Whether the same channels, heads and blocks go, in the same order; previous
 * may be NULL. */
bool mask_set_same_shape(const struct mask_set *set,
                         const struct mask_set *previous);

/* Masked equals compacted, on a few random inputs (shrink_verify); at once
 * where nothing shrinks. */
int mask_set_verify(const struct mask_set *set, const struct graph *graph,
                    const struct layer_table *layers,
                    const struct cancel *cancel, struct error *err);

/*
 * Global allocation by score: removes round(share * N) of all weights of the
 * chosen rows by (score, layer, index); writes each row's decision.
 * source  graph, layers and weights; its decisions are not read
 */
int allocate_global(struct decision *decisions,
                    const struct mask_source *source, const size_t *rows,
                    size_t row_count, const struct criterion *criterion,
                    double share, struct error *err);

/*
 * The same where channels may go already: what rows lose in all, decision by
 * decision, is `share` of their weights (to a two-thousandth; nothing more
 * falls where as much is gone). Without such channels it is allocate_global.
 */
int allocate_global_rest(struct decision *decisions,
                         const struct mask_source *source, const size_t *rows,
                         size_t row_count, const struct criterion *criterion,
                         double share, struct error *err);

/*
 * The same over units of dependency groups: removes round(share * N) of all
 * channels (heads) of the groups of the chosen rows by group importance, at
 * most nine tenths of any group; writes the decisions of their layers.
 */
int allocate_groups(struct decision *decisions,
                    const struct mask_source *source, const size_t *rows,
                    size_t row_count, const struct structure *structure,
                    const struct criterion *criterion, double share,
                    struct error *err);

#endif
