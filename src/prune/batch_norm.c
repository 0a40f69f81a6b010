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

struct moments {
    const struct trace *trace;
    int value;
    int64_t n, channels, inner;
    double *sums; /* (channels, sides, 2): sum and sum of squares */
};

static void add_plane(double *sums, const float *x, int64_t count)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
    }
    sums[0] += sum;
    sums[1] += square;
}

/* One channel per piece: no two workers share a sum. */
static int measure_channel(void *context, int worker, int64_t channel,
                           struct error *err)
{
    (void)worker;
    (void)err;
    const struct moments *m = context;
    for (int side = 0; side < TRACE_SIDES; side++) {
        const float *x = trace_bytes(m->trace, m->value, side);
        double *sums = m->sums + (channel * TRACE_SIDES + side) * 2;
        for (int64_t i = 0; i < m->n; i++)
            add_plane(sums, x + (i * m->channels + channel) * m->inner,
                      m->inner);
    }
    return 0;
}

static double variance_of(const double *sums, double count)
{
    double mean = sums[0] / count;
    return fmax(sums[1] / count - mean * mean, 0);
}

int batch_norm_measure(struct tensor *mean, struct tensor *variance,
                       const struct trace *trace, int node, struct error *err)
{
    const struct node *n = &trace->dense->nodes[node];
    const struct value *input = &trace->dense->values[n->inputs[0]];
    const struct tensor *old_mean =
        &trace->dense->values[n->inputs[3]].constant;
    const struct tensor *old_variance =
        &trace->dense->values[n->inputs[4]].constant;
    struct moments m = {.trace = trace, .value = n->inputs[0]};
    m.channels = input->shape.dims[1];
    m.n = trace->batches * input->shape.dims[0];
    m.inner =
        shape_elements(&input->shape) / (input->shape.dims[0] * m.channels);
    double count = (double)(m.n * m.inner);
    m.sums = array_create((size_t)m.channels * TRACE_SIDES * 2, sizeof *m.sums);
    int result = m.sums ? parallel_pieces(&trace->parallel, m.channels,
                                          measure_channel, &m, err)
                        : error_memory(err, (size_t)m.channels * 32);
    if (!result)
        result = tensor_init(mean, DTYPE_FLOAT32, &old_mean->shape, err);
    if (!result)
        result =
            tensor_init(variance, DTYPE_FLOAT32, &old_variance->shape, err);
    for (int64_t c = 0; c < m.channels && !result; c++) {
        const double *was = m.sums + c * TRACE_SIDES * 2, *is = was + 2;
        double before = variance_of(was, count), now = variance_of(is, count);
        double ratio = before > 0 ? now / before : 1;
        ((float *)mean->data)[c] =
            (float)(is[0] / count + sqrt(ratio) * (tensor_number(old_mean, c) -
                                                   was[0] / count));
        ((float *)variance->data)[c] =
            (float)(tensor_number(old_variance, c) * ratio);
    }
    free(m.sums);
    return result;
}
