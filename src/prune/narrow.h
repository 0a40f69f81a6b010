/* From decisions about widths and blocks to what goes. */
#ifndef PRUNE_NARROW_H
#define PRUNE_NARROW_H

#include "prune/apply.h"
#include "prune/removal.h"

/*
 * Units in the order in which they go: the least important first, ties by
 * index. (group->unit_count) indices, owned by the caller; NULL after an
 * error.
 */
int *narrow_order(const struct group *group, const float *importance,
                  struct error *err);

/*
 * Takes what the decisions say: of every group with a width decision that
 * many units, least important first, and all skipped blocks.
 * source->previous: groups whose decision is unchanged lose the same units.
 */
int narrow_decide(struct removal_draft *draft, const struct mask_source *source,
                  struct error *err);

/*
 * Channels that a layer of a chain reads and those that it gives are chosen
 * apart: where it is passed over and hands on what it reads, neither can go.
 * Errors: ERROR_MISMATCH, naming both layers.
 */
int narrow_check(const struct decision *decisions,
                 const struct layer_table *layers, struct error *err);

#endif
