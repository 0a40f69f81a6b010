#include "engine/bench.h"

#include "base/array.h"
#include "engine/setup.h"
#include "measure/latency.h"

#include <stdlib.h>

static int layer_of_node(const struct layer_table *layers, int node)
{
    for (size_t i = 0; i < layers->count; i++) {
        if (layers->layers[i].node == node)
            return (int)i;
    }
    return -1;
}

static int describe_step(struct bench_step *out, const struct setup *setup,
                         const struct graph *graph,
                         const struct layer_result *results,
                         const struct plan_step *step)
{
    const struct layer_table *layers = session_layers(setup->session);
    bool node = step->node >= 0 && !step->reorder;
    out->layer = node ? layer_of_node(layers, step->node) : -1;
    const char *name = node ? graph->nodes[step->node].name : "";
    if (out->layer >= 0) {
        const struct layer_result *result = &results[out->layer];
        name = layers->layers[out->layer].name;
        if (result->weights > 0)
            out->sparsity =
                1 - (double)result->nonzeros / (double)result->weights;
    }
    out->name = string_copy(name);
    out->op = string_copy(node ? graph->nodes[step->node].type : "reorder");
    out->kernel = string_copy(step->kernel ? step->kernel : "");
    out->sparse = step->sparse;
    return out->name && out->op && out->kernel ? 0 : -1;
}

static int describe(struct bench *bench, const struct setup *setup,
                    const struct crew *crew, const struct latency *latency,
                    struct error *err)
{
    const struct plan *plan = crew_plan(crew);
    const struct graph *graph = plan_instance(plan);
    bench->batch = graph->batch * crew_parts(crew);
    bench->threads = setup->options.latency_threads;
    bench->latency_ms = latency->run_ms;
    bench->runs = latency->runs;
    bench->noise = latency->noise;
    bench->arena_bytes = plan_arena_bytes(plan);
    bench->packed_bytes = plan_packed_bytes(plan);
    struct layer_result *results = setup_layers(setup, graph);
    bench->steps = array_create(latency->steps, sizeof *bench->steps);
    int code = results && bench->steps ? 0 : -1;
    for (size_t i = 0; i < latency->steps && code == 0; i++) {
        struct plan_step step = plan_step_at(plan, i);
        bench->steps[i].ms = latency->step_ms[i];
        bench->count = i + 1;
        code = describe_step(&bench->steps[i], setup, graph, results, &step);
    }
    free(results);
    return code < 0 ? error_memory(err, sizeof *bench->steps) : 0;
}

int engine_bench(struct bench *bench, const struct session *session,
                 const struct variant *variant,
                 const struct engine_options *options,
                 const struct cancel *cancel, struct error *err)
{
    *bench = (struct bench){0};
    struct setup setup;
    struct mask_set masks = {0};
    struct crew *crew = NULL;
    struct latency latency = {0};
    int code = -1;
    if (setup_init(&setup, session, options, err) < 0)
        return -1;
    if (session_masks(session, variant, NULL, NULL, &masks, err) < 0 ||
        setup_crew(&setup, &crew, variant, &masks, NULL, cancel, err) < 0)
        goto out;
    struct latency_protocol protocol = latency_protocol_bench();
    if (latency_measure(&latency, crew, &protocol, cancel, err) < 0)
        goto out;
    code = describe(bench, &setup, crew, &latency, err);
    if (code < 0)
        bench_release(bench);
out:
    latency_release(&latency);
    crew_destroy(crew);
    mask_set_release(&masks);
    setup_release(&setup);
    return code;
}

void bench_release(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        free(bench->steps[i].name);
        free(bench->steps[i].op);
        free(bench->steps[i].kernel);
    }
    free(bench->steps);
    *bench = (struct bench){0};
}
