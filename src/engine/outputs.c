#include "engine/outputs.h"

#include "base/array.h"
#include "dataset/npz.h"
#include "engine/feed.h"
#include "engine/pool.h"
#include "op/answer.h"

#include <stdlib.h>
#include <string.h>

struct collection {
    const struct plan *plan;
    const struct cancel *cancel;
    struct feed feed;
    struct runner **runners;  /* per worker */
    struct npz_array *arrays; /* per output */
};

static int collect_piece(void *context, int worker, int64_t b,
                         struct error *err)
{
    struct collection *all = context;
    const struct graph *graph = plan_instance(all->plan);
    struct runner **runner = &all->runners[worker];
    if (!*runner && runner_create(runner, all->plan, err) < 0)
        return -1;
    int64_t count = feed_batch(&all->feed, graph, *runner, b);
    if (runner_run(*runner, 0, plan_step_count(all->plan), all->cancel, NULL,
                   err) < 0)
        return -1;
    for (size_t o = 0; o < graph->output_count; o++) {
        const struct tensor *tensor = runner_output(*runner, o);
        size_t stride = tensor_bytes(tensor) / (size_t)graph->batch;
        char *out = all->arrays[o].tensor.data;
        memcpy(out + (size_t)(b * graph->batch) * stride, tensor->data,
               (size_t)count * stride);
    }
    return 0;
}

static int init_arrays(struct collection *all, const struct graph *graph,
                       struct error *err)
{
    all->arrays = array_create(graph->output_count, sizeof *all->arrays);
    if (!all->arrays)
        return error_memory(err, graph->output_count * sizeof *all->arrays);
    for (size_t o = 0; o < graph->output_count; o++) {
        const struct value *value = &graph->values[graph->outputs[o]];
        struct shape shape = value->shape;
        if (shape.rank < 1 || shape.dims[0] != graph->batch)
            return error_set(err, ERROR_SHAPE,
                             "output '%s' has no batch dimension", value->name);
        shape.dims[0] = all->feed.samples;
        all->arrays[o].name = string_copy(value->name);
        if (!all->arrays[o].name)
            return error_memory(err, strlen(value->name) + 1);
        if (tensor_init(&all->arrays[o].tensor, value->dtype, &shape, err) < 0)
            return -1;
    }
    return 0;
}

static void release(struct collection *all, size_t outputs, int workers)
{
    for (size_t o = 0; all->arrays && o < outputs; o++) {
        free(all->arrays[o].name);
        tensor_release(&all->arrays[o].tensor);
    }
    free(all->arrays);
    for (int i = 0; all->runners && i < workers; i++)
        runner_destroy(all->runners[i]);
    free(all->runners);
    feed_release(&all->feed);
}

static int collect(const struct setup *setup, const struct plan *plan,
                   const char *path, const struct cancel *cancel,
                   struct error *err)
{
    const struct graph *graph = plan_instance(plan);
    int workers = setup->options.workers;
    struct collection all = {.plan = plan, .cancel = cancel};
    struct pool *pool = NULL;
    int code = -1;
    if (feed_init(&all.feed, setup, graph, NULL, err) < 0 ||
        init_arrays(&all, graph, err) < 0)
        goto out;
    all.runners = array_create((size_t)workers, sizeof *all.runners);
    if (!all.runners) {
        error_memory(err, (size_t)workers * sizeof *all.runners);
        goto out;
    }
    if (pool_create(&pool, workers, !setup->options.foreground, err) < 0)
        goto out;
    struct pool_task task = {feed_batches(&all.feed, graph), collect_piece,
                             &all};
    code = pool_run(pool, &task, err);
    if (code == 0)
        code = npz_write(path, all.arrays, graph->output_count, err);
out:
    pool_destroy(pool);
    release(&all, graph->output_count, workers);
    return code;
}

int engine_write_outputs(const struct session *session,
                         const struct variant *variant,
                         const struct engine_options *options, const char *path,
                         bool *classifies, const struct cancel *cancel,
                         struct error *err)
{
    struct setup setup;
    struct mask_set masks = {0};
    struct graph *graph = NULL;
    struct plan *plan = NULL;
    int code = -1;
    if (setup_init(&setup, session, options, err) < 0)
        return -1;
    if (!setup.eval_graph)
        error_set(err, ERROR_USAGE, "outputs need a data set");
    else if (session_masks(session, variant, NULL, NULL, &masks, err) == 0 &&
             setup_masked(&setup, &graph, setup.eval_graph, variant, &masks,
                          err) == 0 &&
             setup_plan(&setup, &plan, graph, 1, NULL, cancel, err) == 0)
        code = collect(&setup, plan, path, cancel, err);
    if (code == 0 && classifies)
        *classifies = op_answer_of(&(struct op_answer){0}, graph);
    plan_drop(plan);
    graph_drop(graph);
    mask_set_release(&masks);
    setup_release(&setup);
    return code;
}
