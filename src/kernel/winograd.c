/* Winograd's F(4x4, 3x3): whom it serves, and its weights. */
#include "kernel/winograd.h"

#include "kernel/dense.h"

enum {
    SCRATCH = 100 * 1024, /* floats of V and M: less than half a second-level
                             cache */
    FEWEST = 16,
    MOST = 96,
    WEIGHTS_PER_TILE = 786432, /* floats: with more, reading U takes longer
                                  than the products that are saved */
};

bool dense_winograd_serves(const struct kernel_spec *spec,
                           const struct epilogue *epilogue);
size_t dense_winograd_pack_bytes(const struct kernel_spec *spec);
void dense_winograd_pack(const struct kernel_spec *spec, void *packed);
size_t dense_winograd_scratch_bytes(const struct kernel_spec *spec);
int64_t dense_winograd_units(const struct kernel_spec *spec);

struct winograd_size winograd_size_of(const struct conv_spec *conv)
{
    struct winograd_size s = {
        .rows = (conv->oh + WINOGRAD_OUT - 1) / WINOGRAD_OUT,
        .columns = (conv->ow + WINOGRAD_OUT - 1) / WINOGRAD_OUT,
    };
    s.tiles = conv->n * s.rows * s.columns;
    s.together = SCRATCH / (WINOGRAD_POINTS * (conv->ic + conv->oc));
    s.together = s.together > MOST ? MOST : s.together;
    s.together = s.together < FEWEST ? FEWEST : s.together;
    s.together = s.together > s.tiles ? s.tiles : s.together;
    s.step_in = s.together * conv->ic + WINOGRAD_PANEL;
    s.step_out = s.together * conv->oc + WINOGRAD_PANEL;
    return s;
}

bool dense_winograd_serves(const struct kernel_spec *spec,
                           const struct epilogue *epilogue)
{
    const struct conv_spec *c = &spec->conv;
    const struct winograd_size s = winograd_size_of(c);
    float low, high;
    if (c->kh != 3 || c->kw != 3 || c->sh != 1 || c->sw != 1 || c->dh != 1 ||
        c->dw != 1 || c->groups != 1 || c->ic % WINOGRAD_PANEL != 0 ||
        c->oc % WINOGRAD_PANEL != 0 || c->n == 0 ||
        !dense_clamps(epilogue, &low, &high))
        return false;
    /* Of a small plane's tiles too little is kept. */
    return 10 * c->n * c->oh * c->ow > 52 * s.tiles &&
           winograd_floats(c) <= WEIGHTS_PER_TILE * s.tiles;
}

size_t dense_winograd_pack_bytes(const struct kernel_spec *spec)
{
    return (size_t)(winograd_floats(&spec->conv) + spec->conv.oc) *
           sizeof(float);
}

/* One line of three weights as six points. */
static void transform(const double w[3], double out[WINOGRAD_IN])
{
    double even = w[0] + w[2], far = w[0] + 4 * w[2];
    out[0] = w[0] / 4;
    out[1] = -(even + w[1]) / 6;
    out[2] = -(even - w[1]) / 6;
    out[3] = (far + 2 * w[1]) / 24;
    out[4] = (far - 2 * w[1]) / 24;
    out[5] = w[2];
}

/* u: the place of the first point; `step` floats from one to the next. */
static void pack_filter(const float *weight, float *u, int64_t step)
{
    double lines[3][WINOGRAD_IN];
    for (int y = 0; y < 3; y++) {
        const double w[3] = {weight[3 * y], weight[3 * y + 1],
                             weight[3 * y + 2]};
        transform(w, lines[y]);
    }
    for (int x = 0; x < WINOGRAD_IN; x++) {
        const double w[3] = {lines[0][x], lines[1][x], lines[2][x]};
        double column[WINOGRAD_IN];
        transform(w, column);
        for (int y = 0; y < WINOGRAD_IN; y++)
            u[(y * WINOGRAD_IN + x) * step] = (float)column[y];
    }
}

void dense_winograd_pack(const struct kernel_spec *spec, void *packed)
{
    const struct conv_spec *c = &spec->conv;
    float *u = packed, *bias = u + winograd_floats(c);
    for (int64_t o = 0; o < c->oc; o++) {
        int64_t panel = o / WINOGRAD_PANEL, lane = o % WINOGRAD_PANEL;
        for (int64_t i = 0; i < c->ic; i++)
            pack_filter(c->weight + (o * c->ic + i) * 9,
                        u + (panel * c->ic + i) * WINOGRAD_PANEL + lane,
                        c->ic * c->oc);
        bias[o] = c->bias ? c->bias[o] : 0;
    }
}

size_t dense_winograd_scratch_bytes(const struct kernel_spec *spec)
{
    const struct winograd_size s = winograd_size_of(&spec->conv);
    return (size_t)(WINOGRAD_POINTS * (s.step_in + s.step_out)) * sizeof(float);
}

int64_t dense_winograd_units(const struct kernel_spec *spec)
{
    return winograd_size_of(&spec->conv).tiles;
}
