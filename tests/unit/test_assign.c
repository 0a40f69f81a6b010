/* What choices of kernels cost, counted near a change and in whole. */
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

/* A model's tasks and their candidates, with times that nobody measured. */
struct subject {
    struct graph *graph;
    struct task_list list;
    struct value_view *views;
    struct compile_context context;
    struct plan_options options;
    struct choosing choosing;
    struct rng rng;
};

static void open_subject(struct subject *s, const char *model, int64_t batch,
                         double line_ns)
{
    struct error err = {0};
    *s = (struct subject){.graph =
                              exec_prune(exec_model(model, batch), 0.8, -1)};
    const struct graph *g = s->graph;
    rng_init(&s->rng, 7);
    assert_int_equal(task_list_init(&s->list, g, true, &err), 0);
    for (size_t i = 0; i < s->list.count; i++)
        task_count_nonzeros(&s->list.tasks[i]);
    s->views = array_create(g->value_count, sizeof *s->views);
    assert_non_null(s->views);
    for (size_t i = 0; i < g->value_count; i++)
        value_view_of(&s->views[i], &g->values[i]);
    s->options = (struct plan_options){
        .kernels = PLAN_KERNELS_AUTO, .threads = 2, .isa = cpu_isa_detect()};
    s->context = (struct compile_context){.box = engine_box_create(),
                                          .views = s->views,
                                          .instance = g,
                                          .isa = s->options.isa,
                                          .threads = 2};
    assert_non_null(s->context.box);
    s->choosing = (struct choosing){
        .instance = g,
        .list = &s->list,
        .views = s->views,
        .context = &s->context,
        .options = &s->options,
        .choices = array_create(s->list.count, sizeof(struct choice)),
        .line_ns = line_ns};
    assert_non_null(s->choosing.choices);
    assert_int_equal(choosing_candidates(&s->choosing, &err), 0);
}

static void close_subject(struct subject *s)
{
    free(s->choosing.choices);
    engine_box_drop(s->context.box);
    free(s->views);
    task_list_release(&s->list);
    graph_drop(s->graph);
}

/* Times from 1 to 100 us, of which any may be least. */
static void draw_times(struct subject *s)
{
    for (size_t i = 0; i < s->list.count; i++)
        for (int k = 0; k < s->choosing.choices[i].count; k++)
            s->choosing.choices[i].candidates[k].ns =
                1000 + 99000 * rng_uniform(&s->rng);
}

static void take_any(struct subject *s, size_t task)
{
    struct choice *choice = &s->choosing.choices[task];
    choice->taken = (int)rng_below(&s->rng, (uint64_t)choice->count);
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

static void a_change_costs_the_same_near_and_in_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct subject s;
        struct assign_cost cost;
        struct error err = {0};
        open_subject(&s, cases[i].model, cases[i].batch, cases[i].line_ns);
        draw_times(&s);
        assert_int_equal(assign_cost_init(&cost, &s.choosing, &err), 0);
        for (size_t t = 0; t < s.list.count; t++)
            take_any(&s, t);
        double whole = assign_cost_total(&cost);
        int differ = 0;
        for (int change = 0; change < CHANGES; change++) {
            size_t tasks[LONGEST];
            size_t count = 1 + (size_t)rng_below(&s.rng, LONGEST);
            for (size_t t = 0; t < count; t++)
                tasks[t] = (size_t)rng_below(&s.rng, s.list.count);
            double before = assign_cost_around(&cost, tasks, count);
            for (size_t t = 0; t < count; t++)
                take_any(&s, tasks[t]);
            double near = assign_cost_around(&cost, tasks, count) - before;
            double now = assign_cost_total(&cost);
            if (fabs(now - whole - near) > 1e-9 * now)
                fail_msg("%s: %g in whole, %g near", cases[i].model,
                         now - whole, near);
            differ += now != whole;
            whole = now;
        }
        assert_true(differ > CHANGES / 2);
        assign_cost_release(&cost);
        close_subject(&s);
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
        open_subject(&s, cases[i].model, cases[i].batch, cases[i].line_ns);
        assert_int_equal(choosing_assign(&s.choosing, &err), 0);
        assert_int_equal(assign_cost_init(&cost, &s.choosing, &err), 0);
        double whole = assign_cost_total(&cost);
        assert_true(whole == s.choosing.total_ns);
        for (size_t t = 0; t < s.list.count; t++) {
            struct choice *choice = &s.choosing.choices[t];
            int taken = choice->taken;
            for (int k = 0; k < choice->count; k++) {
                choice->taken = k;
                if (choice->candidates[k].ns != INFINITY)
                    assert_true(assign_cost_total(&cost) > 0.9998 * whole);
            }
            choice->taken = taken;
        }
        assign_cost_release(&cost);
        close_subject(&s);
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
