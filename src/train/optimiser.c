#include "train/optimiser.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is remembered about one parameter. */
struct memory {
    float *first, *second;
    unsigned char *kept; /* 1 or 0; NULL: all kept */
};

struct optimiser {
    struct network *network;
    struct optimiser_options options;
    struct memory *memories;
    size_t count;
    int64_t steps;
};

struct optimiser_options optimiser_defaults(enum optimiser_kind kind)
{
    return (struct optimiser_options){.kind = kind,
                                      .momentum = 0.9,
                                      .nesterov = true,
                                      .decay =
                                          kind == OPTIMISER_ADAMW ? 1e-2 : 5e-4,
                                      .beta2 = 0.999,
                                      .epsilon = 1e-8};
}

int optimiser_create(struct optimiser **out, struct network *network,
                     const struct optimiser_options *options, struct error *err)
{
    *out = NULL;
    struct optimiser *optimiser = calloc(1, sizeof *optimiser);
    if (!optimiser)
        return error_memory(err, sizeof *optimiser);
    optimiser->network = network;
    optimiser->options = *options;
    optimiser->count = network_parameter_count(network);
    optimiser->memories =
        array_create(optimiser->count, sizeof *optimiser->memories);
    int result = optimiser->memories ? 0 : error_memory(err, optimiser->count);
    for (size_t i = 0; i < optimiser->count && result == 0; i++) {
        struct memory *memory = &optimiser->memories[i];
        size_t count = (size_t)network_parameter(network, i)->count;
        memory->first = array_create(count, sizeof *memory->first);
        if (options->kind == OPTIMISER_ADAMW)
            memory->second = array_create(count, sizeof *memory->second);
        if (!memory->first ||
            (options->kind == OPTIMISER_ADAMW && !memory->second))
            result = error_memory(err, count * sizeof *memory->first);
    }
    if (result < 0) {
        optimiser_destroy(optimiser);
        return -1;
    }
    *out = optimiser;
    return 0;
}

void optimiser_destroy(struct optimiser *optimiser)
{
    if (!optimiser)
        return;
    for (size_t i = 0; optimiser->memories && i < optimiser->count; i++) {
        free(optimiser->memories[i].first);
        free(optimiser->memories[i].second);
        free(optimiser->memories[i].kept);
    }
    free(optimiser->memories);
    free(optimiser);
}

/* The line that holds masks: after everything else that a step does. */
static void apply_mask(struct optimiser *optimiser, size_t i)
{
    struct memory *memory = &optimiser->memories[i];
    struct parameter *parameter = network_parameter(optimiser->network, i);
    for (int64_t j = 0; memory->kept && j < parameter->count; j++) {
        if (memory->kept[j])
            continue;
        parameter->value[j] = 0;
        memory->first[j] = 0;
        if (memory->second)
            memory->second[j] = 0;
    }
}

int optimiser_mask(struct optimiser *optimiser, size_t i,
                   const struct bitmask *mask, struct error *err)
{
    struct memory *memory = &optimiser->memories[i];
    const struct parameter *parameter =
        network_parameter(optimiser->network, i);
    if (mask && mask->bits != (size_t)parameter->count)
        return error_set(err, ERROR_SHAPE, "a mask has %zu bits, expected %lld",
                         mask->bits, (long long)parameter->count);
    free(memory->kept);
    memory->kept = NULL;
    if (!mask)
        return 0;
    memory->kept = array_create((size_t)parameter->count, 1);
    if (!memory->kept)
        return error_memory(err, (size_t)parameter->count);
    for (int64_t j = 0; j < parameter->count; j++)
        memory->kept[j] = bitmask_get(mask, (size_t)j);
    apply_mask(optimiser, i);
    return 0;
}

/* v = m v + g;  w -= rate * (g + m v), or rate * v without Nesterov. */
static void descend(const struct optimiser_options *o,
                    const struct parameter *p, struct memory *memory,
                    float rate, float scale)
{
    float momentum = (float)o->momentum, decay = (float)o->decay;
    float *v = memory->first, *w = p->value;
    decay = p->is_weight ? decay : 0;
    for (int64_t i = 0; i < p->count; i++) {
        float g = p->gradient[i] * scale + decay * w[i];
        v[i] = momentum * v[i] + g;
        w[i] -= rate * (o->nesterov ? g + momentum * v[i] : v[i]);
    }
}

/* Source: Loshchilov and Hutter 2019, algorithm 2. */
static void adapt(const struct optimiser *optimiser, const struct parameter *p,
                  struct memory *memory, double rate, double scale)
{
    const struct optimiser_options *o = &optimiser->options;
    double steps = (double)optimiser->steps;
    float b1 = (float)o->momentum, b2 = (float)o->beta2;
    float c1 = (float)(1 - pow(o->momentum, steps));
    float c2 = (float)(1 - pow(o->beta2, steps));
    float shrink = p->is_weight ? (float)(1 - rate * o->decay) : 1;
    for (int64_t i = 0; i < p->count; i++) {
        float g = p->gradient[i] * (float)scale;
        float *m = &memory->first[i], *s = &memory->second[i];
        *m = b1 * *m + (1 - b1) * g;
        *s = b2 * *s + (1 - b2) * g * g;
        p->value[i] =
            shrink * p->value[i] -
            (float)rate * (*m / c1) / (sqrtf(*s / c2) + (float)o->epsilon);
    }
}

void optimiser_step(struct optimiser *optimiser, double rate, double scale)
{
    optimiser->steps++;
    for (size_t i = 0; i < optimiser->count; i++) {
        struct parameter *p = network_parameter(optimiser->network, i);
        if (optimiser->options.kind == OPTIMISER_ADAMW)
            adapt(optimiser, p, &optimiser->memories[i], rate, scale);
        else
            descend(&optimiser->options, p, &optimiser->memories[i],
                    (float)rate, (float)scale);
        apply_mask(optimiser, i);
    }
}

void optimiser_forget(struct optimiser *optimiser)
{
    optimiser->steps = 0;
    for (size_t i = 0; i < optimiser->count; i++) {
        struct memory *memory = &optimiser->memories[i];
        size_t bytes = (size_t)network_parameter(optimiser->network, i)->count *
                       sizeof(float);
        memset(memory->first, 0, bytes);
        if (memory->second)
            memset(memory->second, 0, bytes);
        apply_mask(optimiser, i);
    }
}

struct optimiser_memory optimiser_memory(const struct optimiser *optimiser,
                                         size_t parameter)
{
    const struct memory *memory = &optimiser->memories[parameter];
    return (struct optimiser_memory){memory->first, memory->second};
}

int64_t optimiser_steps(const struct optimiser *optimiser)
{
    return optimiser->steps;
}

void optimiser_set_steps(struct optimiser *optimiser, int64_t steps)
{
    optimiser->steps = steps;
}

static int64_t count_masked(const struct optimiser *optimiser, bool changed)
{
    int64_t count = 0;
    for (size_t i = 0; i < optimiser->count; i++) {
        const unsigned char *kept = optimiser->memories[i].kept;
        const struct parameter *p = network_parameter(optimiser->network, i);
        for (int64_t j = 0; kept && j < p->count; j++)
            count += !kept[j] && (!changed || p->value[j] != 0);
    }
    return count;
}

int64_t optimiser_masked(const struct optimiser *optimiser)
{
    return count_masked(optimiser, false);
}

int64_t optimiser_violations(const struct optimiser *optimiser)
{
    return count_masked(optimiser, true);
}
