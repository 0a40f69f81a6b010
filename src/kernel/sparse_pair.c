/*
 * Packs pairs of output channels for sparse_tile_pair.h; see sparse_pack.h.
 * Of a window's channels the two that have most inputs in common make a pair,
 * then the two of those left, and so on.
 */
#include "kernel/sparse_pack.h"

#include "kernel/sparse.h"

#include <string.h>

enum { ALIGNMENT = 64, PAIR = 2, STARTS = 3, WORD = 64 };

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t inputs_of(const struct conv_spec *c)
{
    return c->ic * c->kh * c->kw;
}

static int64_t pairs_of(const struct conv_spec *c)
{
    return (c->oc + PAIR - 1) / PAIR;
}

/* No channel: 0. */
static float weight_at(const struct sparse_problem *p, int64_t channel,
                       int64_t i)
{
    const struct conv_spec *c = &p->conv;
    if (channel < 0)
        return 0.0F;
    return c->weight[p->transposed ? i * c->oc + channel
                                   : channel * inputs_of(c) + i];
}

/* How many inputs every two channels from `first` on both keep. */
static void count_shared(const struct sparse_problem *p, int64_t first,
                         int64_t count,
                         int32_t shared[SPARSE_WINDOW][SPARSE_WINDOW])
{
    int64_t inputs = inputs_of(&p->conv);
    memset(shared, 0, sizeof(int32_t[SPARSE_WINDOW][SPARSE_WINDOW]));
    for (int64_t at = 0; at < inputs; at += WORD) {
        uint64_t kept[SPARSE_WINDOW] = {0};
        for (int64_t k = 0; k < count; k++)
            for (int64_t i = at; i < smaller(at + WORD, inputs); i++)
                kept[k] |= (uint64_t)(weight_at(p, first + k, i) != 0.0F)
                           << (i - at);
        for (int64_t a = 0; a < count; a++)
            for (int64_t b = a + 1; b < count; b++)
                shared[a][b] += __builtin_popcountll(kept[a] & kept[b]);
    }
}

/* The pairs of the window that begins at channel `first`: two channels each, -1
 * where there is none. */
static void find_pairs(const struct sparse_problem *p, int64_t first,
                       int32_t channels[SPARSE_WINDOW])
{
    const struct conv_spec *c = &p->conv;
    int64_t count = smaller(c->oc - first, SPARSE_WINDOW);
    int32_t shared[SPARSE_WINDOW][SPARSE_WINDOW];
    uint64_t left = 0;
    memset(channels, 0xff, SPARSE_WINDOW * sizeof *channels);
    count_shared(p, first, count, shared);
    for (int64_t k = 0; k < count; k++)
        if (c->unread == NULL || !c->unread[first + k])
            left |= UINT64_C(1) << k;
    for (; left != 0; channels += PAIR) {
        int64_t best[PAIR] = {__builtin_ctzll(left), -1};
        int32_t most = -1;
        for (int64_t a = 0; a < count; a++)
            for (int64_t b = a + 1; (left >> a & 1) != 0 && b < count; b++)
                if ((left >> b & 1) != 0 && shared[a][b] > most) {
                    most = shared[a][b];
                    best[0] = a;
                    best[1] = b;
                }
        for (int k = 0; k < PAIR && best[k] >= 0; k++) {
            channels[k] = (int32_t)(first + best[k]);
            left &= ~(UINT64_C(1) << best[k]);
        }
    }
}

/* Couples and weights of both of a pair. */
struct pair_size {
    int64_t couples, both;
};

static struct pair_size size_of(const struct sparse_problem *p,
                                const int32_t channels[PAIR])
{
    int64_t own[PAIR] = {0}, both = 0;
    for (int64_t i = 0; i < inputs_of(&p->conv); i++) {
        bool a = weight_at(p, channels[0], i) != 0.0F;
        bool b = weight_at(p, channels[1], i) != 0.0F;
        both += a && b;
        own[0] += a && !b;
        own[1] += b && !a;
    }
    return (struct pair_size){own[0] > own[1] ? own[0] : own[1], both};
}

static int64_t words_of(struct pair_size size)
{
    return size.couples * 4 + size.both * 3;
}

static int64_t count_words(const struct sparse_problem *p)
{
    int64_t words = 0;
    for (int64_t first = 0; first < p->conv.oc; first += SPARSE_WINDOW) {
        int32_t channels[SPARSE_WINDOW];
        find_pairs(p, first, channels);
        for (int k = 0; k < SPARSE_WINDOW; k += PAIR)
            words += words_of(size_of(p, channels + k));
    }
    return words;
}

static struct sparse_problem problem_of(const struct kernel_spec *spec)
{
    struct sparse_problem p;
    sparse_problem_of(
        &p, spec, spec->kind == KERNEL_CONV ? LAYOUT_PLANE : LAYOUT_IMAGE16);
    p.rows = PAIR;
    p.pair = true;
    return p;
}

static struct sparse_packed header_of(const struct sparse_problem *p)
{
    struct sparse_packed h = {.geometry = sparse_geometry_of(p),
                              .rows = PAIR,
                              .pair = true,
                              .count = count_words(p)};
    size_t pairs = (size_t)pairs_of(&p->conv), words = (size_t)h.count;
    h.starts = align_up(sizeof h);
    h.run = h.starts + align_up(pairs * STARTS * sizeof(int32_t));
    h.bias = h.run + align_up(pairs * sizeof(int32_t));
    h.channels = h.bias + align_up(pairs * PAIR * sizeof(float));
    h.entries = h.channels + align_up(pairs * PAIR * sizeof(int32_t));
    h.taps = h.entries + align_up(words * sizeof(int32_t));
    return h;
}

/* Where a pair's words and the taps of its offsets go. */
struct pair_list {
    const struct sparse_packed *header;
    const struct sparse_problem *problem;
    int32_t *words;
    struct sparse_tap *taps;
};

/* An offset and a weight at word `at`. */
static void put_weight(const struct pair_list *l, int64_t at, int64_t input,
                       float weight)
{
    const struct conv_spec *c = &l->problem->conv;
    struct sparse_tap tap = sparse_tap_of(c, input);
    int64_t pixel = sparse_tap_offset(&l->header->geometry, c, tap);
    l->taps[at] = tap;
    l->words[at] = (int32_t)(pixel * l->problem->unit);
    memcpy(l->words + at + 1, &weight, sizeof weight);
}

/* Where one of the two keeps fewer, its couples end with zeros for what the
 * other one reads. */
static void pack_pair(const struct pair_list *l, const int32_t channels[PAIR],
                      struct pair_size size, int64_t begin)
{
    int64_t both = begin + 4 * size.couples;
    int64_t at[PAIR] = {begin, begin + 2};
    for (int64_t i = 0; i < inputs_of(&l->problem->conv); i++) {
        float w[PAIR] = {weight_at(l->problem, channels[0], i),
                         weight_at(l->problem, channels[1], i)};
        if (w[0] != 0.0F && w[1] != 0.0F) {
            put_weight(l, both, i, w[0]);
            memcpy(l->words + both + 2, &w[1], sizeof w[1]);
            both += 3;
        } else if (w[0] != 0.0F || w[1] != 0.0F) {
            int k = w[1] != 0.0F;
            put_weight(l, at[k], i, w[k]);
            at[k] += 4;
        }
    }
    for (int k = 0; k < PAIR; k++)
        for (int64_t end = begin + 4 * size.couples; at[k] < end; at[k] += 4) {
            int64_t other = at[k] + 2 - 4 * k;
            l->words[at[k]] = l->words[other];
            l->words[at[k] + 1] = 0;
            l->taps[at[k]] = l->taps[other];
        }
}

static size_t pack_bytes(const struct kernel_spec *spec)
{
    struct sparse_problem p = problem_of(spec);
    struct sparse_packed h = header_of(&p);
    return h.taps + align_up((size_t)h.count * sizeof(struct sparse_tap));
}

static void pack(const struct kernel_spec *spec, void *packed)
{
    struct sparse_problem p = problem_of(spec);
    struct sparse_packed h = header_of(&p);
    const struct conv_spec *c = &p.conv;
    char *base = packed;
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    int32_t *run = (int32_t *)(void *)(base + h.run);
    int32_t *channels = (int32_t *)(void *)(base + h.channels);
    float *bias = (float *)(void *)(base + h.bias);
    const struct pair_list list = {
        &h, &p, (int32_t *)(void *)(base + h.entries),
        (struct sparse_tap *)(void *)(base + h.taps)};
    int32_t window[SPARSE_WINDOW] = {0};
    int64_t at = 0;
    for (int64_t pair = 0; pair < pairs_of(c); pair++) {
        int32_t *own = channels + pair * PAIR;
        int64_t place = pair * PAIR % SPARSE_WINDOW;
        if (place == 0)
            find_pairs(&p, pair * PAIR, window);
        memcpy(own, window + place, PAIR * sizeof *own);
        struct pair_size size = size_of(&p, own);
        for (int k = 0; k < PAIR; k++)
            bias[pair * PAIR + k] =
                c->bias != NULL && own[k] >= 0 ? c->bias[own[k]] : 0.0F;
        pack_pair(&list, own, size, at);
        starts[pair * STARTS] = (int32_t)at;
        starts[pair * STARTS + 1] = (int32_t)(at + 4 * size.couples);
        at += words_of(size);
        starts[pair * STARTS + 2] = (int32_t)at;
        if (own[0] >= 0)
            run[h.run_count++] = (int32_t)pair;
    }
    memcpy(packed, &h, sizeof h);
}

static size_t scratch_bytes(const struct kernel_spec *spec, int64_t src_border)
{
    struct sparse_problem p = problem_of(spec);
    return sparse_scratch_of(&p, count_words(&p), src_border).bytes;
}

static bool serves(const struct kernel_spec *spec)
{
    struct sparse_problem p = problem_of(spec);
    return p.conv.groups == 1 && sparse_problem_served(&p);
}

/* Where the inputs of a block of images stay in the first-level cache: else
 * quartets go slice by slice. */
static bool pays_in_product(const struct product_spec *p)
{
    enum { INPUTS = 512 };
    return p->in <= INPUTS;
}

#define FACES(method, is_served, border)                                       \
    bool sparse_##method##_serves(const struct kernel_spec *spec)              \
    {                                                                          \
        return is_served;                                                      \
    }                                                                          \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec)        \
    {                                                                          \
        return pack_bytes(spec);                                               \
    }                                                                          \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed)  \
    {                                                                          \
        pack(spec, packed);                                                    \
    }                                                                          \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border)                 \
    {                                                                          \
        (void)src_border;                                                      \
        return scratch_bytes(spec, border);                                    \
    }

FACES(conv_plane_pair, spec->kind == KERNEL_CONV && serves(spec), src_border)
FACES(product_image16_pair,
      spec->kind == KERNEL_PRODUCT && serves(spec) &&
          pays_in_product(&spec->product),
      0)
