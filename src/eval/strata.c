/*
 * Samples sorted by the dense margin, wrong ones first. The two sides are cut
 * on their own: cuts of a side lie at (k / K)^1.5 of its batches from the
 * boundary, so the strata next to it are the narrowest.
 */
#include "eval/strata.h"

#include "base/array.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RIGHT_STRATA = 14, WRONG_STRATA = 6, LEAST_BATCHES = 2, MIXED = 1 };

static const double NARROWING = 1.5;

struct key {
    double value;
    int64_t place, sample;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* A number that sorts: what is not one counts as the least. */
static double sortable(const struct outcome *outcome)
{
    double margin = (double)outcome->margin;
    if (isnan(margin))
        return -INFINITY;
    return outcome->correct ? fmax(margin, 0) : fmin(margin, -1e-30);
}

/* Cuts `batches` batches in at most `most` strata, the narrowest first;
 * writes the ends, returns how many. */
static size_t cut(int64_t batches, int64_t most, int64_t *ends)
{
    size_t count = 0;
    if (most > batches / LEAST_BATCHES)
        most = batches / LEAST_BATCHES;
    if (batches > 0 && most < 1)
        most = 1;
    int64_t last = 0;
    for (int64_t k = 1; k <= most; k++) {
        double share = pow((double)k / (double)most, NARROWING);
        int64_t end = (int64_t)(share * (double)batches + 0.5);
        int64_t room = batches - LEAST_BATCHES * (most - k);
        if (end < last + LEAST_BATCHES)
            end = last + LEAST_BATCHES;
        if (end > room || k == most)
            end = k == most ? batches : room;
        ends[count++] = last = end;
    }
    return count;
}

static void make_list(struct strata *strata, int64_t wrong_batches)
{
    int64_t ends[STRATA_MAX];
    int64_t right_batches = strata->batches - wrong_batches;
    size_t count = cut(wrong_batches, WRONG_STRATA, ends);
    /* Mirrored: the narrow ones lie at the boundary, at the end. */
    for (size_t i = count; i > 0; i--) {
        int64_t last = i > 1 ? ends[i - 2] : 0;
        strata->list[strata->count++] = (struct stratum){
            wrong_batches - ends[i - 1], ends[i - 1] - last, MIXED, false};
    }
    count = cut(right_batches, RIGHT_STRATA, ends);
    for (size_t i = 0; i < count; i++) {
        int64_t last = i ? ends[i - 1] : 0;
        strata->list[strata->count++] =
            (struct stratum){wrong_batches + last, ends[i] - last, MIXED, true};
    }
}

static void shuffle(struct strata *strata, struct rng *rng)
{
    for (size_t h = 0; h < strata->count; h++) {
        int64_t end, first = strata_range(strata, h, &end);
        for (int64_t i = end - first; i > 1; i--) {
            int64_t j = (int64_t)rng_below(rng, (uint64_t)i);
            int64_t *order = strata->order + first, swap = order[j];
            order[j] = order[i - 1];
            order[i - 1] = swap;
        }
    }
}

/* What follows the mixed batches of a stratum, by class, else as it lies, so
 * that batches of a class that suffers can be chosen. */
static void sort_by_class(struct strata *strata, const int64_t *labels,
                          struct key *keys)
{
    for (size_t h = 0; h < strata->count; h++) {
        int64_t end, first = strata_range(strata, h, &end);
        first += strata->list[h].mixed * strata->batch;
        int64_t *order = strata->order + first, count = end - first;
        for (int64_t i = 0; i < count; i++)
            keys[i] = (struct key){(double)labels[order[i]], i, order[i]};
        if (count > 0)
            qsort(keys, (size_t)count, sizeof *keys, compare_keys);
        for (int64_t i = 0; i < count; i++)
            order[i] = keys[i].sample;
    }
}

static int allocate(struct strata *s, struct error *err)
{
    size_t n = (size_t)s->samples;
    s->order = array_create(n, sizeof *s->order);
    s->margin = array_create(n, sizeof *s->margin);
    s->margin5 = array_create(n, sizeof *s->margin5);
    s->loss = array_create(n, sizeof *s->loss);
    s->label = array_create(n, sizeof *s->label);
    s->rival = array_create(n, sizeof *s->rival);
    s->right = array_create(n, sizeof *s->right);
    s->top5 = array_create(n, sizeof *s->top5);
    if (s->order && s->margin && s->margin5 && s->loss && s->label &&
        s->rival && s->right && s->top5)
        return 0;
    return error_memory(err, n * 32);
}

static void take_samples(struct strata *s, const struct outcome *dense,
                         const int64_t *labels)
{
    for (int64_t i = 0; i < s->samples; i++) {
        const struct outcome *outcome = &dense[s->order[i]];
        s->margin[i] = outcome->margin;
        s->margin5[i] = outcome->margin5;
        s->loss[i] = outcome->loss;
        s->label[i] = (int32_t)labels[s->order[i]];
        s->rival[i] = outcome->rival;
        s->right[i] = outcome->correct;
        s->top5[i] = outcome->top5;
        s->right_count += outcome->correct;
        s->top5_count += outcome->top5;
        if (s->label[i] >= s->classes)
            s->classes = s->label[i] + 1;
        if (s->rival[i] >= s->classes)
            s->classes = s->rival[i] + 1;
    }
}

int strata_create(struct strata **out, const struct outcome *dense,
                  const int64_t *labels, int64_t samples, int64_t batch,
                  uint64_t seed, struct error *err)
{
    struct strata *s = array_create(1, sizeof *s);
    struct key *keys = array_create((size_t)samples, sizeof *keys);
    int64_t wrong = 0;
    if (!s || !keys) {
        error_memory(err, (size_t)samples * sizeof *keys);
        goto fail;
    }
    s->samples = samples;
    s->batch = batch;
    s->batches = (samples + batch - 1) / batch;
    if (allocate(s, err) < 0)
        goto fail;
    for (int64_t i = 0; i < samples; i++) {
        keys[i] = (struct key){sortable(&dense[i]), i, i};
        wrong += !dense[i].correct;
    }
    qsort(keys, (size_t)samples, sizeof *keys, compare_keys);
    for (int64_t i = 0; i < samples; i++)
        s->order[i] = keys[i].sample;
    make_list(s, (wrong + batch / 2) / batch);
    struct rng rng;
    rng_init(&rng, seed);
    shuffle(s, &rng);
    sort_by_class(s, labels, keys);
    take_samples(s, dense, labels);
    free(keys);
    *out = s;
    return 0;
fail:
    free(keys);
    strata_destroy(s);
    return -1;
}

void strata_destroy(struct strata *strata)
{
    if (!strata)
        return;
    free(strata->order);
    free(strata->margin);
    free(strata->margin5);
    free(strata->loss);
    free(strata->label);
    free(strata->rival);
    free(strata->right);
    free(strata->top5);
    free(strata);
}

int64_t strata_batch(const struct strata *strata, int64_t b, int64_t *first)
{
    *first = b * strata->batch;
    int64_t left = strata->samples - *first;
    return left < strata->batch ? left : strata->batch;
}

int64_t strata_range(const struct strata *strata, size_t h, int64_t *end)
{
    const struct stratum *stratum = &strata->list[h];
    *end = (stratum->first + stratum->count) * strata->batch;
    if (*end > strata->samples)
        *end = strata->samples;
    return stratum->first * strata->batch;
}

size_t strata_of_batch(const struct strata *strata, int64_t b)
{
    size_t h = 0;
    while (h + 1 < strata->count && strata->list[h + 1].first <= b)
        h++;
    return h;
}
