#include "base/stats.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

struct stats_summary stats_summarise(double *values, size_t count)
{
    if (!count)
        return (struct stats_summary){NAN, NAN, NAN, NAN, NAN, NAN, 0};
    gsl_sort(values, 1, count);
    return (struct stats_summary){
        .median = gsl_stats_median_from_sorted_data(values, 1, count),
        .p10 = gsl_stats_quantile_from_sorted_data(values, 1, count, 0.1),
        .p90 = gsl_stats_quantile_from_sorted_data(values, 1, count, 0.9),
        .minimum = values[0],
        .maximum = values[count - 1],
        .mean = gsl_stats_mean(values, 1, count),
        .count = count,
    };
}
