/* oneDNN's kernels against the naive ones, in every layout that they serve. */
#include "base/rng.h"
#include "kernel/onednn.h"
#include "kernel/reference.h"
#include "kernel/layout.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ALIGN = 64 };

static float *make(int64_t elements)
{
    size_t bytes = ((size_t)elements * sizeof(float) + 2 * ALIGN) / ALIGN;
    float *memory = aligned_alloc(ALIGN, bytes * ALIGN);
    assert_non_null(memory);
    memset(memory, 0, bytes * ALIGN);
    return memory;
}

static float *make_random(struct rng *rng, int64_t elements)
{
    float *memory = make(elements);
    for (int64_t i = 0; i < elements; i++)
        memory[i] = (float)rng_normal(rng);
    return memory;
}

static void assert_close(const float *a, const float *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(a[i] - b[i]) <= 1e-4f * (1 + fabsf(b[i]))))
            fail_msg("element %lld is %g, expected %g", (long long)i,
                     (double)a[i], (double)b[i]);
}

static float *converted(const struct layout_desc *from, const float *data,
                        const struct layout_desc *to)
{
    float *out = make(layout_elements(to));
    layout_convert(from, data, to, out, CPU_ISA_SCALAR);
    return out;
}

static struct layout_desc in_layout(struct layout_desc desc, enum layout layout)
{
    desc.layout = layout;
    return desc;
}

/* Runs the problem on plain operands; the caller frees the plain result. */
static float *run_problem(const struct onednn_problem *problem,
                          const float *src, const float *other,
                          const float *before)
{
    struct onednn_engine engine;
    struct onednn_kernel kernel;
    struct onednn_binding binding;
    const struct layout_desc src_plain = in_layout(problem->src, LAYOUT_PLAIN);
    const struct layout_desc other_plain =
        in_layout(problem->other, LAYOUT_PLAIN);
    const struct layout_desc dst_plain = in_layout(problem->dst, LAYOUT_PLAIN);
    assert_int_equal(onednn_engine_open(&engine), 0);
    assert_int_equal(onednn_kernel_create(&kernel, &engine, problem), 0);
    float *x = converted(&src_plain, src, &problem->src);
    float *z = other ? converted(&other_plain, other, &problem->other) : NULL;
    float *y = before ? converted(&dst_plain, before, &problem->dst)
                      : make(layout_elements(&problem->dst));
    void *scratch = make((int64_t)kernel.scratch_bytes);
    assert_int_equal(
        onednn_binding_create(&binding, &engine, &kernel, x, z, y, scratch), 0);
    assert_int_equal(onednn_run(&binding), 0);
    float *plain = converted(&problem->dst, y, &dst_plain);
    onednn_binding_release(&binding);
    onednn_kernel_release(&kernel);
    onednn_engine_close(&engine);
    free(scratch);
    free(x);
    free(z);
    free(y);
    return plain;
}

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
    float *src = make_random(&rng, c->n * c->ic * c->ih * c->iw);
    float *weight =
        make_random(&rng, c->oc * (c->ic / c->groups) * c->kh * c->kw);
    float *bias = make_random(&rng, c->oc);
    float *other = make_random(&rng, results);
    float *expected = make(results);
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
    float *found = run_problem(&problem, src, add && !in_place ? other : NULL,
                               in_place ? other : NULL);
    assert_close(found, expected, results);
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
        float *weight =
            make_random(&rng, c->oc * (c->ic / c->groups) * c->kh * c->kw);
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
        float *src = make_random(&rng, c->n * c->ic * c->ih * c->iw);
        float *weight =
            make_random(&rng, c->ic * (c->oc / c->groups) * c->kh * c->kw);
        float *bias = make_random(&rng, c->oc);
        float *expected = make(results);
        struct kernel_spec spec = {.kind = KERNEL_DECONV, .conv = *c};
        spec.conv.weight = weight;
        spec.conv.bias = bias;
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {LAYOUT_NHWC, c->n, c->ic, c->ih, c->iw, 0},
            .dst = {LAYOUT_NHWC, c->n, c->oc, c->oh, c->ow, 0}};
        reference_deconv(&spec.conv, src, expected);
        float *found = run_problem(&problem, src, NULL, NULL);
        assert_close(found, expected, results);
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
    float *src = make_random(&rng, n * in);
    float *weight = make_random(&rng, in * out);
    float *bias = make_random(&rng, out);
    float *other = make_random(&rng, n * out);
    float *expected = make(n * out);
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
    float *found = run_problem(&problem, src, add ? other : NULL, NULL);
    assert_close(found, expected, n * out);
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
        float *a = make_random(&rng, a_rows * 35);
        float *b = make_random(&rng, b_rows * 42);
        float *expected = make(90);
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {LAYOUT_PLAIN, a_rows * 35, 1, 1, 1, 0},
            .other = {LAYOUT_PLAIN, b_rows * 42, 1, 1, 1, 0},
            .dst = {LAYOUT_PLAIN, 90, 1, 1, 1, 0}};
        reference_matmul(m, a, b, expected);
        float *found = run_problem(&problem, a, b, NULL);
        assert_close(found, expected, 90);
        free(a);
        free(b);
        free(expected);
        free(found);
    }
}

/* --- the rest --- */

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
        float *src = make_random(&rng, p->n * p->c * p->ih * p->iw);
        float *expected = make(results);
        const struct kernel_spec spec = {.kind = KERNEL_POOL, .pool = *p};
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {layouts[i % 4], p->n, p->c, p->ih, p->iw, 0},
            .dst = {layouts[i % 4], p->n, p->c, p->oh, p->ow, 0}};
        reference_pool(p, src, expected);
        float *found = run_problem(&problem, src, NULL, NULL);
        assert_close(found, expected, results);
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
        float *src = make_random(&rng, 2 * 5 * 3 * 3);
        float *expected = make(90);
        for (int i = 0; i < 90; i++) {
            if (kind == ELTWISE_LOG || kind == ELTWISE_SQRT)
                src[i] = fabsf(src[i]) + 0.1f;
            expected[i] = reference_eltwise(&spec.eltwise, src[i]);
        }
        const struct onednn_problem problem = {
            .spec = &spec,
            .src = {LAYOUT_NHWC, 2, 5, 3, 3, 0},
            .dst = {LAYOUT_NHWC, 2, 5, 3, 3, 0}};
        float *found = run_problem(&problem, src, NULL, NULL);
        assert_close(found, expected, 90);
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
    float *src = make_random(&rng, 2 * 3 * 4 * 5);
    float *expected = make(120);
    for (int i = 0; i < 120; i++)
        expected[i] = reference_eltwise(&spec.eltwise, src[i]);
    struct onednn_problem problem = {.spec = &spec,
                                     .src = {LAYOUT_PLANE, 2, 3, 4, 5, 2},
                                     .dst = {LAYOUT_PLANE, 2, 3, 4, 5, 2}};
    float *found = run_problem(&problem, src, NULL, NULL);
    assert_close(found, expected, 120);
    free(src);
    free(expected);
    free(found);
}

static void binary_takes_tensors_channels_and_numbers(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 31);
    float *a = make_random(&rng, 2 * 6 * 4), *b = make_random(&rng, 48);
    float *expected = make(48);
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
            float *found = run_problem(&problem, a, channels ? NULL : b, NULL);
            assert_close(found, expected, 48);
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
    float *src = make_random(&rng, 2 * 5 * 6), *expected = make(60);
    float *parameters = make_random(&rng, 20);
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
    float *found = run_problem(&problem, src, NULL, NULL);
    assert_close(found, expected, 60);
    free(found);
    for (int logarithm = 0; logarithm < 2; logarithm++) {
        const struct kernel_spec softmax = {
            .kind = KERNEL_SOFTMAX, .softmax = {2, 5, 6, logarithm != 0}};
        problem.spec = &softmax;
        problem.src.layout = problem.dst.layout = LAYOUT_PLAIN;
        reference_softmax(&softmax.softmax, src, expected);
        found = run_problem(&problem, src, NULL, NULL);
        assert_close(found, expected, 60);
        free(found);
    }
    free(src);
    free(expected);
    free(parameters);
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
        cmocka_unit_test(pool_agrees_with_the_reference_in_every_layout),
        cmocka_unit_test(eltwise_functions_agree_with_the_reference),
        cmocka_unit_test(zero_keeping_functions_run_on_bordered_planes),
        cmocka_unit_test(binary_takes_tensors_channels_and_numbers),
        cmocka_unit_test(affine_and_softmax_agree_with_the_reference),
        cmocka_unit_test(what_is_not_served_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
