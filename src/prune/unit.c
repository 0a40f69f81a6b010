#include "prune/unit.h"

#include "base/array.h"
#include "prune/select.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Calls `visit` semantics inline: sums per unit, then the mask per unit. */
struct visit {
    const struct structure *self;
    const struct layer_matrix *matrix;
    unit_of *unit;
};

static void sum_units(const struct visit *v, const float *score, double *sums,
                      int64_t *counts)
{
    const struct layer_matrix *m = v->matrix;
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t c = 0; c < m->inputs; c++)
            for (int64_t p = 0; p < m->places; p++) {
                int64_t u = v->unit(v->self, m, r, c, p);
                sums[u] += (double)score[layer_matrix_at(m, r, c, p)];
                counts[u]++;
            }
}

static void clear_units(const struct visit *v, const struct bitmask *units,
                        struct bitmask *mask)
{
    const struct layer_matrix *m = v->matrix;
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t c = 0; c < m->inputs; c++)
            for (int64_t p = 0; p < m->places; p++) {
                int64_t u = v->unit(v->self, m, r, c, p);
                if (!bitmask_get(units, (size_t)u))
                    bitmask_set(mask, (size_t)layer_matrix_at(m, r, c, p),
                                false);
            }
}

int unit_select(const struct structure *self, const struct layer *layer,
                unit_of *unit, int64_t units, const float *score,
                int64_t remove, struct bitmask *mask, struct error *err)
{
    struct visit visit = {self, &layer->matrix, unit};
    struct bitmask kept = {0};
    struct score_cut cut;
    size_t count = (size_t)units;
    int result = -1;
    double *sums = array_create(count, sizeof *sums);
    int64_t *counts = array_create(count, sizeof *counts);
    float *means = array_create(count, sizeof *means);
    if (!sums || !counts || !means || bitmask_init(&kept, count, true) < 0) {
        error_memory(err, count * sizeof *sums);
        goto out;
    }
    sum_units(&visit, score, sums, counts);
    for (size_t u = 0; u < count; u++)
        means[u] = (float)(sums[u] / (double)counts[u]);
    struct score_span span = {means, units};
    if (score_cut_find(&cut, &span, 1, remove, err) < 0)
        goto out;
    if (bitmask_init(mask, (size_t)layer->weights, true) < 0) {
        error_memory(err, (unsigned long long)layer->weights / 8);
        goto out;
    }
    score_cut_apply(&cut, &span, &kept);
    clear_units(&visit, &kept, mask);
    result = 0;
out:
    bitmask_release(&kept);
    free(sums);
    free(counts);
    free(means);
    return result;
}

/* One number of at least 1; NULL when there is none. */
static const char *read_number(const char *p, int *number)
{
    enum { MOST = 1000000 };
    if (!isdigit((unsigned char)*p) || *p == '0')
        return NULL;
    for (*number = 0; isdigit((unsigned char)*p); p++)
        *number = *number >= MOST / 10 ? MOST : *number * 10 + (*p - '0');
    return p;
}

bool unit_numbers(const char *name, const char *prefix, char separator,
                  int *first, int *second)
{
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length))
        return false;
    const char *p = read_number(name + length, first);
    if (!p || *p != separator)
        return false;
    p = read_number(p + 1, second);
    return p && !*p;
}

int unit_needs_matrix(const struct layer *layer, struct error *err)
{
    if (layer->matrix.rows)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "its weight is no matrix of outputs by inputs");
}
