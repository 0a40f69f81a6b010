/*
 * Takes one candidate per task so that step times plus layout crossings are
 * smallest: descent by single changes and by moving a run of tasks to one
 * layout together (a lone step rarely pays for its two crossings), from
 * several starts. The previous plan's choices are one of them and win unless
 * another is clearly better: upstream steps that stay the same keep cached
 * activations valid.
 */
#include "exec/assign_cost.h"

#include "base/array.h"
#include "exec/plan_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PASSES = 3, LONGEST_RUN = 12, ALL_RUNS = 32 };

/* What a new choice must gain over the previous plan's, as a share of the
 * time of the tasks that it changes, and what any change must gain over the
 * choice before it: noise must not move layouts about. */
static const double CLEARLY = 0.05, ANY = 0.9999;

struct assigning {
    struct choosing *c;
    struct assign_cost cost;
    size_t *free; /* tasks with more than one candidate that serves */
    size_t free_count;
    size_t *near; /* room for as many */
    int *scratch; /* choices to go back to */
};

/* The fastest candidate that leaves its result in `layout`; LAYOUT_COUNT:
 * whatever layout. alone: sparse kernels on one thread only. -1: none
 * serves. */
static int fastest(const struct choice *choice, enum layout layout, bool alone)
{
    int best = -1;
    for (int i = 0; i < choice->count; i++) {
        const struct candidate *candidate = &choice->candidates[i];
        if (candidate->ns == INFINITY ||
            (layout != LAYOUT_COUNT && candidate->dst != layout) ||
            (alone && candidate->method == METHOD_SPARSE &&
             candidate->sharing != SHARING_ONE))
            continue;
        if (best < 0 || candidate->ns < choice->candidates[best].ns)
            best = i;
    }
    return best;
}

static bool cancelled(const struct assigning *a)
{
    return cancel_raised(a->c->options->cancel);
}

static double try_single(struct assigning *a, double best)
{
    for (size_t i = 0; i < a->free_count && !cancelled(a); i++) {
        struct choice *choice = &a->c->choices[a->free[i]];
        int keep = choice->taken;
        double kept = assign_cost_around(&a->cost, &a->free[i], 1);
        for (int k = 0; k < choice->count; k++) {
            if (k == keep || choice->candidates[k].ns == INFINITY)
                continue;
            choice->taken = k;
            double around = assign_cost_around(&a->cost, &a->free[i], 1);
            double ns = best - kept + around;
            if (ns < best * ANY) {
                best = ns;
                keep = k;
                kept = around;
            }
        }
        choice->taken = keep;
    }
    return best;
}

/* Moves free tasks [first, last) to a layout; false when nothing moves. */
static bool move_run(struct assigning *a, size_t first, size_t last,
                     enum layout layout, bool alone)
{
    bool moved = false;
    for (size_t i = first; i < last; i++) {
        struct choice *choice = &a->c->choices[a->free[i]];
        int k = fastest(choice, layout, alone);
        moved = moved || (k >= 0 && k != choice->taken);
        choice->taken = k >= 0 ? k : choice->taken;
    }
    return moved;
}

static void restore_run(struct assigning *a, const int *from, size_t first,
                        size_t last)
{
    for (size_t i = first; i < last; i++)
        a->c->choices[a->free[i]].taken = from[i];
}

static void save_run(const struct assigning *a, int *to, size_t first,
                     size_t last)
{
    for (size_t i = first; i < last; i++)
        to[i] = a->c->choices[a->free[i]].taken;
}

static void restore(struct assigning *a, const int *from)
{
    restore_run(a, from, 0, a->free_count);
}

static void save(const struct assigning *a, int *to)
{
    save_run(a, to, 0, a->free_count);
}

/* Every run of free tasks from `first` on, moved to `layout`. */
static double try_runs_from(struct assigning *a, size_t first,
                            enum layout layout, double best)
{
    /* Long graphs get shorter runs, so that the work stays linear. */
    size_t longest = a->free_count <= ALL_RUNS ? ALL_RUNS : LONGEST_RUN;
    for (size_t last = first + 2;
         last <= a->free_count && last <= first + longest; last++) {
        const size_t *run = &a->free[first];
        double kept = assign_cost_around(&a->cost, run, last - first);
        if (!move_run(a, first, last, layout, false))
            continue;
        double ns = best - kept;
        ns += assign_cost_around(&a->cost, run, last - first);
        if (ns < best * ANY) {
            best = ns;
            save_run(a, a->scratch, first, last);
        } else {
            restore_run(a, a->scratch, first, last);
        }
    }
    return best;
}

static double descend(struct assigning *a, double best)
{
    for (int pass = 0; pass < PASSES; pass++) {
        double before = best;
        save(a, a->scratch);
        for (int layout = 0; layout < LAYOUT_COUNT; layout++)
            for (size_t first = 0; first < a->free_count && !cancelled(a);
                 first++)
                best = try_runs_from(a, first, (enum layout)layout, best);
        best = try_single(a, best);
        if (best >= before * ANY)
            break;
    }
    return best;
}

/* Takes what `old` was, where it is a candidate still. */
static void take_again(struct choice *choice, const struct candidate *old)
{
    for (int k = 0; k < choice->count; k++) {
        const struct candidate *candidate = &choice->candidates[k];
        if (candidate->method == old->method &&
            candidate->sparse == old->sparse &&
            candidate->dense == old->dense && candidate->src == old->src &&
            candidate->dst == old->dst && candidate->threads == old->threads &&
            candidate->ns != INFINITY)
            choice->taken = k;
    }
}

/* Takes what the previous plan took; false when there is none. */
static bool start_from_previous(struct assigning *a)
{
    const struct choosing *c = a->c;
    const struct plan *previous = c->options->previous;
    for (size_t i = 0; previous && i < a->free_count; i++) {
        int step = plan_step_of_node(previous, c->list->tasks[a->free[i]].node);
        if (step >= 0)
            take_again(&c->choices[a->free[i]],
                       &previous->steps[step].compiled->candidate);
    }
    return previous != NULL;
}

/* Only tasks near one that changed stay free: far away the previous plan's
 * choice is as good as it was. */
static void free_only_near_changes(struct assigning *a)
{
    const struct choosing *c = a->c;
    const struct plan *previous = c->options->previous;
    if (!previous || previous->kernels != c->options->kernels ||
        previous->threads != c->context->threads)
        return;
    size_t kept = 0, reach = 0;
    for (size_t i = 0; i < a->free_count; i++) {
        /* Ahead of i by the longest run, behind it as far. */
        size_t end = i + LONGEST_RUN < a->free_count ? i + LONGEST_RUN
                                                     : a->free_count - 1;
        for (size_t k = i ? end : 0; k <= end; k++) {
            const struct task *task = &c->list->tasks[a->free[k]];
            if (plan_step_of_node(previous, task->node) >= 0 &&
                !plan_unchanged(previous, task))
                reach = k + LONGEST_RUN + 1;
        }
        if (i < reach)
            a->near[kept++] = a->free[i];
    }
    for (size_t i = 0; i < kept; i++)
        a->free[i] = a->near[i];
    a->free_count = kept;
}

/* Time of the tasks whose choice differs from `other`, by that choice. */
static double time_of_changes(const struct assigning *a, const int *other)
{
    double ns = 0;
    for (size_t i = 0; i < a->free_count; i++) {
        const struct choice *choice = &a->c->choices[a->free[i]];
        if (choice->taken != other[i])
            ns += choice->candidates[other[i]].ns;
    }
    return ns;
}

/* From each start by single changes; the best goes on by runs. The previous
 * plan's choices stay unless that ends clearly lower. */
static void choose_best(struct assigning *a, int *best, int *previous)
{
    static const enum layout starts[] = {LAYOUT_COUNT, LAYOUT_NHWC,
                                         LAYOUT_BLOCK16, LAYOUT_PLANE,
                                         LAYOUT_IMAGE16};
    double least = INFINITY, kept = INFINITY;
    if (start_from_previous(a)) {
        free_only_near_changes(a);
        save(a, previous);
        save(a, best);
        least = kept = assign_cost_total(&a->cost);
    }
    /* Threads share all of the steps or none: in between, values travel. */
    size_t count = ARRAY_LENGTH(starts) * (a->c->line_ns > 0 ? 2 : 1);
    for (size_t s = 0; s < count; s++) {
        bool alone = s >= ARRAY_LENGTH(starts);
        move_run(a, 0, a->free_count, LAYOUT_COUNT, alone);
        move_run(a, 0, a->free_count, starts[s % ARRAY_LENGTH(starts)], alone);
        double ns = try_single(a, assign_cost_total(&a->cost));
        if (ns < least) {
            least = ns;
            save(a, best);
        }
    }
    restore(a, best);
    least = descend(a, least);
    if (kept != INFINITY &&
        kept - least < CLEARLY * time_of_changes(a, previous))
        restore(a, previous);
    a->c->total_ns = assign_cost_total(&a->cost);
}

/* Tasks with one candidate that serves take it; the others are free. The last
 * resort, plain code, is no alternative to a kernel. */
static void find_free(struct assigning *a)
{
    struct choosing *c = a->c;
    for (size_t i = 0; i < c->list->count; i++) {
        struct choice *choice = &c->choices[i];
        int serving = 0;
        for (int k = 0; k < choice->count; k++) {
            const struct candidate *candidate = &choice->candidates[k];
            bool last_resort = candidate->method == METHOD_PLAIN ||
                               candidate->method == METHOD_REFERENCE;
            serving += candidate->ns != INFINITY && !(last_resort && serving);
        }
        choice->taken = fastest(choice, LAYOUT_COUNT, false);
        if (serving > 1)
            a->free[a->free_count++] = i;
    }
}

static int time_candidates(struct choosing *c, struct error *err)
{
    for (size_t i = 0; i < c->list->count; i++)
        for (int k = 0; k < c->choices[i].count; k++)
            if (candidate_time(c, &c->list->tasks[i],
                               &c->choices[i].candidates[k], err))
                return -1;
    return 0;
}

int choosing_assign(struct choosing *c, struct error *err)
{
    size_t tasks = c->list->count + 1;
    struct assigning a = {.c = c,
                          .free = array_create(tasks, sizeof(*a.free)),
                          .near = array_create(tasks, sizeof(*a.near)),
                          .scratch = array_create(tasks, sizeof(*a.scratch))};
    int *choices = array_create(2 * tasks, sizeof(*choices));
    int status = 0;
    if (!a.free || !a.near || !a.scratch || !choices)
        status = error_memory(err, tasks * 4 * sizeof(*choices));
    if (!status)
        status = time_candidates(c, err);
    if (!status)
        status = assign_cost_init(&a.cost, c, err);
    if (!status) {
        find_free(&a);
        choose_best(&a, choices, choices + tasks);
        if (cancelled(&a))
            status = error_set(err, ERROR_CANCELLED, "planning was cancelled");
        assign_cost_release(&a.cost);
    }
    free(a.free);
    free(a.near);
    free(a.scratch);
    free(choices);
    return status;
}
