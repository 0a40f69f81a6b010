/*
 * Sparse kernels against the dense ones, layer by layer, on one thread. Prints
 * a row per kernel, case and sparsity:
 *
 *   kernel,case,sparsity,median_us,p10_us,p90_us,dense_us,ratio
 *
 * Times are per image; ratio = dense / sparse, both measured in turn in the
 * same run (A B A B), so that a slow moment of the machine hits both. Dense is
 * oneDNN in the layout that it prefers; neither side pays for reorders.
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
    {"64x28x28 3x3 depthwise", 64, 64, 28, 64, 3, 1},
    {"product 784x300", 1, 784, 0, 300, 1, 1},
    {"product 800x500", 1, 800, 0, 500, 1, 1},
    {"product 300x100", 1, 300, 0, 100, 1, 1},
};

static const double sparsities[] = {0.5, 0.7, 0.9, 0.95};

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

static void compare(struct side *dense, struct side *sparse, const char *name,
                    double sparsity, int64_t batch)
{
    warm_up(dense);
    warm_up(sparse);
    for (int i = 0; i < RUNS; i++) {
        dense->ns[i] = time_side(dense);
        sparse->ns[i] = time_side(sparse);
    }
    struct stats_summary d = stats_summarise(dense->ns, RUNS);
    struct stats_summary s = stats_summarise(sparse->ns, RUNS);
    double unit = 1e3 * (double)batch;
    printf("%s,%s batch %d,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f\n",
           sparse->kernel->name, name, (int)batch, sparsity, s.median / unit,
           s.p10 / unit, s.p90 / unit, d.median / unit, d.median / s.median);
    fflush(stdout);
}

static void bench_layer(const struct onednn_engine *engine,
                        const struct sparse_kernel *kernel,
                        const struct layer *layer, int64_t batch)
{
    struct rng rng;
    rng_init(&rng, 1);
    int64_t count =
        layer->oc * layer->ic / layer->groups * layer->kernel * layer->kernel;
    float *weight = allocate((size_t)count * sizeof *weight);
    float *bias = allocate((size_t)layer->oc * sizeof *bias);
    struct kernel_spec spec = spec_of(layer, batch, weight, bias);
    if (spec.kind == kernel->kind && kernel->serves(&spec)) {
        for (size_t i = 0; i < sizeof sparsities / sizeof *sparsities; i++) {
            struct side dense, sparse;
            for (int64_t k = 0; k < count; k++)
                weight[k] = rng_uniform(&rng) < sparsities[i]
                                ? 0.0F
                                : (float)(rng_uniform(&rng) - 0.5);
            if (open_dense(&dense, engine, &spec, &rng) != 0) {
                fprintf(stderr, "bench_kernel: no dense '%s'\n", layer->name);
                break;
            }
            open_sparse(&sparse, kernel, &spec, &rng);
            compare(&dense, &sparse, layer->name, sparsities[i], batch);
            close_side(&dense);
            close_side(&sparse);
        }
    }
    free(weight);
    free(bias);
}

int main(int argc, char **argv)
{
    struct onednn_engine engine;
    if (onednn_engine_open(&engine) != 0) {
        fprintf(stderr, "bench_kernel: oneDNN does not start\n");
        return 1;
    }
    onednn_set_threads(1);
    printf("kernel,case,sparsity,median_us,p10_us,p90_us,dense_us,ratio\n");
    for (const struct sparse_kernel *k = sparse_kernels; k->name; k++) {
        if (k->isa > cpu_isa_detect() ||
            (argc > 1 ? strstr(k->name, argv[1]) == NULL
                      : k->isa != cpu_isa_detect()))
            continue;
        int64_t batch = k->layout == LAYOUT_IMAGE16 ? 16 : 1;
        for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
            if (argc < 3 || strstr(layers[i].name, argv[2]) != NULL)
                bench_layer(&engine, k, &layers[i], batch);
    }
    onednn_engine_close(&engine);
    return 0;
}
