/* How important the units of a dependency group are. */
#ifndef PRUNE_IMPORTANCE_H
#define PRUNE_IMPORTANCE_H

#include "prune/apply.h"
#include "prune/group.h"

/*
 * One number per unit of the group, owned by the caller (free); NULL after
 * an error.
 *
 * Every layer that produces or reads the unit's channels adds the scores of
 * the weights that go with the unit, divided by their mean over units, so
 * that layers of any size count alike; what comes out is the mean over the
 * layers. It is 1 on average, so groups compare. A criterion that ranks
 * outputs is asked by the layers that produce them only.
 *
 * Source: Fang et al. 2023 (DepGraph), group importance with mean reduction
 * and mean normaliser; they normalise behind the reduction.
 */
float *group_importance(const struct mask_source *source,
                        const struct group *group,
                        const struct criterion *criterion, struct error *err);

#endif
