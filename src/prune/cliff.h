/*
 * Where accuracy leaves the plateau. The rule, also in espalier(1):
 *
 * The curve of accuracy over amount is made monotone (weighted least squares,
 * weights from the points' intervals). Drops d grow by a factor from amount to
 * amount once they begin, so z = log(1 + d / half a point) is a plateau
 * followed by a line; the cliff is the change point of that broken line, fitted
 * by weighted least squares to the amounts up to the first drop of five points.
 * Its interval holds every change point whose fit is not significantly worse
 * (95 %). A curve that a level line fits as well, or that never drops by more
 * than one and a half points, has no cliff.
 */
#ifndef PRUNE_CLIFF_H
#define PRUNE_CLIFF_H

#include "prune/sensitivity.h"

#include <stddef.h>

enum { CURVE_MAX = 100 };

/* Accuracy over amount; amounts ascend and are above 0. */
struct curve {
    size_t count;
    double baseline; /* at amount 0 */
    double amounts[CURVE_MAX], values[CURVE_MAX];
    double low[CURVE_MAX], high[CURVE_MAX];
    double fit[CURVE_MAX]; /* monotone: never rises, at most the baseline */
};

/*
 * The points of one layer, one structure and one criterion (NULL: of the
 * layer's first point). Points above CURVE_MAX are left out. Returns how many.
 */
size_t curve_of(struct curve *curve, const struct sensitivity *table, int row,
                const char *structure, const char *criterion);

/* Fills fit from the other fields. Source: pool adjacent violators (Ayer et
 * al. 1955). */
void curve_fit(struct curve *curve);

/* The fit between its points (linear; above the last one: the last). */
double curve_at(const struct curve *curve, double amount);

/* The largest amount whose fit does not drop by more than `drop`. */
double curve_amount(const struct curve *curve, double drop);

struct cliff {
    bool found;
    double amount, low, high; /* shares */
};

struct cliff cliff_find(const struct curve *curve);

/* Mean drop over the amounts of the scan: what sensitivity is ranked by. */
double curve_sensitivity(const struct curve *curve);

/* "Low", "Medium", "High", "Top 5 %" for place `rank` (0: the least
 * sensitive) of `count`. Source: Sparsify's quantiles .33, .66, .95. */
const char *sensitivity_word(size_t rank, size_t count);

/* The word for one row among those of the table with the same structure and
 * criterion (NULL: each row's first); "" when the row has no points. */
const char *sensitivity_word_of(const struct sensitivity *table, int row,
                                const char *structure, const char *criterion);

#endif
