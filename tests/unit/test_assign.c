/* What choices of kernels cost, counted near a change and in whole. */
#include "choose_fixture.h"
#include "exec/assign_cost.h"
#include "exec_fixture.h"

#include "base/array.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LONGEST = 6, CHANGES = 300 };

/* Times from 1 to 100 us, of which any may be least. */
static void draw_times(struct subject *s, struct rng *rng)
{
    for (size_t i = 0; i < s->list.count; i++)
        for (int k = 0; k < s->choices[i].count; k++)
            s->choices[i].candidates[k].ns = 1000 + 99000 * rng_uniform(rng);
}

static void take_any(struct subject *s, struct rng *rng, size_t task)
{
    struct choice *choice = &s->choices[task];
    choice->taken = (int)rng_below(rng, (uint64_t)choice->count);
}

static const struct {
    const char *model;
    int64_t batch;
    double line_ns;
} cases[] = {{"resnet20", 1, 0},
             {"resnet20", 16, 40},
             {"mobilenet", 1, 40},
             {"mobilenet", 16, 0},
             {"lenet5", 1, 40}};

static void open_case(struct subject *s, struct assign_cost *cost, size_t at)
{
    struct error err = {0};
    struct graph *model = exec_model(cases[at].model, cases[at].batch);
    open_subject(s, exec_prune(model, 0.8, -1), 2, NULL);
    s->choosing.line_ns = cases[at].line_ns;
    assert_int_equal(assign_cost_init(cost, &s->choosing, &err), 0);
}

static void close_case(struct subject *s, struct assign_cost *cost)
{
    assign_cost_release(cost);
    close_subject(s);
}

static void a_change_costs_the_same_near_and_in_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct subject s;
        struct assign_cost cost;
        struct rng rng;
        rng_init(&rng, 7);
        open_case(&s, &cost, i);
        draw_times(&s, &rng);
        for (size_t t = 0; t < s.list.count; t++)
            take_any(&s, &rng, t);
        double whole = assign_cost_total(&cost);
        int differ = 0;
        for (int change = 0; change < CHANGES; change++) {
            size_t tasks[LONGEST];
            size_t count = 1 + (size_t)rng_below(&rng, LONGEST);
            for (size_t t = 0; t < count; t++)
                tasks[t] = (size_t)rng_below(&rng, s.list.count);
            double before = assign_cost_around(&cost, tasks, count);
            for (size_t t = 0; t < count; t++)
                take_any(&s, &rng, tasks[t]);
            double near = assign_cost_around(&cost, tasks, count) - before;
            double now = assign_cost_total(&cost);
            if (fabs(now - whole - near) > 1e-9 * now)
                fail_msg("%s: %g in whole, %g near", cases[i].model,
                         now - whole, near);
            differ += now != whole;
            whole = now;
        }
        assert_true(differ > CHANGES / 2);
        close_case(&s, &cost);
    }
}

/* What is taken is not improved by any other candidate of one task. */
static void no_single_change_is_better(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct subject s;
        struct assign_cost cost;
        struct error err = {0};
        open_case(&s, &cost, i);
        assert_int_equal(choosing_assign(&s.choosing, &err), 0);
        double whole = assign_cost_total(&cost);
        assert_true(whole == s.choosing.total_ns);
        for (size_t t = 0; t < s.list.count; t++) {
            struct choice *choice = &s.choices[t];
            int taken = choice->taken;
            for (int k = 0; k < choice->count; k++) {
                choice->taken = k;
                if (choice->candidates[k].ns != INFINITY)
                    assert_true(assign_cost_total(&cost) > 0.9998 * whole);
            }
            choice->taken = taken;
        }
        close_case(&s, &cost);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_costs_the_same_near_and_in_whole),
        cmocka_unit_test(no_single_change_is_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
