/* How far a measurement can be trusted: what else the machine did meanwhile,
 * and how much the runs differed. */
#ifndef MEASURE_NOISE_H
#define MEASURE_NOISE_H

#include "base/stats.h"

#include <stdbool.h>
#include <stdint.h>

/* Processor time since a moment, in nanoseconds. */
struct noise_watch {
    int64_t machine_ns, own_ns, begin_ns; /* machine_ns < 0: not told */
};

enum noise_kind {
    NOISE_UNKNOWN, /* nothing was measured */
    NOISE_QUIET,
    NOISE_BUSY,     /* others used more than a tenth of the machine */
    NOISE_UNSTEADY, /* nobody else, but runs differ by more than a tenth */
};

struct noise {
    enum noise_kind kind;
    double others; /* share of all processors that others used; NAN: not told */
    double spread; /* (p90 - p10) / median of the runs */
};

void noise_begin(struct noise_watch *watch);
/* Cost: reads /proc/stat. */
struct noise noise_end(const struct noise_watch *watch,
                       const struct stats_summary *runs);

/* What to make of it; others may be NAN. */
enum noise_kind noise_judge(double others, double spread);

/* "quiet", "busy", "unsteady", "" for unknown. */
const char *noise_word(enum noise_kind kind);

#endif
