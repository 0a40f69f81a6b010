#include "engine/feed.h"

#include "base/array.h"
#include "base/rng.h"
#include "eval/evaluate.h"

#include <stdlib.h>
#include <string.h>

enum { RANDOM_SAMPLES = 32 };

int feed_init(struct feed *feed, const struct setup *setup,
              const struct graph *graph, const int64_t *order,
              struct error *err)
{
    const struct dataset *dataset = session_dataset(setup->session);
    *feed = (struct feed){.setup = setup,
                          .order = order,
                          .samples = dataset ? setup->samples : RANDOM_SAMPLES};
    if (!dataset)
        return 0;
    feed->map = array_create(graph->input_count, sizeof *feed->map);
    if (!feed->map)
        return error_memory(err, graph->input_count * sizeof *feed->map);
    if (evaluation_match(graph, dataset, feed->map, err) < 0) {
        feed_release(feed);
        return -1;
    }
    return 0;
}

void feed_release(struct feed *feed)
{
    free(feed->map);
    feed->map = NULL;
}

int64_t feed_batches(const struct feed *feed, const struct graph *graph)
{
    return (feed->samples + graph->batch - 1) / graph->batch;
}

/* Random numbers that depend on the batch alone. */
static void fill_random(const struct tensor *tensor, void *out, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    size_t bytes = tensor_bytes(tensor);
    if (tensor->dtype != DTYPE_FLOAT32) {
        memset(out, 0, bytes);
        return;
    }
    float *values = out;
    for (size_t i = 0; i < bytes / sizeof *values; i++)
        values[i] = (float)rng_normal(&rng);
}

int64_t feed_batch(const struct feed *feed, const struct graph *graph,
                   struct runner *runner, int64_t b)
{
    int64_t first = b * graph->batch, left = feed->samples - first;
    int64_t count = left < graph->batch ? left : graph->batch;
    const struct session *session = feed->setup->session;
    const struct evaluation evaluation = {
        .dataset = session_dataset(session),
        .transform = *session_transform(session),
        .order = feed->order,
    };
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *value = &graph->values[graph->inputs[i]];
        struct tensor type = {.dtype = value->dtype, .shape = value->shape};
        void *out = runner_input(runner, i);
        if (feed->map)
            evaluation_fill_input(&evaluation, value, feed->map[i], first,
                                  count, out);
        else
            fill_random(&type, out, (uint64_t)b * 31 + i);
    }
    return count;
}
