/*
 * A plan that mixes structures and ends in reconstruction: blocks that are
 * passed over and channels that are halved where that helps, single weights
 * from what is left, distributed by what ExactOBS says that their removal costs
 * and by measured times.
 */
#ifndef ENGINE_PLANNING_MIX_H
#define ENGINE_PLANNING_MIX_H

#include "engine/planning.h"

/*
 * Moves (one block passed over, one group's channels halved) are ranked by the
 * accuracy that each costs alone for the time that it saves; one after the
 * other is tried together with all that was kept before, weights distributed
 * anew so that the time is met, reconstructed in short, evaluated, and kept
 * when that is better. What comes of it is measured, corrected and
 * reconstructed in full.
 *
 * request  of a latency; allocator, structure and criterion are not read
 * data     training samples
 * Errors: as planning_run.
 */
int planning_mix(struct planning *planning, struct probe *probe,
                 const struct planning_request *request,
                 const struct dataset *data, const struct scan_watch *watch,
                 struct error *err);

#endif
