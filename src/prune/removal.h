/* Choosing what goes, one unit after the other, such that every axis keeps a
 * position. */
#ifndef PRUNE_REMOVAL_H
#define PRUNE_REMOVAL_H

#include "prune/shrink.h"

struct removal_draft {
    const struct layer_table *layers; /* borrowed */
    bool *labels, *blocks;            /* as struct removal has them */
    size_t *left;                     /* per axis of the group table */
    int64_t label_count;              /* taken so far */
    int64_t block_count;
};

int removal_draft_init(struct removal_draft *draft,
                       const struct layer_table *layers, struct error *err);
void removal_draft_release(struct removal_draft *draft);

/* Takes a unit (a label of a group's units); false when it must stay, or is
 * gone already. */
bool removal_take(struct removal_draft *draft, int unit);
/* Gives back what was taken. */
void removal_return(struct removal_draft *draft, int unit);

struct removal removal_of(const struct removal_draft *draft);

#endif
