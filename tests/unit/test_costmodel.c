/* The cost model on devices that follow known laws. */
#include "base/array.h"
#include "base/rng.h"
#include "exec/workload.h"
#include "exec_fixture.h"
#include "measure/costmodel.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

static struct workload conv(int64_t size, int64_t ic, int64_t oc, int64_t k,
                            double density)
{
    struct workload w;
    struct kernel_spec spec = {.kind = KERNEL_CONV};
    spec.conv = (struct conv_spec){.n = 1,
                                   .groups = 1,
                                   .ic = ic,
                                   .ih = size,
                                   .iw = size,
                                   .oc = oc,
                                   .oh = size,
                                   .ow = size,
                                   .kh = k,
                                   .kw = k,
                                   .sh = 1,
                                   .sw = 1,
                                   .dh = 1,
                                   .dw = 1};
    struct sparse_structure zeros = {.weights = oc * ic * k * k};
    zeros.nonzeros = llround((double)zeros.weights * density);
    for (int form = 0; form < SPARSE_FORM_COUNT; form++)
        zeros.stored[form] =
            form == SPARSE_FORM_ANY ? zeros.nonzeros : zeros.weights;
    workload_of(&w, &spec, &zeros, ic * size * size, oc * size * size);
    return w;
}

static struct workload sparse(struct workload w)
{
    w.method = WORKLOAD_SPARSE;
    w.form = SPARSE_FORM_ANY;
    w.layout = LAYOUT_PLANE;
    return w;
}

/* Dense: 0.02 ns a multiplication; sparse: four times that. */
static double device(const struct workload *w)
{
    double moved = 0.1 * (double)(w->source + w->result);
    if (w->method == WORKLOAD_DENSE)
        return 500 + 0.02 * (double)w->macs + moved;
    return 800 +
           0.08 * (double)w->macs * (double)w->nonzeros / (double)w->weights +
           moved;
}

static const int64_t sizes[] = {8, 14, 16, 28, 32}, widths[] = {16, 32, 64};

static void teach(struct costmodel *model, double noise, double outliers)
{
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
        for (size_t a = 0; a < ARRAY_LENGTH(widths); a++)
            for (size_t b = 0; b < ARRAY_LENGTH(widths); b++)
                for (int d = 0; d < 4; d++) {
                    double densities[] = {1, 0.5, 0.2, 0.05};
                    struct workload w =
                        conv(sizes[i], widths[a], widths[b], 3, densities[d]);
                    if (d)
                        w = sparse(w);
                    double ns = device(&w);
                    ns *= 1 + noise * rng_normal(&rng);
                    if (rng_uniform(&rng) < outliers)
                        ns *= 5;
                    assert_int_equal(costmodel_add(model, &w, ns, &err), 0);
                }
    assert_int_equal(costmodel_fit(model, &err), 0);
}

static void teach_dense(struct costmodel *model)
{
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
        for (size_t a = 0; a < ARRAY_LENGTH(widths); a++) {
            struct workload w = conv(sizes[i], widths[a], 32, 3, 1);
            assert_int_equal(costmodel_add(model, &w, device(&w), &err), 0);
        }
    assert_int_equal(costmodel_fit(model, &err), 0);
}

static int begin(void **state)
{
    struct costmodel *model;
    if (costmodel_create(&model, &err) < 0)
        return -1;
    *state = model;
    return 0;
}

static int end(void **state)
{
    costmodel_destroy(*state);
    return 0;
}

static void assert_close(const struct costmodel *model, struct workload w,
                         double tolerance)
{
    double ns;
    assert_true(costmodel_predict(model, &w, &ns));
    if (fabs(ns / device(&w) - 1) > tolerance)
        fail_msg("predicted %.0f ns, expected %.0f", ns, device(&w));
}

static void a_law_is_found_and_holds_between_its_points(void **state)
{
    teach(*state, 0, 0);
    assert_close(*state, conv(20, 24, 48, 3, 1), 0.03);
    assert_close(*state, sparse(conv(20, 24, 48, 3, 0.3)), 0.03);
    assert_close(*state, sparse(conv(12, 32, 64, 3, 0.1)), 0.03);
    for (size_t i = 0; i < costmodel_class_count(*state); i++) {
        struct costmodel_class c = costmodel_class_at(*state, i);
        assert_true(c.points > 0);
        assert_true(c.error < 0.05);
        for (int k = 0; k < COSTMODEL_FEATURES; k++)
            assert_true(c.ns[k] >= 0);
    }
}

static void a_law_holds_far_outside_of_its_points(void **state)
{
    teach(*state, 0, 0);
    assert_close(*state, conv(64, 256, 256, 3, 1), 0.05);
    assert_close(*state, sparse(conv(64, 256, 256, 3, 0.02)), 0.1);
}

static void noise_and_disturbed_points_hardly_move_the_law(void **state)
{
    teach(*state, 0.05, 0.05);
    double sum = 0;
    int count = 0;
    for (int64_t size = 10; size < 32; size += 5)
        for (int64_t c = 20; c < 64; c += 10) {
            struct workload w = sparse(conv(size, c, c + 4, 3, 0.25));
            double ns;
            assert_true(costmodel_predict(*state, &w, &ns));
            sum += fabs(ns / device(&w) - 1);
            count++;
        }
    assert_true(sum / count < 0.15);
}

/* The device does not follow the law here; its points are believed. */
static void a_measured_point_is_predicted_as_measured(void **state)
{
    struct workload w = conv(17, 40, 40, 3, 1);
    teach(*state, 0, 0);
    assert_int_equal(costmodel_add(*state, &w, 3 * device(&w), &err), 0);
    assert_int_equal(costmodel_fit(*state, &err), 0);
    double ns;
    assert_true(costmodel_predict(*state, &w, &ns));
    assert_true(fabs(ns / (3 * device(&w)) - 1) < 0.05);
    size_t count = costmodel_point_count(*state);
    assert_int_equal(costmodel_add(*state, &w, device(&w), &err), 0);
    assert_int_equal(costmodel_point_count(*state), count);
    assert_int_equal(costmodel_fit(*state, &err), 0);
    assert_close(*state, w, 0.05);
}

static void the_faster_way_is_found_where_the_device_has_it(void **state)
{
    double ns;
    teach(*state, 0, 0);
    struct workload few = conv(28, 32, 32, 3, 0.05);
    assert_true(costmodel_best(*state, &few, &ns));
    assert_int_equal(few.method, WORKLOAD_SPARSE);
    assert_true(fabs(ns / device(&few) - 1) < 0.05);
    struct workload many = conv(28, 32, 32, 3, 0.5);
    assert_true(costmodel_best(*state, &many, &ns));
    assert_int_equal(many.method, WORKLOAD_DENSE);
    assert_true(fabs(ns / device(&many) - 1) < 0.05);
}

/* Else one point would be a law by which everything takes as long. */
static void one_point_says_how_time_grows_with_work(void **state)
{
    struct workload small = sparse(conv(8, 16, 16, 3, 0.1));
    struct workload large = sparse(conv(32, 64, 64, 3, 0.7));
    double ns;
    assert_int_equal(costmodel_add(*state, &small, 3000, &err), 0);
    assert_int_equal(costmodel_fit(*state, &err), 0);
    assert_true(costmodel_predict(*state, &large, &ns));
    assert_true(ns > 100 * 3000);
    /* And it is not yet believed to be the fastest way of anything. */
    teach_dense(*state);
    large.method = WORKLOAD_DENSE;
    large.form = SPARSE_FORM_ANY;
    large.layout = LAYOUT_PLAIN;
    assert_true(costmodel_best(*state, &large, &ns));
    assert_int_equal(large.method, WORKLOAD_DENSE);
}

static void many_points_stay_as_many_as_a_fit_can_take(void **state)
{
    size_t count = 0;
    for (int64_t k = 0; k < 2000; k++) {
        struct workload w = conv(10 + k % 50, 16 + k / 50, 16 + k % 7, 3, 1);
        assert_int_equal(costmodel_add(*state, &w, device(&w), &err), 0);
        count = costmodel_point_count(*state);
    }
    assert_true(count < 2000);
    assert_int_equal(costmodel_fit(*state, &err), 0);
    assert_close(*state, conv(33, 30, 18, 3, 1), 0.05);
}

static void what_was_never_measured_is_not_predicted(void **state)
{
    double ns;
    struct workload w = conv(8, 16, 16, 3, 0.1);
    assert_false(costmodel_predict(*state, &w, &ns));
    teach(*state, 0, 0);
    w = sparse(conv(8, 16, 16, 1, 0.1));
    assert_false(costmodel_predict(*state, &w, &ns));
    /* Another dense convolution is the next best thing to go by. */
    w = conv(8, 16, 16, 5, 1);
    assert_true(costmodel_predict(*state, &w, &ns));
    /* Points that make no sense are not taken. */
    size_t count = costmodel_point_count(*state);
    assert_int_equal(costmodel_add(*state, &w, NAN, &err), 0);
    assert_int_equal(costmodel_add(*state, &w, 0, &err), 0);
    assert_int_equal(costmodel_point_count(*state), count);
}

static void a_plan_and_its_instance_have_the_same_workloads(void **state)
{
    (void)state;
    struct graph *graph = exec_model("resnet20", 1);
    struct plan *plan = exec_plan(graph, PLAN_KERNELS_DENSE, NULL, NULL);
    struct workload_list list;
    size_t matched = 0;
    assert_int_equal(workload_list_init(&list, graph, NULL, &err), 0);
    for (size_t i = 0; i < list.count; i++) {
        int step = plan_step_of_node(plan, list.rows[i].node);
        struct workload w;
        assert_true(step >= 0);
        plan_workload(plan, (size_t)step, &w);
        if (list.rows[i].workload.weights == 0)
            continue;
        assert_memory_equal(&w, &list.rows[i].workload, sizeof w);
        matched++;
    }
    assert_int_equal(matched, 22);
    workload_list_release(&list);
    plan_drop(plan);
    graph_drop(graph);
}

static void zeros_are_counted_in_an_instance(void **state)
{
    (void)state;
    struct graph *graph = exec_prune(exec_model("resnet20", 1), 0.9, -1);
    struct workload_list list;
    assert_int_equal(workload_list_init(&list, graph, NULL, &err), 0);
    for (size_t i = 0; i < list.count; i++) {
        const struct workload *w = &list.rows[i].workload;
        if (w->weights == 0)
            continue;
        double kept = (double)w->nonzeros / (double)w->weights;
        assert_true(kept > 0.05 && kept < 0.11);
    }
    workload_list_release(&list);
    graph_drop(graph);
}

/* Of another batch: only zeros are taken from it. */
static void zeros_of_a_plan_are_not_counted_again(void **state)
{
    (void)state;
    struct graph *graph = exec_prune(exec_model("resnet20", 1), 0.9, -1);
    struct graph *pair = exec_prune(exec_model("resnet20", 2), 0.9, -1);
    struct graph *other = exec_prune(exec_model("resnet20", 1), 0.8, -1);
    struct plan *plan = exec_plan(pair, PLAN_KERNELS_SPARSE, NULL, NULL);
    const struct graph *graphs[] = {graph, other};
    for (size_t g = 0; g < ARRAY_LENGTH(graphs); g++) {
        struct workload_list list, again;
        assert_int_equal(workload_list_init(&list, graphs[g], NULL, &err), 0);
        assert_int_equal(workload_list_init(&again, graphs[g], plan, &err), 0);
        assert_int_equal(list.count, again.count);
        for (size_t i = 0; i < list.count; i++)
            assert_memory_equal(&list.rows[i].workload, &again.rows[i].workload,
                                sizeof list.rows[i].workload);
        workload_list_release(&list);
        workload_list_release(&again);
    }
    plan_drop(plan);
    graph_drop(graph);
    graph_drop(pair);
    graph_drop(other);
}

static void classes_have_names(void **state)
{
    (void)state;
    for (int kind = 0; kind < KERNEL_KIND_COUNT; kind++)
        assert_non_null(workload_kind_name((enum kernel_kind)kind));
    char name[WORKLOAD_NAME_BYTES];
    struct workload w = sparse(conv(8, 16, 16, 3, 0.1));
    workload_class(&w, name);
    assert_string_equal(name, "conv 3x3 sparse any plane");
    w = conv(8, 16, 16, 1, 1);
    workload_class(&w, name);
    assert_string_equal(name, "conv 1x1 dense");
}

int main(void)
{
#define WITH_MODEL(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        WITH_MODEL(a_law_is_found_and_holds_between_its_points),
        WITH_MODEL(a_law_holds_far_outside_of_its_points),
        WITH_MODEL(noise_and_disturbed_points_hardly_move_the_law),
        WITH_MODEL(a_measured_point_is_predicted_as_measured),
        WITH_MODEL(the_faster_way_is_found_where_the_device_has_it),
        WITH_MODEL(one_point_says_how_time_grows_with_work),
        WITH_MODEL(many_points_stay_as_many_as_a_fit_can_take),
        WITH_MODEL(what_was_never_measured_is_not_predicted),
        cmocka_unit_test(a_plan_and_its_instance_have_the_same_workloads),
        cmocka_unit_test(zeros_are_counted_in_an_instance),
        cmocka_unit_test(zeros_of_a_plan_are_not_counted_again),
        cmocka_unit_test(classes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
