#include "prune/batch_norm.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool batch_norm_is(const struct graph *instance, int node)
{
    const struct node *n = &instance->nodes[node];
    if (strcmp(n->type, "BatchNormalization") || n->input_count != 5)
        return false;
    for (int i = 1; i < 5; i++)
        if (!instance->values[n->inputs[i]].constant.data)
            return false;
    return instance->values[n->inputs[0]].shape.rank >= 2;
}

int batch_norm_behind(struct batch_norm *norm, const struct graph *instance,
                      int value, struct error *err)
{
    int nodes[2];
    *norm = (struct batch_norm){.node = GRAPH_NONE};
    if (graph_consumers(instance, value, nodes, 2) != 1 ||
        graph_is_output(instance, value) || !batch_norm_is(instance, nodes[0]))
        return 0;
    const struct node *n = &instance->nodes[nodes[0]];
    if (n->inputs[0] != value)
        return 0;
    const struct tensor *gamma = &instance->values[n->inputs[1]].constant;
    const struct tensor *variance = &instance->values[n->inputs[4]].constant;
    const struct attribute *epsilon = graph_attribute(n, "epsilon");
    size_t channels = (size_t)tensor_elements(gamma);
    norm->scale = array_create(channels, sizeof *norm->scale);
    if (!norm->scale)
        return error_memory(err, channels * sizeof *norm->scale);
    for (size_t c = 0; c < channels; c++)
        norm->scale[c] = (float)(tensor_number(gamma, (int64_t)c) /
                                 sqrt(tensor_number(variance, (int64_t)c) +
                                      (epsilon ? epsilon->number : 1e-5)));
    norm->node = nodes[0];
    return 0;
}

void batch_norm_release(struct batch_norm *norm)
{
    free(norm->scale);
    *norm = (struct batch_norm){.node = GRAPH_NONE};
}

/* --- measuring --- */

struct measuring {
    const struct trace *trace;
    int value;
    int64_t n, inner; /* samples; places of a channel */
    struct channel_statistics *statistics;
};

static void measure_side(const struct measuring *m, int64_t channel, int side)
{
    const struct channel_statistics *s = m->statistics;
    const float *x = trace_bytes(m->trace, m->value, side);
    double sum = 0, square = 0, count = (double)(m->n * m->inner);
    for (int64_t i = 0; i < m->n; i++) {
        const float *plane = x + (i * s->channels + channel) * m->inner;
        double plane_sum = 0, plane_square = 0;
        for (int64_t j = 0; j < m->inner; j++) {
            plane_sum += (double)plane[j];
            plane_square += (double)plane[j] * (double)plane[j];
        }
        sum += plane_sum;
        square += plane_square;
    }
    double mean = sum / count;
    int64_t at = channel * TRACE_SIDES + side;
    s->sides[at].mean = mean;
    s->sides[at].variance = fmax(square / count - mean * mean, 0);
}

/* One channel per piece: no two workers share a sum. */
static int measure_channel(void *context, int worker, int64_t channel,
                           struct error *err)
{
    (void)worker;
    (void)err;
    for (int side = 0; side < TRACE_SIDES; side++)
        measure_side(context, channel, side);
    return 0;
}

int channel_statistics_measure(struct channel_statistics *statistics,
                               const struct trace *trace, int value,
                               struct error *err)
{
    const struct shape *shape = &trace->dense->values[value].shape;
    struct measuring m = {
        .trace = trace, .value = value, .statistics = statistics};
    statistics->channels = shape->dims[1];
    m.n = trace->batches * shape->dims[0];
    m.inner = shape_elements(shape) / (shape->dims[0] * statistics->channels);
    size_t count = (size_t)statistics->channels * TRACE_SIDES;
    statistics->sides = array_create(count, sizeof *statistics->sides);
    if (!statistics->sides)
        return error_memory(err, count * sizeof *statistics->sides);
    return parallel_pieces(&trace->parallel, statistics->channels,
                           measure_channel, &m, err);
}

void channel_statistics_release(struct channel_statistics *statistics)
{
    free(statistics->sides);
    *statistics = (struct channel_statistics){0};
}

int batch_norm_measure(struct tensor *mean, struct tensor *variance,
                       const struct trace *trace, int node, struct error *err)
{
    const struct node *n = &trace->dense->nodes[node];
    const struct tensor *old_mean =
        &trace->dense->values[n->inputs[3]].constant;
    const struct tensor *old_variance =
        &trace->dense->values[n->inputs[4]].constant;
    struct channel_statistics s = {0};
    int result = channel_statistics_measure(&s, trace, n->inputs[0], err);
    if (!result)
        result = tensor_init(mean, DTYPE_FLOAT32, &old_mean->shape, err);
    if (!result)
        result =
            tensor_init(variance, DTYPE_FLOAT32, &old_variance->shape, err);
    for (int64_t c = 0; c < s.channels && !result; c++) {
        double before = s.sides[c * TRACE_SIDES + TRACE_DENSE].variance;
        double now = s.sides[c * TRACE_SIDES + TRACE_CHANGED].variance;
        double was = s.sides[c * TRACE_SIDES + TRACE_DENSE].mean;
        double is = s.sides[c * TRACE_SIDES + TRACE_CHANGED].mean;
        double ratio = before > 0 ? now / before : 1;
        ((float *)mean->data)[c] =
            (float)(is + sqrt(ratio) * (tensor_number(old_mean, c) - was));
        ((float *)variance->data)[c] =
            (float)(tensor_number(old_variance, c) * ratio);
    }
    channel_statistics_release(&s);
    return result;
}
