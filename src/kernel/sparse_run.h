/*
 * The sparse kernels themselves, compiled once per instruction set: a file
 * sparse_<isa>.c says which vectors it wants and includes this. What a run, a
 * strip and an entry are: sparse_pack.h.
 *
 * A strip's run is cut into tiles of as many vectors as registers can sum.
 * Tiles are the outer loop and output channels the inner one, so that the
 * source elements of a tile stay in the first-level cache for all channels.
 */
#ifndef KERNEL_SPARSE_RUN_H
#define KERNEL_SPARSE_RUN_H

#include "kernel/layout.h"
#include "kernel/reference.h"
#include "kernel/sparse.h"
#include "kernel/sparse_copy.h"
#include "kernel/sparse_strided.h"
#include "kernel/sparse_strip.h"

#include <math.h>

/* Zeroes the border of one destination plane beside and behind the part's
 * rows; the sides only where storing the runs does not. */
static void clear_border(const struct run *r, float *plane, bool sides)
{
    int64_t b = r->dst_border, pitch = r->dst_pitch;
    int64_t ow = r->conv->ow, oh = r->conv->oh;
    int64_t first = r->dst_lead + b * pitch + b;
    int64_t last = first + (oh - 1) * pitch + ow;
    if (b == 0)
        return;
    if (r->top == 0)
        zero_floats(plane, first);
    for (int64_t y = r->top; sides && y < smaller(r->bottom, oh - 1); y++)
        zero_exactly(plane + first + y * pitch + ow, 2 * b);
    if (r->bottom == oh) {
        int64_t whole = (last + LANES - 1) / LANES * LANES;
        zero_exactly(plane + last, whole - last);
        zero_floats(plane + whole, r->dst_plane - whole);
    }
}

/* The activation as a clamp where it is one. */
static inline void set_activation(struct run *r)
{
    const struct eltwise_spec *a = &r->epilogue->activation;
    r->low = -INFINITY;
    r->high = INFINITY;
    if (a->kind == ELTWISE_RELU && a->alpha == 0.0F) {
        r->low = 0.0F;
    } else if (a->kind == ELTWISE_CLIP) {
        r->low = a->alpha;
        r->high = a->beta;
    } else {
        r->slow = a->kind != ELTWISE_NONE;
    }
}

/* How many of the lists that are run lie before `list`. */
static int64_t lists_before(const struct run *r, int64_t count, int64_t list)
{
    int64_t low = 0;
    while (low < count) {
        int64_t middle = (low + count) / 2;
        if (r->run[middle] < list)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* The lists of the channels before `channel`, rounded down or up: those of
 * pairs lie by windows. */
static int64_t lists_below(const struct run *r, int64_t channel, bool up)
{
    int64_t span = r->pair ? SPARSE_WINDOW : r->rows;
    return (channel + (up ? span - 1 : 0)) / span * (span / r->rows);
}

/* Where a tap reads in the planes of a run. */
static inline int32_t moved_offset(const struct run *r, int32_t begin,
                                   const struct sparse_tap *tap)
{
    return begin + tap->channel * (int32_t)r->geometry.plane +
           tap->y * (int32_t)r->geometry.pitch + tap->x;
}

/* A quartet's entries: words of which the first of each is an offset. */
static void move_quartet(const struct run *r, const int32_t *ends,
                         int32_t begin, const struct sparse_tap *taps,
                         int32_t *moved)
{
    for (int set = 1; set < SPARSE_SETS; set++) {
        int32_t words = 1 + __builtin_popcount((unsigned)set);
        for (int32_t i = ends[set - 1]; i < ends[set]; i += words) {
            moved[i] = moved_offset(r, begin, &taps[i]);
            for (int32_t k = 1; k < words; k++)
                moved[i + k] = r->words[i + k];
        }
    }
}

/* The same of a pair. */
static void move_pair(const struct run *r, const int32_t *starts, int32_t begin,
                      const struct sparse_tap *taps, int32_t *moved)
{
    for (int32_t i = starts[0]; i < starts[1]; i += 2) {
        moved[i] = moved_offset(r, begin, &taps[i]);
        moved[i + 1] = r->words[i + 1];
    }
    for (int32_t i = starts[1]; i < starts[2]; i += 3) {
        moved[i] = moved_offset(r, begin, &taps[i]);
        moved[i + 1] = r->words[i + 1];
        moved[i + 2] = r->words[i + 2];
    }
}

/* The entries for planes with another border than they were packed for. */
static void move_entries(struct run *r, const struct sparse_packed *packed,
                         void *memory)
{
    struct sparse_entry *moved = memory;
    struct sparse_entry4 *moved4 = memory;
    struct sparse_entry16 *moved16 = memory;
    int64_t from = lists_below(r, r->first, false);
    int64_t to = lists_below(r, r->last, true);
    const char *base = (const char *)packed;
    const struct sparse_tap *taps =
        (const struct sparse_tap *)(const void *)(base + packed->taps);
    const struct sparse_tap origin = {0};
    const int32_t begin =
        (int32_t)sparse_tap_offset(&r->geometry, r->conv, origin);
    for (int64_t g = from; r->quartet && g < to; g++)
        move_quartet(r, r->starts + g * SPARSE_SETS, begin, taps, memory);
    for (int64_t i = r->begin; r->pair && i < r->end; i++)
        move_pair(r, r->starts + r->run[i] * 3, begin, taps, memory);
    bool words = r->quartet || r->pair;
    for (int32_t i = words ? 0 : r->starts[from]; !words && i < r->starts[to];
         i++) {
        int32_t offset = moved_offset(r, begin, &taps[i]);
        if (r->chunk) {
            moved16[i] = r->entries16[i];
            moved16[i].offset = offset;
        } else if (r->rows == 1) {
            moved[i] = (struct sparse_entry){offset, r->entries[i].value};
        } else {
            moved4[i] = r->entries4[i];
            moved4[i].offset = offset;
        }
    }
    r->entries = moved;
    r->entries4 = moved4;
    r->entries16 = moved16;
    r->words = memory;
}

/* How one call finds its operands. */
struct operands {
    const float *src, *other;
    const float *end; /* of what may be read of src, vectors included */
    float *dst, *planes;
    int64_t src_border;
    bool copies;
};

static void run_image(struct run *r, const struct operands *o, int64_t image,
                      int64_t *filled)
{
    const struct sparse_geometry *g = &r->geometry;
    const struct conv_spec *c = r->conv;
    int64_t unit = g->unit, b = o->src_border, d = r->dst_border;
    int64_t src_pitch = (c->iw + 2 * b) * unit;
    int64_t src_plane = layout_plane_floats(c->ih, c->iw, b) * unit;
    const float *src =
        o->src + image * c->ic * src_plane + layout_plane_lead(c->iw, b) * unit;
    int64_t to = image * c->oc * r->dst_plane;
    int64_t oc_group = c->oc / c->groups, ic_group = c->ic / c->groups;
    struct copy copy = {.geometry = g,
                        .conv = c,
                        .src = src + b * src_pitch + b * unit,
                        .src_pitch = src_pitch,
                        .src_plane = src_plane,
                        .src_border = b,
                        .end = o->end,
                        .planes = o->planes,
                        .first = r->first / oc_group * ic_group,
                        .last = ((r->last - 1) / oc_group + 1) * ic_group};
    bool sides = r->finish != FINISH_FLAT ||
                 smaller(g->strip, r->bottom - r->top) < c->oh;
    for (int64_t i = r->begin; unit == 1 && i < r->end; i++)
        for (int64_t k = 0; k < r->rows; k++) {
            int64_t channel = (int64_t)r->run[i] * r->rows + k;
            if (r->pair)
                channel = r->channels[channel];
            if (channel >= r->first && channel < r->last)
                clear_border(r, o->dst + to + channel * r->dst_plane, sides);
        }
    for (int64_t y0 = r->top; y0 < r->bottom; y0 += g->strip) {
        int64_t rows = smaller(g->strip, r->bottom - y0);
        if (*filled != rows)
            fill_table(r, rows);
        *filled = rows;
        if (o->copies) {
            copy.y0 = y0;
            copy_planes(&copy);
        }
        int64_t at = to + r->dst_lead + (y0 + d) * r->dst_pitch + d * unit;
        /* In place the stride is 1: output rows are as far as source rows. */
        struct strip s = {.src = o->copies ? o->planes
                                           : src + y0 * g->pitch * unit,
                          .dst = o->dst + at,
                          .other = o->other != NULL ? o->other + at : NULL,
                          .length = ((rows - 1) * g->pitch + c->ow) * unit};
        run_strip(r, &s);
    }
}

/* Every second element of the source as it lies, channel by channel. */
static void run_strided(struct run *r, const struct operands *o, int64_t images)
{
    const struct sparse_geometry *g = &r->geometry;
    const struct conv_spec *c = r->conv;
    int64_t lead = layout_plane_lead(c->iw, o->src_border);
    int64_t first = r->dst_lead + r->dst_border * r->dst_pitch + r->dst_border;
    for (int64_t image = 0; image < images; image++) {
        const float *src = o->src + image * c->ic * g->plane + lead;
        for (int64_t i = r->begin; i < r->end; i++) {
            int64_t to = (image * c->oc + r->run[i]) * r->dst_plane;
            clear_border(r, o->dst + to, false);
            to += first;
            run_channel(r, src, o->dst + to,
                        o->other != NULL ? o->other + to : NULL, r->run[i]);
        }
    }
}

static inline void run_problem(const struct sparse_problem *problem,
                               const void *packed_weights, struct operands *o,
                               int64_t dst_border,
                               const struct epilogue *epilogue, void *scratch,
                               const struct sparse_part *part)
{
    const struct sparse_packed *packed = packed_weights;
    const char *base = packed_weights;
    const struct conv_spec *c = &problem->conv;
    int64_t unit = problem->unit;
    if (part->first >= part->last)
        return;
    struct sparse_scratch layout =
        sparse_scratch_of(problem, packed->count, o->src_border);
    struct run r = {
        .conv = c,
        .geometry = packed->geometry,
        .entries =
            (const struct sparse_entry *)(const void *)(base + packed->entries),
        .entries4 =
            (const struct sparse_entry4 *)(const void *)(base +
                                                         packed->entries),
        .entries16 =
            (const struct sparse_entry16 *)(const void *)(base +
                                                          packed->entries),
        .words = (const int32_t *)(const void *)(base + packed->entries),
        .rows = packed->rows,
        .quartet = packed->quartet,
        .chunk = packed->chunk,
        .pair = packed->pair,
        .channels = (const int32_t *)(const void *)(base + packed->channels),
        .starts = (const int32_t *)(const void *)(base + packed->starts),
        .run = (const int32_t *)(const void *)(base + packed->run),
        .bias = (const float *)(const void *)(base + packed->bias),
        .epilogue = epilogue,
        .first = part->first,
        .last = part->last,
        .top = part->top,
        .bottom = part->bottom,
        .dst_border = dst_border,
        .dst_pitch = (c->ow + 2 * dst_border) * unit,
        .keep = scratch,
        .place = scratch,
    };
    r.begin =
        lists_before(&r, packed->run_count, lists_below(&r, r.first, false));
    r.end = lists_before(&r, packed->run_count, lists_below(&r, r.last, true));
    r.dst_lead = layout_plane_lead(c->ow, dst_border) * unit;
    r.dst_plane = layout_plane_floats(c->oh, c->ow, dst_border) * unit;
    set_activation(&r);
    o->planes = (float *)(void *)((char *)scratch + layout.planes);
    bool strided = sparse_runs_strided(packed, c, o->src_border);
    o->copies = !strided && (!packed->geometry.in_place ||
                             o->src_border < packed->geometry.border);
    if (strided || (!o->copies && o->src_border > packed->geometry.border)) {
        r.geometry =
            sparse_geometry_in_place(&packed->geometry, c, o->src_border);
        r.geometry.sh = r.geometry.sw = 1; /* one phase: the plane itself */
        move_entries(&r, packed, (char *)scratch + layout.entries);
    }
    if (r.slow || (unit == 1 && r.geometry.pitch != r.dst_pitch))
        r.finish = FINISH_SLOWLY;
    else
        r.finish = unit == 1 ? FINISH_FLAT : FINISH_BLOCKS;
    int64_t images = unit == 1 ? c->n : (c->n + unit - 1) / unit;
    o->end = o->src +
             images * unit * c->ic *
                 layout_plane_floats(c->ih, c->iw, o->src_border) +
             SPARSE_BLOCK;
    if (strided) {
        run_strided(&r, o, images);
        return;
    }
    int64_t filled = 0;
    for (int64_t image = 0; image < images; image++)
        run_image(&r, o, image, &filled);
}

#define SPARSE_ARGUMENTS                                                       \
    const struct kernel_spec *spec, const void *packed, const float *src,      \
        int64_t src_border, float *dst, int64_t dst_border,                    \
        const struct epilogue *epilogue, const float *other, void *scratch,    \
        const struct sparse_part *part

#define SPARSE_BY_RUNS(name, layout)                                           \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        struct sparse_problem p;                                               \
        bool bordered = (layout) == LAYOUT_PLANE;                              \
        struct operands o = {.src = src,                                       \
                             .other = other,                                   \
                             .dst = dst,                                       \
                             .src_border = bordered ? src_border : 0};         \
        sparse_problem_of(&p, spec, layout);                                   \
        p.rows = ((const struct sparse_packed *)packed)->rows;                 \
        p.quartet = ((const struct sparse_packed *)packed)->quartet;           \
        p.chunk = ((const struct sparse_packed *)packed)->chunk;               \
        p.pair = ((const struct sparse_packed *)packed)->pair;                 \
        run_problem(&p, packed, &o, bordered ? dst_border : 0, epilogue,       \
                    scratch, part);                                            \
    }

#endif
