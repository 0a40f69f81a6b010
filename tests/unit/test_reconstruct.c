#include "base/array.h"
#include "base/rng.h"
#include "dataset/dataset.h"
#include "exec_fixture.h"
#include "prune/batch_norm.h"
#include "prune/criteria.h"
#include "prune/reconstruct.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCHES = 3 };

/* Seeded normal samples, the same whoever asks. */
static int fill(void *context, size_t input, int64_t b, void *out,
                struct error *err)
{
    (void)err;
    const struct graph *graph = context;
    struct rng rng;
    rng_init(&rng, 77 + (uint64_t)b);
    float *to = out;
    int64_t count = shape_elements(&graph->values[graph->inputs[input]].shape);
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)rng_normal(&rng);
    return 0;
}

static struct trace_source source_of(struct graph *graph, int64_t batches)
{
    return (struct trace_source){batches, fill, graph};
}

enum { BATCH = 16 };
static const struct transform transform = {255, 1, {0.2860}, {0.3530}, ""};

/* Images for the example models. */
static int fill_images(void *context, size_t input, int64_t b, void *out,
                       struct error *err)
{
    (void)err;
    dataset_read(context, input, &transform, DTYPE_FLOAT32, b * BATCH, NULL,
                 BATCH, out);
    return 0;
}

static const struct layer *find_layer(const struct layer_table *table,
                                      const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (!strcmp(table->layers[i].name, name))
            return &table->layers[i];
    fail_msg("no layer %s", name);
    return NULL;
}

/* --- statistics --- */

/* Runs both sides up to before `node`. */
static void run_before(struct trace *trace, int node)
{
    for (int i = 0; i < node; i++)
        if (!trace->dense->folded[i])
            assert_int_equal(trace_run(trace, i, TRACE_DENSE, NULL), 0);
}

/* x (columns) of output position (y, x) and its group, from the definition. */
static void vector_at(const struct graph *graph, const struct layer *layer,
                      const float *input, int64_t image, int group, int64_t oy,
                      int64_t ox, double *x)
{
    const struct node *node = &graph->nodes[layer->node];
    const struct shape *in = &graph->values[node->inputs[0]].shape;
    const struct shape *w = &layer->shape;
    const struct attribute *strides = graph_attribute(node, "strides");
    const struct attribute *pads = graph_attribute(node, "pads");
    const struct attribute *dilations = graph_attribute(node, "dilations");
    int64_t c = w->dims[1], kh = w->dims[2], kw = w->dims[3];
    for (int64_t ch = 0; ch < c; ch++)
        for (int64_t ky = 0; ky < kh; ky++)
            for (int64_t kx = 0; kx < kw; kx++) {
                int64_t iy = oy * (strides ? strides->integers[0] : 1) -
                             (pads ? pads->integers[0] : 0) +
                             ky * (dilations ? dilations->integers[0] : 1);
                int64_t ix = ox * (strides ? strides->integers[1] : 1) -
                             (pads ? pads->integers[1] : 0) +
                             kx * (dilations ? dilations->integers[1] : 1);
                bool inside =
                    iy >= 0 && iy < in->dims[2] && ix >= 0 && ix < in->dims[3];
                int64_t channel = group * c + ch;
                *x++ = inside ? (double)input[((image * in->dims[1] + channel) *
                                                   in->dims[2] +
                                               iy) *
                                                  in->dims[3] +
                                              ix]
                              : 0;
            }
}

static void assert_near(double a, double b)
{
    if (fabs(a - b) > 1e-4 * (1 + fabs(b)))
        fail_msg("found %.9g, expected %.9g", a, b);
}

static void check_hessian(const struct trace *trace, const struct layer *layer)
{
    const struct graph *graph = trace->dense;
    const struct node *node = &graph->nodes[layer->node];
    const struct shape *in = &graph->values[node->inputs[0]].shape;
    const struct shape *out = &graph->values[node->outputs[0]].shape;
    struct hessian_target target = {.output = node->outputs[0],
                                    .correction = GRAPH_NONE};
    struct hessian h;
    assert_int_equal(hessian_init(&h, trace, layer, TRACE_DENSE, &target, NULL),
                     0);
    size_t n = (size_t)h.columns, groups = (size_t)h.groups;
    size_t rows = (size_t)h.rows;
    double *second = array_create(groups * n * n, sizeof *second);
    double *cross = array_create(groups * rows * n, sizeof *cross);
    double *first = array_create(groups * n, sizeof *first);
    double *x = array_create(n, sizeof *x);
    const float *input = trace_bytes(trace, node->inputs[0], TRACE_DENSE);
    const float *output = trace_bytes(trace, node->outputs[0], TRACE_DENSE);
    int64_t images = trace->batches * in->dims[0];
    int64_t plane = out->dims[2] * out->dims[3];
    for (int64_t i = 0; i < images * plane * (int64_t)groups; i++) {
        int64_t image = i / plane / (int64_t)groups, at = i % plane;
        size_t g = (size_t)(i / plane) % groups;
        vector_at(graph, layer, input, image, (int)g, at / out->dims[3],
                  at % out->dims[3], x);
        for (size_t j = 0; j < n; j++) {
            first[g * n + j] += x[j];
            for (size_t k = 0; k < n; k++)
                second[(g * n + j) * n + k] += x[j] * x[k];
            for (size_t r = 0; r < rows; r++)
                cross[(g * rows + r) * n + j] +=
                    x[j] * (double)output[(image * out->dims[1] +
                                           (int64_t)(g * rows + r)) *
                                              plane +
                                          at];
        }
    }
    assert_int_equal(h.count, images * plane);
    for (size_t i = 0; i < groups * n * n; i++)
        assert_near(h.second[i], second[i]);
    for (size_t i = 0; i < groups * rows * n; i++)
        assert_near(h.cross[i], cross[i]);
    for (size_t i = 0; i < groups * n; i++)
        assert_near(h.first[i], first[i]);
    free(second);
    free(cross);
    free(first);
    free(x);
    hessian_release(&h);
}

static struct graph *make_convolutions(void)
{
    struct graph *graph = exec_graph();
    exec_constant(graph, "a.weight", 1, 0.5f, 4, (int64_t[]){6, 2, 3, 2});
    exec_constant(graph, "b.weight", 2, 0.5f, 4, (int64_t[]){4, 3, 3, 3});
    exec_constant(graph, "c.weight", 3, 0.5f, 4, (int64_t[]){4, 1, 2, 2});
    exec_constant(graph, "c.bias", 4, 0.5f, 1, (int64_t[]){4});
    exec_node(graph, "Conv", (const char *const[]){"x", "a.weight", NULL}, "a",
              (const char *const[]){"strides=2,1", "pads=1,0,1,1", NULL});
    exec_node(graph, "Conv", (const char *const[]){"a", "b.weight", NULL}, "b",
              (const char *const[]){"group=2", "dilations=2,1", "pads=2,1,2,1",
                                    NULL});
    exec_node(graph, "Conv",
              (const char *const[]){"b", "c.weight", "c.bias", NULL}, "c",
              (const char *const[]){"group=4", NULL});
    return exec_finish(graph, "x", 4, (int64_t[]){2, 2, 9, 7}, "c");
}

static void statistics_of_convolutions_are_their_definition(void **state)
{
    (void)state;
    struct graph *graph = make_convolutions();
    struct layer_table layers;
    struct trace trace;
    struct trace_source source = source_of(graph, BATCHES);
    assert_int_equal(layer_table_init(&layers, graph, NULL), 0);
    assert_int_equal(trace_init(&trace, graph, NULL, &source, &parallel_none,
                                NULL, true, NULL),
                     0);
    run_before(&trace, (int)graph->node_count);
    check_hessian(&trace, find_layer(&layers, "a"));
    check_hessian(&trace, find_layer(&layers, "b"));
    check_hessian(&trace, find_layer(&layers, "c"));
    trace_release(&trace);
    layer_table_release(&layers);
    graph_drop(graph);
}

/* What the whole plan gives is what node after node gives. */
static void trace_gives_what_a_plan_gives(void **state)
{
    (void)state;
    struct graph *graph = exec_model("mobilenet-bn", 4);
    struct trace trace;
    struct trace_source source = source_of(graph, 1);
    assert_int_equal(trace_init(&trace, graph, NULL, &source, &parallel_none,
                                NULL, true, NULL),
                     0);
    for (size_t i = 0; i < graph->node_count; i++)
        if (!graph->folded[i]) {
            assert_int_equal(trace_run(&trace, (int)i, TRACE_DENSE, NULL), 0);
            trace_pass(&trace, (int)i);
        }
    struct plan *plan = exec_plan(graph, PLAN_KERNELS_DENSE, NULL, NULL);
    struct runner *runner;
    assert_int_equal(runner_create(&runner, plan, NULL), 0);
    fill(graph, 0, 0, runner_input(runner, 0), NULL);
    assert_int_equal(
        runner_run(runner, 0, plan_step_count(plan), NULL, NULL, NULL), 0);
    exec_assert_close(trace_bytes(&trace, graph->outputs[0], TRACE_DENSE),
                      runner_output(runner, 0)->data, 40, 1e-4);
    int left = 0;
    for (size_t i = 0; i < graph->value_count; i++)
        left += trace.values[i].bytes[TRACE_DENSE] != NULL;
    assert_int_equal(left, 1); /* the output */
    runner_destroy(runner);
    plan_drop(plan);
    trace_release(&trace);
    graph_drop(graph);
}

/* --- whole models --- */

struct model {
    struct graph *graph;
    struct dataset *train, *test;
    struct layer_table layers;
    struct decision *decisions;
    struct mask_set masks;
    struct reconstruct_request request;
};

/* Every layer that can be pruned loses `share` by magnitude. */
static void model_init(struct model *m, const char *name, double share,
                       const char *method)
{
    static const char path[] = "data/fashion-mnist-sample";
    const struct dataset_options train = {.split = "train"};
    *m = (struct model){.graph = exec_model(name, BATCH)};
    assert_int_equal(dataset_open(&m->train, path, &train, NULL), 0);
    assert_int_equal(dataset_open(&m->test, path, NULL, NULL), 0);
    assert_int_equal(layer_table_init(&m->layers, m->graph, NULL), 0);
    m->decisions = array_create(m->layers.count, sizeof *m->decisions);
    for (size_t i = 0; i < m->layers.count; i++)
        m->decisions[i] = (struct decision){
            .structure = &structure_weight,
            .criterion = &criterion_magnitude,
            .remove = decision_units(share, m->layers.layers[i].weights),
        };
    struct mask_source source = {
        .graph = m->graph, .layers = &m->layers, .decisions = m->decisions};
    assert_int_equal(mask_set_init(&m->masks, &source, NULL), 0);
    m->request = (struct reconstruct_request){
        .instance = m->graph,
        .layers = &m->layers,
        .decisions = m->decisions,
        .masks = m->masks.masks,
        .method = reconstruct_method_find(method),
        .source = {8, fill_images, m->train},
        .parallel = parallel_none,
    };
}

static void model_release(struct model *m)
{
    mask_set_release(&m->masks);
    free(m->decisions);
    dataset_close(m->train);
    dataset_close(m->test);
    layer_table_release(&m->layers);
    graph_drop(m->graph);
}

/* Mean square difference of outputs from the dense model's on test images. */
static double distance(const struct model *m, const struct graph *changed)
{
    enum { TEST_BATCHES = 6, CLASSES = 10 };
    const struct graph *graphs[] = {m->graph, changed};
    float out[2][TEST_BATCHES][BATCH * CLASSES];
    double sum = 0;
    for (int side = 0; side < 2; side++) {
        struct plan *plan =
            exec_plan(graphs[side], PLAN_KERNELS_DENSE, NULL, NULL);
        struct runner *runner;
        assert_int_equal(runner_create(&runner, plan, NULL), 0);
        for (int b = 0; b < TEST_BATCHES; b++) {
            fill_images(m->test, 0, b, runner_input(runner, 0), NULL);
            assert_int_equal(
                runner_run(runner, 0, plan_step_count(plan), NULL, NULL, NULL),
                0);
            memcpy(out[side][b], runner_output(runner, 0)->data,
                   sizeof out[side][b]);
        }
        runner_destroy(runner);
        plan_drop(plan);
    }
    for (int b = 0; b < TEST_BATCHES; b++)
        for (int i = 0; i < BATCH * CLASSES; i++)
            sum += pow((double)out[0][b][i] - (double)out[1][b][i], 2);
    return sum / (TEST_BATCHES * BATCH * CLASSES);
}

static struct graph *masked(const struct model *m, const struct graph *graph,
                            struct bitmask *masks)
{
    struct graph *out;
    struct mask_set set = {.masks = masks, .count = m->layers.count};
    assert_int_equal(mask_set_apply(&out, graph, &m->layers, &set, NULL), 0);
    return out;
}

static double reconstructed(struct model *m, struct reconstruct_result *result)
{
    struct graph *changed;
    assert_int_equal(reconstruct(result, &m->request, NULL), 0);
    assert_int_equal(graph_with_constants(&changed, m->graph, result->count,
                                          result->ids, result->tensors, NULL),
                     0);
    for (size_t i = 0; i < m->layers.count; i++) {
        const struct layer *layer = &m->layers.layers[i];
        if (!result->masks[i].words)
            continue;
        const float *w = changed->values[layer->weight].constant.data;
        assert_int_equal(bitmask_count(&result->masks[i]),
                         layer->weights - m->decisions[i].remove);
        for (int64_t j = 0; j < layer->weights; j++)
            assert_true(bitmask_get(&result->masks[i], (size_t)j) || w[j] == 0);
    }
    struct graph *applied = masked(m, changed, result->masks);
    double error = distance(m, applied);
    graph_drop(applied);
    graph_drop(changed);
    return error;
}

static void reconstruction_brings_outputs_back(void **state)
{
    (void)state;
    /* with batch norm, and folded into convolutions that have a bias */
    static const char *const names[] = {"mobilenet-bn", "mobilenet"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct model m;
        struct reconstruct_result refit, obs;
        model_init(&m, names[i], 0.5, "refit");
        struct graph *plain = masked(&m, m.graph, m.masks.masks);
        double before = distance(&m, plain), with_refit, with_obs;
        graph_drop(plain);
        with_refit = reconstructed(&m, &refit);
        m.request.method = reconstruct_method_find("obs");
        with_obs = reconstructed(&m, &obs);
        assert_true(with_refit < before / 4);
        assert_true(with_obs < before / 4);
        reconstruct_result_release(&refit);
        reconstruct_result_release(&obs);
        model_release(&m);
    }
}

/* Every channel of a folded layer's output has the dense model's mean and
 * deviation over the samples that were measured. */
static void assert_alike(const struct model *m, struct graph *changed,
                         const struct layer *layer)
{
    struct trace trace;
    struct channel_statistics s;
    assert_int_equal(trace_init(&trace, m->graph, changed, &m->request.source,
                                &parallel_none, NULL, false, NULL),
                     0);
    for (int i = 0; i <= layer->node; i++) {
        if (trace.dense->folded[i])
            continue;
        assert_int_equal(trace_run(&trace, i, TRACE_DENSE, NULL), 0);
        if (trace_differs(&trace, i))
            assert_int_equal(trace_run(&trace, i, TRACE_CHANGED, NULL), 0);
    }
    int value = trace.dense->nodes[layer->node].outputs[0];
    assert_int_equal(channel_statistics_measure(&s, &trace, value, NULL), 0);
    int alive = 0;
    for (int64_t c = 0; c < s.channels; c++) {
        double was = sqrt(s.sides[c * TRACE_SIDES].variance);
        double now = sqrt(s.sides[c * TRACE_SIDES + 1].variance);
        assert_true(fabs(s.sides[c * TRACE_SIDES].mean -
                         s.sides[c * TRACE_SIDES + 1].mean) <=
                    1e-4 * (was + 1e-3));
        if (now <= 1e-3 * was)
            continue; /* nothing left to scale */
        assert_true(fabs(now - was) <= 1e-3 * was);
        alive++;
    }
    assert_true(alive > 0);
    channel_statistics_release(&s);
    trace_release(&trace);
}

/* Without fitting a weight; zeros stay zeros. */
static void statistics_are_measured_again(void **state)
{
    (void)state;
    static const char *const names[] = {"mobilenet-bn", "mobilenet"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct model m;
        struct reconstruct_result result;
        struct graph *changed;
        model_init(&m, names[i], 0.5, "recalibrate");
        struct graph *plain = masked(&m, m.graph, m.masks.masks);
        m.request.start = plain;
        assert_int_equal(reconstruct(&result, &m.request, NULL), 0);
        assert_int_equal(graph_with_constants(&changed, plain, result.count,
                                              result.ids, result.tensors, NULL),
                         0);
        struct graph *applied = masked(&m, changed, m.masks.masks);
        /* Masking again changes nothing: what was scaled was masked. */
        assert_true(distance(&m, applied) == distance(&m, changed));
        assert_true(distance(&m, changed) < distance(&m, plain) / 2);
        for (size_t j = 0; j < m.layers.count; j++)
            assert_null(result.masks[j].words);
        if (i == 1) {
            assert_alike(&m, changed, &m.layers.layers[0]);
            assert_alike(&m, changed, &m.layers.layers[5]);
        }
        graph_drop(applied);
        graph_drop(changed);
        graph_drop(plain);
        reconstruct_result_release(&result);
        model_release(&m);
    }
}

static int choose(struct model *m, size_t row, const char *structure,
                  double share)
{
    const struct structure *s = structure_find(structure);
    const struct layer *layer = &m->layers.layers[row];
    int64_t units = structure_units(s, layer);
    struct choice choice = {s, &criterion_magnitude,
                            decision_units(share, units)};
    return units ? decision_choose(m->decisions, &m->layers, row, &choice, NULL)
                 : -1;
}

/* Outputs of what is left of a graph, as the smaller model that is written. */
static double distance_left(const struct model *m, const struct graph *graph,
                            const struct mask_set *set)
{
    struct graph *left;
    assert_int_equal(mask_set_apply(&left, graph, &m->layers, set, NULL), 0);
    double found = distance(m, left);
    graph_drop(left);
    return found;
}

/* Channels, a block and weights go; the rest makes up for them, and masked
 * equals compacted as before. */
static void what_lost_channels_is_reconstructed(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20-bn", "mobilenet"};
    for (size_t n = 0; n < ARRAY_LENGTH(names); n++) {
        struct model m;
        struct reconstruct_result result;
        struct graph *changed;
        int chosen = 0;
        model_init(&m, names[n], 0.3, "obs");
        for (size_t i = 0; i < m.layers.count; i += 2)
            chosen += choose(&m, i, "channel", 0.2) == 0;
        if (n == 0)
            assert_int_equal(
                choose(&m, 5, "layer", 1) | choose(&m, 9, "2:4p", 0.5), 0);
        assert_true(chosen > 3);
        struct mask_source source = {
            .graph = m.graph, .layers = &m.layers, .decisions = m.decisions};
        mask_set_release(&m.masks);
        assert_int_equal(mask_set_init(&m.masks, &source, NULL), 0);
        assert_true(mask_set_shrinks(&m.masks));
        assert_true(n || m.masks.order);
        m.request.masks = m.masks.masks;
        m.request.removal =
            (struct removal){m.masks.labels, m.masks.blocks, m.masks.order};
        double before = distance_left(&m, m.graph, &m.masks);
        assert_int_equal(reconstruct(&result, &m.request, NULL), 0);
        assert_int_equal(graph_with_constants(&changed, m.graph, result.count,
                                              result.ids, result.tensors, NULL),
                         0);
        int fitted = 0;
        for (size_t i = 0; i < m.layers.count; i++) {
            struct bitmask *old = &m.masks.masks[i], *now = &result.masks[i];
            if (!now->words)
                continue;
            /* As many as the smaller layer is to lose. */
            assert_int_equal(bitmask_count(now), bitmask_count(old));
            fitted++;
            bitmask_release(old);
            *old = *now;
            *now = (struct bitmask){0};
        }
        assert_true(fitted > (int)m.layers.count / 2);
        assert_true(distance_left(&m, changed, &m.masks) < before / 4);
        struct error err = {0};
        if (mask_set_verify(&m.masks, changed, &m.layers, NULL, &err) < 0)
            fail_msg("%s", err.message);
        graph_drop(changed);
        reconstruct_result_release(&result);
        model_release(&m);
    }
}

static void wide_layers_are_chosen_column_by_column(void **state)
{
    (void)state;
    struct model m;
    struct reconstruct_result result;
    model_init(&m, "mlp", 0.6, "obs"); /* 784 columns */
    m.request.source.batches = dataset_count(m.train) / BATCH;
    struct graph *plain = masked(&m, m.graph, m.masks.masks);
    double before = distance(&m, plain);
    graph_drop(plain);
    assert_true(reconstructed(&m, &result) < before / 4);
    reconstruct_result_release(&result);
    model_release(&m);
}

/* Only what was asked for is fitted; the rest keeps its masks. */
static void layers_can_be_chosen(void **state)
{
    (void)state;
    struct model m;
    struct reconstruct_result result;
    model_init(&m, "mobilenet-bn", 0.3, "obs");
    bool *chosen = array_create(m.layers.count, sizeof *chosen);
    chosen[2] = true;
    m.request.chosen = chosen;
    assert_int_equal(reconstruct(&result, &m.request, NULL), 0);
    for (size_t i = 0; i < m.layers.count; i++) {
        assert_int_equal(result.masks[i].words != NULL, i == 2);
        assert_int_equal(isnan(result.errors[i]), i != 2);
    }
    reconstruct_result_release(&result);
    free(chosen);
    model_release(&m);
}

static int counting(void *context, const char *layer, int done, int total,
                    struct error *err)
{
    int *calls = context;
    (void)err;
    assert_non_null(layer);
    assert_true(done >= *calls && done <= total);
    *calls = done;
    return 0;
}

static void progress_is_told_and_cancel_ends_it(void **state)
{
    (void)state;
    struct model m;
    struct reconstruct_result result;
    struct cancel cancel = {0};
    int calls = 0;
    model_init(&m, "mobilenet", 0.5, "refit");
    m.request.source.batches = 1;
    m.request.progress = counting;
    m.request.progress_context = &calls;
    m.request.cancel = &cancel;
    assert_int_equal(reconstruct(&result, &m.request, NULL), 0);
    assert_int_equal(calls, (int)m.layers.count - 1); /* when the last began */
    reconstruct_result_release(&result);
    cancel_raise(&cancel);
    struct error err = {0};
    calls = 0;
    assert_int_equal(reconstruct(&result, &m.request, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    model_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_of_convolutions_are_their_definition),
        cmocka_unit_test(trace_gives_what_a_plan_gives),
        cmocka_unit_test(reconstruction_brings_outputs_back),
        cmocka_unit_test(statistics_are_measured_again),
        cmocka_unit_test(what_lost_channels_is_reconstructed),
        cmocka_unit_test(wide_layers_are_chosen_column_by_column),
        cmocka_unit_test(layers_can_be_chosen),
        cmocka_unit_test(progress_is_told_and_cancel_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
