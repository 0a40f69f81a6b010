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

static bool rows16_serves(const struct kernel_spec *spec, int64_t rows)
{
    const struct conv_spec *c = &spec->conv;
    struct span classes[MOST_CLASSES];
    if (!sparse_conv_image16_serves(spec) || c->sw > 2 ||
        (c->groups > 1 && c->oc / c->groups % rows != 0) ||
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

/* Pixels of a tile and slices of channels such that what a tile reads of a
 * slice stays in the first-level cache. */
static void choose_tile(const struct conv_spec *c, struct rows16_packed *h)
{
    enum { PREFERRED = 7, PIXEL_BYTES = SPARSE_BLOCK * (int)sizeof(float) };
    int64_t channels = c->ic / c->groups, reach = (c->kw - 1) * c->dw;
    int64_t column = c->kh * PIXEL_BYTES;
    int64_t wide = (ROWS16_PIXELS * c->sw + reach) * column;
    int64_t narrow = (PREFERRED * c->sw + reach) * column;
    bool small = channels * wide > CACHE_BYTES || h->rows > 1;
    h->pixels = small ? PREFERRED : ROWS16_PIXELS;
    h->slices = 1;
    if (small)
        h->slices =
            smaller(ceil_divide(channels * narrow, CACHE_BYTES), channels);
}

/* Output channels that share a list, and the input channels of its slice. */
struct list {
    int64_t first_row, rows, first, last;
};

/* The list's weights for one input; whether any is kept. */
static bool weights_at(const struct conv_spec *c, const struct list *l,
                       int64_t input, float value[SPARSE_ROWS])
{
    int64_t inputs = c->ic / c->groups * c->kh * c->kw;
    bool any = false;
    for (int64_t k = 0; k < l->rows; k++) {
        int64_t o = l->first_row + k;
        value[k] = o < c->oc ? c->weight[o * inputs + input] : 0.0F;
        any = any || value[k] != 0.0F;
    }
    return any;
}

/* Appends the entries of one group of output channels for input channels
 * [first, last) of its group and the kernel rows of a class; counts them only
 * where `to` is NULL. */
static int64_t pack_list(const struct conv_spec *c, const struct span *rows,
                         const struct list *l, void *to)
{
    struct sparse_entry *one = to;
    struct sparse_entry4 *four = to;
    int64_t channels = c->ic / c->groups, count = 0;
    int64_t group = l->first_row / (c->oc / c->groups) * channels;
    for (int64_t i = l->first; i < l->last; i++)
        for (int64_t ky = rows->first; ky < rows->last; ky++)
            for (int64_t kx = 0; kx < c->kw; kx++) {
                float value[SPARSE_ROWS];
                if (!weights_at(c, l, (i * c->kh + ky) * c->kw + kx, value))
                    continue;
                int64_t y = (group + i) * c->ih + ky * c->dh - c->pad_top;
                int64_t pixel = y * c->iw + kx * c->dw - c->pad_left;
                int64_t offset = pixel * SPARSE_BLOCK;
                offset += misses_left(c, kx) > 0 ? ROWS16_MISSES_FIRST : 0;
                offset += misses_right(c, kx) > 0 ? ROWS16_MISSES_LAST : 0;
                if (to != NULL && l->rows == 1) {
                    one[count] =
                        (struct sparse_entry){(int32_t)offset, value[0]};
                } else if (to != NULL) {
                    four[count].offset = (int32_t)offset;
                    memcpy(four[count].value, value, sizeof value);
                }
                count++;
            }
    return count;
}

/* List `index` of all classes and slices. */
static int64_t pack_index(const struct conv_spec *c,
                          const struct rows16_packed *h,
                          const struct span *classes, int64_t index, void *to)
{
    int64_t channels = c->ic / c->groups;
    int64_t slice = index / h->lists % h->slices;
    const struct list l = {.first_row = index % h->lists * h->rows,
                           .rows = h->rows,
                           .first = channels * slice / h->slices,
                           .last = channels * (slice + 1) / h->slices};
    return pack_list(c, &classes[index / h->lists / h->slices], &l, to);
}

static size_t entry_bytes(const struct rows16_packed *h)
{
    return h->rows == 1 ? sizeof(struct sparse_entry)
                        : sizeof(struct sparse_entry4);
}

static int64_t header_of(const struct conv_spec *c, struct rows16_packed *h,
                         int64_t rows, struct span classes[MOST_CLASSES])
{
    memset(h, 0, sizeof *h);
    h->classes = find_classes(c, classes, NULL);
    h->rows = rows;
    h->lists = ceil_divide(c->oc, rows);
    choose_tile(c, h);
    int64_t lists = h->classes * h->slices * h->lists, entries = 0;
    h->row_class = align_up(sizeof *h);
    h->starts = h->row_class + align_up((size_t)c->oh);
    h->bias = h->starts + align_up(((size_t)lists + 1) * sizeof(int32_t));
    h->entries = h->bias + align_up((size_t)(h->lists * rows) * sizeof(float));
    for (int64_t i = 0; i < lists; i++)
        entries += pack_index(c, h, classes, i, NULL);
    return entries;
}

static size_t rows16_pack_bytes(const struct kernel_spec *spec, int64_t rows)
{
    struct rows16_packed h;
    struct span classes[MOST_CLASSES];
    int64_t entries = header_of(&spec->conv, &h, rows, classes);
    return h.entries + align_up((size_t)entries * entry_bytes(&h));
}

static void rows16_pack(const struct kernel_spec *spec, int64_t rows,
                        void *packed)
{
    const struct conv_spec *c = &spec->conv;
    struct rows16_packed h;
    struct span classes[MOST_CLASSES];
    header_of(c, &h, rows, classes);
    char *base = packed;
    memcpy(packed, &h, sizeof h);
    find_classes(c, classes, (uint8_t *)(void *)(base + h.row_class));
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    float *bias = (float *)(void *)(base + h.bias);
    int64_t lists = h.classes * h.slices * h.lists, at = 0;
    for (int64_t o = 0; o < h.lists * rows; o++)
        bias[o] = c->bias != NULL && o < c->oc ? c->bias[o] : 0.0F;
    for (int64_t i = 0; i < lists; i++) {
        starts[i] = (int32_t)at;
        at += pack_index(c, &h, classes, i,
                         base + h.entries + (size_t)at * entry_bytes(&h));
    }
    starts[lists] = (int32_t)at;
}

/* The sums of one tile that wait for the next slice. */
static size_t rows16_scratch_bytes(const struct kernel_spec *spec, int64_t rows)
{
    int64_t channels = ceil_divide(spec->conv.oc, rows) * rows;
    return (size_t)channels * ROWS16_PIXELS * SPARSE_BLOCK * sizeof(float);
}

#define FACES(method, rows)                                                    \
    bool sparse_##method##_serves(const struct kernel_spec *spec)              \
    {                                                                          \
        return rows16_serves(spec, rows);                                      \
    }                                                                          \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec)        \
    {                                                                          \
        return rows16_pack_bytes(spec, rows);                                  \
    }                                                                          \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed)  \
    {                                                                          \
        rows16_pack(spec, rows, packed);                                       \
    }                                                                          \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border)                 \
    {                                                                          \
        (void)src_border;                                                      \
        return rows16_scratch_bytes(spec, rows);                               \
    }

FACES(conv_rows16, 1)
FACES(conv_rows16_rows4, SPARSE_ROWS)
