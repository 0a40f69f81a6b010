/* One thread's memory and bindings for a plan, made once; a run only walks
 * over the steps. */
#include "base/array.h"
#include "base/clock.h"
#include "base/pages.h"
#include "exec/plan_internal.h"
#include "op/instance.h"
#include "op/op.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

struct bound_step {
    struct bound bound;  /* kernels */
    struct op_call call; /* plain code */
    bool plain;
};

struct runner {
    struct plan *plan;
    unsigned char *memory; /* arena, then scratch */
    struct bound_step *steps;
    struct tensor *outputs;
    struct arena arena; /* operand arrays of plain calls */
};

static void *slot_data(const struct runner *runner, int slot)
{
    return runner->memory + runner->plan->slots[slot].offset;
}

static const void *slot_read(const struct runner *runner, int slot)
{
    const void *constant = runner->plan->slots[slot].constant;
    return constant ? constant : slot_data(runner, slot);
}

/* A view of run-time memory as the operator's tensor. */
static void set_tensor(struct tensor *tensor, const struct runner *runner,
                       int value, int slot)
{
    const struct value *v = &runner->plan->instance->values[value];
    union {
        const void *constant;
        void *data;
    } memory = {.constant = slot_read(runner, slot)};
    *tensor = (struct tensor){
        .dtype = v->dtype, .shape = v->shape, .data = memory.data};
}

static int bind_plain(struct runner *runner, size_t index, struct error *err)
{
    const struct step *step = &runner->plan->steps[index];
    const struct graph *g = runner->plan->instance;
    const struct node *node = &g->nodes[step->info.node];
    struct bound_step *bound = &runner->steps[index];
    size_t in = (size_t)step->operand_count, out = (size_t)step->result_count;
    struct tensor *tensors =
        arena_array(&runner->arena, in + out + 1, sizeof(*tensors));
    const struct tensor **inputs =
        arena_array(&runner->arena, in + 1, sizeof(*inputs));
    struct tensor **outputs =
        arena_array(&runner->arena, out + 1, sizeof(*outputs));
    if (!tensors || !inputs || !outputs)
        return error_memory(err, (in + out) * sizeof(*tensors));
    op_call_of(g, step->info.node, &bound->call, tensors, inputs, tensors + in,
               outputs);
    for (size_t i = 0; i < in; i++) {
        inputs[i] = step->operands[i] < 0 ? NULL : &tensors[i];
        if (inputs[i])
            set_tensor(&tensors[i], runner, node->inputs[i], step->operands[i]);
    }
    for (size_t i = 0; i < out; i++) {
        outputs[i] = step->results[i] < 0 ? NULL : &tensors[in + i];
        if (outputs[i])
            set_tensor(outputs[i], runner, node->outputs[i], step->results[i]);
    }
    bound->plain = true;
    return 0;
}

static int bind_kernel(struct runner *runner, size_t index, struct error *err)
{
    const struct plan *plan = runner->plan;
    const struct step *step = &plan->steps[index];
    struct bound *bound = &runner->steps[index].bound;
    bound->compiled = step->compiled;
    bound->isa = plan->isa;
    bound->src = slot_read(runner, step->operands[0]);
    if (step->operand_count > 1)
        bound->other = slot_read(runner, step->operands[1]);
    for (int i = 2; i < step->operand_count; i++)
        bound->more[i - 2] = slot_read(runner, step->operands[i]);
    bound->dst = slot_data(runner, step->results[0]);
    bound->scratch = runner->memory + plan->arena_bytes;
    return bound_init(bound) ? error_memory(err, sizeof(*bound)) : 0;
}

static int bind_all(struct runner *runner, struct error *err)
{
    const struct plan *plan = runner->plan;
    const struct graph *g = plan->instance;
    for (size_t i = 0; i < plan->step_count; i++) {
        bool plain = plan->steps[i].compiled->candidate.method == METHOD_PLAIN;
        if (plain ? bind_plain(runner, i, err) : bind_kernel(runner, i, err))
            return -1;
    }
    for (size_t i = 0; i < g->output_count; i++)
        set_tensor(&runner->outputs[i], runner, g->outputs[i],
                   plan->outputs[i]);
    return 0;
}

int runner_create(struct runner **out, const struct plan *plan,
                  struct error *err)
{
    struct runner *runner = array_create(1, sizeof(*runner));
    *out = NULL;
    if (!runner)
        return error_memory(err, sizeof(*runner));
    /* Slots and scratch carry their slack; one more for the last reader. */
    size_t bytes = (size_t)(plan->arena_bytes + plan->scratch_bytes) + ALIGN;
    runner->plan = plan_retain(plan);
    runner->memory = pages_create(bytes);
    runner->steps = array_create(plan->step_count, sizeof(*runner->steps));
    runner->outputs =
        array_create(plan->instance->output_count, sizeof(*runner->outputs));
    int status = 0;
    if (!runner->memory || !runner->steps || !runner->outputs)
        status = error_memory(err, bytes);
    if (!status)
        status = bind_all(runner, err);
    if (status) {
        runner_destroy(runner);
        return -1;
    }
    *out = runner;
    return 0;
}

void runner_destroy(struct runner *runner)
{
    if (!runner)
        return;
    for (size_t i = 0; runner->steps && i < runner->plan->step_count; i++)
        bound_release(&runner->steps[i].bound);
    free(runner->steps);
    free(runner->memory);
    free(runner->outputs);
    arena_release(&runner->arena);
    plan_drop(runner->plan);
    free(runner);
}

void *runner_input(struct runner *runner, size_t input)
{
    return slot_data(runner, runner->plan->inputs[input]);
}

const struct tensor *runner_output(const struct runner *runner, size_t output)
{
    return &runner->outputs[output];
}

/* --- running --- */

static int run_step(struct runner *runner, size_t index,
                    const struct cancel *cancel, struct error *err)
{
    const struct plan *plan = runner->plan;
    const struct step *step = &plan->steps[index];
    struct bound_step *bound = &runner->steps[index];
    const struct node *node = &plan->instance->nodes[step->info.node];
    if (!bound->plain) {
        if (bound_run(&bound->bound) == 0)
            return 0;
        return error_set(err, ERROR_MEMORY, "node '%s': '%s' failed to run",
                         node->name, step->info.kernel);
    }
    bound->call.cancel = cancel;
    if (node->op->run(&bound->call, err) == 0)
        return 0;
    return error_prefix(err, "node '%s' (%s)", node->name, node->type);
}

int runner_run(struct runner *runner, size_t first, size_t last,
               const struct cancel *cancel, int64_t *step_ns, struct error *err)
{
    onednn_set_threads(runner->plan->threads);
    int64_t before = step_ns ? clock_now_ns() : 0;
    for (size_t i = first; i < last; i++) {
        if (cancel_raised(cancel))
            return error_set(err, ERROR_CANCELLED, "the run was cancelled");
        if (run_step(runner, i, cancel, err))
            return -1;
        if (!step_ns)
            continue;
        int64_t after = clock_now_ns();
        step_ns[i] = after - before;
        before = after;
    }
    return 0;
}

/* --- saving --- */

void runner_save(const struct runner *runner, size_t step, void *bytes)
{
    const struct plan *plan = runner->plan;
    unsigned char *to = bytes;
    for (size_t i = 0; i < plan->slot_count; i++) {
        const struct slot *slot = &plan->slots[i];
        if (!slot_is_alive(slot, (int)step))
            continue;
        memcpy(to, slot_data(runner, (int)i), slot->bytes);
        to += slot->bytes;
    }
}

void runner_load(struct runner *runner, size_t step, const void *bytes)
{
    const struct plan *plan = runner->plan;
    const unsigned char *from = bytes;
    for (size_t i = 0; i < plan->slot_count; i++) {
        const struct slot *slot = &plan->slots[i];
        if (!slot_is_alive(slot, (int)step))
            continue;
        memcpy(slot_data(runner, (int)i), from, slot->bytes);
        from += slot->bytes;
    }
}
