/* Packs weights for sparse_chunk_run.h; see sparse_chunk.h. */
#include "kernel/sparse_chunk.h"

#include "kernel/sparse_product.h"

#include <string.h>

enum { ALIGNMENT = 64 };

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* One block: `at` its weights; written unless NULL. Whether any is kept. */
static bool fill(const struct sparse_problem *p, int64_t output, int64_t tap,
                 int64_t first, float *at)
{
    const struct conv_spec *c = &p->conv;
    int64_t inputs = c->ic / c->groups, taps = c->kh * c->kw;
    bool any = false;
    for (int64_t i = first; i < inputs && i < first + LANE_INPUTS; i++) {
        int64_t place = p->transposed ? i * c->oc + output
                                      : (output * inputs + i) * taps + tap;
        any = any || c->weight[place] != 0.0F;
        if (at != NULL)
            at[i - first] = c->weight[place];
    }
    return any;
}

/* Counts entries; writes them where there is memory. */
static int64_t walk(const struct sparse_problem *p, int32_t *starts,
                    struct chunk_entry *entries, float (*weights)[LANE_INPUTS])
{
    const struct conv_spec *c = &p->conv;
    int64_t inputs = c->ic / c->groups, kept = 0;
    for (int64_t o = 0; o < c->oc; o++) {
        int64_t base = o / (c->oc / c->groups) * inputs;
        if (starts != NULL)
            starts[o] = (int32_t)kept;
        for (int64_t tap = 0; tap < c->kh * c->kw; tap++)
            for (int64_t first = 0; first < inputs; first += LANE_INPUTS) {
                int64_t left = inputs - first;
                if (!fill(p, o, tap, first, NULL))
                    continue;
                if (entries != NULL) {
                    fill(p, o, tap, first, weights[kept]);
                    entries[kept] = (struct chunk_entry){
                        (int32_t)(base + first), (int16_t)tap,
                        (int16_t)(left < LANE_INPUTS ? left : LANE_INPUTS)};
                }
                kept++;
            }
    }
    for (int64_t o = c->oc;
         starts != NULL &&
         o <= (c->oc + LANE_CHANNELS - 1) / LANE_CHANNELS * LANE_CHANNELS;
         o++)
        starts[o] = (int32_t)kept;
    return kept;
}

static struct chunk_packed header_of(const struct sparse_problem *p,
                                     int64_t count)
{
    size_t outputs = (size_t)(p->conv.oc + LANE_CHANNELS - 1) / LANE_CHANNELS *
                     LANE_CHANNELS;
    struct chunk_packed h = {.starts = align_up(sizeof h)};
    h.bias = h.starts + align_up((outputs + 1) * sizeof(int32_t));
    h.entries = h.bias + align_up(outputs * sizeof(float));
    h.weights =
        h.entries + align_up((size_t)count * sizeof(struct chunk_entry));
    return h;
}

static size_t chunk_pack_bytes(const struct kernel_spec *spec)
{
    struct sparse_problem p;
    sparse_lane_problem(&p, spec);
    int64_t count = walk(&p, NULL, NULL, NULL);
    return header_of(&p, count).weights +
           (size_t)count * LANE_INPUTS * sizeof(float);
}

static void chunk_pack(const struct kernel_spec *spec, void *packed)
{
    struct sparse_problem p;
    sparse_lane_problem(&p, spec);
    int64_t count = walk(&p, NULL, NULL, NULL);
    struct chunk_packed h = header_of(&p, count);
    char *base = packed;
    memset(packed, 0, h.weights + (size_t)count * LANE_INPUTS * sizeof(float));
    memcpy(packed, &h, sizeof h);
    if (p.conv.bias != NULL)
        memcpy(base + h.bias, p.conv.bias, (size_t)p.conv.oc * sizeof(float));
    walk(&p, (int32_t *)(void *)(base + h.starts),
         (struct chunk_entry *)(void *)(base + h.entries),
         (void *)(base + h.weights));
}

#define FACES(method, wanted, serves)                                          \
    bool sparse_##method##_serves(const struct kernel_spec *spec)              \
    {                                                                          \
        return spec->kind == (wanted) && (serves);                             \
    }                                                                          \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec)        \
    {                                                                          \
        return chunk_pack_bytes(spec);                                         \
    }                                                                          \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed)  \
    {                                                                          \
        chunk_pack(spec, packed);                                              \
    }                                                                          \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border)                 \
    {                                                                          \
        (void)spec;                                                            \
        (void)src_border;                                                      \
        return 0;                                                              \
    }

FACES(conv_chunk, KERNEL_CONV,
      sparse_conv_image16_serves(spec) &&
          spec->conv.kh * spec->conv.kw <= CHUNK_TAPS)
FACES(product_chunk, KERNEL_PRODUCT,
      sparse_product_image16_serves(spec) &&
          !sparse_product_row_chunk_serves(spec))
