/* The only OpenMP region of the program: a sparse kernel's output channels
 * split over the threads that oneDNN's kernels use as well. */
#include "exec/compiled.h"

static int64_t rows_of(const struct kernel_spec *spec)
{
    return spec->kind == KERNEL_PRODUCT ? spec->product.out : spec->conv.oc;
}

void sparse_run_parallel(const struct compiled *compiled, const float *src,
                         float *dst, const float *other, void *scratch)
{
    const struct compiled *c = compiled;
    const int64_t rows = rows_of(&c->spec), threads = c->threads;
    const size_t stride = compiled_scratch_stride(c);
#pragma omp parallel for num_threads((int)threads) schedule(static, 1)
    for (int64_t t = 0; t < threads; t++)
        c->candidate.sparse->run(&c->spec, c->packed, src, c->src.border, dst,
                                 c->dst.border, &c->epilogue, other,
                                 (char *)scratch + (size_t)t * stride,
                                 rows * t / threads, rows * (t + 1) / threads);
}
