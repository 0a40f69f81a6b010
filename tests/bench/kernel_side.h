/*
 * What the benches of kernels share: layers, patterns of zeros and sides that
 * are timed in turn, so that a slow moment of the machine hits all. One thread.
 */
#ifndef BENCH_KERNEL_SIDE_H
#define BENCH_KERNEL_SIDE_H

#include "base/clock.h"
#include "base/cpu.h"
#include "base/pages.h"
#include "base/rng.h"
#include "base/stats.h"
#include "kernel/layout.h"
#include "kernel/onednn.h"
#include "kernel/sparse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UPS = 5, RUNS = 31, SLACK = 128 };

/* One call lasts at least this long, by repeating it. */
static const double shortest_ns = 100e3;

struct layer {
    const char *name;
    int64_t groups, ic, size, oc, kernel, stride;
};

static const struct layer layers[] = {
    {"stem 1x28x28 3x3", 1, 1, 28, 16, 3, 1},
    {"16x28x28 3x3", 1, 16, 28, 16, 3, 1},
    {"16x28x28 3x3 s2", 1, 16, 28, 32, 3, 2},
    {"16x28x28 1x1 s2", 1, 16, 28, 32, 1, 2},
    {"32x14x14 3x3", 1, 32, 14, 32, 3, 1},
    {"32x14x14 3x3 s2", 1, 32, 14, 64, 3, 2},
    {"64x7x7 3x3", 1, 64, 7, 64, 3, 1},
    {"64x28x28 1x1", 1, 64, 28, 64, 1, 1},
    {"256x14x14 1x1", 1, 256, 14, 256, 1, 1},
    {"256x14x14 3x3", 1, 256, 14, 256, 3, 1},
    {"24x28x28 1x1 to 96", 1, 24, 28, 96, 1, 1},
    {"96x28x28 1x1 to 24", 1, 96, 28, 24, 1, 1},
    {"96x7x7 1x1 to 384", 1, 96, 7, 384, 1, 1},
    {"384x7x7 1x1 to 96", 1, 384, 7, 96, 1, 1},
    {"96x28x28 3x3 depthwise s2", 96, 96, 28, 96, 3, 2},
    {"128x14x14 3x3 depthwise s2", 128, 128, 14, 128, 3, 2},
    {"256x7x7 3x3 depthwise", 256, 256, 7, 256, 3, 1},
    {"64x28x28 3x3 depthwise", 64, 64, 28, 64, 3, 1},
    {"product 784x300", 1, 784, 0, 300, 1, 1},
    {"product 800x500", 1, 800, 0, 500, 1, 1},
    {"product 300x100", 1, 300, 0, 100, 1, 1},
    {"product 512x512", 1, 512, 0, 512, 1, 1},
    {"product 768x3072", 1, 768, 0, 3072, 1, 1},
    {"product 2048x1000", 1, 2048, 0, 1000, 1, 1},
};

/* Patterns by the form of weights that profits. Densities of N:M are N of M
 * inputs for every channel. */
struct pattern {
    const char *name;
    enum sparse_form form;
    double density;
    int keep, of; /* of N:M */
    int rows;     /* of blocks that no form is for by itself */
};

static const struct pattern patterns[] = {
    {"any", SPARSE_FORM_ANY, 0.5, 0, 0, 0},
    {"any", SPARSE_FORM_ANY, 0.3, 0, 0, 0},
    {"any", SPARSE_FORM_ANY, 0.1, 0, 0, 0},
    {"any", SPARSE_FORM_ANY, 0.05, 0, 0, 0},
    {"4x1", SPARSE_FORM_ROWS4, 0.5, 0, 0, 0},
    {"4x1", SPARSE_FORM_ROWS4, 0.25, 0, 0, 0},
    {"4x1", SPARSE_FORM_ROWS4, 0.1, 0, 0, 0},
    {"8x1", SPARSE_FORM_ROWS4, 0.5, 0, 0, 8},
    {"8x1", SPARSE_FORM_ROWS4, 0.25, 0, 0, 8},
    {"8x1", SPARSE_FORM_ROWS4, 0.1, 0, 0, 8},
    {"16x1", SPARSE_FORM_ROWS16, 0.5, 0, 0, 0},
    {"16x1", SPARSE_FORM_ROWS16, 0.25, 0, 0, 0},
    {"16x1", SPARSE_FORM_ROWS16, 0.1, 0, 0, 0},
    {"1x16", SPARSE_FORM_INPUT16, 0.5, 0, 0, 0},
    {"1x16", SPARSE_FORM_INPUT16, 0.25, 0, 0, 0},
    {"1x16", SPARSE_FORM_INPUT16, 0.1, 0, 0, 0},
    {"2:4", SPARSE_FORM_LANES, 0.5, 2, 4, 0},
    {"4:8", SPARSE_FORM_LANES, 0.5, 4, 8, 0},
    {"1:4", SPARSE_FORM_LANES, 0.25, 1, 4, 0},
    {"2:8", SPARSE_FORM_LANES, 0.25, 2, 8, 0},
    {"1:16", SPARSE_FORM_LANES, 0.0625, 1, 16, 0},
};

/* N of every M inputs at one kernel position. */
static inline void draw_keep(const struct layer *l, const struct pattern *p,
                             struct rng *rng, float *weight)
{
    int64_t inputs = l->ic / l->groups, taps = l->kernel * l->kernel;
    for (int64_t row = 0; row < l->oc * taps; row++)
        for (int64_t i = 0; i < inputs; i += p->of) {
            int64_t left = inputs - i < p->of ? inputs - i : p->of;
            float *at = weight + (row / taps * inputs + i) * taps + row % taps;
            for (int64_t k = 0; k < left; k++)
                at[k * taps] = 0.0F;
            for (int64_t kept = 0; kept < p->keep && kept < left;) {
                float *to = at + (int64_t)rng_below(rng, (uint64_t)left) * taps;
                kept += *to == 0.0F;
                *to = 0.01F;
            }
        }
}

/* Blocks of that many output channels. */
static inline void draw_rows(const struct layer *l, const struct pattern *p,
                             struct rng *rng, float *weight)
{
    int64_t inputs = l->ic / l->groups * l->kernel * l->kernel;
    for (int64_t o = 0; o < l->oc; o++)
        for (int64_t i = 0; i < inputs; i++) {
            float *to = weight + o * inputs + i;
            if (o % p->rows > 0)
                *to = to[-inputs];
            else
                *to = rng_uniform(rng) < p->density ? 0.01F : 0.0F;
        }
}

static inline int64_t weights_of(const struct layer *l)
{
    return l->oc * (l->ic / l->groups) * l->kernel * l->kernel;
}

static inline void draw_pattern(const struct layer *l, const struct pattern *p,
                                const struct kernel_spec *spec, struct rng *rng,
                                float *weight)
{
    if (p->keep > 0)
        draw_keep(l, p, rng, weight);
    else if (p->rows > 0)
        draw_rows(l, p, rng, weight);
    else
        sparse_structure_draw(spec, p->form, p->density, rng, weight);
}

static const struct epilogue relu = {false, {ELTWISE_RELU, 0, 0}};

static inline void *allocate(size_t bytes)
{
    void *p = pages_create(bytes + SLACK);
    if (p == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return p;
}

static inline float *allocate_tensor(const struct layout_desc *d,
                                     struct rng *rng)
{
    float *p = allocate((size_t)layout_elements(d) * sizeof *p);
    struct layout_desc plain = *d;
    plain.layout = LAYOUT_PLAIN;
    float *values = allocate((size_t)layout_elements(&plain) * sizeof *p);
    for (int64_t i = 0; i < layout_elements(&plain); i++)
        values[i] = (float)(rng_uniform(rng) * 2 - 1);
    layout_convert(&plain, values, d, p, CPU_ISA_SCALAR);
    free(values);
    return p;
}

static inline struct kernel_spec spec_of(const struct layer *l, int64_t batch,
                                         const float *weight, const float *bias)
{
    struct kernel_spec spec = {.kind = KERNEL_PRODUCT, .weight_input = 1};
    if (l->size == 0) {
        spec.product = (struct product_spec){.n = batch,
                                             .in = l->ic,
                                             .out = l->oc,
                                             .weight = weight,
                                             .bias = bias};
        return spec;
    }
    int64_t pad = l->kernel / 2, out = (l->size - 1) / l->stride + 1;
    spec.kind = KERNEL_CONV;
    spec.conv = (struct conv_spec){.n = batch,
                                   .groups = l->groups,
                                   .ic = l->ic,
                                   .ih = l->size,
                                   .iw = l->size,
                                   .oc = l->oc,
                                   .oh = out,
                                   .ow = out,
                                   .kh = l->kernel,
                                   .kw = l->kernel,
                                   .sh = l->stride,
                                   .sw = l->stride,
                                   .dh = 1,
                                   .dw = 1,
                                   .pad_top = pad,
                                   .pad_left = pad,
                                   .pad_bottom = pad,
                                   .pad_right = pad,
                                   .weight = weight,
                                   .bias = bias};
    return spec;
}

static inline struct layout_desc source_of(const struct kernel_spec *s,
                                           enum layout layout, int64_t border)
{
    if (s->kind == KERNEL_PRODUCT)
        return (struct layout_desc){layout, s->product.n, s->product.in, 1, 1,
                                    0};
    return (struct layout_desc){layout,     s->conv.n,  s->conv.ic,
                                s->conv.ih, s->conv.iw, border};
}

static inline struct layout_desc result_of(const struct kernel_spec *s,
                                           enum layout layout, int64_t border)
{
    if (s->kind == KERNEL_PRODUCT)
        return (struct layout_desc){layout, s->product.n, s->product.out, 1, 1,
                                    0};
    return (struct layout_desc){layout,     s->conv.n,  s->conv.oc,
                                s->conv.oh, s->conv.ow, border};
}

/* One side of the comparison: a closure that runs once. */
struct side {
    const struct kernel_spec *spec;
    const struct sparse_kernel *kernel; /* NULL: dense */
    struct onednn_kernel dense;
    struct onednn_binding binding;
    int64_t border;
    float *src, *dst;
    bool borrows; /* src and dst */
    void *packed, *scratch;
    int64_t repeats;
    double ns[RUNS];
};

static inline void run_once(const struct side *s)
{
    if (s->kernel == NULL) {
        (void)onednn_run(&s->binding);
        return;
    }
    const struct sparse_part whole = sparse_whole(s->spec);
    s->kernel->run(s->spec, s->packed, s->src, s->border, s->dst, s->border,
                   &relu, NULL, s->scratch, &whole);
}

static inline double time_side(const struct side *s)
{
    int64_t begin = clock_now_ns();
    for (int64_t i = 0; i < s->repeats; i++)
        run_once(s);
    return (double)(clock_now_ns() - begin) / (double)s->repeats;
}

static inline void warm_up(struct side *s)
{
    s->repeats = 1;
    double ns = 0;
    for (int i = 0; i < WARM_UPS; i++)
        ns = time_side(s);
    s->repeats = 1 + (int64_t)(shortest_ns / (ns + 1));
}

static inline int open_dense(struct side *s, const struct onednn_engine *engine,
                             const struct kernel_spec *spec, struct rng *rng)
{
    enum layout from = LAYOUT_PLAIN, to = LAYOUT_PLAIN;
    memset(s, 0, sizeof *s);
    s->spec = spec;
    struct onednn_problem p = {.spec = spec, .epilogue = &relu};
    p.src = source_of(spec, LAYOUT_PLAIN, 0);
    p.dst = p.other = result_of(spec, LAYOUT_PLAIN, 0);
    if (spec->kind == KERNEL_CONV &&
        onednn_preferred(engine, &p, &from, &to) != 0)
        return -1;
    p.src.layout = from;
    p.dst.layout = p.other.layout = to;
    if (onednn_kernel_create(&s->dense, engine, &p) != 0)
        return -1;
    s->src = allocate_tensor(&p.src, rng);
    s->dst = allocate_tensor(&p.dst, rng);
    s->scratch = allocate(s->dense.scratch_bytes);
    if (onednn_binding_create(&s->binding, engine, &s->dense, s->src, NULL,
                              s->dst, s->scratch) == 0)
        return 0;
    onednn_kernel_release(&s->dense);
    return -1;
}

/* like: a side in the same layout whose tensors this one uses; or NULL. Which
 * lines of a cache they share is luck that then hits both. */
static inline void open_sparse(struct side *s,
                               const struct sparse_kernel *kernel,
                               const struct kernel_spec *spec,
                               const struct side *like, struct rng *rng)
{
    memset(s, 0, sizeof *s);
    s->spec = spec;
    s->kernel = kernel;
    s->border = kernel->layout == LAYOUT_PLANE ? 1 : 0;
    struct layout_desc from = source_of(spec, kernel->layout, s->border);
    struct layout_desc to = result_of(spec, kernel->layout, s->border);
    s->borrows = like != NULL;
    s->src = like != NULL ? like->src : allocate_tensor(&from, rng);
    s->dst = like != NULL ? like->dst : allocate_tensor(&to, rng);
    s->packed = allocate(kernel->pack_bytes(spec));
    s->scratch = allocate(kernel->scratch_bytes(spec, s->border));
    kernel->pack(spec, s->packed);
}

static inline void close_side(struct side *s)
{
    if (s->kernel == NULL) {
        onednn_binding_release(&s->binding);
        onednn_kernel_release(&s->dense);
    }
    free(s->borrows ? NULL : s->src);
    free(s->borrows ? NULL : s->dst);
    free(s->packed);
    free(s->scratch);
}

#endif
