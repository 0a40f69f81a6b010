#include "prune/trace.h"

#include "base/array.h"
#include "exec/part.h"
#include "exec/plan.h"

#include <stdlib.h>
#include <string.h>

/* --- values --- */

static size_t value_bytes(const struct trace *trace, int id)
{
    const struct value *value = &trace->dense->values[id];
    return (size_t)shape_elements(&value->shape) * dtype_size(value->dtype);
}

static void *create_bytes(const struct trace *trace, int id, struct error *err)
{
    size_t bytes = value_bytes(trace, id);
    void *made = array_create((size_t)trace->batches, bytes);
    if (!made)
        error_memory(err, (unsigned long long)bytes * (size_t)trace->batches);
    return made;
}

static void free_value(struct trace_value *value)
{
    for (int side = 0; side < TRACE_SIDES; side++) {
        free(value->bytes[side]);
        value->bytes[side] = NULL;
    }
}

const void *trace_bytes(const struct trace *trace, int value,
                        enum trace_side side)
{
    const struct trace_value *v = &trace->values[value];
    return v->bytes[side] ? v->bytes[side] : v->bytes[TRACE_DENSE];
}

static bool is_run(const struct graph *graph, size_t node)
{
    return !graph->folded || !graph->folded[node];
}

static void count_readers(struct trace *trace)
{
    const struct graph *graph = trace->dense;
    for (size_t i = 0; i < graph->node_count; i++)
        for (int j = 0; is_run(graph, i) && j < graph->nodes[i].input_count;
             j++)
            if (graph->nodes[i].inputs[j] >= 0)
                trace->values[graph->nodes[i].inputs[j]].readers++;
    for (size_t i = 0; i < graph->output_count; i++)
        trace->values[graph->outputs[i]].readers++;
}

/* --- samples --- */

struct filling {
    const struct trace_source *source;
    size_t input, bytes;
    char *out;
};

static int fill_batch(void *context, int worker, int64_t b, struct error *err)
{
    (void)worker;
    struct filling *f = context;
    return f->source->fill(f->source->context, f->input, b,
                           f->out + (size_t)b * f->bytes, err);
}

static int fill_inputs(struct trace *trace, const struct trace_source *source,
                       struct error *err)
{
    for (size_t i = 0; i < trace->dense->input_count; i++) {
        int id = trace->dense->inputs[i];
        void *made = create_bytes(trace, id, err);
        if (!made)
            return -1;
        trace->values[id].bytes[TRACE_DENSE] = made;
        struct filling filling = {source, i, value_bytes(trace, id), made};
        if (parallel_pieces(&trace->parallel, trace->batches, fill_batch,
                            &filling, err) < 0)
            return -1;
    }
    return 0;
}

int trace_init(struct trace *trace, const struct graph *instance,
               const struct graph *changed, const struct trace_source *source,
               const struct parallel *parallel, const struct cancel *cancel,
               bool single, struct error *err)
{
    *trace = (struct trace){.batches = source->batches,
                            .parallel = *parallel,
                            .cancel = cancel,
                            .single = single};
    trace->dense = graph_retain(instance);
    trace->changed = graph_retain(changed ? changed : instance);
    trace->values = array_create(instance->value_count, sizeof *trace->values);
    int result =
        trace->values
            ? cpu_isa_select(&trace->isa, err)
            : error_memory(err, instance->value_count * sizeof *trace->values);
    if (!result) {
        count_readers(trace);
        result = fill_inputs(trace, source, err);
    }
    if (result < 0)
        trace_release(trace);
    return result;
}

void trace_release(struct trace *trace)
{
    for (size_t i = 0; trace->values && i < trace->dense->value_count; i++)
        free_value(&trace->values[i]);
    free(trace->values);
    graph_drop(trace->dense);
    graph_drop(trace->changed);
    *trace = (struct trace){0};
}

int trace_change(struct trace *trace, size_t count, const int *ids,
                 const struct tensor *tensors, struct error *err)
{
    struct graph *next;
    if (graph_with_constants(&next, trace->changed, count, ids, tensors, err) <
        0)
        return -1;
    graph_drop(trace->changed);
    trace->changed = next;
    return 0;
}

bool trace_differs(const struct trace *trace, int node)
{
    const struct node *n = &trace->dense->nodes[node];
    for (int i = 0; i < n->input_count; i++) {
        int id = n->inputs[i];
        if (id >= 0 && (trace->values[id].bytes[TRACE_CHANGED] ||
                        trace->dense->values[id].constant.data !=
                            trace->changed->values[id].constant.data))
            return true;
    }
    return false;
}

/* --- running --- */

struct running {
    struct trace *trace;
    const struct part *part;
    const struct plan *plan;
    struct runner **runners; /* per worker, made at its first batch */
    enum trace_side side;
};

static int run_batch(void *context, int worker, int64_t b, struct error *err)
{
    struct running *r = context;
    const struct trace *trace = r->trace;
    struct runner **runner = &r->runners[worker];
    if (!*runner && runner_create(runner, r->plan, err) < 0)
        return -1;
    for (size_t i = 0; i < r->part->input_count; i++) {
        int id = r->part->inputs[i];
        size_t bytes = value_bytes(trace, id);
        const char *from = trace_bytes(trace, id, r->side);
        memcpy(runner_input(*runner, i), from + (size_t)b * bytes, bytes);
    }
    if (runner_run(*runner, 0, plan_step_count(r->plan), trace->cancel, NULL,
                   err) < 0)
        return -1;
    for (size_t i = 0; i < r->part->output_count; i++) {
        int id = r->part->outputs[i];
        size_t bytes = value_bytes(trace, id);
        char *to = trace->values[id].bytes[r->side];
        memcpy(to + (size_t)b * bytes, runner_output(*runner, i)->data, bytes);
    }
    return 0;
}

static int run_part(struct trace *trace, const struct part *part,
                    enum trace_side side, struct error *err)
{
    struct plan_options options = {.kernels = PLAN_KERNELS_DENSE,
                                   .threads = 1,
                                   .isa = trace->isa,
                                   .cancel = trace->cancel};
    struct plan *plan;
    if (plan_create(&plan, part->graph, &options, err) < 0)
        return -1;
    size_t workers = (size_t)trace->parallel.workers;
    struct running running = {trace, part, plan, NULL, side};
    running.runners = array_create(workers, sizeof *running.runners);
    int result = running.runners
                     ? parallel_pieces(&trace->parallel, trace->batches,
                                       run_batch, &running, err)
                     : error_memory(err, workers * sizeof *running.runners);
    for (size_t i = 0; running.runners && i < workers; i++)
        runner_destroy(running.runners[i]);
    free(running.runners);
    plan_drop(plan);
    return result;
}

int trace_run(struct trace *trace, int node, enum trace_side side,
              struct error *err)
{
    const struct node *n = &trace->dense->nodes[node];
    int *outputs = array_create((size_t)n->output_count, sizeof *outputs);
    size_t count = 0;
    struct part part = {0};
    int result = -1;
    if (!outputs)
        return error_memory(err, (size_t)n->output_count * sizeof *outputs);
    for (int i = 0; i < n->output_count; i++) {
        int id = n->outputs[i];
        if (id < 0 || !trace->values[id].readers)
            continue;
        outputs[count++] = id;
        void **bytes = &trace->values[id].bytes[side];
        if (!*bytes)
            *bytes = create_bytes(trace, id, err);
        if (!*bytes)
            goto out;
    }
    result =
        part_create(&part, side == TRACE_DENSE ? trace->dense : trace->changed,
                    &node, 1, outputs, count, err);
    if (!result)
        result = run_part(trace, &part, side, err);
    part_release(&part);
out:
    free(outputs);
    return result < 0 ? error_prefix(err, "node '%s'", n->name) : 0;
}

void trace_pass(struct trace *trace, int node)
{
    const struct node *n = &trace->dense->nodes[node];
    for (int i = 0; i < n->input_count; i++) {
        int id = n->inputs[i];
        if (id >= 0 && --trace->values[id].readers == 0)
            free_value(&trace->values[id]);
    }
}
