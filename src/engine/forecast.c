#include "engine/forecast.h"

#include "base/array.h"
#include "exec/workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int forecast_init(struct forecast *forecast, struct error *err)
{
    *forecast = (struct forecast){0};
    return costmodel_create(&forecast->model, err);
}

void forecast_release(struct forecast *forecast)
{
    costmodel_destroy(forecast->model);
    workload_list_release(&forecast->dense);
    graph_drop(forecast->dense_of);
    *forecast = (struct forecast){0};
}

/* The sum of an instance's steps in nanoseconds, each in its fastest way,
 * which is written; 0 when one is like nothing that was measured. */
static double sum_of(const struct costmodel *model, struct workload_list *list,
                     double *times, char *unlike)
{
    double sum = 0;
    for (size_t i = 0; i < list->count; i++) {
        double ns;
        if (!costmodel_best(model, &list->rows[i].workload, &ns)) {
            if (unlike)
                workload_class(&list->rows[i].workload, unlike);
            return 0;
        }
        times[list->rows[i].node] = ns;
        sum += ns;
    }
    return sum;
}

/* The sum in milliseconds and each node's time (owned by the caller). */
static int list_times(double *ms, double **times, const struct costmodel *model,
                      struct workload_list *list, const struct graph *instance,
                      char *unlike, struct error *err)
{
    *times = array_create(instance->node_count + 1, sizeof **times);
    if (!*times)
        return error_memory(err, instance->node_count * sizeof **times);
    *ms = sum_of(model, list, *times, unlike) * 1e-6;
    return 0;
}

int forecast_learn(struct forecast *forecast, const struct crew *crew,
                   const struct latency *latency, struct error *err)
{
    const struct plan *plan = crew_plan(crew);
    struct workload_list list;
    double *times, ms = 0;
    /* Parts run side by side: what a step of one takes was not seen. */
    if (crew_parts(crew) != 1)
        return 0;
    for (size_t i = 0; i < latency->steps; i++) {
        struct workload workload;
        plan_workload(plan, i, &workload);
        if (costmodel_add(forecast->model, &workload, latency->step_ms[i] * 1e6,
                          err) < 0)
            return -1;
    }
    const struct graph *instance = plan_instance(plan);
    if (costmodel_fit(forecast->model, err) < 0 ||
        workload_list_init(&list, instance, plan, err) < 0)
        return -1;
    int code =
        list_times(&ms, &times, forecast->model, &list, instance, NULL, err);
    if (code == 0 && ms > 0)
        forecast->overhead = latency->run_ms.median / ms;
    free(times);
    workload_list_release(&list);
    return code;
}

static void take_layers(struct result *result, const struct workload_list *list,
                        const double *times, const struct layer_table *layers)
{
    for (size_t i = 0; i < layers->count && i < result->layer_count; i++) {
        struct layer_result *layer = &result->layers[i];
        for (size_t r = 0; r < list->count; r++) {
            if (list->rows[r].node != layers->layers[i].node)
                continue;
            layer->ms = times[list->rows[r].node] * 1e-6;
            layer->sparse_kernel =
                list->rows[r].workload.method == WORKLOAD_SPARSE;
            layer->kernel = layer->sparse_kernel ? "sparse" : "dense";
        }
    }
}

static struct stats_summary exactly(double ms)
{
    return (struct stats_summary){.median = ms,
                                  .p10 = ms,
                                  .p90 = ms,
                                  .minimum = ms,
                                  .maximum = ms,
                                  .mean = ms};
}

/* list  of the instance; each row gets its fastest way */
static int take_times(struct result *result, const struct costmodel *model,
                      double overhead, struct workload_list *list,
                      const struct graph *instance,
                      const struct layer_table *layers, char *unlike,
                      struct error *err)
{
    double *times, ms = 0;
    if (list_times(&ms, &times, model, list, instance, unlike, err) < 0)
        return -1;
    if (ms > 0) {
        result->latency_ms = exactly(overhead * ms);
        result->latency_predicted = true;
        take_layers(result, list, times, layers);
    }
    free(times);
    return ms > 0 ? 0 : 1;
}

int forecast_times(struct result *result, const struct costmodel *model,
                   double overhead, const struct graph *instance,
                   const struct plan *counted, const struct layer_table *layers,
                   char *unlike, struct error *err)
{
    struct workload_list list;
    if (workload_list_init(&list, instance, counted, err) < 0)
        return -1;
    int code = take_times(result, model, overhead, &list, instance, layers,
                          unlike, err);
    workload_list_release(&list);
    return code;
}

/* As forecast_times; the dense model's zeros are counted once. */
static int dense_times(struct result *result, struct forecast *forecast,
                       const struct graph *dense,
                       const struct layer_table *layers, struct error *err)
{
    struct workload_list list;
    if (forecast->dense_of != dense) {
        workload_list_release(&forecast->dense);
        graph_drop(forecast->dense_of);
        forecast->dense_of = NULL;
        if (workload_list_init(&forecast->dense, dense, NULL, err) < 0)
            return -1;
        forecast->dense_of = graph_retain(dense);
    }
    if (workload_list_copy(&list, &forecast->dense, err) < 0)
        return -1;
    int code =
        take_times(result, forecast->model, 1, &list, dense, layers, NULL, err);
    workload_list_release(&list);
    return code;
}

int forecast_change(struct result *result, struct forecast *forecast,
                    const struct graph *instance, const struct plan *counted,
                    const struct graph *dense, const struct result *baseline,
                    const struct layer_table *layers, struct error *err)
{
    const struct costmodel *model = forecast->model;
    struct result before = {0};
    if (!(forecast->overhead > 0) || !baseline->has_latency)
        return 1;
    if (result_copy(&before, baseline) < 0)
        return error_memory(err, sizeof before);
    int code = dense_times(&before, forecast, dense, layers, err);
    if (code == 0)
        code = forecast_times(result, model, 1, instance, counted, layers, NULL,
                              err);
    if (code == 0) {
        result->dense_latency_ms = baseline->latency_ms;
        result->latency_ms =
            exactly(baseline->latency_ms.median * result->latency_ms.median /
                    before.latency_ms.median);
    }
    for (size_t i = 0; i < result->layer_count && code == 0; i++) {
        struct layer_result *layer = &result->layers[i];
        layer->dense_ms = baseline->layers[i].ms;
        layer->ms *= layer->dense_ms / before.layers[i].ms;
    }
    result_release(&before);
    return code;
}

int setup_device_times(const struct setup *setup, struct result *result,
                       const struct variant *variant,
                       const struct mask_set *masks, struct error *err)
{
    const struct layer_table *layers = session_layers(setup->session);
    const struct device *device = setup->device;
    struct graph *graph;
    char unlike[WORKLOAD_NAME_BYTES] = "";
    /* One run of one sample, as everywhere; larger batches are many. */
    if (setup_masked(setup, &graph, setup->cost_graph, variant, masks, err) < 0)
        return -1;
    int code = forecast_times(result, device->model, 1, graph, NULL, layers,
                              unlike, err);
    graph_drop(graph);
    if (code > 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "device '%s': its profile measured nothing like '%s'",
                         device->info.name, unlike);
    result->has_latency = code == 0;
    snprintf(result->device, sizeof result->device, "%.47s", device->info.name);
    return code;
}
