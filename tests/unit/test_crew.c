/* A batch in parts, on one thread and on several, gives the answers of the
 * whole batch. */
#include "exec/crew.h"
#include "exec_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 12, CLASSES = 10 };

static void a_batch_in_parts_gives_the_same_answers(void **state)
{
    (void)state;
    static const int64_t parts[] = {1, 3, 4, 12};
    struct graph *whole = exec_model("resnet20", BATCH);
    struct plan *plan = exec_plan(whole, PLAN_KERNELS_DENSE, NULL, NULL);
    int64_t count;
    float *expected = exec_run(plan, 5, &count);
    struct runner *runner = NULL;
    assert_int_equal(runner_create(&runner, plan, NULL), 0);
    exec_fill(runner, plan, 5);
    const struct value *input = &whole->values[whole->inputs[0]];
    size_t bytes = (size_t)shape_elements(&input->shape) * sizeof(float);
    assert_int_equal(count, BATCH * CLASSES);
    for (int i = 0; i < 8; i++) {
        struct graph *g = exec_model("resnet20", BATCH / parts[i / 2]);
        struct plan *part = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
        struct crew *crew = NULL;
        assert_int_equal(
            crew_create(&crew, part, parts[i / 2], 1 + i % 2, NULL), 0);
        memcpy(crew_input(crew, 0), runner_input(runner, 0), bytes);
        for (int run = 0; run < 2; run++) {
            assert_int_equal(crew_run(crew, NULL, NULL), 0);
            exec_assert_close(crew_output(crew, 0), expected, count, 1e-5);
        }
        crew_destroy(crew);
        plan_drop(part);
        graph_drop(g);
    }
    runner_destroy(runner);
    plan_drop(plan);
    graph_drop(whole);
    free(expected);
}

static void a_raised_cancel_stops_every_member(void **state)
{
    (void)state;
    struct graph *g = exec_model("mlp", 2);
    struct plan *plan = exec_plan(g, PLAN_KERNELS_DENSE, NULL, NULL);
    struct crew *crew = NULL;
    struct cancel cancel;
    struct error err = {0};
    cancel_reset(&cancel);
    cancel_raise(&cancel);
    assert_int_equal(crew_create(&crew, plan, 4, 2, NULL), 0);
    assert_int_equal(crew_run(crew, &cancel, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    crew_destroy(crew);
    plan_drop(plan);
    graph_drop(g);
}

static void parts_divide_the_batch_and_fit_the_cache(void **state)
{
    (void)state;
    struct graph *small = exec_model("mlp", 1);
    struct graph *large = exec_model("mobilenet", 1);
    struct graph *several = exec_model("mlp", 2);
    assert_int_equal(crew_part(small, 64, 1), 64);
    assert_int_equal(crew_part(small, 64, 2), 32);
    assert_int_equal(crew_part(small, 1, 2), 1);
    assert_int_equal(crew_part(several, 64, 2), 64);
    for (int64_t batch = 1; batch < 70; batch++) {
        int64_t part = crew_part(large, batch, 2);
        assert_true(part >= 1 && part < 16 && batch % part == 0);
    }
    graph_drop(small);
    graph_drop(large);
    graph_drop(several);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_in_parts_gives_the_same_answers),
        cmocka_unit_test(a_raised_cancel_stops_every_member),
        cmocka_unit_test(parts_divide_the_batch_and_fit_the_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
