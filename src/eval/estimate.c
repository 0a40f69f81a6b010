#include "eval/estimate.h"

#include <math.h>

#include <gsl/gsl_cdf.h>

enum { HALVINGS = 60 };

/* The normal quantile that leaves (1 - confidence)/2 on each side. */
static double quantile(double confidence)
{
    return gsl_cdf_ugaussian_Pinv(0.5 + confidence / 2);
}

static struct estimate nothing(double low)
{
    return (struct estimate){.value = NAN, .low = low, .high = 1};
}

/*
 * The score interval: the p for which |p^ - p| = z sqrt(p (1 - p) / n).
 * Source: Wilson 1927.
 */
struct estimate estimate_wilson(int64_t successes, int64_t n, double confidence)
{
    if (n <= 0)
        return nothing(0);
    double z = quantile(confidence), count = (double)n;
    double p = (double)successes / count, zz = z * z / count;
    double centre = (p + zz / 2) / (1 + zz);
    double half = z / (1 + zz) * sqrt(p * (1 - p) / count + zz / (4 * count));
    struct estimate e = {.value = p, .samples = n, .total = n};
    /* Exact at the ends, where rounding would leave a trace. */
    e.low = successes == 0 ? 0 : centre - half;
    e.high = successes == n ? 1 : centre + half;
    return e;
}

/*
 * The x between low and high where the distribution function of
 * Beta(a, b) is p, by halving. GSL's own gsl_cdf_beta_Pinv fails to converge
 * for some ordinary counts (258 of 260), and then ends the process.
 */
static double beta_quantile(double p, double a, double b, double low,
                            double high)
{
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        if (gsl_cdf_beta_P(middle, a, b) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

struct estimate estimate_clopper_pearson(int64_t successes, int64_t n,
                                         double confidence)
{
    if (n <= 0)
        return nothing(0);
    double k = (double)successes, rest = (double)(n - successes);
    double tail = (1 - confidence) / 2, value = k / (double)n;
    struct estimate e = {
        .value = value, .low = 0, .high = 1, .samples = n, .total = n};
    if (successes > 0)
        e.low = beta_quantile(tail, k, rest + 1, 0, value);
    if (successes < n)
        e.high = beta_quantile(1 - tail, k + 1, rest, value, 1);
    return e;
}

/* The correlation of the two columns of right and wrong answers, with
 * Newcombe's continuity correction when it is positive. */
static double correlation(double both, double a_only, double b_only, double n)
{
    double neither = n - both - a_only - b_only;
    double product = (both + a_only) * (b_only + neither) * (both + b_only) *
                     (a_only + neither);
    if (product <= 0)
        return 0;
    double numerator = both * neither - a_only * b_only;
    if (numerator > 0)
        numerator = numerator > n / 2 ? numerator - n / 2 : 0;
    return numerator / sqrt(product);
}

struct estimate estimate_paired(int64_t both, int64_t a_only, int64_t b_only,
                                int64_t n, double confidence)
{
    if (n <= 0)
        return nothing(-1);
    struct estimate a = estimate_wilson(both + a_only, n, confidence);
    struct estimate b = estimate_wilson(both + b_only, n, confidence);
    double phi =
        correlation((double)both, (double)a_only, (double)b_only, (double)n);
    double down_b = b.value - b.low, up_b = b.high - b.value;
    double down_a = a.value - a.low, up_a = a.high - a.value;
    double low = down_b * down_b - 2 * phi * down_b * up_a + up_a * up_a;
    double high = up_b * up_b - 2 * phi * up_b * down_a + down_a * down_a;
    double difference = (double)(b_only - a_only) / (double)n;
    return (struct estimate){.value = difference,
                             .low = difference - sqrt(fmax(low, 0)),
                             .high = difference + sqrt(fmax(high, 0)),
                             .samples = n,
                             .total = n};
}

struct estimate estimate_gap(const struct estimate *a, const struct estimate *b)
{
    double gap = a->value - b->value;
    return (struct estimate){
        .value = gap,
        .low = gap - hypot(a->value - a->low, b->high - b->value),
        .high = gap + hypot(a->high - a->value, b->value - b->low),
        .samples = a->samples < b->samples ? a->samples : b->samples,
        .total = a->samples + b->samples};
}

double estimate_mcnemar(int64_t a_only, int64_t b_only)
{
    int64_t n = a_only + b_only;
    int64_t least = a_only < b_only ? a_only : b_only;
    if (n == 0)
        return 1;
    double p = 2 * gsl_cdf_binomial_P((unsigned)least, 0.5, (unsigned)n);
    return p < 1 ? p : 1;
}

void tally_add(struct tally *tally, const struct outcome *outcome,
               const struct outcome *base)
{
    double loss = (double)outcome->loss;
    tally->samples++;
    tally->correct += outcome->correct;
    tally->top5 += outcome->top5;
    tally->loss += loss;
    tally->loss_squares += loss * loss;
    if (!base)
        return;
    tally->paired++;
    tally->both += base->correct && outcome->correct;
    tally->base_only += base->correct && !outcome->correct;
    tally->variant_only += !base->correct && outcome->correct;
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
