/*
 * The errors of layers add up about evenly where each is a share of the
 * layer's output behind its batch norm, so one ranking of the shares per
 * weight serves all layers (a lower convex hull of each layer's curve: the
 * increases of a trace hardly ever fall).
 */
#include "prune/allocate_error.h"

#include "base/array.h"
#include "prune/criteria.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct curve {
    double *increases; /* non-decreasing shares, one per weight; owned */
    int64_t count;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int make_curve(struct curve *curve, const struct trace *trace,
                      const struct layer *layer,
                      const struct reconstruct_request *request,
                      struct error *err)
{
    struct fit fit = {0};
    size_t count = (size_t)layer->weights;
    float *costs = array_create(count, sizeof *costs);
    curve->increases = array_create(count, sizeof *curve->increases);
    int result =
        costs && curve->increases
            ? fit_own_outputs(&fit, trace, layer, request->damping, err)
            : error_memory(err, count * sizeof *curve->increases);
    if (!result)
        result = fit_costs(&fit, costs, err);
    for (size_t i = 0; !result && i < count; i++)
        curve->increases[i] = (double)costs[i];
    if (!result) {
        curve->count = layer->weights;
        qsort(curve->increases, count, sizeof *curve->increases, compare);
    }
    fit_release(&fit);
    free(costs);
    return result;
}

/* Up to where all curves together have `remove` increases. */
static double find_cut(const struct curve *curves, size_t count, int64_t remove,
                       struct error *err)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += curves[i].count;
    double *all = array_create((size_t)total + 1, sizeof *all);
    if (!all) {
        error_memory(err, (size_t)total * sizeof *all);
        return NAN;
    }
    total = 0;
    for (size_t i = 0; i < count; i++) {
        if (curves[i].count)
            memcpy(all + total, curves[i].increases,
                   (size_t)curves[i].count * sizeof *all);
        total += curves[i].count;
    }
    qsort(all, (size_t)total, sizeof *all, compare);
    double cut = remove > 0 ? all[remove - 1] : -1;
    free(all);
    return cut;
}

static int distribute(struct decision *decisions, const struct curve *curves,
                      size_t count, double share, struct error *err)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += curves[i].count;
    int64_t remove = decision_units(share, total);
    double cut = find_cut(curves, count, remove, err);
    if (isnan(cut))
        return -1;
    int64_t *taken = array_create(count, sizeof *taken);
    if (!taken)
        return error_memory(err, count * sizeof *taken);
    int64_t left = remove;
    for (size_t i = 0; i < count; i++) {
        while (taken[i] < curves[i].count &&
               curves[i].increases[taken[i]] < cut)
            taken[i]++;
        left -= taken[i];
    }
    for (size_t i = 0; i < count; i++) /* ties, in the order of layers */
        for (; left > 0 && taken[i] < curves[i].count &&
               curves[i].increases[taken[i]] <= cut;
             left--)
            taken[i]++;
    for (size_t i = 0; i < count; i++) {
        if (!curves[i].count)
            continue;
        int64_t most = curves[i].count - (share < 1);
        struct choice choice = {
            .structure = &structure_weight,
            .criterion = decisions[i].criterion ? decisions[i].criterion
                                                : &criterion_magnitude,
            .remove = taken[i] < most ? taken[i] : most,
        };
        decision_put(&decisions[i], &choice);
    }
    free(taken);
    return 0;
}

static int visit(struct curve *curves, struct trace *trace, int node,
                 const struct reconstruct_request *request, struct error *err)
{
    const struct layer_table *layers = request->layers;
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *layer = &layers->layers[i];
        if (layer->node != node || !layer->prunable ||
            (request->chosen && !request->chosen[i]) ||
            hessian_serves(trace->dense, layer, NULL) < 0)
            continue;
        if (request->progress &&
            request->progress(request->progress_context, layer->name, (int)i,
                              (int)layers->count, err) < 0)
            return -1;
        if (make_curve(&curves[i], trace, layer, request, err) < 0)
            return error_prefix(err, "layer '%s'", layer->name);
    }
    if (trace_run(trace, node, TRACE_DENSE, err) < 0)
        return -1;
    trace_pass(trace, node);
    return 0;
}

int allocate_error(struct decision *decisions,
                   const struct reconstruct_request *request, double share,
                   struct error *err)
{
    size_t count = request->layers->count;
    const struct graph *graph = request->instance;
    struct trace trace;
    struct curve *curves = array_create(count, sizeof *curves);
    if (!curves)
        return error_memory(err, count * sizeof *curves);
    int result = trace_init(&trace, graph, NULL, &request->source,
                            &request->parallel, request->cancel, true, err);
    if (!result) {
        for (size_t i = 0; i < graph->node_count && !result; i++)
            if (!graph->folded || !graph->folded[i])
                result = visit(curves, &trace, (int)i, request, err);
        trace_release(&trace);
    }
    if (!result)
        result = distribute(decisions, curves, count, share, err);
    for (size_t i = 0; i < count; i++)
        free(curves[i].increases);
    free(curves);
    return result;
}
