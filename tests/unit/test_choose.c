/* Which kernels a layer may run on, and that the fastest is taken. */
#include "choose_fixture.h"
#include "exec_fixture.h"

#include "base/array.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CHANNELS = 32, SIDE = 8 };

static const enum sparse_form forms[] = {SPARSE_FORM_ROWS4, SPARSE_FORM_ROWS16,
                                         SPARSE_FORM_LANES,
                                         SPARSE_FORM_INPUT16};

/* Writes weights of the form over a layer's. */
static void prune(struct graph *g, const struct kernel_spec *spec,
                  enum sparse_form form, double density)
{
    struct value *value = &g->values[graph_find_value(g, "w")];
    struct rng rng;
    rng_init(&rng, 1);
    value->content_hash = 0;
    sparse_structure_draw(spec, form, density, &rng, value->constant.data);
}

static struct graph *conv_graph(int64_t batch, enum sparse_form form,
                                double density)
{
    static const int64_t w[] = {CHANNELS, CHANNELS, 3, 3};
    static const char *const inputs[] = {"x", "w", NULL};
    static const char *const attributes[] = {"pads=1,1,1,1", NULL};
    const int64_t x[] = {batch, CHANNELS, SIDE, SIDE};
    struct graph *g = exec_graph();
    exec_constant(g, "w", 1, 1, 4, w);
    exec_node(g, "Conv", inputs, "y", attributes);
    const struct kernel_spec spec = {
        .kind = KERNEL_CONV,
        .conv = {
            .groups = 1, .oc = CHANNELS, .ic = CHANNELS, .kh = 3, .kw = 3}};
    prune(g, &spec, form, density);
    return exec_finish(g, "x", 4, x, "y");
}

static struct graph *product_graph(int64_t batch, enum sparse_form form,
                                   double density)
{
    static const int64_t w[] = {4 * CHANNELS, 3 * CHANNELS};
    static const char *const inputs[] = {"x", "w", NULL};
    static const char *const attributes[] = {"transB=1", NULL};
    const int64_t x[] = {batch, 3 * CHANNELS};
    struct graph *g = exec_graph();
    exec_constant(g, "w", 1, 1, 2, w);
    exec_node(g, "Gemm", inputs, "y", attributes);
    const struct kernel_spec spec = {
        .kind = KERNEL_PRODUCT,
        .product = {.in = 3 * CHANNELS, .out = 4 * CHANNELS}};
    prune(g, &spec, form, density);
    return exec_finish(g, "x", 2, x, "y");
}

/* The candidates of a method that leave their result in `layout` (LAYOUT_COUNT:
 * in any), of sparse ones those of a form. */
static int count_in(const struct choice *choice, enum method method,
                    enum sparse_form form, enum layout layout)
{
    int count = 0;
    for (int i = 0; i < choice->count; i++) {
        const struct candidate *c = &choice->candidates[i];
        count += c->method == method &&
                 (layout == LAYOUT_COUNT || c->dst == layout) &&
                 (method != METHOD_SPARSE || c->sparse->form == form);
    }
    return count;
}

static int count_of(const struct subject *s, enum method method,
                    enum sparse_form form, enum layout layout)
{
    return count_in(&s->choices[0], method, form, layout);
}

/* Beside a structure's kernels in a layout for blocks of images or planes: the
 * kernel for weights anywhere in the same, and a dense one. */
static void assert_beside(const struct subject *s, enum sparse_form form)
{
    static const enum layout layouts[] = {LAYOUT_PLANE, LAYOUT_IMAGE16};
    int structured = 0;
    for (int f = SPARSE_FORM_ANY + 1; f < SPARSE_FORM_COUNT; f++)
        structured +=
            count_of(s, METHOD_SPARSE, (enum sparse_form)f, LAYOUT_COUNT);
    assert_true(structured > 0);
    assert_true(count_of(s, METHOD_ONEDNN, form, LAYOUT_COUNT) > 0);
    assert_true(count_of(s, METHOD_SPARSE, SPARSE_FORM_ANY, LAYOUT_COUNT) > 0);
    for (size_t i = 0; i < ARRAY_LENGTH(layouts); i++)
        if (count_of(s, METHOD_SPARSE, form, layouts[i]) > 0)
            assert_true(
                count_of(s, METHOD_SPARSE, SPARSE_FORM_ANY, layouts[i]) > 0);
}

static void structured_zeros_may_run_as_zeros_anywhere_or_dense(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++)
        for (int64_t batch = 1; batch <= 16; batch *= 16)
            for (int threads = 1; threads <= 2; threads++) {
                struct subject s;
                open_subject(&s, conv_graph(batch, forms[i], 0.25), threads,
                             NULL);
                assert_int_equal(sparse_structure_form(&s.list.tasks[0].zeros),
                                 forms[i]);
                assert_beside(&s, forms[i]);
                close_subject(&s);
                open_subject(&s, product_graph(batch, forms[i], 0.25), threads,
                             NULL);
                assert_beside(&s, forms[i]);
                close_subject(&s);
            }
}

/* Few zeros anywhere are many of every form's weights: the longest list. */
static void the_longest_list_of_candidates_ends_with_plain_code(void **state)
{
    (void)state;
    struct subject s;
    open_subject(&s, conv_graph(16, SPARSE_FORM_ANY, 0.74), 2, NULL);
    assert_true(s.choices[0].count < CHOICE_MAX);
    enum method last = s.choices[0].candidates[s.choices[0].count - 1].method;
    assert_true(last == METHOD_PLAIN || last == METHOD_REFERENCE);
    close_subject(&s);
}

/* No other candidate with the same layouts is expected to be faster, whatever
 * form of zeros it is for. */
static void the_fastest_kernel_of_any_form_is_taken(void **state)
{
    (void)state;
    struct timing *timing = NULL;
    assert_int_equal(timing_create(&timing, NULL), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++)
        for (int kind = 0; kind < 2; kind++) {
            struct subject s;
            struct error err = {0};
            open_subject(&s,
                         kind ? conv_graph(16, forms[i], 0.25)
                              : product_graph(1, forms[i], 0.25),
                         1, timing);
            assert_int_equal(choosing_assign(&s.choosing, &err), 0);
            const struct candidate *taken =
                &s.choices[0].candidates[s.choices[0].taken];
            for (int k = 0; k < s.choices[0].count; k++) {
                const struct candidate *other = &s.choices[0].candidates[k];
                if (other->src == taken->src && other->dst == taken->dst)
                    assert_true(other->ns >= 0.99 * taken->ns);
            }
            close_subject(&s);
        }
    timing_destroy(timing);
}

/* Times the kernel for weights anywhere on a layer with such zeros; -1 where
 * that would measure and may not. */
static int time_anywhere(struct timing *timing, enum sparse_form form,
                         double density, bool may_measure)
{
    struct subject s;
    struct error err = {0};
    struct cancel cancel;
    int status = 0, timed = 0;
    open_subject(&s, product_graph(1, form, density), 1, timing);
    cancel_reset(&cancel);
    if (!may_measure)
        cancel_raise(&cancel);
    s.options.cancel = &cancel;
    for (int i = 0; i < s.choices[0].count; i++) {
        struct candidate *c = &s.choices[0].candidates[i];
        if (c->method != METHOD_SPARSE || c->sparse->form != SPARSE_FORM_ANY)
            continue;
        status = candidate_time(&s.choosing, &s.list.tasks[0], c, &err);
        timed++;
    }
    assert_int_equal(timed, 1);
    assert_true(status == 0 || err.code == ERROR_CANCELLED);
    close_subject(&s);
    return status;
}

static void times_hold_for_zeros_that_lie_alike(void **state)
{
    (void)state;
    struct timing *timing = NULL;
    assert_int_equal(timing_create(&timing, NULL), 0);
    assert_int_equal(time_anywhere(timing, SPARSE_FORM_ANY, 0.45, true), 0);
    assert_int_equal(time_anywhere(timing, SPARSE_FORM_ANY, 0.3, false), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        assert_int_equal(time_anywhere(timing, forms[i], 0.45, false), -1);
        assert_int_equal(time_anywhere(timing, forms[i], 0.45, true), 0);
        assert_int_equal(time_anywhere(timing, forms[i], 0.3, false), 0);
    }
    timing_destroy(timing);
}

/* Also of one that does not serve the densities at which others are timed. */
static void a_kernel_that_may_be_taken_has_a_time(void **state)
{
    static const double densities[] = {0.02, 0.04, 0.1, 0.2};
    (void)state;
    struct timing *timing = NULL;
    assert_int_equal(timing_create(&timing, NULL), 0);
    for (size_t d = 0; d < ARRAY_LENGTH(densities); d++)
        for (int isa = 0; isa <= (int)cpu_isa_detect(); isa++) {
            struct subject s;
            struct error err = {0};
            open_subject_on(&s, (enum cpu_isa)isa,
                            conv_graph(16, SPARSE_FORM_ROWS4, densities[d]), 1,
                            timing);
            s.choosing.measures = true;
            for (int i = 0; i < s.choices[0].count; i++) {
                struct candidate *c = &s.choices[0].candidates[i];
                if (c->method != METHOD_SPARSE)
                    continue;
                assert_int_equal(
                    candidate_time(&s.choosing, &s.list.tasks[0], c, &err), 0);
                if (!isfinite(c->ns))
                    fail_msg("%s at %g has no time", c->sparse->name,
                             densities[d]);
            }
            close_subject(&s);
        }
    timing_destroy(timing);
}

/* A 1x1 layer of which `density` is kept and a depthwise one that is whole. */
static struct graph *separable_graph(int64_t batch, double density)
{
    static const int64_t w[] = {CHANNELS, CHANNELS, 1, 1};
    static const int64_t d[] = {CHANNELS, 1, 3, 3};
    static const char *const inputs[][3] = {{"x", "w", NULL}, {"y", "d", NULL}};
    static const char *const attributes[] = {"pads=1,1,1,1", "group=32", NULL};
    const int64_t x[] = {batch, CHANNELS, SIDE, SIDE};
    struct graph *g = exec_graph();
    exec_constant(g, "w", 1, 1, 4, w);
    exec_constant(g, "d", 1, 2, 4, d);
    exec_node(g, "Conv", inputs[0], "y", NULL);
    exec_node(g, "Conv", inputs[1], "z", attributes);
    const struct kernel_spec spec = {
        .kind = KERNEL_CONV,
        .conv = {
            .groups = 1, .oc = CHANNELS, .ic = CHANNELS, .kh = 1, .kw = 1}};
    prune(g, &spec, SPARSE_FORM_ANY, density);
    return exec_finish(g, "x", 4, x, "z");
}

/* A whole layer of few weights may stay in the layout of sparse neighbours. */
static void neighbours_of_zeros_may_run_in_blocks_of_images(void **state)
{
    static const struct {
        int64_t batch;
        double density;
        int expected;
    } rows[] = {{16, 0.1, 1}, {16, 1, 0}, {1, 0.1, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct subject s;
        open_subject(&s, separable_graph(rows[i].batch, rows[i].density), 1,
                     NULL);
        assert_int_equal(s.list.count, 2);
        assert_int_equal(count_in(&s.choices[1], METHOD_SPARSE, SPARSE_FORM_ANY,
                                  LAYOUT_COUNT),
                         rows[i].expected);
        close_subject(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structured_zeros_may_run_as_zeros_anywhere_or_dense),
        cmocka_unit_test(the_longest_list_of_candidates_ends_with_plain_code),
        cmocka_unit_test(the_fastest_kernel_of_any_form_is_taken),
        cmocka_unit_test(times_hold_for_zeros_that_lie_alike),
        cmocka_unit_test(a_kernel_that_may_be_taken_has_a_time),
        cmocka_unit_test(neighbours_of_zeros_may_run_in_blocks_of_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
