/* What a line `tune ...` asks for. */
#ifndef ENGINE_TUNE_ORDER_H
#define ENGINE_TUNE_ORDER_H

#include "engine/work.h"
#include "prune/decision.h"
#include "train/tune.h"

struct tune_order {
    struct tune_options options;
    bool gradual, rewinds;
    double target; /* share of the prunable weights */
    enum course_kind course;
    const struct criterion *criterion;
};

/* work_kind.parse; freed with free. */
int tune_order_parse(void **options, const struct session *session,
                     size_t count, const char *const *words, struct error *err);

#endif
