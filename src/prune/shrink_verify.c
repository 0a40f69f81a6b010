/* Masked equals compacted. */
#include "base/array.h"
#include "base/rng.h"
#include "exec/plan.h"
#include "op/instance.h"
#include "prune/shrink.h"

#include <math.h>
#include <stdlib.h>

/* Of the largest element of an output: sums of other lengths and orders. */
#define TOLERANCE 1e-5

struct side {
    struct graph *model, *instance;
    struct plan *plan;
    struct runner *runner;
};

static void side_release(struct side *side)
{
    runner_destroy(side->runner);
    plan_drop(side->plan);
    graph_drop(side->instance);
    graph_drop(side->model);
}

static int side_init(struct side *side, const struct graph *graph,
                     const struct layer_table *layers,
                     const struct removal *removal, enum shrink_mode mode,
                     enum plan_kernels kernels, const struct cancel *cancel,
                     struct error *err)
{
    struct plan_options options = {
        .kernels = kernels, .threads = 1, .cancel = cancel};
    /* Two samples: a shape that forgot how it grows would be noticed. */
    int64_t batch = graph->declared_batch > 0 ? graph->declared_batch : 2;
    *side = (struct side){0};
    if (cpu_isa_select(&options.isa, err) < 0 ||
        shrink_graph(&side->model, graph, layers, removal, mode, err) < 0 ||
        op_instantiate(&side->instance, side->model, batch, err) < 0 ||
        plan_create(&side->plan, side->instance, &options, err) < 0)
        return -1;
    return runner_create(&side->runner, side->plan, err);
}

static void fill_inputs(const struct side *a, const struct side *b,
                        struct rng *rng)
{
    const struct graph *graph = a->instance;
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *value = &graph->values[graph->inputs[i]];
        int64_t count = shape_elements(&value->shape);
        float *x = runner_input(a->runner, i), *y = runner_input(b->runner, i);
        for (int64_t e = 0; e < count && value->dtype == DTYPE_FLOAT32; e++)
            x[e] = y[e] = (float)rng_normal(rng);
    }
}

static int compare(const struct side *masked, const struct side *compacted,
                   struct error *err)
{
    const struct graph *graph = masked->instance;
    for (size_t o = 0; o < graph->output_count; o++) {
        const struct tensor *a = runner_output(masked->runner, o);
        const struct tensor *b = runner_output(compacted->runner, o);
        const char *name = graph->values[graph->outputs[o]].name;
        if (a->dtype != b->dtype || !shape_equal(&a->shape, &b->shape))
            return error_set(err, ERROR_MISMATCH,
                             "output '%.200s' changes its shape", name);
        double largest = 1e-30, difference = 0;
        int64_t count = tensor_elements(a);
        for (int64_t i = 0; i < count; i++) {
            double x = tensor_number(a, i), y = tensor_number(b, i);
            double d = fabs(x - y);
            largest = fmax(largest, fabs(x));
            if (!(d <= difference)) /* NaN too */
                difference = isnan(x) && isnan(y) ? difference : d;
        }
        if (!(difference <= TOLERANCE * largest))
            return error_set(err, ERROR_MISMATCH,
                             "output '%.200s' of the smaller model differs by "
                             "%.3g of its largest element, expected at most "
                             "%.3g",
                             name, difference / largest, TOLERANCE);
    }
    return 0;
}

static int verify_with(enum plan_kernels kernels, const struct graph *graph,
                       const struct layer_table *layers,
                       const struct removal *removal, int runs, uint64_t seed,
                       const struct cancel *cancel, struct error *err)
{
    struct side masked = {0}, compacted = {0};
    struct rng rng;
    rng_init(&rng, seed);
    int result = side_init(&masked, graph, layers, removal, SHRINK_MASK,
                           kernels, cancel, err);
    if (result == 0)
        result = side_init(&compacted, graph, layers, removal, SHRINK_COMPACT,
                           kernels, cancel, err);
    for (int i = 0; i < runs && result == 0; i++) {
        fill_inputs(&masked, &compacted, &rng);
        if (runner_run(masked.runner, 0, plan_step_count(masked.plan), cancel,
                       NULL, err) < 0 ||
            runner_run(compacted.runner, 0, plan_step_count(compacted.plan),
                       cancel, NULL, err) < 0)
            result = -1;
        else
            result = compare(&masked, &compacted, err);
    }
    side_release(&masked);
    side_release(&compacted);
    return result;
}

int shrink_verify(const struct graph *graph, const struct layer_table *layers,
                  const struct removal *removal, int runs, uint64_t seed,
                  const struct cancel *cancel, struct error *err)
{
    struct error first = {0};
    if (verify_with(PLAN_KERNELS_DENSE, graph, layers, removal, runs, seed,
                    cancel, &first) == 0)
        return 0;
    /* Deep networks amplify the rounding of float sums in another order
     * (ResNet-50 with random weights: 1.2e-5). Sums in double decide. */
    if (first.code == ERROR_MISMATCH)
        return verify_with(PLAN_KERNELS_REFERENCE, graph, layers, removal, 1,
                           seed, cancel, err);
    if (err)
        *err = first;
    return -1;
}
