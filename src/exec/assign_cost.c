#include "exec/assign_cost.h"

#include "base/array.h"
#include "exec/plan_internal.h"

#include <math.h>
#include <stdlib.h>

static const struct candidate *taken(const struct choosing *c, int task)
{
    return &c->choices[task].candidates[c->choices[task].taken];
}

static enum layout canonical(const struct assign_cost *a, int value,
                             enum layout layout)
{
    return a->canonical[(size_t)value * LAYOUT_COUNT + (size_t)layout];
}

static double crossing(struct assign_cost *a, int value, enum layout from,
                       enum layout to)
{
    size_t pairs = (size_t)LAYOUT_COUNT * LAYOUT_COUNT;
    double *known = &a->reorders[(size_t)value * pairs +
                                 (size_t)from * LAYOUT_COUNT + (size_t)to];
    if (isnan(*known))
        *known = reorder_time(a->c, value, from, to);
    return *known;
}

/* --- who reads what --- */

/* The values that a task reads, its epilogue's apart. Plain code reads what
 * the node does. */
static int inputs_of(const struct choosing *c, const struct task *task,
                     const int **inputs)
{
    const struct node *node = &c->instance->nodes[task->node];
    bool plain = task->spec.kind == KERNEL_NONE;
    *inputs = plain ? node->inputs : task->operands;
    return plain ? node->input_count : task->operand_count;
}

static void touch(struct assign_cost *a, int value)
{
    if (value == GRAPH_NONE || a->value_round[value])
        return;
    a->value_round[value] = 1;
    a->values[a->value_count++] = value;
}

static void collect_values(struct assign_cost *a)
{
    const struct choosing *c = a->c;
    const struct graph *g = c->instance;
    for (size_t i = 0; i < g->value_count; i++)
        a->producer[i] = -1;
    for (size_t i = 0; i < c->list->count; i++) {
        const struct task *task = &c->list->tasks[i];
        const struct node *node = &g->nodes[task->node];
        for (int k = 0; k < node->input_count; k++)
            touch(a, node->inputs[k]);
        for (int k = 0; k < task->operand_count; k++)
            touch(a, task->operands[k]);
        touch(a, task->other);
        touch(a, task->dst);
        if (task->dst != GRAPH_NONE)
            a->producer[task->dst] = (int)i;
    }
    for (size_t i = 0; i < g->output_count; i++) {
        touch(a, g->outputs[i]);
        a->returned[g->outputs[i]] = true;
    }
}

/* Counts the readers of each value, or writes them behind each other. */
static void read_all(struct assign_cost *a, bool writes)
{
    const struct choosing *c = a->c;
    for (size_t i = 0; i < c->list->count; i++) {
        const struct task *task = &c->list->tasks[i];
        const int *inputs;
        int count = inputs_of(c, task, &inputs);
        for (int k = 0; k <= count; k++) {
            int value = k < count ? inputs[k] : task->other;
            if (value == GRAPH_NONE)
                continue;
            /* Of value v while counting: v + 1 has them, so that sums of all
             * before are where v begins; while writing, v + 1 has the end. */
            if (writes)
                a->readers[a->first_reader[value]++] = (int)i;
            else
                a->first_reader[value + 1]++;
        }
    }
}

static int collect_readers(struct assign_cost *a, struct error *err)
{
    size_t values = a->c->instance->value_count;
    read_all(a, false);
    for (size_t v = 0; v < values; v++)
        a->first_reader[v + 1] += a->first_reader[v];
    size_t count = a->first_reader[values];
    a->readers = array_create(count + 1, sizeof(*a->readers));
    if (!a->readers)
        return error_memory(err, count * sizeof(*a->readers));
    read_all(a, true);
    for (size_t v = values; v > 0; v--)
        a->first_reader[v] = a->first_reader[v - 1];
    a->first_reader[0] = 0;
    return 0;
}

int assign_cost_init(struct assign_cost *out, struct choosing *c,
                     struct error *err)
{
    size_t values = c->instance->value_count + 1, tasks = c->list->count + 1;
    size_t pairs = (size_t)LAYOUT_COUNT * LAYOUT_COUNT;
    struct assign_cost a = {
        .c = c,
        .producer = array_create(values, sizeof(*a.producer)),
        .first_reader = array_create(values, sizeof(*a.first_reader)),
        .returned = array_create(values, sizeof(*a.returned)),
        .values = array_create(values, sizeof(*a.values)),
        .canonical = array_create(values * LAYOUT_COUNT, sizeof(*a.canonical)),
        .reorders = array_create(values * pairs, sizeof(*a.reorders)),
        .task_round = array_create(tasks, sizeof(*a.task_round)),
        .value_round = array_create(values, sizeof(*a.value_round)),
        .round = 1};
    *out = a;
    int status = 0;
    if (!a.producer || !a.first_reader || !a.returned || !a.values ||
        !a.canonical || !a.reorders || !a.task_round || !a.value_round)
        status = error_memory(err, values * pairs * sizeof(double));
    if (!status) {
        collect_values(out);
        status = collect_readers(out, err);
    }
    if (status) {
        assign_cost_release(out);
        return -1;
    }
    for (size_t i = 0; i < (values - 1) * pairs; i++)
        a.reorders[i] = NAN;
    for (size_t i = 0; i < (values - 1) * LAYOUT_COUNT; i++)
        a.canonical[i] = value_view_canonical(&c->views[i / LAYOUT_COUNT],
                                              (enum layout)(i % LAYOUT_COUNT));
    return 0;
}

void assign_cost_release(struct assign_cost *cost)
{
    free(cost->producer);
    free(cost->first_reader);
    free(cost->readers);
    free(cost->returned);
    free(cost->values);
    free(cost->canonical);
    free(cost->reorders);
    free(cost->task_round);
    free(cost->value_round);
    *cost = (struct assign_cost){0};
}

/* --- the terms --- */

/* The layouts (bits) in which a reader wants a value. Plain code reads
 * everything PLAIN. */
static unsigned wanted_by(const struct assign_cost *a, int reader, int value)
{
    const struct task *task = &a->c->list->tasks[reader];
    const struct candidate *candidate = taken(a->c, reader);
    unsigned wanted = 0;
    if (task->spec.kind == KERNEL_NONE)
        return 1u << canonical(a, value, LAYOUT_PLAIN);
    for (int i = 0; i < task->operand_count; i++)
        if (task->operands[i] == value)
            wanted |= 1u << canonical(a, value, candidate->src);
    if (task->other == value)
        wanted |= 1u << canonical(a, value, candidate->dst);
    return wanted;
}

/* What it takes to have a value in all layouts in which it is wanted. */
static double value_term(struct assign_cost *a, int value)
{
    int producer = a->producer[value];
    enum layout from = producer < 0
                           ? LAYOUT_PLAIN
                           : canonical(a, value, taken(a->c, producer)->dst);
    unsigned wanted =
        a->returned[value] ? 1u << canonical(a, value, LAYOUT_PLAIN) : 0;
    for (size_t r = a->first_reader[value]; r < a->first_reader[value + 1]; r++)
        wanted |= wanted_by(a, a->readers[r], value);
    unsigned missing = wanted & ~(1u << from);
    double ns = 0;
    for (int to = 0; missing >> to; to++)
        if (missing >> to & 1)
            ns += crossing(a, value, from, (enum layout)to);
    return ns;
}

/* How a value's producer was shared; an alias is its operand. */
static enum sharing shared(const struct assign_cost *a, int value)
{
    const struct choosing *c = a->c;
    int task = a->producer[value];
    while (task >= 0 && c->list->tasks[task].spec.kind == KERNEL_ALIAS)
        task = a->producer[c->list->tasks[task].operands[0]];
    return task < 0 ? SHARING_ONE : taken(c, task)->sharing;
}

/* A task's time, and how long it waits for lines in other processors'
 * caches. */
static double task_term(const struct assign_cost *a, int index)
{
    const struct choosing *c = a->c;
    const struct task *task = &c->list->tasks[index];
    const struct candidate *candidate = taken(c, index);
    double ns = candidate->ns;
    if (c->line_ns <= 0 || task->spec.kind == KERNEL_ALIAS)
        return ns;
    enum sharing to = candidate->sharing;
    for (int i = 0; i < task->operand_count; i++)
        ns += handover_time(c, task, task->operands[i],
                            shared(a, task->operands[i]), to);
    if (task->other != GRAPH_NONE)
        ns += handover_time(c, task, task->other, shared(a, task->other), to);
    return ns;
}

double assign_cost_total(struct assign_cost *a)
{
    double ns = 0;
    for (size_t i = 0; i < a->c->list->count; i++)
        ns += task_term(a, (int)i);
    for (size_t i = 0; i < a->value_count; i++)
        ns += value_term(a, a->values[i]);
    return ns;
}

static double task_once(struct assign_cost *a, int task)
{
    if (a->task_round[task] == a->round)
        return 0;
    a->task_round[task] = a->round;
    return task_term(a, task);
}

static double value_once(struct assign_cost *a, int value)
{
    if (value == GRAPH_NONE || a->value_round[value] == a->round)
        return 0;
    a->value_round[value] = a->round;
    return value_term(a, value);
}

/* Those that wait for what a task shared: its readers, through aliases. */
static double readers_once(struct assign_cost *a, int value)
{
    double ns = 0;
    for (size_t r = a->first_reader[value]; r < a->first_reader[value + 1];
         r++) {
        const struct task *reader = &a->c->list->tasks[a->readers[r]];
        ns += task_once(a, a->readers[r]);
        if (reader->spec.kind == KERNEL_ALIAS && reader->dst != GRAPH_NONE)
            ns += readers_once(a, reader->dst);
    }
    return ns;
}

double assign_cost_around(struct assign_cost *a, const size_t *tasks,
                          size_t count)
{
    double ns = 0;
    a->round++;
    for (size_t i = 0; i < count; i++) {
        const struct task *task = &a->c->list->tasks[tasks[i]];
        ns += task_once(a, (int)tasks[i]);
        for (int k = 0; k < task->operand_count; k++)
            ns += value_once(a, task->operands[k]);
        ns += value_once(a, task->other);
        ns += value_once(a, task->dst);
        if (a->c->line_ns > 0 && task->dst != GRAPH_NONE)
            ns += readers_once(a, task->dst);
    }
    return ns;
}
