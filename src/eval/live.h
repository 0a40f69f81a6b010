/*
 * The live estimate: what a variant's figures on all samples will be, from
 * the few that it has answered, the dense model's answers to all being known.
 * It also says which batch is worth most. The intervals hold at every look at
 * once: the 5 % are spent in equal parts, one for each of the thirteen
 * doublings up to ten thousand samples (2.9 deviations; a little more is
 * taken), so that stopping when it looks good does no harm. They rest on the
 * model of margins and effects, since batches are chosen by what they are worth
 * to it. How often they hold: tests/bench/bench_coverage.
 * Not thread-safe: the caller's mutex guards it.
 */
#ifndef EVAL_LIVE_H
#define EVAL_LIVE_H

#include "eval/estimate.h"
#include "eval/strata.h"

struct live;

/* strata: borrowed, must outlive. out is owned by the caller. */
int live_create(struct live **out, const struct strata *strata,
                struct error *err);
void live_destroy(struct live *live);

/* The batch to run next, reserved for the caller; -1: none is left. */
int64_t live_next(struct live *live);

/* Hands in the answers of batch b. outcomes: by sample id. */
void live_add(struct live *live, int64_t b, const struct outcome *outcomes);

/* Samples handed in. */
int64_t live_samples(const struct live *live);

/* On all samples; without doubt once all are seen. */
struct live_figures {
    struct estimate accuracy;
    struct estimate difference; /* to the dense model */
    struct estimate top5;
    struct estimate loss;            /* mean, nats; NAN without labels */
    int64_t base_only, variant_only; /* flips seen */
    double flips;   /* of all samples, those seen and those to expect */
    double p_value; /* of no difference, from the estimate's deviation */
};
/* A few milliseconds for 10,000 samples. */
void live_estimate(struct live *live, struct live_figures *figures);

#endif
