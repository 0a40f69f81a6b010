/*
 * Training with images as lanes against the naive reference, in memory that is
 * exactly as large as promised.
 */
#include "train_fixture.h"

#include "base/rng.h"
#include "kernel/image_train.h"
#include "kernel/layout.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

enum { SEED = 20261126 };

/* Of the largest element: sums in single precision. */
static const double tolerance = 4e-6;

struct shape {
    int64_t n, ic, ih, iw, oc, oh, ow, kh, kw, sh, sw, dh, dw;
    int64_t top, left, bottom, right;
};

static const struct shape shapes[] = {
    {16, 1, 28, 28, 20, 24, 24, 5, 5, 1, 1, 1, 1, 0, 0, 0, 0}, /* LeNet-5 */
    {16, 20, 12, 12, 50, 8, 8, 5, 5, 1, 1, 1, 1, 0, 0, 0, 0},
    {32, 7, 9, 11, 13, 9, 11, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {16, 5, 10, 13, 6, 5, 7, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1},
    {16, 3, 9, 20, 4, 5, 17, 3, 2, 1, 1, 2, 3, 0, 0, 0, 0},
    {16, 2, 5, 6, 1, 8, 9, 3, 3, 1, 1, 1, 1, 2, 3, 3, 2},
    {16, 9, 4, 3, 11, 4, 3, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
    {16, 4, 1, 33, 3, 1, 10, 1, 5, 1, 3, 1, 1, 0, 0, 0, 0}, /* 1-D */
    {16, 3, 40, 40, 2, 40, 40, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {16, 2, 7, 7, 3, 2, 2, 2, 2, 4, 4, 1, 1, 0, 0, 0, 0},      /* gaps */
    {16, 9, 13, 11, 10, 13, 11, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, /* by points */
    {32, 8, 9, 7, 11, 5, 3, 5, 5, 1, 1, 1, 1, 0, 0, 0, 0},
    {16, 17, 7, 7, 8, 8, 8, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1},
    {16, 8, 6, 5, 9, 6, 5, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2},
};

static const struct pool_spec pools[] = {
    /* average, counts padding, n, c, ih, iw, oh, ow, kh, kw, sh, sw, dh, dw */
    {false, false, 16, 3, 8, 6, 4, 3, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0},
    {false, false, 32, 2, 9, 11, 5, 6, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1},
    {false, false, 16, 2, 7, 7, 4, 4, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0}, /* ceil */
    {false, false, 16, 1, 9, 9, 5, 3, 3, 2, 1, 3, 2, 1, 0, 0, 0, 0},
    {true, false, 16, 2, 7, 7, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1},
    {true, true, 16, 2, 7, 8, 4, 4, 3, 3, 2, 2, 1, 1, 1, 1, 1, 0},
    {true, false, 32, 3, 5, 4, 1, 1, 5, 4, 1, 1, 1, 1, 0, 0, 0, 0},
    {true, false, 16, 2, 9, 9, 3, 3, 2, 2, 3, 3, 1, 1, 0, 0, 0, 0}, /* gaps */
};

static struct conv_spec conv_of(const struct shape *s)
{
    return (struct conv_spec){.n = s->n,
                              .groups = 1,
                              .ic = s->ic,
                              .ih = s->ih,
                              .iw = s->iw,
                              .oc = s->oc,
                              .oh = s->oh,
                              .ow = s->ow,
                              .kh = s->kh,
                              .kw = s->kw,
                              .sh = s->sh,
                              .sw = s->sw,
                              .dh = s->dh,
                              .dw = s->dw,
                              .pad_top = s->top,
                              .pad_left = s->left,
                              .pad_bottom = s->bottom,
                              .pad_right = s->right};
}

/* Of 64 values, so that a maximum has equals. */
static float *random_floats(struct rng *rng, int64_t count)
{
    float *p = floats(count);
    for (int64_t i = 0; i < count; i++)
        p[i] = (float)rng_below(rng, 64) / 32 - 1;
    return p;
}

static void check(const char *what, int number, const float *found,
                  const float *expected, const float *before, int64_t count)
{
    check_floats(&(struct compared){what, number, tolerance}, found, expected,
                 before, count);
}

static float *in_lanes(const struct layout_desc *plain, const float *data)
{
    return in_layout(LAYOUT_IMAGE16, plain, data);
}

static void check_lanes(const char *what, int number,
                        const struct layout_desc *plain, const float *found,
                        const float *expected, const float *before)
{
    check_layout(&(struct compared){what, number, tolerance}, LAYOUT_IMAGE16,
                 plain, found, expected, before);
}

/* --- convolutions --- */

struct problem {
    const struct image_kernels *kernels;
    struct image_conv plan;
    struct layout_desc from, to;
    int64_t weights;
    float *src, *dst, *weight, *bias, *by_dst; /* plain */
    float *by_src, *by_weight, *by_bias;       /* by the reference */
    float *src_lanes, *by_dst_lanes;
};

static void init_problem(struct problem *p, struct rng *rng,
                         const struct image_kernels *kernels,
                         const struct conv_spec *conv)
{
    struct conv_spec c = *conv;
    *p = (struct problem){.kernels = kernels, .plan = image_conv_of(conv)};
    p->from = (struct layout_desc){LAYOUT_PLAIN, c.n, c.ic, c.ih, c.iw, 0};
    p->to = (struct layout_desc){LAYOUT_PLAIN, c.n, c.oc, c.oh, c.ow, 0};
    p->weights = c.oc * c.ic * c.kh * c.kw;
    p->src = random_floats(rng, layout_elements(&p->from));
    p->dst = floats(layout_elements(&p->to));
    p->weight = random_floats(rng, p->weights);
    p->bias = random_floats(rng, c.oc);
    p->by_dst = random_floats(rng, layout_elements(&p->to));
    p->by_src = floats(layout_elements(&p->from));
    p->by_weight = floats(p->weights);
    p->by_bias = floats(c.oc);
    p->src_lanes = in_lanes(&p->from, p->src);
    p->by_dst_lanes = in_lanes(&p->to, p->by_dst);
    c.weight = p->weight;
    c.bias = p->bias;
    reference_conv(&c, p->src, p->dst);
    reference_conv_backward(&c, p->src, p->by_dst, p->by_src, p->by_weight,
                            p->by_bias);
}

static void release_problem(struct problem *p)
{
    float *const all[] = {
        p->src,    p->dst,       p->weight,  p->bias,      p->by_dst,
        p->by_src, p->by_weight, p->by_bias, p->src_lanes, p->by_dst_lanes};
    for (int i = 0; i < COUNT(all); i++)
        free(all[i]);
}

static void check_forward(const struct problem *p, int number, float *scratch)
{
    float *packed = aligned(image_weight_bytes(&p->plan, false));
    float *dst = floats(layout_elements(&p->to));
    p->kernels->pack(&p->plan, p->weight, false, packed);
    p->kernels->forward(&p->plan, packed, p->bias, p->src_lanes, dst, scratch);
    check_lanes("forward", number, &p->to, dst, p->dst, NULL);
    free(packed);
    free(dst);
}

static void check_by_src(const struct problem *p, int number, float *scratch)
{
    float *packed = aligned(image_weight_bytes(&p->plan, true));
    float *by_src = in_lanes(&p->from, p->src);
    p->kernels->pack(&p->plan, p->weight, true, packed);
    p->kernels->by_src(&p->plan, packed, p->by_dst_lanes, true, by_src,
                       scratch);
    check_lanes("by source, added", number, &p->from, by_src, p->by_src,
                p->src);
    p->kernels->by_src(&p->plan, packed, p->by_dst_lanes, false, by_src,
                       scratch);
    check_lanes("by source", number, &p->from, by_src, p->by_src, NULL);
    free(packed);
    free(by_src);
}

static void check_by_weight(const struct problem *p, int number, float *scratch)
{
    const int64_t oc = p->plan.conv.oc;
    float *by_weight = floats(p->weights), *by_bias = floats(oc);
    for (int adds = 0; adds < 2; adds++) {
        p->kernels->by_weight(&p->plan, p->src_lanes, p->by_dst_lanes, adds,
                              by_weight, by_bias, scratch);
        check("by weight", number, by_weight, p->by_weight,
              adds ? p->by_weight : NULL, p->weights);
        check("by bias", number, by_bias, p->by_bias, adds ? p->by_bias : NULL,
              oc);
    }
    free(by_weight);
    free(by_bias);
}

static void convolutions_agree_with_the_reference(void **state)
{
    (void)state;
    const struct image_kernels *kernels = image_kernels_of(cpu_isa_detect());
    struct rng rng;
    rng_init(&rng, SEED);
    if (!kernels)
        skip();
    for (int i = 0; i < COUNT(shapes); i++) {
        struct problem p;
        const struct conv_spec conv = conv_of(&shapes[i]);
        assert_true(image_conv_serves(&conv));
        init_problem(&p, &rng, kernels, &conv);
        float *scratch = aligned(image_scratch_bytes(&p.plan));
        check_forward(&p, i, scratch);
        check_by_src(&p, i, scratch);
        check_by_weight(&p, i, scratch);
        free(scratch);
        release_problem(&p);
    }
}

static void others_are_refused(void **state)
{
    (void)state;
    struct conv_spec groups = conv_of(&shapes[0]), few = groups;
    struct conv_spec large = groups;
    groups.groups = 2;
    few.n = 17;
    large.ih = large.iw = 1 << 14;
    assert_false(image_conv_serves(&groups));
    assert_false(image_conv_serves(&few));
    assert_false(image_conv_serves(&large));
    assert_null(image_kernels_of(CPU_ISA_SCALAR));
}

/* --- pooling --- */

static void check_pool(const struct image_kernels *kernels, struct rng *rng,
                       const struct pool_spec *pool, int number)
{
    const struct pool_spec *p = pool;
    struct layout_desc from = {LAYOUT_PLAIN, p->n, p->c, p->ih, p->iw, 0};
    struct layout_desc to = {LAYOUT_PLAIN, p->n, p->c, p->oh, p->ow, 0};
    float *src = random_floats(rng, layout_elements(&from));
    float *by_dst = random_floats(rng, layout_elements(&to));
    float *dst = floats(layout_elements(&to));
    float *by_src = floats(layout_elements(&from));
    float *src_lanes = in_lanes(&from, src), *by_lanes = in_lanes(&to, by_dst);
    float *dst_lanes = floats(layout_elements(&to));
    float *found = in_lanes(&from, src);
    reference_pool(p, src, dst);
    reference_pool_backward(p, src, by_dst, by_src);
    kernels->pool(p, src_lanes, dst_lanes);
    check_lanes("pool", number, &to, dst_lanes, dst, NULL);
    kernels->pool_by_src(p, src_lanes, dst_lanes, by_lanes, true, found);
    check_lanes("pool by source, added", number, &from, found, by_src, src);
    kernels->pool_by_src(p, src_lanes, dst_lanes, by_lanes, false, found);
    check_lanes("pool by source", number, &from, found, by_src, NULL);
    float *const all[] = {src,       by_dst,   dst,       by_src,
                          src_lanes, by_lanes, dst_lanes, found};
    for (int i = 0; i < COUNT(all); i++)
        free(all[i]);
}

static void pooling_agrees_with_the_reference(void **state)
{
    (void)state;
    const struct image_kernels *kernels = image_kernels_of(cpu_isa_detect());
    struct rng rng;
    rng_init(&rng, SEED);
    if (!kernels)
        skip();
    for (int i = 0; i < COUNT(pools); i++)
        check_pool(kernels, &rng, &pools[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_agree_with_the_reference),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(pooling_agrees_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
