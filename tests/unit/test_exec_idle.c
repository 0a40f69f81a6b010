/* Channels without weights cost nothing, and results stay what they were. */
#include "exec/idle.h"
#include "exec_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { N = 2, IN = 3, WIDE = 24, OUT = 5, SIDE = 9 };

static float *data_of(struct graph *g, const char *name)
{
    struct value *value = &g->values[graph_find_value(g, name)];
    value->content_hash = 0; /* the caller changes it */
    return value->constant.data;
}

/* Zeroes weights [from, to) of output channel `row` with `inputs` each. */
static void clear(struct graph *g, const char *name, int64_t row,
                  int64_t inputs)
{
    memset(data_of(g, name) + row * inputs, 0, (size_t)inputs * sizeof(float));
}

static void conv(struct graph *g, const char *x, const char *w, const char *b,
                 const char *y, const char *const *attributes)
{
    const char *const inputs[] = {x, w, b, NULL};
    exec_node(g, "Conv", inputs, y, attributes);
}

static void relu(struct graph *g, const char *x, const char *y)
{
    const char *const inputs[] = {x, NULL};
    exec_node(g, "Relu", inputs, y, NULL);
}

/* Keeps every `step`-th weight of a constant. */
static void thin(struct graph *g, const char *name, int64_t count, int step)
{
    float *w = data_of(g, name);
    for (int64_t i = 0; i < count; i++)
        if (i % step != 0)
            w[i] = 0;
}

/* 1x1, depthwise 3x3 with padding and a stride, 1x1; the bias of channel 0 of
 * each is above zero, that of channel 1 below. */
static struct graph *bottleneck(int stride)
{
    static const int64_t w1[] = {WIDE, IN, 1, 1}, b1[] = {WIDE};
    static const int64_t w2[] = {WIDE, 1, 3, 3};
    static const int64_t w3[] = {OUT, WIDE, 1, 1}, b3[] = {OUT};
    struct graph *g = exec_graph();
    char group[16], strides[16];
    exec_constant(g, "w1", 1, 1, 4, w1);
    exec_constant(g, "b1", 2, 1, 1, b1);
    exec_constant(g, "w2", 3, 1, 4, w2);
    exec_constant(g, "b2", 4, 1, 1, b1);
    exec_constant(g, "w3", 5, 1, 4, w3);
    exec_constant(g, "b3", 6, 1, 1, b3);
    thin(g, "w1", WIDE * IN, 2);
    thin(g, "w2", WIDE * 9, 4);
    thin(g, "w3", OUT * WIDE, 5); /* one for each of 24 inputs */
    data_of(g, "b1")[0] = data_of(g, "b2")[0] = 0.75F;
    data_of(g, "b1")[1] = data_of(g, "b2")[1] = -0.75F;
    snprintf(group, sizeof group, "group=%d", WIDE);
    snprintf(strides, sizeof strides, "strides=%d,%d", stride, stride);
    const char *const depthwise[] = {group, strides, "pads=1,1,1,1", NULL};
    conv(g, "x", "w1", "b1", "c1", NULL);
    relu(g, "c1", "r1");
    conv(g, "r1", "w2", "b2", "c2", depthwise);
    relu(g, "c2", "r2");
    conv(g, "r2", "w3", "b3", "y", NULL);
    return g;
}

static struct graph *finish(struct graph *g)
{
    static const int64_t dims[] = {N, IN, SIDE, SIDE};
    return exec_finish(g, "x", 4, dims, "y");
}

static struct task_list tasks_of(const struct graph *g)
{
    struct task_list list;
    assert_int_equal(task_list_init(&list, g, true, NULL), 0);
    for (size_t i = 0; i < list.count; i++) {
        task_count_nonzeros(&list.tasks[i]);
        list.tasks[i].whole = list.tasks[i].zeros;
    }
    assert_int_equal(idle_find(&list, g, NULL, NULL), 0);
    return list;
}

/* The plan that leaves out, against the nodes one by one. */
static void assert_same(const struct graph *g, const struct plan *plan)
{
    int64_t count, expected_count;
    struct plan *plain = exec_plan(g, PLAN_KERNELS_REFERENCE, NULL, NULL);
    float *expected = exec_run(plain, 7, &expected_count);
    float *found = exec_run(plan, 7, &count);
    assert_int_equal(count, expected_count);
    exec_assert_close(found, expected, count, 1e-5);
    free(expected);
    free(found);
    plan_drop(plain);
}

static void check(struct graph *g)
{
    struct plan *plan = exec_plan(g, PLAN_KERNELS_AUTO, NULL, NULL);
    assert_same(g, plan);
    plan_drop(plan);
    graph_drop(g);
}

static void empty_depthwise_filters_free_both_neighbours(void **state)
{
    (void)state;
    struct graph *g = bottleneck(1);
    clear(g, "w2", 0, 9);
    clear(g, "w2", 1, 9);
    g = finish(g);
    struct task_list list = tasks_of(g);
    assert_int_equal(list.count, 3);
    for (int c = 0; c < 2; c++) {
        assert_int_equal(list.tasks[0].idle->rows[c], 1);
        assert_int_equal(list.tasks[1].idle->rows[c], 1);
        assert_int_equal(list.tasks[2].idle->columns[c], 1);
    }
    assert_float_equal(list.tasks[2].idle->values[0], 0.75, 0);
    assert_float_equal(list.tasks[2].idle->values[1], 0, 0);
    assert_int_equal(list.tasks[0].idle->row_count, 2);
    assert_true(list.tasks[0].nonzeros < list.tasks[0].whole.nonzeros);
    task_list_release(&list);
    check(g);
}

static void a_constant_other_than_zero_stops_at_padding(void **state)
{
    (void)state;
    struct graph *g = bottleneck(1);
    clear(g, "w1", 0, IN);
    clear(g, "w1", 1, IN);
    g = finish(g);
    struct task_list list = tasks_of(g);
    const struct idle *depthwise = list.tasks[1].idle;
    assert_non_null(depthwise);
    assert_int_equal(depthwise->columns[0], 0);
    assert_int_equal(depthwise->columns[1], 1);
    /* Its only input is known: so is the channel, from its bias. */
    assert_int_equal(list.tasks[2].idle->columns[1], 1);
    assert_int_equal(list.tasks[2].idle->columns[0], 0);
    task_list_release(&list);
    check(g);
}

static void channels_that_others_read_stay(void **state)
{
    (void)state;
    struct graph *g = bottleneck(1);
    static const char *const inputs[] = {"r1", "r2", NULL};
    static const int64_t w4[] = {OUT, WIDE, 1, 1};
    clear(g, "w2", 0, 9);
    exec_constant(g, "w4", 8, 1, 4, w4);
    thin(g, "w4", OUT * WIDE, 3);
    exec_node(g, "Mul", inputs, "sum", NULL); /* reads both in full */
    conv(g, "sum", "w4", "b3", "z", NULL);
    static const char *const ends[] = {"y", "z", NULL};
    exec_node(g, "Add", ends, "end", NULL);
    static const int64_t dims[] = {N, IN, SIDE, SIDE};
    g = exec_finish(g, "x", 4, dims, "end");
    struct task_list list = tasks_of(g);
    for (size_t i = 0; i < list.count; i++)
        if (list.tasks[i].idle)
            assert_int_equal(list.tasks[i].idle->row_count, 0);
    task_list_release(&list);
    check(g);
}

static void outputs_of_the_model_stay(void **state)
{
    (void)state;
    struct graph *g = bottleneck(1);
    clear(g, "w3", 2, WIDE);
    clear(g, "w3", 4, WIDE);
    g = finish(g);
    struct task_list list = tasks_of(g);
    assert_true(!list.tasks[2].idle || list.tasks[2].idle->row_count == 0);
    task_list_release(&list);
    check(g);
}

static void a_layer_without_weights_agrees(void **state)
{
    (void)state;
    static const char *const names[] = {"w1", "w2", "w3"};
    static const int64_t counts[] = {WIDE * IN, WIDE * 9, OUT * WIDE};
    for (int stride = 1; stride <= 2; stride++)
        for (int i = 0; i < 7; i++) {
            struct graph *g = bottleneck(stride);
            for (int k = 0; k < 3; k++)
                if (((i + 1) >> k & 1) != 0)
                    clear(g, names[k], 0, counts[k]);
            check(finish(g));
        }
}

static void batch_norm_is_seen_through(void **state)
{
    (void)state;
    static const int64_t w1[] = {WIDE, IN, 1, 1}, v[] = {WIDE};
    static const int64_t w2[] = {OUT, WIDE, 1, 1}, b2[] = {OUT};
    static const char *const norm[] = {"c1", "g", "b", "m", "v", NULL};
    struct graph *g = exec_graph();
    exec_constant(g, "w1", 1, 1, 4, w1);
    exec_constant(g, "b1", 9, 1, 1, v);
    exec_constant(g, "g", 2, 1, 1, v);
    exec_constant(g, "b", 3, 1, 1, v);
    exec_constant(g, "m", 4, 1, 1, v);
    exec_constant(g, "v", 5, 0, 1, v);
    for (int i = 0; i < WIDE; i++)
        data_of(g, "v")[i] = 0.5F + (float)i;
    exec_constant(g, "w2", 6, 1, 4, w2);
    exec_constant(g, "b2", 7, 1, 1, b2);
    thin(g, "w1", WIDE * IN, 2);
    thin(g, "w2", OUT * WIDE, 2);
    for (int c = 0; c < 8; c++)
        clear(g, "w1", c, IN);
    conv(g, "x", "w1", "b1", "c1", NULL);
    exec_node(g, "BatchNormalization", norm, "n1", NULL);
    relu(g, "n1", "r1");
    conv(g, "r1", "w2", "b2", "y", NULL);
    g = finish(g);
    struct task_list list = tasks_of(g);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.tasks[1].idle->columns[7], 0 + (7 % 2 == 0));
    assert_int_equal(list.tasks[1].idle->columns[6], 1);
    task_list_release(&list);
    check(g);
}

static void products_hand_channels_on(void **state)
{
    (void)state;
    static const int64_t w1[] = {WIDE, SIDE}, b1[] = {WIDE};
    static const int64_t w2[] = {WIDE, OUT}, b2[] = {OUT}, rows[] = {N, SIDE};
    static const char *const first[] = {"x", "w1", "b1", NULL};
    static const char *const second[] = {"r1", "w2", "b2", NULL};
    static const char *const flip[] = {"transB=1", NULL};
    struct graph *g = exec_graph();
    exec_constant(g, "w1", 1, 1, 2, w1);
    exec_constant(g, "b1", 2, 1, 1, b1);
    exec_constant(g, "w2", 3, 1, 2, w2);
    exec_constant(g, "b2", 4, 1, 1, b2);
    thin(g, "w1", WIDE * SIDE, 2);
    thin(g, "w2", OUT * WIDE, 2);
    clear(g, "w1", 3, SIDE);
    clear(g, "w2", 4, OUT); /* stored by inputs: nothing reads channel 4 */
    exec_node(g, "Gemm", first, "p1", flip);
    relu(g, "p1", "r1");
    exec_node(g, "Gemm", second, "y", NULL);
    g = exec_finish(g, "x", 2, rows, "y");
    struct task_list list = tasks_of(g);
    assert_int_equal(list.tasks[1].idle->columns[3], 1);
    assert_int_equal(list.tasks[0].idle->rows[3], 1);
    assert_int_equal(list.tasks[0].idle->rows[4], 1);
    task_list_release(&list);
    check(g);
}

/* An edit takes weights of one layer away and gives them back: what the plan
 * before left out must not stay left out. */
static void the_next_plan_leaves_out_what_is_idle_then(void **state)
{
    (void)state;
    static const struct plan *none = NULL;
    const struct plan *previous = none;
    for (int i = 0; i < 4; i++) {
        struct graph *g = bottleneck(1 + i / 2);
        for (int c = 0; i % 2 == 0 && c < WIDE; c += 2)
            clear(g, "w2", c, 9);
        g = finish(g);
        struct plan *plan = exec_plan(g, PLAN_KERNELS_AUTO, NULL, previous);
        assert_same(g, plan);
        plan_drop(previous);
        graph_drop(g);
        previous = plan;
    }
    plan_drop(previous);
}

static void a_pruned_mobilenet_agrees(void **state)
{
    (void)state;
    static const int64_t batches[] = {1, 3, 16};
    for (size_t i = 0; i < COUNT(batches); i++) {
        struct graph *g =
            exec_prune(exec_model("mobilenet", batches[i]), 0.9, -1);
        check(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_depthwise_filters_free_both_neighbours),
        cmocka_unit_test(a_constant_other_than_zero_stops_at_padding),
        cmocka_unit_test(channels_that_others_read_stay),
        cmocka_unit_test(outputs_of_the_model_stay),
        cmocka_unit_test(a_layer_without_weights_agrees),
        cmocka_unit_test(batch_norm_is_seen_through),
        cmocka_unit_test(products_hand_channels_on),
        cmocka_unit_test(the_next_plan_leaves_out_what_is_idle_then),
        cmocka_unit_test(a_pruned_mobilenet_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
