/*
 * Every operator case (op_cases.h) as a plan of every family, against the
 * figures of ONNX Runtime; instruction sets; plans shared by threads.
 */
#include "exec_fixture.h"
#include "op_case.h"

#include "base/thread.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void good(int status, const char *name, const struct error *err)
{
    if (status < 0)
        fail_msg("%s: %s", name, err->message);
}

/* Runs a plan on the case's inputs. */
static struct op_figures run_plan(const struct plan *plan,
                                  const struct op_case *row)
{
    struct error err = {0};
    struct runner *runner = NULL;
    struct op_figures found = {0};
    const struct graph *g = plan_instance(plan);
    good(runner_create(&runner, plan, &err), row->name, &err);
    for (size_t i = 0; i < g->input_count; i++) {
        struct tensor input;
        good(op_case_input(&input, row, i, &err), row->name, &err);
        memcpy(runner_input(runner, i), input.data, tensor_bytes(&input));
        tensor_release(&input);
    }
    good(runner_run(runner, 0, plan_step_count(plan), NULL, NULL, &err),
         row->name, &err);
    for (size_t i = 0; i < g->output_count; i++)
        op_figures_add(&found, runner_output(runner, i));
    runner_destroy(runner);
    return found;
}

static void check_case(const struct op_case *row, enum plan_kernels kernels,
                       struct timing *timing)
{
    struct error err = {0};
    struct graph *graph = NULL, *instance = NULL;
    good(op_case_build(&graph, row, &err), row->name, &err);
    good(op_resolve(graph, &err), row->name, &err);
    good(op_instantiate(&instance, graph, op_case_batch(graph), &err),
         row->name, &err);
    struct plan *plan = exec_plan(instance, kernels, timing, NULL);
    struct op_figures found = run_plan(plan, row);
    /* Kernels add in float32, in another order. */
    double room = 2e-5 * found.magnitude + 1e-5;
    if (!(fabs(found.sum - row->sum) <= room) ||
        !(fabs(found.weighted - row->weighted) <= room))
        fail_msg("%s, family %d: sum %.9g and %.9g, expected %.9g and %.9g",
                 row->name, (int)kernels, found.sum, found.weighted, row->sum,
                 row->weighted);
    plan_drop(plan);
    graph_drop(instance);
    graph_drop(graph);
}

static void every_operator_case_agrees_in_every_family(void **state)
{
    (void)state;
    struct timing *timing = NULL;
    assert_int_equal(timing_create(&timing, NULL), 0);
    for (size_t i = 0; i < op_case_count; i++)
        for (int k = PLAN_KERNELS_AUTO; k <= PLAN_KERNELS_REFERENCE; k++)
            check_case(&op_cases[i], (enum plan_kernels)k, timing);
    timing_destroy(timing);
}

static void every_instruction_set_agrees(void **state)
{
    (void)state;
    static const int64_t batches[] = {1, 16};
    for (size_t i = 0; i < 2; i++) {
        struct graph *g =
            exec_prune(exec_model("resnet20", batches[i]), 0.9, -1);
        struct plan *dense = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
        int64_t count;
        float *expected = exec_run(dense, 5, &count);
        for (int isa = CPU_ISA_SCALAR; isa <= (int)cpu_isa_detect(); isa++) {
            const struct plan_options options = {.kernels = PLAN_KERNELS_SPARSE,
                                                 .threads = 1,
                                                 .isa = (enum cpu_isa)isa};
            struct plan *plan = NULL;
            assert_int_equal(plan_create(&plan, g, &options, NULL), 0);
            float *found = exec_run(plan, 5, &count);
            exec_assert_close(found, expected, count, 1e-4);
            free(found);
            plan_drop(plan);
        }
        free(expected);
        plan_drop(dense);
        graph_drop(g);
    }
}

/* --- threads --- */

struct worker {
    struct thread thread;
    const struct plan *plan, *previous;
    struct timing *timing;
    uint64_t seed;
    float *output;
    int64_t count;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    const struct plan_options options = {.kernels = PLAN_KERNELS_AUTO,
                                         .threads = 1,
                                         .isa = cpu_isa_detect(),
                                         .timing = worker->timing,
                                         .previous = worker->previous};
    struct plan *own = NULL;
    for (int i = 0; i < 3; i++) {
        free(worker->output);
        worker->output = exec_run(worker->plan, worker->seed, &worker->count);
        if (plan_create(&own, plan_instance(worker->plan), &options, NULL) == 0)
            plan_drop(own);
    }
    return NULL;
}

static void threads_share_a_plan_and_its_kernels(void **state)
{
    (void)state;
    struct timing *timing = NULL;
    struct worker workers[3];
    memset(workers, 0, sizeof(workers));
    assert_int_equal(timing_create(&timing, NULL), 0);
    struct graph *g = exec_prune(exec_model("lenet5", 8), 0.9, -1);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_AUTO, timing, NULL);
    for (size_t i = 0; i < 3; i++) {
        workers[i].plan = workers[i].previous = plan;
        workers[i].timing = timing;
        workers[i].seed = i + 1;
        assert_int_equal(thread_start(&workers[i].thread, "worker", false, work,
                                      &workers[i], NULL),
                         0);
    }
    for (size_t i = 0; i < 3; i++) {
        int64_t count;
        thread_join(&workers[i].thread);
        float *alone = exec_run(plan, i + 1, &count);
        assert_int_equal(count, workers[i].count);
        assert_memory_equal(alone, workers[i].output,
                            (size_t)count * sizeof(float));
        free(alone);
        free(workers[i].output);
    }
    plan_drop(plan);
    graph_drop(g);
    timing_destroy(timing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_case_agrees_in_every_family),
        cmocka_unit_test(every_instruction_set_agrees),
        cmocka_unit_test(threads_share_a_plan_and_its_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
