#include "kernel/norm.h"

const struct norm_kernels *norm_kernels_of(enum cpu_isa isa)
{
#if defined(__x86_64__)
    if (isa == CPU_ISA_AVX512)
        return &norm_kernels_avx512;
    if (isa == CPU_ISA_AVX2)
        return &norm_kernels_avx2;
#endif
    (void)isa;
    return &norm_kernels_scalar;
}
