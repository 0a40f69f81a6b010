#include "base/parallel.h"

#include <stddef.h>

static int run_here(void *owner, int64_t count, parallel_piece *piece,
                    void *context, struct error *err)
{
    (void)owner;
    for (int64_t i = 0; i < count; i++)
        if (piece(context, 0, i, err) < 0)
            return -1;
    return 0;
}

const struct parallel parallel_none = {1, run_here, NULL};

int parallel_pieces(const struct parallel *parallel, int64_t count,
                    parallel_piece *piece, void *context, struct error *err)
{
    return parallel->run(parallel->owner, count, piece, context, err);
}
