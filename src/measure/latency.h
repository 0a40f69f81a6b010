/* Measured latency by a stated protocol. */
#ifndef MEASURE_LATENCY_H
#define MEASURE_LATENCY_H

#include "base/stats.h"
#include "exec/crew.h"
#include "measure/energy.h"
#include "measure/noise.h"

/* Warm up `warmup` runs, then at least `runs` and until `minimum_ns` have
 * passed (at most `maximum_ns`). */
struct latency_protocol {
    int warmup, runs;
    int64_t minimum_ns, maximum_ns;
};

/* 5 warm-up, at least 30 runs and 1 s: what bench reports. */
struct latency_protocol latency_protocol_bench(void);
/* 3 warm-up, at least 15 runs, 60 ms: what the explorer refreshes with. */
struct latency_protocol latency_protocol_live(void);

struct latency {
    struct stats_summary run_ms; /* one run of the whole batch */
    double *step_ms;             /* median per plan step; owned */
    size_t steps;
    int64_t runs;
    struct noise noise; /* of the machine during the runs */
    double joules;      /* of one run, by the machine's counters; NAN: none */
};

/*
 * Times `crew` on seeded random input. Per-step times come from separate
 * runs with the step clock on, so that the whole is not slowed by it.
 * Errors: ERROR_CANCELLED, ERROR_MEMORY.
 */
int latency_measure(struct latency *latency, struct crew *crew,
                    const struct latency_protocol *protocol,
                    const struct cancel *cancel, struct error *err);
void latency_release(struct latency *latency);

#endif
