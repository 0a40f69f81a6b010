/*
 * plan_create: lower and fuse (task), list candidates and choose (candidate,
 * measure, assign), compile or share kernels, emit steps with reorders where
 * layouts cross, place values in memory (memory).
 */
#include "exec/plan.h"

#include "base/array.h"
#include "base/hash.h"
#include "exec/choose.h"
#include "exec/idle.h"
#include "exec/parallel.h"
#include "exec/plan_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct building {
    struct plan *plan;
    const struct plan_options *options;
    struct task_list list;
    struct value_view *views;
    struct compile_context context;
    struct choosing choosing;
    struct compiled **compiled; /* per task */
    int *slot_of;               /* per value and layout, -1 */
    int *produced;              /* per value: the slot it was computed in, -1 */
    size_t step_room, slot_room;
    uint64_t hash;
};

static int no_memory(struct error *err)
{
    return error_memory(err, sizeof(struct step));
}

/* --- slots --- */

static int add_slot(struct building *b, int value, enum layout layout,
                    int first, struct error *err)
{
    struct plan *plan = b->plan;
    if (array_reserve(&plan->slots, &b->slot_room, plan->slot_count + 1,
                      sizeof(*plan->slots)))
        return no_memory(err);
    const struct value *v = &plan->instance->values[value];
    struct slot *slot = &plan->slots[plan->slot_count];
    *slot = (struct slot){.value = value,
                          .desc = value_view_desc(&b->views[value], layout),
                          .first = first,
                          .last = first,
                          .constant = v->constant.data};
    /* Only PLAIN may hold other types than float32. */
    slot->bytes = layout == LAYOUT_PLAIN
                      ? b->views[value].bytes
                      : (size_t)layout_elements(&slot->desc) * sizeof(float);
    b->slot_of[value * LAYOUT_COUNT + (int)layout] = (int)plan->slot_count;
    if (b->produced[value] < 0)
        b->produced[value] = (int)plan->slot_count;
    else
        slot->constant = NULL; /* a constant in another layout is computed */
    return (int)plan->slot_count++;
}

static struct step *add_step(struct building *b, int node, uint64_t identity,
                             int operands, int results, struct error *err)
{
    struct plan *plan = b->plan;
    if (array_reserve(&plan->steps, &b->step_room, plan->step_count + 1,
                      sizeof(*plan->steps))) {
        no_memory(err);
        return NULL;
    }
    struct step *step = &plan->steps[plan->step_count];
    *step = (struct step){
        .info.node = node, .operand_count = operands, .result_count = results};
    step->operands =
        arena_array(&plan->arena, (size_t)operands + 1, sizeof(int));
    step->results = arena_array(&plan->arena, (size_t)results + 1, sizeof(int));
    if (!step->operands || !step->results) {
        no_memory(err);
        return NULL;
    }
    b->hash = hash_u64(b->hash, identity);
    step->info.prefix_hash = b->hash;
    plan->step_count++;
    return step;
}

static void set_compiled(struct step *step, struct compiled *compiled)
{
    const struct candidate *chosen = &compiled->candidate;
    step->compiled = compiled;
    step->cost = chosen->ns;
    step->info.kernel = compiled->name;
    step->info.sparse = chosen->method == METHOD_SPARSE;
    step->info.reorder = chosen->method == METHOD_REORDER;
    step->info.expected_ns = chosen->measured ? chosen->ns : 0;
}

static int add_reorder(struct building *b, int value, enum layout layout,
                       int node, struct error *err)
{
    struct plan *plan = b->plan;
    int from = b->produced[value];
    enum layout from_layout = plan->slots[from].desc.layout;
    /* Through an alias the same bytes have this value's shape. */
    const struct layout_desc source =
        value_view_desc(&b->views[value], from_layout);
    const struct layout_desc target = value_view_desc(&b->views[value], layout);
    struct compiled *compiled = NULL;
    if (compiled_create_reorder(&compiled, &source, &target, &b->context, err))
        return -1;
    uint64_t identity =
        hash_u64(hash_u64((uint64_t)value, from_layout), (uint64_t)layout);
    struct step *step = add_step(b, node, identity, 1, 1, err);
    if (!step) {
        compiled_drop(compiled);
        return -1;
    }
    compiled->candidate.ns =
        reorder_time(&b->choosing, value, from_layout, layout);
    compiled->candidate.measured = b->choosing.measures;
    set_compiled(step, compiled);
    int index = (int)plan->step_count - 1;
    int slot = add_slot(b, value, layout, index, err);
    if (slot < 0)
        return -1;
    step->operands[0] = from;
    step->results[0] = slot;
    plan->slots[from].last = index;
    return slot;
}

/* The slot of a value in a layout, made by a reorder when there is none. */
static int need_slot(struct building *b, int value, enum layout layout,
                     int node, struct error *err)
{
    layout = value_view_canonical(&b->views[value], layout);
    int slot = b->slot_of[value * LAYOUT_COUNT + (int)layout];
    if (slot >= 0)
        return slot;
    if (b->produced[value] < 0) { /* a constant, seen for the first time */
        slot = add_slot(b, value, LAYOUT_PLAIN, -1, err);
        if (slot < 0 || layout == LAYOUT_PLAIN)
            return slot;
    }
    return add_reorder(b, value, layout, node, err);
}

/* --- steps --- */

/* Inputs and outputs of plain code are the node's own. */
static int fill_plain(struct building *b, struct step *step,
                      const struct node *node, const int *operands,
                      struct error *err)
{
    int index = (int)b->plan->step_count - 1;
    for (int i = 0; i < node->input_count; i++)
        step->operands[i] = operands[i];
    for (int i = 0; i < node->output_count; i++) {
        int value = node->outputs[i];
        step->results[i] = GRAPH_NONE;
        if (value == GRAPH_NONE)
            continue;
        step->results[i] = add_slot(b, value, LAYOUT_PLAIN, index, err);
        if (step->results[i] < 0)
            return -1;
    }
    return 0;
}

static int emit_plain(struct building *b, size_t index, struct error *err)
{
    struct plan *plan = b->plan;
    const struct task *task = &b->list.tasks[index];
    const struct node *node = &plan->instance->nodes[task->node];
    int *operands = arena_array(&plan->arena, (size_t)node->input_count + 1,
                                sizeof(*operands));
    if (!operands)
        return no_memory(err);
    for (int i = 0; i < node->input_count; i++) {
        int value = node->inputs[i];
        operands[i] = GRAPH_NONE;
        if (value == GRAPH_NONE)
            continue;
        operands[i] = need_slot(b, value, LAYOUT_PLAIN, task->node, err);
        if (operands[i] < 0)
            return -1;
    }
    struct step *step = add_step(b, task->node, b->compiled[index]->key,
                                 node->input_count, node->output_count, err);
    if (!step)
        return -1;
    set_compiled(step, compiled_retain(b->compiled[index]));
    return fill_plain(b, step, node, operands, err);
}

/* Operands are src, then the second operand or the epilogue's addend. */
static int emit_kernel(struct building *b, size_t index, struct error *err)
{
    const struct task *task = &b->list.tasks[index];
    struct compiled *compiled = b->compiled[index];
    const struct candidate *chosen = &compiled->candidate;
    int operands[TASK_MAX_OPERANDS + 1], count = 0;
    for (int i = 0; i < task->operand_count; i++)
        operands[count++] =
            need_slot(b, task->operands[i], chosen->src, task->node, err);
    if (task->other != GRAPH_NONE)
        operands[count++] =
            need_slot(b, task->other, chosen->dst, task->node, err);
    for (int i = 0; i < count; i++)
        if (operands[i] < 0)
            return -1;
    uint64_t identity = hash_u64(compiled->key, (uint64_t)task->node);
    struct step *step = add_step(b, task->node, identity, count, 1, err);
    if (!step)
        return -1;
    set_compiled(step, compiled_retain(compiled));
    memcpy(step->operands, operands, (size_t)count * sizeof(*operands));
    enum layout layout =
        value_view_canonical(&b->views[task->dst], chosen->dst);
    step->results[0] =
        add_slot(b, task->dst, layout, (int)b->plan->step_count - 1, err);
    return step->results[0] < 0 ? -1 : 0;
}

static int emit_alias(struct building *b, size_t index, struct error *err)
{
    const struct task *task = &b->list.tasks[index];
    const struct candidate *chosen =
        &b->choosing.choices[index]
             .candidates[b->choosing.choices[index].taken];
    int slot = need_slot(b, task->operands[0], chosen->src, task->node, err);
    if (slot < 0)
        return -1;
    enum layout layout =
        value_view_canonical(&b->views[task->dst], chosen->dst);
    b->slot_of[task->dst * LAYOUT_COUNT + (int)layout] = slot;
    b->produced[task->dst] = slot;
    return 0;
}

static void set_last_uses(struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++)
        for (int k = 0; k < plan->steps[i].operand_count; k++)
            if (plan->steps[i].operands[k] >= 0)
                plan->slots[plan->steps[i].operands[k]].last = (int)i;
    for (size_t i = 0; i < plan->instance->output_count; i++)
        plan->slots[plan->outputs[i]].last = (int)plan->step_count;
}

static int emit_steps(struct building *b, struct error *err)
{
    struct plan *plan = b->plan;
    const struct graph *g = plan->instance;
    for (size_t i = 0; i < g->input_count; i++) {
        plan->inputs[i] = add_slot(b, g->inputs[i], LAYOUT_PLAIN, -1, err);
        if (plan->inputs[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < b->list.count; i++) {
        const struct task *task = &b->list.tasks[i];
        const struct choice *choice = &b->choosing.choices[i];
        enum method method = choice->candidates[choice->taken].method;
        int status = method == METHOD_ALIAS   ? emit_alias(b, i, err)
                     : method == METHOD_PLAIN ? emit_plain(b, i, err)
                                              : emit_kernel(b, i, err);
        if (status)
            return -1;
        for (int k = 0; method != METHOD_ALIAS && k < task->node_count; k++)
            plan->step_of[task->nodes[k]] = (int)plan->step_count - 1;
    }
    for (size_t i = 0; i < g->output_count; i++) {
        int producer = g->values[g->outputs[i]].producer;
        plan->outputs[i] =
            need_slot(b, g->outputs[i], LAYOUT_PLAIN, producer, err);
        if (plan->outputs[i] < 0)
            return -1;
    }
    set_last_uses(plan);
    return 0;
}

/* What is alive behind each step belongs to its identity: a saved prefix is
 * read back by the same list. */
static void finish_steps(struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        struct plan_step *info = &plan->steps[i].info;
        for (size_t k = 0; k < plan->slot_count; k++) {
            const struct slot *slot = &plan->slots[k];
            if (!slot_is_alive(slot, (int)i))
                continue;
            info->live_bytes += (int64_t)slot->bytes;
            info->prefix_hash =
                hash_u64(info->prefix_hash, (uint64_t)slot->value * 8 +
                                                (uint64_t)slot->desc.layout);
            info->prefix_hash =
                hash_u64(info->prefix_hash, (uint64_t)slot->bytes);
        }
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct compiled *compiled = plan->steps[i].compiled;
        int64_t scratch = (int64_t)compiled_scratch_total(compiled);
        plan->packed_bytes += (int64_t)compiled->packed_bytes;
        if (scratch > plan->scratch_bytes)
            plan->scratch_bytes = scratch;
    }
}

/* --- kernels --- */

static struct compiled *find_previous(const struct plan *previous, uint64_t key)
{
    for (size_t i = 0; previous && i < previous->step_count; i++)
        if (previous->steps[i].compiled->key == key)
            return compiled_retain(previous->steps[i].compiled);
    return NULL;
}

/* Compiles task `index` as chosen. Returns 0, 1 when its kernel does not
 * serve after all, -1 on errors. */
static int compile_task(struct building *b, size_t index, struct error *err)
{
    const struct choice *choice = &b->choosing.choices[index];
    const struct candidate *chosen = &choice->candidates[choice->taken];
    const struct task *task = &b->list.tasks[index];
    if (chosen->method == METHOD_ALIAS)
        return 0;
    idle_decide_skips(&b->choosing, index);
    uint64_t key = compiled_key(task, chosen, &b->context);
    if (b->compiled[index] && b->compiled[index]->key == key)
        return 0;
    compiled_drop(b->compiled[index]);
    b->compiled[index] = find_previous(b->options->previous, key);
    if (b->compiled[index])
        return 0;
    return compiled_create(&b->compiled[index], task, chosen, &b->context, err);
}

static int compile_all(struct building *b, struct error *err)
{
    for (size_t i = 0; i < b->list.count; i++) {
        struct choice *choice = &b->choosing.choices[i];
        if (cancel_raised(b->options->cancel))
            return error_set(err, ERROR_CANCELLED, "planning was cancelled");
        int status = compile_task(b, i, err);
        if (status > 0)
            choice->candidates[choice->taken].ns = INFINITY;
        if (status)
            return status;
    }
    return 0;
}

const struct compiled *plan_unchanged(const struct plan *plan,
                                      const struct task *task)
{
    int step = plan ? plan_step_of_node(plan, task->node) : -1;
    if (step < 0)
        return NULL;
    const struct compiled *compiled = plan->steps[step].compiled;
    return compiled->problem == task->problem &&
                   compiled->constants == task->constants
               ? compiled
               : NULL;
}

const struct compiled *plan_same_zeros(const struct plan *plan,
                                       const struct task *task)
{
    int step = plan ? plan_step_of_node(plan, task->node) : -1;
    if (step < 0 || plan->kernels == PLAN_KERNELS_DENSE ||
        plan->kernels == PLAN_KERNELS_REFERENCE)
        return NULL;
    const struct compiled *compiled = plan->steps[step].compiled;
    return compiled->constants == task->constants &&
                   compiled->spec.kind == task->spec.kind &&
                   compiled->whole.weights == task->weights
               ? compiled
               : NULL;
}

void plan_count_nonzeros(const struct plan *counted, struct task *task)
{
    const struct compiled *same = plan_same_zeros(counted, task);
    if (!same)
        task_count_nonzeros(task);
    else
        task->zeros = same->whole;
    task->whole = task->zeros;
    task->nonzeros = same ? same->whole.nonzeros : task->nonzeros;
}

static void count_nonzeros(struct building *b)
{
    if (b->options->kernels == PLAN_KERNELS_DENSE ||
        b->options->kernels == PLAN_KERNELS_REFERENCE)
        return;
    for (size_t i = 0; i < b->list.count; i++)
        plan_count_nonzeros(b->options->previous, &b->list.tasks[i]);
}

static int choose_and_compile(struct building *b, struct error *err)
{
    int status;
    if (choosing_candidates(&b->choosing, err))
        return -1;
    do { /* a kernel that does not serve is struck off, and chosen again */
        if (choosing_assign(&b->choosing, err))
            return -1;
        status = compile_all(b, err);
    } while (status > 0);
    b->plan->settled = !b->choosing.guessed;
    return status;
}

/* --- the whole --- */

static int prepare(struct building *b, struct error *err)
{
    struct plan *plan = b->plan;
    const struct graph *g = plan->instance;
    size_t values = g->value_count + 1;
    b->views = array_create(values, sizeof(*b->views));
    b->slot_of = array_create(values * LAYOUT_COUNT, sizeof(*b->slot_of));
    b->produced = array_create(values, sizeof(*b->produced));
    plan->step_of = array_create(g->node_count + 1, sizeof(*plan->step_of));
    plan->inputs = array_create(g->input_count + 1, sizeof(*plan->inputs));
    plan->outputs = array_create(g->output_count + 1, sizeof(*plan->outputs));
    if (!b->views || !b->slot_of || !b->produced || !plan->step_of ||
        !plan->inputs || !plan->outputs)
        return no_memory(err);
    for (size_t i = 0; i < g->value_count; i++) {
        value_view_of(&b->views[i], &g->values[i]);
        b->produced[i] = -1;
    }
    for (size_t i = 0; i < values * LAYOUT_COUNT; i++)
        b->slot_of[i] = -1;
    for (size_t i = 0; i < g->node_count; i++)
        plan->step_of[i] = -1;
    b->hash = hash_u64((uint64_t)g->batch, (uint64_t)plan->threads);
    return task_list_init(&b->list, g,
                          b->options->kernels != PLAN_KERNELS_REFERENCE, err);
}

static int build(struct building *b, struct error *err)
{
    struct plan *plan = b->plan;
    if (prepare(b, err))
        return -1;
    b->compiled = array_create(b->list.count, sizeof(*b->compiled));
    struct choice *choices = array_create(b->list.count, sizeof(*choices));
    b->choosing = (struct choosing){.instance = plan->instance,
                                    .list = &b->list,
                                    .views = b->views,
                                    .context = &b->context,
                                    .options = b->options,
                                    .choices = choices};
    b->context = (struct compile_context){.box = plan->box,
                                          .views = b->views,
                                          .instance = plan->instance,
                                          .isa = plan->isa,
                                          .threads = plan->threads};
    if (!b->compiled || !choices)
        return no_memory(err);
    count_nonzeros(b);
    if (b->options->kernels == PLAN_KERNELS_AUTO &&
        idle_find(&b->list, plan->instance, b->options->previous, err))
        return -1;
    if (choose_and_compile(b, err) || emit_steps(b, err))
        return -1;
    finish_steps(plan);
    return memory_assign(plan) ? no_memory(err) : 0;
}

static void building_release(struct building *b)
{
    for (size_t i = 0; b->compiled && i < b->list.count; i++)
        compiled_drop(b->compiled[i]);
    free(b->compiled);
    free(b->choosing.choices);
    free(b->views);
    free(b->slot_of);
    free(b->produced);
    task_list_release(&b->list);
}

int plan_create(struct plan **out, const struct graph *instance,
                const struct plan_options *options, struct error *err)
{
    struct plan *plan = array_create(1, sizeof(*plan));
    *out = NULL;
    if (!plan)
        return no_memory(err);
    atomic_init(&plan->holders, 1);
    plan->instance = graph_retain(instance);
    plan->threads = options->threads > 0 ? options->threads : 1;
    plan->isa = options->isa;
    plan->kernels = options->kernels;
    plan->box = options->previous ? engine_box_retain(options->previous->box)
                                  : engine_box_create();
    struct building b = {.plan = plan, .options = options};
    /* oneDNN splits work for the number of threads at hand when it makes a
     * kernel. */
    onednn_set_threads(plan->threads);
    threads_settle(plan->threads);
    int status = plan->box ? build(&b, err)
                           : error_set(err, ERROR_UNSUPPORTED,
                                       "oneDNN has no engine for this "
                                       "processor");
    building_release(&b);
    if (status) {
        plan_drop(plan);
        return -1;
    }
    *out = plan;
    return 0;
}

struct plan *plan_retain(const struct plan *plan)
{
    /* Holders are the only part of a plan that changes. */
    union {
        const struct plan *constant;
        struct plan *plan;
    } holder = {.constant = plan};
    atomic_fetch_add_explicit(&holder.plan->holders, 1, memory_order_relaxed);
    return holder.plan;
}

void plan_drop(const struct plan *plan)
{
    union {
        const struct plan *constant;
        struct plan *plan;
    } holder = {.constant = plan};
    struct plan *p = holder.plan;
    if (!p ||
        atomic_fetch_sub_explicit(&p->holders, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < p->step_count; i++)
        compiled_drop(p->steps[i].compiled);
    free(p->steps);
    free(p->slots);
    free(p->inputs);
    free(p->outputs);
    free(p->step_of);
    arena_release(&p->arena);
    graph_drop(p->instance);
    engine_box_drop(p->box);
    free(p);
}

/* --- reading --- */

const struct graph *plan_instance(const struct plan *plan)
{
    return plan->instance;
}

bool plan_is_settled(const struct plan *plan)
{
    return plan->settled;
}

size_t plan_step_count(const struct plan *plan)
{
    return plan->step_count;
}

struct plan_step plan_step_at(const struct plan *plan, size_t step)
{
    return plan->steps[step].info;
}

int plan_step_of_node(const struct plan *plan, int id)
{
    return id < 0 || (size_t)id >= plan->instance->node_count
               ? -1
               : plan->step_of[id];
}

int64_t plan_arena_bytes(const struct plan *plan)
{
    return plan->arena_bytes + plan->scratch_bytes;
}

int64_t plan_packed_bytes(const struct plan *plan)
{
    return plan->packed_bytes;
}
