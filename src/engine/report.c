#include "engine/report.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* Counting is the one thing a holder of a const report may change. */
static struct report *writable(const struct report *report)
{
    struct report *out;
    memcpy(&out, &report, sizeof out);
    return out;
}

struct report *report_create(const struct result *result,
                             const struct result *baseline)
{
    struct report *report = array_create(1, sizeof *report);
    if (!report)
        return NULL;
    atomic_init(&report->holders, 1);
    report->has_baseline = baseline != NULL;
    if ((result && result_copy(&report->result, result) < 0) ||
        (baseline && result_copy(&report->baseline, baseline) < 0)) {
        report_drop(report);
        return NULL;
    }
    return report;
}

struct report *report_retain(const struct report *report)
{
    struct report *shared = writable(report);
    atomic_fetch_add_explicit(&shared->holders, 1, memory_order_relaxed);
    return shared;
}

void report_drop(const struct report *report)
{
    if (!report)
        return;
    struct report *shared = writable(report);
    if (atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) !=
        1)
        return;
    result_release(&shared->result);
    result_release(&shared->baseline);
    free(shared);
}
