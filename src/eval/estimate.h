/* Intervals for proportions and paired differences. */
#ifndef EVAL_ESTIMATE_H
#define EVAL_ESTIMATE_H

#include "eval/outcome.h"

#include <stddef.h>

struct estimate {
    double value, low, high; /* ratios 0…1 (or differences, -1…1) */
    int64_t samples;         /* looked at */
    int64_t total;           /* in the data set */
};

/* Wilson score interval at `confidence` (0.95). n = 0: value NAN, 0…1. */
struct estimate estimate_wilson(int64_t successes, int64_t n,
                                double confidence);
/* Clopper-Pearson (exact) by the beta quantile of GSL. */
struct estimate estimate_clopper_pearson(int64_t successes, int64_t n,
                                         double confidence);

/*
 * The difference b - a of two classifiers on the same n samples, of which
 * a_only were right under a alone and b_only under b alone.
 * Source: Newcombe 1998 (method 10, paired Wilson with correlation), from
 * both = right under both.
 */
struct estimate estimate_paired(int64_t both, int64_t a_only, int64_t b_only,
                                int64_t n, double confidence);

/* a - b of two estimates from samples of their own, by the square root of the
 * squared distances to their bounds. Source: Newcombe 1998 (method 10). */
struct estimate estimate_gap(const struct estimate *a,
                             const struct estimate *b);

/* Two-sided exact McNemar p-value from the discordant counts. */
double estimate_mcnemar(int64_t a_only, int64_t b_only);

/* Running totals over the outcomes of one variant, paired with the dense
 * model's where known. */
struct tally {
    int64_t samples, correct, top5;
    int64_t paired, both, base_only, variant_only; /* against the dense */
    double loss;                                   /* sum */
    double loss_squares;
};

/* base may be NULL (no pairing for this sample). */
void tally_add(struct tally *tally, const struct outcome *outcome,
               const struct outcome *base);
void tally_merge(struct tally *into, const struct tally *from);

#endif
