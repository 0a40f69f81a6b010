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
#include "kernel_side.h"

/* What one row compares; the rival is missing where the pattern is "any". */
struct match {
    struct side dense, sparse, rival;
    bool rivalled;
};

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
    struct stats_summary d = stats_summarise(m->dense.ns, RUNS),
                         s = stats_summarise(m->sparse.ns, RUNS);
    struct stats_summary r =
        m->rivalled ? stats_summarise(m->rival.ns, RUNS) : s;
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
    int64_t count = weights_of(layer);
    float *weight = allocate((size_t)count * sizeof *weight);
    float *anywhere = allocate((size_t)count * sizeof *anywhere);
    float *bias = allocate((size_t)layer->oc * sizeof *bias);
    struct kernel_spec spec = spec_of(layer, batch, weight, bias);
    struct kernel_spec other = spec_of(layer, batch, anywhere, bias);
    draw_pattern(layer, pattern, &spec, &rng, weight);
    double density = (double)sparse_nonzeros(weight, count) / (double)count;
    sparse_structure_draw(&spec, SPARSE_FORM_ANY, density, &rng, anywhere);
    const struct sparse_kernel *rival = rival_of(&spec, kernel->isa, batch);
    m.rivalled = pattern->form != SPARSE_FORM_ANY && rival != NULL;
    if (spec.kind != kernel->kind || !kernel->serves(&spec) ||
        open_dense(&m.dense, engine, &spec, &rng) != 0)
        goto out;
    open_sparse(&m.sparse, kernel, &spec, NULL, &rng);
    if (m.rivalled)
        open_sparse(&m.rival, rival, &other,
                    rival->layout == kernel->layout ? &m.sparse : NULL, &rng);
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
