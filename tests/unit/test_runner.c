/* Runners: memory, resuming, cancelling; remembered timings. */
#include "exec_fixture.h"

#include "exec/plan_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct timing *make_timing(void)
{
    struct timing *timing = NULL;
    assert_int_equal(timing_create(&timing, NULL), 0);
    return timing;
}

static void living_values_never_share_memory(void **state)
{
    (void)state;
    struct graph *g = exec_prune(exec_model("mobilenet", 3), 0.9, -1);
    for (int kernels = 0; kernels <= PLAN_KERNELS_REFERENCE; kernels++) {
        struct plan *plan =
            exec_plan(g, (enum plan_kernels)kernels, NULL, NULL);
        int64_t sum = 0;
        for (size_t i = 0; i < plan->slot_count; i++) {
            const struct slot *a = &plan->slots[i];
            sum += (int64_t)a->bytes;
            assert_true(a->constant || a->offset + (int64_t)a->bytes + 64 <=
                                           plan->arena_bytes);
            for (size_t k = 0; k < i; k++) {
                const struct slot *b = &plan->slots[k];
                if (a->constant || b->constant || a->first > b->last ||
                    b->first > a->last)
                    continue;
                assert_true(a->offset + (int64_t)a->bytes <= b->offset ||
                            b->offset + (int64_t)b->bytes <= a->offset);
            }
        }
        assert_true(plan->arena_bytes < sum / 2);
        plan_drop(plan);
    }
    graph_drop(g);
}

static void a_runner_runs_again_on_the_same_input(void **state)
{
    (void)state;
    struct graph *g = exec_model("resnet20", 2);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct runner *runner;
    float first[20];
    assert_int_equal(runner_create(&runner, plan, NULL), 0);
    exec_fill(runner, plan, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            runner_run(runner, 0, plan_step_count(plan), NULL, NULL, NULL), 0);
        if (i == 0)
            memcpy(first, runner_output(runner, 0)->data, sizeof(first));
        assert_memory_equal(first, runner_output(runner, 0)->data,
                            sizeof(first));
    }
    runner_destroy(runner);
    plan_drop(plan);
    graph_drop(g);
}

static void a_run_resumes_behind_any_step(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    struct graph *g = exec_prune(exec_model("resnet20", 2), 0.9, -1);
    for (int kernels = 0; kernels < PLAN_KERNELS_REFERENCE; kernels++) {
        struct plan *plan =
            exec_plan(g, (enum plan_kernels)kernels, timing, NULL);
        struct runner *full, *part;
        size_t steps = plan_step_count(plan);
        assert_int_equal(runner_create(&full, plan, NULL), 0);
        assert_int_equal(runner_create(&part, plan, NULL), 0);
        exec_fill(full, plan, 3);
        exec_fill(part, plan, 4);
        for (size_t i = 0; i < steps; i++) {
            assert_int_equal(runner_run(full, i, i + 1, NULL, NULL, NULL), 0);
            size_t bytes = (size_t)plan_step_at(plan, i).live_bytes;
            void *saved = malloc(bytes);
            assert_non_null(saved);
            runner_save(full, i, saved);
            runner_load(part, i, saved);
            free(saved);
            assert_int_equal(runner_run(part, i + 1, steps, NULL, NULL, NULL),
                             0);
            float resumed[20];
            memcpy(resumed, runner_output(part, 0)->data, sizeof(resumed));
            struct runner *whole;
            assert_int_equal(runner_create(&whole, plan, NULL), 0);
            exec_fill(whole, plan, 3);
            assert_int_equal(runner_run(whole, 0, steps, NULL, NULL, NULL), 0);
            assert_memory_equal(resumed, runner_output(whole, 0)->data,
                                sizeof(resumed));
            runner_destroy(whole);
        }
        runner_destroy(full);
        runner_destroy(part);
        plan_drop(plan);
    }
    graph_drop(g);
    timing_destroy(timing);
}

/* --- errors, measurement --- */

static void cancelled_work_says_so(void **state)
{
    (void)state;
    struct graph *g = exec_model("lenet5", 1);
    struct cancel cancel = {0};
    struct error err = {0};
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct runner *runner;
    assert_int_equal(runner_create(&runner, plan, &err), 0);
    cancel_raise(&cancel);
    assert_int_equal(
        runner_run(runner, 0, plan_step_count(plan), &cancel, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    struct plan *none = NULL;
    const struct plan_options options = {
        .kernels = PLAN_KERNELS_DENSE, .threads = 1, .cancel = &cancel};
    err = (struct error){0};
    assert_int_equal(plan_create(&none, g, &options, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    assert_null(none);
    runner_destroy(runner);
    plan_drop(plan);
    graph_drop(g);
}

static void step_times_are_written_and_sizes_told(void **state)
{
    (void)state;
    struct graph *g = exec_model("lenet5", 1);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct runner *runner;
    int64_t ns[64] = {0};
    assert_in_range(plan_step_count(plan), 1, 64);
    assert_int_equal(runner_create(&runner, plan, NULL), 0);
    exec_fill(runner, plan, 1);
    assert_int_equal(
        runner_run(runner, 0, plan_step_count(plan), NULL, ns, NULL), 0);
    for (size_t i = 0; i < plan_step_count(plan); i++)
        assert_true(ns[i] > 0);
    assert_true(plan_arena_bytes(plan) > 0);
    /* 430,500 weights are the least that packing can take. */
    assert_true(plan_packed_bytes(plan) >= 430500 * 4);
    assert_ptr_equal(plan_instance(plan), g);
    struct plan *held = plan_retain(plan);
    plan_drop(plan);
    runner_destroy(runner);
    assert_ptr_equal(plan_instance(held), g);
    plan_drop(held);
    plan_drop(NULL);
    runner_destroy(NULL);
    graph_drop(g);
}

static void timings_are_remembered(void **state)
{
    (void)state;
    struct timing *timing = make_timing();
    double ns = 0;
    assert_false(timing_get(timing, 1, &ns));
    for (uint64_t key = 0; key < 1000; key++)
        timing_put(timing, key * 0x100000001ull, (double)key);
    timing_put(timing, 7 * 0x100000001ull, -7);
    for (uint64_t key = 2; key < 1000; key++) {
        assert_true(timing_get(timing, key * 0x100000001ull, &ns));
        assert_true(ns == (key == 7 ? -7 : (double)key));
    }
    timing_destroy(timing);
    timing_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(living_values_never_share_memory),
        cmocka_unit_test(a_runner_runs_again_on_the_same_input),
        cmocka_unit_test(a_run_resumes_behind_any_step),
        cmocka_unit_test(cancelled_work_says_so),
        cmocka_unit_test(step_times_are_written_and_sizes_told),
        cmocka_unit_test(timings_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
