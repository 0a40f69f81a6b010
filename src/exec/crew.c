/*
 * Parts of a batch: each thread has a runner; it takes the next part that
 * nobody has, copies its samples in, runs, and copies its answers out.
 */
#include "exec/crew.h"

#include "base/array.h"
#include "exec/parallel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Of a second-level cache, for what one step reads and writes. */
enum { CACHE_BYTES = 900 * 1024 };

struct member {
    struct runner *runner;
    struct error err;
    int status;
};

struct crew {
    struct plan *plan;
    int64_t parts;
    int threads;
    struct member *members;
    void **inputs, **outputs; /* of the whole batch; NULL: one part */
    const struct cancel *cancel;
    atomic_llong next; /* part; members add */
};

/* --- how many samples --- */

static size_t bytes_of(const struct graph *g, int value)
{
    if (value == GRAPH_NONE || g->values[value].constant.data)
        return 0;
    return (size_t)shape_elements(&g->values[value].shape) *
           dtype_size(g->values[value].dtype);
}

static size_t largest_step(const struct graph *g)
{
    size_t most = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        const struct node *node = &g->nodes[i];
        size_t bytes = 0;
        if (g->folded && g->folded[i])
            continue;
        for (int k = 0; k < node->input_count; k++)
            bytes += bytes_of(g, node->inputs[k]);
        for (int k = 0; k < node->output_count; k++)
            bytes += bytes_of(g, node->outputs[k]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

int64_t crew_part(const struct graph *sample, int64_t batch, int threads)
{
    if (sample->batch != 1 || batch < 2)
        return batch;
    int64_t most = (int64_t)(CACHE_BYTES / largest_step(sample));
    int64_t share = batch / threads;
    most = most < share ? most : share;
    most = most > 1 ? most : 1;
    while (batch % most)
        most--;
    return most;
}

/* --- making --- */

static size_t input_bytes(const struct crew *crew, size_t input)
{
    const struct graph *g = plan_instance(crew->plan);
    return bytes_of(g, g->inputs[input]);
}

static size_t output_bytes(const struct crew *crew, size_t output)
{
    const struct graph *g = plan_instance(crew->plan);
    const struct value *value = &g->values[g->outputs[output]];
    return (size_t)shape_elements(&value->shape) * dtype_size(value->dtype);
}

static int make_buffers(struct crew *crew)
{
    const struct graph *g = plan_instance(crew->plan);
    size_t parts = (size_t)crew->parts;
    crew->inputs = array_create(g->input_count + 1, sizeof(*crew->inputs));
    crew->outputs = array_create(g->output_count + 1, sizeof(*crew->outputs));
    if (!crew->inputs || !crew->outputs)
        return -1;
    for (size_t i = 0; i < g->input_count; i++) {
        crew->inputs[i] = array_create(parts, input_bytes(crew, i));
        if (!crew->inputs[i])
            return -1;
    }
    for (size_t i = 0; i < g->output_count; i++) {
        crew->outputs[i] = array_create(parts, output_bytes(crew, i));
        if (!crew->outputs[i])
            return -1;
    }
    return 0;
}

int crew_create(struct crew **out, const struct plan *plan, int64_t parts,
                int threads, struct error *err)
{
    struct crew *crew = array_create(1, sizeof(*crew));
    *out = NULL;
    if (!crew)
        return error_memory(err, sizeof(*crew));
    crew->plan = plan_retain(plan);
    crew->parts = parts;
    crew->threads = parts < threads ? (int)parts : threads;
    crew->members = array_create((size_t)threads, sizeof(*crew->members));
    int status = crew->members ? 0 : error_memory(err, sizeof(*crew->members));
    if (!status && parts > 1 && make_buffers(crew))
        status = error_memory(err, (size_t)parts);
    for (int t = 0; t < crew->threads && !status; t++)
        status = runner_create(&crew->members[t].runner, plan, err);
    if (status) {
        crew_destroy(crew);
        return -1;
    }
    *out = crew;
    return 0;
}

void crew_destroy(struct crew *crew)
{
    if (!crew)
        return;
    const struct graph *g = plan_instance(crew->plan);
    for (int t = 0; crew->members && t < crew->threads; t++)
        runner_destroy(crew->members[t].runner);
    for (size_t i = 0; crew->inputs && i < g->input_count; i++)
        free(crew->inputs[i]);
    for (size_t i = 0; crew->outputs && i < g->output_count; i++)
        free(crew->outputs[i]);
    free(crew->inputs);
    free(crew->outputs);
    free(crew->members);
    plan_drop(crew->plan);
    free(crew);
}

/* --- running --- */

const struct plan *crew_plan(const struct crew *crew)
{
    return crew->plan;
}

int64_t crew_parts(const struct crew *crew)
{
    return crew->parts;
}

void *crew_input(struct crew *crew, size_t input)
{
    return crew->parts > 1 ? crew->inputs[input]
                           : runner_input(crew->members[0].runner, input);
}

const void *crew_output(const struct crew *crew, size_t output)
{
    return crew->parts > 1
               ? crew->outputs[output]
               : runner_output(crew->members[0].runner, output)->data;
}

static void copy_in(struct crew *crew, struct runner *runner, size_t part)
{
    const struct graph *g = plan_instance(crew->plan);
    for (size_t i = 0; i < g->input_count; i++) {
        size_t bytes = input_bytes(crew, i);
        memcpy(runner_input(runner, i),
               (const char *)crew->inputs[i] + part * bytes, bytes);
    }
}

static void copy_out(struct crew *crew, const struct runner *runner,
                     size_t part)
{
    const struct graph *g = plan_instance(crew->plan);
    for (size_t i = 0; i < g->output_count; i++) {
        size_t bytes = output_bytes(crew, i);
        memcpy((char *)crew->outputs[i] + part * bytes,
               runner_output(runner, i)->data, bytes);
    }
}

static void work(void *argument, int thread)
{
    struct crew *crew = argument;
    struct member *member = &crew->members[thread];
    long long part;
    member->status = 0;
    while (!member->status &&
           (part = atomic_fetch_add(&crew->next, 1)) < crew->parts) {
        copy_in(crew, member->runner, (size_t)part);
        member->status =
            runner_run(member->runner, 0, plan_step_count(crew->plan),
                       crew->cancel, NULL, &member->err);
        copy_out(crew, member->runner, (size_t)part);
    }
}

int crew_run(struct crew *crew, const struct cancel *cancel, struct error *err)
{
    if (crew->parts == 1)
        return runner_run(crew->members[0].runner, 0,
                          plan_step_count(crew->plan), cancel, NULL, err);
    crew->cancel = cancel;
    atomic_store(&crew->next, 0);
    threads_run(crew->threads, work, crew);
    for (int t = 0; t < crew->threads; t++) {
        const struct error *own = &crew->members[t].err;
        if (crew->members[t].status)
            return error_set(err, own->code, "%s", own->message);
    }
    return 0;
}

int crew_time_steps(struct crew *crew, const struct cancel *cancel,
                    int64_t *step_ns, struct error *err)
{
    size_t steps = plan_step_count(crew->plan);
    if (crew->parts > 1)
        copy_in(crew, crew->members[0].runner, 0);
    if (runner_run(crew->members[0].runner, 0, steps, cancel, step_ns, err))
        return -1;
    for (size_t i = 0; i < steps; i++)
        step_ns[i] = step_ns[i] * crew->parts / crew->threads;
    return 0;
}
