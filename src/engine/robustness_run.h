/* What one condition's answers are counted from; shared by robustness*.c. */
#ifndef ENGINE_ROBUSTNESS_RUN_H
#define ENGINE_ROBUSTNESS_RUN_H

#include "engine/robustness.h"

/* Answers on one condition, by sample id. */
struct robustness_answers {
    const struct dataset *dataset; /* labels */
    int64_t samples;
    const struct outcome *variant;
    const struct outcome *dense; /* NULL: no dense model */
    bool agreement;              /* labels do not count, nor do classes */
};

/* Appends a row; chosen: which samples count, NULL: all. */
int robustness_add(struct robustness *out, const char *name, int severity,
                   const struct robustness_answers *answers, const bool *chosen,
                   struct error *err);

/* Marks the tenth of the samples with the smallest |margin|, under the dense
 * model where there is one. Owned by the caller. */
int robustness_hesitant(const struct robustness_answers *answers, bool **out,
                        struct error *err);

/* Whether the dense model was right on each sample of a condition, from an
 * earlier run; NULL: not known. */
const bool *robustness_cached(const struct robustness_cache *cache,
                              const char *name, int severity, int64_t samples);
/* Keeps that; without memory it is found again. */
void robustness_keep(struct robustness_cache *cache, const char *name,
                     int severity, const struct robustness_answers *answers);

#endif
