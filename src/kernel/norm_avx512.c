#if defined(__x86_64__)
#define NORM_LANES 16
#include "kernel/norm_run.h"

NORM_KERNELS(norm_kernels_avx512)
#endif
