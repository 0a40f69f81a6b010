/*
 * Every row of dense_list.h against the naive reference, in memory that is
 * exactly as large as promised.
 */
#include "base/rng.h"
#include "kernel/dense.h"
#include "kernel/layout.h"
#include "kernel/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

enum { ALIGNMENT = 64, SEED = 20261126 };

/* Of the largest output: single precision and Winograd's larger numbers. */
static const double tolerance = 1e-5;

struct shape {
    int64_t n, groups, ic, ih, iw, oc, kernel, stride;
    int64_t top, left, bottom, right;
};

static const struct shape shapes[] = {
    {1, 1, 16, 28, 28, 16, 3, 1, 1, 1, 1, 1}, /* ResNet-20 */
    {1, 1, 32, 14, 14, 32, 3, 1, 1, 1, 1, 1},
    {3, 1, 64, 7, 7, 64, 3, 1, 1, 1, 1, 1},
    {2, 1, 16, 9, 11, 48, 3, 1, 1, 0, 0, 1},  /* uneven padding */
    {1, 1, 48, 6, 5, 16, 3, 1, 0, 0, 0, 0},   /* valid */
    {2, 1, 32, 5, 4, 96, 3, 1, 2, 2, 2, 2},   /* more padding than kernel */
    {1, 1, 112, 13, 3, 80, 3, 1, 1, 1, 1, 1}, /* narrow */
    {9, 1, 16, 16, 17, 16, 3, 1, 1, 1, 1, 1}, /* several groups of tiles */
    {2, 16, 16, 7, 9, 16, 3, 1, 1, 1, 1, 1},  /* depthwise */
    {1, 32, 32, 15, 14, 32, 3, 2, 1, 1, 1, 1},
    {1, 48, 48, 11, 11, 48, 5, 1, 2, 2, 2, 2},
    {3, 48, 48, 7, 7, 48, 3, 1, 1, 1, 1, 1}, /* the same, one tile */
    {1, 16, 16, 5, 1, 16, 3, 1, 1, 1, 1, 1}, /* both edges at one pixel */
    {2, 32, 32, 8, 30, 32, 3, 2, 1, 1, 1, 1},
    {1, 32, 32, 9, 23, 32, 3, 2, 0, 0, 1, 1}, /* uneven padding */
    {1, 16, 16, 6, 19, 16, 3, 1, 2, 0, 2, 0}, /* rows of padding alone */
    {1, 16, 16, 3, 3, 16, 3, 1, 0, 0, 0, 0},
};

static const struct epilogue epilogues[] = {
    {false, {ELTWISE_NONE, 0, 0}},       {false, {ELTWISE_RELU, 0, 0}},
    {true, {ELTWISE_RELU, 0, 0}},        {true, {ELTWISE_NONE, 0, 0}},
    {true, {ELTWISE_CLIP, -0.5F, 0.7F}},
};

static void *allocate(size_t bytes)
{
    size_t rounded = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    void *p = aligned_alloc(ALIGNMENT, rounded);
    assert_non_null(p);
    memset(p, 0xff, rounded); /* not a number wherever nothing is written */
    return p;
}

static float *random_floats(struct rng *rng, int64_t count)
{
    float *p = malloc((size_t)count * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < count; i++)
        p[i] = (float)(rng_uniform(rng) * 2 - 1);
    return p;
}

static struct conv_spec conv_of(const struct shape *s)
{
    return (struct conv_spec){
        .n = s->n,
        .groups = s->groups,
        .ic = s->ic,
        .ih = s->ih,
        .iw = s->iw,
        .oc = s->oc,
        .oh = (s->ih + s->top + s->bottom - s->kernel) / s->stride + 1,
        .ow = (s->iw + s->left + s->right - s->kernel) / s->stride + 1,
        .kh = s->kernel,
        .kw = s->kernel,
        .sh = s->stride,
        .sw = s->stride,
        .dh = 1,
        .dw = 1,
        .pad_top = s->top,
        .pad_left = s->left,
        .pad_bottom = s->bottom,
        .pad_right = s->right};
}

/* A problem in plain layout, what is expected, and its tolerance. */
struct problem {
    struct kernel_spec spec;
    struct layout_desc from, to;
    float *weight, *bias, *src, *other, *expected;
    double allowed;
};

static void init_problem(struct problem *p, struct rng *rng,
                         const struct shape *shape, const struct epilogue *e,
                         bool bias)
{
    struct conv_spec c = conv_of(shape);
    p->from = (struct layout_desc){LAYOUT_PLAIN, c.n, c.ic, c.ih, c.iw, 0};
    p->to = (struct layout_desc){LAYOUT_PLAIN, c.n, c.oc, c.oh, c.ow, 0};
    int64_t count = layout_elements(&p->to);
    p->src = random_floats(rng, layout_elements(&p->from));
    p->other = random_floats(rng, count);
    p->weight =
        random_floats(rng, c.oc * (c.ic / c.groups) * shape->kernel * c.kw);
    p->bias = bias ? random_floats(rng, c.oc) : NULL;
    p->expected = malloc((size_t)count * sizeof(float));
    assert_non_null(p->expected);
    c.weight = p->weight;
    c.bias = p->bias;
    p->spec = (struct kernel_spec){.kind = KERNEL_CONV, .conv = c};
    reference_conv(&c, p->src, p->expected);
    double largest = 1;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)p->expected[i]));
    p->allowed = tolerance * largest;
    reference_epilogue(e, p->expected, e->add ? p->other : NULL, count);
}

static void release_problem(struct problem *p)
{
    free(p->weight);
    free(p->bias);
    free(p->src);
    free(p->other);
    free(p->expected);
}

static float *laid_out(const struct layout_desc *plain, enum layout layout,
                       const float *data)
{
    struct layout_desc desc = *plain;
    desc.layout = layout;
    float *p = malloc((size_t)layout_elements(&desc) * sizeof(float));
    assert_non_null(p);
    layout_convert(plain, data, &desc, p, CPU_ISA_SCALAR);
    return p;
}

static void check_values(const struct problem *p, enum layout layout,
                         const float *dst, const char *text)
{
    struct layout_desc desc = p->to;
    int64_t count = layout_elements(&p->to);
    float *plain = malloc((size_t)count * sizeof(float));
    assert_non_null(plain);
    desc.layout = layout;
    layout_convert(&desc, dst, &p->to, plain, CPU_ISA_SCALAR);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)plain[i] - p->expected[i]) <= p->allowed))
            fail_msg("%s: element %d is %.7g, expected %.7g", text, (int)i,
                     (double)plain[i], (double)p->expected[i]);
    free(plain);
}

/* Whole, and in two calls that must give the same bytes. */
static void check_kernel(const struct dense_kernel *kernel,
                         const struct problem *p, const struct epilogue *e,
                         const char *text)
{
    size_t bytes = (size_t)layout_elements(&p->to) * sizeof(float);
    float *src = laid_out(&p->from, kernel->layout, p->src);
    float *other = laid_out(&p->to, kernel->layout, p->other);
    float *dst = malloc(bytes), *again = malloc(bytes);
    void *packed = allocate(kernel->pack_bytes(&p->spec));
    void *scratch = allocate(kernel->scratch_bytes(&p->spec));
    assert_true(dst && again);
    kernel->pack(&p->spec, packed);
    const struct dense_call call = {.spec = &p->spec,
                                    .epilogue = e,
                                    .packed = packed,
                                    .src = src,
                                    .other = e->add ? other : NULL,
                                    .dst = dst};
    int64_t units = kernel->units(&p->spec);
    kernel->run(&call, scratch, 0, units);
    check_values(p, kernel->layout, dst, text);
    struct dense_call split = call;
    split.dst = again;
    kernel->run(&split, scratch, units / 3, units);
    kernel->run(&split, scratch, 0, units / 3);
    if (memcmp(dst, again, bytes) != 0)
        fail_msg("%s: units in two calls differ", text);
    free(src);
    free(other);
    free(dst);
    free(again);
    free(packed);
    free(scratch);
}

static void every_kernel_agrees_with_the_reference(void **state)
{
    (void)state;
    int ran[64] = {0};
    struct rng rng;
    rng_init(&rng, SEED);
    for (int s = 0; s < COUNT(shapes); s++) {
        for (int e = 0; e < COUNT(epilogues); e++) {
            struct problem p;
            init_problem(&p, &rng, &shapes[s], &epilogues[e], (s + e) % 2);
            for (int k = 0; dense_kernels[k].name; k++) {
                const struct dense_kernel *kernel = &dense_kernels[k];
                char text[128];
                if (kernel->kind != KERNEL_CONV ||
                    kernel->isa > cpu_isa_detect() ||
                    !kernel->serves(&p.spec, &epilogues[e]))
                    continue;
                (void)snprintf(text, sizeof text,
                               "%s, shape %d, epilogue %d, seed %d",
                               kernel->name, s, e, SEED);
                check_kernel(kernel, &p, &epilogues[e], text);
                ran[k]++;
            }
            release_problem(&p);
        }
    }
    for (int k = 0; dense_kernels[k].name; k++)
        if (dense_kernels[k].kind == KERNEL_CONV &&
            dense_kernels[k].isa <= cpu_isa_detect() && ran[k] == 0)
            fail_msg("no shape here is served by %s", dense_kernels[k].name);
}

static void layer_norms_agree_with_the_reference(void **state)
{
    (void)state;
    static const int64_t widths[] = {1, 7, 16, 64, 100};
    const struct epilogue none = {false, {ELTWISE_NONE, 0, 0}};
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < COUNT(widths) * 2; i++) {
        int64_t rows = 3, width = widths[i / 2], count = rows * width;
        float *src = random_floats(&rng, count);
        float *gamma = i % 2 ? random_floats(&rng, width) : NULL;
        float *beta = i % 2 ? random_floats(&rng, width) : NULL;
        struct problem p = {.spec = {.kind = KERNEL_NORM,
                                     .norm = {rows, width, 1e-5F, gamma, beta}},
                            .from = {LAYOUT_PLAIN, rows, width, 1, 1, 0},
                            .to = {LAYOUT_PLAIN, rows, width, 1, 1, 0},
                            .src = src,
                            .other = random_floats(&rng, count),
                            .expected = random_floats(&rng, count),
                            .allowed = tolerance};
        reference_norm(&p.spec.norm, src, p.expected);
        for (int k = 0; dense_kernels[k].name; k++)
            if (dense_kernels[k].kind == KERNEL_NORM &&
                dense_kernels[k].isa <= cpu_isa_detect())
                check_kernel(&dense_kernels[k], &p, &none,
                             dense_kernels[k].name);
        release_problem(&p);
        free(gamma);
        free(beta);
    }
}

static void winograd_is_refused_where_it_does_not_pay(void **state)
{
    (void)state;
    static const struct shape refused[] = {
        {1, 1, 16, 28, 28, 16, 3, 2, 1, 1, 1, 1}, /* stride */
        {1, 1, 16, 28, 28, 16, 5, 1, 2, 2, 2, 2}, /* kernel */
        {1, 1, 1, 28, 28, 16, 3, 1, 1, 1, 1, 1},  /* one channel */
        {1, 1, 16, 28, 28, 20, 3, 1, 1, 1, 1, 1}, /* half a vector */
        {1, 1, 64, 2, 2, 64, 3, 1, 1, 1, 1, 1},   /* tiles mostly outside */
        {1, 1, 512, 7, 7, 512, 3, 1, 1, 1, 1, 1}, /* weights, few tiles */
    };
    const struct epilogue sigmoid = {false, {ELTWISE_SIGMOID, 0, 0}};
    struct kernel_spec spec = {.kind = KERNEL_CONV};
    for (int i = 0; i < COUNT(refused); i++) {
        spec.conv = conv_of(&refused[i]);
        assert_null(dense_kernel_find(&spec, &epilogues[0], CPU_ISA_AVX512));
    }
    spec.conv = conv_of(&shapes[0]);
    assert_non_null(dense_kernel_find(&spec, &epilogues[0], CPU_ISA_SCALAR));
    assert_null(dense_kernel_find(&spec, &sigmoid, CPU_ISA_AVX512));
}

/* Strides of a stack whose rows lie apart as if heads were side by side. */
static struct attention_strides strides_of(int64_t inner, int64_t rows,
                                           int64_t columns, bool turned)
{
    int64_t row = inner * columns;
    return (struct attention_strides){.outer = rows * row,
                                      .inner = columns,
                                      .row = turned ? 1 : row,
                                      .column = turned ? rows * inner : 1};
}

static void attention_agrees_with_the_reference(void **state)
{
    (void)state;
    /* outer, inner, m, n, k, w */
    static const int64_t sizes[][6] = {
        {1, 1, 1, 1, 1, 1},    {2, 4, 50, 50, 16, 16}, {1, 3, 7, 17, 5, 9},
        {2, 2, 13, 33, 8, 40}, {1, 2, 6, 65, 64, 64},  {3, 1, 4, 100, 3, 31}};
    static const struct epilogue none = {false, {ELTWISE_NONE, 0, 0}};
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < COUNT(sizes) * 16; i++) {
        const int64_t *s = sizes[i / 16];
        bool masked = i & 1;
        struct attention_spec a = {.outer = s[0],
                                   .inner = s[1],
                                   .m = s[2],
                                   .n = s[3],
                                   .k = s[4],
                                   .w = s[5],
                                   .scale = 3.25F,
                                   .masked = masked};
        int64_t stacks = a.outer * a.inner, count = stacks * a.m * a.w;
        a.query = strides_of(a.inner, a.m, a.k, false);
        a.key = strides_of(a.inner, a.n, a.k, (i & 2) != 0);
        if (i & 2) /* (outer, inner, k, n), as if transposed already */
            a.key = (struct attention_strides){a.inner * a.k * a.n, a.k * a.n,
                                               1, a.n};
        a.value = strides_of(a.inner, a.n, a.w, false);
        a.mask = (struct attention_strides){0, a.m * a.n, a.n, 1};
        a.result = strides_of(a.inner, a.m, a.w, false);
        float *query = random_floats(&rng, stacks * a.m * a.k);
        float *key = random_floats(&rng, stacks * a.n * a.k);
        float *value = random_floats(&rng, stacks * a.n * a.w);
        float *mask = random_floats(&rng, a.inner * a.m * a.n);
        for (int64_t k = 0; k < a.inner * a.m * a.n; k++)
            if (k % a.n != 0 && mask[k] > 0.5F) /* one key is always seen */
                mask[k] = k % 2 ? -INFINITY : -1e9F;
        uint8_t *choice = allocate((size_t)(a.inner * a.m * a.n));
        for (int64_t k = 0; k < a.inner * a.m * a.n; k++)
            choice[k] = (uint8_t)rng_below(&rng, 2);
        if (i & 4) {
            a.choice = choice;
            a.chosen = (i & 8) != 0;
            a.fill = i & 1 ? -1e4F : -2;
            a.choice_at = a.mask;
            if (i & 8) /* one row for all queries */
                a.choice_at = (struct attention_strides){0, 0, 0, 1};
        }
        struct kernel_spec spec = {.kind = KERNEL_ATTENTION, .attention = a};
        float *expected = random_floats(&rng, count);
        reference_attention(&a, query, key, value, masked ? mask : NULL,
                            expected);
        for (int k = 0; dense_kernels[k].name; k++) {
            const struct dense_kernel *kernel = &dense_kernels[k];
            if (kernel->kind != KERNEL_ATTENTION ||
                kernel->isa > cpu_isa_detect())
                continue;
            assert_true(kernel->serves(&spec, &none));
            void *scratch = allocate(kernel->scratch_bytes(&spec));
            void *packed = allocate(kernel->pack_bytes(&spec));
            float *dst = random_floats(&rng, count);
            kernel->pack(&spec, packed);
            const struct dense_call call = {.spec = &spec,
                                            .epilogue = &none,
                                            .packed = packed,
                                            .src = query,
                                            .other = key,
                                            .more = {value, mask},
                                            .dst = dst};
            int64_t units = kernel->units(&spec);
            kernel->run(&call, scratch, units / 2, units);
            kernel->run(&call, scratch, 0, units / 2);
            for (int64_t e = 0; e < count; e++)
                if (!(fabs((double)dst[e] - expected[e]) <= tolerance))
                    fail_msg("%s, case %d: element %d is %.7g, expected %.7g",
                             kernel->name, i, (int)e, (double)dst[e],
                             (double)expected[e]);
            free(dst);
            free(packed);
            free(scratch);
        }
        free(choice);
        free(query);
        free(key);
        free(value);
        free(mask);
        free(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_agrees_with_the_reference),
        cmocka_unit_test(attention_agrees_with_the_reference),
        cmocka_unit_test(layer_norms_agree_with_the_reference),
        cmocka_unit_test(winograd_is_refused_where_it_does_not_pay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
