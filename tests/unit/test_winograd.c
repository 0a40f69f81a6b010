/*
 * Winograd's passes of training against the naive reference, in memory that
 * is exactly as large as promised.
 */
#include "train_fixture.h"

#include "base/rng.h"
#include "kernel/layout.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"
#include "kernel/winograd_train.h"

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

/* Of the largest element: single precision and Winograd's larger numbers. */
static const double tolerance = 1e-5;

struct shape {
    int64_t n, ic, ih, iw, oc, top, left, bottom, right;
};

static const struct shape shapes[] = {
    {2, 16, 28, 28, 16, 1, 1, 1, 1}, /* ResNet-20 */
    {3, 32, 14, 14, 32, 1, 1, 1, 1}, {5, 64, 7, 7, 64, 1, 1, 1, 1},
    {2, 16, 9, 11, 48, 1, 0, 0, 1},  /* uneven padding */
    {1, 48, 6, 8, 16, 0, 0, 0, 0},   /* valid */
    {2, 32, 5, 6, 96, 2, 2, 2, 2},   /* more padding than kernel */
    {1, 112, 13, 6, 80, 1, 1, 1, 1}, /* strips of 64 and 16; 32 and 16 */
    {9, 16, 16, 17, 16, 2, 1, 0, 1}, /* several groups of tiles */
};

static struct conv_spec conv_of(const struct shape *s)
{
    return (struct conv_spec){.n = s->n,
                              .groups = 1,
                              .ic = s->ic,
                              .ih = s->ih,
                              .iw = s->iw,
                              .oc = s->oc,
                              .oh = s->ih + s->top + s->bottom - 2,
                              .ow = s->iw + s->left + s->right - 2,
                              .kh = 3,
                              .kw = 3,
                              .sh = 1,
                              .sw = 1,
                              .dh = 1,
                              .dw = 1,
                              .pad_top = s->top,
                              .pad_left = s->left,
                              .pad_bottom = s->bottom,
                              .pad_right = s->right};
}

static float *random_floats(struct rng *rng, int64_t count)
{
    float *p = floats(count);
    for (int64_t i = 0; i < count; i++)
        p[i] = (float)(rng_uniform(rng) * 2 - 1);
    return p;
}

static void check(const char *what, int number, const float *found,
                  const float *expected, const float *before, int64_t count)
{
    check_floats(&(struct compared){what, number, tolerance}, found, expected,
                 before, count);
}

static float *blocked(const struct layout_desc *plain, const float *data)
{
    return in_layout(LAYOUT_BLOCK16, plain, data);
}

static void check_blocked(const char *what, int number,
                          const struct layout_desc *plain, const float *found,
                          const float *expected, const float *before)
{
    check_layout(&(struct compared){what, number, tolerance}, LAYOUT_BLOCK16,
                 plain, found, expected, before);
}

/* What one shape's checks share. */
struct problem {
    const struct winograd_kernels *kernels;
    struct conv_spec conv;
    struct layout_desc from, to;
    float *src, *dst, *weight, *bias, *by_dst; /* plain */
    float *by_src, *by_weight, *by_bias;       /* by the reference */
    float *src_blocked, *by_dst_blocked;
};

static void init_problem(struct problem *p, struct rng *rng,
                         const struct winograd_kernels *kernels,
                         const struct shape *shape)
{
    struct conv_spec c = conv_of(shape);
    *p = (struct problem){.kernels = kernels};
    p->from = (struct layout_desc){LAYOUT_PLAIN, c.n, c.ic, c.ih, c.iw, 0};
    p->to = (struct layout_desc){LAYOUT_PLAIN, c.n, c.oc, c.oh, c.ow, 0};
    p->src = random_floats(rng, layout_elements(&p->from));
    p->dst = floats(layout_elements(&p->to));
    p->weight = random_floats(rng, c.oc * c.ic * 9);
    p->bias = random_floats(rng, c.oc);
    p->by_dst = random_floats(rng, layout_elements(&p->to));
    p->by_src = floats(layout_elements(&p->from));
    p->by_weight = floats(c.oc * c.ic * 9);
    p->by_bias = floats(c.oc);
    p->src_blocked = blocked(&p->from, p->src);
    p->by_dst_blocked = blocked(&p->to, p->by_dst);
    c.weight = p->weight;
    c.bias = p->bias;
    p->conv = c;
    reference_conv(&c, p->src, p->dst);
    reference_conv_backward(&c, p->src, p->by_dst, p->by_src, p->by_weight,
                            p->by_bias);
}

static void release_problem(struct problem *p)
{
    float *const all[] = {
        p->src,    p->dst,       p->weight,  p->bias,        p->by_dst,
        p->by_src, p->by_weight, p->by_bias, p->src_blocked, p->by_dst_blocked};
    for (int i = 0; i < COUNT(all); i++)
        free(all[i]);
}

static void check_forward(const struct problem *p, int shape)
{
    const struct winograd_pass pass = winograd_forward_pass(&p->conv);
    float *packed = aligned(winograd_weight_bytes(&pass));
    float *scratch = aligned(winograd_scratch_bytes(&pass));
    float *dst = blocked(&p->to, p->dst);
    p->kernels->pack(&pass, p->weight, false, packed);
    p->kernels->convolve(&pass, packed, p->bias, p->src_blocked, false, dst,
                         scratch);
    check_blocked("forward", shape, &p->to, dst, p->dst, NULL);
    free(packed);
    free(scratch);
    free(dst);
}

static void check_data(const struct problem *p, int shape)
{
    const struct winograd_pass pass = winograd_data_pass(&p->conv);
    float *packed = aligned(winograd_weight_bytes(&pass));
    float *scratch = aligned(winograd_scratch_bytes(&pass));
    float *by_src = blocked(&p->from, p->src);
    p->kernels->pack(&pass, p->weight, true, packed);
    p->kernels->convolve(&pass, packed, NULL, p->by_dst_blocked, true, by_src,
                         scratch);
    check_blocked("by source, added", shape, &p->from, by_src, p->by_src,
                  p->src);
    p->kernels->convolve(&pass, packed, NULL, p->by_dst_blocked, false, by_src,
                         scratch);
    check_blocked("by source", shape, &p->from, by_src, p->by_src, NULL);
    free(packed);
    free(scratch);
    free(by_src);
}

static void check_weight(const struct problem *p, int shape)
{
    const struct winograd_pass pass = winograd_forward_pass(&p->conv);
    const int64_t count = p->conv.oc * p->conv.ic * 9;
    float *scratch = aligned(winograd_scratch_bytes(&pass));
    float *sums = floats(count), *plain = floats(count);
    float *bias = floats(p->conv.oc);
    for (int adds = 0; adds < 2; adds++) {
        p->kernels->gradient(&pass, p->src_blocked, p->by_dst_blocked, adds,
                             sums, bias, scratch);
        p->kernels->unpack(&pass, sums, plain);
        check("by weight", shape, plain, p->by_weight,
              adds ? p->by_weight : NULL, count);
        check("by bias", shape, bias, p->by_bias, adds ? p->by_bias : NULL,
              p->conv.oc);
    }
    free(scratch);
    free(sums);
    free(plain);
    free(bias);
}

static void passes_agree_with_the_reference(void **state)
{
    (void)state;
    const struct winograd_kernels *kernels =
        winograd_kernels_of(cpu_isa_detect());
    struct rng rng;
    rng_init(&rng, SEED);
    if (!kernels)
        skip();
    for (int i = 0; i < COUNT(shapes); i++) {
        struct problem p;
        const struct conv_spec conv = conv_of(&shapes[i]);
        assert_true(winograd_train_serves(&conv));
        init_problem(&p, &rng, kernels, &shapes[i]);
        check_forward(&p, i);
        check_data(&p, i);
        check_weight(&p, i);
        release_problem(&p);
    }
}

static void others_are_refused(void **state)
{
    (void)state;
    const struct conv_spec right = conv_of(&shapes[0]);
    struct conv_spec wrong[8];
    for (int i = 0; i < COUNT(wrong); i++)
        wrong[i] = right;
    wrong[0].sh = 2;
    wrong[1].kw = 5;
    wrong[2].dh = 2;
    wrong[3].groups = 16;
    wrong[4].ic = 20;
    wrong[5].pad_left = 3;
    wrong[6].oh = wrong[6].ow = 2; /* tiles mostly outside */
    wrong[7].ic = wrong[7].oc = 512;
    assert_true(winograd_train_serves(&right));
    for (int i = 0; i < COUNT(wrong); i++)
        assert_false(winograd_train_serves(&wrong[i]));
    assert_null(winograd_kernels_of(CPU_ISA_SCALAR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_agree_with_the_reference),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
