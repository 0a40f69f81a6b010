/*
 * N:M: of every M weights that follow each other along the input channels
 * (same output, same place of the kernel) at most N stay, which is what
 * sparse tensor cores read. A last group of fewer than M is left alone.
 *
 * Amounts count weights. Up to (M - N) / M of the grouped weights those fall
 * first that the pattern lets fall; beyond it the rest, by score, which keeps
 * the pattern. Of equal scores in a group the lower index stays.
 *
 * N:Mp is the same after the input channels have taken an order in which more
 * magnitude stays; prune/apply.c hands out scores in that order.
 */
#include "prune/criteria.h"
#include "prune/select.h"
#include "prune/unit.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_MAX = 16 };

static int parse(const char *name, struct structure *out, struct error *err)
{
    int keep, of;
    if (!unit_numbers(name, "", ':', &keep, &of))
        return 0;
    if (keep > of || of > GROUP_MAX)
        return error_set(err, ERROR_RANGE,
                         "found %d:%d, expected to keep N of M with N <= M "
                         "<= %d",
                         keep, of, GROUP_MAX);
    out->first = keep;
    out->second = of;
    return 1;
}

/* 2:4p */
static int parse_permuted(const char *name, struct structure *out,
                          struct error *err)
{
    char numbers[24];
    size_t length = strlen(name);
    if (length < 2 || length >= sizeof numbers || name[length - 1] != 'p')
        return 0;
    memcpy(numbers, name, length - 1);
    numbers[length - 1] = '\0';
    return parse(numbers, out, err);
}

static int fits(const struct structure *self, const struct layer *layer,
                struct error *err)
{
    if (unit_needs_matrix(layer, err) < 0)
        return -1;
    if (layer->matrix.inputs >= self->second)
        return 0;
    return error_set(
        err, ERROR_UNSUPPORTED, "found %lld input channel%s, %s needs %d",
        (long long)layer->matrix.inputs, layer->matrix.inputs == 1 ? "" : "s",
        self->name, self->second);
}

static int fits_permuted(const struct structure *self,
                         const struct layer *layer, struct error *err)
{
    if (fits(self, layer, err) < 0)
        return -1;
    if (layer->fixed && !layer->fixed[0])
        return 0;
    return error_set(
        err, ERROR_UNSUPPORTED, "its input channels keep their order: %s",
        layer->fixed ? layer->fixed : "their layers are not known");
}

static int64_t units(const struct structure *self, const struct layer *layer)
{
    (void)self;
    return layer->weights;
}

static int64_t natural(const struct structure *self, const struct layer *layer)
{
    const struct layer_matrix *m = &layer->matrix;
    return m->rows * m->places * (m->inputs / self->second) *
           (self->second - self->first);
}

/* Writes which of a group's weights the pattern lets fall. */
static void mark_group(const struct structure *self, const float *score,
                       const int64_t *at, bool *falls)
{
    int of = self->second;
    for (int i = 0; i < of; i++) {
        int better = 0; /* that stay before i */
        for (int j = 0; j < of; j++) {
            uint32_t a = score_key(score[at[i]]), b = score_key(score[at[j]]);
            better += b > a || (b == a && j < i);
        }
        falls[i] = better >= self->first;
    }
}

/* A weight that may fall keeps its score; the others are put behind all
 * (`beyond` false) or, once all of those have fallen, before the rest. */
static void mark(const struct structure *self, const struct layer_matrix *m,
                 const float *score, bool beyond, float *marked)
{
    int64_t at[GROUP_MAX];
    bool falls[GROUP_MAX];
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t p = 0; p < m->places; p++)
            for (int64_t c = 0; c + self->second <= m->inputs;
                 c += self->second) {
                for (int i = 0; i < self->second; i++)
                    at[i] = layer_matrix_at(m, r, c + i, p);
                mark_group(self, score, at, falls);
                for (int i = 0; i < self->second; i++) {
                    if (!falls[i])
                        continue;
                    float s = score[at[i]];
                    marked[at[i]] = beyond     ? -INFINITY
                                    : isnan(s) ? INFINITY
                                               : s;
                }
            }
}

static int select_nm(const struct structure *self, const struct layer *layer,
                     const float *score, int64_t remove, struct bitmask *mask,
                     struct error *err)
{
    bool beyond = remove > natural(self, layer);
    float *marked = array_create((size_t)layer->weights, sizeof *marked);
    if (!marked)
        return error_memory(err, (unsigned long long)layer->weights *
                                     sizeof *marked);
    for (int64_t i = 0; i < layer->weights; i++)
        marked[i] = beyond ? score[i] : NAN;
    mark(self, &layer->matrix, score, beyond, marked);
    int result = structure_weight.select(&structure_weight, layer, marked,
                                         remove, mask, err);
    free(marked);
    return result;
}

const struct structure structure_nm = {
    .name = "2:4",
    .help = "N:M: at most N of M neighbouring input channels stay",
    .unit = "weights",
    .first = 2,
    .second = 4,
    .parse = parse,
    .fits = fits,
    .units = units,
    .natural = natural,
    .select = select_nm,
};

const struct structure structure_nm_permuted = {
    .name = "2:4p",
    .help = "N:M after the input channels took a better order",
    .unit = "weights",
    .first = 2,
    .second = 4,
    .permutes = true,
    .parse = parse_permuted,
    .fits = fits_permuted,
    .units = units,
    .natural = natural,
    .select = select_nm,
};
