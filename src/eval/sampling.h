/*
 * Stratified paired differences: how much accuracy a variant loses, from a
 * few samples chosen by the dense model's margins. Where the dense model is
 * sure a variant hardly ever flips, so most samples are spent where it is
 * not; weights by stratum keep the estimate unbiased.
 */
#ifndef EVAL_SAMPLING_H
#define EVAL_SAMPLING_H

#include "base/error.h"
#include "eval/estimate.h"

enum { SAMPLING_STRATA = 20 };

/* A data set cut by margin, and an order in which any first part of the
 * samples is a stratified sample. Immutable once made. */
struct sampling {
    int64_t samples;
    int count,
        wrong; /* the first `wrong` hold what the dense model has wrong */
    int64_t sizes[SAMPLING_STRATA];
    unsigned char *of; /* stratum by sample id */
    int64_t *order;    /* sample ids */
};

/*
 * base     (samples) the dense model's outcomes
 * Source: boundaries by equal sums of the expected spread (Dalenius and
 * Hodges 1959), equal allocation to strata (Neyman 1934).
 */
int sampling_init(struct sampling *sampling, const struct outcome *base,
                  int64_t samples, uint64_t seed, struct error *err);
void sampling_release(struct sampling *sampling);

/* What was seen of each stratum. */
struct sampling_sums {
    int64_t seen;
    struct {
        int64_t seen, gained, lost;    /* flips against the dense model */
        double margin, margin_squares; /* of the variant */
    } rows[SAMPLING_STRATA];
};

/* Adds one sample's outcome under the variant. */
void sampling_add(struct sampling_sums *sums, const struct sampling *sampling,
                  int64_t sample, const struct outcome *base,
                  const struct outcome *outcome);

struct sampling_difference {
    double value;   /* variant minus dense, -1 … 1, on the data set */
    double within;  /* half width of the 95 % interval for `value` on all of
                       the data set: 0 once all of it was seen */
    double overall; /* half width for samples like these: also counts that
                       the data set is itself a sample */
};

/* The difference seen so far; seen 0: value 0, half widths 1. */
struct sampling_difference sampling_estimate(const struct sampling *sampling,
                                             const struct sampling_sums *sums);

#endif
