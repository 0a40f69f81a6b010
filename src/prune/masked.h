/* Weights under their masks, made once and shared (mask_set_keep). */
#ifndef PRUNE_MASKED_H
#define PRUNE_MASKED_H

#include "prune/apply.h"

/* One layer's; `weight.data` NULL: not made. */
struct masked {
    struct tensor from; /* the weight that was masked, retained */
    struct tensor weight;
    struct contents contents;
};

/* What is kept is dropped; the masks stay. */
void masked_release(struct mask_set *set);

/* Shares what the previous set keeps of a layer whose mask is the same. */
int masked_keep(struct mask_set *set, const struct mask_set *previous,
                size_t row, struct error *err);

/* The graph with every masked weight times its mask; the same ids. */
int masked_graph(struct graph **out, const struct graph *graph,
                 const struct layer_table *layers, const struct mask_set *set,
                 struct error *err);

#endif
