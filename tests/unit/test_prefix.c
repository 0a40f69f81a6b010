/* Cached activations: a resumed run gives the bits of a full one. */
#include "exec_fixture.h"

#include "exec/prefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCHES = 3, BATCH = 2, OUTPUTS = BATCH * 10, MEGABYTE = 1 << 20 };

static void run(struct prefix *prefix, const struct plan *plan, int64_t batch,
                bool has_input, float *output)
{
    struct runner *runner;
    struct error err = {0};
    assert_int_equal(runner_create(&runner, plan, &err), 0);
    /* Where it resumes the input is not needed: other numbers must not
     * matter. */
    exec_fill(runner, plan, has_input ? (uint64_t)batch + 1 : 99);
    if (prefix)
        assert_int_equal(prefix_run(prefix, plan, runner, batch, NULL, &err),
                         0);
    else
        assert_int_equal(
            runner_run(runner, 0, plan_step_count(plan), NULL, NULL, &err), 0);
    memcpy(output, runner_output(runner, 0)->data, OUTPUTS * sizeof(float));
    runner_destroy(runner);
}

/* Layer `layer` pruned, everything else as it was. */
static struct graph *edited(int layer, double share)
{
    return exec_prune(exec_prune(exec_model("resnet20", BATCH), 0.9, -1), share,
                      layer);
}

static int step_of_layer(const struct plan *plan, int layer)
{
    const struct graph *g = plan_instance(plan);
    for (size_t i = 0; i < g->node_count; i++)
        if (strcmp(g->nodes[i].type, "Conv") == 0 && layer-- == 0)
            return plan_step_of_node(plan, (int)i);
    return -1;
}

static void resumed_runs_equal_full_runs(enum plan_kernels kernels,
                                         struct timing *timing)
{
    struct prefix *prefix;
    struct plan *previous = NULL;
    float found[OUTPUTS], expected[OUTPUTS];
    int resumed = 0;
    assert_int_equal(prefix_create(&prefix, 16 * MEGABYTE, BATCHES, NULL), 0);
    /* Layers in the middle of blocks, at their ends and down-samplings. */
    static const int layers[] = {10, 10, 12, 9, 20, 8, 20, 2, 16, 2};
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        struct graph *g = edited(layers[i], 0.91 + 0.01 * (double)i);
        struct plan *plan = exec_plan(g, kernels, timing, previous);
        /* Now and then the user looks at a layer far behind the change: what
         * is cached between the two must not serve. */
        int focus = i % 2 ? 21 : layers[i];
        prefix_choose(prefix, plan, step_of_layer(plan, focus));
        for (int64_t b = 0; b < BATCHES; b++) {
            bool resumes = prefix_resumes(prefix, plan, b);
            resumed += resumes;
            run(prefix, plan, b, !resumes, found);
            run(NULL, plan, b, true, expected);
            assert_memory_equal(found, expected, sizeof(found));
        }
        plan_drop(previous);
        previous = plan;
        graph_drop(g);
    }
    assert_true(resumed > 0);
    assert_in_range(prefix_bytes(prefix), 1, 16 * MEGABYTE);
    plan_drop(previous);
    prefix_destroy(prefix);
}

static void resumed_dense_runs_equal_full_runs(void **state)
{
    (void)state;
    resumed_runs_equal_full_runs(PLAN_KERNELS_DENSE, NULL);
}

static void resumed_sparse_runs_equal_full_runs(void **state)
{
    (void)state;
    resumed_runs_equal_full_runs(PLAN_KERNELS_SPARSE, NULL);
}

static void resumed_mixed_runs_equal_full_runs(void **state)
{
    (void)state;
    struct timing *timing;
    assert_int_equal(timing_create(&timing, NULL), 0);
    resumed_runs_equal_full_runs(PLAN_KERNELS_AUTO, timing);
    timing_destroy(timing);
}

static void an_edit_resumes_right_before_its_layer(void **state)
{
    (void)state;
    struct prefix *prefix;
    float output[OUTPUTS];
    assert_int_equal(prefix_create(&prefix, 16 * MEGABYTE, 1, NULL), 0);
    struct graph *g = exec_model("resnet20", BATCH);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    prefix_choose(prefix, plan, step_of_layer(plan, 12));
    assert_false(prefix_resumes(prefix, plan, 0));
    run(prefix, plan, 0, true, output);
    assert_true(prefix_resumes(prefix, plan, 0));
    /* With nothing but that one cut, an edit of the layer resumes and one of
     * the layer before does not. */
    int64_t only =
        plan_step_at(plan, (size_t)step_of_layer(plan, 12) - 1).live_bytes;
    prefix_destroy(prefix);
    assert_int_equal(prefix_create(&prefix, only, 1, NULL), 0);
    prefix_choose(prefix, plan, step_of_layer(plan, 12));
    run(prefix, plan, 0, true, output);
    assert_int_equal(prefix_bytes(prefix), only);
    for (int layer = 11; layer <= 13; layer++) {
        struct graph *after = exec_prune(graph_retain(g), 0.3, layer);
        struct plan *next = exec_plan(after, PLAN_KERNELS_DENSE, NULL, plan);
        assert_int_equal(prefix_resumes(prefix, next, 0), layer >= 12);
        plan_drop(next);
        graph_drop(after);
    }
    plan_drop(plan);
    graph_drop(g);
    prefix_destroy(prefix);
}

static void the_budget_holds(void **state)
{
    (void)state;
    struct graph *g = exec_model("resnet20", BATCH);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    static const int64_t budgets[] = {0, 100, 100000, 1000000, 5000000};
    for (size_t i = 0; i < 5; i++) {
        struct prefix *prefix;
        float found[OUTPUTS], expected[OUTPUTS];
        assert_int_equal(prefix_create(&prefix, budgets[i], BATCHES, NULL), 0);
        prefix_choose(prefix, plan, step_of_layer(plan, 5));
        for (int64_t b = 0; b <= BATCHES; b++) { /* the last is not kept */
            run(prefix, plan, b, true, found);
            run(NULL, plan, b, true, expected);
            assert_memory_equal(found, expected, sizeof(found));
        }
        assert_true(prefix_bytes(prefix) <= budgets[i]);
        assert_true(i < 3 || prefix_bytes(prefix) > 0);
        assert_false(prefix_resumes(prefix, plan, BATCHES));
        prefix_destroy(prefix);
    }
    prefix_destroy(NULL);
    plan_drop(plan);
    graph_drop(g);
}

static void a_cut_too_large_for_all_serves_the_first_batches(void **state)
{
    (void)state;
    struct graph *g = exec_model("resnet20", BATCH);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    int focus = step_of_layer(plan, 5);
    int64_t bytes = plan_step_at(plan, (size_t)focus - 1).live_bytes;
    struct prefix *prefix;
    float found[OUTPUTS];
    assert_int_equal(prefix_create(&prefix, bytes + 1, BATCHES, NULL), 0);
    prefix_choose(prefix, plan, focus);
    for (int64_t b = 0; b < BATCHES; b++)
        run(prefix, plan, b, true, found);
    assert_true(prefix_resumes(prefix, plan, 0));
    assert_false(prefix_resumes(prefix, plan, BATCHES - 1));
    /* Dropped at once, freed by the sweep (or the end). */
    prefix_choose(prefix, plan, -1);
    prefix_sweep(prefix);
    assert_true(prefix_bytes(prefix) <= bytes + 1);
    prefix_destroy(prefix);
    plan_drop(plan);
    graph_drop(g);
}

static void entries_that_no_cut_wants_are_dropped(void **state)
{
    (void)state;
    struct graph *g = exec_model("resnet20", BATCH);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct plan *plain = exec_plan(g, PLAN_KERNELS_REFERENCE, NULL, NULL);
    struct prefix *prefix;
    float output[OUTPUTS];
    assert_int_equal(prefix_create(&prefix, 16 * MEGABYTE, BATCHES, NULL), 0);
    prefix_choose(prefix, plan, -1);
    run(prefix, plan, 1, true, output);
    int64_t kept = prefix_bytes(prefix);
    assert_true(kept > 0);
    prefix_choose(prefix, plan, -1);
    assert_int_equal(prefix_bytes(prefix), kept);
    prefix_choose(prefix, plain, -1);
    assert_int_equal(prefix_bytes(prefix), 0);
    prefix_destroy(prefix);
    plan_drop(plan);
    plan_drop(plain);
    graph_drop(g);
}

static void a_cancelled_run_keeps_the_cache_sound(void **state)
{
    (void)state;
    struct graph *g = exec_model("resnet20", BATCH);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct prefix *prefix;
    struct runner *runner;
    struct cancel cancel = {0};
    struct error err = {0};
    float found[OUTPUTS], expected[OUTPUTS];
    assert_int_equal(prefix_create(&prefix, 16 * MEGABYTE, BATCHES, NULL), 0);
    prefix_choose(prefix, plan, -1);
    assert_int_equal(runner_create(&runner, plan, NULL), 0);
    cancel_raise(&cancel);
    assert_int_equal(prefix_run(prefix, plan, runner, 0, &cancel, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    assert_int_equal(prefix_bytes(prefix), 0);
    run(prefix, plan, 0, true, found);
    run(NULL, plan, 0, true, expected);
    assert_memory_equal(found, expected, sizeof(found));
    runner_destroy(runner);
    prefix_destroy(prefix);
    plan_drop(plan);
    graph_drop(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed_dense_runs_equal_full_runs),
        cmocka_unit_test(resumed_sparse_runs_equal_full_runs),
        cmocka_unit_test(resumed_mixed_runs_equal_full_runs),
        cmocka_unit_test(an_edit_resumes_right_before_its_layer),
        cmocka_unit_test(the_budget_holds),
        cmocka_unit_test(a_cut_too_large_for_all_serves_the_first_batches),
        cmocka_unit_test(entries_that_no_cut_wants_are_dropped),
        cmocka_unit_test(a_cancelled_run_keeps_the_cache_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
