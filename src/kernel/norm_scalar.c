#define NORM_LANES 4
#include "kernel/norm_run.h"

NORM_KERNELS(norm_kernels_scalar)
