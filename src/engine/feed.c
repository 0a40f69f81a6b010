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

static void fill_input(const struct feed *feed, const struct graph *graph,
                       size_t input, int64_t first, int64_t count, void *out)
{
    const struct session *session = feed->setup->session;
    const struct dataset *dataset = session_dataset(session);
    const struct transform *transform = session_transform(session);
    const struct value *value = &graph->values[graph->inputs[input]];
    struct shape sample = {.rank = value->shape.rank - 1};
    for (int i = 0; i < sample.rank; i++)
        sample.dims[i] = value->shape.dims[i + 1];
    struct dataset_layout layout =
        dataset_layout_for(dataset, feed->map[input], &sample);
    size_t stride = (size_t)shape_elements(&sample) * dtype_size(value->dtype);
    const int64_t *order = feed->order ? feed->order + first : NULL;
    dataset_read_as(dataset, feed->map[input], transform, &layout, value->dtype,
                    first, order, count, out);
    char *bytes = out;
    const char *last = bytes + (size_t)(count - 1) * stride;
    for (int64_t i = count; i < graph->batch; i++)
        memcpy(bytes + (size_t)i * stride, last, stride);
}

int64_t feed_batch(const struct feed *feed, const struct graph *graph,
                   struct runner *runner, int64_t b)
{
    int64_t first = b * graph->batch, left = feed->samples - first;
    int64_t count = left < graph->batch ? left : graph->batch;
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *value = &graph->values[graph->inputs[i]];
        struct tensor type = {.dtype = value->dtype, .shape = value->shape};
        void *out = runner_input(runner, i);
        if (feed->map)
            fill_input(feed, graph, i, first, count, out);
        else
            fill_random(&type, out, (uint64_t)b * 31 + i);
    }
    return count;
}
