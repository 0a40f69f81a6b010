/*
 * Sparse kernels against the dense ones, layer by layer, on one thread. Prints
 * a row per kernel, case and pattern of zeros:
 *
 *   kernel,case,pattern,sparsity,median_us,p10_us,p90_us,dense_us,ratio,
 *   unstructured_us,gain
 *
 * Times are per image; ratio = dense / sparse, gain = unstructured / sparse:
 * the fastest kernel for weights that fall anywhere, on such weights of the
 * sparsity that the pattern's draw has. All are measured in turn in the same
 * run (A B C A B C), so that a slow moment of the machine hits all. Dense is
 * oneDNN in the layout that it prefers; no side pays for reorders.
 *
 * bench_kernel [KERNEL [CASE]] runs those whose names contain the words.
 */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "base/stats.h"
#include "kernel/layout.h"
#include "kernel/onednn.h"
#include "kernel/sparse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UPS = 5, RUNS = 31, ALIGNMENT = 64, SLACK = 128 };

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
};

static const struct pattern patterns[] = {
    {"any", SPARSE_FORM_ANY, 0.5, 0, 0},
    {"any", SPARSE_FORM_ANY, 0.3, 0, 0},
    {"any", SPARSE_FORM_ANY, 0.1, 0, 0},
    {"any", SPARSE_FORM_ANY, 0.05, 0, 0},
    {"4x1", SPARSE_FORM_ROWS4, 0.5, 0, 0},
    {"4x1", SPARSE_FORM_ROWS4, 0.25, 0, 0},
    {"4x1", SPARSE_FORM_ROWS4, 0.1, 0, 0},
    {"16x1", SPARSE_FORM_ROWS16, 0.5, 0, 0},
    {"16x1", SPARSE_FORM_ROWS16, 0.25, 0, 0},
    {"16x1", SPARSE_FORM_ROWS16, 0.1, 0, 0},
    {"1x16", SPARSE_FORM_INPUT16, 0.5, 0, 0},
    {"1x16", SPARSE_FORM_INPUT16, 0.25, 0, 0},
    {"1x16", SPARSE_FORM_INPUT16, 0.1, 0, 0},
    {"2:4", SPARSE_FORM_LANES, 0.5, 2, 4},
    {"4:8", SPARSE_FORM_LANES, 0.5, 4, 8},
    {"1:4", SPARSE_FORM_LANES, 0.25, 1, 4},
    {"2:8", SPARSE_FORM_LANES, 0.25, 2, 8},
    {"1:16", SPARSE_FORM_LANES, 0.0625, 1, 16},
};

/* N of every M inputs at one kernel position. */
static void draw_keep(const struct layer *l, const struct pattern *p,
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

static const struct epilogue relu = {false, {ELTWISE_RELU, 0, 0}};

static void *allocate(size_t bytes)
{
    void *p = aligned_alloc(ALIGNMENT,
                            (bytes + SLACK) / ALIGNMENT * ALIGNMENT + SLACK);
    if (p == NULL) {
        fprintf(stderr, "bench_kernel: no memory\n");
        exit(1);
    }
    memset(p, 0, bytes);
    return p;
}

static float *allocate_tensor(const struct layout_desc *d, struct rng *rng)
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

static struct kernel_spec spec_of(const struct layer *l, int64_t batch,
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

static struct layout_desc source_of(const struct kernel_spec *s,
                                    enum layout layout, int64_t border)
{
    if (s->kind == KERNEL_PRODUCT)
        return (struct layout_desc){layout, s->product.n, s->product.in, 1, 1,
                                    0};
    return (struct layout_desc){layout,     s->conv.n,  s->conv.ic,
                                s->conv.ih, s->conv.iw, border};
}

static struct layout_desc result_of(const struct kernel_spec *s,
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
    void *packed, *scratch;
    int64_t repeats;
    double ns[RUNS];
};

static void run_once(const struct side *s)
{
    if (s->kernel == NULL) {
        (void)onednn_run(&s->binding);
        return;
    }
    const struct sparse_part whole = sparse_whole(s->spec);
    s->kernel->run(s->spec, s->packed, s->src, s->border, s->dst, s->border,
                   &relu, NULL, s->scratch, &whole);
}

static double time_side(const struct side *s)
{
    int64_t begin = clock_now_ns();
    for (int64_t i = 0; i < s->repeats; i++)
        run_once(s);
    return (double)(clock_now_ns() - begin) / (double)s->repeats;
}

static void warm_up(struct side *s)
{
    s->repeats = 1;
    double ns = 0;
    for (int i = 0; i < WARM_UPS; i++)
        ns = time_side(s);
    s->repeats = 1 + (int64_t)(shortest_ns / (ns + 1));
}

static int open_dense(struct side *s, const struct onednn_engine *engine,
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

static void open_sparse(struct side *s, const struct sparse_kernel *kernel,
                        const struct kernel_spec *spec, struct rng *rng)
{
    memset(s, 0, sizeof *s);
    s->spec = spec;
    s->kernel = kernel;
    s->border = kernel->layout == LAYOUT_PLANE ? 1 : 0;
    struct layout_desc from = source_of(spec, kernel->layout, s->border);
    struct layout_desc to = result_of(spec, kernel->layout, s->border);
    s->src = allocate_tensor(&from, rng);
    s->dst = allocate_tensor(&to, rng);
    s->packed = allocate(kernel->pack_bytes(spec));
    s->scratch = allocate(kernel->scratch_bytes(spec, s->border));
    kernel->pack(spec, s->packed);
}

static void close_side(struct side *s)
{
    if (s->kernel == NULL) {
        onednn_binding_release(&s->binding);
        onednn_kernel_release(&s->dense);
    }
    free(s->src);
    free(s->dst);
    free(s->packed);
    free(s->scratch);
}

/* What one row compares; the rival is missing where the pattern is "any". */
struct match {
    struct side dense, sparse, rival;
    bool rivalled;
};

static struct stats_summary summary_of(struct side *s)
{
    return stats_summarise(s->ns, RUNS);
}

static void compare(struct match *m, const char *name,
                    const struct pattern *pattern, double density,
                    int64_t batch)
{
    warm_up(&m->dense);
    warm_up(&m->sparse);
    if (m->rivalled)
        warm_up(&m->rival);
    for (int i = 0; i < RUNS; i++) {
        m->dense.ns[i] = time_side(&m->dense);
        m->sparse.ns[i] = time_side(&m->sparse);
        if (m->rivalled)
            m->rival.ns[i] = time_side(&m->rival);
    }
    struct stats_summary d = summary_of(&m->dense), s = summary_of(&m->sparse);
    struct stats_summary r = m->rivalled ? summary_of(&m->rival) : s;
    double unit = 1e3 * (double)batch;
    printf("%s,%s batch %d,%s,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f\n",
           m->sparse.kernel->name, name, (int)batch, pattern->name, 1 - density,
           s.median / unit, s.p10 / unit, s.p90 / unit, d.median / unit,
           d.median / s.median, r.median / unit, r.median / s.median);
    fflush(stdout);
}

/* The kernel for weights anywhere that serves best at this batch. */
static const struct sparse_kernel *rival_of(const struct kernel_spec *spec,
                                            enum cpu_isa isa, int64_t batch)
{
    enum layout one = spec->kind == KERNEL_CONV ? LAYOUT_PLANE : LAYOUT_PLAIN;
    return sparse_kernel_find(spec, batch == 1 ? one : LAYOUT_IMAGE16,
                              SPARSE_FORM_ANY, isa);
}

static void bench_pattern(const struct onednn_engine *engine,
                          const struct sparse_kernel *kernel,
                          const struct layer *layer,
                          const struct pattern *pattern, int64_t batch)
{
    static struct match m; /* large: off the stack */
    struct rng rng;
    rng_init(&rng, 1);
    int64_t count =
        layer->oc * layer->ic / layer->groups * layer->kernel * layer->kernel;
    float *weight = allocate((size_t)count * sizeof *weight);
    float *anywhere = allocate((size_t)count * sizeof *anywhere);
    float *bias = allocate((size_t)layer->oc * sizeof *bias);
    struct kernel_spec spec = spec_of(layer, batch, weight, bias);
    struct kernel_spec other = spec_of(layer, batch, anywhere, bias);
    if (pattern->keep > 0)
        draw_keep(layer, pattern, &rng, weight);
    else
        sparse_structure_draw(&spec, pattern->form, pattern->density, &rng,
                              weight);
    double density = (double)sparse_nonzeros(weight, count) / (double)count;
    sparse_structure_draw(&spec, SPARSE_FORM_ANY, density, &rng, anywhere);
    const struct sparse_kernel *rival = rival_of(&spec, kernel->isa, batch);
    m.rivalled = pattern->form != SPARSE_FORM_ANY && rival != NULL;
    if (spec.kind != kernel->kind || !kernel->serves(&spec) ||
        open_dense(&m.dense, engine, &spec, &rng) != 0)
        goto out;
    open_sparse(&m.sparse, kernel, &spec, &rng);
    if (m.rivalled)
        open_sparse(&m.rival, rival, &other, &rng);
    compare(&m, layer->name, pattern, density, batch);
    close_side(&m.dense);
    close_side(&m.sparse);
    if (m.rivalled)
        close_side(&m.rival);
out:
    free(weight);
    free(anywhere);
    free(bias);
}

/* Blocks of 16 output channels are blocks of 4 as well. */
static bool profits(enum sparse_form kernel, enum sparse_form pattern)
{
    return kernel == pattern ||
           (kernel == SPARSE_FORM_ROWS4 && pattern == SPARSE_FORM_ROWS16);
}

/* Every pattern that the kernel is for, at the batches that it is for. */
static void bench_kernel(const struct onednn_engine *engine,
                         const struct sparse_kernel *kernel, const char *word)
{
    bool single = kernel->layout == LAYOUT_PLANE ||
                  strstr(kernel->name, "_plain_") != NULL ||
                  strstr(kernel->name, "_lookup_") != NULL;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (word != NULL && strstr(layers[i].name, word) == NULL)
            continue;
        for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
            if (!profits(kernel->form, patterns[k].form))
                continue;
            if (kernel->layout != LAYOUT_IMAGE16)
                bench_pattern(engine, kernel, &layers[i], &patterns[k], 1);
            for (int64_t batch = 16; !single && batch <= 64; batch *= 4)
                bench_pattern(engine, kernel, &layers[i], &patterns[k], batch);
        }
    }
}

int main(int argc, char **argv)
{
    struct onednn_engine engine;
    if (onednn_engine_open(&engine) != 0) {
        fprintf(stderr, "bench_kernel: oneDNN does not start\n");
        return 1;
    }
    onednn_set_threads(1);
    printf("kernel,case,pattern,sparsity,median_us,p10_us,p90_us,dense_us,"
           "ratio,unstructured_us,gain\n");
    for (const struct sparse_kernel *k = sparse_kernels; k->name; k++)
        if (k->isa <= cpu_isa_detect() &&
            (argc > 1 ? strstr(k->name, argv[1]) != NULL
                      : k->isa == cpu_isa_detect()))
            bench_kernel(&engine, k, argc > 2 ? argv[2] : NULL);
    onednn_engine_close(&engine);
    return 0;
}
