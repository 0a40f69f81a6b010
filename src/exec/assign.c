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

enum { PASSES = 4, LONGEST_RUN = 48 };

/* What a new choice must gain over the previous plan's. */
static const double CLEARLY = 0.98;

struct assigning {
    struct choosing *c;
    int *producer;    /* per value: task, -1 */
    unsigned *wanted; /* per value: layouts its readers want (bits) */
    int *values;      /* those that tasks touch or the graph returns */
    size_t value_count;
    double *reorders; /* per value and pair of layouts; NAN: not asked yet */
};

static enum layout canonical(const struct choosing *c, int value,
                             enum layout layout)
{
    return value_view_canonical(&c->views[value], layout);
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
    a->wanted[value] |= 1u << canonical(a->c, value, layout);
}

/* Readers' wishes of one task. Plain code reads everything PLAIN. */
static void want_operands(struct assigning *a, size_t index)
{
    const struct choosing *c = a->c;
    const struct task *task = &c->list->tasks[index];
    const struct node *node = &c->instance->nodes[task->node];
    if (task->spec.kind == KERNEL_NONE) {
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != GRAPH_NONE)
                want(a, node->inputs[i], LAYOUT_PLAIN);
        return;
    }
    for (int i = 0; i < task->operand_count; i++)
        want(a, task->operands[i], taken(c, index)->src);
    if (task->other != GRAPH_NONE)
        want(a, task->other, taken(c, index)->dst);
}

static enum layout produced(const struct assigning *a, int value)
{
    int task = a->producer[value];
    return task < 0 ? LAYOUT_PLAIN
                    : canonical(a->c, value, taken(a->c, (size_t)task)->dst);
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
        want_operands(a, i);
    }
    for (size_t i = 0; i < g->output_count; i++)
        want(a, g->outputs[i], LAYOUT_PLAIN);
    for (size_t i = 0; i < a->value_count; i++) {
        int value = a->values[i];
        enum layout from = produced(a, value);
        for (int to = 0; to < LAYOUT_COUNT; to++)
            if (a->wanted[value] >> to & 1 && to != (int)from)
                ns += crossing(a, value, from, (enum layout)to);
    }
    return ns;
}

/* The fastest candidate that leaves its result in `layout`; LAYOUT_COUNT:
 * whatever layout. -1: none serves. */
static int fastest(const struct choice *choice, enum layout layout)
{
    int best = -1;
    for (int i = 0; i < choice->count; i++) {
        const struct candidate *candidate = &choice->candidates[i];
        if (candidate->ns == INFINITY ||
            (layout != LAYOUT_COUNT && candidate->dst != layout))
            continue;
        if (best < 0 || candidate->ns < choice->candidates[best].ns)
            best = i;
    }
    return best;
}

static double try_single(struct assigning *a, double best)
{
    struct choosing *c = a->c;
    for (size_t i = 0; i < c->list->count; i++) {
        struct choice *choice = &c->choices[i];
        int keep = choice->taken;
        for (int k = 0; k < choice->count; k++) {
            if (k == keep || choice->candidates[k].ns == INFINITY)
                continue;
            choice->taken = k;
            double ns = total(a);
            if (ns < best * 0.9999) {
                best = ns;
                keep = k;
            }
        }
        choice->taken = keep;
    }
    return best;
}

static void move_run(struct choosing *c, size_t first, size_t last,
                     enum layout layout)
{
    for (size_t i = first; i < last; i++) {
        int k = fastest(&c->choices[i], layout);
        if (k >= 0)
            c->choices[i].taken = k;
    }
}

static void restore(struct choosing *c, const int *from)
{
    for (size_t i = 0; i < c->list->count; i++)
        c->choices[i].taken = from[i];
}

static void save(const struct choosing *c, int *to)
{
    for (size_t i = 0; i < c->list->count; i++)
        to[i] = c->choices[i].taken;
}

static double try_runs(struct assigning *a, double best, int *scratch)
{
    struct choosing *c = a->c;
    size_t count = c->list->count;
    /* Long graphs get shorter runs, so that the work stays linear. */
    size_t longest = count <= LONGEST_RUN ? count : 6;
    save(c, scratch);
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
        for (size_t first = 0; first < count; first++)
            for (size_t last = first + 2;
                 last <= count && last <= first + longest; last++) {
                move_run(c, first, last, (enum layout)layout);
                double ns = total(a);
                if (ns < best * 0.9999) {
                    best = ns;
                    save(c, scratch);
                } else {
                    restore(c, scratch);
                }
            }
    return best;
}

static double descend(struct assigning *a, int *scratch)
{
    double best = total(a);
    for (int pass = 0; pass < PASSES; pass++) {
        double before = best;
        best = try_single(a, best);
        best = try_runs(a, best, scratch);
        if (best >= before * 0.9999)
            break;
    }
    return best;
}

/* Takes what the previous plan took; false when it has nothing for a task. */
static bool start_from_previous(struct choosing *c)
{
    const struct plan *previous = c->options->previous;
    if (!previous)
        return false;
    for (size_t i = 0; i < c->list->count; i++) {
        struct choice *choice = &c->choices[i];
        int step = plan_step_of_node(previous, c->list->tasks[i].node);
        choice->taken = fastest(choice, LAYOUT_COUNT);
        if (step < 0)
            continue;
        const struct candidate *old =
            &previous->steps[step].compiled->candidate;
        for (int k = 0; k < choice->count; k++) {
            const struct candidate *candidate = &choice->candidates[k];
            if (candidate->method == old->method &&
                candidate->sparse == old->sparse &&
                candidate->src == old->src && candidate->dst == old->dst &&
                candidate->ns != INFINITY)
                choice->taken = k;
        }
    }
    return true;
}

static void choose_best(struct assigning *a, int *best, int *scratch)
{
    static const enum layout starts[] = {LAYOUT_COUNT, LAYOUT_NHWC,
                                         LAYOUT_BLOCK16, LAYOUT_PLANE,
                                         LAYOUT_IMAGE16};
    struct choosing *c = a->c;
    double least = INFINITY;
    if (start_from_previous(c)) {
        least = total(a) * CLEARLY;
        save(c, best);
    }
    for (size_t s = 0; s < ARRAY_LENGTH(starts); s++) {
        move_run(c, 0, c->list->count, LAYOUT_COUNT);
        move_run(c, 0, c->list->count, starts[s]);
        double ns = descend(a, scratch);
        if (ns < least) {
            least = ns;
            save(c, best);
        }
    }
    restore(c, best);
    c->total_ns = total(a);
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

int choosing_assign(struct choosing *c, struct error *err)
{
    size_t values = c->instance->value_count + 1, tasks = c->list->count + 1;
    size_t pairs = (size_t)LAYOUT_COUNT * LAYOUT_COUNT;
    struct assigning a = {.c = c};
    for (size_t i = 0; i < c->list->count; i++)
        for (int k = 0; k < c->choices[i].count; k++)
            if (candidate_time(c, &c->list->tasks[i],
                               &c->choices[i].candidates[k], err))
                return -1;
    a.producer = array_create(values, sizeof(*a.producer));
    a.wanted = array_create(values, sizeof(*a.wanted));
    a.values = array_create(values, sizeof(*a.values));
    a.reorders = array_create(values * pairs, sizeof(*a.reorders));
    bool *seen = array_create(values, sizeof(*seen));
    int *best = array_create(tasks, sizeof(*best));
    int *scratch = array_create(tasks, sizeof(*scratch));
    int status = 0;
    if (!a.producer || !a.wanted || !a.values || !a.reorders || !seen ||
        !best || !scratch)
        status = error_memory(err, values * pairs * sizeof(double));
    if (!status) {
        for (size_t i = 0; i < values * pairs; i++)
            a.reorders[i] = NAN;
        collect_values(&a, seen);
        choose_best(&a, best, scratch);
    }
    free(a.producer);
    free(a.wanted);
    free(a.values);
    free(a.reorders);
    free(seen);
    free(best);
    free(scratch);
    return status;
}
