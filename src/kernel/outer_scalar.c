/* Sums of outer products on portable vectors. */
#include "kernel/outer_run.h"

void outer_panel_scalar(const struct outer *outer, int64_t first)
{
    outer_run_panel(outer, first);
}
