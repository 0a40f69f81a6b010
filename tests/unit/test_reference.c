/* The reference kernels on values worked out by hand. */
#include "kernel/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void check(const float *found, const float *expected, int count)
{
    for (int i = 0; i < count; i++)
        if (!(fabsf(found[i] - expected[i]) <= 1e-6f))
            fail_msg("element %d is %g, expected %g", i, (double)found[i],
                     (double)expected[i]);
}

static const float ramp[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

/* A 3x3 image under a 2x2 kernel with one row and column of padding. */
static void conv_pads_with_zeros(void **state)
{
    (void)state;
    static const float weight[4] = {1, 2, 3, 4}, bias[1] = {0.5f};
    static const float expected[9] = {4.5f,  11.5f, 18.5f, 18.5f, 37.5f,
                                      47.5f, 36.5f, 67.5f, 77.5f};
    struct conv_spec spec = {.n = 1,
                             .groups = 1,
                             .ic = 1,
                             .ih = 3,
                             .iw = 3,
                             .oc = 1,
                             .oh = 3,
                             .ow = 3,
                             .kh = 2,
                             .kw = 2,
                             .sh = 1,
                             .sw = 1,
                             .dh = 1,
                             .dw = 1,
                             .pad_top = 1,
                             .pad_left = 1,
                             .weight = weight,
                             .bias = bias};
    float out[9];
    reference_conv(&spec, ramp, out);
    check(out, expected, 9);
}

/* Two groups: each output channel sees one input channel; stride 2,
 * dilation 2. */
static void conv_groups_strides_and_dilates(void **state)
{
    (void)state;
    static const float src[10] = {1, 2, 3, 4, 5, -1, -2, -3, -4, -5};
    static const float weight[4] = {1, 10, 1, 10};
    static const float both[4] = {1 + 30, 3 + 50, -1 - 30, -3 - 50};
    struct conv_spec spec = {.n = 1,
                             .groups = 2,
                             .ic = 2,
                             .ih = 1,
                             .iw = 5,
                             .oc = 2,
                             .oh = 1,
                             .ow = 2,
                             .kh = 1,
                             .kw = 2,
                             .sh = 1,
                             .sw = 2,
                             .dh = 1,
                             .dw = 2,
                             .weight = weight};
    float out[4];
    reference_conv(&spec, src, out);
    check(out, both, 4);
}

static void deconv_spreads_each_input(void **state)
{
    (void)state;
    static const float src[2] = {1, 2}, weight[3] = {1, 10, 100};
    static const float expected[6] = {1, 10, 102, 20, 200, 0};
    struct conv_spec spec = {.n = 1,
                             .groups = 1,
                             .ic = 1,
                             .ih = 1,
                             .iw = 2,
                             .oc = 1,
                             .oh = 1,
                             .ow = 6, /* one column of output padding */
                             .kh = 1,
                             .kw = 3,
                             .sh = 1,
                             .sw = 2,
                             .dh = 1,
                             .dw = 1,
                             .pad_right = -1,
                             .weight = weight};
    float out[6];
    reference_deconv(&spec, src, out);
    check(out, expected, 6);
}

static void product_takes_both_orders_of_the_weight(void **state)
{
    (void)state;
    static const float src[4] = {1, 2, 3, 4}, bias[3] = {1, 0, -1};
    static const float rows[6] = {1, 2, 3, 4, 5, 6};
    static const float columns[6] = {1, 3, 5, 2, 4, 6};
    static const float expected[6] = {6, 11, 16, 12, 25, 38};
    struct product_spec spec = {2, 2, 3, false, rows, bias};
    float out[6];
    reference_product(&spec, src, out);
    check(out, expected, 6);
    spec.transposed = true;
    spec.weight = columns;
    reference_product(&spec, src, out);
    check(out, expected, 6);
}

static void sums_are_kept_in_double(void **state)
{
    (void)state;
    static const float src[4] = {1e8f, 1, -1e8f, 1}, ones[4] = {1, 1, 1, 1};
    struct product_spec spec = {1, 4, 1, false, ones, NULL};
    float out;
    reference_product(&spec, src, &out);
    assert_true(out == 2);
}

static void matmul_broadcasts_one_operand(void **state)
{
    (void)state;
    static const float a[4] = {1, 2, 3, 4}, b[2] = {10, 1};
    static const float expected[2] = {12, 34};
    struct matmul_spec spec = {2, 1, 2, 1, false, true};
    float out[2];
    reference_matmul(&spec, a, b, out);
    check(out, expected, 2);
}

static struct pool_spec pool(bool average, bool count_padding)
{
    return (struct pool_spec){.average = average,
                              .count_padding = count_padding,
                              .n = 1,
                              .c = 1,
                              .ih = 3,
                              .iw = 3,
                              .oh = 2,
                              .ow = 2,
                              .kh = 2,
                              .kw = 2,
                              .sh = 2,
                              .sw = 2,
                              .dh = 1,
                              .dw = 1,
                              .pad_top = 1,
                              .pad_left = 1};
}

static void max_pool_never_sees_the_padding(void **state)
{
    (void)state;
    static const float src[9] = {-1, -2, -3, -4, -5, -6, -7, -8, -9};
    static const float expected[4] = {-1, -2, -4, -5};
    struct pool_spec spec = pool(false, false);
    float out[4];
    reference_pool(&spec, src, out);
    check(out, expected, 4);
}

static void average_pool_divides_by_what_it_counts(void **state)
{
    (void)state;
    static const float without[4] = {1, 2.5f, 5.5f, 7};
    static const float with[4] = {0.25f, 1.25f, 2.75f, 7};
    struct pool_spec spec = pool(true, false);
    float out[4];
    reference_pool(&spec, ramp, out);
    check(out, without, 4);
    spec = pool(true, true);
    reference_pool(&spec, ramp, out);
    check(out, with, 4);
}

/* Ceil mode: the last window reaches beyond the image, where nothing counts.
 */
static void a_window_beyond_the_padding_counts_nothing(void **state)
{
    (void)state;
    static const float expected[4] = {3, 4.5f, 7.5f, 9};
    struct pool_spec spec = pool(true, true);
    spec.pad_top = spec.pad_left = 0;
    float out[4];
    reference_pool(&spec, ramp, out);
    check(out, expected, 4);
}

static void max_pool_keeps_nan(void **state)
{
    (void)state;
    float src[9] = {1, 2, 3, 4, NAN, 6, 7, 8, 9}, out[4];
    struct pool_spec spec = pool(false, false);
    reference_pool(&spec, src, out);
    assert_true(isnan(out[3]));
    assert_true(out[0] == 1);
}

static void affine_scales_each_channel(void **state)
{
    (void)state;
    static const float gamma[2] = {2, 3}, beta[2] = {1, -1};
    static const float mean[2] = {1, 0}, variance[2] = {3, 0};
    static const float src[4] = {1, 3, 1, 2}, expected[4] = {1, 3, 2, 5};
    struct affine_spec spec = {1, 2, 2, gamma, beta, mean, variance, 1};
    float out[4];
    reference_affine(&spec, src, out);
    check(out, expected, 4);
}

static void softmax_does_not_overflow(void **state)
{
    (void)state;
    static const float src[3] = {1000, 1000, 0}, expected[3] = {0.5f, 0.5f, 0};
    struct softmax_spec spec = {1, 3, 1, false};
    float out[3];
    reference_softmax(&spec, src, out);
    check(out, expected, 3);
    spec.logarithm = true;
    reference_softmax(&spec, src, out);
    assert_true(fabsf(out[2] + 1000.6931f) < 1e-3f);
}

static void softmax_runs_along_an_inner_axis(void **state)
{
    (void)state;
    static const float src[4] = {0, 5, 0, 5};
    static const float expected[4] = {0.5f, 0.5f, 0.5f, 0.5f};
    struct softmax_spec spec = {1, 2, 2, false};
    float out[4];
    reference_softmax(&spec, src, out);
    check(out, expected, 4);
}

static float apply(enum eltwise_kind kind, float alpha, float beta, float x)
{
    struct eltwise_spec spec = {kind, alpha, beta};
    return reference_eltwise(&spec, x);
}

static void functions_have_their_known_values(void **state)
{
    (void)state;
    static const struct {
        enum eltwise_kind kind;
        float alpha, beta, x, y;
    } rows[] = {
        {ELTWISE_NONE, 0, 0, -2, -2},
        {ELTWISE_RELU, 0, 0, -2, 0},
        {ELTWISE_RELU, 0, 0, -INFINITY, 0},
        {ELTWISE_RELU, 2, 0, -2, -4},
        {ELTWISE_CLIP, -1, 2, 5, 2},
        {ELTWISE_CLIP, -1, 2, -5, -1},
        {ELTWISE_SIGMOID, 0, 0, 0, 0.5f},
        {ELTWISE_SIGMOID, 0, 0, -200, 0},
        {ELTWISE_TANH, 0, 0, 0.5f, 0.46211716f},
        {ELTWISE_ELU, 2, 0, -1, -1.2642411f},
        {ELTWISE_HARDSIGMOID, 0.2f, 0.5f, 1, 0.7f},
        {ELTWISE_HARDSWISH, 0, 0, 1, 0.6666667f},
        {ELTWISE_HARDSWISH, 0, 0, -4, 0},
        {ELTWISE_SOFTPLUS, 0, 0, 0, 0.6931472f},
        {ELTWISE_SOFTPLUS, 0, 0, 100, 100},
        {ELTWISE_ERF, 0, 0, 0.5f, 0.5204999f},
        {ELTWISE_GELU, 0, 0, 1, 0.8413447f},
        {ELTWISE_EXP, 0, 0, 1, 2.7182817f},
        {ELTWISE_LOG, 0, 0, 2, 0.6931472f},
        {ELTWISE_SQRT, 0, 0, 2, 1.4142135f},
        {ELTWISE_ABS, 0, 0, -3, 3},
        {ELTWISE_NEG, 0, 0, 3, -3},
    };
    bool seen[ELTWISE_KIND_COUNT] = {false};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float y = apply(rows[i].kind, rows[i].alpha, rows[i].beta, rows[i].x);
        check(&y, &rows[i].y, 1);
        seen[rows[i].kind] = true;
    }
    for (int kind = 0; kind < ELTWISE_KIND_COUNT; kind++) {
        assert_true(seen[kind]);
        assert_true(isnan(apply((enum eltwise_kind)kind, 1, 1, NAN)));
    }
}

static void pairs_are_combined(void **state)
{
    (void)state;
    static const float expected[BINARY_KIND_COUNT] = {
        [BINARY_ADD] = 8, [BINARY_SUB] = 4, [BINARY_MUL] = 12,
        [BINARY_DIV] = 3, [BINARY_MAX] = 6, [BINARY_MIN] = 2,
    };
    for (int kind = 0; kind < BINARY_KIND_COUNT; kind++) {
        enum binary_kind k = (enum binary_kind)kind;
        float y = reference_binary(k, 6, 2);
        check(&y, &expected[kind], 1);
        assert_true(isnan(reference_binary(k, NAN, 2)));
        assert_true(isnan(reference_binary(k, 2, NAN)));
    }
}

static void an_epilogue_adds_then_activates(void **state)
{
    (void)state;
    struct epilogue epilogue = {true, {ELTWISE_RELU, 0, 0}};
    float value[3] = {1, -3, 2};
    static const float other[3] = {-2, 5, 1}, expected[3] = {0, 2, 3};
    reference_epilogue(&epilogue, value, other, 3);
    check(value, expected, 3);
    static const float plain[2] = {-1, 1};
    float untouched[2] = {-1, 1};
    epilogue = (struct epilogue){.activation.kind = ELTWISE_NONE};
    reference_epilogue(&epilogue, untouched, NULL, 2);
    check(untouched, plain, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_pads_with_zeros),
        cmocka_unit_test(conv_groups_strides_and_dilates),
        cmocka_unit_test(deconv_spreads_each_input),
        cmocka_unit_test(product_takes_both_orders_of_the_weight),
        cmocka_unit_test(sums_are_kept_in_double),
        cmocka_unit_test(matmul_broadcasts_one_operand),
        cmocka_unit_test(max_pool_never_sees_the_padding),
        cmocka_unit_test(average_pool_divides_by_what_it_counts),
        cmocka_unit_test(a_window_beyond_the_padding_counts_nothing),
        cmocka_unit_test(max_pool_keeps_nan),
        cmocka_unit_test(affine_scales_each_channel),
        cmocka_unit_test(softmax_does_not_overflow),
        cmocka_unit_test(softmax_runs_along_an_inner_axis),
        cmocka_unit_test(functions_have_their_known_values),
        cmocka_unit_test(pairs_are_combined),
        cmocka_unit_test(an_epilogue_adds_then_activates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
