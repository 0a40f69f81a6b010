/* Winograd in training: whom it serves, and how much is taken together. */
#include "kernel/winograd_train.h"

#include "kernel/winograd.h"

enum {
    /* Floats of both sides' points in a group, with their weights less than
     * a second-level cache. */
    GROUP = 64 * 1024,
    /* With fewer the sums of a gradient are read and written too often. */
    FEWEST_TILES = 16,
    MOST_TILES = 32,
    MOST_WEIGHTS = 256 * 256,
};

bool winograd_train_serves(const struct conv_spec *c)
{
    int64_t rows = (c->oh + WINOGRAD_OUT - 1) / WINOGRAD_OUT;
    int64_t columns = (c->ow + WINOGRAD_OUT - 1) / WINOGRAD_OUT;
    if (c->kh != 3 || c->kw != 3 || c->sh != 1 || c->sw != 1 || c->dh != 1 ||
        c->dw != 1 || c->groups != 1 || c->ic % WINOGRAD_PANEL ||
        c->oc % WINOGRAD_PANEL || c->pad_top > 2 || c->pad_left > 2 ||
        c->pad_bottom > 2 || c->pad_right > 2 || c->ic * c->oc > MOST_WEIGHTS)
        return false;
    /* Of a small plane's tiles too little is kept. */
    return 10 * c->oh * c->ow > 52 * rows * columns;
}

static struct winograd_pass plan(struct winograd_pass p)
{
    p.rows = (p.oh + WINOGRAD_OUT - 1) / WINOGRAD_OUT;
    p.columns = (p.ow + WINOGRAD_OUT - 1) / WINOGRAD_OUT;
    int64_t tiles = GROUP / (WINOGRAD_POINTS * (p.ic + p.oc));
    tiles = tiles > MOST_TILES ? MOST_TILES : tiles;
    tiles = tiles < FEWEST_TILES ? FEWEST_TILES : tiles;
    p.together = tiles / p.columns;
    p.together = p.together > p.n * p.rows ? p.n * p.rows : p.together;
    p.together = p.together < 1 ? 1 : p.together;
    /* A power of two would collide in the cache. */
    p.step_in = p.together * p.columns * p.ic + WINOGRAD_PANEL;
    p.step_out = p.together * p.columns * p.oc + WINOGRAD_PANEL;
    return p;
}

struct winograd_pass winograd_forward_pass(const struct conv_spec *c)
{
    return plan((struct winograd_pass){.n = c->n,
                                       .ic = c->ic,
                                       .ih = c->ih,
                                       .iw = c->iw,
                                       .oc = c->oc,
                                       .oh = c->oh,
                                       .ow = c->ow,
                                       .pad_top = c->pad_top,
                                       .pad_left = c->pad_left});
}

struct winograd_pass winograd_data_pass(const struct conv_spec *c)
{
    return plan((struct winograd_pass){.n = c->n,
                                       .ic = c->oc,
                                       .ih = c->oh,
                                       .iw = c->ow,
                                       .oc = c->ic,
                                       .oh = c->ih,
                                       .ow = c->iw,
                                       .pad_top = 2 - c->pad_top,
                                       .pad_left = 2 - c->pad_left});
}

size_t winograd_weight_bytes(const struct winograd_pass *p)
{
    return (size_t)(WINOGRAD_POINTS * p->ic * p->oc) * sizeof(float);
}

size_t winograd_scratch_bytes(const struct winograd_pass *p)
{
    int64_t line = (p->columns * WINOGRAD_OUT + 2) * WINOGRAD_IN;
    int64_t points = p->step_in + p->step_out + p->ic * p->oc;
    return (size_t)(line * WINOGRAD_PANEL + points * WINOGRAD_POINTS) *
           sizeof(float);
}

const struct winograd_kernels *winograd_kernels_of(enum cpu_isa isa)
{
#if defined(__x86_64__)
    if (isa >= CPU_ISA_AVX512)
        return &winograd_kernels_avx512;
#endif
    (void)isa;
    return NULL;
}
