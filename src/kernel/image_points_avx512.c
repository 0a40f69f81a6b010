/*
 * The convolutions of image_train.h by Winograd's points: 36 products a tile
 * instead of 144 (3x3, tiles of 4x4) or 100 (5x5, tiles of 2x2). With d the
 * source's 6x6 pixels of a tile, e those of the result or of its gradient:
 *
 *   e = A^T ((B^T d B) * (G weight G^T)) A
 *   by_src = B ((A e A^T) * (G weight G^T)) B^T, added where tiles overlap
 *   by_weight = G^T (sum over tiles of (B^T d B) * (A e A^T)) G
 *
 * Points are made and used a line of six at a time, so that they stay in the
 * cache.
 */
#if defined(__x86_64__)
#define DENSE_AVX512

#include "kernel/image_vector.h"
#include "kernel/winograd_vector.h"

enum { IN = WINOGRAD_IN, POINTS = WINOGRAD_POINTS, MOST = 5 };

/* Which of up to six rows make one row of points. */
struct line {
    int first, step, count;
    float factors[4];
};

/* B^T */
static const struct line source_lines[IN] = {
    {0, 2, 3, {4, -5, 1, 0}},  {1, 1, 4, {-4, -4, 1, 1}},
    {1, 1, 4, {4, -4, -1, 1}}, {1, 1, 4, {-2, -1, 2, 1}},
    {1, 1, 4, {2, -1, -2, 1}}, {1, 2, 3, {4, -5, 1, 0}},
};

/* A, whose first and last lines are a row itself */
static const float result_factors[IN][4] = {
    {1, 0, 0, 0}, {1, 1, 1, 1},   {1, -1, 1, -1},
    {1, 2, 4, 8}, {1, -2, 4, -8}, {0, 0, 0, 0},
};

/* --- the source's side --- */

ALWAYS_INLINE void source_tile(const float *pixels, int64_t row,
                               const struct line *line, int count, float *to,
                               int64_t step)
{
    vec d[IN], t[IN];
#pragma GCC unroll 6
    for (int x = 0; x < IN; x++) {
        const float *from = pixels + line->first * row + x * LANES;
        d[x] = vec_load(from) * vec_all(line->factors[0]);
#pragma GCC unroll 4
        for (int k = 1; k < count; k++)
            d[x] = vec_multiply_add(vec_load(from + k * line->step * row),
                                    vec_all(line->factors[k]), d[x]);
    }
    winograd_in(d, t);
#pragma GCC unroll 6
    for (int x = 0; x < IN; x++)
        vec_store(to + x * step, t[x]);
}

/* to: six points of (channels, tiles) vectors */
static void source_points(const struct image_conv *p, const float *src, int y,
                          float *to)
{
    const struct line *line = &source_lines[y];
    const int64_t row = p->width * LANES;
    const int64_t step = p->conv.ic * p->tile_rows * p->tile_columns * LANES;
    for (int64_t c = 0; c < p->conv.ic; c++)
        for (int64_t i = 0; i < p->tile_rows; i++) {
            const float *from = src + (c * p->height + i * p->out) * row;
            for (int64_t j = 0; j < p->tile_columns; j++, to += LANES) {
                const float *pixels = from + j * p->out * LANES;
                if (line->count == 3)
                    source_tile(pixels, row, line, 3, to, step);
                else
                    source_tile(pixels, row, line, 4, to, step);
            }
        }
}

/* --- the result's side --- */

ALWAYS_INLINE void result_tile(const float *pixels, int64_t row, int y,
                               int64_t height, int64_t width, int out,
                               float *to, int64_t step)
{
    vec e[4] = {vec_all(0), vec_all(0), vec_all(0), vec_all(0)};
    for (int k = 0; k < out; k++) {
        float factor =
            y == IN - 1 ? (float)(k == out - 1) : result_factors[y][k];
        if (factor == 0 || k >= height)
            continue;
        for (int x = 0; x < out; x++)
            if (x < width)
                e[x] = vec_multiply_add(vec_load(pixels + k * row + x * LANES),
                                        vec_all(factor), e[x]);
    }
    vec even = e[0] + e[2], odd = e[1] + e[3];
    vec far = vec_multiply_add(vec_all(4), e[2], e[0]);
    vec twist = vec_multiply_add(vec_all(8), e[3], e[1] + e[1]);
    vec_store(to, e[0]);
    vec_store(to + step, even + odd);
    vec_store(to + 2 * step, even - odd);
    vec_store(to + 3 * step, far + twist);
    vec_store(to + 4 * step, far - twist);
    vec_store(to + 5 * step, e[out - 1]);
}

static void result_points(const struct image_conv *p, const float *by_dst,
                          int y, float *to)
{
    const struct conv_spec *c = &p->conv;
    const int64_t row = c->ow * LANES;
    const int64_t step = c->oc * p->tile_rows * p->tile_columns * LANES;
    for (int64_t o = 0; o < c->oc; o++)
        for (int64_t i = 0; i < p->tile_rows; i++) {
            const int64_t top = i * p->out;
            const float *from = by_dst + (o * c->oh + top) * row;
            for (int64_t j = 0; j < p->tile_columns; j++, to += LANES) {
                const int64_t left = j * p->out;
                if (p->out == 4)
                    result_tile(from + left * LANES, row, y, c->oh - top,
                                c->ow - left, 4, to, step);
                else
                    result_tile(from + left * LANES, row, y, c->oh - top,
                                c->ow - left, 2, to, step);
            }
        }
}

/* --- forward and by the source --- */

/* Six points of up to GROUP results by up to PIXELS tiles. */
struct points {
    const float *source; /* (6, inner, tiles, 16) */
    const float *packed; /* of the line: (6, groups, inner, GROUP) */
    int64_t inner, groups, tiles;
    const int32_t *offsets;
    float *edge; /* (6, GROUP, PIXELS, 16), written */
};

static void multiply_points(const struct points *p, int64_t group, int64_t tile,
                            int64_t count)
{
    for (int x = 0; x < IN; x++) {
        int64_t at = (x * p->groups + group) * p->inner * GROUP;
        struct tile t = {
            .src = p->source + (x * p->inner * p->tiles + tile) * LANES,
            .weight = p->packed + at,
            .offsets = p->offsets,
            .count = p->inner,
            .src_step = LANES,
            .dst_step = LANES,
        };
        for (int r = 0; r < GROUP; r++)
            t.dst[r] = p->edge + (x * GROUP + r) * PIXELS * LANES;
        image_tile_run(&t, count);
    }
}

/* Adds `count` vectors times a factor to what lies inside of a row. */
ALWAYS_INLINE void add_row(float *row, int64_t left, int64_t width,
                           const vec *values, int count, float factor)
{
    const vec f = vec_all(factor);
    if (left >= 0 && left + count <= width) {
#pragma GCC unroll 6
        for (int x = 0; x < count; x++) {
            float *to = row + (left + x) * LANES;
            vec_store(to, vec_multiply_add(values[x], f, vec_load(to)));
        }
        return;
    }
    for (int x = 0; x < count; x++) {
        float *to = row + (left + x) * LANES;
        if (left + x >= 0 && left + x < width)
            vec_store(to, vec_multiply_add(values[x], f, vec_load(to)));
    }
}

ALWAYS_INLINE void load_points(const float *edge, int r, int64_t i,
                               vec points[IN])
{
#pragma GCC unroll 6
    for (int x = 0; x < IN; x++)
        points[x] = vec_load(edge + ((x * GROUP + r) * PIXELS + i) * LANES);
}

/* A^T: line y of a tile's points to its pixels of the result. */
ALWAYS_INLINE void result_add(const struct image_conv *p, int y, int out,
                              const vec points[IN], int64_t tile, float *plane)
{
    const struct conv_spec *c = &p->conv;
    const int64_t top = tile / p->tile_columns * out;
    const int64_t left = tile % p->tile_columns * out;
    vec all[4];
    winograd_out(points, all);
    if (out == 2)
        all[1] = all[1] + points[IN - 1];
    for (int k = 0; k < out && top + k < c->oh; k++) {
        float factor =
            y == IN - 1 ? (float)(k == out - 1) : result_factors[y][k];
        if (factor != 0)
            add_row(plane + (top + k) * c->ow * LANES, left, c->ow, all, out,
                    factor);
    }
}

static void list_planes(const struct image_conv *p, int64_t count,
                        int32_t *offsets)
{
    for (int64_t i = 0; i < count; i++)
        offsets[i] = (int32_t)(i * p->tile_rows * p->tile_columns * LANES);
}

static void begin_result(const struct conv_spec *c, const float *bias,
                         float *dst)
{
    const int64_t pixels = c->oh * c->ow;
    for (int64_t i = 0; i < c->oc * pixels; i++)
        vec_store(dst + i * LANES, vec_all(bias ? bias[i / pixels] : 0));
}

void image_points_forward(const struct image_conv *p, const float *packed,
                          const float *bias, const float *src, float *dst,
                          const struct image_scratch *s)
{
    const struct conv_spec *c = &p->conv;
    const int64_t plane = c->oh * c->ow * LANES;
    struct points points = {.source = s->points,
                            .packed = packed,
                            .inner = c->ic,
                            .groups = (c->oc + GROUP - 1) / GROUP,
                            .tiles = p->tile_rows * p->tile_columns,
                            .offsets = s->offsets,
                            .edge = s->edge};
    list_planes(p, c->ic, s->offsets);
    begin_result(c, bias, dst);
    for (int y = 0; y < IN; y++) {
        source_points(p, src, y, s->points);
        for (int64_t o = 0; o < c->oc; o += GROUP)
            for (int64_t t = 0; t < points.tiles; t += PIXELS) {
                int64_t count = smaller(PIXELS, points.tiles - t);
                multiply_points(&points, o / GROUP, t, count);
                for (int r = 0; r < smaller(GROUP, c->oc - o); r++)
                    for (int64_t i = 0; i < count; i++) {
                        vec line[IN];
                        load_points(s->edge, r, i, line);
                        if (p->out == 4)
                            result_add(p, y, 4, line, t + i,
                                       dst + (o + r) * plane);
                        else
                            result_add(p, y, 2, line, t + i,
                                       dst + (o + r) * plane);
                    }
            }
        points.packed += IN * points.groups * points.inner * GROUP;
    }
}

/* B: line y of a tile's points to its pixels of the source. */
ALWAYS_INLINE void source_add(const struct image_conv *p, int y,
                              const vec t[IN], int64_t tile, float *plane)
{
    const struct conv_spec *c = &p->conv;
    const struct line *line = &source_lines[y];
    const int64_t top = tile / p->tile_columns * p->out - c->pad_top;
    const int64_t left = tile % p->tile_columns * p->out - c->pad_left;
    const vec two = vec_all(2), four = vec_all(4), five = vec_all(5);
    vec near = t[1] + t[2], skew = t[2] - t[1];
    vec far = t[3] + t[4], twist = two * (t[4] - t[3]);
    vec d[IN];
    d[0] = four * t[0];
    d[1] = vec_multiply_add(four, skew + t[5], twist);
    d[2] = vec_all(0) -
           vec_multiply_add(five, t[0], vec_multiply_add(four, near, far));
    d[3] = vec_all(0) - vec_multiply_add(five, t[5], skew + twist);
    d[4] = t[0] + near + far;
    d[5] = t[5];
    for (int k = 0; k < line->count; k++) {
        int64_t at = top + line->first + k * line->step;
        if (at >= 0 && at < c->ih)
            add_row(plane + at * c->iw * LANES, left, c->iw, d, IN,
                    line->factors[k]);
    }
}

void image_points_by_src(const struct image_conv *p, const float *packed,
                         const float *by_dst, float *by_src,
                         const struct image_scratch *s)
{
    const struct conv_spec *c = &p->conv;
    const int64_t plane = c->ih * c->iw * LANES;
    struct points points = {.source = s->points,
                            .packed = packed,
                            .inner = c->oc,
                            .groups = (c->ic + GROUP - 1) / GROUP,
                            .tiles = p->tile_rows * p->tile_columns,
                            .offsets = s->offsets,
                            .edge = s->edge};
    list_planes(p, c->oc, s->offsets);
    for (int y = 0; y < IN; y++) {
        result_points(p, by_dst, y, s->points);
        for (int64_t i = 0; i < c->ic; i += GROUP)
            for (int64_t t = 0; t < points.tiles; t += PIXELS) {
                int64_t count = smaller(PIXELS, points.tiles - t);
                multiply_points(&points, i / GROUP, t, count);
                for (int r = 0; r < smaller(GROUP, c->ic - i); r++)
                    for (int64_t k = 0; k < count; k++) {
                        vec line[IN];
                        load_points(s->edge, r, k, line);
                        source_add(p, y, line, t + k, by_src + (i + r) * plane);
                    }
            }
        points.packed += IN * points.groups * points.inner * GROUP;
    }
}

/* --- sums --- */

/* One point of all filters: (oc, ic) */
static void sum_point(const struct image_conv *p, const float *source,
                      const float *result, bool begins, float *sums,
                      float *total)
{
    const struct conv_spec *c = &p->conv;
    const int64_t plane = p->tile_rows * p->tile_columns * LANES;
    for (int64_t o = 0; o < c->oc; o += CORNER)
        for (int64_t i = 0; i < c->ic; i += CORNER) {
            struct corner corner = {
                .src = source,
                .by_dst = result + o * plane,
                .dst_plane = plane,
                .rows = 1,
                .columns = p->tile_rows * p->tile_columns,
                .step = LANES,
                .filters = (int)smaller(c->oc - o, CORNER),
                .sums = sums,
                .begins = true,
            };
            for (int b = 0; b < CORNER; b++)
                corner.offsets[b] = smaller(i + b, c->ic - 1) * plane;
            corner_sum(&corner);
            corner_end(sums, c->oc - o, c->ic - i, !begins, c->ic,
                       total + o * c->ic + i);
        }
}

void image_points_sum(const struct image_conv *p, const float *src,
                      const float *by_dst, bool begins,
                      const struct image_scratch *s)
{
    const int64_t tiles = p->tile_rows * p->tile_columns * LANES;
    const int64_t from = p->conv.ic * tiles, to = p->conv.oc * tiles;
    float *result = s->points + IN * from;
    for (int y = 0; y < IN; y++) {
        source_points(p, src, y, s->points);
        result_points(p, by_dst, y, result);
        for (int x = 0; x < IN; x++)
            sum_point(p, s->points + x * from, result + x * to, begins, s->sums,
                      s->totals + (y * IN + x) * image_filters(p));
    }
}

/* --- weights to points and back --- */

/* G w for one line of `side` weights. */
ALWAYS_INLINE void points_of(const vec *w, int side, vec u[IN])
{
    const vec sixth = vec_all(-1.0F / 6), fine = vec_all(1.0F / 24);
    vec even = w[0] + w[2], odd = w[1];
    vec far = vec_multiply_add(vec_all(4), w[2], w[0]), twist = w[1] + w[1];
    if (side == 5) {
        even = even + w[4];
        odd = odd + w[3];
        far = vec_multiply_add(vec_all(16), w[4], far);
        twist = vec_multiply_add(vec_all(8), w[3], twist);
    }
    u[0] = w[0] * vec_all(0.25F);
    u[1] = (even + odd) * sixth;
    u[2] = (even - odd) * sixth;
    u[3] = (far + twist) * fine;
    u[4] = (far - twist) * fine;
    u[5] = w[side - 1];
}

/* 16 filters (side * side, 16) to their points (36, 16). */
ALWAYS_INLINE void filters_in(const float *weights, int side, float *points)
{
    vec lines[MOST][IN];
    for (int y = 0; y < side; y++) {
        vec w[MOST];
        for (int x = 0; x < side; x++)
            w[x] = vec_load(weights + (y * side + x) * LANES);
        points_of(w, side, lines[y]);
    }
    for (int x = 0; x < IN; x++) {
        vec column[MOST], u[IN];
        for (int y = 0; y < side; y++)
            column[y] = lines[y][x];
        points_of(column, side, u);
        for (int y = 0; y < IN; y++)
            vec_store(points + (y * IN + x) * LANES, u[y]);
    }
}

/* Filter (o, i) belongs to group o / GROUP, or i / GROUP by the source;
 * packed (36, groups, inner, GROUP), zeros behind the last. */
void image_points_pack(const struct image_conv *p, const float *weight,
                       bool by_taps, float *packed)
{
    const int64_t ic = p->conv.ic, oc = p->conv.oc;
    const int64_t outer = by_taps ? ic : oc, inner = by_taps ? oc : ic;
    const int64_t step = (outer + GROUP - 1) / GROUP * inner * GROUP;
    const int64_t each = p->conv.kh * p->conv.kw;
    memset(packed, 0, (size_t)(POINTS * step) * sizeof *packed);
    for (int64_t f = 0; f < ic * oc; f += LANES) {
        float weights[MOST * MOST * LANES] = {0}, points[POINTS * LANES];
        const int64_t count = smaller(ic * oc - f, LANES);
        for (int64_t i = 0; i < count; i++)
            for (int64_t k = 0; k < each; k++)
                weights[k * LANES + i] = weight[(f + i) * each + k];
        if (p->conv.kh == 5)
            filters_in(weights, 5, points);
        else
            filters_in(weights, 3, points);
        for (int64_t i = 0; i < count; i++) {
            int64_t o = (f + i) / ic, c = (f + i) % ic;
            int64_t from = by_taps ? c : o, at = by_taps ? o : c;
            float *to = packed + from / GROUP * inner * GROUP + at * GROUP +
                        from % GROUP;
            for (int64_t k = 0; k < POINTS; k++)
                to[k * step] = points[k * LANES + i];
        }
    }
}

/* G^T u for one line of six to `side` weights. */
ALWAYS_INLINE void weights_of(const vec u[IN], int side, vec g[MOST])
{
    const vec sixth = vec_all(1.0F / 6), fine = vec_all(1.0F / 24);
    vec near = (u[1] + u[2]) * sixth, skew = (u[2] - u[1]) * sixth;
    vec far = (u[3] + u[4]) * fine, twist = (u[3] - u[4]) * fine;
    g[0] = vec_multiply_add(vec_all(0.25F), u[0], far - near);
    g[1] = vec_multiply_add(vec_all(2), twist, skew);
    g[2] = vec_multiply_add(vec_all(4), far, vec_all(0) - near);
    if (side == 5) {
        g[3] = vec_multiply_add(vec_all(8), twist, skew);
        g[4] = vec_multiply_add(vec_all(16), far, vec_all(0) - near);
    }
    g[side - 1] = g[side - 1] + u[5];
}

/* 16 filters: (side * side, 16) */
ALWAYS_INLINE void filters_of(const float *totals, int64_t step, int side,
                              float *weights)
{
    vec lines[IN][MOST];
    for (int y = 0; y < IN; y++) {
        vec u[IN];
        for (int x = 0; x < IN; x++)
            u[x] = vec_load(totals + (y * IN + x) * step);
        weights_of(u, side, lines[y]);
    }
    for (int x = 0; x < side; x++) {
        vec column[IN], g[MOST];
        for (int y = 0; y < IN; y++)
            column[y] = lines[y][x];
        weights_of(column, side, g);
        for (int y = 0; y < side; y++)
            vec_store(weights + (y * side + x) * LANES, g[y]);
    }
}

void image_points_end(const struct image_conv *p, bool adds, float *by_weight,
                      const struct image_scratch *s)
{
    const int64_t filters = p->conv.ic * p->conv.oc;
    const int64_t step = image_filters(p), each = p->conv.kh * p->conv.kw;
    float weights[MOST * MOST * LANES];
    for (int64_t f = 0; f < filters; f += LANES) {
        if (p->conv.kh == 5)
            filters_of(s->totals + f, step, 5, weights);
        else
            filters_of(s->totals + f, step, 3, weights);
        float *to = by_weight + f * each;
        for (int64_t i = 0; i < smaller(filters - f, LANES); i++)
            for (int64_t k = 0; k < each; k++, to++)
                *to = (adds ? *to : 0) + weights[k * LANES + i];
    }
}
#endif
