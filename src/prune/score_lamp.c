/*
 * LAMP: w² divided by the sum of all squares of the layer that are not
 * smaller. Within a layer the order is that of magnitude; across layers the
 * scores are comparable, and each layer's largest weight scores 1, so that a
 * global ranking empties no layer.
 *
 * Source: Lee et al. 2021, eq. 3. The sum is accumulated in double from the
 * large end. Equal weights count in the order of their index. A weight that
 * is not a number scores NAN (kept longest) and is in no sum.
 */
#include "base/array.h"
#include "prune/criteria.h"
#include "prune/select.h"

#include <math.h>
#include <stdlib.h>

enum { DIGIT_BITS = 11, DIGITS = 3, RANGE = 1 << DIGIT_BITS };

/* A weight's magnitude key above its index: one number orders both. */
static uint64_t pack(float weight, int64_t i)
{
    return (uint64_t)score_key(fabsf(weight)) << 32 | (uint64_t)i;
}

/* One stable pass of radix sort by a digit of the key. */
static void sort_by_digit(uint64_t *to, const uint64_t *from, int64_t count,
                          int digit)
{
    int shift = 32 + digit * DIGIT_BITS;
    int64_t starts[RANGE + 1] = {0};
    for (int64_t i = 0; i < count; i++)
        starts[(from[i] >> shift & (RANGE - 1)) + 1]++;
    for (int d = 0; d < RANGE; d++)
        starts[d + 1] += starts[d];
    for (int64_t i = 0; i < count; i++)
        to[starts[from[i] >> shift & (RANGE - 1)]++] = from[i];
}

static void score_sorted(const uint64_t *order, int64_t count,
                         const float *weight, float *out)
{
    double sum = 0;
    for (int64_t n = count; n-- > 0;) {
        int64_t i = (int64_t)(order[n] & UINT32_MAX);
        double square = (double)weight[i] * (double)weight[i];
        if (isnan(square)) {
            out[i] = NAN;
            continue;
        }
        sum += square;
        out[i] = sum > 0 ? (float)(square / sum) : 0;
    }
}

static int score(const struct score_input *input, float *out, struct error *err)
{
    const float *weight = input->weight;
    int64_t count = input->layer->weights;
    if (count > UINT32_MAX)
        return error_set(err, ERROR_UNSUPPORTED,
                         "lamp ranks at most 2^32 weights of a layer");
    uint64_t *order = array_create((size_t)count, sizeof *order);
    uint64_t *scratch = array_create((size_t)count, sizeof *scratch);
    if (order && scratch) {
        for (int64_t i = 0; i < count; i++)
            order[i] = pack(weight[i], i);
        for (int digit = 0; digit < DIGITS; digit++) {
            uint64_t *sorted = scratch;
            sort_by_digit(sorted, order, count, digit);
            scratch = order;
            order = sorted;
        }
        score_sorted(order, count, weight, out);
    }
    int result =
        order && scratch
            ? 0
            : error_memory(err, 2 * (unsigned long long)count * sizeof *order);
    free(order);
    free(scratch);
    return result;
}

const struct criterion criterion_lamp = {
    .name = "lamp",
    .help = "w² as a share of the squares not smaller in its layer",
    .score = score,
};
