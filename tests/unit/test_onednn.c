/* oneDNN's convolutions and products against the naive ones. */
#include "onednn_fixture.h"

#include "kernel/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* --- convolution --- */

static const struct conv_spec conv_cases[] = {
    {.n = 1,
     .groups = 1,
     .ic = 1,
     .ih = 9,
     .iw = 7,
     .oc = 5,
     .oh = 9,
     .ow = 7,
     .kh = 3,
     .kw = 3,
     .sh = 1,
     .sw = 1,
     .dh = 1,
     .dw = 1,
     .pad_top = 1,
     .pad_left = 1,
     .pad_bottom = 1,
     .pad_right = 1},
    {.n = 3,
     .groups = 1,
     .ic = 16,
     .ih = 8,
     .iw = 8,
     .oc = 32,
     .oh = 4,
     .ow = 4,
     .kh = 3,
     .kw = 3,
     .sh = 2,
     .sw = 2,
     .dh = 1,
     .dw = 1,
     .pad_top = 1,
     .pad_left = 1,
     .pad_bottom = 1,
     .pad_right = 1},
    {.n = 2,
     .groups = 20,
     .ic = 20,
     .ih = 6,
     .iw = 6,
     .oc = 20,
     .oh = 6,
     .ow = 6,
     .kh = 3,
     .kw = 3,
     .sh = 1,
     .sw = 1,
     .dh = 1,
     .dw = 1,
     .pad_top = 1,
     .pad_left = 1,
     .pad_bottom = 1,
     .pad_right = 1},
    {.n = 1,
     .groups = 2,
     .ic = 6,
     .ih = 10,
     .iw = 9,
     .oc = 4,
     .oh = 4,
     .ow = 6,
     .kh = 3,
     .kw = 2,
     .sh = 2,
     .sw = 1,
     .dh = 2,
     .dw = 3,
     .pad_top = 0,
     .pad_left = 0,
     .pad_bottom = 1,
     .pad_right = 0},
    {.n = 2,
     .groups = 1,
     .ic = 3,
     .ih = 1,
     .iw = 17,
     .oc = 7,
     .oh = 1,
     .ow = 17,
     .kh = 1,
     .kw = 5,
     .sh = 1,
     .sw = 1,
     .dh = 1,
     .dw = 1,
     .pad_top = 0,
     .pad_left = 2,
     .pad_bottom = 0,
     .pad_right = 2},
};

/* One case with and without an addend, an activation and a bias. */
static void check_conv(const struct conv_spec *c, enum layout layout, bool add,
                       bool in_place, struct eltwise_spec activation)
{
    struct rng rng;
    rng_init(&rng, 7);
    int64_t results = c->n * c->oc * c->oh * c->ow;
    float *src = onednn_make_random(&rng, c->n * c->ic * c->ih * c->iw);
    float *weight =
        onednn_make_random(&rng, c->oc * (c->ic / c->groups) * c->kh * c->kw);
    float *bias = onednn_make_random(&rng, c->oc);
    float *other = onednn_make_random(&rng, results);
    float *expected = onednn_make(results);
    struct kernel_spec spec = {.kind = KERNEL_CONV, .conv = *c};
    spec.conv.weight = weight;
    spec.conv.bias = add ? bias : NULL;
    const struct epilogue epilogue = {.add = add, .activation = activation};
    struct onednn_problem problem = {
        .spec = &spec,
        .epilogue = &epilogue,
        .add_in_place = in_place,
        .src = {layout, c->n, c->ic, c->ih, c->iw, 0},
        .dst = {layout, c->n, c->oc, c->oh, c->ow, 0}};
    problem.other = problem.dst;
    reference_conv(&spec.conv, src, expected);
    reference_epilogue(&epilogue, expected, add ? other : NULL, results);
    float *found =
        onednn_run_problem(&problem, src, add && !in_place ? other : NULL,
                           in_place ? other : NULL);
    onednn_assert_close(found, expected, results);
    free(src);
    free(weight);
    free(bias);
    free(other);
    free(expected);
    free(found);
}

static void conv_agrees_with_the_reference_in_every_layout(void **state)
{
    (void)state;
    static const struct eltwise_spec none = {ELTWISE_NONE, 0, 0};
    static const struct eltwise_spec relu6 = {ELTWISE_CLIP, 0, 6};
    for (size_t i = 0; i < sizeof(conv_cases) / sizeof(conv_cases[0]); i++)
        for (int layout = LAYOUT_PLAIN; layout <= LAYOUT_BLOCK16; layout++) {
            check_conv(&conv_cases[i], (enum layout)layout, false, false, none);
            check_conv(&conv_cases[i], (enum layout)layout, true, false, relu6);
            check_conv(&conv_cases[i], (enum layout)layout, true, true, relu6);
        }
}

static void preferred_layouts_have_a_name_and_serve(void **state)
{
    (void)state;
    struct onednn_engine engine;
    assert_int_equal(onednn_engine_open(&engine), 0);
    for (size_t i = 0; i < sizeof(conv_cases) / sizeof(conv_cases[0]); i++) {
        const struct conv_spec *c = &conv_cases[i];
        struct rng rng;
        rng_init(&rng, 3);
        float *weight = onednn_make_random(&rng, c->oc * (c->ic / c->groups) *
                                                     c->kh * c->kw);
        struct kernel_spec spec = {.kind = KERNEL_CONV, .conv = *c};
        spec.conv.weight = weight;
        struct onednn_problem problem = {
            .spec = &spec,
            .src = {LAYOUT_PLAIN, c->n, c->ic, c->ih, c->iw, 0},
            .dst = {LAYOUT_PLAIN, c->n, c->oc, c->oh, c->ow, 0}};
        enum layout src, dst;
        assert_int_equal(onednn_preferred(&engine, &problem, &src, &dst), 0);
        assert_true(src <= LAYOUT_BLOCK16 && dst <= LAYOUT_BLOCK16);
        problem.src.layout = src;
        problem.dst.layout = dst;
        struct onednn_kernel kernel;
        assert_int_equal(onednn_kernel_create(&kernel, &engine, &problem), 0);
        assert_true(kernel.packed_bytes > 0);
        onednn_kernel_release(&kernel);
        free(weight);
    }
    onednn_engine_close(&engine);
}

static void deconv_agrees_with_the_reference(void **state)
{
    (void)state;
    static const struct conv_spec cases[] = {
        {.n = 2,
         .groups = 1,
         .ic = 4,
         .ih = 5,
         .iw = 4,
         .oc = 6,
         .oh = 10,
         .ow = 8,
         .kh = 4,
         .kw = 4,
         .sh = 2,
         .sw = 2,
         .dh = 1,
         .dw = 1,
         .pad_top = 1,
         .pad_left = 1,
         .pad_bottom = 1,
         .pad_right = 1},
        {.n = 1,
         .groups = 2,
         .ic = 4,
         .ih = 5,
         .iw = 5,
         .oc = 6,
         .oh = 7,
         .ow = 7,
         .kh = 3,
         .kw = 3,
         .sh = 1,
         .sw = 1,
         .dh = 1,
         .dw = 1},
    };
    for (size_t i = 0; i < 2; i++) {
        const struct conv_spec *c = &cases[i];
        struct rng rng;
        rng_init(&rng, 11);
        int64_t results = c->n * c->oc * c->oh * c->ow;
        float *src = onednn_make_random(&rng, c->n * c->ic * c->ih * c->iw);
        float *weight = onednn_make_random(&rng, c->ic * (c->oc / c->groups) *
                                                     c->kh * c->kw);
        float *bias = onednn_make_random(&rng, c->oc);
        float *expected = onednn_make(results);
        struct kernel_spec spec = {.kind = KERNEL_DECONV, .conv = *c};
        spec.conv.weight = weight;
        spec.conv.bias = bias;
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {LAYOUT_NHWC, c->n, c->ic, c->ih, c->iw, 0},
            .dst = {LAYOUT_NHWC, c->n, c->oc, c->oh, c->ow, 0}};
        reference_deconv(&spec.conv, src, expected);
        float *found = onednn_run_problem(&problem, src, NULL, NULL);
        onednn_assert_close(found, expected, results);
        free(src);
        free(weight);
        free(bias);
        free(expected);
        free(found);
    }
}

/* --- products --- */

static void check_product(int64_t n, bool transposed, bool add)
{
    struct rng rng;
    rng_init(&rng, 13);
    const int64_t in = 37, out = 11;
    float *src = onednn_make_random(&rng, n * in);
    float *weight = onednn_make_random(&rng, in * out);
    float *bias = onednn_make_random(&rng, out);
    float *other = onednn_make_random(&rng, n * out);
    float *expected = onednn_make(n * out);
    const struct kernel_spec spec = {.kind = KERNEL_PRODUCT,
                                     .product = {.n = n,
                                                 .in = in,
                                                 .out = out,
                                                 .transposed = transposed,
                                                 .weight = weight,
                                                 .bias = bias}};
    const struct epilogue epilogue = {.add = add,
                                      .activation = {ELTWISE_RELU, 0, 0}};
    struct onednn_problem problem = {.spec = &spec,
                                     .epilogue = &epilogue,
                                     .src = {LAYOUT_PLAIN, n, in, 1, 1, 0},
                                     .dst = {LAYOUT_PLAIN, n, out, 1, 1, 0}};
    problem.other = problem.dst;
    reference_product(&spec.product, src, expected);
    reference_epilogue(&epilogue, expected, add ? other : NULL, n * out);
    float *found = onednn_run_problem(&problem, src, add ? other : NULL, NULL);
    onednn_assert_close(found, expected, n * out);
    free(src);
    free(weight);
    free(bias);
    free(other);
    free(expected);
    free(found);
}

static void product_agrees_with_the_reference(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 17; n += 8)
        for (int flags = 0; flags < 4; flags++)
            check_product(n, flags & 1, flags & 2);
}

static void matmul_broadcasts_its_batch(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 17);
    for (int flags = 0; flags < 4; flags++) {
        const struct kernel_spec spec = {
            .kind = KERNEL_MATMUL,
            .matmul = {3, 5, 7, 6, (flags & 1) != 0, flags == 2}};
        const struct matmul_spec *m = &spec.matmul;
        const int64_t a_rows = m->broadcast_a ? 1 : 3;
        const int64_t b_rows = m->broadcast_b ? 1 : 3;
        float *a = onednn_make_random(&rng, a_rows * 35);
        float *b = onednn_make_random(&rng, b_rows * 42);
        float *expected = onednn_make(90);
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {LAYOUT_PLAIN, a_rows * 35, 1, 1, 1, 0},
            .other = {LAYOUT_PLAIN, b_rows * 42, 1, 1, 1, 0},
            .dst = {LAYOUT_PLAIN, 90, 1, 1, 1, 0}};
        reference_matmul(m, a, b, expected);
        float *found = onednn_run_problem(&problem, a, b, NULL);
        onednn_assert_close(found, expected, 90);
        free(a);
        free(b);
        free(expected);
        free(found);
    }
}

static void what_is_not_served_is_refused(void **state)
{
    (void)state;
    struct onednn_engine engine;
    struct onednn_kernel kernel;
    float weight[9] = {0};
    char version[32];
    const struct kernel_spec conv = {.kind = KERNEL_CONV,
                                     .conv = {.n = 1,
                                              .groups = 1,
                                              .ic = 1,
                                              .ih = 3,
                                              .iw = 3,
                                              .oc = 1,
                                              .oh = 9,
                                              .ow = 9,
                                              .kh = 3,
                                              .kw = 3,
                                              .sh = 1,
                                              .sw = 1,
                                              .dh = 1,
                                              .dw = 1,
                                              .weight = weight}};
    const struct kernel_spec erf = {.kind = KERNEL_ELTWISE,
                                    .eltwise = {ELTWISE_ERF, 0, 0}};
    const struct kernel_spec none = {.kind = KERNEL_NONE};
    const struct kernel_spec *const specs[] = {&conv, &erf, &none};
    assert_int_equal(onednn_engine_open(&engine), 0);
    for (size_t i = 0; i < 3; i++) {
        const struct onednn_problem problem = {
            .spec = specs[i],
            .src = {LAYOUT_NHWC, 1, 1, 3, 3, 0},
            .dst = {LAYOUT_NHWC, 1, 1, 9, 9, 0}};
        assert_int_equal(onednn_kernel_create(&kernel, &engine, &problem), -1);
    }
    onednn_engine_close(&engine);
    onednn_version(version, sizeof(version));
    assert_true(strchr(version, '.') != NULL);
}

int main(void)
{
    onednn_set_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_agrees_with_the_reference_in_every_layout),
        cmocka_unit_test(preferred_layouts_have_a_name_and_serve),
        cmocka_unit_test(deconv_agrees_with_the_reference),
        cmocka_unit_test(product_agrees_with_the_reference),
        cmocka_unit_test(matmul_broadcasts_its_batch),
        cmocka_unit_test(what_is_not_served_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
