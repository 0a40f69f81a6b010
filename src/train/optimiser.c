#include "train/optimiser.h"

#include "base/array.h"
#include "kernel/norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is remembered about one parameter. */
struct memory {
    float *first, *second;
    unsigned char *kept; /* 1 or 0; NULL: all kept */
};

/* A range of one parameter's elements: what a thread takes at a time. */
struct range {
    size_t parameter;
    int64_t first, last;
};

/* Rates of the step in progress. */
struct pace {
    double rate, scale;
};

struct optimiser {
    struct network *network;
    const struct norm_kernels *kernels;
    struct optimiser_options options;
    struct memory *memories;
    size_t count;
    struct range *ranges;
    size_t range_count, range_capacity;
    struct pace pace;
    int64_t steps;
};

enum { RANGE = 32 * 1024 };

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

static int list_ranges(struct optimiser *optimiser, size_t i, struct error *err)
{
    int64_t count = network_parameter(optimiser->network, i)->count;
    for (int64_t first = 0; first < count; first += RANGE) {
        if (array_reserve(&optimiser->ranges, &optimiser->range_capacity,
                          optimiser->range_count + 1,
                          sizeof *optimiser->ranges) < 0)
            return error_memory(err, sizeof *optimiser->ranges);
        int64_t last = first + RANGE < count ? first + RANGE : count;
        optimiser->ranges[optimiser->range_count++] =
            (struct range){i, first, last};
    }
    return 0;
}

int optimiser_create(struct optimiser **out, struct network *network,
                     const struct optimiser_options *options, struct error *err)
{
    *out = NULL;
    struct optimiser *optimiser = calloc(1, sizeof *optimiser);
    if (!optimiser)
        return error_memory(err, sizeof *optimiser);
    optimiser->network = network;
    optimiser->kernels = norm_kernels_of(network_isa(network));
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
        if (result == 0)
            result = list_ranges(optimiser, i, err);
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
    free(optimiser->ranges);
    free(optimiser);
}

/* The line that holds masks: after everything else that a step does. */
static void apply_mask(struct optimiser *optimiser, const struct range *range)
{
    struct memory *memory = &optimiser->memories[range->parameter];
    struct parameter *parameter =
        network_parameter(optimiser->network, range->parameter);
    for (int64_t j = range->first; memory->kept && j < range->last; j++) {
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
    apply_mask(optimiser, &(struct range){i, 0, parameter->count});
    return 0;
}

static void descend(const struct optimiser *optimiser,
                    const struct parameter *p, struct memory *memory,
                    const struct range *range)
{
    const struct optimiser_options *o = &optimiser->options;
    const struct norm_descent descent = {.scale = (float)optimiser->pace.scale,
                                         .decay =
                                             p->is_weight ? (float)o->decay : 0,
                                         .momentum = (float)o->momentum,
                                         .rate = (float)optimiser->pace.rate,
                                         .nesterov = o->nesterov};
    optimiser->kernels->descend(
        range->last - range->first, &descent, p->gradient + range->first,
        memory->first + range->first, p->value + range->first);
}

/* Source: Loshchilov and Hutter 2019, algorithm 2. */
static void adapt(const struct optimiser *optimiser, const struct parameter *p,
                  struct memory *memory, const struct range *range)
{
    double rate = optimiser->pace.rate, scale = optimiser->pace.scale;
    const struct optimiser_options *o = &optimiser->options;
    double steps = (double)optimiser->steps;
    float b1 = (float)o->momentum, b2 = (float)o->beta2;
    float c1 = (float)(1 - pow(o->momentum, steps));
    float c2 = (float)(1 - pow(o->beta2, steps));
    float shrink = p->is_weight ? (float)(1 - rate * o->decay) : 1;
    for (int64_t i = range->first; i < range->last; i++) {
        float g = p->gradient[i] * (float)scale;
        float *m = &memory->first[i], *s = &memory->second[i];
        *m = b1 * *m + (1 - b1) * g;
        *s = b2 * *s + (1 - b2) * g * g;
        p->value[i] =
            shrink * p->value[i] -
            (float)rate * (*m / c1) / (sqrtf(*s / c2) + (float)o->epsilon);
    }
}

static int step_range(void *context, int64_t index, struct error *err)
{
    struct optimiser *optimiser = context;
    const struct range *range = &optimiser->ranges[index];
    struct parameter *p =
        network_parameter(optimiser->network, range->parameter);
    struct memory *memory = &optimiser->memories[range->parameter];
    (void)err;
    if (optimiser->options.kind == OPTIMISER_ADAMW)
        adapt(optimiser, p, memory, range);
    else
        descend(optimiser, p, memory, range);
    apply_mask(optimiser, range);
    return 0;
}

int optimiser_step(struct optimiser *optimiser, double rate, double scale,
                   struct error *err)
{
    optimiser->steps++;
    optimiser->pace = (struct pace){rate, scale};
    return network_share(optimiser->network, (int64_t)optimiser->range_count,
                         step_range, optimiser, err);
}

void optimiser_forget(struct optimiser *optimiser)
{
    optimiser->steps = 0;
    for (size_t i = 0; i < optimiser->count; i++) {
        struct memory *memory = &optimiser->memories[i];
        int64_t count = network_parameter(optimiser->network, i)->count;
        size_t bytes = (size_t)count * sizeof(float);
        memset(memory->first, 0, bytes);
        if (memory->second)
            memset(memory->second, 0, bytes);
        apply_mask(optimiser, &(struct range){i, 0, count});
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
