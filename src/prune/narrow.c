#include "prune/narrow.h"

#include "base/array.h"
#include "prune/importance.h"
#include "prune/select.h"

#include <stdlib.h>
#include <string.h>

struct ranked {
    uint32_t key;
    int unit;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

int *narrow_order(const struct group *group, const float *importance,
                  struct error *err)
{
    size_t count = (size_t)group->unit_count;
    struct ranked *ranked = array_create(count + 1, sizeof *ranked);
    int *order = array_create(count + 1, sizeof *order);
    if (!ranked || !order) {
        free(ranked);
        free(order);
        error_memory(err, count * sizeof *ranked);
        return NULL;
    }
    for (size_t u = 0; u < count; u++)
        ranked[u] = (struct ranked){score_key(importance[u]), (int)u};
    qsort(ranked, count, sizeof *ranked, compare_ranked);
    for (size_t u = 0; u < count; u++)
        order[u] = ranked[u].unit;
    free(ranked);
    return order;
}

/* What the group's layers say about its width: they agree, but whoever makes
 * decisions by hand may have told only one of them. */
static struct choice choice_of(const struct decision *decisions,
                               const struct group *group)
{
    struct choice choice = {0};
    for (size_t i = 0; i < group->layer_count; i++) {
        const struct decision *d = &decisions[group->layers[i]];
        if (d->width.remove > choice.remove)
            choice = d->width;
        if (d->structure && d->structure->narrows && d->remove > choice.remove)
            choice = (struct choice){d->structure, d->criterion, d->remove};
    }
    return choice;
}

/* What the weights mask is worth nothing (weights_lower_scores), the rest the
 * same: the channels that went when the weights were found. */
static int score_kept(const struct score_input *input, float *out,
                      struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] = 1;
    return 0;
}

static const struct criterion criterion_kept = {.name = "kept",
                                                .score = score_kept};

/* Weights that were found for the same choice know which units it took. */
static const struct criterion *criterion_of(const struct mask_source *source,
                                            const struct group *group,
                                            const struct choice *choice)
{
    const struct weights *weights = source->weights;
    if (!weights || !weights->decisions)
        return choice->criterion;
    struct choice found = choice_of(weights->decisions, group);
    return found.remove == choice->remove &&
                   found.criterion == choice->criterion
               ? &criterion_kept
               : choice->criterion;
}

static int narrow_group(struct removal_draft *draft,
                        const struct mask_source *source,
                        const struct group *group, const struct choice *choice,
                        struct error *err)
{
    if (choice->remove > group->most)
        return error_set(err, ERROR_RANGE,
                         "layer '%s' can lose %lld %s, found %lld to remove",
                         source->layers->layers[group->layers[0]].name,
                         (long long)group->most, choice->structure->unit,
                         (long long)choice->remove);
    float *importance = group_importance(
        source, group, criterion_of(source, group, choice), err);
    int *order = importance ? narrow_order(group, importance, err) : NULL;
    free(importance);
    if (!order)
        return -1;
    int64_t left = choice->remove;
    for (int64_t i = 0; i < group->unit_count && left; i++)
        left -= removal_take(draft, group->units[order[i]]);
    free(order);
    return 0;
}

/* The units that went before, when nothing has changed about them. */
static bool take_over(struct removal_draft *draft,
                      const struct mask_source *source,
                      const struct group *group, const struct choice *choice)
{
    const struct mask_set *previous = source->previous;
    if (!previous || !previous->labels || !source->previous_decisions)
        return false;
    struct choice before = choice_of(source->previous_decisions, group);
    if (before.remove != choice->remove ||
        before.criterion != choice->criterion)
        return false;
    for (int64_t u = 0; u < group->unit_count; u++)
        if (previous->labels[group->units[u]])
            removal_take(draft, group->units[u]);
    return true;
}

static bool has_row(const int *rows, size_t count, size_t row)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i] == (int)row)
            return true;
    return false;
}

static bool is_skipped(const struct decision *d)
{
    return d->skipped || (d->structure && d->structure->skips && d->remove);
}

/* Whether a layer that reads the group orders its channels. */
static bool orders(const struct decision *decisions, const struct group *group)
{
    bool found = false;
    for (size_t i = 0; i < group->layer_count + group->reader_count; i++) {
        int row = i < group->layer_count
                      ? group->layers[i]
                      : group->readers[i - group->layer_count];
        const struct decision *d = &decisions[row];
        found = found || (d->remove && d->structure && d->structure->permutes);
    }
    return found;
}

static int check_plain(const struct decision *decisions,
                       const struct layer_table *layers, size_t row,
                       struct error *err)
{
    const struct group_table *groups = layers->groups;
    for (size_t g = 0; groups && g < groups->count; g++) {
        const struct group *group = &groups->groups[g];
        bool touches = has_row(group->layers, group->layer_count, row) ||
                       has_row(group->readers, group->reader_count, row);
        if (touches && orders(decisions, group))
            return error_set(err, ERROR_MISMATCH,
                             "layer '%s' is passed over: '%s' keeps the "
                             "order of its channels",
                             layers->layers[row].name,
                             layers->layers[group->layers[0]].name);
        if (touches && choice_of(decisions, group).remove)
            return error_set(
                err, ERROR_MISMATCH,
                "layer '%s' is passed over: '%s' keeps its %s",
                layers->layers[row].name, layers->layers[group->layers[0]].name,
                group->kind == GROUP_CHANNELS ? "channels" : "heads");
    }
    return 0;
}

int narrow_check(const struct decision *decisions,
                 const struct layer_table *layers, struct error *err)
{
    for (size_t i = 0; layers->blocks && i < layers->blocks->count; i++) {
        const struct block *block = &layers->blocks->blocks[i];
        size_t row = (size_t)block->layers[0];
        if (block->plain && is_skipped(&decisions[row]) &&
            check_plain(decisions, layers, row, err) < 0)
            return -1;
    }
    return 0;
}

int narrow_decide(struct removal_draft *draft, const struct mask_source *source,
                  struct error *err)
{
    const struct group_table *groups = source->layers->groups;
    const struct block_table *blocks = source->layers->blocks;
    if (narrow_check(source->decisions, source->layers, err) < 0)
        return -1;
    for (size_t g = 0; groups && g < groups->count; g++) {
        const struct group *group = &groups->groups[g];
        struct choice choice = choice_of(source->decisions, group);
        if (choice.remove && !take_over(draft, source, group, &choice) &&
            narrow_group(draft, source, group, &choice, err) < 0)
            return -1;
    }
    for (size_t i = 0; blocks && i < source->layers->count; i++) {
        int block = blocks->block_of[i];
        if (!is_skipped(&source->decisions[i]) || block < 0 ||
            draft->blocks[block])
            continue;
        draft->blocks[block] = true;
        draft->block_count++;
    }
    return 0;
}
