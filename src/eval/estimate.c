#include "eval/estimate.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static double normal_quantile(double confidence)
{
    return gsl_cdf_ugaussian_Pinv(0.5 + confidence / 2);
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static struct estimate unknown(double low, double high)
{
    return (struct estimate){NAN, low, high, 0, 0};
}

struct estimate estimate_wilson(int64_t successes, int64_t n, double confidence)
{
    if (n <= 0)
        return unknown(0, 1);
    double z = normal_quantile(confidence), count = (double)n;
    double p = (double)successes / count, z2 = z * z;
    double centre = (p + z2 / (2 * count)) / (1 + z2 / count);
    double half = z / (1 + z2 / count) *
                  sqrt(p * (1 - p) / count + z2 / (4 * count * count));
    /* Rounding must not push a bound past the value at 0 and 1. */
    return (struct estimate){p, clamp(centre - half, 0, p),
                             clamp(centre + half, p, 1), n, n};
}

struct estimate estimate_clopper_pearson(int64_t successes, int64_t n,
                                         double confidence)
{
    if (n <= 0)
        return unknown(0, 1);
    double tail = (1 - confidence) / 2, k = (double)successes;
    double m = (double)(n - successes);
    double low = successes > 0 ? gsl_cdf_beta_Pinv(tail, k, m + 1) : 0;
    double high = successes < n ? gsl_cdf_beta_Qinv(tail, k + 1, m) : 1;
    return (struct estimate){k / (double)n, low, high, n, n};
}

/*
 * Newcombe's method 10: the Wilson limits of both proportions, combined with
 * the correlation phi of the paired answers.
 */
struct estimate estimate_paired(int64_t both, int64_t a_only, int64_t b_only,
                                int64_t n, double confidence)
{
    if (n <= 0)
        return unknown(-1, 1);
    struct estimate a = estimate_wilson(both + a_only, n, confidence);
    struct estimate b = estimate_wilson(both + b_only, n, confidence);
    double neither = (double)(n - both - a_only - b_only);
    double product = (double)(both + a_only) * (double)(both + b_only) *
                     ((double)a_only + neither) * ((double)b_only + neither);
    double agreement = (double)both * neither - (double)a_only * (double)b_only;
    double phi = product > 0 ? agreement / sqrt(product) : 0;
    double difference = b.value - a.value;
    double da = b.value - b.low, db = a.high - a.value;
    double ua = b.high - b.value, ub = a.value - a.low;
    double below = da * da - 2 * phi * da * db + db * db;
    double above = ua * ua - 2 * phi * ua * ub + ub * ub;
    return (struct estimate){
        difference, clamp(difference - sqrt(fmax(below, 0)), -1, 1),
        clamp(difference + sqrt(fmax(above, 0)), -1, 1), n, n};
}

double estimate_mcnemar(int64_t a_only, int64_t b_only)
{
    int64_t n = a_only + b_only, fewer = a_only < b_only ? a_only : b_only;
    if (n == 0)
        return 1;
    double tail = gsl_cdf_binomial_P((unsigned)fewer, 0.5, (unsigned)n);
    return fmin(1, 2 * tail);
}

void tally_add(struct tally *tally, const struct outcome *outcome,
               const struct outcome *base)
{
    tally->samples++;
    tally->correct += outcome->correct;
    tally->top5 += outcome->top5;
    tally->loss += (double)outcome->loss;
    tally->loss_squares += (double)outcome->loss * (double)outcome->loss;
    if (!base)
        return;
    tally->paired++;
    tally->both += outcome->correct && base->correct;
    tally->base_only += !outcome->correct && base->correct;
    tally->variant_only += outcome->correct && !base->correct;
}

void tally_merge(struct tally *into, const struct tally *from)
{
    into->samples += from->samples;
    into->correct += from->correct;
    into->top5 += from->top5;
    into->paired += from->paired;
    into->both += from->both;
    into->base_only += from->base_only;
    into->variant_only += from->variant_only;
    into->loss += from->loss;
    into->loss_squares += from->loss_squares;
}
