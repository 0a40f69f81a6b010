/*
 * Geometry of runs and packing of weights; see sparse_pack.h. Nothing here is
 * hot: packing happens once per mask.
 */
#include "kernel/sparse_pack.h"

#include "kernel/layout.h"
#include "kernel/sparse.h"

#include <string.h>

enum {
    ALIGNMENT = 64,
    /* Planes of one strip: half of a common second-level cache. */
    STRIP_BYTES = 512 * 1024,
    SMALLEST_LANES = 4,
    /* Lines from plane to plane, or a multiple, of which few meet in a cache:
     * 28x28 with stride 2 is a kilobyte to the channel otherwise. */
    CROWDED = 8,
    QUARTET = -1, /* for rows */
    CHUNK = -2,
};

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void sparse_problem_of(struct sparse_problem *problem,
                       const struct kernel_spec *spec, enum layout layout)
{
    memset(problem, 0, sizeof *problem);
    problem->rows = 1;
    problem->unit = layout == LAYOUT_IMAGE16 ? SPARSE_BLOCK : 1;
    if (spec->kind == KERNEL_CONV) {
        problem->conv = spec->conv;
        return;
    }
    const struct product_spec *p = &spec->product;
    problem->transposed = p->transposed;
    problem->conv = (struct conv_spec){.n = p->n,
                                       .groups = 1,
                                       .ic = p->in,
                                       .ih = 1,
                                       .iw = 1,
                                       .oc = p->out,
                                       .oh = 1,
                                       .ow = 1,
                                       .kh = 1,
                                       .kw = 1,
                                       .sh = 1,
                                       .sw = 1,
                                       .dh = 1,
                                       .dw = 1,
                                       .weight = p->weight,
                                       .bias = p->bias};
}

/* The border that the taps reach on any side of the source. */
static int64_t needed_border(const struct conv_spec *c)
{
    int64_t bottom =
        (c->oh - 1) * c->sh + (c->kh - 1) * c->dh - c->pad_top - c->ih + 1;
    int64_t right =
        (c->ow - 1) * c->sw + (c->kw - 1) * c->dw - c->pad_left - c->iw + 1;
    int64_t before = larger(c->pad_top, c->pad_left);
    return larger(before, larger(0, larger(bottom, right)));
}

struct sparse_geometry sparse_geometry_in_place(
    const struct sparse_geometry *canonical, const struct conv_spec *conv,
    int64_t border)
{
    struct sparse_geometry g = *canonical;
    g.border = g.origin_y = g.origin_x = border;
    g.pitch = conv->iw + 2 * border;
    g.height = conv->ih + 2 * border;
    g.plane = layout_plane_floats(conv->ih, conv->iw, border);
    return g;
}

struct sparse_geometry sparse_geometry_of(const struct sparse_problem *problem)
{
    const struct conv_spec *c = &problem->conv;
    int64_t border = needed_border(c);
    bool stride_one = c->sh == 1 && c->sw == 1;
    struct sparse_geometry g = {.unit = problem->unit,
                                .in_place = stride_one &&
                                            (problem->unit == 1 || border == 0),
                                .border = border,
                                .sh = c->sh,
                                .sw = c->sw,
                                .strip = c->oh};
    if (g.in_place)
        return sparse_geometry_in_place(&g, c, border);
    int64_t beyond_x = (c->kw - 1) * c->dw / c->sw;
    int64_t beyond_y = (c->kh - 1) * c->dh / c->sh;
    g.origin_y = c->pad_top;
    g.origin_x = c->pad_left;
    g.pitch = c->ow + beyond_x;
    /* The pitch of a destination with border 1 makes whole vectors storable. */
    if (g.unit == 1 && beyond_x <= 2)
        g.pitch = c->ow + 2;
    int64_t row_bytes =
        c->ic * c->sh * c->sw * g.pitch * g.unit * (int64_t)sizeof(float);
    int64_t rows = larger(1, STRIP_BYTES / row_bytes - beyond_y);
    int64_t strips = (c->oh + rows - 1) / rows;
    g.strip = (c->oh + strips - 1) / strips;
    g.height = g.strip + beyond_y;
    g.plane = g.pitch * g.height;
    /* Copies write whole vectors: what they write beyond stays between. */
    if (g.unit == 1) {
        int64_t lines = g.plane / SPARSE_BLOCK + 2;
        g.plane = (lines + (lines % CROWDED == 0 ? 2 : 0)) * SPARSE_BLOCK;
    }
    return g;
}

int64_t sparse_tap_offset(const struct sparse_geometry *g,
                          const struct conv_spec *c, struct sparse_tap tap)
{
    int64_t y = tap.y + g->origin_y - c->pad_top;
    int64_t x = tap.x + g->origin_x - c->pad_left;
    int64_t phase = y % g->sh * g->sw + x % g->sw;
    return (tap.channel * g->sh * g->sw + phase) * g->plane +
           y / g->sh * g->pitch + x / g->sw;
}

int64_t sparse_nonzeros(const float *weight, int64_t count)
{
    int64_t nonzeros = 0;
    for (int64_t i = 0; i < count; i++)
        nonzeros += weight[i] != 0.0F;
    return nonzeros;
}

static int64_t weight_count(const struct conv_spec *c)
{
    return c->oc * (c->ic / c->groups) * c->kh * c->kw;
}

bool sparse_problem_served(const struct sparse_problem *p)
{
    const struct conv_spec *c = &p->conv;
    const int64_t positive[] = {c->n,  c->groups, c->ic, c->ih, c->iw,
                                c->oc, c->oh,     c->ow, c->kh, c->kw,
                                c->sh, c->sw,     c->dh, c->dw};
    const int64_t pads[] = {c->pad_top, c->pad_left, c->pad_bottom,
                            c->pad_right};
    if (c->weight == NULL)
        return false;
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        if (positive[i] < 1 || positive[i] > INT32_MAX)
            return false;
    for (size_t i = 0; i < sizeof pads / sizeof *pads; i++)
        if (pads[i] < 0 || pads[i] > INT16_MAX)
            return false;
    if ((c->kh - 1) * c->dh > INT16_MAX || (c->kw - 1) * c->dw > INT16_MAX)
        return false;
    if (c->ic % c->groups != 0 || c->oc % c->groups != 0)
        return false;
    struct sparse_geometry g = sparse_geometry_of(p);
    double source =
        (double)c->ic * (double)(g.sh * g.sw) * (double)g.plane * g.unit;
    double taps = (double)c->ic * (double)(c->kh * c->kw) * (double)c->oc;
    double result = (double)g.pitch * (double)c->oh * g.unit;
    double words = p->quartet || p->pair ? 2 * taps : taps; /* at most */
    return source < INT32_MAX && words < INT32_MAX && result < INT32_MAX;
}

static int64_t inputs_of(const struct conv_spec *c)
{
    return c->ic / c->groups * c->kh * c->kw;
}

static float weight_at(const struct sparse_problem *p, int64_t o, int64_t i)
{
    const struct conv_spec *c = &p->conv;
    return c->weight[p->transposed ? i * c->oc + o : o * inputs_of(c) + i];
}

enum { MOST_WEIGHTS = SPARSE_INPUTS }; /* of an entry */

/* Where entries begin: every input, or every 16th channel's. */
static bool begins_entry(const struct sparse_problem *p, int64_t i)
{
    int64_t taps = p->conv.kh * p->conv.kw;
    return !p->chunk || i / taps % SPARSE_INPUTS == 0;
}

/* The weights of one group of output channels for one input, or of one channel
 * for a chunk of them; zeros beyond the last; whether any is kept. */
static bool weights_at(const struct sparse_problem *p, int64_t group, int64_t i,
                       float value[MOST_WEIGHTS])
{
    bool any = false;
    int64_t inputs = inputs_of(&p->conv), tap = p->conv.kh * p->conv.kw;
    for (int k = 0; p->chunk && k < SPARSE_INPUTS; k++, i += tap) {
        value[k] = i < inputs ? weight_at(p, group, i) : 0.0F;
        any = any || value[k] != 0.0F;
    }
    if (p->chunk)
        return any;
    for (int k = 0; k < p->rows; k++) {
        int64_t o = group * p->rows + k;
        value[k] = o < p->conv.oc ? weight_at(p, o, i) : 0.0F;
        any = any || value[k] != 0.0F;
    }
    return any;
}

static int64_t groups_of(const struct sparse_problem *p)
{
    return (p->conv.oc + p->rows - 1) / p->rows;
}

unsigned sparse_set_of(const float value[SPARSE_ROWS])
{
    unsigned set = 0;
    for (int k = 0; k < SPARSE_ROWS; k++)
        set |= (unsigned)(value[k] != 0.0F) << k;
    return set;
}

/* What an entry with these weights adds to its list. */
static int64_t units_of(const struct sparse_problem *p,
                        const float value[MOST_WEIGHTS])
{
    return p->quartet ? 1 + __builtin_popcount(sparse_set_of(value)) : 1;
}

static int64_t count_entries(const struct sparse_problem *p)
{
    float value[MOST_WEIGHTS];
    int64_t count = 0;
    if (p->rows == 1 && !p->chunk)
        return sparse_nonzeros(p->conv.weight, weight_count(&p->conv));
    for (int64_t group = 0; group < groups_of(p); group++)
        for (int64_t i = 0; i < inputs_of(&p->conv); i++)
            if (begins_entry(p, i) && weights_at(p, group, i, value))
                count += units_of(p, value);
    return count;
}

static size_t entry_bytes(const struct sparse_problem *p)
{
    if (p->quartet || p->pair)
        return sizeof(int32_t);
    if (p->chunk)
        return sizeof(struct sparse_entry16);
    return p->rows == 1 ? sizeof(struct sparse_entry)
                        : sizeof(struct sparse_entry4);
}

/* Starts of a list. */
static int64_t sets_of(const struct sparse_problem *p)
{
    return p->quartet ? SPARSE_SETS : 1;
}

static struct sparse_packed header_of(const struct sparse_problem *p)
{
    struct sparse_packed h = {.geometry = sparse_geometry_of(p),
                              .rows = p->rows,
                              .quartet = p->quartet,
                              .chunk = p->chunk,
                              .count = count_entries(p)};
    size_t groups = (size_t)groups_of(p), count = (size_t)h.count;
    h.starts = align_up(sizeof h);
    h.run = h.starts +
            align_up((groups * (size_t)sets_of(p) + 1) * sizeof(int32_t));
    h.bias = h.run + align_up(groups * sizeof(int32_t));
    h.entries = h.bias + align_up(groups * (size_t)p->rows * sizeof(float));
    h.taps = h.entries + align_up(count * entry_bytes(p));
    return h;
}

static size_t problem_pack_bytes(const struct sparse_problem *p)
{
    struct sparse_packed h = header_of(p);
    return h.taps + align_up((size_t)h.count * sizeof(struct sparse_tap));
}

struct sparse_tap sparse_tap_of(const struct conv_spec *c, int64_t index)
{
    int64_t row = index / c->kw;
    return (struct sparse_tap){.channel = (int32_t)(row / c->kh),
                               .y = (int16_t)(row % c->kh * c->dh),
                               .x = (int16_t)(index % c->kw * c->dw)};
}

/* Whether nobody reads a list's channels. */
static bool is_unread(const struct sparse_problem *p, int64_t group)
{
    const struct conv_spec *c = &p->conv;
    int64_t end = (group + 1) * p->rows;
    for (int64_t o = group * p->rows; o < end && o < c->oc; o++)
        if (c->unread == NULL || !c->unread[o])
            return false;
    return true;
}

/* Where the entries of every set of a quartet begin; returns their end. */
static int64_t place_sets(const struct sparse_problem *p, int64_t group,
                          int64_t kept, int64_t at[SPARSE_SETS],
                          int32_t *starts)
{
    int64_t words[SPARSE_SETS] = {0};
    for (int64_t i = 0; i < inputs_of(&p->conv); i++) {
        float value[MOST_WEIGHTS];
        if (weights_at(p, group, i, value))
            words[sparse_set_of(value)] += units_of(p, value);
    }
    for (int set = 0; set < SPARSE_SETS; set++) {
        at[set] = kept;
        kept += words[set];
        starts[set] = (int32_t)kept;
    }
    return kept;
}

/* Writes one entry, of `count` inputs; returns its size in units of the list.
 */
static int64_t put_entry(const struct sparse_problem *p, int32_t offset,
                         int32_t count, const float value[MOST_WEIGHTS],
                         int64_t at, char *entries)
{
    entries += (size_t)at * entry_bytes(p);
    if (p->chunk) {
        struct sparse_entry16 e = {.offset = offset, .count = count};
        memcpy(e.value, value, sizeof e.value);
        memcpy(entries, &e, sizeof e);
        return 1;
    }
    memcpy(entries, &offset, sizeof offset);
    entries += sizeof offset;
    for (int k = 0; k < p->rows; k++) {
        if (p->quartet && value[k] == 0.0F)
            continue;
        memcpy(entries, &value[k], sizeof value[k]);
        entries += sizeof value[k];
    }
    return units_of(p, value);
}

/* Packs the list of one group from entry `kept` on; returns its end. */
static int64_t pack_list(const struct sparse_problem *p,
                         const struct sparse_packed *h, int64_t group,
                         int64_t kept, char *base)
{
    const struct conv_spec *c = &p->conv;
    struct sparse_tap *taps = (struct sparse_tap *)(void *)(base + h->taps);
    int32_t *starts = (int32_t *)(void *)(base + h->starts);
    int64_t inputs = inputs_of(c), at[SPARSE_SETS] = {kept};
    int64_t first = group * p->rows / (c->oc / c->groups) * inputs;
    starts += group * sets_of(p);
    starts[0] = (int32_t)kept;
    if (p->quartet)
        kept = place_sets(p, group, kept, at, starts);
    for (int64_t i = 0; i < inputs; i++) {
        float value[MOST_WEIGHTS];
        if (!begins_entry(p, i) || !weights_at(p, group, i, value))
            continue;
        struct sparse_tap tap = sparse_tap_of(c, first + i);
        int64_t pixel = sparse_tap_offset(&h->geometry, c, tap);
        int64_t *to = &at[p->quartet ? sparse_set_of(value) : 0];
        taps[*to] = tap;
        int64_t left = c->ic / c->groups - i / (c->kh * c->kw);
        *to += put_entry(p, (int32_t)(pixel * h->geometry.unit),
                         (int32_t)(left < SPARSE_INPUTS ? left : SPARSE_INPUTS),
                         value, *to, base + h->entries);
    }
    return p->quartet ? kept : at[0];
}

static void problem_pack(const struct sparse_problem *p, void *packed)
{
    const struct conv_spec *c = &p->conv;
    struct sparse_packed h = header_of(p);
    char *base = packed;
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    float *bias = (float *)(void *)(base + h.bias);
    int32_t *run = (int32_t *)(void *)(base + h.run);
    int64_t kept = 0;
    for (int64_t group = 0; group < groups_of(p); group++)
        if (!is_unread(p, group))
            run[h.run_count++] = (int32_t)group;
    memcpy(packed, &h, sizeof h);
    for (int64_t o = 0; o < groups_of(p) * p->rows; o++)
        bias[o] = c->bias != NULL && o < c->oc ? c->bias[o] : 0.0F;
    for (int64_t group = 0; group < groups_of(p); group++)
        kept = pack_list(p, &h, group, kept, packed);
    starts[groups_of(p) * sets_of(p)] = (int32_t)kept;
}

static bool strided(const struct sparse_geometry *g, bool single, int64_t count,
                    const struct conv_spec *c, int64_t src_border)
{
    /* Weights per input channel that cost as much as its phases' copies; a
     * single phase is copied sooner. */
    enum { FEW = 9 };
    return g->unit == 1 && single && c->sw == 2 && c->kw > 1 &&
           count <= FEW * c->ic && src_border >= g->border;
}

bool sparse_runs_strided(const struct sparse_packed *packed,
                         const struct conv_spec *conv, int64_t src_border)
{
    return strided(&packed->geometry, packed->rows == 1 && !packed->chunk,
                   packed->count, conv, src_border);
}

struct sparse_scratch sparse_scratch_of(const struct sparse_problem *p,
                                        int64_t count, int64_t src_border)
{
    const struct conv_spec *c = &p->conv;
    struct sparse_geometry g = sparse_geometry_of(p);
    struct sparse_scratch s = {0};
    int64_t pitch = larger(g.pitch, c->iw + 2 * src_border);
    /* A word for each vector of a block, or for each lane (vec_keep_of). */
    int64_t words = g.unit == 1 ? g.strip * pitch + SPARSE_BLOCK
                                : g.strip * pitch * g.unit / SMALLEST_LANES + 1;
    s.entries = align_up((size_t)words * sizeof(int32_t));
    s.planes = s.bytes = s.entries;
    if ((g.in_place && src_border > g.border) ||
        strided(&g, p->rows == 1 && !p->chunk, count, c, src_border)) {
        s.planes += align_up((size_t)count * entry_bytes(p));
        s.bytes = s.planes;
    } else if (!g.in_place || src_border < g.border) {
        int64_t pixels = c->ic * g.sh * g.sw * g.plane;
        s.bytes += (size_t)(pixels * g.unit) * sizeof(float) + ALIGNMENT;
    }
    return s;
}

static size_t problem_scratch_bytes(const struct sparse_problem *p,
                                    int64_t src_border)
{
    return sparse_scratch_of(p, count_entries(p), src_border).bytes;
}

/* Groups of channels share their inputs only inside a group of the
 * convolution. */
static bool rows_served(const struct sparse_problem *p)
{
    const struct conv_spec *c = &p->conv;
    return p->rows == 1 || c->groups == 1 || c->oc / c->groups % p->rows == 0;
}

/* Where the vectors of one output channel that registers hold are worth more
 * than loads that four share: these are many where half is kept, and most span
 * two cache lines where kernels overlap. */
static bool pays_by_channel(const struct conv_spec *c)
{
    int64_t kept = sparse_nonzeros(c->weight, weight_count(c));
    return c->kh * c->kw == 1 || 8 * kept < 3 * weight_count(c);
}

/* The same with 32 registers: four channels at a time lose there where a plane
 * has fewer vectors than they hold, or where few blocks are kept of channels
 * that together exceed the first-level cache. */
static bool pays_on_short(const struct conv_spec *c)
{
    enum { SHORT = 64, PLANE = 256, WIDE = 128 };
    int64_t pixels = c->oh * c->ow;
    bool pointwise = c->kh * c->kw == 1 && c->sh == 1 && c->sw == 1;
    if (c->groups > 1 || pixels > PLANE)
        return false;
    return (pointwise && pixels <= SHORT) ||
           (c->ic >= WIDE &&
            6 * sparse_nonzeros(c->weight, weight_count(c)) < weight_count(c));
}

/* Where four channels that share loads spend more on the beginnings and ends of
 * their sums than on weights; with 16 registers a channel alone sums twice as
 * many pixels at once. */
static bool shares_little(const struct conv_spec *c)
{
    enum { FEW = 4 };
    return sparse_nonzeros(c->weight, weight_count(c)) < FEW * c->oc;
}

static void face_of(struct sparse_problem *p, const struct kernel_spec *spec,
                    enum layout layout, int rows)
{
    sparse_problem_of(p, spec, layout);
    p->chunk = rows == CHUNK;
    p->quartet = rows == QUARTET;
    p->rows = p->quartet ? SPARSE_ROWS : rows < 0 ? 1 : rows;
}

#define FACES_IF(method, kernel, where, rows, pays)                            \
    bool sparse_##method##_serves(const struct kernel_spec *spec)              \
    {                                                                          \
        struct sparse_problem p;                                               \
        if (spec->kind != (kernel))                                            \
            return false;                                                      \
        face_of(&p, spec, where, rows);                                        \
        return sparse_problem_served(&p) && rows_served(&p) &&                 \
               ((where) != LAYOUT_PLAIN || p.conv.n == 1) && (pays);           \
    }                                                                          \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec)        \
    {                                                                          \
        struct sparse_problem p;                                               \
        face_of(&p, spec, where, rows);                                        \
        return problem_pack_bytes(&p);                                         \
    }                                                                          \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed)  \
    {                                                                          \
        struct sparse_problem p;                                               \
        face_of(&p, spec, where, rows);                                        \
        problem_pack(&p, packed);                                              \
    }                                                                          \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border)                 \
    {                                                                          \
        struct sparse_problem p;                                               \
        face_of(&p, spec, where, rows);                                        \
        return problem_scratch_bytes(&p, (where) == LAYOUT_PLANE ? src_border  \
                                                                 : 0);         \
    }

#define FACES(method, kernel, where, rows)                                     \
    FACES_IF(method, kernel, where, rows, true)

FACES(conv_plane, KERNEL_CONV, LAYOUT_PLANE, 1)
FACES(conv_plane_rows4, KERNEL_CONV, LAYOUT_PLANE, SPARSE_ROWS)
FACES_IF(conv_plane_few, KERNEL_CONV, LAYOUT_PLANE, 1, shares_little(&p.conv))
FACES(conv_plane_quartet, KERNEL_CONV, LAYOUT_PLANE, QUARTET)
FACES(conv_plane_quartet_chunk, KERNEL_CONV, LAYOUT_PLANE, QUARTET)
FACES_IF(conv_plane_chunk, KERNEL_CONV, LAYOUT_PLANE, CHUNK,
         pays_by_channel(&p.conv))
FACES_IF(conv_short_chunk, KERNEL_CONV, LAYOUT_PLANE, CHUNK,
         pays_on_short(&p.conv))
FACES(conv_image16, KERNEL_CONV, LAYOUT_IMAGE16, 1)
FACES(conv_image16_rows4, KERNEL_CONV, LAYOUT_IMAGE16, SPARSE_ROWS)
FACES(product_plain, KERNEL_PRODUCT, LAYOUT_PLAIN, 1)
FACES(product_image16, KERNEL_PRODUCT, LAYOUT_IMAGE16, 1)
FACES(product_image16_rows4, KERNEL_PRODUCT, LAYOUT_IMAGE16, SPARSE_ROWS)
