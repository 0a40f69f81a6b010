/* oneDNN's pools, element-wise functions, norms and softmax against the naive
 * ones, in every layout that they serve. */
#include "onednn_fixture.h"

#include "kernel/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void pool_agrees_with_the_reference_in_every_layout(void **state)
{
    (void)state;
    static const struct pool_spec cases[] = {
        {.n = 2,
         .c = 5,
         .ih = 8,
         .iw = 6,
         .oh = 4,
         .ow = 3,
         .kh = 2,
         .kw = 2,
         .sh = 2,
         .sw = 2,
         .dh = 1,
         .dw = 1},
        {.average = true,
         .n = 3,
         .c = 16,
         .ih = 7,
         .iw = 7,
         .oh = 1,
         .ow = 1,
         .kh = 7,
         .kw = 7,
         .sh = 1,
         .sw = 1,
         .dh = 1,
         .dw = 1},
        {.average = true,
         .count_padding = true,
         .n = 1,
         .c = 3,
         .ih = 6,
         .iw = 6,
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
        {.n = 17,
         .c = 4,
         .ih = 7,
         .iw = 7,
         .oh = 4,
         .ow = 4,
         .kh = 2,
         .kw = 2,
         .sh = 2,
         .sw = 2,
         .dh = 1,
         .dw = 1}, /* rounded up */
        {.average = true,
         .n = 2,
         .c = 4,
         .ih = 7,
         .iw = 7,
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
    };
    static const enum layout layouts[] = {LAYOUT_PLAIN, LAYOUT_NHWC,
                                          LAYOUT_BLOCK16, LAYOUT_IMAGE16};
    for (size_t i = 0; i < 4 * sizeof(cases) / sizeof(cases[0]); i++) {
        const struct pool_spec *p = &cases[i / 4];
        struct rng rng;
        rng_init(&rng, 19);
        int64_t results = p->n * p->c * p->oh * p->ow;
        float *src = onednn_make_random(&rng, p->n * p->c * p->ih * p->iw);
        float *expected = onednn_make(results);
        const struct kernel_spec spec = {.kind = KERNEL_POOL, .pool = *p};
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {layouts[i % 4], p->n, p->c, p->ih, p->iw, 0},
            .dst = {layouts[i % 4], p->n, p->c, p->oh, p->ow, 0}};
        reference_pool(p, src, expected);
        float *found = onednn_run_problem(&problem, src, NULL, NULL);
        onednn_assert_close(found, expected, results);
        free(src);
        free(expected);
        free(found);
    }
}

static void eltwise_functions_agree_with_the_reference(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 23);
    int served = 0;
    for (int kind = ELTWISE_NONE + 1; kind < ELTWISE_KIND_COUNT; kind++) {
        const struct kernel_spec spec = {
            .kind = KERNEL_ELTWISE,
            .eltwise = {(enum eltwise_kind)kind, 0.2f, 0.5f}};
        if (!onednn_serves_eltwise(&spec.eltwise))
            continue;
        served++;
        float *src = onednn_make_random(&rng, 2 * 5 * 3 * 3);
        float *expected = onednn_make(90);
        for (int i = 0; i < 90; i++) {
            if (kind == ELTWISE_LOG || kind == ELTWISE_SQRT)
                src[i] = fabsf(src[i]) + 0.1f;
            expected[i] = reference_eltwise(&spec.eltwise, src[i]);
        }
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {LAYOUT_NHWC, 2, 5, 3, 3, 0},
            .dst = {LAYOUT_NHWC, 2, 5, 3, 3, 0}};
        float *found = onednn_run_problem(&problem, src, NULL, NULL);
        onednn_assert_close(found, expected, 90);
        free(src);
        free(expected);
        free(found);
    }
    assert_true(served >= 10);
}

static void zero_keeping_functions_run_on_bordered_planes(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 29);
    const struct kernel_spec spec = {.kind = KERNEL_ELTWISE,
                                     .eltwise = {ELTWISE_RELU, 0.1f, 0}};
    float *src = onednn_make_random(&rng, 2 * 3 * 4 * 5);
    float *expected = onednn_make(120);
    for (int i = 0; i < 120; i++)
        expected[i] = reference_eltwise(&spec.eltwise, src[i]);
    struct onednn_problem problem = {.spec = &spec,
                                     .src = {LAYOUT_PLANE, 2, 3, 4, 5, 2},
                                     .dst = {LAYOUT_PLANE, 2, 3, 4, 5, 2}};
    float *found = onednn_run_problem(&problem, src, NULL, NULL);
    onednn_assert_close(found, expected, 120);
    free(src);
    free(expected);
    free(found);
}

static void binary_takes_tensors_channels_and_numbers(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 31);
    float *a = onednn_make_random(&rng, 2 * 6 * 4),
          *b = onednn_make_random(&rng, 48);
    float *expected = onednn_make(48);
    for (int kind = 0; kind < BINARY_KIND_COUNT; kind++)
        for (int channels = 0; channels <= 6; channels += channels ? 5 : 1) {
            const struct kernel_spec spec = {
                .kind = KERNEL_BINARY,
                .binary = {.kind = (enum binary_kind)kind,
                           .same_shape = channels == 0,
                           .constant = channels ? b : NULL,
                           .constant_operand = channels ? 1 : -1,
                           .constant_channels = channels}};
            for (int i = 0; i < 48; i++) {
                float y = channels == 0   ? b[i]
                          : channels == 1 ? b[0]
                                          : b[i / 4 % 6];
                expected[i] = reference_binary((enum binary_kind)kind, a[i], y);
            }
            struct onednn_problem problem = {
                .spec = &spec,
                .src = {LAYOUT_BLOCK16, 2, 6, 2, 2, 0},
                .dst = {LAYOUT_BLOCK16, 2, 6, 2, 2, 0}};
            problem.other = problem.src;
            float *found =
                onednn_run_problem(&problem, a, channels ? NULL : b, NULL);
            onednn_assert_close(found, expected, 48);
            free(found);
        }
    free(a);
    free(b);
    free(expected);
}

static void affine_and_softmax_agree_with_the_reference(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 37);
    float *src = onednn_make_random(&rng, 2 * 5 * 6),
          *expected = onednn_make(60);
    float *parameters = onednn_make_random(&rng, 20);
    for (int i = 15; i < 20; i++)
        parameters[i] = fabsf(parameters[i]) + 0.2f;
    const struct kernel_spec affine = {
        .kind = KERNEL_AFFINE,
        .affine = {2, 5, 6, parameters, parameters + 5, parameters + 10,
                   parameters + 15, 1e-5f}};
    struct onednn_problem problem = {.spec = &affine,
                                     .src = {LAYOUT_NHWC, 2, 5, 2, 3, 0},
                                     .dst = {LAYOUT_NHWC, 2, 5, 2, 3, 0}};
    reference_affine(&affine.affine, src, expected);
    float *found = onednn_run_problem(&problem, src, NULL, NULL);
    onednn_assert_close(found, expected, 60);
    free(found);
    for (int logarithm = 0; logarithm < 2; logarithm++) {
        const struct kernel_spec softmax = {
            .kind = KERNEL_SOFTMAX, .softmax = {2, 5, 6, logarithm != 0}};
        problem.spec = &softmax;
        problem.src.layout = problem.dst.layout = LAYOUT_PLAIN;
        reference_softmax(&softmax.softmax, src, expected);
        found = onednn_run_problem(&problem, src, NULL, NULL);
        onednn_assert_close(found, expected, 60);
        free(found);
    }
    free(src);
    free(expected);
    free(parameters);
}

int main(void)
{
    onednn_set_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_agrees_with_the_reference_in_every_layout),
        cmocka_unit_test(eltwise_functions_agree_with_the_reference),
        cmocka_unit_test(zero_keeping_functions_run_on_bordered_planes),
        cmocka_unit_test(binary_takes_tensors_channels_and_numbers),
        cmocka_unit_test(affine_and_softmax_agree_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
