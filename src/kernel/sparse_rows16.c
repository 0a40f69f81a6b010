/* Packs convolutions for sparse_rows16_run.h; see sparse_rows16.h. */
#include "kernel/sparse_rows16.h"

#include "kernel/sparse.h"

#include <string.h>

enum { ALIGNMENT = 64, MOST_CLASSES = 8, CACHE_BYTES = 24 * 1024 };

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Kernel rows [first, last) that lie inside the source for an output row. */
struct span {
    int64_t first, last;
};

static struct span rows_inside(const struct conv_spec *c, int64_t oy)
{
    int64_t y = oy * c->sh - c->pad_top;
    struct span s = {0, 0};
    while (s.first < c->kh && y + s.first * c->dh < 0)
        s.first++;
    s.last = s.first;
    while (s.last < c->kh && y + s.last * c->dh < c->ih)
        s.last++;
    return s;
}

/* The classes of rows in the order in which they appear; class_of may be NULL.
 * Returns their number, MOST_CLASSES + 1 when there are more. */
static int64_t find_classes(const struct conv_spec *c,
                            struct span classes[MOST_CLASSES],
                            uint8_t *class_of)
{
    int64_t count = 0;
    for (int64_t y = 0; y < c->oh; y++) {
        struct span s = rows_inside(c, y);
        int64_t k = 0;
        while (k < count &&
               (classes[k].first != s.first || classes[k].last != s.last))
            k++;
        if (k == MOST_CLASSES)
            return MOST_CLASSES + 1;
        classes[k] = s;
        count = k == count ? count + 1 : count;
        if (class_of != NULL)
            class_of[y] = (uint8_t)k;
    }
    return count;
}

/* Output pixels of a row for which a kernel column misses the source. */
static int64_t misses_left(const struct conv_spec *c, int64_t kx)
{
    int64_t missing = c->pad_left - kx * c->dw;
    return missing > 0 ? smaller(ceil_divide(missing, c->sw), c->ow) : 0;
}

static int64_t misses_right(const struct conv_spec *c, int64_t kx)
{
    int64_t beyond =
        (c->ow - 1) * c->sw + kx * c->dw - c->pad_left - (c->iw - 1);
    return beyond > 0 ? smaller(ceil_divide(beyond, c->sw), c->ow) : 0;
}

bool sparse_conv_rows16_serves(const struct kernel_spec *spec)
{
    const struct conv_spec *c = &spec->conv;
    struct span classes[MOST_CLASSES];
    if (!sparse_conv_image16_serves(spec) || c->sw > 2 ||
        find_classes(c, classes, NULL) > MOST_CLASSES)
        return false;
    for (int64_t kx = 0; kx < c->kw; kx++)
        if (misses_left(c, kx) > 1 || misses_right(c, kx) > 1)
            return false;
    double source = (double)c->ic * (double)(c->ih * c->iw) * SPARSE_BLOCK;
    double entries = (double)c->oc * (double)(c->ic / c->groups) *
                     (double)(c->kh * c->kw) * MOST_CLASSES;
    return source < INT32_MAX && entries < INT32_MAX;
}

/* Entries of all classes together. */
static int64_t count_entries(const struct conv_spec *c,
                             const struct span *classes, int64_t count)
{
    int64_t rows = c->oc * (c->ic / c->groups), entries = 0;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t ky = 0; ky < c->kh; ky++) {
            int64_t kept =
                sparse_nonzeros(c->weight + (row * c->kh + ky) * c->kw, c->kw);
            for (int64_t k = 0; k < count && kept > 0; k++)
                if (ky >= classes[k].first && ky < classes[k].last)
                    entries += kept;
        }
    return entries;
}

/* Pixels of a tile and slices of channels such that what a tile reads of a
 * slice stays in the first-level cache. */
static void choose_tile(const struct conv_spec *c, struct rows16_packed *h)
{
    enum { PREFERRED = 7, PIXEL_BYTES = SPARSE_BLOCK * (int)sizeof(float) };
    int64_t channels = c->ic / c->groups, reach = (c->kw - 1) * c->dw;
    int64_t column = c->kh * PIXEL_BYTES;
    int64_t wide = (ROWS16_PIXELS * c->sw + reach) * column;
    int64_t narrow = (PREFERRED * c->sw + reach) * column;
    h->pixels = channels * wide <= CACHE_BYTES ? ROWS16_PIXELS : PREFERRED;
    h->slices = 1;
    if (h->pixels == PREFERRED)
        h->slices =
            smaller(ceil_divide(channels * narrow, CACHE_BYTES), channels);
}

static int64_t header_of(const struct conv_spec *c, struct rows16_packed *h,
                         struct span classes[MOST_CLASSES])
{
    memset(h, 0, sizeof *h);
    h->classes = find_classes(c, classes, NULL);
    choose_tile(c, h);
    size_t oc = (size_t)c->oc;
    size_t lists = (size_t)(h->classes * h->slices) * oc;
    h->row_class = align_up(sizeof *h);
    h->starts = h->row_class + align_up((size_t)c->oh);
    h->bias = h->starts + align_up((lists + 1) * sizeof(int32_t));
    h->entries = h->bias + align_up(oc * sizeof(float));
    return count_entries(c, classes, h->classes);
}

size_t sparse_conv_rows16_pack_bytes(const struct kernel_spec *spec)
{
    struct rows16_packed h;
    struct span classes[MOST_CLASSES];
    int64_t entries = header_of(&spec->conv, &h, classes);
    return h.entries + align_up((size_t)entries * sizeof(struct sparse_entry));
}

/* Appends the entries of one output channel for channels [first, last) of its
 * group and the kernel rows of a class. */
static struct sparse_entry *pack_list(const struct conv_spec *c,
                                      struct span rows, int64_t o,
                                      int64_t first, int64_t last,
                                      struct sparse_entry *to)
{
    int64_t channels = c->ic / c->groups;
    int64_t group = o / (c->oc / c->groups) * channels;
    for (int64_t i = first; i < last; i++)
        for (int64_t ky = rows.first; ky < rows.last; ky++)
            for (int64_t kx = 0; kx < c->kw; kx++) {
                float w =
                    c->weight[((o * channels + i) * c->kh + ky) * c->kw + kx];
                if (w == 0.0F)
                    continue;
                int64_t y = (group + i) * c->ih + ky * c->dh - c->pad_top;
                int64_t pixel = y * c->iw + kx * c->dw - c->pad_left;
                int64_t offset = pixel * SPARSE_BLOCK;
                offset += misses_left(c, kx) > 0 ? ROWS16_MISSES_FIRST : 0;
                offset += misses_right(c, kx) > 0 ? ROWS16_MISSES_LAST : 0;
                *to++ = (struct sparse_entry){(int32_t)offset, w};
            }
    return to;
}

void sparse_conv_rows16_pack(const struct kernel_spec *spec, void *packed)
{
    const struct conv_spec *c = &spec->conv;
    struct rows16_packed h;
    struct span classes[MOST_CLASSES];
    header_of(c, &h, classes);
    char *base = packed;
    memcpy(packed, &h, sizeof h);
    find_classes(c, classes, (uint8_t *)(void *)(base + h.row_class));
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    float *bias = (float *)(void *)(base + h.bias);
    struct sparse_entry *entries =
        (struct sparse_entry *)(void *)(base + h.entries);
    struct sparse_entry *to = entries;
    int64_t channels = c->ic / c->groups;
    for (int64_t o = 0; o < c->oc; o++)
        bias[o] = c->bias != NULL ? c->bias[o] : 0.0F;
    for (int64_t list = 0; list < h.classes * h.slices * c->oc; list++) {
        int64_t o = list % c->oc, slice = list / c->oc % h.slices;
        starts[list] = (int32_t)(to - entries);
        to = pack_list(c, classes[list / c->oc / h.slices], o,
                       channels * slice / h.slices,
                       channels * (slice + 1) / h.slices, to);
    }
    starts[h.classes * h.slices * c->oc] = (int32_t)(to - entries);
}

/* The sums of one tile that wait for the next slice. */
size_t sparse_conv_rows16_scratch_bytes(const struct kernel_spec *spec,
                                        int64_t src_border)
{
    (void)src_border;
    return (size_t)spec->conv.oc * ROWS16_PIXELS * SPARSE_BLOCK * sizeof(float);
}
