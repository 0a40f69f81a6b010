/*
 * Runs a large batch in parts: a plan for few samples, whose activations stay
 * in the cache, again and again, on several threads that share nothing but
 * its weights. A batch of one part is the plan itself, run as it is.
 */
#ifndef EXEC_CREW_H
#define EXEC_CREW_H

#include "exec/plan.h"

struct crew;

/*
 * How many samples a part should have when `batch` samples run on `threads`
 * threads: a divisor of the batch whose largest step fits the cache.
 *
 * sample  an instance of one sample; where it has more, parts do not pay and
 *         the batch is returned
 */
int64_t crew_part(const struct graph *sample, int64_t batch, int threads);

/*
 * plan   for batch / parts samples; for one thread when there are several
 *        parts, else for all threads. Retained.
 * Errors: ERROR_MEMORY.
 */
int crew_create(struct crew **out, const struct plan *plan, int64_t parts,
                int threads, struct error *err);
void crew_destroy(struct crew *crew);

const struct plan *crew_plan(const struct crew *crew);
int64_t crew_parts(const struct crew *crew);

/* As of a runner, for the whole batch. */
void *crew_input(struct crew *crew, size_t input);
const void *crew_output(const struct crew *crew, size_t output);

/*
 * The whole batch. Allocates nothing.
 * Errors: ERROR_CANCELLED, ERROR_MEMORY.
 */
int crew_run(struct crew *crew, const struct cancel *cancel, struct error *err);

/*
 * Times the steps of one part (plan_step_count entries), scaled to what they
 * take in a whole batch.
 */
int crew_time_steps(struct crew *crew, const struct cancel *cancel,
                    int64_t *step_ns, struct error *err);

#endif
