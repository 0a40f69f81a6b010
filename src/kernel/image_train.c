/* Plans and packed weights of training with images as lanes. */
#include "kernel/image_train.h"

#include "kernel/winograd.h"

enum {
    /* Floats of both sides' rows that should stay in a first-level cache. */
    NEAR = 6 * 1024,
    /* Floats of a line of points of both sides, in a second-level cache. */
    LINE = 192 * 1024,
    FEWEST_CHANNELS = 8, /* for points to pay */
    EDGE = WINOGRAD_IN * IMAGE_GROUP * IMAGE_PIXELS * IMAGE_LANES,
    ALIGN = 16,
};

static int64_t rounded(int64_t count, int64_t unit)
{
    return (count + unit - 1) / unit * unit;
}

bool image_conv_serves(const struct conv_spec *c)
{
    /* Offsets are of 32 bits. */
    int64_t most = INT32_MAX / IMAGE_LANES;
    int64_t plane = (c->ih + c->pad_top + c->pad_bottom) *
                    (c->iw + c->pad_left + c->pad_right);
    return c->n % IMAGE_LANES == 0 && c->groups == 1 && c->ic * plane < most &&
           c->oc * c->oh * c->ow < most;
}

/* As many rows as keep a corner's operands near; all of them is best. */
static int64_t rows_together(const struct image_conv *p)
{
    const struct conv_spec *c = &p->conv;
    int64_t row = IMAGE_CORNER * c->ow + c->sh * p->width;
    int64_t fixed = c->dh * (c->kh - 1) * p->width;
    int64_t rows = (NEAR / IMAGE_LANES - fixed) / row;
    rows = rows < 1 ? 1 : rows;
    return rows < c->oh ? rows : c->oh;
}

/*
 * Kernels of 3 and 5 have as many points, 36, for tiles of 4 and 2. A third
 * of the products must be saved, since lanes are added for every point.
 */
static void plan_points(struct image_conv *p)
{
    const struct conv_spec *c = &p->conv;
    if (c->kh != c->kw || (c->kh != 3 && c->kh != 5) || c->sh != 1 ||
        c->sw != 1 || c->dh != 1 || c->dw != 1 || c->ic < FEWEST_CHANNELS ||
        c->oc < FEWEST_CHANNELS)
        return;
    int64_t out = WINOGRAD_IN + 1 - c->kh;
    int64_t rows = (c->oh + out - 1) / out, columns = (c->ow + out - 1) / out;
    int64_t points = rows * columns * WINOGRAD_POINTS;
    int64_t line = (c->ic + c->oc) * rows * columns * WINOGRAD_IN * IMAGE_LANES;
    if (2 * c->oh * c->ow * c->kh * c->kw < 3 * points || line > LINE)
        return;
    p->out = out;
    p->tile_rows = rows;
    p->tile_columns = columns;
    int64_t height = rows * out + c->kh - 1, width = columns * out + c->kw - 1;
    p->pads = p->pads || height > p->height || width > p->width;
    p->height = height > p->height ? height : p->height;
    p->width = width > p->width ? width : p->width;
}

struct image_conv image_conv_of(const struct conv_spec *c)
{
    struct image_conv p = {
        .conv = *c,
        .taps = c->ic * c->kh * c->kw,
        .height = c->ih + c->pad_top + c->pad_bottom,
        .width = c->iw + c->pad_left + c->pad_right,
        .pads = c->pad_top || c->pad_left || c->pad_bottom || c->pad_right,
    };
    plan_points(&p);
    p.rows = rows_together(&p);
    return p;
}

size_t image_weight_bytes(const struct image_conv *p, bool by_taps)
{
    const struct conv_spec *c = &p->conv;
    int64_t outer = by_taps ? p->taps : c->oc;
    int64_t inner = by_taps ? c->oc : p->taps, points = 1;
    if (p->out) {
        outer = by_taps ? c->ic : c->oc;
        inner = by_taps ? c->oc : c->ic;
        points = WINOGRAD_POINTS;
    }
    int64_t count = points * rounded(outer, IMAGE_GROUP) * inner;
    return (size_t)rounded(count, ALIGN) * sizeof(float);
}

/* (groups, inner, GROUP); what lies behind the last is zero. */
void image_taps_pack(const struct image_conv *p, const float *weight,
                     bool by_taps, float *packed)
{
    const int64_t oc = p->conv.oc, taps = p->taps;
    const int64_t outer = by_taps ? taps : oc, inner = by_taps ? oc : taps;
    const int64_t step = by_taps ? 1 : taps, next = by_taps ? taps : 1;
    for (int64_t first = 0; first < outer; first += IMAGE_GROUP)
        for (int64_t i = 0; i < inner; i++)
            for (int64_t r = first; r < first + IMAGE_GROUP; r++)
                *packed++ = r < outer ? weight[r * step + i * next] : 0;
}

static int64_t offset_count(const struct image_conv *p)
{
    int64_t most = p->taps > p->conv.oc ? p->taps : p->conv.oc;
    return rounded(most + IMAGE_CORNER, ALIGN);
}

static int64_t tap_floats(const struct image_conv *p)
{
    int64_t bytes = p->taps * (int64_t)sizeof(struct image_tap);
    return rounded(bytes, ALIGN * sizeof(float)) / (int64_t)sizeof(float);
}

static int64_t source_floats(const struct image_conv *p)
{
    return p->pads ? p->conv.ic * p->height * p->width * IMAGE_LANES : 0;
}

int64_t image_filters(const struct image_conv *p)
{
    return rounded(p->conv.ic * p->conv.oc, ALIGN);
}

static int64_t point_floats(const struct image_conv *p)
{
    return p->tile_rows * p->tile_columns * (p->conv.ic + p->conv.oc) *
           WINOGRAD_IN * IMAGE_LANES;
}

static int64_t sum_floats(const struct image_conv *p)
{
    return rounded(p->taps, IMAGE_CORNER) * IMAGE_CORNER * IMAGE_LANES;
}

struct image_scratch image_scratch_of(const struct image_conv *p, float *memory)
{
    struct image_scratch s;
    s.offsets = (int32_t *)memory;
    s.taps = (struct image_tap *)(memory + offset_count(p));
    s.source = memory + offset_count(p) + tap_floats(p);
    s.edge = s.source + source_floats(p);
    s.sums = s.edge + EDGE;
    s.points = s.sums + sum_floats(p);
    s.totals = s.points + point_floats(p);
    return s;
}

size_t image_scratch_bytes(const struct image_conv *p)
{
    int64_t totals = p->out ? WINOGRAD_POINTS * image_filters(p) : 0;
    return (size_t)(offset_count(p) + tap_floats(p) + source_floats(p) + EDGE +
                    sum_floats(p) + point_floats(p) + totals) *
           sizeof(float);
}

void image_list_taps(const struct image_conv *p, struct image_tap *taps)
{
    const struct conv_spec *c = &p->conv;
    for (int64_t i = 0; i < p->taps; i++) {
        int64_t place = i % (c->kh * c->kw);
        taps[i].channel = (int32_t)(i / (c->kh * c->kw));
        taps[i].y = (int32_t)(place / c->kw * c->dh);
        taps[i].x = (int32_t)(place % c->kw * c->dw);
    }
}

const struct image_kernels *image_kernels_of(enum cpu_isa isa)
{
#if defined(__x86_64__)
    if (isa == CPU_ISA_AVX512)
        return &image_kernels_avx512;
#endif
    (void)isa;
    return NULL;
}
