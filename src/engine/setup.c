#include "engine/setup.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/rng.h"
#include "exec/parallel.h"
#include "exec/timing.h"
#include "op/instance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Small enough for activations to stay in the cache and for the first figure
 * to come soon. Samples per second on one thread, batch 16 / 32 / 64:
 * ResNet-20 1846 / 1851 / 1716, at 90 % sparsity 2263 / 2318 / 1743,
 * MobileNet 620 / 511 / 441, LeNet-5 15773 / 5295 / 5335. */
enum { EVAL_BATCH = 16 };

/* Multiplications of a batch: some 0.1 s, in which the cache is no matter any
 * more but who edits waits for a figure. ResNet-18 at 224x224, 32 samples on
 * two workers, batch 16 / 4 / 1: 338 / 290 / 342 ms, the first figure after
 * 325 / 72 / 53. */
#define EVAL_MACS 8e9

/* Images that sparse kernels take together. */
enum { SPARSE_PART = 16 };

/* Packed weights of networks for which one thread is tried beside several. */
enum { SMALL_BYTES = 1 << 24, TRIAL_ROUNDS = 5, TRIAL_RUNS = 12 };

static const struct {
    const char *name;
    enum plan_kernels kernels;
} kernel_names[] = {
    {"auto", PLAN_KERNELS_AUTO},
    {"dense", PLAN_KERNELS_DENSE},
    {"sparse", PLAN_KERNELS_SPARSE},
    {"reference", PLAN_KERNELS_REFERENCE},
};

int setup_kernels(enum plan_kernels *kernels, const char *name,
                  struct error *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kernel_names); i++) {
        if (!name || strcmp(name, kernel_names[i].name) == 0) {
            *kernels = kernel_names[i].kernels;
            return 0;
        }
    }
    return error_set(err, ERROR_USAGE,
                     "kernels '%s', expected auto, dense or sparse", name);
}

int setup_instance(struct graph **out, const struct session *session,
                   int64_t batch, struct error *err)
{
    const struct graph *model = onnx_graph(session_model(session));
    struct error first = {0};
    if (op_instantiate(out, model, batch, &first) == 0)
        return 0;
    int64_t declared = model->declared_batch > 0 ? model->declared_batch : 1;
    if ((first.code == ERROR_UNSUPPORTED || first.code == ERROR_SHAPE) &&
        declared != batch)
        return op_instantiate(out, model, declared, err);
    if (err)
        *err = first;
    return -1;
}

static int64_t choose_batch(const struct setup *setup)
{
    const struct layer_table *layers = session_layers(setup->session);
    int64_t batch = EVAL_BATCH;
    double macs = 0;
    for (size_t i = 0; i < layers->count; i++)
        macs += (double)layers->layers[i].macs;
    while (batch > 1 && macs * (double)batch > EVAL_MACS)
        batch /= 2;
    return batch;
}

static int init_evaluation(struct setup *setup, struct error *err)
{
    const struct dataset *dataset = session_dataset(setup->session);
    if (!dataset)
        return 0;
    int64_t wanted = setup->options.eval_batch > 0 ? setup->options.eval_batch
                                                   : choose_batch(setup);
    if (setup_instance(&setup->eval_graph, setup->session, wanted, err) < 0)
        return -1;
    setup->samples = dataset_count(dataset);
    setup->batch = setup->eval_graph->batch;
    setup->batches = (setup->samples + setup->batch - 1) / setup->batch;
    setup->metric =
        dataset_classes(dataset) > 0 ? METRIC_TOP1 : METRIC_FIDELITY;
    size_t n = (size_t)setup->samples;
    setup->order = array_create(n, sizeof *setup->order);
    if (setup->metric == METRIC_FIDELITY)
        setup->labels = array_create(n, sizeof *setup->labels);
    if (!setup->order || (setup->metric == METRIC_FIDELITY && !setup->labels))
        return error_memory(err, n * sizeof *setup->order);
    struct rng rng;
    rng_init(&rng, session_options(setup->session)->seed);
    rng_permutation(&rng, setup->order, n);
    return 0;
}

/* As setup_instance; shared where it is the one of one sample. */
static int share_instance(struct graph **out, struct setup *setup,
                          int64_t batch, struct error *err)
{
    if (batch != setup->cost_graph->batch)
        return setup_instance(out, setup->session, batch, err);
    *out = graph_retain(setup->cost_graph);
    return 0;
}

static int init_latency(struct setup *setup, struct error *err)
{
    int64_t batch = setup->options.latency_batch;
    int threads = setup->options.latency_threads;
    int64_t part = crew_part(setup->cost_graph, batch, threads);
    int64_t large = batch % SPARSE_PART == 0 ? SPARSE_PART : part;
    if (share_instance(&setup->latency_graph, setup, part, err) < 0)
        return -1;
    return part < large
               ? share_instance(&setup->sparse_graph, setup, large, err)
               : 0;
}

int setup_init(struct setup *setup, const struct session *session,
               const struct engine_options *options, struct error *err)
{
    *setup = (struct setup){.session = session, .options = *options};
    struct engine_options *o = &setup->options;
    if (o->workers <= 0)
        o->workers = cpu_count();
    if (o->latency_threads <= 0)
        o->latency_threads = 1;
    if (o->latency_batch <= 0)
        o->latency_batch = 1;
    if (setup_kernels(&setup->kernels, o->kernels, err) < 0 ||
        cpu_isa_select(&setup->isa, err) < 0 ||
        timing_create(&setup->timing, err) < 0)
        goto fail;
    if (o->device && device_read(&setup->device, o->device, err) < 0)
        goto fail;
    setup->cost_graph = graph_retain(session_graph(session));
    if (init_latency(setup, err) < 0)
        goto fail;
    if (init_evaluation(setup, err) < 0)
        goto fail;
    return 0;
fail:
    setup_release(setup);
    return -1;
}

void setup_release(struct setup *setup)
{
    graph_drop(setup->eval_graph);
    graph_drop(setup->latency_graph);
    graph_drop(setup->sparse_graph);
    graph_drop(setup->cost_graph);
    timing_destroy(setup->timing);
    device_destroy(setup->device);
    free(setup->order);
    free(setup->labels);
    *setup = (struct setup){0};
}

int setup_masked(const struct setup *setup, struct graph **out,
                 const struct graph *graph, const struct variant *variant,
                 const struct mask_set *masks, struct error *err)
{
    struct graph *own;
    if (weights_apply(&own, graph, variant->weights, err) < 0)
        return -1;
    int result = 0;
    *out = own;
    if (masks) {
        result = mask_set_apply(out, own, session_layers(setup->session), masks,
                                err);
        graph_drop(own);
    }
    return result;
}

struct plan_options setup_plan_options(const struct setup *setup, int threads)
{
    return (struct plan_options){
        .kernels = setup->kernels,
        .threads = threads,
        .isa = setup->isa,
        .timing = setup->timing,
    };
}

int setup_plan(const struct setup *setup, struct plan **out,
               const struct graph *graph, int threads,
               const struct plan *previous, const struct cancel *cancel,
               struct error *err)
{
    struct plan_options options = setup_plan_options(setup, threads);
    options.previous = previous;
    options.cancel = cancel;
    return plan_create(out, graph, &options, err);
}

/* Whether most of what could be pruned is zero. */
static int is_sparse(bool *sparse, const struct setup *setup,
                     const struct graph *graph, struct error *err)
{
    size_t count = session_layers(setup->session)->count;
    struct layer_result *layers = setup_layers(setup, graph);
    int64_t weights = 0, nonzeros = 0;
    if (!layers)
        return error_memory(err, count * sizeof *layers);
    for (size_t i = 0; i < count; i++) {
        weights += layers[i].weights;
        nonzeros += layers[i].nonzeros;
    }
    free(layers);
    *sparse = 2 * nonzeros < weights;
    return 0;
}

int setup_latency(const struct setup *setup, struct graph **out,
                  const struct variant *variant, const struct mask_set *masks,
                  struct error *err)
{
    bool sparse = false;
    if (setup_masked(setup, out, setup->latency_graph, variant, masks, err) < 0)
        return -1;
    if (!setup->sparse_graph)
        return 0;
    int code = is_sparse(&sparse, setup, *out, err);
    if (code == 0 && !sparse)
        return 0;
    graph_drop(*out);
    return code < 0 ? -1
                    : setup_masked(setup, out, setup->sparse_graph, variant,
                                   masks, err);
}

static int make_crew(const struct setup *setup, struct crew **out,
                     const struct graph *graph, int64_t parts, int threads,
                     const struct plan *previous, const struct cancel *cancel,
                     struct error *err)
{
    struct plan *plan = NULL;
    int code = setup_plan(setup, &plan, graph, parts > 1 ? 1 : threads,
                          previous, cancel, err);
    if (code == 0)
        code = crew_create(out, plan, parts, threads, err);
    plan_drop(plan);
    return code;
}

/* The shortest of a few runs; INFINITY when it was cancelled. */
static double shortest_run(struct crew *crew, const struct cancel *cancel)
{
    double best = INFINITY;
    for (int i = 0; i < TRIAL_RUNS; i++) {
        int64_t start = clock_now_ns();
        if (crew_run(crew, cancel, NULL) < 0)
            return INFINITY;
        best = fmin(best, (double)(clock_now_ns() - start));
    }
    return best;
}

/* In turn, so that a slow moment of the machine hits both. */
static bool is_faster(struct crew *alone, struct crew *crew, int threads,
                      const struct cancel *cancel)
{
    double one = INFINITY, several = INFINITY;
    for (int i = 0; i < TRIAL_ROUNDS; i++) {
        one = fmin(one, shortest_run(alone, cancel));
        threads_settle(threads);
        several = fmin(several, shortest_run(crew, cancel));
    }
    return one <= several;
}

/* Steps of a few microseconds are done sooner by one thread than handed to
 * two: of a small network's single part the faster way is kept. */
static int prefer_one_thread(const struct setup *setup, struct crew **crew,
                             const struct graph *graph,
                             const struct plan *previous,
                             const struct cancel *cancel, struct error *err)
{
    const int threads = setup->options.latency_threads;
    struct crew *alone = NULL;
    if (plan_packed_bytes(crew_plan(*crew)) > SMALL_BYTES)
        return 0;
    if (make_crew(setup, &alone, graph, 1, 1, previous, cancel, err) < 0)
        return -1;
    bool faster = is_faster(alone, *crew, threads, cancel);
    crew_destroy(faster ? *crew : alone);
    *crew = faster ? alone : *crew;
    return 0;
}

int setup_crew(const struct setup *setup, struct crew **out,
               const struct variant *variant, const struct mask_set *masks,
               const struct plan *previous, const struct cancel *cancel,
               struct error *err)
{
    struct graph *graph;
    int threads = setup->options.latency_threads;
    *out = NULL;
    if (setup_latency(setup, &graph, variant, masks, err) < 0)
        return -1;
    int64_t parts =
        graph->batch > 0 ? setup->options.latency_batch / graph->batch : 1;
    parts = parts > 1 ? parts : 1;
    int code =
        make_crew(setup, out, graph, parts, threads, previous, cancel, err);
    if (code == 0 && parts == 1 && threads > 1)
        code = prefer_one_thread(setup, out, graph, previous, cancel, err);
    if (code < 0) {
        crew_destroy(*out);
        *out = NULL;
    }
    graph_drop(graph);
    return code;
}

int setup_strata(const struct setup *setup, struct strata **out,
                 const struct outcome *dense, struct error *err)
{
    const struct dataset *dataset = session_dataset(setup->session);
    size_t n = (size_t)setup->samples;
    int64_t *labels = array_create(n, sizeof *labels);
    if (!labels)
        return error_memory(err, n * sizeof *labels);
    for (int64_t i = 0; i < setup->samples; i++)
        labels[i] =
            setup->labels ? setup->labels[i] : dataset_label(dataset, i);
    int code = strata_create(out, dense, labels, setup->samples, setup->batch,
                             session_options(setup->session)->seed, err);
    free(labels);
    return code;
}

struct layer_result *setup_layers(const struct setup *setup,
                                  const struct graph *graph)
{
    const struct layer_table *table = session_layers(setup->session);
    struct layer_result *layers = array_create(table->count, sizeof *layers);
    for (size_t i = 0; layers && i < table->count; i++) {
        const struct value *weight = &graph->values[table->layers[i].weight];
        layers[i] = (struct layer_result){
            .weights = table->layers[i].weights,
            .nonzeros = weight->constant.data ? value_nonzeros(weight) : 0,
            .ms = NAN,
            .dense_ms = NAN,
            .kernel = "",
        };
    }
    return layers;
}
