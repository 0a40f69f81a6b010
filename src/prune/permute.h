/*
 * Channels in another order, under which N:M masks keep more magnitude.
 *
 * N:M counts among input channels that follow each other; which ones do is
 * an accident of training. The channels of a dependency group can take any
 * order, when what makes them and all that reads them take it, too: the
 * model computes the same. So the order is a choice of the mask: weights of
 * large magnitude that meet in one group of M are parted.
 *
 * Source: Pool and Yu 2021, "Channel permutations for N:M sparsity"; theirs
 * parts stripes of columns and is done by hand for each network, ours swaps
 * channels of the groups that prune/group.h finds, for all layers that read
 * them together.
 */
#ifndef PRUNE_PERMUTE_H
#define PRUNE_PERMUTE_H

#include "prune/shrink.h"

struct mask_set;
struct mask_source;

/*
 * Writes table->kinds. Units may change places where each lies on the same
 * axes of the same values and constants, as often and in runs as long, and
 * where these axes are not divided (grouped convolution, heads).
 */
int permute_kinds(struct group_table *table, struct error *err);

/* Why the input channels of layer `row` keep their order; "" when some can
 * change places. Text that lives as long as the table. */
int permute_fixed(const char **why, const struct graph *instance,
                  const struct layer_table *layers, size_t row,
                  struct error *err);

/* The magnitude of an N:M layer, and what of it the pattern keeps when it
 * removes all that it can; all 0 where nothing moves. */
struct permute_share {
    double magnitude, before, after; /* in the model's order, in the new one */
};

/*
 * The order of the channels that layers with a structure that permutes read,
 * as struct removal has it; *order NULL: all stay where they are. It depends
 * on the model's own weights (not on those of a variant, so that it stays
 * while these are tuned), on what goes and on the layers' structures.
 *
 * removal  what goes; its order is not read
 * shares   (layer count), written at rows that read what is ordered
 *
 * Deterministic, and bounded by steps, not by time.
 */
int permute_find(int **order, struct permute_share *shares,
                 const struct mask_source *source,
                 const struct removal *removal, struct error *err);

/*
 * Where each element of a weight of this shape comes from; owned by the
 * caller (free). *from NULL: all from where they are.
 */
int permute_elements(uint32_t **from, const struct shrink_places *places,
                     const struct shape *shape, struct error *err);

#endif
