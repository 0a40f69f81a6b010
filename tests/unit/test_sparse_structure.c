/* Structure in zeros: what is found, what is counted, what plans make of it. */
#include "exec/plan.h"
#include "exec_fixture.h"
#include "kernel/sparse_structure.h"
#include "sparse_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OC = 64, IC = 32, SIDE = 3, WEIGHTS = OC * IC * SIDE * SIDE };

static struct kernel_spec conv_spec_of(const float *weight)
{
    struct kernel_spec spec = {.kind = KERNEL_CONV};
    spec.conv = (struct conv_spec){.n = 1,
                                   .groups = 1,
                                   .ic = IC,
                                   .ih = 8,
                                   .iw = 8,
                                   .oc = OC,
                                   .oh = 8,
                                   .ow = 8,
                                   .kh = SIDE,
                                   .kw = SIDE,
                                   .sh = 1,
                                   .sw = 1,
                                   .dh = 1,
                                   .dw = 1,
                                   .pad_top = 1,
                                   .pad_left = 1,
                                   .pad_bottom = 1,
                                   .pad_right = 1,
                                   .weight = weight};
    return spec;
}

static struct sparse_structure drawn(enum sparse_form form, double density,
                                     float *weight)
{
    struct rng rng;
    struct sparse_structure s;
    struct kernel_spec spec = conv_spec_of(weight);
    rng_init(&rng, SEED);
    sparse_structure_draw(&spec, form, density, &rng, weight);
    sparse_structure_of(&s, &spec);
    return s;
}

static void drawn_structure_is_found(void **state)
{
    (void)state;
    static const struct {
        enum sparse_form form;
        double density;
        const char *name;
    } rows[] = {
        {SPARSE_FORM_ANY, 0.3, ""},
        {SPARSE_FORM_ROWS4, 0.3, "block 4x1"},
        {SPARSE_FORM_ROWS16, 0.3, "block 16x1"},
        {SPARSE_FORM_LANES, 0.125, "2:16"},
        {SPARSE_FORM_INPUT16, 0.3, "block 1x16"},
    };
    static float weight[WEIGHTS];
    for (int i = 0; i < COUNT(rows); i++) {
        char text[SPARSE_STRUCTURE_BYTES];
        struct sparse_structure s =
            drawn(rows[i].form, rows[i].density, weight);
        sparse_structure_name(&s, rows[i].form, text, sizeof text);
        assert_string_equal(text, rows[i].name);
        assert_int_equal(s.weights, WEIGHTS);
        assert_int_equal(s.nonzeros, sparse_nonzeros(weight, WEIGHTS));
        assert_int_equal(s.stored[rows[i].form], s.nonzeros);
        assert_true(s.nonzeros > WEIGHTS * rows[i].density * 0.9 &&
                    s.nonzeros < WEIGHTS * rows[i].density * 1.1);
    }
}

/* keep of every `of` input channels, the first ones from `shift` on. */
static void keep_pattern(float *weight, int keep, int of)
{
    for (int o = 0; o < OC; o++)
        for (int i = 0; i < IC; i++)
            for (int k = 0; k < SIDE * SIDE; k++)
                weight[(o * IC + i) * SIDE * SIDE + k] =
                    (i + o + k) % of < keep ? 1.0F : 0.0F;
}

static void n_of_m_is_told_by_its_smallest_group(void **state)
{
    (void)state;
    static const struct {
        int keep, of;
        const char *name;
    } rows[] = {{1, 4, "1:4"}, {2, 4, "2:4"}, {2, 8, "2:8"},
                {4, 8, "4:8"}, {3, 8, "3:8"}, {5, 16, "5:16"}};
    static float weight[WEIGHTS];
    for (int i = 0; i < COUNT(rows); i++) {
        char text[SPARSE_STRUCTURE_BYTES];
        struct sparse_structure s;
        struct kernel_spec spec = conv_spec_of(weight);
        keep_pattern(weight, rows[i].keep, rows[i].of);
        sparse_structure_of(&s, &spec);
        sparse_structure_name(&s, SPARSE_FORM_LANES, text, sizeof text);
        assert_string_equal(text, rows[i].name);
        assert_int_equal(s.stored[SPARSE_FORM_LANES], s.nonzeros);
    }
}

/* 4 x 4 squares of ones by hand: what every form stores. */
static void stored_weights_are_counted(void **state)
{
    (void)state;
    float weight[20 * 20] = {0};
    struct kernel_spec spec = {.kind = KERNEL_PRODUCT};
    struct sparse_structure s;
    spec.product = (struct product_spec){1, 20, 20, false, weight, NULL};
    for (int k = 0; k < 16; k++)
        weight[(4 + k / 4) * 20 + 4 + k % 4] = 1;
    weight[19 * 20 + 19] = 1;
    sparse_structure_of(&s, &spec);
    assert_int_equal(s.nonzeros, 17);
    assert_int_equal(s.stored[SPARSE_FORM_ANY], 17);
    assert_int_equal(s.stored[SPARSE_FORM_ROWS4], 4 * 4 + 4);
    assert_int_equal(s.stored[SPARSE_FORM_ROWS16], 4 * 16 + 16);
    assert_int_equal(s.stored[SPARSE_FORM_LANES], 4 * 16 + 16);
    assert_int_equal(s.stored[SPARSE_FORM_INPUT16], 4 * 16 + 16);
    spec.product.transposed = true; /* both squares lie on the diagonal */
    sparse_structure_of(&s, &spec);
    assert_int_equal(s.stored[SPARSE_FORM_ROWS4], 4 * 4 + 4);
    assert_int_equal(s.stored[SPARSE_FORM_LANES], 4 * 16 + 16);
}

static void depthwise_and_nothing_have_no_structure(void **state)
{
    (void)state;
    static float weight[WEIGHTS];
    char text[SPARSE_STRUCTURE_BYTES];
    struct kernel_spec spec = conv_spec_of(weight);
    struct sparse_structure s;
    memset(weight, 0, sizeof weight);
    sparse_structure_of(&s, &spec);
    assert_int_equal(s.nonzeros, 0);
    for (int form = 0; form < SPARSE_FORM_COUNT; form++) {
        sparse_structure_name(&s, (enum sparse_form)form, text, sizeof text);
        assert_string_equal(text, "");
    }
    spec.conv.groups = spec.conv.ic = OC;
    sparse_structure_of(&s, &spec);
    assert_int_equal(s.stored[SPARSE_FORM_ROWS4], OC * SIDE * SIDE);
    assert_int_equal(s.block, 0);
}

/* One convolution whose zeros are the form's, at batch 1. */
static struct graph *structured_graph(enum sparse_form form, double density)
{
    const int64_t dims[] = {OC, IC, SIDE, SIDE}, in[] = {1, IC, 14, 14};
    struct graph *g = exec_graph();
    exec_constant(g, "w", 1, 1, 4, dims);
    exec_node(g, "Conv", (const char *[]){"x", "w", NULL}, "y",
              (const char *[]){"pads=1,1,1,1", NULL});
    struct graph *instance = exec_finish(g, "x", 4, in, "y"), *out = NULL;
    int id = instance->nodes[0].inputs[1];
    struct tensor tensor;
    struct error err = {0};
    assert_int_equal(
        tensor_init(&tensor, DTYPE_FLOAT32, &instance->values[id].shape, &err),
        0);
    drawn(form, density, tensor.data);
    assert_int_equal(
        graph_with_constants(&out, instance, 1, &id, &tensor, &err), 0);
    tensor_release(&tensor);
    graph_drop(instance);
    return out;
}

static void kernel_names_tell_the_structure(void **state)
{
    (void)state;
    static const struct {
        enum sparse_form form;
        double density;
        const char *begin;
    } rows[] = {{SPARSE_FORM_ROWS16, 0.1, "sparse block 16x1 "},
                {SPARSE_FORM_ROWS4, 0.1, "sparse block 4x1 "},
                {SPARSE_FORM_ANY, 0.1, "sparse_conv_plane_"}};
    for (int i = 0; i < COUNT(rows); i++) {
        struct graph *g = structured_graph(rows[i].form, rows[i].density);
        int64_t count;
        struct plan *plan = exec_plan(g, PLAN_KERNELS_SPARSE, NULL, NULL);
        struct plan *naive = exec_plan(g, PLAN_KERNELS_REFERENCE, NULL, NULL);
        const char *kernel = "";
        for (size_t k = 0; k < plan_step_count(plan); k++)
            if (plan_step_at(plan, k).sparse)
                kernel = plan_step_at(plan, k).kernel;
        if (strncmp(kernel, rows[i].begin, strlen(rows[i].begin)) != 0)
            fail_msg("kernel is '%s', expected '%s...'", kernel, rows[i].begin);
        float *a = exec_run(plan, SEED, &count);
        float *b = exec_run(naive, SEED, &count);
        exec_assert_close(a, b, count, 1e-5);
        free(a);
        free(b);
        plan_drop(plan);
        plan_drop(naive);
        graph_drop(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_structure_is_found),
        cmocka_unit_test(n_of_m_is_told_by_its_smallest_group),
        cmocka_unit_test(stored_weights_are_counted),
        cmocka_unit_test(depthwise_and_nothing_have_no_structure),
        cmocka_unit_test(kernel_names_tell_the_structure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
