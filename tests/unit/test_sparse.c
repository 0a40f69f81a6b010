/*
 * Every row of kernel_list.h against the naive reference, in memory that is
 * exactly as large as promised, so that the address sanitizer sees a read or
 * write beyond.
 */
#include "base/rng.h"
#include "kernel/kernel_list.h"
#include "kernel/layout.h"
#include "kernel/reference.h"
#include "kernel/sparse.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

enum { OVERREAD = 64, SEED = 20261124 };

struct shape {
    int64_t n, groups, ic, ih, iw, oc, kh, kw, stride, dilation;
    int64_t top, left, bottom, right;
};

static const struct shape shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},     /* one weight */
    {1, 1, 16, 28, 28, 16, 3, 3, 1, 1, 1, 1, 1, 1}, /* ResNet-20 */
    {1, 1, 32, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 1, 64, 7, 7, 20, 3, 3, 1, 1, 1, 1, 1, 1},
    {1, 1, 16, 28, 28, 32, 3, 3, 2, 1, 1, 1, 1, 1},
    {1, 1, 16, 28, 28, 32, 1, 1, 2, 1, 0, 0, 0, 0},
    {2, 1, 3, 14, 14, 5, 3, 3, 2, 1, 0, 0, 1, 1}, /* asymmetric padding */
    {3, 1, 5, 9, 11, 7, 5, 5, 1, 1, 2, 2, 2, 2},
    {1, 1, 1, 28, 28, 6, 5, 5, 1, 1, 0, 0, 0, 0}, /* valid */
    {2, 1, 4, 6, 5, 3, 3, 3, 1, 2, 2, 2, 2, 2},   /* dilation */
    {2, 1, 4, 9, 8, 3, 3, 3, 2, 2, 2, 1, 1, 2},
    {1, 1, 4, 11, 13, 3, 3, 3, 3, 2, 1, 0, 2, 3},
    {2, 8, 8, 7, 7, 8, 3, 3, 1, 1, 1, 1, 1, 1}, /* depthwise */
    {1, 8, 8, 15, 15, 16, 3, 3, 2, 1, 1, 1, 1, 1},
    {1, 3, 6, 7, 5, 9, 3, 1, 1, 1, 1, 0, 1, 0},     /* groups */
    {1, 1, 4, 1, 40, 3, 1, 7, 1, 1, 0, 3, 0, 3},    /* 1-D */
    {1, 1, 4, 1, 41, 3, 1, 4, 3, 1, 0, 0, 0, 1},    /* 1-D, stride */
    {2, 1, 9, 1, 1, 17, 1, 1, 1, 1, 0, 0, 0, 0},    /* 1x1 planes */
    {1, 1, 5, 2, 2, 4, 3, 3, 1, 1, 1, 1, 1, 1},     /* 2x2 planes */
    {1, 1, 2, 3, 3, 4, 3, 3, 1, 1, 4, 4, 4, 4},     /* padding > kernel */
    {1, 1, 2, 5, 4, 3, 2, 2, 1, 1, 0, 0, 1, 1},     /* even kernel */
    {1, 1, 3, 64, 70, 4, 3, 3, 1, 1, 1, 1, 1, 1},   /* several tiles */
    {17, 1, 24, 40, 40, 3, 3, 3, 1, 1, 1, 1, 1, 1}, /* several strips */
    {16, 1, 6, 5, 5, 4, 1, 1, 1, 1, 0, 0, 0, 0},
    {33, 1, 3, 4, 6, 5, 3, 3, 1, 1, 0, 1, 1, 0},
};

/* n, in, out, transposed */
static const int64_t products[][4] = {{1, 784, 300, 0}, {1, 37, 10, 1},
                                      {1, 1, 1, 0},     {16, 50, 33, 0},
                                      {5, 64, 10, 1},   {70, 19, 17, 0}};

static const struct epilogue epilogues[] = {
    {false, {ELTWISE_NONE, 0, 0}},
    {false, {ELTWISE_RELU, 0, 0}},
    {true, {ELTWISE_RELU, 0, 0}},
    {true, {ELTWISE_NONE, 0, 0}},
    {true, {ELTWISE_CLIP, -0.5F, 0.7F}},
    {true, {ELTWISE_RELU, 0.1F, 0}},
    {false, {ELTWISE_SIGMOID, 0, 0}},
    {true, {ELTWISE_HARDSWISH, 0, 0}},
    {true, {ELTWISE_HARDSIGMOID, 0.2F, 0.5F}},
};

/* One problem with everything that it needs in plain layout. */
struct problem {
    struct kernel_spec spec;
    struct layout_desc from, to; /* layout and border are the kernel's */
    float *weight, *bias, *src, *other, *expected;
    int64_t weights, oc;
};

static void *allocate(size_t bytes)
{
    void *p = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(p);
    memset(p, 0xff, bytes); /* not a number wherever nothing is written */
    return p;
}

static float *random_floats(struct rng *rng, int64_t count)
{
    float *p = allocate((size_t)count * sizeof *p);
    for (int64_t i = 0; i < count; i++)
        p[i] = (float)(rng_uniform(rng) * 2 - 1);
    return p;
}

static int64_t out_size(int64_t in, int64_t k, int64_t dilation, int64_t stride,
                        int64_t pads)
{
    return (in + pads - (k - 1) * dilation - 1) / stride + 1;
}

static struct conv_spec conv_of(const struct shape *s)
{
    return (struct conv_spec){.n = s->n,
                              .groups = s->groups,
                              .ic = s->ic,
                              .ih = s->ih,
                              .iw = s->iw,
                              .oc = s->oc,
                              .oh = out_size(s->ih, s->kh, s->dilation,
                                             s->stride, s->top + s->bottom),
                              .ow = out_size(s->iw, s->kw, s->dilation,
                                             s->stride, s->left + s->right),
                              .kh = s->kh,
                              .kw = s->kw,
                              .sh = s->stride,
                              .sw = s->stride,
                              .dh = s->dilation,
                              .dw = s->dilation,
                              .pad_top = s->top,
                              .pad_left = s->left,
                              .pad_bottom = s->bottom,
                              .pad_right = s->right};
}

/* Weights of which about `density` are kept; the middle row keeps none. */
static float *sparse_weights(struct rng *rng, int64_t rows, int64_t per_row,
                             bool transposed, double density)
{
    float *w = random_floats(rng, rows * per_row);
    for (int64_t i = 0; i < rows * per_row; i++) {
        int64_t row = transposed ? i % rows : i / per_row;
        if (rng_uniform(rng) >= density || (rows > 1 && row == rows / 2))
            w[i] = 0.0F;
    }
    return w;
}

static void fill_problem(struct problem *p, struct rng *rng,
                         const struct layout_desc *from,
                         const struct layout_desc *to, bool bias)
{
    p->from = *from;
    p->to = *to;
    p->oc = to->c;
    p->bias = bias ? random_floats(rng, p->oc) : NULL;
    p->src = random_floats(rng, layout_elements(from));
    p->other = random_floats(rng, layout_elements(to));
    p->expected = random_floats(rng, layout_elements(to));
}

static void conv_problem(struct problem *p, struct rng *rng,
                         const struct shape *shape, double density, bool bias)
{
    struct conv_spec c = conv_of(shape);
    struct layout_desc from = {LAYOUT_PLAIN, c.n, c.ic, c.ih, c.iw, 0};
    struct layout_desc to = {LAYOUT_PLAIN, c.n, c.oc, c.oh, c.ow, 0};
    memset(p, 0, sizeof *p);
    fill_problem(p, rng, &from, &to, bias);
    p->weights = c.oc * (c.ic / c.groups) * c.kh * c.kw;
    p->weight = sparse_weights(rng, c.oc, p->weights / c.oc, false, density);
    c.weight = p->weight;
    c.bias = p->bias;
    p->spec.kind = KERNEL_CONV;
    p->spec.weight_input = 1;
    p->spec.conv = c;
}

static void product_problem(struct problem *p, struct rng *rng,
                            const int64_t shape[4], double density, bool bias)
{
    struct layout_desc from = {LAYOUT_PLAIN, shape[0], shape[1], 1, 1, 0};
    struct layout_desc to = {LAYOUT_PLAIN, shape[0], shape[2], 1, 1, 0};
    memset(p, 0, sizeof *p);
    fill_problem(p, rng, &from, &to, bias);
    p->weights = shape[1] * shape[2];
    p->weight = sparse_weights(rng, shape[2], shape[1], shape[3] != 0, density);
    p->spec.kind = KERNEL_PRODUCT;
    p->spec.weight_input = 1;
    p->spec.product = (struct product_spec){.n = shape[0],
                                            .in = shape[1],
                                            .out = shape[2],
                                            .transposed = shape[3] != 0,
                                            .weight = p->weight,
                                            .bias = p->bias};
}

static void expect(struct problem *p, const struct epilogue *e)
{
    if (p->spec.kind == KERNEL_CONV)
        reference_conv(&p->spec.conv, p->src, p->expected);
    else
        reference_product(&p->spec.product, p->src, p->expected);
    reference_epilogue(e, p->expected, e->add ? p->other : NULL,
                       layout_elements(&p->to));
}

static void release_problem(struct problem *p)
{
    free(p->weight);
    free(p->bias);
    free(p->src);
    free(p->other);
    free(p->expected);
}

/* A tensor in its layout with nothing but the promised bytes behind it. */
static float *laid_out(const struct layout_desc *plain,
                       const struct layout_desc *desc, const float *data)
{
    size_t bytes = (size_t)layout_elements(desc) * sizeof(float);
    float *p = allocate(bytes + OVERREAD);
    if (data != NULL)
        layout_convert(plain, data, desc, p, CPU_ISA_SCALAR);
    return p;
}

/* A kernel with its weights packed and operands laid out. */
struct call {
    const struct sparse_kernel *kernel;
    const struct problem *problem;
    struct layout_desc from, to;
    float *src, *other;
    void *packed, *scratch;
};

static void init_call(struct call *c, const struct sparse_kernel *kernel,
                      const struct problem *p, int64_t src_border,
                      int64_t dst_border)
{
    c->kernel = kernel;
    c->problem = p;
    c->from = p->from;
    c->to = p->to;
    c->from.layout = c->to.layout = kernel->layout;
    c->from.border = src_border;
    c->to.border = dst_border;
    c->src = laid_out(&p->from, &c->from, p->src);
    c->other = laid_out(&p->to, &c->to, p->other);
    size_t bytes = kernel->pack_bytes(&p->spec);
    c->packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(c->packed);
    kernel->pack(&p->spec, c->packed);
    c->scratch = allocate(kernel->scratch_bytes(&p->spec, src_border));
}

static void release_call(struct call *c)
{
    free(c->src);
    free(c->other);
    free(c->packed);
    free(c->scratch);
}

static void run_rows(const struct call *c, const struct epilogue *e, float *dst,
                     int64_t first, int64_t last)
{
    c->kernel->run(&c->problem->spec, c->packed, c->src, c->from.border, dst,
                   c->to.border, e, e->add ? c->other : NULL, c->scratch, first,
                   last);
}

static bool close_to(float a, float b)
{
    return fabs((double)a - b) <= 1e-4 * (1 + fabs((double)b));
}

static void check_result(const struct call *c, const float *dst,
                         const char *text)
{
    const struct problem *p = c->problem;
    int64_t count = layout_elements(&p->to);
    float *plain = allocate((size_t)count * sizeof *plain);
    layout_convert(&c->to, dst, &p->to, plain, CPU_ISA_SCALAR);
    for (int64_t i = 0; i < count; i++)
        if (!close_to(plain[i], p->expected[i]))
            fail_msg("%s, %s: element %d is %g, expected %g", c->kernel->name,
                     text, (int)i, (double)plain[i], (double)p->expected[i]);
    free(plain);
}

/* The whole of a bordered destination: its border must be zero. */
static void check_border(const struct call *c, const float *dst,
                         const char *text)
{
    if (c->to.layout != LAYOUT_PLANE)
        return;
    struct layout_desc plain = c->to;
    plain.layout = LAYOUT_PLAIN;
    float *inner = allocate((size_t)layout_elements(&plain) * sizeof *inner);
    float *again = laid_out(&plain, &c->to, NULL);
    layout_convert(&c->to, dst, &plain, inner, CPU_ISA_SCALAR);
    layout_convert(&plain, inner, &c->to, again, CPU_ISA_SCALAR);
    for (int64_t i = 0; i < layout_elements(&c->to); i++)
        if (!(dst[i] == again[i]))
            fail_msg("%s, %s: place %d holds %g, expected %g", c->kernel->name,
                     text, (int)i, (double)dst[i], (double)again[i]);
    free(inner);
    free(again);
}

static void check_split(const struct call *c, const struct epilogue *e,
                        const float *whole, const char *text)
{
    size_t bytes = (size_t)layout_elements(&c->to) * sizeof(float);
    float *dst = laid_out(&c->to, &c->to, NULL);
    int64_t oc = c->problem->oc, cut = oc / 3;
    run_rows(c, e, dst, cut, oc);
    run_rows(c, e, dst, 0, cut);
    if (memcmp(dst, whole, bytes + OVERREAD) != 0)
        fail_msg("%s, %s: rows in two calls differ", c->kernel->name, text);
    free(dst);
}

static void check_kernel(const struct sparse_kernel *kernel,
                         const struct problem *p, const struct epilogue *e,
                         int64_t src_border, int64_t dst_border,
                         const char *text)
{
    struct call c;
    init_call(&c, kernel, p, src_border, dst_border);
    size_t bytes = (size_t)layout_elements(&c.to) * sizeof(float);
    float *dst = laid_out(&c.to, &c.to, NULL);
    run_rows(&c, e, dst, 0, p->oc);
    check_result(&c, dst, text);
    check_border(&c, dst, text);
    for (size_t i = 0; i < OVERREAD; i++)
        if (((const unsigned char *)dst)[bytes + i] != 0xff)
            fail_msg("%s, %s: wrote beyond the destination", kernel->name,
                     text);
    check_split(&c, e, dst, text);
    free(dst);
    release_call(&c);
}

/* All kernels that serve the problem, with the borders that tell. */
static int check_all(struct problem *p, const struct epilogue *e,
                     const char *text)
{
    static const int64_t borders[][2] = {{0, 0}, {1, 1}, {0, 1}, {2, 0},
                                         {1, 3}, {3, 3}, {4, 1}};
    int ran = 0;
    expect(p, e);
    for (const struct sparse_kernel *k = sparse_kernels; k->name; k++) {
        if (k->kind != p->spec.kind || k->isa > cpu_isa_detect() ||
            !k->serves(&p->spec))
            continue;
        int pairs = k->layout == LAYOUT_PLANE ? COUNT(borders) : 1;
        for (int b = 0; b < pairs; b++)
            check_kernel(k, p, e, borders[b][0], borders[b][1], text);
        ran++;
    }
    return ran;
}

static void every_convolution_agrees_with_the_reference(void **state)
{
    (void)state;
    static const double densities[] = {0.15, 0, 0.6, 1};
    struct rng rng;
    rng_init(&rng, SEED);
    for (int s = 0; s < COUNT(shapes); s++) {
        for (int d = 0; d < COUNT(densities); d++) {
            char text[80];
            struct problem p;
            int e = (s + d) % COUNT(epilogues);
            (void)snprintf(text, sizeof text,
                           "shape %d, density %g, epilogue %d, seed %d", s,
                           densities[d], e, SEED);
            conv_problem(&p, &rng, &shapes[s], densities[d], (s + d) % 2 == 0);
            assert_true(check_all(&p, &epilogues[e], text) >= 2);
            release_problem(&p);
        }
    }
}

static int64_t between(struct rng *rng, int64_t least, int64_t most)
{
    return least + (int64_t)rng_below(rng, (uint64_t)(most - least + 1));
}

static struct shape random_shape(struct rng *rng)
{
    struct shape s = {.n = between(rng, 1, 18), .groups = between(rng, 1, 3)};
    s.ic = s.groups * between(rng, 1, 5);
    s.oc = s.groups * between(rng, 1, 5);
    s.kh = between(rng, 1, 4);
    s.kw = between(rng, 1, 4);
    s.stride = between(rng, 1, 3);
    s.dilation = between(rng, 1, 2);
    s.ih = (s.kh - 1) * s.dilation + between(rng, 1, 12);
    s.iw = (s.kw - 1) * s.dilation + between(rng, 1, 24);
    s.top = between(rng, 0, 2);
    s.left = between(rng, 0, 2);
    s.bottom = between(rng, 0, 2);
    s.right = between(rng, 0, 2);
    return s;
}

static void random_convolutions_agree_with_the_reference(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    for (int i = 0; i < 60; i++) {
        char text[256];
        struct problem p;
        struct shape s = random_shape(&rng);
        (void)snprintf(
            text, sizeof text,
            "n %d groups %d ic %d oc %d in %dx%d kernel %dx%d stride %d "
            "dilation %d pads %d %d %d %d, seed %d number %d",
            (int)s.n, (int)s.groups, (int)s.ic, (int)s.oc, (int)s.ih, (int)s.iw,
            (int)s.kh, (int)s.kw, (int)s.stride, (int)s.dilation, (int)s.top,
            (int)s.left, (int)s.bottom, (int)s.right, SEED, i);
        conv_problem(&p, &rng, &s, rng_uniform(&rng), i % 2 == 0);
        check_all(&p, &epilogues[i % COUNT(epilogues)], text);
        release_problem(&p);
    }
}

static void every_epilogue_agrees_with_the_reference(void **state)
{
    (void)state;
    static const int some[] = {3, 6, 10, 12, 24};
    struct rng rng;
    rng_init(&rng, SEED);
    for (int s = 0; s < COUNT(some); s++) {
        struct problem p;
        conv_problem(&p, &rng, &shapes[some[s]], 0.3, true);
        for (int e = 0; e < COUNT(epilogues); e++) {
            char text[80];
            (void)snprintf(text, sizeof text, "shape %d, epilogue %d, seed %d",
                           some[s], e, SEED);
            check_all(&p, &epilogues[e], text);
        }
        release_problem(&p);
    }
}

static void every_product_agrees_with_the_reference(void **state)
{
    (void)state;
    static const double densities[] = {0.1, 0, 0.5, 1};
    struct rng rng;
    rng_init(&rng, SEED);
    for (int s = 0; s < COUNT(products); s++) {
        for (int d = 0; d < COUNT(densities); d++) {
            struct problem p;
            product_problem(&p, &rng, products[s], densities[d], d % 2 == 0);
            for (int e = 0; e < COUNT(epilogues); e++) {
                char text[80];
                (void)snprintf(text, sizeof text,
                               "product %d, density %g, epilogue %d, seed %d",
                               s, densities[d], e, SEED);
                assert_true(check_all(&p, &epilogues[e], text) >= 1);
            }
            release_problem(&p);
        }
    }
}

static void the_best_family_that_serves_is_found(void **state)
{
    (void)state;
    struct rng rng;
    struct problem p;
    rng_init(&rng, SEED);
    conv_problem(&p, &rng, &shapes[1], 0.2, true);
    for (int isa = 0; isa < CPU_ISA_COUNT; isa++) {
        const struct sparse_kernel *k =
            sparse_kernel_find(&p.spec, LAYOUT_PLANE, (enum cpu_isa)isa);
        assert_non_null(k);
        assert_int_equal(k->layout, LAYOUT_PLANE);
        assert_true((int)k->isa <= isa);
    }
    assert_int_equal(
        sparse_kernel_find(&p.spec, LAYOUT_PLANE, CPU_ISA_SCALAR)->isa,
        CPU_ISA_SCALAR);
    assert_null(sparse_kernel_find(&p.spec, LAYOUT_NHWC, CPU_ISA_AVX512));
    assert_null(sparse_kernel_find(&p.spec, LAYOUT_PLAIN, CPU_ISA_AVX512));
    release_problem(&p);
}

static void what_a_kernel_cannot_do_is_refused(void **state)
{
    (void)state;
    static const float weight[4] = {1, 2, 3, 4};
    const struct conv_spec good = {.n = 1,
                                   .groups = 1,
                                   .ic = 2,
                                   .ih = 4,
                                   .iw = 4,
                                   .oc = 2,
                                   .oh = 4,
                                   .ow = 4,
                                   .kh = 1,
                                   .kw = 1,
                                   .sh = 1,
                                   .sw = 1,
                                   .dh = 1,
                                   .dw = 1,
                                   .weight = weight};
    struct conv_spec bad[6] = {good, good, good, good, good, good};
    bad[0].weight = NULL; /* not constant */
    bad[1].pad_left = -1;
    bad[2].groups = 3;
    bad[3].oh = 0;
    bad[4].iw = (int64_t)1 << 40;
    bad[5].sh = 0;
    for (const struct sparse_kernel *k = sparse_kernels; k->name; k++) {
        struct kernel_spec spec = {.kind = KERNEL_CONV, .conv = good};
        assert_int_equal(k->serves(&spec), k->kind == KERNEL_CONV);
        for (int i = 0; i < COUNT(bad); i++) {
            spec.conv = bad[i];
            assert_false(k->serves(&spec));
        }
        spec = (struct kernel_spec){.kind = KERNEL_PRODUCT};
        spec.product = (struct product_spec){2, 2, 2, false, weight, NULL};
        assert_int_equal(k->serves(&spec), k->kind == KERNEL_PRODUCT &&
                                               k->layout == LAYOUT_IMAGE16);
    }
}

static void not_a_number_passes_through(void **state)
{
    (void)state;
    static const float weight = 2;
    static const struct epilogue relu = {false, {ELTWISE_RELU, 0, 0}};
    const float src[1 + OVERREAD / 4] = {NAN};
    struct kernel_spec spec = {.kind = KERNEL_PRODUCT};
    spec.product = (struct product_spec){1, 1, 1, false, &weight, NULL};
    for (int isa = 0; isa <= (int)cpu_isa_detect(); isa++) {
        const struct sparse_kernel *k =
            sparse_kernel_find(&spec, LAYOUT_PLAIN, (enum cpu_isa)isa);
        void *packed = aligned_alloc(64, k->pack_bytes(&spec));
        float dst[1 + OVERREAD / 4] = {0};
        assert_non_null(packed);
        k->pack(&spec, packed);
        void *scratch = allocate(k->scratch_bytes(&spec, 0));
        k->run(&spec, packed, src, 0, dst, 0, &relu, NULL, scratch, 0, 1);
        assert_true(isnan(dst[0]));
        free(scratch);
        free(packed);
    }
}

static void nonzeros_are_counted(void **state)
{
    (void)state;
    static const float w[] = {0.0F, -0.0F, 1e-30F, -2, 0};
    assert_int_equal(sparse_nonzeros(w, COUNT(w)), 2);
    assert_int_equal(sparse_nonzeros(w, 0), 0);
}

#define COUNT_ROW(method, kind, layout, isa, cpu_isa) +1

static void every_row_of_the_list_is_registered(void **state)
{
    (void)state;
    int rows = 0;
    for (const struct sparse_kernel *k = sparse_kernels; k->name; k++)
        rows++;
    assert_int_equal(rows, 0 SPARSE_KERNELS(COUNT_ROW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_list_is_registered),
        cmocka_unit_test(every_convolution_agrees_with_the_reference),
        cmocka_unit_test(random_convolutions_agree_with_the_reference),
        cmocka_unit_test(every_epilogue_agrees_with_the_reference),
        cmocka_unit_test(every_product_agrees_with_the_reference),
        cmocka_unit_test(the_best_family_that_serves_is_found),
        cmocka_unit_test(what_a_kernel_cannot_do_is_refused),
        cmocka_unit_test(not_a_number_passes_through),
        cmocka_unit_test(nonzeros_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
