/* Our dense kernels on vectors of 8 floats. */
#if defined(__x86_64__)
#define DENSE_AVX2

#include "kernel/attention_run.h"
#include "kernel/depthwise_run.h"
#include "kernel/layer_norm_run.h"
#include "kernel/winograd_run.h"

void dense_winograd_run_avx2(const struct dense_call *call, void *scratch,
                             int64_t first, int64_t last);

void dense_winograd_run_avx2(const struct dense_call *call, void *scratch,
                             int64_t first, int64_t last)
{
    winograd_run(call, scratch, first, last);
}

void dense_depthwise_run_avx2(const struct dense_call *call, void *scratch,
                              int64_t first, int64_t last);

void dense_depthwise_run_avx2(const struct dense_call *call, void *scratch,
                              int64_t first, int64_t last)
{
    (void)scratch;
    depthwise_run(call, first, last);
}

void dense_layer_norm_run_avx2(const struct dense_call *call, void *scratch,
                               int64_t first, int64_t last);

void dense_layer_norm_run_avx2(const struct dense_call *call, void *scratch,
                               int64_t first, int64_t last)
{
    (void)scratch;
    layer_norm_run(call, first, last);
}

void dense_attention_run_avx2(const struct dense_call *call, void *scratch,
                              int64_t first, int64_t last);

void dense_attention_run_avx2(const struct dense_call *call, void *scratch,
                              int64_t first, int64_t last)
{
    attention_run(call, scratch, first, last);
}

#endif
