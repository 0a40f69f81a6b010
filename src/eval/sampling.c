/*
 * A sample of margin t flips with a probability that falls with |t|. Its
 * expected spread under a middling edit weighs it; strata are ranges of
 * margin of equal weight and are sampled equally often, in a random order
 * within. Wrong and right answers never share a stratum, because one can
 * only gain and the other only lose.
 */
#include "eval/sampling.h"

#include "base/array.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

#define NORMAL_95 1.959963984540054
/* Spread of a middling edit's margins as a share of the median margin; the
 * weight of a sample that no such edit flips; how many observations the
 * guess from margins is worth, and what heavier tails than normal do to it.
 * Guesses: they decide how many samples a figure takes, not what it is
 * (tests/unit/test_sampling.c measures the intervals). */
#define EDIT_SPREAD  0.25
#define LEAST_WEIGHT 0.05
#define GUESS_WEIGHT 4.0
#define TAIL_FACTOR  1.5

struct ranked {
    double key;
    int64_t sample;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static void sort_ranked(struct ranked *list, int64_t count)
{
    qsort(list, (size_t)count, sizeof *list, compare_ranked);
}

/* A margin that is no number is as unsure as can be. */
static double margin_of(const struct outcome *outcome)
{
    double margin = (double)outcome->margin;
    return isfinite(margin) ? margin : 0;
}

/* list is sorted by margin, scratch has room for as many. */
static double median_size(const struct ranked *list, struct ranked *scratch,
                          int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        scratch[i] = (struct ranked){fabs(list[i].key), list[i].sample};
    sort_ranked(scratch, count);
    return scratch[count / 2].key;
}

static double weight_of(double margin, double spread)
{
    double p = spread > 0 ? gsl_cdf_ugaussian_Q(fabs(margin) / spread) : 0;
    return sqrt(p * (1 - p)) + LEAST_WEIGHT;
}

/* Cuts list[first … last) into `parts` of equal weight; returns the next
 * free stratum. */
static int cut(struct sampling *sampling, const struct ranked *list,
               int64_t first, int64_t last, int parts, int stratum,
               double spread)
{
    double total = 0, sum = 0;
    for (int64_t i = first; i < last; i++)
        total += weight_of(list[i].key, spread);
    for (int64_t i = first; i < last; i++) {
        int part = (int)(sum / total * parts);
        part = part < parts ? part : parts - 1;
        sampling->of[list[i].sample] = (unsigned char)(stratum + part);
        sampling->sizes[stratum + part]++;
        sum += weight_of(list[i].key, spread);
    }
    return stratum + parts;
}

/* Wrong answers get strata by their share of the weight, at least one. */
static void cut_all(struct sampling *sampling, const struct ranked *list,
                    const struct outcome *base, double spread)
{
    int64_t n = sampling->samples, right = 0;
    double wrong_weight = 0, weight = 0;
    for (int64_t i = 0; i < n; i++) {
        double w = weight_of(list[i].key, spread);
        weight += w;
        if (base[list[i].sample].correct)
            continue;
        wrong_weight += w;
        right = i + 1; /* wrong ones have margins below the right ones' */
    }
    int parts = n < SAMPLING_STRATA ? (int)n : SAMPLING_STRATA;
    int wrong = (int)lround(parts * wrong_weight / weight);
    if (right > 0 && wrong < 1)
        wrong = 1;
    if (right < n && wrong >= parts)
        wrong = parts > 1 ? parts - 1 : 1;
    if (right == n)
        wrong = parts;
    if (right == 0)
        wrong = 0;
    int next = 0;
    sampling->wrong = wrong;
    if (wrong)
        next = cut(sampling, list, 0, right, wrong, 0, spread);
    if (parts > next)
        next = cut(sampling, list, right, n, parts - next, next, spread);
    sampling->count = next;
}

/* Sample k of a stratum comes when k of every other one have come. */
static void set_order(struct sampling *sampling, struct ranked *list,
                      uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    int64_t n = sampling->samples, seen[SAMPLING_STRATA] = {0};
    rng_permutation(&rng, sampling->order, (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        int64_t sample = sampling->order[i];
        int h = sampling->of[sample];
        list[i] =
            (struct ranked){(double)seen[h]++ * SAMPLING_STRATA + h, sample};
    }
    sort_ranked(list, n);
    for (int64_t i = 0; i < n; i++)
        sampling->order[i] = list[i].sample;
}

int sampling_init(struct sampling *sampling, const struct outcome *base,
                  int64_t samples, uint64_t seed, struct error *err)
{
    size_t n = (size_t)samples;
    *sampling = (struct sampling){.samples = samples};
    struct ranked *lists = array_create(2 * n + 1, sizeof *lists);
    sampling->of = array_create(n + 1, sizeof *sampling->of);
    sampling->order = array_create(n + 1, sizeof *sampling->order);
    if (!lists || !sampling->of || !sampling->order) {
        free(lists);
        sampling_release(sampling);
        return error_memory(err, 2 * n * sizeof *lists);
    }
    /* Right before wrong must not happen on equal margins. */
    for (int64_t i = 0; i < samples; i++) {
        double margin = margin_of(&base[i]);
        margin = base[i].correct ? fmax(margin, 0) : fmin(margin, -1e-9);
        lists[i] = (struct ranked){margin, i};
    }
    sort_ranked(lists, samples);
    if (samples > 0) {
        double spread =
            EDIT_SPREAD * median_size(lists, lists + samples, samples);
        cut_all(sampling, lists, base, spread);
    }
    set_order(sampling, lists, seed);
    free(lists);
    return 0;
}

void sampling_release(struct sampling *sampling)
{
    free(sampling->of);
    free(sampling->order);
    *sampling = (struct sampling){0};
}

void sampling_add(struct sampling_sums *sums, const struct sampling *sampling,
                  int64_t sample, const struct outcome *base,
                  const struct outcome *outcome)
{
    int h = sampling->of[sample];
    double margin = margin_of(outcome);
    sums->seen++;
    sums->rows[h].seen++;
    sums->rows[h].gained += !base->correct && outcome->correct;
    sums->rows[h].lost += base->correct && !outcome->correct;
    sums->rows[h].margin += margin;
    sums->rows[h].margin_squares += margin * margin;
}

/* The probability of a flip in a stratum: what was seen, blended with what
 * the variant's margins make likely, so that none seen is not none. */
static double flip_probability(const struct sampling *sampling,
                               const struct sampling_sums *sums, int h)
{
    double n = (double)sums->rows[h].seen;
    double flips = (double)(sums->rows[h].gained + sums->rows[h].lost);
    double mean = sums->rows[h].margin / n;
    double variance = fmax(sums->rows[h].margin_squares / n - mean * mean, 0) *
                      n / fmax(n - 1, 1);
    double size = TAIL_FACTOR * sqrt(variance) + 1e-9;
    double sign = h < sampling->wrong ? -1 : 1;
    double guess = gsl_cdf_ugaussian_Q(sign * mean / size);
    return (flips + GUESS_WEIGHT * guess) / (n + GUESS_WEIGHT);
}

struct sampling_difference sampling_estimate(const struct sampling *sampling,
                                             const struct sampling_sums *sums)
{
    double n = (double)sampling->samples, value = 0, variance = 0, flips = 0;
    struct sampling_difference unknown = {.within = 1, .overall = 1};
    for (int h = 0; h < sampling->count; h++) {
        double size = (double)sampling->sizes[h];
        double seen = (double)sums->rows[h].seen;
        if (size == 0)
            continue;
        if (seen == 0)
            return unknown;
        double share = size / n;
        double p = flip_probability(sampling, sums, h);
        value +=
            share * (double)(sums->rows[h].gained - sums->rows[h].lost) / seen;
        variance += share * share * p * (1 - p) / seen * (1 - seen / size);
        flips +=
            share * (double)(sums->rows[h].gained + sums->rows[h].lost) / seen;
    }
    if (n == 0)
        return unknown;
    /* One flip more than seen: a data set without any proves no certainty. */
    double data_set = ((flips - value * value) * n + 1) / (n * n);
    return (struct sampling_difference){
        .value = value,
        .within = NORMAL_95 * sqrt(variance),
        .overall = NORMAL_95 * sqrt(variance + fmax(data_set, 0)),
    };
}
