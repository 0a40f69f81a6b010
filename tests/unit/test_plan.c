/* Plans: every family of kernels computes what the plain code computes. */
#include "exec_fixture.h"

#include "dataset/dataset.h"
#include "dataset/npz.h"
#include "exec/fold.h"
#include "exec/plan_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct timing *make_timing(void)
{
    struct timing *timing = NULL;
    assert_int_equal(timing_create(&timing, NULL), 0);
    return timing;
}

static void assert_plan_agrees(const struct graph *graph,
                               enum plan_kernels kernels, struct timing *timing,
                               const float *expected, int64_t expected_count)
{
    int64_t count;
    struct plan *plan = exec_plan(graph, kernels, timing, NULL);
    float *found = exec_run(plan, 5, &count);
    assert_int_equal(count, expected_count);
    exec_assert_close(found, expected, count, 1e-4);
    free(found);
    plan_drop(plan);
}

/* AUTO, DENSE and SPARSE against REFERENCE; drops the graph. */
static void assert_families_agree(struct graph *graph, struct timing *timing)
{
    int64_t count;
    struct plan *plan = exec_plan(graph, PLAN_KERNELS_REFERENCE, NULL, NULL);
    float *expected = exec_run(plan, 5, &count);
    assert_plan_agrees(graph, PLAN_KERNELS_DENSE, NULL, expected, count);
    assert_plan_agrees(graph, PLAN_KERNELS_SPARSE, NULL, expected, count);
    assert_plan_agrees(graph, PLAN_KERNELS_AUTO, timing, expected, count);
    free(expected);
    plan_drop(plan);
    graph_drop(graph);
}

/* --- small graphs --- */

static const char *const same3[] = {"kernel_shape=3,3", "pads=1,1,1,1", NULL};

static void node(struct graph *g, const char *type, const char *a,
                 const char *b, const char *output,
                 const char *const *attributes)
{
    const char *const inputs[] = {a, b, NULL};
    exec_node(g, type, inputs, output, attributes);
}

/* conv + batch norm, twice, added, activated: the pattern of a residual
 * block, whose first operand is the graph's input. */
static struct graph *residual_block(int64_t n, int64_t channels)
{
    const int64_t x[] = {n, channels, 9, 7};
    const int64_t w[] = {channels, channels, 3, 3}, c[] = {channels};
    static const char *const conv1[] = {"x", "w1", NULL};
    static const char *const conv2[] = {"r1", "w2", "bias", NULL};
    static const char *const bn1[] = {"c1", "g1", "b1", "m1", "v1", NULL};
    static const char *const bn2[] = {"c2", "g2", "b2", "m2", "v1", NULL};
    struct graph *g = exec_graph();
    exec_constant(g, "w1", 1, 0.2f, 4, w);
    exec_constant(g, "w2", 2, 0.2f, 4, w);
    static const char *const vectors[] = {"bias", "g1", "b1", "m1",
                                          "g2",   "b2", "m2"};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        exec_constant(g, vectors[i], 10 + i, 1, 1, c);
    exec_constant(g, "v1", 30, 0, 1, c);
    float *variance = g->values[graph_find_value(g, "v1")].constant.data;
    for (int64_t i = 0; i < channels; i++)
        variance[i] = 0.5f + 0.1f * (float)i;
    exec_node(g, "Conv", conv1, "c1", same3);
    exec_node(g, "BatchNormalization", bn1, "n1", NULL);
    node(g, "Relu", "n1", NULL, "r1", NULL);
    exec_node(g, "Conv", conv2, "c2", same3);
    exec_node(g, "BatchNormalization", bn2, "n2", NULL);
    node(g, "Add", "x", "n2", "sum", NULL);
    node(g, "Relu", "sum", NULL, "y", NULL);
    return exec_finish(g, "x", 4, x, "y");
}

static void a_residual_block_is_two_steps(void **state)
{
    (void)state;
    struct graph *g = residual_block(1, 16);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    int convs = 0;
    for (size_t i = 0; i < plan_step_count(plan); i++)
        convs += !plan_step_at(plan, i).reorder;
    assert_int_equal(convs, 2);
    /* Batch norm, addition and activation belong to their convolution. */
    assert_int_equal(plan_step_of_node(plan, 1), plan_step_of_node(plan, 0));
    assert_int_equal(plan_step_of_node(plan, 6), plan_step_of_node(plan, 3));
    assert_int_equal(plan_step_of_node(plan, -1), -1);
    plan_drop(plan);
    graph_drop(g);
}

static void residual_blocks_agree_in_every_family(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    static const int64_t batches[] = {1, 3, 16, 20};
    for (size_t i = 0; i < 4; i++) {
        assert_families_agree(residual_block(batches[i], 16), timing);
        assert_families_agree(
            exec_prune(residual_block(batches[i], 5), 0.9, -1), timing);
    }
    timing_destroy(timing);
}

/* The later of two added convolutions takes the addition. */
static void two_added_convolutions_agree(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    const int64_t x[] = {2, 6, 8, 8}, w3[] = {10, 6, 3, 3},
                  w1[] = {10, 6, 1, 1};
    static const char *const down[] = {"kernel_shape=1,1", "strides=2,2", NULL};
    static const char *const main3[] = {"kernel_shape=3,3", "pads=1,1,1,1",
                                        "strides=2,2", NULL};
    for (int order = 0; order < 2; order++) {
        struct graph *g = exec_graph();
        exec_constant(g, "w3", 1, 0.3f, 4, w3);
        exec_constant(g, "w1", 2, 0.3f, 4, w1);
        if (order)
            node(g, "Conv", "x", "w1", "b", down);
        node(g, "Conv", "x", "w3", "a", main3);
        if (!order)
            node(g, "Conv", "x", "w1", "b", down);
        node(g, "Add", "a", "b", "s", NULL);
        node(g, "Relu", "s", NULL, "y", NULL);
        struct graph *instance = exec_finish(g, "x", 4, x, "y");
        struct plan *plan = exec_plan(instance, PLAN_KERNELS_DENSE, NULL, NULL);
        assert_int_equal(plan_step_of_node(plan, 2),
                         plan_step_of_node(plan, 1));
        plan_drop(plan);
        assert_families_agree(instance, timing);
    }
    timing_destroy(timing);
}

/* A value that is read twice, or returned, must not vanish into a fusion. */
static void values_with_other_readers_are_not_swallowed(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    const int64_t x[] = {2, 4, 6, 6}, w[] = {4, 4, 3, 3};
    struct graph *g = exec_graph();
    exec_constant(g, "w", 1, 0.3f, 4, w);
    node(g, "Conv", "x", "w", "c", same3);
    node(g, "Relu", "c", NULL, "r", NULL);
    node(g, "Add", "c", "r", "s", NULL);
    node(g, "Add", "s", "s", "t", NULL);
    node(g, "Mul", "t", "c", "y", NULL);
    assert_families_agree(exec_finish(g, "x", 4, x, "y"), timing);
    g = exec_graph(); /* the last reader would fuse */
    exec_constant(g, "w", 1, 0.3f, 4, w);
    node(g, "Conv", "x", "w", "c", same3);
    node(g, "Exp", "c", NULL, "e", NULL);
    node(g, "Relu", "c", NULL, "r", NULL);
    node(g, "Sub", "e", "r", "y", NULL);
    assert_families_agree(exec_finish(g, "x", 4, x, "y"), timing);
    timing_destroy(timing);
}

/* Plain code between kernels, reshapes, a softmax at the end. */
static void plain_steps_and_aliases_join_kernels(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    static const int64_t batches[] = {1, 3, 16};
    static const char *const perm[] = {"perm=0,3,1,2", NULL};
    static const char *const pool[] = {"kernel_shape=2,2", "strides=2,2", NULL};
    static const char *const gemm[] = {"transB=1", NULL};
    for (size_t i = 0; i < 3; i++) {
        const int64_t x[] = {batches[i], 6, 8, 3}, w[] = {20, 3, 3, 3};
        const int64_t fc[] = {9, 240}, scale[] = {20, 1, 1};
        struct graph *g = exec_graph();
        exec_constant(g, "w", 1, 0.3f, 4, w);
        exec_constant(g, "fc", 2, 0.3f, 2, fc);
        exec_constant(g, "scale", 3, 1, 3, scale);
        node(g, "Transpose", "x", NULL, "t", perm);
        node(g, "Conv", "t", "w", "c", same3);
        node(g, "Tanh", "c", NULL, "r", NULL);
        node(g, "Mul", "r", "scale", "m", NULL);
        node(g, "MaxPool", "m", NULL, "p", pool);
        node(g, "Erf", "p", NULL, "e", NULL);
        node(g, "Flatten", "e", NULL, "f", NULL);
        node(g, "Gemm", "f", "fc", "z", gemm);
        node(g, "Identity", "z", NULL, "i", NULL);
        node(g, "Softmax", "i", NULL, "y", NULL);
        struct graph *instance = exec_finish(g, "x", 4, x, "y");
        assert_families_agree(exec_prune(instance, 0.8, -1), timing);
    }
    timing_destroy(timing);
}

static void an_alias_of_the_input_can_be_the_output(void **state)
{
    (void)state;
    const int64_t x[] = {2, 3, 4, 5};
    struct graph *g = exec_graph();
    int64_t count;
    node(g, "Flatten", "x", NULL, "y", NULL);
    struct graph *instance = exec_finish(g, "x", 4, x, "y");
    struct plan *plan = exec_plan(instance, PLAN_KERNELS_DENSE, NULL, NULL);
    struct plan *plain =
        exec_plan(instance, PLAN_KERNELS_REFERENCE, NULL, NULL);
    assert_int_equal(plan_step_count(plan), 0);
    float *found = exec_run(plan, 1, &count);
    float *expected = exec_run(plain, 1, &count);
    assert_memory_equal(found, expected, (size_t)count * sizeof(float));
    free(found);
    free(expected);
    plan_drop(plan);
    plan_drop(plain);
    graph_drop(instance);
}

/* MatMul, then Add of a vector: how Keras' exporter writes a dense layer. */
static void a_bias_of_its_own_joins_the_product(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    const int64_t x[] = {3, 8}, w[] = {8, 5}, b[] = {5};
    struct graph *g = exec_graph();
    exec_constant(g, "w", 1, 1, 2, w);
    exec_constant(g, "b", 2, 1, 1, b);
    node(g, "MatMul", "x", "w", "m", NULL);
    node(g, "Add", "m", "b", "a", NULL);
    node(g, "Relu", "a", NULL, "y", NULL);
    struct graph *instance = exec_finish(g, "x", 2, x, "y");
    struct plan *plan = exec_plan(instance, PLAN_KERNELS_DENSE, NULL, NULL);
    assert_int_equal(plan_step_count(plan), 1);
    plan_drop(plan);
    assert_families_agree(instance, timing);
    timing_destroy(timing);
}

static void folding_keeps_zeros_exactly_zero(void **state)
{
    (void)state;
    const float weight[8] = {0, 1, -0.0f, 2, 3, 0, 0, -1};
    const float gamma[2] = {INFINITY, -2}, beta[2] = {1, 2}, mean[2] = {0, 3},
                variance[2] = {1, 4};
    const struct affine_spec affine = {1, 2, 1, gamma, beta, mean, variance, 0};
    struct kernel_spec spec = {
        .kind = KERNEL_PRODUCT,
        .product = {.n = 1, .in = 4, .out = 2, .weight = weight}};
    float *folded, *bias;
    assert_int_equal(fold_affine(&spec, &affine, &folded, &bias), 0);
    for (int i = 0; i < 8; i++)
        if (weight[i] == 0)
            assert_true(folded[i] == 0);
    assert_true(folded[4] == -3 && folded[7] == 1);
    assert_true(bias[1] == 5);
    assert_ptr_equal(spec.product.weight, folded);
    free(folded);
    free(bias);
}

/* --- the example models --- */

static void example_models_agree_in_every_family(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    static const char *const small[] = {"mlp", "lenet5"};
    static const int64_t batches[] = {1, 3, 16};
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < 3; i++) {
            assert_families_agree(exec_model(small[m], batches[i]), timing);
            assert_families_agree(
                exec_prune(exec_model(small[m], batches[i]), 0.9, -1), timing);
        }
    assert_families_agree(exec_model("resnet20-bn", 1), timing);
    assert_families_agree(exec_prune(exec_model("resnet20-bn", 1), 0.9, -1),
                          timing);
    assert_families_agree(exec_prune(exec_model("mobilenet-bn", 1), 0.9, -1),
                          timing);
    timing_destroy(timing);
}

static void families_agree_at_large_batches(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    static const char *const models[] = {"resnet20", "resnet20-bn",
                                         "mobilenet"};
    int64_t count;
    for (size_t m = 0; m < 3; m++) {
        struct graph *g = exec_prune(exec_model(models[m], 64), 0.9, -1);
        struct plan *dense = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
        float *expected = exec_run(dense, 5, &count);
        assert_plan_agrees(g, PLAN_KERNELS_SPARSE, NULL, expected, count);
        assert_plan_agrees(g, PLAN_KERNELS_AUTO, timing, expected, count);
        free(expected);
        plan_drop(dense);
        graph_drop(g);
    }
    timing_destroy(timing);
}

static void two_threads_agree_with_one(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    struct graph *g = exec_prune(exec_model("resnet20", 2), 0.9, -1);
    int64_t count;
    struct plan *one = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    float *expected = exec_run(one, 5, &count);
    for (int kernels = 0; kernels < PLAN_KERNELS_REFERENCE; kernels++) {
        const struct plan_options options = {.kernels =
                                                 (enum plan_kernels)kernels,
                                             .threads = 2,
                                             .isa = cpu_isa_detect(),
                                             .timing = timing};
        struct plan *two = NULL;
        assert_int_equal(plan_create(&two, g, &options, NULL), 0);
        float *found = exec_run(two, 5, &count);
        exec_assert_close(found, expected, count, 1e-4);
        free(found);
        plan_drop(two);
    }
    free(expected);
    plan_drop(one);
    graph_drop(g);
    timing_destroy(timing);
}

/* The logits that PyTorch gave for the first images (data/make_models.py). */
static void logits_are_pytorchs(void **state)
{
    (void)state;
    static const char *const models[] = {"mlp", "lenet5", "resnet20",
                                         "mobilenet"};
    const int64_t batch = 20;
    struct error err = {0};
    struct dataset *dataset = NULL;
    if (dataset_open(&dataset, "/usr/share/datasets/fashion-mnist", NULL,
                     &err)) /* the bundled sample has other images */
        skip();
    const struct transform transform = {255, 1, {0.2860}, {0.3530}, "train"};
    for (size_t m = 0; m < 4; m++) {
        char path[128];
        struct npz npz;
        struct runner *runner;
        snprintf(path, sizeof(path), "data/%s_reference.npz", models[m]);
        assert_int_equal(npz_read(&npz, path, &err), 0);
        const struct tensor *logits = npz_find(&npz, "logits");
        struct graph *g = exec_model(models[m], batch);
        struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
        assert_int_equal(runner_create(&runner, plan, &err), 0);
        dataset_read(dataset, 0, &transform, DTYPE_FLOAT32, 0, NULL, batch,
                     runner_input(runner, 0));
        assert_int_equal(
            runner_run(runner, 0, plan_step_count(plan), NULL, NULL, &err), 0);
        exec_assert_close(runner_output(runner, 0)->data, logits->data,
                          batch * 10, 1e-4);
        runner_destroy(runner);
        plan_drop(plan);
        graph_drop(g);
        npz_release(&npz);
    }
    dataset_close(dataset);
}

static void sparse_kernels_are_chosen_where_weights_are_zero(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    struct graph *dense = exec_model("resnet20", 1);
    struct plan *plan = exec_plan(dense, PLAN_KERNELS_AUTO, timing, NULL);
    for (size_t i = 0; i < plan_step_count(plan); i++)
        assert_false(plan_step_at(plan, i).sparse);
    plan_drop(plan);
    struct graph *g = exec_prune(dense, 0.98, -1);
    plan = exec_plan(g, PLAN_KERNELS_AUTO, timing, NULL);
    int sparse = 0;
    for (size_t i = 0; i < plan_step_count(plan); i++) {
        struct plan_step step = plan_step_at(plan, i);
        sparse += step.sparse;
        if (step.sparse) {
            assert_non_null(strstr(step.kernel, "sparse"));
            assert_true(step.expected_ns > 0);
        }
    }
    assert_true(sparse > 0);
    plan_drop(plan);
    graph_drop(g);
    timing_destroy(timing);
}

static struct plan *plan_at_once(const struct graph *g, struct timing *timing)
{
    struct plan *plan = NULL;
    const struct plan_options options = {.kernels = PLAN_KERNELS_AUTO,
                                         .threads = 1,
                                         .isa = cpu_isa_detect(),
                                         .timing = timing,
                                         .at_once = true};
    assert_int_equal(plan_create(&plan, g, &options, NULL), 0);
    return plan;
}

/* Dense kernels until others were measured; afterwards what those who had the
 * time chose. */
static void a_plan_at_once_measures_nothing(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    struct graph *g = exec_prune(exec_model("resnet20", 2), 0.98, -1);
    int64_t count;
    struct plan *first = plan_at_once(g, timing);
    assert_false(plan_is_settled(first));
    for (size_t i = 0; i < plan_step_count(first); i++) {
        assert_false(plan_step_at(first, i).sparse);
        assert_true(plan_step_at(first, i).expected_ns == 0);
    }
    struct plan *again = plan_at_once(g, timing); /* nothing was learnt */
    assert_false(plan_is_settled(again));
    struct plan *measured = exec_plan(g, PLAN_KERNELS_AUTO, timing, NULL);
    assert_true(plan_is_settled(measured));
    struct plan *then = plan_at_once(g, timing);
    assert_true(plan_is_settled(then));
    assert_int_equal(plan_step_count(then), plan_step_count(measured));
    for (size_t i = 0; i < plan_step_count(then); i++)
        assert_true(plan_step_at(then, i).prefix_hash ==
                    plan_step_at(measured, i).prefix_hash);
    float *expected = exec_run(measured, 5, &count);
    float *found = exec_run(first, 5, &count);
    exec_assert_close(found, expected, count, 1e-4);
    free(found);
    free(expected);
    plan_drop(then);
    plan_drop(measured);
    plan_drop(again);
    plan_drop(first);
    graph_drop(g);
    timing_destroy(timing);
}

/* --- sharing, hashes --- */

static void a_plan_shares_what_did_not_change(void **state)
{
    (void)state;
    struct graph *before = exec_model("resnet20", 1);
    struct plan *old = exec_plan(before, PLAN_KERNELS_DENSE, NULL, NULL);
    struct graph *after = exec_prune(graph_retain(before), 0.5, 9);
    struct plan *new = exec_plan(after, PLAN_KERNELS_DENSE, NULL, old);
    int edited = -1, made = 0;
    assert_int_equal(old->step_count, new->step_count);
    for (size_t i = 0; i < new->step_count; i++)
        if (old->steps[i].compiled != new->steps[i].compiled &&
            !new->steps[i].info.reorder) {
            edited = (int)i;
            made++;
        }
    assert_int_equal(made, 1);
    for (int i = 0; i < (int)new->step_count; i++)
        assert_true((old->steps[i].info.prefix_hash ==
                     new->steps[i].info.prefix_hash) == (i < edited));
    /* The old plan and its weights may go first. */
    plan_drop(old);
    graph_drop(before);
    assert_families_agree(graph_retain(after), NULL);
    int64_t count;
    float *found = exec_run(new, 5, &count);
    struct plan *fresh = exec_plan(after, PLAN_KERNELS_DENSE, NULL, NULL);
    float *expected = exec_run(fresh, 5, &count);
    assert_memory_equal(found, expected, (size_t)count * sizeof(float));
    free(found);
    free(expected);
    plan_drop(fresh);
    plan_drop(new);
    graph_drop(after);
}

/* Layer after layer pruned, each plan made from the one before. */
static void edits_one_by_one_agree(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    struct graph *g = exec_model("resnet20", 1);
    struct plan *previous = exec_plan(g, PLAN_KERNELS_AUTO, timing, NULL);
    int64_t count;
    int sparse = 0;
    for (int layer = 0; layer < 22; layer++) {
        g = exec_prune(g, 0.97, (layer * 7) % 22);
        struct plan *plan = exec_plan(g, PLAN_KERNELS_AUTO, timing, previous);
        struct plan *dense = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
        float *found = exec_run(plan, 5, &count);
        float *expected = exec_run(dense, 5, &count);
        exec_assert_close(found, expected, count, 1e-4);
        free(found);
        free(expected);
        plan_drop(dense);
        plan_drop(previous);
        previous = plan;
    }
    for (size_t i = 0; i < plan_step_count(previous); i++)
        sparse += plan_step_at(previous, i).sparse;
    assert_true(sparse > 0);
    plan_drop(previous);
    graph_drop(g);
    timing_destroy(timing);
}

static void equal_plans_have_equal_hashes(void **state)
{
    (void)state;
    struct graph *g = exec_model("resnet20", 1);
    struct graph *other = exec_model("resnet20", 2);
    struct plan *a = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct plan *b = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct plan *c = exec_plan(g, PLAN_KERNELS_REFERENCE, NULL, NULL);
    struct plan *d = exec_plan(other, PLAN_KERNELS_DENSE, NULL, NULL);
    for (size_t i = 0; i < plan_step_count(a); i++) {
        uint64_t hash = plan_step_at(a, i).prefix_hash;
        assert_true(hash == plan_step_at(b, i).prefix_hash);
        assert_true(hash != plan_step_at(c, i).prefix_hash);
        assert_true(hash != plan_step_at(d, i).prefix_hash);
    }
    plan_drop(a);
    plan_drop(b);
    plan_drop(c);
    plan_drop(d);
    graph_drop(g);
    graph_drop(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_residual_block_is_two_steps),
        cmocka_unit_test(residual_blocks_agree_in_every_family),
        cmocka_unit_test(two_added_convolutions_agree),
        cmocka_unit_test(values_with_other_readers_are_not_swallowed),
        cmocka_unit_test(plain_steps_and_aliases_join_kernels),
        cmocka_unit_test(an_alias_of_the_input_can_be_the_output),
        cmocka_unit_test(a_bias_of_its_own_joins_the_product),
        cmocka_unit_test(folding_keeps_zeros_exactly_zero),
        cmocka_unit_test(example_models_agree_in_every_family),
        cmocka_unit_test(families_agree_at_large_batches),
        cmocka_unit_test(two_threads_agree_with_one),
        cmocka_unit_test(logits_are_pytorchs),
        cmocka_unit_test(sparse_kernels_are_chosen_where_weights_are_zero),
        cmocka_unit_test(a_plan_at_once_measures_nothing),
        cmocka_unit_test(a_plan_shares_what_did_not_change),
        cmocka_unit_test(edits_one_by_one_agree),
        cmocka_unit_test(equal_plans_have_equal_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
