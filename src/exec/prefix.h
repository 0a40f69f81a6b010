/*
 * Cached activations: after an edit only the steps behind it run again.
 *
 * A prefix cache keeps, for each batch of an evaluation, the live values at a
 * few cut points of the plan, tagged with the plan's prefix hash there. A
 * plan whose hash at a cut is the same may resume behind it; results are bit
 * for bit those of a full run. Cut points are chosen by saved cost per byte
 * under the budget. Behind a mutex per batch: workers share one cache.
 */
#ifndef EXEC_PREFIX_H
#define EXEC_PREFIX_H

#include "exec/plan.h"

struct prefix;

/* budget_bytes: everything kept; 0 keeps nothing. batches: how many batches
 * an evaluation has. */
int prefix_create(struct prefix **out, int64_t budget_bytes, int64_t batches,
                  struct error *err);
void prefix_destroy(struct prefix *prefix);

/*
 * Chooses the cut points for `plan`: where step costs (expected_ns, else
 * MACs) suggest, and right before `focus` (a step, -1: none), the step that
 * the user is editing. Drops entries that no longer belong. Call when no
 * worker runs.
 */
void prefix_choose(struct prefix *prefix, const struct plan *plan, int focus);

/*
 * Frees what the last prefix_choose dropped. Apart from it, because giving
 * back hundreds of megabytes takes longer than a first figure may: by the
 * thread that chooses, also while workers run.
 */
void prefix_sweep(struct prefix *prefix);

/*
 * Runs batch `batch` through `runner`, whose input is set: resumes at the
 * last cut whose entry has the right hash, saves entries at cuts on the way.
 * input_needed (may be NULL) is asked by prefix_resumes.
 */
int prefix_run(struct prefix *prefix, const struct plan *plan,
               struct runner *runner, int64_t batch,
               const struct cancel *cancel, struct error *err);

/* Whether batch `batch` would resume (so its input need not be prepared). */
bool prefix_resumes(struct prefix *prefix, const struct plan *plan,
                    int64_t batch);

int64_t prefix_bytes(const struct prefix *prefix); /* kept now */

#endif
