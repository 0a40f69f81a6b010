/* Sums of outer products on vectors of 8 floats. */
#if defined(__x86_64__)
#define DENSE_AVX2

#include "kernel/outer_run.h"

void outer_panel_avx2(const struct outer *outer, int64_t first)
{
    outer_run_panel(outer, first);
}
#endif
