/* The latency protocol: what is run, counted and reported. No test here
 * judges how long anything took. */
#include "base/clock.h"
#include "exec_fixture.h"
#include "measure/latency.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct setup {
    struct graph *graph;
    struct plan *plan;
    struct crew *crew;
};

static struct error err;

static int begin(void **state)
{
    static struct setup s;
    s.graph = exec_model("mlp", 1);
    s.plan = exec_plan(s.graph, PLAN_KERNELS_DENSE, NULL, NULL);
    *state = &s;
    return crew_create(&s.crew, s.plan, 1, 1, &err);
}

static int end(void **state)
{
    struct setup *s = *state;
    crew_destroy(s->crew);
    plan_drop(s->plan);
    graph_drop(s->graph);
    return 0;
}

static void measure(const struct setup *s, struct latency *latency,
                    struct latency_protocol protocol)
{
    if (latency_measure(latency, s->crew, &protocol, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

static void every_run_is_counted_and_every_step_has_a_median(void **state)
{
    struct latency l;
    measure(*state, &l, (struct latency_protocol){2, 25, 0, 60000000000});
    assert_int_equal(l.runs, 25);
    assert_int_equal(l.run_ms.count, 25);
    assert_true(0 < l.run_ms.minimum);
    assert_true(l.run_ms.minimum <= l.run_ms.p10);
    assert_true(l.run_ms.p10 <= l.run_ms.median);
    assert_true(l.run_ms.median <= l.run_ms.p90);
    assert_true(l.run_ms.p90 <= l.run_ms.maximum);
    const struct setup *s = *state;
    assert_int_equal(l.steps, plan_step_count(s->plan));
    double sum = 0;
    for (size_t i = 0; i < l.steps; i++) {
        assert_true(l.step_ms[i] >= 0);
        sum += l.step_ms[i];
    }
    assert_true(sum > 0);
    latency_release(&l);
    assert_null(l.step_ms);
}

/* A lower bound, so that no slow machine can break it. */
static void runs_go_on_until_the_minimum_has_passed(void **state)
{
    struct latency l;
    int64_t start = clock_now_ns();
    measure(*state, &l, (struct latency_protocol){0, 1, 20000000, 60000000000});
    assert_true(clock_now_ns() - start >= 20000000);
    assert_true(l.runs >= 1);
    latency_release(&l);
}

/* A million runs are wanted, the limit is already over after the third. */
static void the_limit_ends_a_measurement(void **state)
{
    struct latency l;
    measure(*state, &l, (struct latency_protocol){1000000, 1000000, 0, 1});
    assert_true(l.runs >= 3 && l.runs < 1000);
    assert_int_equal(l.run_ms.count, l.runs);
    latency_release(&l);
}

static void a_raised_cancel_ends_a_measurement(void **state)
{
    const struct setup *s = *state;
    struct latency_protocol protocol = latency_protocol_bench();
    struct latency l;
    struct cancel cancel;
    cancel_reset(&cancel);
    cancel_raise(&cancel);
    for (protocol.warmup = 0; protocol.warmup < 2; protocol.warmup++) {
        err = (struct error){0};
        assert_int_equal(latency_measure(&l, s->crew, &protocol, &cancel, &err),
                         -1);
        assert_int_equal(err.code, ERROR_CANCELLED);
        assert_null(l.step_ms);
    }
}

/* The same seeded input each time: the outputs stay the same. */
static void the_input_is_the_same_at_every_measurement(void **state)
{
    const struct setup *s = *state;
    float first[10];
    for (int i = 0; i < 2; i++) {
        struct latency l;
        measure(s, &l, (struct latency_protocol){0, 1, 0, 1000000000});
        latency_release(&l);
        const float *out = crew_output(s->crew, 0);
        if (i == 0)
            memcpy(first, out, sizeof first);
        assert_memory_equal(first, out, sizeof first);
        assert_true(isfinite(out[0]) && out[0] != out[1]);
        memset(crew_input(s->crew, 0), 0, 784 * sizeof(float));
    }
}

static void the_protocols_are_those_that_are_stated(void **state)
{
    (void)state;
    struct latency_protocol bench = latency_protocol_bench();
    struct latency_protocol live = latency_protocol_live();
    assert_int_equal(bench.warmup, 5);
    assert_int_equal(bench.runs, 30);
    assert_int_equal(bench.minimum_ns, 1000000000);
    assert_int_equal(live.warmup, 3);
    assert_int_equal(live.runs, 15);
    assert_int_equal(live.minimum_ns, 60000000);
    assert_true(bench.maximum_ns > bench.minimum_ns);
    assert_true(live.maximum_ns > live.minimum_ns);
}

#define WITH_MODEL(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MODEL(every_run_is_counted_and_every_step_has_a_median),
        WITH_MODEL(runs_go_on_until_the_minimum_has_passed),
        WITH_MODEL(the_limit_ends_a_measurement),
        WITH_MODEL(a_raised_cancel_ends_a_measurement),
        WITH_MODEL(the_input_is_the_same_at_every_measurement),
        cmocka_unit_test(the_protocols_are_those_that_are_stated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
