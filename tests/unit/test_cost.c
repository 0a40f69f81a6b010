/* Counted costs, against counts made by hand from the architectures. */
#include "exec_fixture.h"
#include "measure/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* LeNet-300-100: 784-300-100-10, products and biases. */
static void an_mlp_costs_its_matrices(void **state)
{
    (void)state;
    struct cost cost;
    struct graph *graph = exec_model("mlp", 1);
    cost_of_graph(graph, &cost);
    assert_int_equal(cost.macs, 784 * 300 + 300 * 100 + 100 * 10);
    assert_int_equal(cost.parameters, cost.macs + 300 + 100 + 10);
    assert_int_equal(cost.dense_bytes, 4 * cost.parameters);
    assert_int_equal(cost.nonzeros, cost.parameters);
    assert_int_equal(cost.effective_macs, cost.macs);
    assert_int_equal(cost.encoded_bytes, cost.dense_bytes);
    graph_drop(graph);
}

/* 20 and 50 filters of 5x5 on 24x24 and 8x8 places, then 800-500-10. */
static void lenet_costs_its_places(void **state)
{
    (void)state;
    struct cost cost;
    struct graph *graph = exec_model("lenet5", 1);
    cost_of_graph(graph, &cost);
    assert_int_equal(cost.macs, 24 * 24 * 20 * 25 + 8 * 8 * 50 * 20 * 25 +
                                    800 * 500 + 500 * 10);
    assert_int_equal(cost.parameters, 20 * 25 + 20 + 50 * 20 * 25 + 50 +
                                          800 * 500 + 500 + 500 * 10 + 10);
    graph_drop(graph);
}

static int64_t stage(int64_t places, int64_t in, int64_t out)
{
    int64_t down = in == out ? 0 : places * in * out;
    return places * 9 * (in * out + 5 * out * out) + down;
}

static void resnet_costs_its_stages(void **state)
{
    (void)state;
    struct cost cost, bigger;
    struct graph *graph = exec_model("resnet20", 1);
    cost_of_graph(graph, &cost);
    assert_int_equal(cost.macs, 784 * 9 * 16 + stage(784, 16, 16) +
                                    stage(196, 16, 32) + stage(49, 32, 64) +
                                    640);
    graph_drop(graph);
    graph = exec_model("resnet20", 7); /* one sample's cost all the same */
    cost_of_graph(graph, &bigger);
    assert_memory_equal(&cost, &bigger, sizeof cost);
    graph_drop(graph);
}

/* Four numbers per channel of 21 batch norms instead of a bias each. */
static void kept_batch_norms_count(void **state)
{
    (void)state;
    struct cost folded, kept;
    struct graph *a = exec_model("resnet20", 1);
    struct graph *b = exec_model("resnet20-bn", 1);
    cost_of_graph(a, &folded);
    cost_of_graph(b, &kept);
    int64_t channels = 16 * 7 + 32 * 7 + 64 * 7;
    assert_int_equal(kept.parameters - folded.parameters, 3 * channels - 96);
    graph_drop(a);
    graph_drop(b);
}

/* The bounds of ReLU6 are settings. */
static void scalars_are_no_parameters(void **state)
{
    (void)state;
    struct cost cost;
    struct graph *graph = exec_model("mobilenet", 1);
    cost_of_graph(graph, &cost);
    assert_int_equal(cost.parameters, 260042);
    for (size_t i = 0; i < graph->node_count; i++) {
        struct cost one;
        cost_of_node(graph, (int)i, &one);
        if (strcmp(graph->nodes[i].type, "Clip") == 0)
            assert_int_equal(one.parameters, 0);
    }
    graph_drop(graph);
}

static void nodes_add_up_to_the_graph(void **state)
{
    (void)state;
    struct cost all, sum = {0};
    struct graph *graph = exec_prune(exec_model("resnet20", 1), 0.7, -1);
    cost_of_graph(graph, &all);
    for (size_t i = 0; i < graph->node_count; i++) {
        struct cost one;
        cost_of_node(graph, (int)i, &one);
        sum.parameters += one.parameters;
        sum.nonzeros += one.nonzeros;
        sum.macs += one.macs;
        sum.effective_macs += one.effective_macs;
        sum.dense_bytes += one.dense_bytes;
        sum.encoded_bytes += one.encoded_bytes;
    }
    assert_memory_equal(&all, &sum, sizeof all);
    graph_drop(graph);
}

static void zeros_save_work_and_bytes_in_proportion(void **state)
{
    (void)state;
    struct cost dense, sparse;
    struct graph *graph = exec_model("mlp", 1);
    cost_of_graph(graph, &dense);
    graph = exec_prune(graph, 0.9, -1);
    cost_of_graph(graph, &sparse);
    assert_int_equal(sparse.parameters, dense.parameters);
    assert_int_equal(sparse.macs, dense.macs);
    int64_t kept = 23520 + 3000 + 100;
    assert_int_equal(sparse.nonzeros, kept + 410);
    assert_int_equal(sparse.effective_macs, kept);
    /* 90 %: a bit per weight is less than a gap per kept weight. */
    int64_t bytes = (235200 + 30000 + 1000) / 8 + 4 * kept + 4 * 410;
    assert_int_equal(sparse.encoded_bytes, bytes);
    graph_drop(graph);
}

/* Two products with one weight: stored once, computed twice. */
static void a_shared_weight_is_stored_once(void **state)
{
    (void)state;
    struct cost cost;
    struct graph *graph = exec_graph();
    exec_constant(graph, "w", 1, 1, 2, (const int64_t[]){6, 6});
    exec_node(graph, "MatMul", (const char *const[]){"x", "w", NULL}, "h",
              NULL);
    exec_node(graph, "MatMul", (const char *const[]){"h", "w", NULL}, "y",
              NULL);
    graph = exec_finish(graph, "x", 2, (const int64_t[]){1, 6}, "y");
    cost_of_graph(graph, &cost);
    assert_int_equal(cost.parameters, 36);
    assert_int_equal(cost.macs, 72);
    graph_drop(graph);
}

static void the_smallest_encoding_is_taken(void **state)
{
    (void)state;
    assert_int_equal(cost_encoded_bytes(0, 0), 0);
    assert_int_equal(cost_encoded_bytes(1000, 1000), 4000);      /* dense */
    assert_int_equal(cost_encoded_bytes(1000, 500), 125 + 2000); /* bitmap */
    assert_int_equal(cost_encoded_bytes(1000, 10), 60);          /* gaps */
    assert_int_equal(cost_encoded_bytes(1000, 0), 0);
    /* One weight in a million needs fillers: a gap has 16 bits. */
    assert_int_equal(cost_encoded_bytes(1000000, 1), 6 + 2 * 15);
    for (int64_t n = 0; n < 1000; n++)
        assert_true(cost_encoded_bytes(1000, n) <=
                    cost_encoded_bytes(1000, n + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_mlp_costs_its_matrices),
        cmocka_unit_test(lenet_costs_its_places),
        cmocka_unit_test(resnet_costs_its_stages),
        cmocka_unit_test(kept_batch_norms_count),
        cmocka_unit_test(scalars_are_no_parameters),
        cmocka_unit_test(nodes_add_up_to_the_graph),
        cmocka_unit_test(zeros_save_work_and_bytes_in_proportion),
        cmocka_unit_test(a_shared_weight_is_stored_once),
        cmocka_unit_test(the_smallest_encoding_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
