#include "eval/paired.h"

#include "base/array.h"

#include <stdlib.h>

void paired_add(struct paired_counts *counts, bool before, bool after)
{
    counts->samples++;
    counts->both += before && after;
    counts->before_only += before && !after;
    counts->after_only += !before && after;
}

void paired_conclude(struct paired_counts *c)
{
    c->difference = estimate_paired(c->both, c->before_only, c->after_only,
                                    c->samples, 0.95);
    c->p_value = estimate_mcnemar(c->before_only, c->after_only);
}

/* Largest losses first, then by label. */
static int compare_classes(const void *left, const void *right)
{
    const struct paired_class *a = left, *b = right;
    double x = a->counts.difference.value, y = b->counts.difference.value;
    if (x != y)
        return x < y ? -1 : 1;
    return a->label < b->label ? -1 : a->label > b->label;
}

/* Classes without samples are not listed. */
static void sort_classes(struct paired *paired, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct paired_class *one = &paired->classes[i];
        if (!one->counts.samples)
            continue;
        one->label = (int64_t)i;
        paired_conclude(&one->counts);
        paired->classes[paired->class_count++] = *one;
    }
    if (paired->class_count)
        qsort(paired->classes, paired->class_count, sizeof *paired->classes,
              compare_classes);
}

int paired_init(struct paired *paired, const struct outcome *before,
                const struct outcome *after, const int64_t *right,
                int64_t samples, struct error *err)
{
    int64_t most = 0;
    *paired = (struct paired){0};
    for (int64_t i = 0; i < samples; i++)
        most = right[i] >= most ? right[i] + 1 : most;
    paired->classes = array_create((size_t)most + 1, sizeof *paired->classes);
    if (!paired->classes)
        return error_memory(err, (size_t)most * sizeof *paired->classes);
    for (int64_t i = 0; i < samples; i++) {
        if (right[i] < 0)
            continue;
        bool a = before[i].predicted == right[i];
        bool b = after[i].predicted == right[i];
        paired_add(&paired->all, a, b);
        paired_add(&paired->classes[right[i]].counts, a, b);
    }
    paired_conclude(&paired->all);
    sort_classes(paired, (size_t)most);
    return 0;
}

void paired_release(struct paired *paired)
{
    free(paired->classes);
    *paired = (struct paired){0};
}
