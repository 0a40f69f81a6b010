/* Amounts by measured errors: against a ranking made here, and as they must be
 * whatever the errors are. */
#include "base/array.h"
#include "dataset/dataset.h"
#include "exec_fixture.h"
#include "prune/allocate_error.h"
#include "prune/criteria.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 16, BATCHES = 4, CHOSEN = 2, LAYERS = 4 };
static const struct transform transform = {255, 1, {0.2860}, {0.3530}, ""};

static int fill_images(void *context, size_t input, int64_t b, void *out,
                       struct error *err)
{
    (void)err;
    dataset_read(context, input, &transform, DTYPE_FLOAT32, b * BATCH, NULL,
                 BATCH, out);
    return 0;
}

struct fixture {
    struct graph *graph;
    struct layer_table layers;
    struct dataset *data;
    bool chosen[LAYERS]; /* LeNet-5's convolutions */
    struct decision decisions[LAYERS];
    struct reconstruct_request request;
};

static void fixture_init(struct fixture *f, struct graph *graph)
{
    const struct dataset_options train = {.split = "train"};
    *f = (struct fixture){.graph = graph, .chosen = {true, true}};
    assert_int_equal(
        dataset_open(&f->data, "data/fashion-mnist-sample", &train, NULL), 0);
    assert_int_equal(layer_table_init(&f->layers, f->graph, NULL), 0);
    assert_int_equal(f->layers.count, LAYERS);
    for (int i = 0; i < LAYERS; i++)
        f->decisions[i] = decision_dense();
    f->request = (struct reconstruct_request){
        .instance = f->graph,
        .layers = &f->layers,
        .chosen = f->chosen,
        .source = {BATCHES, fill_images, f->data},
        .parallel = parallel_none,
    };
}

static void fixture_release(struct fixture *f)
{
    layer_table_release(&f->layers);
    dataset_close(f->data);
    graph_drop(f->graph);
}

static void share_out(struct fixture *f, double share)
{
    struct error err = {0};
    if (allocate_error(f->decisions, &f->request, share, &err) < 0)
        fail_msg("%s", err.message);
}

/* A layer's increases as shares of its output, ascending; owned. */
static double *increases_of(const struct fixture *f, size_t row, int64_t *count)
{
    struct trace trace;
    struct fit fit;
    const struct layer *layer = &f->layers.layers[row];
    assert_int_equal(trace_init(&trace, f->graph, NULL, &f->request.source,
                                &parallel_none, NULL, true, NULL),
                     0);
    for (int i = 0; i < layer->node; i++)
        if (!f->graph->folded[i])
            assert_int_equal(trace_run(&trace, i, TRACE_DENSE, NULL), 0);
    assert_int_equal(fit_own_outputs(&fit, &trace, layer, 0, NULL), 0);
    double *list = fit_increases(&fit, count, NULL);
    for (int64_t i = 0; i < *count; i++)
        list[i] /= fit.total;
    fit_release(&fit);
    trace_release(&trace);
    return list;
}

static void what_costs_least_over_all_layers_falls(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.3, 0.62, 0.9};
    struct fixture f;
    double *lists[CHOSEN];
    int64_t counts[CHOSEN];
    fixture_init(&f, exec_model("lenet5", BATCH));
    for (size_t i = 0; i < CHOSEN; i++)
        lists[i] = increases_of(&f, i, &counts[i]);
    for (size_t s = 0; s < ARRAY_LENGTH(shares); s++) {
        int64_t remove = decision_units(shares[s], counts[0] + counts[1]);
        int64_t at[CHOSEN] = {0, 0};
        share_out(&f, shares[s]);
        while (at[0] + at[1] < remove) { /* a merge of two sorted lists */
            bool first =
                at[1] == counts[1] ||
                (at[0] < counts[0] && lists[0][at[0]] <= lists[1][at[1]]);
            at[first ? 0 : 1]++;
        }
        assert_int_equal(f.decisions[0].remove + f.decisions[1].remove, remove);
        /* Equal increases may fall in either layer. */
        assert_true(llabs(f.decisions[0].remove - at[0]) <= 2);
        assert_true(decision_is_dense(&f.decisions[2]));
        assert_true(decision_is_dense(&f.decisions[3]));
    }
    for (size_t i = 0; i < CHOSEN; i++)
        free(lists[i]);
    fixture_release(&f);
}

static void no_layer_loses_everything(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, exec_model("lenet5", BATCH));
    share_out(&f, 0.9999);
    for (size_t i = 0; i < CHOSEN; i++)
        assert_true(f.decisions[i].remove < f.layers.layers[i].weights);
    f.chosen[1] = false;
    f.decisions[1] = decision_dense();
    share_out(&f, 0.5);
    assert_int_equal(f.decisions[0].remove, f.layers.layers[0].weights / 2);
    assert_true(decision_is_dense(&f.decisions[1]));
    fixture_release(&f);
}

/* Errors are shares of what a layer gives: a layer that gives ten times as
 * much, and so does not change what follows a scale, loses as many. */
static void the_scale_of_a_layer_does_not_count(void **state)
{
    (void)state;
    struct fixture f, g;
    struct graph *scaled;
    struct tensor weight;
    fixture_init(&f, exec_model("lenet5", BATCH));
    int id = f.layers.layers[1].weight;
    const struct tensor *own = &f.graph->values[id].constant;
    assert_int_equal(tensor_init(&weight, DTYPE_FLOAT32, &own->shape, NULL), 0);
    for (int64_t i = 0; i < tensor_elements(own); i++)
        ((float *)weight.data)[i] = 8 * ((const float *)own->data)[i];
    assert_int_equal(
        graph_with_constants(&scaled, f.graph, 1, &id, &weight, NULL), 0);
    tensor_release(&weight);
    fixture_init(&g, scaled);
    share_out(&f, 0.7);
    share_out(&g, 0.7);
    for (size_t i = 0; i < CHOSEN; i++)
        assert_int_equal(f.decisions[i].remove, g.decisions[i].remove);
    fixture_release(&g);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_costs_least_over_all_layers_falls),
        cmocka_unit_test(no_layer_loses_everything),
        cmocka_unit_test(the_scale_of_a_layer_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
