/* Order statistics of a few measurements. */
#ifndef BASE_STATS_H
#define BASE_STATS_H

#include <stddef.h>

struct stats_summary {
    double median, p10, p90, minimum, maximum, mean;
    size_t count;
};

/* Sorts `values` in place and summarises them; all NAN when count is 0.
 * Quantiles interpolate linearly (GSL's gsl_stats_quantile_from_sorted_data).
 */
struct stats_summary stats_summarise(double *values, size_t count);

#endif
