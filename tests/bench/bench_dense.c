/*
 * Whole models: dense kernels against the planner's choice on the same
 * weights, 90 % of every convolution and product pruned by magnitude. Prints
 * a row per model, batch and number of threads:
 *
 *   model,batch,threads,sparsity,dense_ms,p10_ms,p90_ms,auto_ms,p10_ms,
 *   p90_ms,ratio,sparse_steps,plan_ms,replan_ms
 *
 * Times are per image; both plans run in turn (A B A B). plan_ms is a first
 * plan with all its measurements, replan_ms the one after an edit.
 *
 * bench_dense [MODEL [steps]] runs data/MODEL.onnx, and prints each step of
 * the chosen plan behind a '#'.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "base/stats.h"
#include "exec/plan.h"
#include "onnx/model.h"
#include "op/instance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UPS = 5, RUNS = 41, MAX_LAYERS = 256, MAX_STEPS = 512 };

static const double sparsity = 0.9;

/* One plan that is timed. */
struct side {
    struct plan *plan;
    struct runner *runner;
    double ms[RUNS];
    int64_t step_ns[MAX_STEPS];
    double made_ms;
};

static int ascending(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int prune(struct tensor *out, const struct tensor *from,
                 struct error *err)
{
    int64_t count = tensor_elements(from);
    const float *data = from->data;
    float *sorted = malloc((size_t)count * sizeof *sorted);
    if (sorted == NULL || tensor_init(out, DTYPE_FLOAT32, &from->shape, err)) {
        free(sorted);
        return error_memory(err, (size_t)count * sizeof *sorted);
    }
    for (int64_t i = 0; i < count; i++)
        sorted[i] = fabsf(data[i]);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    float threshold = sorted[(int64_t)(sparsity * (double)(count - 1))];
    for (int64_t i = 0; i < count; i++)
        ((float *)out->data)[i] = fabsf(data[i]) > threshold ? data[i] : 0;
    free(sorted);
    return 0;
}

/* The model for `batch` with every layer pruned. */
static int open_model(struct graph **out, const char *path, int64_t batch,
                      struct error *err)
{
    struct onnx_model *model = NULL;
    struct graph *graph = NULL;
    int ids[MAX_LAYERS], status = -1;
    struct tensor tensors[MAX_LAYERS];
    size_t count = 0;
    if (onnx_open(&model, path, err) ||
        op_instantiate(&graph, onnx_graph(model), batch, err))
        goto out;
    for (size_t i = 0; i < graph->node_count && count < MAX_LAYERS; i++) {
        const struct node *node = &graph->nodes[i];
        if (strcmp(node->type, "Conv") != 0 && strcmp(node->type, "Gemm") != 0)
            continue;
        ids[count] = node->inputs[1];
        if (prune(&tensors[count], &graph->values[node->inputs[1]].constant,
                  err))
            goto out;
        count++;
    }
    status = graph_with_constants(out, graph, count, ids, tensors, err);
out:
    for (size_t i = 0; i < count; i++)
        tensor_release(&tensors[i]);
    graph_drop(graph);
    onnx_close(model);
    return status;
}

static void fill(struct side *side, const struct graph *graph)
{
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *value = &graph->values[graph->inputs[i]];
        float *data = runner_input(side->runner, i);
        for (int64_t k = 0; k < shape_elements(&value->shape); k++)
            data[k] = (float)rng_normal(&rng);
    }
}

static int open_side(struct side *side, const struct graph *graph,
                     struct plan_options *options, struct error *err)
{
    int64_t start = clock_now_ns();
    if (plan_create(&side->plan, graph, options, err) ||
        runner_create(&side->runner, side->plan, err))
        return -1;
    side->made_ms = (double)(clock_now_ns() - start) * 1e-6;
    fill(side, graph);
    return 0;
}

static void close_side(struct side *side)
{
    runner_destroy(side->runner);
    plan_drop(side->plan);
    *side = (struct side){0};
}

static int time_side(struct side *side, int run, double images,
                     struct error *err)
{
    size_t steps = plan_step_count(side->plan);
    int64_t start = clock_now_ns();
    if (runner_run(side->runner, 0, steps, NULL, NULL, err))
        return -1;
    if (run >= 0)
        side->ms[run] = (double)(clock_now_ns() - start) * 1e-6 / images;
    return 0;
}

static void print_steps(struct side *side, const struct graph *graph)
{
    size_t steps = plan_step_count(side->plan);
    if (steps > MAX_STEPS ||
        runner_run(side->runner, 0, steps, NULL, side->step_ns, NULL))
        return;
    for (size_t i = 0; i < steps; i++) {
        struct plan_step step = plan_step_at(side->plan, i);
        printf("# %-32s %-36s %9.1f us, expected %9.1f\n",
               graph->nodes[step.node].name, step.kernel,
               (double)side->step_ns[i] * 1e-3, step.expected_ns * 1e-3);
    }
}

static void print_row(const char *name, int64_t batch, int threads,
                      struct side *dense, struct side *chosen, double replan_ms)
{
    struct stats_summary a = stats_summarise(dense->ms, RUNS);
    struct stats_summary b = stats_summarise(chosen->ms, RUNS);
    int sparse = 0;
    for (size_t i = 0; i < plan_step_count(chosen->plan); i++)
        sparse += plan_step_at(chosen->plan, i).sparse;
    printf("%s,%lld,%d,%.2f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.2f,%d,%.1f,%.2f\n",
           name, (long long)batch, threads, sparsity, a.median, a.p10, a.p90,
           b.median, b.p10, b.p90, a.median / b.median, sparse, chosen->made_ms,
           replan_ms);
}

static int bench(const char *name, int64_t batch, int threads, bool steps,
                 struct timing *timing, struct error *err)
{
    char path[256];
    struct graph *graph = NULL;
    static struct side dense, chosen, again; /* large: off the stack */
    struct plan_options options = {.kernels = PLAN_KERNELS_DENSE,
                                   .threads = threads,
                                   .isa = cpu_isa_detect(),
                                   .timing = timing};
    int status = -1;
    snprintf(path, sizeof path, "data/%s.onnx", name);
    if (open_model(&graph, path, batch, err) ||
        open_side(&dense, graph, &options, err))
        goto out;
    options.kernels = PLAN_KERNELS_AUTO;
    if (open_side(&chosen, graph, &options, err))
        goto out;
    options.previous = chosen.plan;
    if (open_side(&again, graph, &options, err))
        goto out;
    for (int i = -WARM_UPS; i < RUNS; i++)
        if (time_side(&dense, i, (double)batch, err) ||
            time_side(&chosen, i, (double)batch, err))
            goto out;
    print_row(name, batch, threads, &dense, &chosen, again.made_ms);
    if (steps)
        print_steps(&chosen, graph);
    status = 0;
out:
    close_side(&dense);
    close_side(&chosen);
    close_side(&again);
    graph_drop(graph);
    return status;
}

int main(int argc, char **argv)
{
    static const char *const models[] = {"mlp", "lenet5", "resnet20",
                                         "mobilenet"};
    static const struct {
        int64_t batch;
        int threads;
    } cases[] = {{1, 1}, {1, 2}, {16, 1}, {64, 1}, {64, 2}};
    struct error err = {0};
    struct timing *timing = NULL;
    int status = timing_create(&timing, &err);
    printf("model,batch,threads,sparsity,dense_ms,p10_ms,p90_ms,auto_ms,"
           "p10_ms,p90_ms,ratio,sparse_steps,plan_ms,replan_ms\n");
    for (size_t m = 0; m < sizeof models / sizeof *models && !status; m++) {
        if (argc > 1 && strcmp(argv[1], models[m]) != 0)
            continue;
        for (size_t i = 0; i < sizeof cases / sizeof *cases && !status; i++)
            status = bench(models[m], cases[i].batch, cases[i].threads,
                           argc > 2, timing, &err);
    }
    timing_destroy(timing);
    if (status)
        fprintf(stderr, "bench_dense: %s\n", err.message);
    return status ? 1 : 0;
}
