/* Products of two run-time matrices outside a plan. */
#include "kernel/onednn_internal.h"

int onednn_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n,
                int64_t k, const float *a, int64_t lda, const float *b,
                int64_t ldb, float beta, float *c, int64_t ldc)
{
    dnnl_status_t status =
        dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k,
                   1.0f, a, lda, b, ldb, beta, c, ldc);
    return status == dnnl_success ? 0 : -1;
}
