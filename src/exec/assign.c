/*
 * Takes one candidate per task so that step times plus layout crossings are
 * smallest: descent by single changes and by moving a run of tasks to one
 * layout together (a lone step rarely pays for its two crossings), from
 * several starts. The previous plan's choices are one of them and win unless
 * another is clearly better: upstream steps that stay the same keep cached
 * activations valid.
 */
#include "exec/choose.h"

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
    int *producer;    /* per value: task, -1 */
    unsigned *wanted; /* per value: layouts its readers want (bits) */
    int *values;      /* those that tasks touch or the graph returns */
    size_t value_count;
    enum layout *canonical; /* per value and layout */
    double *reorders; /* per value and pair of layouts; NAN: not asked yet */
    size_t *free;     /* tasks with more than one candidate that serves */
    size_t free_count;
    size_t *near; /* room for as many */
    int *scratch; /* choices to go back to */
};

static enum layout canonical(const struct assigning *a, int value,
                             enum layout layout)
{
    return a->canonical[(size_t)value * LAYOUT_COUNT + (size_t)layout];
}

static const struct candidate *taken(const struct choosing *c, size_t task)
{
    return &c->choices[task].candidates[c->choices[task].taken];
}

static double crossing(struct assigning *a, int value, enum layout from,
                       enum layout to)
{
    size_t pairs = (size_t)LAYOUT_COUNT * LAYOUT_COUNT;
    double *known = &a->reorders[(size_t)value * pairs +
                                 (size_t)from * LAYOUT_COUNT + (size_t)to];
    if (isnan(*known))
        *known = reorder_time(a->c, value, from, to);
    return *known;
}

static void want(struct assigning *a, int value, enum layout layout)
{
    a->wanted[value] |= 1u << canonical(a, value, layout);
}

/* Readers' wishes of one task. Plain code reads everything PLAIN. */
static void want_operands(struct assigning *a, size_t index)
{
    const struct choosing *c = a->c;
    const struct task *task = &c->list->tasks[index];
    const struct candidate *candidate = taken(c, index);
    if (task->spec.kind == KERNEL_NONE) {
        const struct node *node = &c->instance->nodes[task->node];
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != GRAPH_NONE)
                want(a, node->inputs[i], LAYOUT_PLAIN);
        return;
    }
    for (int i = 0; i < task->operand_count; i++)
        want(a, task->operands[i], candidate->src);
    if (task->other != GRAPH_NONE)
        want(a, task->other, candidate->dst);
}

static enum layout produced(const struct assigning *a, int value)
{
    int task = a->producer[value];
    return task < 0 ? LAYOUT_PLAIN
                    : canonical(a, value, taken(a->c, (size_t)task)->dst);
}

/* How a value's producer was shared; an alias is its operand. */
static enum sharing shared(const struct assigning *a, int value)
{
    const struct choosing *c = a->c;
    int task = a->producer[value];
    while (task >= 0 && c->list->tasks[task].spec.kind == KERNEL_ALIAS)
        task = a->producer[c->list->tasks[task].operands[0]];
    return task < 0 ? SHARING_ONE : taken(c, (size_t)task)->sharing;
}

/* What a task waits for lines in other processors' caches. */
static double handover(const struct assigning *a, size_t index)
{
    const struct choosing *c = a->c;
    const struct task *task = &c->list->tasks[index];
    enum sharing to = taken(c, index)->sharing;
    double ns = 0;
    for (int i = 0; i < task->operand_count; i++)
        ns += handover_time(c, task, task->operands[i],
                            shared(a, task->operands[i]), to);
    if (task->other != GRAPH_NONE)
        ns += handover_time(c, task, task->other, shared(a, task->other), to);
    return ns;
}

static double total(struct assigning *a)
{
    const struct choosing *c = a->c;
    const struct graph *g = c->instance;
    double ns = 0;
    for (size_t i = 0; i < a->value_count; i++)
        a->wanted[a->values[i]] = 0;
    for (size_t i = 0; i < c->list->count; i++) {
        ns += taken(c, i)->ns;
        if (c->line_ns > 0 && c->list->tasks[i].spec.kind != KERNEL_ALIAS)
            ns += handover(a, i);
        want_operands(a, i);
    }
    for (size_t i = 0; i < g->output_count; i++)
        want(a, g->outputs[i], LAYOUT_PLAIN);
    for (size_t i = 0; i < a->value_count; i++) {
        int value = a->values[i];
        enum layout from = produced(a, value);
        unsigned missing = a->wanted[value] & ~(1u << from);
        for (int to = 0; missing >> to; to++)
            if (missing >> to & 1)
                ns += crossing(a, value, from, (enum layout)to);
    }
    return ns;
}

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

static double try_single(struct assigning *a, double best)
{
    for (size_t i = 0; i < a->free_count; i++) {
        struct choice *choice = &a->c->choices[a->free[i]];
        int keep = choice->taken;
        for (int k = 0; k < choice->count; k++) {
            if (k == keep || choice->candidates[k].ns == INFINITY)
                continue;
            choice->taken = k;
            double ns = total(a);
            if (ns < best * ANY) {
                best = ns;
                keep = k;
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

static void restore(struct assigning *a, const int *from)
{
    for (size_t i = 0; i < a->free_count; i++)
        a->c->choices[a->free[i]].taken = from[i];
}

static void save(const struct assigning *a, int *to)
{
    for (size_t i = 0; i < a->free_count; i++)
        to[i] = a->c->choices[a->free[i]].taken;
}

/* Every run of free tasks from `first` on, moved to `layout`. */
static double try_runs_from(struct assigning *a, size_t first,
                            enum layout layout, double best)
{
    /* Long graphs get shorter runs, so that the work stays linear. */
    size_t longest = a->free_count <= ALL_RUNS ? ALL_RUNS : LONGEST_RUN;
    for (size_t last = first + 2;
         last <= a->free_count && last <= first + longest; last++) {
        if (!move_run(a, first, last, layout, false))
            continue;
        double ns = total(a);
        if (ns < best * ANY) {
            best = ns;
            save(a, a->scratch);
        } else {
            restore(a, a->scratch);
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
            for (size_t first = 0; first < a->free_count; first++)
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
        least = kept = total(a);
    }
    /* Threads share all of the steps or none: in between, values travel. */
    size_t count = ARRAY_LENGTH(starts) * (a->c->line_ns > 0 ? 2 : 1);
    for (size_t s = 0; s < count; s++) {
        bool alone = s >= ARRAY_LENGTH(starts);
        move_run(a, 0, a->free_count, LAYOUT_COUNT, alone);
        move_run(a, 0, a->free_count, starts[s % ARRAY_LENGTH(starts)], alone);
        double ns = try_single(a, total(a));
        if (ns < least) {
            least = ns;
            save(a, best);
        }
    }
    restore(a, best);
    least = descend(a, least);
    if (kept != INFINITY &&
        kept - least < CLEARLY * time_of_changes(a, previous)) {
        restore(a, previous);
        least = kept;
    }
    a->c->total_ns = least;
}

static void touch(struct assigning *a, bool *seen, int value)
{
    if (value == GRAPH_NONE || seen[value])
        return;
    seen[value] = true;
    a->values[a->value_count++] = value;
}

static void collect_values(struct assigning *a, bool *seen)
{
    const struct choosing *c = a->c;
    const struct graph *g = c->instance;
    for (size_t i = 0; i < g->value_count; i++)
        a->producer[i] = -1;
    for (size_t i = 0; i < c->list->count; i++) {
        const struct task *task = &c->list->tasks[i];
        const struct node *node = &g->nodes[task->node];
        for (int k = 0; k < node->input_count; k++)
            touch(a, seen, node->inputs[k]);
        touch(a, seen, task->other);
        touch(a, seen, task->dst);
        if (task->dst != GRAPH_NONE)
            a->producer[task->dst] = (int)i;
    }
    for (size_t i = 0; i < g->output_count; i++)
        touch(a, seen, g->outputs[i]);
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

static void fill_tables(struct assigning *a)
{
    const struct choosing *c = a->c;
    size_t values = c->instance->value_count;
    size_t pairs = (size_t)LAYOUT_COUNT * LAYOUT_COUNT;
    for (size_t i = 0; i < values * pairs; i++)
        a->reorders[i] = NAN;
    for (size_t i = 0; i < values * LAYOUT_COUNT; i++)
        a->canonical[i] = value_view_canonical(&c->views[i / LAYOUT_COUNT],
                                               (enum layout)(i % LAYOUT_COUNT));
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
    size_t values = c->instance->value_count + 1, tasks = c->list->count + 1;
    size_t pairs = (size_t)LAYOUT_COUNT * LAYOUT_COUNT;
    struct assigning a = {
        .c = c,
        .producer = array_create(values, sizeof(*a.producer)),
        .wanted = array_create(values, sizeof(*a.wanted)),
        .values = array_create(values, sizeof(*a.values)),
        .canonical = array_create(values * LAYOUT_COUNT, sizeof(*a.canonical)),
        .reorders = array_create(values * pairs, sizeof(*a.reorders)),
        .free = array_create(tasks, sizeof(*a.free)),
        .near = array_create(tasks, sizeof(*a.near)),
        .scratch = array_create(tasks, sizeof(*a.scratch))};
    bool *seen = array_create(values, sizeof(*seen));
    int *choices = array_create(2 * tasks, sizeof(*choices));
    int status = 0;
    if (!a.producer || !a.wanted || !a.values || !a.canonical || !a.reorders ||
        !a.free || !a.near || !a.scratch || !seen || !choices)
        status = error_memory(err, values * pairs * sizeof(double));
    if (!status)
        status = time_candidates(c, err);
    if (!status) {
        fill_tables(&a);
        collect_values(&a, seen);
        find_free(&a);
        choose_best(&a, choices, choices + tasks);
    }
    free(a.producer);
    free(a.wanted);
    free(a.values);
    free(a.canonical);
    free(a.reorders);
    free(a.free);
    free(a.near);
    free(a.scratch);
    free(seen);
    free(choices);
    return status;
}
