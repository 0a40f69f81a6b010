/*
 * Random: a fixed shuffle of each layer, the baseline that any other
 * criterion has to beat. The layer's name seeds it, so the same recipe gives
 * the same masks on any machine, and a larger amount removes a superset.
 */
#include "prune/criteria.h"

#include "base/hash.h"
#include "base/rng.h"

#include <string.h>

static int score(const struct score_input *input, float *out, struct error *err)
{
    const struct layer *layer = input->layer;
    (void)err;
    struct rng rng;
    rng_init(&rng, hash_bytes(0, layer->name, strlen(layer->name)));
    for (int64_t i = 0; i < layer->weights; i++)
        out[i] = (float)rng_uniform(&rng);
    return 0;
}

const struct criterion criterion_random = {
    .name = "random",
    .help = "weights go in a fixed random order: the baseline to beat",
    .score = score,
};
