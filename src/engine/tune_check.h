/* The accuracy of a model that is being tuned, on the tested data. */
#ifndef ENGINE_TUNE_CHECK_H
#define ENGINE_TUNE_CHECK_H

#include "engine/work.h"
#include "eval/estimate.h"

/* done, total: how far the tune is. */
struct tune_check_request {
    struct work *work;
    const struct graph *model; /* a resolved template */
    int64_t done, total;
};

/*
 * out    the share of right answers with its 95 % interval
 *
 * Steps aside for the user (work_step). Errors: those of making a plan,
 * ERROR_CANCELLED.
 */
int tune_check(struct estimate *out, const struct tune_check_request *request,
               struct error *err);

#endif
