/* Winograd of training on vectors of 16 channels, one block each. */
#if defined(__x86_64__)
#define DENSE_AVX512

#include "kernel/winograd_train.h"

#include "kernel/winograd_vector.h"

enum { OUT = WINOGRAD_OUT, IN = WINOGRAD_IN, POINTS = WINOGRAD_POINTS };

/* --- parts of scratch --- */

struct scratch {
    float *lines;           /* [column][6][16]: one direction transformed */
    float *in, *out, *sums; /* 36 matrices each */
};

static struct scratch scratch_of(const struct winograd_pass *p, float *memory)
{
    float *in = memory + (p->columns * OUT + 2) * IN * LANES;
    float *out = in + POINTS * p->step_in;
    return (struct scratch){memory, in, out, out + POINTS * p->step_out};
}

/* One row of tiles: a block's plane and the first pixel row of the tiles. */
struct row {
    int64_t image, y;
};

static struct row row_of(const struct winograd_pass *p, int64_t index)
{
    return (struct row){index / p->rows, index % p->rows * OUT};
}

static const float *plane_of(const float *tensor, int64_t image, int64_t block,
                             int64_t channels, int64_t pixels)
{
    return tensor + (image * channels + block * LANES) * pixels;
}

/*
 * Products leave the memory's bus idle: meanwhile the pixels that come next are
 * fetched, a share behind each of the 36. Measured on ResNet-20's layers, whose
 * batch lies in the third-level cache, this saves a quarter.
 */
static void fetch_share(const struct winograd_pass *p, const float *tensor,
                        const int64_t sizes[3], int64_t first, int64_t rows,
                        int64_t share)
{
    const int64_t channels = sizes[0], height = sizes[1], width = sizes[2];
    const int64_t blocks = channels / LANES, strip = OUT * width;
    const int64_t all = rows * blocks * strip;
    int64_t from = all * share / POINTS;
    const int64_t to = all * (share + 1) / POINTS;
    while (from < to) {
        int64_t which = from / strip, at = from % strip;
        struct row row = row_of(p, first + which / blocks);
        const float *plane = plane_of(tensor, row.image, which % blocks,
                                      channels, height * width);
        int64_t end = strip - at < to - from ? strip : at + to - from;
        int64_t room = (height - row.y) * width;
        for (int64_t i = at; i < end && i < room; i++)
            __builtin_prefetch(plane + (row.y * width + i) * LANES, 0, 2);
        from += end - at;
    }
}

/* --- the source's side: B^T d B --- */

ALWAYS_INLINE void columns_in(const float *first, int64_t row, int64_t from,
                              int64_t to, const bool inside[IN], float *lines)
{
    for (int64_t x = from; x < to; x++) {
        vec d[IN], t[IN];
#pragma GCC unroll 6
        for (int y = 0; y < IN; y++)
            d[y] =
                inside[y] ? vec_load(first + y * row + x * LANES) : vec_all(0);
        winograd_in(d, t);
#pragma GCC unroll 6
        for (int y = 0; y < IN; y++)
            vec_store(lines + (x * IN + y) * LANES, t[y]);
    }
}

static void transform_columns(const struct winograd_pass *p, const float *plane,
                              int64_t top, float *lines)
{
    static const bool all[IN] = {true, true, true, true, true, true};
    const int64_t row = p->iw * LANES, end = p->columns * OUT + 2;
    int64_t from = p->pad_left, to = from + p->iw < end ? from + p->iw : end;
    const float *first = plane + top * row - from * LANES;
    bool inside[IN], whole = true;
    for (int y = 0; y < IN; y++) {
        inside[y] = top + y >= 0 && top + y < p->ih;
        whole = whole && inside[y];
    }
    memset(lines, 0, (size_t)(from * IN * LANES) * sizeof *lines);
    if (whole)
        columns_in(first, row, from, to, all, lines);
    else
        columns_in(first, row, from, to, inside, lines);
    memset(lines + to * IN * LANES, 0,
           (size_t)((end - to) * IN * LANES) * sizeof *lines);
}

/* v: the place of the row's first tile and of the block's channels. */
static void transform_row(const struct winograd_pass *p, const float *plane,
                          int64_t top, float *lines, float *v)
{
    transform_columns(p, plane, top, lines);
    for (int64_t c = 0; c < p->columns; c++) {
        const float *tile = lines + c * OUT * IN * LANES;
#pragma GCC unroll 6
        for (int y = 0; y < IN; y++) {
            vec d[IN], t[IN];
#pragma GCC unroll 6
            for (int x = 0; x < IN; x++)
                d[x] = vec_load(tile + (x * IN + y) * LANES);
            winograd_in(d, t);
#pragma GCC unroll 6
            for (int x = 0; x < IN; x++)
                vec_store(v + (y * IN + x) * p->step_in + c * p->ic, t[x]);
        }
    }
}

static void transform_source(const struct winograd_pass *p, const float *src,
                             int64_t first, int64_t rows, float *lines,
                             float *v)
{
    for (int64_t r = 0; r < rows; r++) {
        struct row row = row_of(p, first + r);
        for (int64_t b = 0; b < p->ic / LANES; b++)
            transform_row(p, plane_of(src, row.image, b, p->ic, p->ih * p->iw),
                          row.y - p->pad_top, lines,
                          v + r * p->columns * p->ic + b * LANES);
    }
}

/* --- the result's side: A^T m A --- */

ALWAYS_INLINE void tile_out(const float *m, int64_t step, vec shift, bool adds,
                            int height, int width, float *dst, int64_t row)
{
    vec lines[IN][OUT];
#pragma GCC unroll 6
    for (int y = 0; y < IN; y++) {
        vec points[IN];
#pragma GCC unroll 6
        for (int x = 0; x < IN; x++)
            points[x] = vec_load(m + (y * IN + x) * step);
        winograd_out(points, lines[y]);
    }
#pragma GCC unroll 4
    for (int x = 0; x < OUT; x++) {
        vec column[IN], out[OUT];
#pragma GCC unroll 6
        for (int y = 0; y < IN; y++)
            column[y] = lines[y][x];
        winograd_out(column, out);
#pragma GCC unroll 4
        for (int y = 0; y < OUT; y++) {
            float *to = dst + y * row + x * LANES;
            if (y >= height || x >= width)
                continue;
            vec value = out[y] + shift;
            if (adds)
                value = value + vec_load(to);
            vec_store(to, value);
        }
    }
}

static void finish_row(const struct winograd_pass *p, const float *m, vec shift,
                       bool adds, int64_t y, float *plane)
{
    const int64_t row = p->ow * LANES;
    const int height = p->oh - y < OUT ? (int)(p->oh - y) : OUT;
    for (int64_t c = 0; c < p->columns; c++) {
        int64_t left = p->ow - c * OUT;
        float *dst = plane + y * row + c * OUT * LANES;
        const float *from = m + c * p->oc;
        if (height == OUT && left >= OUT && adds)
            tile_out(from, p->step_out, shift, true, OUT, OUT, dst, row);
        else if (height == OUT && left >= OUT)
            tile_out(from, p->step_out, shift, false, OUT, OUT, dst, row);
        else
            tile_out(from, p->step_out, shift, adds, height,
                     left < OUT ? (int)left : OUT, dst, row);
    }
}

static void convolve(const struct winograd_pass *p, const float *packed,
                     const float *bias, const float *src, bool adds, float *dst,
                     float *memory)
{
    const struct scratch s = scratch_of(p, memory);
    const int64_t from[] = {p->ic, p->ih, p->iw}, to[] = {p->oc, p->oh, p->ow};
    const int64_t all = p->n * p->rows;
    for (int64_t first = 0; first < all; first += p->together) {
        int64_t rest = all - first;
        int64_t rows = rest < p->together ? rest : p->together;
        transform_source(p, src, first, rows, s.lines, s.in);
        int64_t next = rest - rows < rows ? rest - rows : rows;
        for (int64_t i = 0; i < POINTS; i++) {
            fetch_share(p, src, from, first + rows, next, i);
            fetch_share(p, dst, to, first, rows, i);
            winograd_multiply(s.in + i * p->step_in, packed + i * p->ic * p->oc,
                              s.out + i * p->step_out, p->ic, p->oc,
                              rows * p->columns);
        }
        for (int64_t r = 0; r < rows; r++) {
            struct row row = row_of(p, first + r);
            for (int64_t b = 0; b < p->oc / LANES; b++) {
                int64_t plane = row.image * p->oc + b * LANES;
                finish_row(p, s.out + r * p->columns * p->oc + b * LANES,
                           bias ? vec_load(bias + b * LANES) : vec_all(0), adds,
                           row.y, dst + plane * p->oh * p->ow);
            }
        }
    }
}

/* --- weights: G g G^T --- */

ALWAYS_INLINE void weights_in(const vec w[3], vec u[IN])
{
    const vec sixth = vec_all(-1.0F / 6), fine = vec_all(1.0F / 24);
    vec even = w[0] + w[2], far = vec_multiply_add(vec_all(4), w[2], w[0]);
    vec twice = w[1] + w[1];
    u[0] = w[0] * vec_all(0.25F);
    u[1] = (even + w[1]) * sixth;
    u[2] = (even - w[1]) * sixth;
    u[3] = (far + twice) * fine;
    u[4] = (far - twice) * fine;
    u[5] = w[2];
}

/* 16 filters, 9 vectors, to 36 points that lie `step` apart. */
static void pack_filters(const float filters[9 * LANES], float *u, int64_t step)
{
    vec lines[3][IN];
    for (int y = 0; y < 3; y++) {
        vec w[3];
        for (int x = 0; x < 3; x++)
            w[x] = vec_load(filters + (3 * y + x) * LANES);
        weights_in(w, lines[y]);
    }
    for (int x = 0; x < IN; x++) {
        const vec w[3] = {lines[0][x], lines[1][x], lines[2][x]};
        vec points[IN];
        weights_in(w, points);
        for (int y = 0; y < IN; y++)
            vec_store(u + (y * IN + x) * step, points[y]);
    }
}

static void pack(const struct winograd_pass *p, const float *weight,
                 bool turned, float *packed)
{
    /* From filter to filter, and from channel to channel. */
    const int64_t by_out = turned ? 9 : 9 * p->ic;
    const int64_t by_in = turned ? 9 * p->oc : 9;
    for (int64_t o = 0; o < p->oc; o += LANES)
        for (int64_t i = 0; i < p->ic; i++) {
            const float *from = weight + o * by_out + i * by_in;
            float filters[9 * LANES];
            for (int k = 0; k < LANES; k++)
                for (int j = 0; j < 9; j++)
                    filters[(turned ? 8 - j : j) * LANES + k] =
                        from[k * by_out + j];
            pack_filters(filters, packed + o * p->ic + i * LANES,
                         p->ic * p->oc);
        }
}

/* --- the gradient by weights --- */

/* A d for one line of four. */
ALWAYS_INLINE void gradient_in(const vec d[OUT], vec w[IN])
{
    vec even = d[0] + d[2], odd = d[1] + d[3];
    vec far = vec_multiply_add(vec_all(4), d[2], d[0]);
    vec twist = vec_multiply_add(vec_all(8), d[3], d[1] + d[1]);
    w[0] = d[0];
    w[1] = even + odd;
    w[2] = even - odd;
    w[3] = far + twist;
    w[4] = far - twist;
    w[5] = d[3];
}

static void gradient_columns(const struct winograd_pass *p, const float *first,
                             int height, float *lines)
{
    const int64_t row = p->ow * LANES;
    for (int64_t x = 0; x < p->ow; x++) {
        vec d[OUT], w[IN];
#pragma GCC unroll 4
        for (int y = 0; y < OUT; y++)
            d[y] =
                y < height ? vec_load(first + y * row + x * LANES) : vec_all(0);
        gradient_in(d, w);
#pragma GCC unroll 6
        for (int y = 0; y < IN; y++)
            vec_store(lines + (x * IN + y) * LANES, w[y]);
    }
    memset(lines + p->ow * IN * LANES, 0,
           (size_t)((p->columns * OUT - p->ow) * IN * LANES) * sizeof *lines);
}

static void gradient_row(const struct winograd_pass *p, const float *plane,
                         int64_t y, float *lines, float *w)
{
    const float *first = plane + y * p->ow * LANES;
    if (p->oh - y >= OUT)
        gradient_columns(p, first, OUT, lines);
    else
        gradient_columns(p, first, (int)(p->oh - y), lines);
    for (int64_t c = 0; c < p->columns; c++) {
        const float *tile = lines + c * OUT * IN * LANES;
#pragma GCC unroll 6
        for (int k = 0; k < IN; k++) {
            vec d[OUT], t[IN];
#pragma GCC unroll 4
            for (int x = 0; x < OUT; x++)
                d[x] = vec_load(tile + (x * IN + k) * LANES);
            gradient_in(d, t);
#pragma GCC unroll 6
            for (int x = 0; x < IN; x++)
                vec_store(w + (k * IN + x) * p->step_out + c * p->oc, t[x]);
        }
    }
}

static void transform_gradient(const struct winograd_pass *p,
                               const float *by_dst, int64_t first, int64_t rows,
                               float *lines, float *w)
{
    for (int64_t r = 0; r < rows; r++) {
        struct row row = row_of(p, first + r);
        for (int64_t b = 0; b < p->oc / LANES; b++)
            gradient_row(p,
                         plane_of(by_dst, row.image, b, p->oc, p->oh * p->ow),
                         row.y, lines, w + r * p->columns * p->oc + b * LANES);
    }
}

/*
 * sums(rows of v's channels, vectors) = or += v(tiles, ic)^T w(tiles, oc)
 * Sums of a group begin at zero and are added as a whole: of ResNet-20's first
 * layers, 784 tiles a shard, this leaves a quarter of the rounding.
 */
ALWAYS_INLINE void outer_block(const float *v, const float *w, float *sums,
                               int64_t ic, int64_t oc, int64_t tiles,
                               bool begins, int rows, int vectors)
{
    vec s[16][4];
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < vectors; k++)
            s[r][k] = vec_all(0);
    for (int64_t t = 0; t < tiles; t++) {
        vec d[4];
        for (int k = 0; k < vectors; k++)
            d[k] = vec_load(w + t * oc + k * LANES);
        for (int r = 0; r < rows; r++) {
            vec x = vec_all(v[t * ic + r]);
            for (int k = 0; k < vectors; k++)
                s[r][k] = vec_multiply_add(x, d[k], s[r][k]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < vectors; k++) {
            float *to = sums + r * oc + k * LANES;
            if (!begins)
                s[r][k] = s[r][k] + vec_load(to);
            vec_store(to, s[r][k]);
        }
}

static void outer(const float *v, const float *w, float *sums, int64_t ic,
                  int64_t oc, int64_t tiles, bool begins)
{
    int64_t o = 0;
    for (; o + 4 * LANES <= oc; o += 4 * LANES)
        for (int64_t i = 0; i < ic; i += 4)
            outer_block(v + i, w + o, sums + i * oc + o, ic, oc, tiles, begins,
                        4, 4);
    for (; o + 2 * LANES <= oc; o += 2 * LANES)
        for (int64_t i = 0; i < ic; i += 8)
            outer_block(v + i, w + o, sums + i * oc + o, ic, oc, tiles, begins,
                        8, 2);
    for (; o + LANES <= oc; o += LANES)
        for (int64_t i = 0; i < ic; i += 16)
            outer_block(v + i, w + o, sums + i * oc + o, ic, oc, tiles, begins,
                        16, 1);
}

/* G^T u for one line of six. */
ALWAYS_INLINE void weights_out(const vec u[IN], vec g[3])
{
    const vec sixth = vec_all(1.0F / 6), fine = vec_all(1.0F / 24);
    vec near = (u[1] + u[2]) * sixth, skew = (u[2] - u[1]) * sixth;
    vec far = (u[3] + u[4]) * fine, twist = (u[3] - u[4]) * fine;
    g[0] = vec_multiply_add(vec_all(0.25F), u[0], far - near);
    g[1] = vec_multiply_add(vec_all(2), twist, skew);
    g[2] = vec_multiply_add(vec_all(4), far, u[5] - near);
}

/* The sums' 36 points to 9 weights. */
static void gradient_out(const float *sums, int64_t step, bool adds, float *to)
{
    vec lines[IN][3];
    for (int y = 0; y < IN; y++) {
        vec u[IN];
        for (int x = 0; x < IN; x++)
            u[x] = vec_load(sums + (y * IN + x) * step);
        weights_out(u, lines[y]);
    }
    for (int x = 0; x < 3; x++) {
        vec column[IN], g[3];
        for (int y = 0; y < IN; y++)
            column[y] = lines[y][x];
        weights_out(column, g);
        for (int y = 0; y < 3; y++) {
            float *place = to + (3 * y + x) * step;
            if (adds)
                g[y] = g[y] + vec_load(place);
            vec_store(place, g[y]);
        }
    }
}

static void add_bias(const struct winograd_pass *p, const float *by_dst,
                     bool adds, float *by_bias)
{
    const int64_t pixels = p->oh * p->ow;
    for (int64_t b = 0; b < p->oc / LANES; b++) {
        vec sum = adds ? vec_load(by_bias + b * LANES) : vec_all(0);
        for (int64_t image = 0; image < p->n; image++) {
            const float *plane = plane_of(by_dst, image, b, p->oc, pixels);
            vec part = vec_all(0);
            for (int64_t i = 0; i < pixels; i++)
                part = part + vec_load(plane + i * LANES);
            sum = sum + part;
        }
        vec_store(by_bias + b * LANES, sum);
    }
}

static void gradient(const struct winograd_pass *p, const float *src,
                     const float *by_dst, bool adds, float *by_weight,
                     float *by_bias, float *memory)
{
    const struct scratch s = scratch_of(p, memory);
    const int64_t from[] = {p->ic, p->ih, p->iw}, to[] = {p->oc, p->oh, p->ow};
    const int64_t all = p->n * p->rows, weights = p->ic * p->oc;
    for (int64_t first = 0; first < all; first += p->together) {
        int64_t rest = all - first;
        int64_t rows = rest < p->together ? rest : p->together;
        transform_source(p, src, first, rows, s.lines, s.in);
        transform_gradient(p, by_dst, first, rows, s.lines, s.out);
        int64_t next = rest - rows < rows ? rest - rows : rows;
        for (int64_t i = 0; i < POINTS; i++) {
            fetch_share(p, src, from, first + rows, next, i);
            fetch_share(p, by_dst, to, first + rows, next, i);
            outer(s.in + i * p->step_in, s.out + i * p->step_out,
                  s.sums + i * weights, p->ic, p->oc, rows * p->columns,
                  first == 0);
        }
    }
    for (int64_t i = 0; i < weights; i += LANES)
        gradient_out(s.sums + i, weights, adds, by_weight + i);
    if (by_bias)
        add_bias(p, by_dst, adds, by_bias);
}

static void unpack(const struct winograd_pass *p, const float *by_weight,
                   float *plain)
{
    for (int64_t o = 0; o < p->oc; o++)
        for (int64_t i = 0; i < p->ic; i++)
            for (int64_t k = 0; k < 9; k++)
                plain[(o * p->ic + i) * 9 + k] =
                    by_weight[(k * p->ic + i) * p->oc + o];
}

const struct winograd_kernels winograd_kernels_avx512 = {pack, convolve,
                                                         gradient, unpack};
#endif
