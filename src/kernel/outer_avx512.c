/* Sums of outer products on vectors of 16 floats. */
#if defined(__x86_64__)
#define DENSE_AVX512

#include "kernel/outer_run.h"

void outer_panel_avx512(const struct outer *outer, int64_t first)
{
    outer_run_panel(outer, first);
}
#endif
