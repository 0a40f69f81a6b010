#include "engine/reconstruct_run.h"

#include "base/array.h"
#include "base/rng.h"
#include "eval/evaluate.h"
#include "prune/allocate_error.h"

#include <stdlib.h>

enum { SAMPLES = 1024, LEAST_BATCHES = 4 };

/* Both models' activations of the samples lie in memory. */
static const int64_t memory_bytes = INT64_C(1) << 30;

struct samples {
    const struct graph *instance;
    struct evaluation evaluation; /* data set, transform, order */
    int64_t *order;
    size_t map[EVALUATION_MAX_INPUTS];
};

static int fill(void *context, size_t input, int64_t b, void *out,
                struct error *err)
{
    const struct samples *s = context;
    const struct graph *graph = s->instance;
    (void)err;
    evaluation_fill_input(&s->evaluation, &graph->values[graph->inputs[input]],
                          s->map[input], b * graph->batch, graph->batch, out);
    return 0;
}

static int samples_init(struct samples *s, struct trace_source *source,
                        const struct reconstruct_order *order,
                        struct error *err)
{
    const struct setup *setup = order->setup;
    const struct dataset *data = order->data;
    struct rng rng;
    *s = (struct samples){.instance = setup->eval_graph};
    if (s->instance->input_count > EVALUATION_MAX_INPUTS)
        return error_set(err, ERROR_UNSUPPORTED, "found %zu inputs",
                         s->instance->input_count);
    size_t count = (size_t)dataset_count(data);
    if (evaluation_match(s->instance, data, s->map, err) < 0)
        return -1;
    s->order = array_create(count, sizeof *s->order);
    if (!s->order)
        return error_memory(err, count * sizeof *s->order);
    rng_init(&rng, session_options(setup->session)->seed);
    rng_permutation(&rng, s->order, count);
    s->evaluation = (struct evaluation){
        .dataset = data,
        .transform = *session_transform(setup->session),
        .order = s->order,
        .samples = (int64_t)count,
    };
    int64_t bytes = reconstruct_batch_bytes(s->instance);
    int64_t batches =
        (order->samples ? order->samples : SAMPLES) / s->instance->batch;
    int64_t here = (int64_t)count / s->instance->batch;
    int64_t room = bytes > 0 ? memory_bytes / bytes : batches;
    batches = batches < room ? batches : room;
    batches = batches > LEAST_BATCHES ? batches : LEAST_BATCHES;
    source->batches = batches < here ? batches : here > 0 ? here : 1;
    source->fill = fill;
    source->context = s;
    return 0;
}

static int run_pool(void *owner, int64_t count, parallel_piece *piece,
                    void *context, struct error *err)
{
    const struct reconstruct_order *order = owner;
    const struct pool_task task = {count, piece, context};
    return pool_run_lending(order->pool, &task, &order->lender, err);
}

/* The new weights with the masks that were found. */
static int gather(struct weights **out, double *removed,
                  const struct reconstruct_order *order,
                  const struct reconstruct_request *request,
                  const struct reconstruct_result *result, struct error *err)
{
    size_t count = request->layers->count;
    double gone = 0, total = 0;
    struct bitmask *masks = array_create(count + 1, sizeof *masks);
    if (!masks)
        return error_memory(err, count * sizeof *masks);
    for (size_t i = 0; i < count; i++) {
        masks[i] =
            result->masks[i].words ? result->masks[i] : request->masks[i];
        total += (double)request->layers->layers[i].weights;
        if (masks[i].words)
            gone += (double)(masks[i].bits - bitmask_count(&masks[i]));
    }
    const struct weights_parts parts = {
        .graph = session_graph(order->setup->session),
        .base = order->weights,
        .count = result->count,
        .ids = result->ids,
        .tensors = result->tensors,
        .layers = request->layers,
        .masks = masks,
        .decisions = request->decisions,
    };
    if (removed)
        *removed = total > 0 ? gone / total : 0;
    int code = weights_create(out, &parts, err);
    free(masks);
    return code;
}

static int fit(struct weights **out, double *removed,
               struct reconstruct_request *request,
               const struct reconstruct_order *order, struct error *err)
{
    struct mask_set masks;
    struct reconstruct_result result = {0};
    const struct mask_source source = {
        .graph = request->start,
        .layers = request->layers,
        .decisions = request->decisions,
        .weights = order->weights,
        .calibrator = session_calibrator(order->setup->session),
    };
    if (mask_set_init(&masks, &source, err) < 0)
        return -1;
    request->masks = masks.masks;
    request->removal =
        (struct removal){masks.labels, masks.blocks, masks.order};
    int code = reconstruct(&result, request, err);
    if (code == 0)
        code = gather(out, removed, order, request, &result, err);
    reconstruct_result_release(&result);
    mask_set_release(&masks);
    return code;
}

int reconstruct_run(struct weights **out, struct decision *decisions,
                    double *removed, const struct reconstruct_order *order,
                    struct error *err)
{
    const struct setup *setup = order->setup;
    struct reconstruct_order own = *order; /* the pool's owner */
    struct samples samples = {0};
    struct graph *start = NULL;
    struct reconstruct_request request = {
        .instance = setup->eval_graph,
        .layers = session_layers(setup->session),
        .decisions = decisions,
        .chosen = order->chosen,
        .method = order->method,
        .parallel = {pool_workers(order->pool), run_pool, &own},
        .cancel = order->cancel,
        .progress = order->progress,
        .progress_context = order->context,
    };
    int code = weights_apply(&start, setup->eval_graph, order->weights, err);
    request.start = start;
    if (code == 0)
        code = samples_init(&samples, &request.source, order, err);
    if (code == 0 && order->distribute)
        code = allocate_error(decisions, &request, order->share, err);
    if (code == 0)
        code = fit(out, removed, &request, order, err);
    graph_drop(start);
    free(samples.order);
    return code;
}
