/* Which sums of outer products an instruction set has. */
#include "kernel/outer.h"

outer_function *outer_of(enum cpu_isa isa)
{
#if defined(__x86_64__)
    if (isa == CPU_ISA_AVX512)
        return outer_panel_avx512;
    if (isa == CPU_ISA_AVX2)
        return outer_panel_avx2;
#endif
    (void)isa;
    return outer_panel_scalar;
}
