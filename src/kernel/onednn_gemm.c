#include "kernel/gemm.h"

#include <dnnl.h>

int gemm_run(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
             bool transposed, bool accumulate, float *y, int64_t y_row)
{
    if (m == 0 || n == 0)
        return 0;
    return dnnl_sgemm('N', transposed ? 'T' : 'N', m, n, k, 1, x, k, w,
                      transposed ? k : n, accumulate ? 1 : 0, y,
                      y_row) == dnnl_success
               ? 0
               : -1;
}
