/*
 * The kernels of sparse_product.h. Included by sparse_product_<isa>.c.
 */
#ifndef KERNEL_SPARSE_PRODUCT_RUN_H
#define KERNEL_SPARSE_PRODUCT_RUN_H

#include "kernel/sparse_product.h"
#include "kernel/sparse_run.h"

/* INPUTS_HELD in registers at once, CHUNK_SUMS of one output; TURN: vectors of
 * images that are summed at once. Sums of few channels would wait for each
 * other: entries of one channel or two take WAYS_1, WAYS_2 sums in turn, as far
 * as registers reach. */
#if defined(SPARSE_AVX512)
enum { INPUTS_HELD = 16, CHUNK_SUMS = 2, TURN = 1, WAYS_1 = 4, WAYS_2 = 2 };
#elif defined(SPARSE_AVX2)
enum { INPUTS_HELD = 4, CHUNK_SUMS = 1, TURN = 2, WAYS_1 = 4, WAYS_2 = 2 };
#elif defined(SPARSE_NEON)
enum { INPUTS_HELD = 4, CHUNK_SUMS = 1, TURN = 4, WAYS_1 = 2, WAYS_2 = 1 };
#else
enum { INPUTS_HELD = 4, CHUNK_SUMS = 1, TURN = 2, WAYS_1 = 1, WAYS_2 = 1 };
#endif

/* One call: a pixel of one block of images, or the block of a product. */
struct product_call {
    struct run run; /* the activation */
    const struct product_packed *packed;
    const int32_t *starts;
    const float *bias;
    const int32_t *outputs, *words;
    const float (*weights)[PRODUCT_INPUTS];
    int64_t in, first, last; /* inputs; outputs [first, last) */
    const float *src, *other;
    float *dst, *waiting;
    int64_t src_plane, dst_plane; /* floats from one channel to the next */
    bool ahead;                   /* whether a pixel follows in the row */
};

ALWAYS_INLINE vec product_activated(const struct run *r, vec v)
{
    return r->slow ? activate_slowly(r, v)
                   : vec_clamp(v, vec_all(r->low), vec_all(r->high));
}

/* Blocks [at, end) of a chunk whose first input is `input`: inputs [first,
 * first
 * + INPUTS_HELD) of each for TURN vectors of images from `lane` on. step:
 * floats to what the next pixel reads, 0: that need not be fetched. */
ALWAYS_INLINE void add_held(const struct product_call *c, const float *from,
                            int64_t input, int64_t first, int64_t at,
                            int64_t end, int64_t lane, int64_t step)
{
    int64_t left = c->in - input - first;
    const float *src = from + (input + first) * c->src_plane + lane;
    vec x[INPUTS_HELD * TURN];
#pragma GCC unroll 16
    for (int i = 0; i < INPUTS_HELD * TURN; i++)
        x[i] = i / TURN < left ? vec_load_once(src + i / TURN * c->src_plane +
                                               i % TURN * LANES)
                               : vec_all(0.0F);
    for (int i = 0; step > 0 && lane == 0 && i < INPUTS_HELD && i < left; i++)
        __builtin_prefetch(src + i * c->src_plane + step);
    for (; at < end; at++) {
        const float *weight = c->weights[at] + first;
        float *to = c->waiting + (int64_t)c->outputs[at] * SPARSE_BLOCK + lane;
        vec sum[CHUNK_SUMS * TURN];
#pragma GCC unroll 8
        for (int j = 0; j < CHUNK_SUMS * TURN; j++)
            sum[j] = j < TURN ? vec_load(to + j * LANES) : vec_all(0.0F);
#pragma GCC unroll 16
        for (int i = 0; i < INPUTS_HELD; i++) {
            vec w = vec_all(weight[i]);
            vec *apart = sum + i % CHUNK_SUMS * TURN;
#pragma GCC unroll 4
            for (int j = 0; j < TURN; j++)
                apart[j] = vec_multiply_add(w, x[i * TURN + j], apart[j]);
        }
#pragma GCC unroll 8
        for (int j = TURN; j < CHUNK_SUMS * TURN; j++)
            sum[j % TURN] = vec_add(sum[j % TURN], sum[j]);
#pragma GCC unroll 4
        for (int j = 0; j < TURN; j++)
            vec_store(to + j * LANES, sum[j]);
    }
}

/* Where the blocks of outputs from `output` on begin in [at, end). */
static int64_t blocks_before(const int32_t *outputs, int64_t at, int64_t end,
                             int64_t output)
{
    /* A call for all outputs, whose steps would be guessed wrong. */
    if (at == end || outputs[at] >= output)
        return at;
    if (outputs[end - 1] < output)
        return end;
    while (at < end) {
        int64_t middle = (at + end) / 2;
        if (outputs[middle] < output)
            at = middle + 1;
        else
            end = middle;
    }
    return at;
}

/* All chunks of one tap that reads at `from`. */
static void add_tap(const struct product_call *c, const float *from,
                    int64_t tap, int64_t step)
{
    int64_t chunks = (c->in + PRODUCT_INPUTS - 1) / PRODUCT_INPUTS;
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        const int32_t *start = c->starts + tap * chunks + chunk;
        int64_t at = blocks_before(c->outputs, start[0], start[1], c->first);
        int64_t end = blocks_before(c->outputs, at, start[1], c->last);
        for (int64_t i = 0; at < end && i < PRODUCT_INPUTS; i += INPUTS_HELD)
            for (int64_t lane = 0; lane < SPARSE_BLOCK; lane += TURN * LANES)
                add_held(c, from, chunk * PRODUCT_INPUTS, i, at, end, lane,
                         step);
    }
}

static void begin_sums(const struct product_call *c)
{
    for (int64_t o = c->first; o < c->last; o++)
        for (int64_t j = 0; j < SPARSE_BLOCK; j += LANES)
            vec_store(c->waiting + o * SPARSE_BLOCK + j, vec_all(c->bias[o]));
}

static void finish_sums(const struct product_call *c)
{
    for (int64_t o = c->first; o < c->last; o++)
        for (int64_t j = 0; j < SPARSE_BLOCK; j += LANES) {
            vec v = vec_load(c->waiting + o * SPARSE_BLOCK + j);
            int64_t to = o * c->dst_plane + j;
            if (c->other != NULL)
                v = vec_add(v, vec_load(c->other + to));
            if (c->ahead && j == 0)
                __builtin_prefetch(c->dst + to + SPARSE_BLOCK, 1);
            vec_store(c->dst + to, product_activated(&c->run, v));
        }
}

static void run_product_chunks(const struct product_call *c)
{
    begin_sums(c);
    add_tap(c, c->src, 0, 0);
    finish_sums(c);
}

/* Pixel (y, x) of a convolution. */
static void run_pixel_chunks(const struct product_call *c, int64_t y, int64_t x)
{
    const struct conv_spec *v = c->run.conv;
    begin_sums(c);
    for (int64_t tap = 0; tap < v->kh * v->kw; tap++) {
        int64_t kx = tap % v->kw;
        int64_t iy = y * v->sh - v->pad_top + tap / v->kw * v->dh;
        int64_t ix = x * v->sw - v->pad_left + kx * v->dw;
        bool reaches = c->ahead && kx == v->kw - 1 && ix + v->sw < v->iw;
        if (iy >= 0 && iy < v->ih && ix >= 0 && ix < v->iw)
            add_tap(c, c->src + (iy * v->iw + ix) * SPARSE_BLOCK, tap,
                    reaches ? v->sw * SPARSE_BLOCK : 0);
    }
    finish_sums(c);
}

/* Keeps a sum in memory where registers do not reach for those of all four
 * channels: the compiler would choose those of the set that is summed. */
ALWAYS_INLINE void put_aside(vec *sum)
{
#if !defined(SPARSE_AVX512) && !defined(SPARSE_NEON)
    __asm__("" : "+m"(*sum));
#else
    (void)sum;
#endif
}

/* All entries of one set. */
ALWAYS_INLINE const int32_t *add_product_set(const float *src, const int32_t *e,
                                             const int32_t *end, vec *sum,
                                             const unsigned set)
{
    const int rows = __builtin_popcount(set);
    const int ways = rows == 1 ? WAYS_1 : rows == 2 ? WAYS_2 : 1;
    vec own[4][SPARSE_ROWS * TURN];
#pragma GCC unroll 4
    for (int way = 0; way < ways; way++)
#pragma GCC unroll 16
        for (int j = 0; j < SPARSE_ROWS * TURN; j++)
            own[way][j] = way == 0 ? sum[j] : vec_all(0.0F);
    while (e < end)
#pragma GCC unroll 4
        for (int way = 0; way < ways; way++) {
            if (way > 0 && e >= end)
                break;
            const float *from = src + e[0];
            const struct set_source x = {from, from, from + (TURN - 1) * LANES};
            add_set(e + 1, &x, own[way], TURN, LANES, set);
            e += 1 + rows;
        }
#pragma GCC unroll 16
    for (int j = 0; j < SPARSE_ROWS * TURN; j++) {
        if ((set >> j / TURN & 1) == 0)
            continue;
#pragma GCC unroll 4
        for (int way = 1; way < ways; way++)
            own[0][j] = vec_add(own[0][j], own[way][j]);
        sum[j] = own[0][j];
        put_aside(&sum[j]);
    }
    return e;
}

/* One quartet and slice for TURN vectors of images from lane `at` on. */
ALWAYS_INLINE void run_product_quartet(const struct product_call *c,
                                       int64_t slice, int64_t quartet,
                                       int64_t at)
{
    const int32_t *ends =
        c->starts + (slice * c->packed->lists + quartet) * SPARSE_SETS;
    const int32_t *e = c->words + ends[0];
    int64_t base = quartet * SPARSE_ROWS;
    float *waiting = c->waiting + base * SPARSE_BLOCK + at;
    vec sum[SPARSE_ROWS * TURN];
#pragma GCC unroll 16
    for (int j = 0; j < SPARSE_ROWS * TURN; j++)
        sum[j] =
            slice > 0
                ? vec_load(waiting + j / TURN * SPARSE_BLOCK + j % TURN * LANES)
                : vec_all(c->bias[base + j / TURN]);
#pragma GCC unroll 16
    for (unsigned set = 1; set < SPARSE_SETS; set++)
        e = add_product_set(c->src + at, e, c->words + ends[set], sum, set);
    if (slice < c->packed->slices - 1) {
#pragma GCC unroll 16
        for (int j = 0; j < SPARSE_ROWS * TURN; j++)
            vec_store(waiting + j / TURN * SPARSE_BLOCK + j % TURN * LANES,
                      sum[j]);
        return;
    }
#pragma GCC unroll 16
    for (int j = 0; j < SPARSE_ROWS * TURN; j++) {
        int64_t o = base + j / TURN;
        int64_t to = o * SPARSE_BLOCK + at + j % TURN * LANES;
        if (o < c->first || o >= c->last)
            continue;
        if (c->other != NULL)
            sum[j] = vec_add(sum[j], vec_load(c->other + to));
        vec_store(c->dst + to, product_activated(&c->run, sum[j]));
    }
}

static void run_product_quartets(const struct product_call *c)
{
    int64_t begin = c->first / SPARSE_ROWS;
    int64_t end = (c->last + SPARSE_ROWS - 1) / SPARSE_ROWS;
    for (int64_t slice = 0; slice < c->packed->slices; slice++)
        for (int64_t q = begin; q < end; q++)
            for (int64_t at = 0; at < SPARSE_BLOCK; at += TURN * LANES)
                run_product_quartet(c, slice, q, at);
}

static inline struct product_call product_call_of(
    const void *packed, const struct epilogue *epilogue, void *scratch,
    const struct sparse_part *part)
{
    const struct product_packed *h = packed;
    const char *base = packed;
    struct product_call c = {
        .run = {.epilogue = epilogue},
        .packed = h,
        .starts = (const int32_t *)(const void *)(base + h->starts),
        .bias = (const float *)(const void *)(base + h->bias),
        .outputs = (const int32_t *)(const void *)(base + h->outputs),
        .words = (const int32_t *)(const void *)(base + h->weights),
        .weights = (const void *)(base + h->weights),
        .first = part->first,
        .last = part->last,
        .waiting = scratch,
        .src_plane = SPARSE_BLOCK,
        .dst_plane = SPARSE_BLOCK};
    set_activation(&c.run);
    return c;
}

static inline void run_product(const struct product_spec *p,
                               struct product_call c, const float *src,
                               float *dst, const float *other,
                               void (*run)(const struct product_call *))
{
    int64_t blocks = (p->n + SPARSE_BLOCK - 1) / SPARSE_BLOCK;
    c.in = p->in;
    for (int64_t b = 0; c.first < c.last && b < blocks; b++) {
        int64_t to = b * p->out * SPARSE_BLOCK;
        c.src = src + b * p->in * SPARSE_BLOCK;
        c.dst = dst + to;
        c.other = other != NULL ? other + to : NULL;
        run(&c);
    }
}

static inline void run_pixels_of(const struct conv_spec *v,
                                 struct product_call c, const float *src,
                                 float *dst, const float *other,
                                 const struct sparse_part *part)
{
    int64_t blocks = (v->n + SPARSE_BLOCK - 1) / SPARSE_BLOCK;
    int64_t rows = part->bottom - part->top;
    c.run.conv = v;
    c.in = v->ic;
    c.src_plane = v->ih * v->iw * SPARSE_BLOCK;
    c.dst_plane = v->oh * v->ow * SPARSE_BLOCK;
    for (int64_t i = 0; c.first < c.last && i < blocks * rows * v->ow; i++) {
        int64_t x = i % v->ow, y = part->top + i / v->ow % rows;
        int64_t block = i / v->ow / rows;
        int64_t to =
            block * v->oc * c.dst_plane + (y * v->ow + x) * SPARSE_BLOCK;
        c.src = src + block * v->ic * c.src_plane;
        c.dst = dst + to;
        c.other = other != NULL ? other + to : NULL;
        c.ahead = x + 1 < v->ow;
        run_pixel_chunks(&c, y, x);
    }
}

#define SPARSE_BY_PRODUCT(name, run)                                           \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        run_product(&spec->product,                                            \
                    product_call_of(packed, epilogue, scratch, part), src,     \
                    dst, other, run);                                          \
    }

#define SPARSE_BY_PIXELS(name)                                                 \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        run_pixels_of(&spec->conv,                                             \
                      product_call_of(packed, epilogue, scratch, part), src,   \
                      dst, other, part);                                       \
    }

#define SPARSE_ALL_PRODUCTS(isa)                                               \
    SPARSE_BY_PRODUCT(sparse_product_image16_chunk_run_##isa,                  \
                      run_product_chunks)                                      \
    SPARSE_BY_PRODUCT(sparse_product_image16_quartet_run_##isa,                \
                      run_product_quartets)

#endif
