/* What a line `tune ...` asks for. */
#ifndef ENGINE_TUNE_ORDER_H
#define ENGINE_TUNE_ORDER_H

#include "engine/work.h"
#include "prune/decision.h"
#include "train/tune.h"

struct tune_order {
    struct tune_options options;
    bool gradual, rewinds;
    bool best;     /* the most accurate epoch is kept, not the last */
    bool resumes;  /* goes on from the checkpoint; all else is said there */
    double stop;   /* epochs after which it ends; 0: with the course */
    double target; /* share of the prunable weights */
    enum course_kind course;
    const struct criterion *criterion;
};

/* work_kind.parse; freed with free. */
int tune_order_parse(void **options, const struct session *session,
                     size_t count, const char *const *words, struct error *err);

/*
 * The line of what was done instead of `line`: `more` epochs behind the
 * course, ended after `stop` epochs (0: at the end). Owned; NULL without
 * memory.
 */
char *tune_order_line(const char *line, int more, double stop);

#endif
