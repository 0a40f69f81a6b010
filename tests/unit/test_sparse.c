/* Every row of kernel_list.h against the naive reference. */
#include "sparse_fixture.h"

#include "kernel/kernel_list.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct problem_shape shapes[] = {
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
    {17, 1, 50, 3, 5, 67, 3, 3, 1, 1, 1, 1, 1, 1}, /* many channels */
    {2, 1, 50, 7, 6, 67, 3, 3, 2, 2, 2, 1, 1, 2},
    {17, 1, 21, 8, 8, 33, 3, 3, 1, 1, 1, 1, 1, 1},  /* crowded: held rows */
    {2, 1, 30, 32, 32, 20, 3, 3, 1, 1, 1, 1, 1, 1}, /* in several strips */
    {2, 1, 40, 16, 24, 60, 3, 3, 2, 1, 2, 1, 1, 1},
    {2, 1, 70, 32, 32, 65, 1, 1, 1, 1, 0, 0, 0, 0},
};

/* n, in, out, transposed */
static const int64_t products[][4] = {
    {1, 784, 300, 0}, {1, 37, 10, 1},  {1, 1, 1, 0},     {16, 50, 33, 0},
    {5, 64, 10, 1},   {70, 19, 17, 0}, {17, 1701, 9, 1}, {1, 33, 1030, 0}};

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

/* What nobody reads may stay as it was; what somebody reads is right. */
static void unread_channels_may_stay_unwritten(void **state)
{
    (void)state;
    static const int some[] = {1, 5, 13, 19, 24};
    static const uint8_t unread[] = {1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0,
                                     1, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1,
                                     0, 0, 0, 1, 0, 0, 1, 0, 1, 0};
    struct rng rng;
    rng_init(&rng, SEED);
    for (int s = 0; s < COUNT(some); s++) {
        char text[80];
        struct problem p;
        conv_problem(&p, &rng, &shapes[some[s]], 0.3, true);
        assert_true(p.spec.conv.oc <= COUNT(unread));
        p.spec.conv.unread = unread;
        (void)snprintf(text, sizeof text, "shape %d, unread channels, seed %d",
                       some[s], SEED);
        check_all(&p, &epilogues[1], text);
        release_problem(&p);
    }
}

static int64_t between(struct rng *rng, int64_t least, int64_t most)
{
    return least + (int64_t)rng_below(rng, (uint64_t)(most - least + 1));
}

static struct problem_shape random_shape(struct rng *rng)
{
    struct problem_shape s = {.n = between(rng, 1, 18),
                              .groups = between(rng, 1, 3)};
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
        struct problem_shape s = random_shape(&rng);
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
        const struct sparse_kernel *k = sparse_kernel_find(
            &p.spec, LAYOUT_PLANE, SPARSE_FORM_ANY, (enum cpu_isa)isa);
        assert_non_null(k);
        assert_int_equal(k->layout, LAYOUT_PLANE);
        assert_true((int)k->isa <= isa);
    }
    assert_int_equal(sparse_kernel_find(&p.spec, LAYOUT_PLANE, SPARSE_FORM_ANY,
                                        CPU_ISA_SCALAR)
                         ->isa,
                     CPU_ISA_SCALAR);
    assert_null(sparse_kernel_find(&p.spec, LAYOUT_NHWC, SPARSE_FORM_ANY,
                                   CPU_ISA_AVX512));
    assert_null(sparse_kernel_find(&p.spec, LAYOUT_PLAIN, SPARSE_FORM_ANY,
                                   CPU_ISA_AVX512));
    release_problem(&p);
}

static void what_a_kernel_cannot_do_is_refused(void **state)
{
    (void)state;
    /* As large as the kernel that serves many channels only asks for. */
    enum { IN = 256, OUT = 128 };
    static const float weight[IN * OUT] = {1, 2, 3, 4};
    const struct conv_spec good = {.n = 1,
                                   .groups = 1,
                                   .ic = IN,
                                   .ih = 4,
                                   .iw = 4,
                                   .oc = OUT,
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
        bool one_image =
            k->layout == LAYOUT_PLAIN &&
            (k->form == SPARSE_FORM_ANY || k->form == SPARSE_FORM_ROWS4 ||
             strstr(k->name, "product_row_chunk") != NULL);
        assert_int_equal(k->serves(&spec),
                         k->kind == KERNEL_PRODUCT && !one_image);
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
        const struct sparse_kernel *k = sparse_kernel_find(
            &spec, LAYOUT_PLAIN, SPARSE_FORM_ANY, (enum cpu_isa)isa);
        void *packed = aligned_alloc(64, k->pack_bytes(&spec));
        float dst[1 + OVERREAD / 4] = {0};
        assert_non_null(packed);
        k->pack(&spec, packed);
        void *scratch = allocate(k->scratch_bytes(&spec, 0));
        k->run(&spec, packed, src, 0, dst, 0, &relu, NULL, scratch,
               &(struct sparse_part){0, 1, 0, 1});
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

#define COUNT_ROW(method, kind, layout, form, isa, cpu_isa) +1

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
        cmocka_unit_test(unread_channels_may_stay_unwritten),
        cmocka_unit_test(every_product_agrees_with_the_reference),
        cmocka_unit_test(the_best_family_that_serves_is_found),
        cmocka_unit_test(what_a_kernel_cannot_do_is_refused),
        cmocka_unit_test(not_a_number_passes_through),
        cmocka_unit_test(nonzeros_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
