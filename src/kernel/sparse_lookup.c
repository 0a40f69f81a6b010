/* Packs products for sparse_lookup_<isa>.c; see sparse_lookup.h. */
#include "kernel/sparse_lookup.h"

#include <string.h>

enum { ALIGNMENT = 64 };

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static float weight_at(const struct product_spec *p, int64_t row, int64_t input)
{
    return p
        ->weight[p->transposed ? input * p->out + row : row * p->in + input];
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Weights that one row keeps among one block of inputs; places and weights are
 * put into that lane of successive steps where there are any. */
static int64_t fill_lane(const struct product_spec *p, int64_t row,
                         int64_t block, struct lookup_step *steps)
{
    int64_t begin = block * LOOKUP_INPUTS, kept = 0;
    int64_t end = smaller(begin + LOOKUP_INPUTS, p->in);
    for (int64_t i = begin; i < end; i++) {
        float w = weight_at(p, row, i);
        if (w == 0.0F)
            continue;
        if (steps != NULL) {
            steps[kept].weight[row % LOOKUP_ROWS] = w;
            steps[kept].place[row % LOOKUP_ROWS] = (uint8_t)(i - begin);
        }
        kept++;
    }
    return kept;
}

/* Steps of one group and block, filled where there are any. */
static int64_t fill_steps(const struct product_spec *p, int64_t group,
                          int64_t block, struct lookup_step *steps)
{
    int64_t most = 0;
    int64_t end = smaller((group + 1) * LOOKUP_ROWS, p->out);
    for (int64_t row = group * LOOKUP_ROWS; row < end; row++) {
        int64_t kept = fill_lane(p, row, block, steps);
        most = kept > most ? kept : most;
    }
    return most;
}

static struct lookup_packed header_of(const struct product_spec *p)
{
    struct lookup_packed h = {
        .groups = (p->out + LOOKUP_ROWS - 1) / LOOKUP_ROWS,
        .blocks = (p->in + LOOKUP_INPUTS - 1) / LOOKUP_INPUTS};
    size_t rows = (size_t)h.groups * LOOKUP_ROWS;
    h.bias = align_up(sizeof h);
    h.starts = h.bias + align_up(rows * sizeof(float));
    h.steps = h.starts +
              align_up((size_t)(h.groups * h.blocks + 1) * sizeof(int32_t));
    return h;
}

bool sparse_product_lookup_serves(const struct kernel_spec *spec)
{
    const struct product_spec *p = &spec->product;
    return spec->kind == KERNEL_PRODUCT && p->n == 1 && p->weight != NULL &&
           p->in > 0 && p->out > 0 && p->in < INT32_MAX / p->out;
}

size_t sparse_product_lookup_pack_bytes(const struct kernel_spec *spec)
{
    const struct product_spec *p = &spec->product;
    struct lookup_packed h = header_of(p);
    int64_t steps = 0;
    for (int64_t g = 0; g < h.groups; g++)
        for (int64_t b = 0; b < h.blocks; b++)
            steps += fill_steps(p, g, b, NULL);
    return h.steps + align_up((size_t)steps * sizeof(struct lookup_step));
}

void sparse_product_lookup_pack(const struct kernel_spec *spec, void *packed)
{
    const struct product_spec *p = &spec->product;
    struct lookup_packed h = header_of(p);
    char *base = packed;
    float *bias = (float *)(void *)(base + h.bias);
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    struct lookup_step *steps = (struct lookup_step *)(void *)(base + h.steps);
    int64_t at = 0;
    memcpy(packed, &h, sizeof h);
    for (int64_t row = 0; row < h.groups * LOOKUP_ROWS; row++)
        bias[row] = p->bias != NULL && row < p->out ? p->bias[row] : 0.0F;
    for (int64_t g = 0; g < h.groups; g++) {
        for (int64_t b = 0; b < h.blocks; b++) {
            int64_t count = fill_steps(p, g, b, NULL);
            *starts++ = (int32_t)at;
            if (count == 0)
                continue;
            memset(steps + at, 0, (size_t)count * sizeof *steps);
            at += fill_steps(p, g, b, steps + at);
        }
    }
    *starts = (int32_t)at;
}

size_t sparse_product_lookup_scratch_bytes(const struct kernel_spec *spec,
                                           int64_t src_border)
{
    (void)spec;
    (void)src_border;
    return 0;
}
