/*
 * How many answers flip on all samples, from those seen so far and what a
 * model believes of the rest. Both directions apart: right answers lost, wrong
 * ones won.
 */
#ifndef EVAL_FLIPS_H
#define EVAL_FLIPS_H

#include "eval/effects.h"

/* Samples by place in the strata's order; `yes` only where seen. */
struct flips_view {
    struct effects *effects; /* of these strata; begun where they are */
    const bool *base;        /* the dense model's answer is right */
    const bool *seen, *yes;
    const float *logit; /* of the believed probability of a right answer */
};

struct flips {
    int64_t seen;
    double mean, variance; /* of those among samples not seen */
};

/* Fits the effects to what was seen: before the two below. Two milliseconds
 * at most for 10,000 samples; nothing here allocates. */
void flips_fit(const struct flips_view *view);

void flips_count(const struct flips_view *view, struct flips *lost,
                 struct flips *won);

/* What seeing each sample is worth: by how much the variance of the flips
 * falls, by place, written; 0 where seen. */
void flips_worth(const struct flips_view *view, float *worth);

/*
 * base - lost + won with bounds z deviations away, each direction's after a
 * gamma distribution of its mean and variance, and `more` flips more. In
 * samples.
 */
struct flips_range {
    double value, low, high;
};
struct flips_range flips_combine(int64_t base, const struct flips *lost,
                                 const struct flips *won, double z,
                                 double more);

#endif
