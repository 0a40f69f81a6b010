/* Plans and packed weights of training with images as lanes. */
#include "kernel/image_train.h"

enum {
    /* Floats of both sides' rows that should stay in a first-level cache. */
    NEAR = 6 * 1024,
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

struct image_conv image_conv_of(const struct conv_spec *c)
{
    struct image_conv p = {
        .conv = *c,
        .taps = c->ic * c->kh * c->kw,
        .height = c->ih + c->pad_top + c->pad_bottom,
        .width = c->iw + c->pad_left + c->pad_right,
        .pads = c->pad_top || c->pad_left || c->pad_bottom || c->pad_right,
    };
    p.rows = rows_together(&p);
    return p;
}

size_t image_weight_bytes(const struct image_conv *p, bool by_taps)
{
    int64_t count = by_taps ? rounded(p->taps, IMAGE_GROUP) * p->conv.oc
                            : rounded(p->conv.oc, IMAGE_GROUP) * p->taps;
    return (size_t)rounded(count, ALIGN) * sizeof(float);
}

/* (groups, inner, GROUP); what lies behind the last is zero. */
void image_weight_pack(const struct image_conv *p, const float *weight,
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

struct image_scratch image_scratch_of(const struct image_conv *p, float *memory)
{
    struct image_scratch s;
    s.offsets = (int32_t *)memory;
    s.taps = (struct image_tap *)(memory + offset_count(p));
    s.source = memory + offset_count(p) + tap_floats(p);
    s.edge = s.source + source_floats(p);
    s.sums = s.edge + IMAGE_GROUP * IMAGE_PIXELS * IMAGE_LANES;
    return s;
}

size_t image_scratch_bytes(const struct image_conv *p)
{
    int64_t corner = IMAGE_CORNER * IMAGE_LANES;
    int64_t sums = rounded(p->taps, IMAGE_CORNER) * corner;
    int64_t edge = IMAGE_GROUP * IMAGE_PIXELS * IMAGE_LANES;
    return (size_t)(offset_count(p) + tap_floats(p) + source_floats(p) + edge +
                    sums) *
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
