/* Packs weights for sparse_lane_run.h; see sparse_lane.h. */
#include "kernel/sparse_lane.h"

#include <string.h>

enum { ALIGNMENT = 64 };

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void sparse_lane_problem(struct sparse_problem *problem,
                         const struct kernel_spec *spec)
{
    sparse_problem_of(problem, spec, LAYOUT_NHWC);
    struct conv_spec *c = &problem->conv;
    if (spec->kind == KERNEL_PRODUCT) {
        c->iw = c->ow = c->n;
        c->n = 1;
    }
}

static float weight_at(const struct sparse_problem *p, int64_t row, int64_t in,
                       int64_t tap)
{
    const struct conv_spec *c = &p->conv;
    if (p->transposed)
        return c->weight[in * c->oc + row];
    int64_t inputs = c->ic / c->groups;
    return c->weight[(row * inputs + in) * c->kh * c->kw + tap];
}

/* The steps of one list and, where `weights` is given, their contents. */
struct list {
    const struct sparse_problem *problem;
    int64_t block, tap, chunk;
    float (*weights)[LANE_CHANNELS];
};

static int64_t rows_of(const struct list *l)
{
    return smaller(LANE_CHANNELS,
                   l->problem->conv.oc - l->block * LANE_CHANNELS);
}

static int64_t fill_columns(const struct list *l, int32_t *channels)
{
    const struct conv_spec *c = &l->problem->conv;
    int64_t inputs = c->ic / c->groups, rows = rows_of(l), steps = 0;
    int64_t first = l->block * LANE_CHANNELS;
    int64_t base = first / (c->oc / c->groups) * inputs;
    for (int64_t i = 0; i < inputs; i++) {
        bool any = false;
        for (int64_t row = 0; row < rows; row++) {
            float w = weight_at(l->problem, first + row, i, l->tap);
            any = any || w != 0.0F;
            if (l->weights != NULL)
                l->weights[steps][row] = w;
        }
        if (any && channels != NULL)
            channels[steps] = (int32_t)(base + i);
        steps += any;
    }
    return steps;
}

static int64_t fill_picks(const struct list *l, uint8_t (*places)[LANE_INPUTS])
{
    const struct conv_spec *c = &l->problem->conv;
    int64_t inputs = c->ic / c->groups, rows = rows_of(l), most = 0;
    int64_t begin = l->chunk * LANE_INPUTS;
    int64_t end = smaller(begin + LANE_INPUTS, inputs);
    for (int64_t row = 0; row < rows; row++) {
        int64_t kept = 0;
        for (int64_t i = begin; i < end; i++) {
            float w = weight_at(l->problem, l->block * LANE_CHANNELS + row, i,
                                l->tap);
            if (w == 0.0F)
                continue;
            if (places != NULL) {
                places[kept][row] = (uint8_t)(i - begin);
                l->weights[kept][row] = w;
            }
            kept++;
        }
        most = kept > most ? kept : most;
    }
    return most;
}

static int64_t count_lists(const struct lane_packed *h)
{
    return h->blocks * h->taps * h->chunks;
}

static struct list list_of(const struct sparse_problem *p,
                           const struct lane_packed *h, int64_t index)
{
    return (struct list){.problem = p,
                         .block = index / h->chunks / h->taps,
                         .tap = index / h->chunks % h->taps,
                         .chunk = index % h->chunks};
}

/* Header for the problem; returns the number of steps. */
static int64_t header_of(const struct sparse_problem *p, bool picks,
                         struct lane_packed *h)
{
    const struct conv_spec *c = &p->conv;
    memset(h, 0, sizeof *h);
    h->blocks = ceil_divide(c->oc, LANE_CHANNELS);
    h->block_group = ceil_divide(c->oc / c->groups, LANE_CHANNELS);
    h->taps = c->kh * c->kw;
    h->chunks = picks ? ceil_divide(c->ic / c->groups, LANE_INPUTS) : 1;
    int64_t steps = 0;
    for (int64_t i = 0; i < count_lists(h); i++) {
        struct list l = list_of(p, h, i);
        steps += picks ? fill_picks(&l, NULL) : fill_columns(&l, NULL);
    }
    size_t input = picks ? LANE_INPUTS : sizeof(int32_t);
    h->starts = align_up(sizeof *h);
    h->bias =
        h->starts + align_up(((size_t)count_lists(h) + 1) * sizeof(int32_t));
    h->inputs = h->bias + align_up((size_t)h->blocks * LANE_CHANNELS * 4);
    h->weights = h->inputs + align_up((size_t)steps * input);
    return steps;
}

static size_t lane_pack_bytes(const struct kernel_spec *spec, bool picks)
{
    struct sparse_problem p;
    struct lane_packed h;
    sparse_lane_problem(&p, spec);
    int64_t steps = header_of(&p, picks, &h);
    /* One step more: the last column may fill weights that it drops. */
    return h.weights + ((size_t)steps + 1) * LANE_CHANNELS * sizeof(float);
}

static void lane_pack(const struct kernel_spec *spec, bool picks, void *packed)
{
    struct sparse_problem p;
    struct lane_packed h;
    sparse_lane_problem(&p, spec);
    int64_t steps = header_of(&p, picks, &h), at = 0;
    char *base = packed;
    memset(packed, 0, lane_pack_bytes(spec, picks));
    memcpy(packed, &h, sizeof h);
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    float *bias = (float *)(void *)(base + h.bias);
    int32_t *channels = (int32_t *)(void *)(base + h.inputs);
    uint8_t(*places)[LANE_INPUTS] = (void *)(base + h.inputs);
    float(*weights)[LANE_CHANNELS] = (void *)(base + h.weights);
    for (int64_t o = 0; p.conv.bias != NULL && o < p.conv.oc; o++)
        bias[o] = p.conv.bias[o];
    for (int64_t i = 0; i < count_lists(&h); i++) {
        struct list l = list_of(&p, &h, i);
        starts[i] = (int32_t)at;
        if (at == steps)
            continue;
        l.weights = weights + at;
        at += picks ? fill_picks(&l, places + at)
                    : fill_columns(&l, channels + at);
    }
    starts[count_lists(&h)] = (int32_t)steps;
}

static bool lane_serves(const struct kernel_spec *spec)
{
    const struct conv_spec *c = &spec->conv;
    if (spec->kind == KERNEL_CONV &&
        (!sparse_conv_image16_serves(spec) ||
         (c->groups > 1 && c->oc / c->groups % LANE_CHANNELS != 0)))
        return false;
    if (spec->kind == KERNEL_PRODUCT && !sparse_product_image16_serves(spec))
        return false;
    return spec->kind == KERNEL_CONV || spec->kind == KERNEL_PRODUCT;
}

#define FACES(method, wanted, picks)                                           \
    bool sparse_##method##_serves(const struct kernel_spec *spec)              \
    {                                                                          \
        return spec->kind == (wanted) && lane_serves(spec);                    \
    }                                                                          \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec)        \
    {                                                                          \
        return lane_pack_bytes(spec, picks);                                   \
    }                                                                          \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed)  \
    {                                                                          \
        lane_pack(spec, picks, packed);                                        \
    }                                                                          \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border)                 \
    {                                                                          \
        (void)spec;                                                            \
        (void)src_border;                                                      \
        return 0;                                                              \
    }

FACES(conv_column, KERNEL_CONV, false)
FACES(conv_pick, KERNEL_CONV, true)
FACES(product_column, KERNEL_PRODUCT, false)
FACES(product_pick, KERNEL_PRODUCT, true)
