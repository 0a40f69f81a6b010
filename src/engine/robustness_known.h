/*
 * What an engine knows of its variants on worse data, while it lives. Found by
 * work (`robustness`), row by row; immutable, counted snapshots.
 */
#ifndef ENGINE_ROBUSTNESS_KNOWN_H
#define ENGINE_ROBUSTNESS_KNOWN_H

#include "engine/robustness.h"

struct robustness_known {
    atomic_int holders;
    uint64_t hash; /* of the variant */
    int variant;
    int64_t samples; /* pictures of the tested data */
    size_t planned;  /* rows; fewer are there while it runs, or stopped */
    struct robustness found;
};

void robustness_known_drop(const struct robustness_known *known);

/* Of this variant, else of the one that was looked at last, retained; NULL:
 * nothing was found yet. */
const struct robustness_known *engine_robustness_known(struct engine *engine,
                                                       uint64_t hash);

/* Publishes a copy in place of what was known of the variant. On the engine
 * thread. */
int engine_robustness_publish(struct engine *engine,
                              const struct robustness_known *known,
                              struct error *err);

/* For the end of an engine. */
void engine_robustness_release(struct engine *engine);

#endif
