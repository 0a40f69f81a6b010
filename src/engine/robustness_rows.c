/* Counting answers, and what is kept of the dense model's. */
#include "base/array.h"
#include "engine/robustness_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CONFIDENCE 0.95

enum { HESITANT_SHARE = 10 };

static int init_row(struct robustness_row *row, const char *name, int severity,
                    int64_t classes, struct error *err)
{
    size_t n = (size_t)classes;
    row->condition = string_copy(name);
    row->severity = severity;
    row->classes = array_create(n, sizeof *row->classes);
    if (row->condition && row->classes)
        return 0;
    return error_memory(err, n * sizeof *row->classes);
}

int64_t robustness_right(const struct robustness_row *row, int64_t c)
{
    return row->classes[c].both + row->classes[c].after_only;
}

int64_t robustness_dense(const struct robustness_row *row, int64_t c)
{
    return row->classes[c].both + row->classes[c].before_only;
}

static void count_row(struct robustness_row *row,
                      const struct robustness_answers *answers, int64_t classes,
                      const bool *chosen)
{
    struct paired_counts all = {0};
    for (int64_t i = 0; i < answers->samples; i++) {
        int64_t label = dataset_label(answers->dataset, i);
        if ((label < 0 && !answers->agreement) || (chosen && !chosen[i]))
            continue;
        bool now = answers->variant[i].correct;
        bool before = answers->dense && answers->dense[i].correct;
        paired_add(&all, before, now);
        if (label >= 0 && label < classes)
            paired_add(&row->classes[label], before, now);
    }
    row->samples = all.samples;
    row->value =
        estimate_wilson(all.both + all.after_only, all.samples, CONFIDENCE);
    row->p_value = NAN;
    if (!answers->dense)
        return;
    paired_conclude(&all);
    for (int64_t c = 0; c < classes; c++)
        paired_conclude(&row->classes[c]);
    row->dense =
        estimate_wilson(all.both + all.before_only, all.samples, CONFIDENCE);
    row->difference = all.difference;
    row->p_value = all.p_value;
}

int robustness_add(struct robustness *out, const char *name, int severity,
                   const struct robustness_answers *answers, const bool *chosen,
                   struct error *err)
{
    struct robustness_row *row = &out->rows[out->count++];
    if (init_row(row, name, severity, out->classes, err) < 0)
        return -1;
    count_row(row, answers, out->classes, chosen);
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

int robustness_hesitant(const struct robustness_answers *answers, bool **out,
                        struct error *err)
{
    const struct outcome *outcomes =
        answers->dense ? answers->dense : answers->variant;
    size_t n = (size_t)answers->samples;
    double *margins = array_create(n, sizeof *margins);
    bool *chosen = array_create(n, sizeof *chosen);
    if (!margins || !chosen) {
        free(margins);
        free(chosen);
        return error_memory(err, n * sizeof *margins);
    }
    for (size_t i = 0; i < n; i++) {
        double margin = fabs((double)outcomes[i].margin);
        margins[i] = margin == margin ? margin : INFINITY;
    }
    qsort(margins, n, sizeof *margins, compare_doubles);
    double limit = margins[n / HESITANT_SHARE];
    for (size_t i = 0; i < n; i++)
        chosen[i] = fabs((double)outcomes[i].margin) < limit;
    free(margins);
    *out = chosen;
    return 0;
}

int robustness_copy(struct robustness *out, const struct robustness *in,
                    struct error *err)
{
    *out = (struct robustness){.classes = in->classes};
    out->rows = array_create(in->count, sizeof *out->rows);
    if (!out->rows)
        return error_memory(err, in->count * sizeof *out->rows);
    size_t bytes = (size_t)in->classes * sizeof *in->rows->classes;
    for (; out->count < in->count; out->count++) {
        const struct robustness_row *from = &in->rows[out->count];
        struct robustness_row *to = &out->rows[out->count], fresh = {0};
        if (init_row(&fresh, from->condition, from->severity, in->classes,
                     err) < 0) {
            *to = fresh;
            out->count++;
            robustness_release(out);
            return -1;
        }
        *to = *from;
        to->condition = fresh.condition;
        to->classes = fresh.classes;
        memcpy(to->classes, from->classes, bytes);
    }
    return 0;
}

void robustness_release(struct robustness *robustness)
{
    for (size_t i = 0; i < robustness->count; i++) {
        struct robustness_row *row = &robustness->rows[i];
        free(row->condition);
        free(row->classes);
    }
    free(robustness->rows);
    *robustness = (struct robustness){0};
}

/* --- what the dense model said --- */

const bool *robustness_cached(const struct robustness_cache *cache,
                              const char *name, int severity, int64_t samples)
{
    for (size_t i = 0; cache && i < cache->count; i++) {
        const struct robustness_cached *item = &cache->items[i];
        if (item->severity == severity && item->samples == samples &&
            strcmp(item->condition, name) == 0)
            return item->right;
    }
    return NULL;
}

void robustness_keep(struct robustness_cache *cache, const char *name,
                     int severity, const struct robustness_answers *answers)
{
    if (!cache || !answers->dense ||
        robustness_cached(cache, name, severity, answers->samples))
        return;
    struct robustness_cached item = {
        .condition = string_copy(name),
        .severity = severity,
        .samples = answers->samples,
        .right = array_create((size_t)answers->samples, sizeof *item.right),
    };
    if (!item.condition || !item.right ||
        array_reserve(&cache->items, &cache->capacity, cache->count + 1,
                      sizeof *cache->items) < 0) {
        free(item.condition);
        free(item.right);
        return;
    }
    for (int64_t i = 0; i < answers->samples; i++)
        item.right[i] = answers->dense[i].correct;
    cache->items[cache->count++] = item;
}

void robustness_cache_release(struct robustness_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        free(cache->items[i].condition);
        free(cache->items[i].right);
    }
    free(cache->items);
    *cache = (struct robustness_cache){0};
}
