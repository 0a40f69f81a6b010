#include "prune_fixture.h"

#include "base/array.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int add_constant(struct graph *graph, const char *name, int64_t count,
                        struct rng *rng)
{
    struct tensor tensor;
    struct shape shape = {.rank = 1, .dims = {count}};
    int id = graph_add_value(graph, name, NULL);
    assert_true(id >= 0);
    assert_int_equal(tensor_init(&tensor, DTYPE_FLOAT32, &shape, NULL), 0);
    float *data = tensor.data;
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)rng_normal(rng);
    assert_int_equal(graph_set_constant(graph, id, &tensor, NULL), 0);
    tensor_release(&tensor);
    return id;
}

void fixture_init(struct fixture *fixture, size_t count,
                  const char *const *names, const int64_t *sizes, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    *fixture = (struct fixture){.layers = {.count = count}};
    assert_int_equal(graph_create(&fixture->graph, NULL), 0);
    fixture->layers.layers = array_create(count, sizeof(struct layer));
    assert_non_null(fixture->layers.layers);
    int input = graph_add_value(fixture->graph, "x", NULL);
    assert_int_equal(graph_add_input(fixture->graph, input, NULL), 0);
    char previous[80] = "x";
    for (size_t i = 0; i < count; i++) {
        char weight[80], bias[80], output[80];
        snprintf(weight, sizeof weight, "%s.weight", names[i]);
        snprintf(bias, sizeof bias, "%s.bias", names[i]);
        snprintf(output, sizeof output, "%s.y", names[i]);
        int id = add_constant(fixture->graph, weight, sizes[i], &rng);
        add_constant(fixture->graph, bias, 4, &rng);
        const char *const inputs[] = {previous, weight, bias};
        const char *const outputs[] = {output};
        assert_int_equal(graph_add_node(fixture->graph, names[i], "Gemm", "",
                                        13, 3, inputs, 1, outputs, 0, NULL,
                                        NULL),
                         0);
        memcpy(previous, output, sizeof previous);
        fixture->layers.layers[i] = (struct layer){
            .name = string_copy(names[i]),
            .row = (int)i + 1,
            .node = (int)i,
            .weight = id,
            .op = "Gemm",
            .shape = {.rank = 1, .dims = {sizes[i]}},
            .weights = sizes[i],
            .parameters = sizes[i] + 4,
            .prunable = true,
            .reason = "",
        };
    }
    int last = graph_find_value(fixture->graph, previous);
    assert_int_equal(graph_add_output(fixture->graph, last, NULL), 0);
    assert_int_equal(graph_finish(fixture->graph, NULL), 0);
}

void fixture_release(struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->layers.count; i++)
        free(fixture->layers.layers[i].name);
    free(fixture->layers.layers);
    graph_drop(fixture->graph);
    *fixture = (struct fixture){0};
}

float *fixture_weights(const struct fixture *fixture, size_t i)
{
    int id = fixture->layers.layers[i].weight;
    return fixture->graph->values[id].constant.data;
}
