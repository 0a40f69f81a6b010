/* Work split into numbered pieces, run by whoever owns threads. */
#ifndef BASE_PARALLEL_H
#define BASE_PARALLEL_H

#include "base/error.h"

#include <stdint.h>

/* One piece on worker 0 … workers - 1; the first failure ends the rest. */
typedef int parallel_piece(void *context, int worker, int64_t piece,
                           struct error *err);

/* Libraries below the engine get this from their caller. */
struct parallel {
    int workers;
    /* Runs pieces 0 … count - 1 and returns when all have ended. */
    int (*run)(void *owner, int64_t count, parallel_piece *piece, void *context,
               struct error *err);
    void *owner;
};

/* One worker, the calling thread. */
extern const struct parallel parallel_none;

int parallel_pieces(const struct parallel *parallel, int64_t count,
                    parallel_piece *piece, void *context, struct error *err);

#endif
