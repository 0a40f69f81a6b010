/* Inside the analysis: from a graph to labels. */
#ifndef PRUNE_GROUP_WALK_H
#define PRUNE_GROUP_WALK_H

#include "prune/group.h"

/* Labels of every value and constant of the graph; fills values, uses, roots,
 * shuffles. Afterwards every unit is a set of whole slabs in each of them. */
int group_walk(struct group_table *table, const struct graph *instance,
               struct error *err);

#endif
