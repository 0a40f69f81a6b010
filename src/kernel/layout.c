/*
 * Sizes of layouts and copies between them. Every layout is a strided view of
 * (n, c, h, w) in which at most n or c is split into blocks of 16; within one
 * block a copy is a box of four strided dimensions. Where both sides have the
 * same innermost dimension the box is copied run by run, else it is a stack
 * of matrices to transpose, which has fast paths.
 */
#include "kernel/layout.h"

#include "kernel/layout_transpose.h"

#include <string.h>

enum { BLOCK = 16, DIMENSIONS = 4 };

/* Strides in elements; the block strides step from one block of 16 (or of 1,
 * or of all) to the next. */
struct view {
    int64_t offset;
    int64_t n_block, c_block;
    int64_t n, c, h, w;
};

struct dimension {
    int64_t extent, from, to;
};

typedef void transpose_function(const struct transpose *t);

static int64_t round_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

int64_t layout_plane_lead(int64_t w, int64_t border)
{
    int64_t first = border * (w + 2 * border) + border;
    return round_up(first, BLOCK) - first;
}

int64_t layout_plane_floats(int64_t h, int64_t w, int64_t border)
{
    int64_t plane = (h + 2 * border) * (w + 2 * border);
    if (border == 0)
        return plane;
    return round_up(layout_plane_lead(w, border) + plane, BLOCK);
}

int64_t layout_elements(const struct layout_desc *d)
{
    switch (d->layout) {
    case LAYOUT_BLOCK16:
        return d->n * round_up(d->c, BLOCK) * d->h * d->w;
    case LAYOUT_IMAGE16:
        return round_up(d->n, BLOCK) * d->c * d->h * d->w;
    case LAYOUT_PLANE:
        return d->n * d->c * layout_plane_floats(d->h, d->w, d->border);
    default:
        return d->n * d->c * d->h * d->w;
    }
}

bool layout_equal(const struct layout_desc *a, const struct layout_desc *b)
{
    return a->layout == b->layout && a->n == b->n && a->c == b->c &&
           a->h == b->h && a->w == b->w &&
           (a->layout != LAYOUT_PLANE || a->border == b->border);
}

const char *layout_name(enum layout layout)
{
    static const char *const names[LAYOUT_COUNT] = {
        [LAYOUT_PLAIN] = "plain",     [LAYOUT_NHWC] = "nhwc",
        [LAYOUT_BLOCK16] = "block16", [LAYOUT_PLANE] = "plane",
        [LAYOUT_IMAGE16] = "image16",
    };
    return layout >= 0 && layout < LAYOUT_COUNT ? names[layout] : "?";
}

/* The view of a layout when n and c go in blocks of n_step and c_step. */
static struct view view_of(const struct layout_desc *d, int64_t n_step,
                           int64_t c_step)
{
    struct view v = {0};
    int64_t border = d->layout == LAYOUT_PLANE ? d->border : 0;
    int64_t pitch = d->w + 2 * border;
    int64_t plane = layout_plane_floats(d->h, d->w, border);
    switch (d->layout) {
    case LAYOUT_NHWC:
        v = (struct view){0, 0, 0, d->c * plane, 1, d->w * d->c, d->c};
        break;
    case LAYOUT_BLOCK16:
        v = (struct view){0, 0, plane * BLOCK, 0, 1, d->w * BLOCK, BLOCK};
        v.n = round_up(d->c, BLOCK) * plane;
        break;
    case LAYOUT_IMAGE16:
        v = (struct view){
            0, d->c * plane * BLOCK, 0, 1, plane * BLOCK, d->w * BLOCK, BLOCK};
        break;
    default: /* PLAIN is PLANE without a border */
        v = (struct view){layout_plane_lead(d->w, border) + border * pitch +
                              border,
                          0,
                          0,
                          d->c * plane,
                          plane,
                          pitch,
                          1};
        break;
    }
    if (d->layout != LAYOUT_IMAGE16)
        v.n_block = n_step * v.n;
    if (d->layout != LAYOUT_BLOCK16)
        v.c_block = c_step * v.c;
    return v;
}

/* Copies a box whose dimensions go from the outermost to the innermost. */
static void copy_strided(const struct dimension *d, int count, const float *src,
                         float *dst)
{
    if (count == 0) {
        *dst = *src;
    } else if (count == 1 && d->from == 1 && d->to == 1) {
        memcpy(dst, src, (size_t)d->extent * sizeof *dst);
    } else if (count == 1) {
        for (int64_t i = 0; i < d->extent; i++)
            dst[i * d->to] = src[i * d->from];
    } else {
        for (int64_t i = 0; i < d->extent; i++)
            copy_strided(d + 1, count - 1, src + i * d->from, dst + i * d->to);
    }
}

static void copy_matrices(const struct dimension *d, int count,
                          const float *src, float *dst, struct transpose *t,
                          transpose_function *transpose)
{
    if (count == 0) {
        t->src = src;
        t->dst = dst;
        transpose(t);
        return;
    }
    for (int64_t i = 0; i < d->extent; i++)
        copy_matrices(d + 1, count - 1, src + i * d->from, dst + i * d->to, t,
                      transpose);
}

/* Drops dimensions of one and joins neighbours that are contiguous in both
 * views; returns how many are left. */
static int simplify(struct dimension *d)
{
    int count = 0;
    for (int i = 0; i < DIMENSIONS; i++) {
        if (d[i].extent == 1)
            continue;
        struct dimension *last = count > 0 ? &d[count - 1] : NULL;
        if (last != NULL && last->from == d[i].from * d[i].extent &&
            last->to == d[i].to * d[i].extent) {
            last->extent *= d[i].extent;
            last->from = d[i].from;
            last->to = d[i].to;
        } else {
            d[count++] = d[i];
        }
    }
    return count;
}

/* Moves dimension `which` behind the others; returns its place. */
static int make_last(struct dimension *d, int count, int which)
{
    struct dimension kept = d[which];
    memmove(d + which, d + which + 1, (size_t)(count - which - 1) * sizeof *d);
    d[count - 1] = kept;
    return count - 1;
}

static void copy_box(struct dimension *d, const float *src, float *dst,
                     transpose_function *transpose)
{
    int count = simplify(d);
    int inner_from = -1, inner_to = -1;
    for (int i = 0; i < count; i++) {
        if (d[i].from == 1)
            inner_from = i;
        if (d[i].to == 1)
            inner_to = i;
    }
    if (inner_from >= 0 && inner_to >= 0 && inner_from != inner_to) {
        struct transpose t = {.rows = d[inner_to].extent,
                              .src_stride = d[inner_to].from,
                              .cols = d[inner_from].extent,
                              .dst_stride = d[inner_from].to};
        make_last(d, count, inner_from);
        make_last(d, count, inner_to > inner_from ? inner_to - 1 : inner_to);
        copy_matrices(d, count - 2, src, dst, &t, transpose);
        return;
    }
    if (inner_to >= 0)
        make_last(d, count, inner_to);
    else if (inner_from >= 0)
        make_last(d, count, inner_from);
    copy_strided(d, count, src, dst);
}

static void zero(float *at, int64_t count)
{
    memset(at, 0, (size_t)count * sizeof *at);
}

static void clear_borders(const struct layout_desc *d, float *dst)
{
    int64_t b = d->border, pitch = d->w + 2 * b;
    int64_t first = layout_plane_lead(d->w, b) + b * pitch + b;
    int64_t last = first + (d->h - 1) * pitch + d->w;
    int64_t floats = layout_plane_floats(d->h, d->w, b);
    for (int64_t plane = 0; plane < d->n * d->c; plane++) {
        float *p = dst + plane * floats;
        /* The right border of a row and the left one of the next touch. */
        zero(p, first);
        for (int64_t y = 0; y + 1 < d->h; y++)
            zero(p + first + y * pitch + d->w, 2 * b);
        zero(p + last, floats - last);
    }
}

static void clear_padding(const struct layout_desc *d, float *dst)
{
    int64_t plane = d->h * d->w;
    if (d->layout == LAYOUT_PLANE && d->border > 0) {
        clear_borders(d, dst);
    } else if (d->layout == LAYOUT_IMAGE16 && d->n % BLOCK != 0) {
        int64_t block = d->c * plane * BLOCK;
        zero(dst + d->n / BLOCK * block, block);
    } else if (d->layout == LAYOUT_BLOCK16 && d->c % BLOCK != 0) {
        int64_t image = round_up(d->c, BLOCK) * plane;
        int64_t whole = d->c / BLOCK * BLOCK * plane;
        for (int64_t n = 0; n < d->n; n++)
            zero(dst + n * image + whole, image - whole);
    }
}

static transpose_function *transpose_for(enum cpu_isa isa)
{
#if defined(__x86_64__)
    if (isa >= CPU_ISA_AVX512)
        return layout_transpose_avx512;
    if (isa >= CPU_ISA_AVX2)
        return layout_transpose_avx2;
#endif
    (void)isa;
    return layout_transpose_scalar;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void layout_convert(const struct layout_desc *from, const float *src,
                    const struct layout_desc *to, float *dst, enum cpu_isa isa)
{
    if (layout_elements(from) == 0)
        return;
    if (layout_equal(from, to)) {
        memcpy(dst, src, (size_t)layout_elements(to) * sizeof *dst);
        return;
    }
    clear_padding(to, dst);
    bool blocks_n =
        from->layout == LAYOUT_IMAGE16 || to->layout == LAYOUT_IMAGE16;
    bool blocks_c =
        from->layout == LAYOUT_BLOCK16 || to->layout == LAYOUT_BLOCK16;
    int64_t n_step = blocks_n ? BLOCK : 1;
    int64_t c_step = blocks_c ? BLOCK : from->c;
    struct view a = view_of(from, n_step, c_step);
    struct view b = view_of(to, n_step, c_step);
    transpose_function *transpose = transpose_for(isa);
    for (int64_t n = 0; n < from->n; n += n_step) {
        for (int64_t c = 0; c < from->c; c += c_step) {
            struct dimension box[DIMENSIONS] = {
                {smaller(n_step, from->n - n), a.n, b.n},
                {smaller(c_step, from->c - c), a.c, b.c},
                {from->h, a.h, b.h},
                {from->w, a.w, b.w},
            };
            copy_box(box,
                     src + a.offset + n / n_step * a.n_block +
                         c / c_step * a.c_block,
                     dst + b.offset + n / n_step * b.n_block +
                         c / c_step * b.c_block,
                     transpose);
        }
    }
}
