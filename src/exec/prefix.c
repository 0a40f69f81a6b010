/*
 * Cached activations. Cut points are steps after which the live values of
 * each batch are kept. A cut saves the cost of everything up to it for every
 * edit behind it; cuts are taken greedily by saved cost per byte, after the
 * one right before the step that the user edits.
 */
#include "exec/prefix.h"

#include "base/array.h"
#include "base/thread.h"
#include "exec/plan_internal.h"

#include <stdlib.h>

enum { PREFIX_CUTS = 6 };

struct cut {
    size_t step;
    uint64_t hash;
    int64_t bytes; /* of one batch */
};

struct entry {
    uint64_t hash;
    int64_t size;
    void *bytes; /* NULL: nothing kept */
};

/* What a dropped entry's memory holds. */
struct stale {
    struct stale *next;
};

/* The entries of one batch, entry i belonging to cut i. */
struct batch {
    pthread_mutex_t mutex;
    struct entry entries[PREFIX_CUTS];
};

struct prefix {
    int64_t budget;
    int64_t batch_count;
    struct batch *batches;
    atomic_llong kept;            /* bytes; workers add and subtract */
    struct cut cuts[PREFIX_CUTS]; /* by step; written when no worker runs */
    size_t cut_count;
    struct stale *stale; /* dropped, not freed yet: see prefix_sweep */
};

int prefix_create(struct prefix **out, int64_t budget_bytes, int64_t batches,
                  struct error *err)
{
    struct prefix *prefix = array_create(1, sizeof(*prefix));
    size_t count = batches > 0 ? (size_t)batches : 0;
    *out = NULL;
    if (!prefix)
        return error_memory(err, sizeof(*prefix));
    prefix->budget = budget_bytes;
    prefix->batches = array_create(count, sizeof(*prefix->batches));
    atomic_init(&prefix->kept, 0);
    if (!prefix->batches) {
        free(prefix);
        return error_memory(err, count * sizeof(*prefix->batches));
    }
    for (size_t i = 0; i < count; i++)
        pthread_mutex_init(&prefix->batches[i].mutex, NULL);
    prefix->batch_count = (int64_t)count;
    *out = prefix;
    return 0;
}

static void forget(struct prefix *prefix, struct entry *entry)
{
    if (entry->bytes)
        atomic_fetch_sub(&prefix->kept, (long long)entry->size);
    free(entry->bytes);
    *entry = (struct entry){0};
}

/* As forget, but the memory is given back by prefix_sweep. */
static void drop(struct prefix *prefix, struct entry *entry)
{
    if (entry->bytes) {
        struct stale *stale = entry->bytes;
        atomic_fetch_sub(&prefix->kept, (long long)entry->size);
        stale->next = prefix->stale;
        prefix->stale = stale;
    }
    *entry = (struct entry){0};
}

void prefix_sweep(struct prefix *prefix)
{
    while (prefix->stale) {
        struct stale *next = prefix->stale->next;
        free(prefix->stale);
        prefix->stale = next;
    }
}

void prefix_destroy(struct prefix *prefix)
{
    if (!prefix)
        return;
    prefix_sweep(prefix);
    for (int64_t b = 0; b < prefix->batch_count; b++) {
        for (size_t i = 0; i < PREFIX_CUTS; i++)
            forget(prefix, &prefix->batches[b].entries[i]);
        pthread_mutex_destroy(&prefix->batches[b].mutex);
    }
    free(prefix->batches);
    free(prefix);
}

int64_t prefix_bytes(const struct prefix *prefix)
{
    return (int64_t)atomic_load(&prefix->kept);
}

/* --- choosing --- */

/* Cost before each step's end, over the whole plan. */
static double *cumulative(const struct plan *plan)
{
    double *sums = array_create(plan->step_count + 1, sizeof(*sums));
    double sum = 0;
    for (size_t i = 0; sums && i < plan->step_count; i++)
        sums[i] = sum += plan->steps[i].cost;
    return sums;
}

struct picking {
    const struct plan *plan;
    const double *sums;
    int64_t budget; /* bytes of all batches */
    int64_t left;   /* bytes of one batch that are not spent */
    struct cut cuts[PREFIX_CUTS];
    size_t count;
};

static int64_t live_bytes(const struct plan *plan, size_t step)
{
    return plan->steps[step].info.live_bytes;
}

static void pick(struct picking *p, size_t step)
{
    size_t at = p->count++;
    for (; at > 0 && p->cuts[at - 1].step > step; at--)
        p->cuts[at] = p->cuts[at - 1];
    p->cuts[at] = (struct cut){.step = step,
                               .hash = p->plan->steps[step].info.prefix_hash,
                               .bytes = live_bytes(p->plan, step)};
    p->left -= live_bytes(p->plan, step);
}

/* The cut before `focus` that saves most in a whole evaluation: where it does
 * not fit for all batches, the first ones have it. */
static void pick_focus(struct picking *p, int focus)
{
    int best = -1;
    double most = 0;
    for (int i = 0; i < focus && i < (int)p->plan->step_count; i++) {
        double bytes = (double)live_bytes(p->plan, (size_t)i);
        double share = bytes > (double)p->left ? (double)p->left / bytes : 1;
        if (bytes <= (double)p->budget && p->sums[i] * share > most) {
            most = p->sums[i] * share;
            best = i;
        }
    }
    if (best >= 0)
        pick(p, (size_t)best);
}

/* What edits behind `step`, up to the next cut, would save beyond the cut
 * before it: each later step is as likely to be edited as another. */
static double gain(const struct picking *p, size_t step)
{
    double before = 0;
    size_t end = p->plan->step_count;
    for (size_t i = 0; i < p->count; i++) {
        if (p->cuts[i].step == step)
            return 0;
        if (p->cuts[i].step < step)
            before = p->sums[p->cuts[i].step];
        else if (p->cuts[i].step < end)
            end = p->cuts[i].step;
    }
    return (p->sums[step] - before) * (double)(end - step);
}

/* Steps from `end` on are left: what the user edits changes them again. */
static bool pick_next(struct picking *p, size_t end)
{
    double best = 0;
    size_t step = 0;
    for (size_t i = 0; i + 1 < end; i++) {
        int64_t bytes = live_bytes(p->plan, i);
        if (bytes > p->left)
            continue;
        double worth = gain(p, i) / (double)(bytes + 1);
        if (worth > best) {
            best = worth;
            step = i;
        }
    }
    if (best > 0)
        pick(p, step);
    return best > 0;
}

/* Keeps what still belongs, moved to the place of its cut. */
static void sort_entries(struct prefix *prefix, struct batch *batch)
{
    struct entry kept[PREFIX_CUTS] = {{0}};
    for (size_t i = 0; i < PREFIX_CUTS; i++) {
        struct entry *entry = &batch->entries[i];
        for (size_t k = 0; entry->bytes && k < prefix->cut_count; k++) {
            if (prefix->cuts[k].hash != entry->hash || kept[k].bytes)
                continue;
            kept[k] = *entry;
            *entry = (struct entry){0};
        }
        drop(prefix, entry);
    }
    for (size_t i = 0; i < PREFIX_CUTS; i++)
        batch->entries[i] = kept[i];
}

void prefix_choose(struct prefix *prefix, const struct plan *plan, int focus)
{
    double *sums = cumulative(plan);
    struct picking p = {.plan = plan, .sums = sums, .budget = prefix->budget};
    /* Without memory for the sums nothing is cut: a slower run, no error. */
    if (sums && prefix->batch_count > 0 && prefix->budget > 0) {
        p.left = prefix->budget / prefix->batch_count;
        pick_focus(&p, focus);
        size_t end = focus < 0 ? plan->step_count : (size_t)focus;
        while (p.count < PREFIX_CUTS && pick_next(&p, end))
            continue;
    }
    free(sums);
    for (size_t i = 0; i < p.count; i++)
        prefix->cuts[i] = p.cuts[i];
    prefix->cut_count = p.count;
    for (int64_t b = 0; b < prefix->batch_count; b++)
        sort_entries(prefix, &prefix->batches[b]);
}

/* --- running --- */

/* The last cut that has what `plan` would compute; -1: none. */
static int resume_point(const struct prefix *prefix, const struct plan *plan,
                        const struct batch *batch)
{
    for (int i = (int)prefix->cut_count - 1; i >= 0; i--) {
        const struct cut *cut = &prefix->cuts[i];
        const struct entry *entry = &batch->entries[i];
        if (entry->bytes && cut->step < plan->step_count &&
            entry->hash == plan->steps[cut->step].info.prefix_hash)
            return i;
    }
    return -1;
}

static bool in_range(const struct prefix *prefix, int64_t batch)
{
    return batch >= 0 && batch < prefix->batch_count;
}

bool prefix_resumes(struct prefix *prefix, const struct plan *plan,
                    int64_t batch)
{
    if (!in_range(prefix, batch))
        return false;
    struct batch *b = &prefix->batches[batch];
    pthread_mutex_lock(&b->mutex);
    bool resumes = resume_point(prefix, plan, b) >= 0;
    pthread_mutex_unlock(&b->mutex);
    return resumes;
}

/* Keeps the live values at cut `index`, when the budget has room. */
static void keep(struct prefix *prefix, const struct plan *plan,
                 const struct runner *runner, struct batch *batch, size_t index)
{
    const struct plan_step *info = &plan->steps[prefix->cuts[index].step].info;
    struct entry *entry = &batch->entries[index];
    if (entry->bytes && entry->hash == info->prefix_hash)
        return;
    forget(prefix, entry);
    if (atomic_fetch_add(&prefix->kept, (long long)info->live_bytes) +
            (long long)info->live_bytes >
        (long long)prefix->budget) {
        atomic_fetch_sub(&prefix->kept, (long long)info->live_bytes);
        return;
    }
    void *bytes = malloc((size_t)info->live_bytes + sizeof(struct stale));
    if (!bytes) {
        atomic_fetch_sub(&prefix->kept, (long long)info->live_bytes);
        return;
    }
    runner_save(runner, prefix->cuts[index].step, bytes);
    *entry = (struct entry){info->prefix_hash, info->live_bytes, bytes};
}

static int run_batch(struct prefix *prefix, const struct plan *plan,
                     struct runner *runner, struct batch *batch,
                     const struct cancel *cancel, struct error *err)
{
    int from = resume_point(prefix, plan, batch);
    size_t next = 0;
    if (from >= 0) {
        next = prefix->cuts[from].step + 1;
        runner_load(runner, next - 1, batch->entries[from].bytes);
    }
    for (size_t i = (size_t)(from + 1); i < prefix->cut_count; i++) {
        size_t step = prefix->cuts[i].step;
        if (step >= plan->step_count)
            break;
        if (runner_run(runner, next, step + 1, cancel, NULL, err))
            return -1;
        keep(prefix, plan, runner, batch, i);
        next = step + 1;
    }
    return runner_run(runner, next, plan->step_count, cancel, NULL, err);
}

int prefix_run(struct prefix *prefix, const struct plan *plan,
               struct runner *runner, int64_t batch,
               const struct cancel *cancel, struct error *err)
{
    if (!in_range(prefix, batch))
        return runner_run(runner, 0, plan->step_count, cancel, NULL, err);
    struct batch *b = &prefix->batches[batch];
    pthread_mutex_lock(&b->mutex);
    int status = run_batch(prefix, plan, runner, b, cancel, err);
    pthread_mutex_unlock(&b->mutex);
    return status;
}
