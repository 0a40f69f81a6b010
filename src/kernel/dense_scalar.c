/* Our dense kernels on portable vectors. */
#include "kernel/winograd_run.h"

void dense_winograd_run_scalar(const struct dense_call *call, void *scratch,
                               int64_t first, int64_t last);

void dense_winograd_run_scalar(const struct dense_call *call, void *scratch,
                               int64_t first, int64_t last)
{
    winograd_run(call, scratch, first, last);
}
