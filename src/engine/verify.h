/* Whether a written model does what the session said. */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include "engine/pool.h"
#include "engine/setup.h"

/* What was compared and found. */
struct verification {
    int64_t samples, different_answers;
    int64_t correct_before, correct_after; /* labelled samples */
    int64_t labelled;
    double largest_difference; /* of any element of any output */
    double largest_value;
};

/*
 * Reads the model at `path` back, plans it as the session's, runs both on
 * every sample and compares outputs and answers one by one.
 *
 * plan    of the session's variant
 * watch   called now and then with the samples done (may be NULL)
 *
 * Errors: ERROR_MISMATCH, ERROR_CANCELLED, those of reading and planning.
 */
int verify_file(struct verification *verification, const struct setup *setup,
                const struct plan *plan, const char *path, struct pool *pool,
                const struct cancel *cancel,
                void (*watch)(void *context, int64_t done, int64_t total),
                void *context, struct error *err);

#endif
