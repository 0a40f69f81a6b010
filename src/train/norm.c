/*
 * Batch norm of training. With x the source, m and v mean and variance of the
 * batch, i = 1 / sqrt(v + e) and g the scale:
 *   y  = g * i * x + (shift - g * i * m)
 *   dx = g * i * (dy - mean(dy) - (x - m) * i * mean(dy * (x - m) * i))
 * Shards give sums; when they meet, the factors per channel are made.
 */
#include "base/array.h"
#include "train/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* To a norm images as lanes are longer rows. */
static struct layout_desc desc_of(const struct network *network,
                                  const struct step *step)
{
    struct layout_desc desc = network->slots[step->inputs[0]].desc;
    if (desc.layout == LAYOUT_IMAGE16)
        desc = (struct layout_desc){LAYOUT_PLAIN, desc.n / IMAGE_LANES, desc.c,
                                    desc.h,       desc.w * IMAGE_LANES, 0};
    return desc;
}

static const float *constant(const struct network *network,
                             const struct step *step, int operand)
{
    const struct graph *graph = network->instance;
    int id = graph->nodes[step->node].inputs[operand];
    return graph->values[id].constant.data;
}

static float *vector(int64_t room, struct error *err)
{
    float *made = array_create((size_t)room, sizeof *made);
    if (!made)
        error_memory(err, (size_t)room * sizeof *made);
    return made;
}

static int add_statistics(struct network *network, struct step *step,
                          struct error *err)
{
    const struct node *node = &network->instance->nodes[step->node];
    struct step_norm *norm = &step->norm;
    if (array_reserve(&network->statistics, &network->statistics_capacity,
                      network->statistics_count + 1,
                      sizeof *network->statistics) < 0)
        return error_memory(err, sizeof *network->statistics);
    norm->statistics = (int)network->statistics_count++;
    struct network_statistics *s = &network->statistics[norm->statistics];
    size_t bytes = (size_t)norm->channels * sizeof(float);
    *s = (struct network_statistics){
        .mean_id = graph_stored(network->instance, node->inputs[3]),
        .variance_id = graph_stored(network->instance, node->inputs[4]),
        .channels = norm->channels,
        .mean = vector(norm->channels, err),
        .variance = vector(norm->channels, err),
        .batch_mean = norm->mean,
        .batch_variance = vector(norm->channels, err),
        .samples = norm->count,
    };
    if (!s->mean || !s->variance || !s->batch_variance)
        return -1;
    memcpy(s->mean, constant(network, step, 3), bytes);
    memcpy(s->variance, constant(network, step, 4), bytes);
    return 0;
}

int norm_step_init(struct network *network, struct step *step,
                   struct error *err)
{
    const struct layout_desc desc = desc_of(network, step);
    struct step_norm *norm = &step->norm;
    int64_t room = norm_room(desc.c);
    norm->epsilon = step->spec.affine.epsilon;
    norm->channels = desc.c;
    norm->count = network->shards * desc.n * desc.h * desc.w;
    norm->sums =
        array_create((size_t)(network->shards * 2 * room), sizeof *norm->sums);
    norm->inverse = array_create((size_t)room, sizeof *norm->inverse);
    float **const vectors[] = {&norm->shift,  &norm->mean, &norm->scale,
                               &norm->offset, &norm->a,    &norm->b,
                               &norm->c};
    if (!norm->sums || !norm->inverse)
        return error_memory(err, (size_t)room * sizeof *norm->sums);
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++)
        if (!(*vectors[i] = vector(room, err)))
            return -1;
    return add_statistics(network, step, err);
}

void norm_step_release(struct step *step)
{
    struct step_norm *norm = &step->norm;
    void *const all[] = {norm->sums, norm->inverse, norm->shift,
                         norm->mean, norm->scale,   norm->offset,
                         norm->a,    norm->b,       norm->c};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        free(all[i]);
}

static double *sums_of(const struct step *step, int64_t shard, int which)
{
    int64_t room = norm_room(step->norm.channels);
    return step->norm.sums + (shard * 2 + which) * room;
}

/* The sum over shards, always in the same order. */
static double total(const struct network *network, const struct step *step,
                    int which, int64_t channel)
{
    double sum = 0;
    for (int64_t shard = 0; shard < network->shards; shard++)
        sum += sums_of(step, shard, which)[channel];
    return sum;
}

static void clear_sums(const struct step *step, int64_t shard)
{
    memset(sums_of(step, shard, 0), 0,
           (size_t)(2 * norm_room(step->norm.channels)) * sizeof(double));
}

/* --- forward --- */

void norm_statistics_item(struct network *n, struct step *s, int64_t shard)
{
    const struct layout_desc desc = desc_of(n, s);
    clear_sums(s, shard);
    n->norm->statistics(&desc, slot_data(n, s->inputs[0], shard), s->norm.shift,
                        sums_of(s, shard, 0), sums_of(s, shard, 1));
}

static void set_factors(struct network *network, struct step *step,
                        int64_t channel, double mean, double variance)
{
    struct step_norm *norm = &step->norm;
    const float *gamma = network->uses[step->uses[1]].operand_data;
    const float *beta = network->uses[step->uses[2]].operand_data;
    double inverse = 1 / sqrt(variance + (double)norm->epsilon);
    double scale = (double)gamma[channel] * inverse;
    norm->mean[channel] = (float)mean;
    norm->inverse[channel] = inverse;
    norm->scale[channel] = (float)scale;
    norm->offset[channel] = (float)((double)beta[channel] - mean * scale);
}

void norm_meet_forward(struct network *network, struct step *step)
{
    struct step_norm *norm = &step->norm;
    struct network_statistics *statistics =
        &network->statistics[norm->statistics];
    for (int64_t c = 0; c < norm->channels; c++) {
        double mean = total(network, step, 0, c) / (double)norm->count;
        double square = total(network, step, 1, c) / (double)norm->count;
        double variance = fmax(square - mean * mean, 0);
        set_factors(network, step, c, mean + (double)norm->shift[c], variance);
        statistics->batch_variance[c] = (float)variance;
    }
}

/* Statistics that are kept, as inference does it. */
void norm_refresh(struct network *network, struct step *step)
{
    const struct network_statistics *s =
        &network->statistics[step->norm.statistics];
    for (int64_t c = 0; c < s->channels; c++)
        set_factors(network, step, c, (double)s->mean[c],
                    (double)s->variance[c]);
    /* The next batch's sums are taken about the running mean: few digits are
     * lost, and what was saved goes on bit for bit. */
    memcpy(step->norm.shift, s->mean, (size_t)s->channels * sizeof(float));
}

void norm_forward_item(struct network *n, struct step *s, int64_t shard)
{
    const struct layout_desc desc = desc_of(n, s);
    n->norm->apply(&desc, slot_data(n, s->inputs[0], shard), s->norm.scale,
                   s->norm.offset, slot_data(n, s->inputs[5], shard),
                   s->norm.clip, slot_data(n, s->outputs[0], shard));
}

/* --- backward --- */

/* What was added is no longer known from the source: then the result says. */
static struct norm_gate gate_of(const struct network *n, const struct step *s,
                                int64_t shard)
{
    struct norm_gate gate = {.clip = s->norm.clip};
    if (s->norm.clips && s->inputs[5] >= 0)
        gate.y = slot_data(n, s->outputs[0], shard);
    else if (s->norm.clips) {
        gate.scale = s->norm.scale;
        gate.offset = s->norm.offset;
    }
    return gate;
}

/* Also passes the gradient on to what was added. */
void norm_sums_item(struct network *n, struct step *s, int64_t shard)
{
    const struct norm_gate gate = gate_of(n, s, shard);
    const struct layout_desc desc = desc_of(n, s);
    clear_sums(s, shard);
    n->norm->sums(&desc, slot_data(n, s->inputs[0], shard), s->norm.mean, &gate,
                  slot_gradient(n, s->outputs[0], shard), s->adds[5],
                  slot_gradient(n, s->inputs[5], shard), sums_of(s, shard, 0),
                  sums_of(s, shard, 1));
}

void norm_meet_backward(struct network *network, struct step *step)
{
    struct step_norm *norm = &step->norm;
    float *by_scale = network->uses[step->uses[1]].total;
    float *by_shift = network->uses[step->uses[2]].total;
    bool frozen = network->options.frozen_statistics;
    double count = (double)norm->count;
    for (int64_t c = 0; c < norm->channels; c++) {
        double plain = total(network, step, 0, c);
        double product = total(network, step, 1, c) * norm->inverse[c];
        double scale = (double)norm->scale[c];
        by_scale[c] = (float)product;
        by_shift[c] = (float)plain;
        double slope = frozen ? 0 : -scale * norm->inverse[c] * product / count;
        norm->a[c] = (float)scale;
        norm->b[c] = (float)slope;
        norm->c[c] = frozen ? 0
                            : (float)(-scale * plain / count -
                                      slope * (double)norm->mean[c]);
    }
}

void norm_backward_item(struct network *n, struct step *s, int64_t shard)
{
    static const struct norm_gate open = {NULL, NULL, NULL, {0, 0}};
    const float *dy = slot_gradient(n, s->outputs[0], shard);
    float *dx = slot_gradient(n, s->inputs[0], shard);
    const float *passed = slot_gradient(n, s->inputs[5], shard);
    struct norm_gate gate = gate_of(n, s, shard);
    if (!dx)
        return;
    /* What was passed on and not added to went through the gate already. */
    if (passed && !s->adds[5]) {
        dy = passed;
        gate = open;
    }
    const struct layout_desc desc = desc_of(n, s);
    float *to = s->adds[0] ? lane_of(n, shard)->spare : dx;
    n->norm->through(&desc, slot_data(n, s->inputs[0], shard), &gate, dy,
                     s->norm.a, s->norm.b, s->norm.c, to);
    if (s->adds[0])
        n->norm->accumulate(n->slots[s->inputs[0]].floats, to, dx);
}
