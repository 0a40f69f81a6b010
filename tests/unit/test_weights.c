/* Overlays of weights: what they replace, what they keep, what falls first. */
#include "prune/apply.h"
#include "prune/criteria.h"
#include "prune_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LAYERS = 2, ELEMENTS = 8 };
static const char *const names[LAYERS] = {"conv1", "fc"};
static const int64_t sizes[LAYERS] = {ELEMENTS, ELEMENTS};

static const float *layer_values(const struct graph *graph,
                                 const struct fixture *f, int layer)
{
    return graph->values[f->layers.layers[layer].weight].constant.data;
}

/* An overlay of the first layer with the values 1 … 8, of which the largest
 * two are masked. */
static struct weights *overlay(const struct fixture *f,
                               const struct weights *base)
{
    struct weights *weights;
    const struct layer *layer = &f->layers.layers[0];
    const struct value *value = &f->graph->values[layer->weight];
    struct tensor tensor;
    struct bitmask masks[LAYERS] = {0};
    struct decision decisions[LAYERS] = {
        {.structure = &structure_weight,
         .criterion = &criterion_magnitude,
         .remove = 2},
        {.structure = &structure_weight,
         .criterion = &criterion_magnitude,
         .remove = 0},
    };
    assert_int_equal(tensor_init(&tensor, value->constant.dtype,
                                 &value->constant.shape, NULL),
                     0);
    float *values = tensor.data;
    for (int i = 0; i < ELEMENTS; i++)
        values[i] = (float)(i + 1);
    assert_int_equal(bitmask_init(&masks[0], ELEMENTS, true), 0);
    bitmask_set(&masks[0], 6, false);
    bitmask_set(&masks[0], 7, false);
    const struct weights_parts parts = {
        .graph = f->graph,
        .base = base,
        .count = 1,
        .ids = &layer->weight,
        .tensors = &tensor,
        .layers = &f->layers,
        .masks = masks,
        .decisions = decisions,
    };
    assert_int_equal(weights_create(&weights, &parts, NULL), 0);
    bitmask_release(&masks[0]);
    tensor_release(&tensor);
    return weights;
}

static struct mask_set masks_of(const struct fixture *f,
                                const struct weights *weights, int64_t remove)
{
    struct mask_set set;
    struct graph *graph;
    struct decision decisions[LAYERS] = {
        {.structure = &structure_weight,
         .criterion = &criterion_magnitude,
         .remove = remove},
        {.structure = &structure_weight,
         .criterion = &criterion_magnitude,
         .remove = 0},
    };
    assert_int_equal(weights_apply(&graph, f->graph, weights, NULL), 0);
    const struct mask_source source = {
        .graph = graph,
        .layers = &f->layers,
        .decisions = decisions,
        .weights = weights,
    };
    assert_int_equal(mask_set_init(&set, &source, NULL), 0);
    graph_drop(graph);
    return set;
}

static void masked_positions_keep_the_models_own_values(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 7);
    struct weights *weights = overlay(&f, NULL);
    struct graph *graph;
    assert_int_equal(weights_apply(&graph, f.graph, weights, NULL), 0);
    const float *own = layer_values(f.graph, &f, 0);
    const float *now = layer_values(graph, &f, 0);
    for (int i = 0; i < ELEMENTS; i++)
        assert_true(now[i] == (i < 6 ? (float)(i + 1) : own[i]));
    assert_ptr_equal(layer_values(graph, &f, 1), layer_values(f.graph, &f, 1));
    graph_drop(graph);
    weights_drop(weights);
    fixture_release(&f);
}

static void an_unchanged_decision_takes_the_stored_mask(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 7);
    struct weights *weights = overlay(&f, NULL);
    struct mask_set set = masks_of(&f, weights, 2);
    assert_true(bitmask_equal(&set.masks[0], &weights->masks[0]));
    mask_set_release(&set);
    weights_drop(weights);
    fixture_release(&f);
}

static void what_is_masked_falls_first_when_more_is_removed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 7);
    struct weights *weights = overlay(&f, NULL);
    struct mask_set set = masks_of(&f, weights, 3);
    for (size_t i = 0; i < ELEMENTS; i++)
        assert_int_equal(bitmask_get(&set.masks[0], i), i > 0 && i < 6);
    mask_set_release(&set);
    weights_drop(weights);
    fixture_release(&f);
}

static void a_later_overlay_replaces_what_it_names(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 7);
    struct weights *first = overlay(&f, NULL);
    int id = f.layers.layers[1].weight;
    struct tensor tensor;
    const struct tensor *own = &f.graph->values[id].constant;
    assert_int_equal(tensor_init(&tensor, own->dtype, &own->shape, NULL), 0);
    memset(tensor.data, 0, ELEMENTS * sizeof(float));
    const struct weights_parts parts = {
        .graph = f.graph,
        .base = first,
        .count = 1,
        .ids = &id,
        .tensors = &tensor,
        .layers = &f.layers,
    };
    struct weights *second;
    assert_int_equal(weights_create(&second, &parts, NULL), 0);
    assert_int_equal(second->count, 2);
    assert_true(second->ids[0] < second->ids[1]);
    assert_true(bitmask_equal(&second->masks[0], &first->masks[0]));
    assert_true(second->hash != first->hash);
    struct weights *again = overlay(&f, NULL);
    assert_true(again->hash == first->hash);
    weights_drop(again);
    weights_drop(second);
    weights_drop(first);
    tensor_release(&tensor);
    fixture_release(&f);
}

static void a_tensor_of_another_shape_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 7);
    struct shape shape = {.rank = 1, .dims = {3}};
    struct tensor tensor;
    struct error err = {0};
    assert_int_equal(tensor_init(&tensor, DTYPE_FLOAT32, &shape, NULL), 0);
    const struct weights_parts parts = {
        .graph = f.graph,
        .count = 1,
        .ids = &f.layers.layers[0].weight,
        .tensors = &tensor,
        .layers = &f.layers,
    };
    struct weights *weights = NULL;
    assert_int_equal(weights_create(&weights, &parts, &err), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_non_null(strstr(err.message, "conv1"));
    tensor_release(&tensor);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_positions_keep_the_models_own_values),
        cmocka_unit_test(an_unchanged_decision_takes_the_stored_mask),
        cmocka_unit_test(what_is_masked_falls_first_when_more_is_removed),
        cmocka_unit_test(a_later_overlay_replaces_what_it_names),
        cmocka_unit_test(a_tensor_of_another_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
