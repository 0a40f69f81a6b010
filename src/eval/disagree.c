#include "eval/disagree.h"

#include "base/array.h"

#include <stdlib.h>

const char *flip_kind_name(enum flip_kind kind)
{
    static const char *const names[] = {"lost", "won", "other"};
    return names[kind];
}

static double sureness(const struct flip *flip)
{
    double margin = (double)(flip->kind == FLIP_WON ? flip->margin_after
                                                    : flip->margin_before);
    /* Of two wrong answers the lowest margin is the surest. */
    margin = flip->kind == FLIP_OTHER ? -margin : margin;
    return margin == margin ? margin : 0;
}

static int compare_flips(const void *a, const void *b)
{
    const struct flip *x = a, *y = b;
    if (x->kind != y->kind)
        return (int)x->kind - (int)y->kind;
    double p = sureness(x), q = sureness(y);
    if (p != q)
        return p > q ? -1 : 1;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

static int compare_classes(const void *a, const void *b)
{
    const struct class_change *x = a, *y = b;
    int64_t p = x->won - x->lost, q = y->won - y->lost;
    if (p != q)
        return p < q ? -1 : 1;
    if (x->lost != y->lost)
        return x->lost > y->lost ? -1 : 1;
    return x->label < y->label ? -1 : x->label > y->label;
}

static void add_sample(struct disagreement *d, int64_t sample,
                       const struct outcome *before,
                       const struct outcome *after, int64_t label)
{
    bool right_before = before->predicted == label;
    bool right_after = after->predicted == label;
    struct class_change *c = &d->classes[label];
    c->label = label;
    c->samples++;
    c->before += right_before;
    c->after += right_after;
    if (before->predicted == after->predicted)
        return;
    struct flip *flip = &d->flips[d->count++];
    *flip = (struct flip){
        .sample = sample,
        .kind = right_before  ? FLIP_LOST
                : right_after ? FLIP_WON
                              : FLIP_OTHER,
        .label = label,
        .before = before->predicted,
        .after = after->predicted,
        .margin_before = before->margin,
        .margin_after = after->margin,
    };
    d->lost += flip->kind == FLIP_LOST;
    d->won += flip->kind == FLIP_WON;
    c->lost += flip->kind == FLIP_LOST;
    c->won += flip->kind == FLIP_WON;
}

int disagreement_init(struct disagreement *d, const struct outcome *before,
                      const struct outcome *after, const int64_t *labels,
                      int64_t samples, struct error *err)
{
    *d = (struct disagreement){0};
    size_t flips = 0;
    for (int64_t i = 0; i < samples; i++) {
        flips += before[i].predicted != after[i].predicted;
        if (labels[i] >= (int64_t)d->class_count)
            d->class_count = (size_t)labels[i] + 1;
    }
    d->flips = array_create(flips, sizeof *d->flips);
    d->classes = array_create(d->class_count, sizeof *d->classes);
    if (!d->flips || !d->classes) {
        disagreement_release(d);
        return error_memory(err, flips * sizeof *d->flips);
    }
    for (int64_t i = 0; i < samples; i++)
        if (labels[i] >= 0)
            add_sample(d, i, &before[i], &after[i], labels[i]);
    size_t kept = 0;
    for (size_t c = 0; c < d->class_count; c++)
        if (d->classes[c].samples)
            d->classes[kept++] = d->classes[c];
    d->class_count = kept;
    qsort(d->flips, d->count, sizeof *d->flips, compare_flips);
    qsort(d->classes, kept, sizeof *d->classes, compare_classes);
    return 0;
}

void disagreement_release(struct disagreement *d)
{
    free(d->flips);
    free(d->classes);
    *d = (struct disagreement){0};
}
