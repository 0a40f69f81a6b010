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
    double source =
        (double)c->ic * (double)((c->ih + 1) * c->iw + 16) * SPARSE_BLOCK;
    double entries = (double)c->oc * (double)(c->ic / c->groups) *
                     (double)(c->kh * c->kw) * MOST_CLASSES;
    /* A pick has up to four words for each weight, a quartet two. */
    return source < INT32_MAX && 4 * entries < INT32_MAX;
}

/* Pixels of a tile and slices of channels such that what a tile reads of a
 * slice stays in the first-level cache. */
static void choose_tile(const struct conv_spec *c, struct rows16_packed *h)
{
    enum { PREFERRED = 7, PIXEL_BYTES = SPARSE_BLOCK * (int)sizeof(float) };
    /* Kept weights of a channel and slice that are worth keeping its sums
     * aside; for fewer, slices exceed the cache. */
    enum { FEW = 12, LARGER = 3 };
    int64_t channels = c->ic / c->groups, reach = (c->kw - 1) * c->dw;
    int64_t column = c->kh * PIXEL_BYTES;
    int64_t wide = (ROWS16_PIXELS * c->sw + reach) * column;
    int64_t narrow = (PREFERRED * c->sw + reach) * column;
    bool small = channels * wide > CACHE_BYTES || h->rows > 1;
    h->pixels = small ? PREFERRED : ROWS16_PIXELS;
    h->slices = 1;
    if (!small)
        return;
    int64_t kept =
        sparse_nonzeros(c->weight, c->oc * channels * c->kh * c->kw) / c->oc;
    int64_t bytes = channels * narrow;
    h->slices = ceil_divide(bytes, CACHE_BYTES);
    if (kept < FEW * h->slices)
        h->slices = ceil_divide(bytes, LARGER * CACHE_BYTES);
    h->slices = smaller(h->slices, ceil_divide(channels, h->inputs));
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* Whether the lines that a tile reads of all channels meet in few sets of the
 * first-level cache (a pixel is a line), and each is read often enough to be
 * copied before. */
static bool is_crowded(const struct conv_spec *c)
{
    enum { SETS = 64, WAYS = 8, APART = 32, USES = 24 };
    int64_t apart = common_divisor(c->ih * c->iw, SETS);
    int64_t kept =
        sparse_nonzeros(c->weight, c->oc * c->ic / c->groups * c->kh * c->kw);
    return c->groups == 1 && apart >= APART && c->ic * apart > WAYS * SETS &&
           kept * c->oh * c->ow >= USES * c->ic * c->ih * c->iw;
}

/* How many rows are held: what fits half of a small second-level cache. Where
 * four channels share what is loaded copies cost as much as they save, but for
 * quartets of many channels. */
static void choose_held(const struct conv_spec *c, enum rows16_kind kind,
                        struct rows16_packed *h)
{
    enum { HELD_BYTES = 256 * 1024, STEP = 8 };
    int64_t row = c->ic * c->iw * SPARSE_BLOCK * (int64_t)sizeof(float);
    int64_t span = (c->kh - 1) * c->dh + 1;
    h->plane = c->ih * c->iw;
    if (kind == ROWS16_SHARED ||
        (kind == ROWS16_QUARTET && c->kh * c->kw > 1) || !is_crowded(c))
        return;
    h->held = smaller((HELD_BYTES / row - span) / c->sh + 1, c->oh);
    h->held = h->held < 1 ? 1 : h->held;
    h->held_rows = smaller((h->held - 1) * c->sh + span, c->ih);
    /* An odd number of steps: channels that follow each other fill the sets. */
    h->plane = (ceil_divide(h->held_rows * c->iw, STEP) | 1) * STEP;
}

/* Output channels that share a list; kernel rows and input channels of it, so
 * many of which share an entry. */
struct list {
    struct span taps;
    const int32_t *channels; /* -1: none */
    int64_t rows, first, last, inputs;
};

enum { MOST_WEIGHTS = ROWS16_CHUNK_INPUTS }; /* of an entry */

/* An entry's weights for one tap, from an input channel on; whether any is
 * kept. */
static bool weights_at(const struct conv_spec *c, const struct list *l,
                       int64_t channel, int64_t tap, float value[MOST_WEIGHTS])
{
    int64_t taps = c->kh * c->kw, inputs = c->ic / c->groups * taps;
    bool any = false;
    memset(value, 0, MOST_WEIGHTS * sizeof *value);
    for (int64_t k = 0; k < l->rows * l->inputs; k++) {
        int64_t o = l->channels[k % l->rows], i = channel + k / l->rows;
        if (o >= 0 && i < l->last)
            value[k] = c->weight[o * inputs + i * taps + tap];
        any = any || value[k] != 0.0F;
    }
    return any;
}

/* What edges of a row a kernel column misses. */
static int32_t misses_of(const struct conv_spec *c, int64_t kx)
{
    return (misses_left(c, kx) > 0 ? ROWS16_MISSES_FIRST : 0) |
           (misses_right(c, kx) > 0 ? ROWS16_MISSES_LAST : 0);
}

/* Where a tap reads for output pixel 0. */
static int32_t offset_of(const struct conv_spec *c, int64_t plane,
                         int64_t channel, int64_t ky, int64_t kx)
{
    int64_t pixel = channel * plane + (ky * c->dh - c->pad_top) * c->iw +
                    kx * c->dw - c->pad_left;
    return (int32_t)(pixel * SPARSE_BLOCK);
}

/* Words of all entries of a kind; of quartets and picks, whose entries differ,
 * what starts count. */
static const int64_t words_of[] = {
    [ROWS16_SINGLE] = sizeof(struct sparse_entry) / sizeof(int32_t),
    [ROWS16_SHARED] = sizeof(struct sparse_entry4) / sizeof(int32_t),
    [ROWS16_QUARTET] = 1,
    [ROWS16_CHUNK] = sizeof(struct rows16_chunk) / sizeof(int32_t),
    [ROWS16_PICK] = 1,
};

static int64_t kept_of(const float value[MOST_WEIGHTS])
{
    return sparse_nonzeros(value, MOST_WEIGHTS);
}

static int64_t entry_words(enum rows16_kind kind,
                           const float value[MOST_WEIGHTS])
{
    if (kind == ROWS16_PICK)
        return 2 + 2 * kept_of(value);
    return words_of[kind] + (kind == ROWS16_QUARTET ? kept_of(value) : 0);
}

/* Writes one entry of `count` weights. plane: floats from one channel to the
 * next. */
static void put_entry(enum rows16_kind kind, int32_t offset, int32_t count,
                      const float value[MOST_WEIGHTS], int64_t plane,
                      int32_t *to)
{
    *to++ = offset;
    if (kind == ROWS16_CHUNK)
        *to++ = count;
    if (kind == ROWS16_PICK)
        *to++ = (int32_t)kept_of(value);
    for (int64_t k = 0; k < count; k++) {
        if ((kind == ROWS16_QUARTET || kind == ROWS16_PICK) && value[k] == 0.0F)
            continue;
        if (kind == ROWS16_PICK)
            *to++ = (int32_t)(k * plane);
        memcpy(to++, value + k, sizeof *value);
    }
}

/* The words of the entries of every set in one list; those that are no
 * quartets have one set. */
static void count_list(const struct conv_spec *c, const struct list *l,
                       enum rows16_kind kind, int64_t words[SPARSE_SETS])
{
    memset(words, 0, SPARSE_SETS * sizeof *words);
    for (int64_t i = l->first; i < l->last; i += l->inputs)
        for (int64_t ky = l->taps.first; ky < l->taps.last; ky++)
            for (int64_t kx = 0; kx < c->kw; kx++) {
                float value[MOST_WEIGHTS];
                if (!weights_at(c, l, i, ky * c->kw + kx, value))
                    continue;
                unsigned set =
                    kind == ROWS16_QUARTET ? sparse_set_of(value) : 0;
                words[set] += entry_words(kind, value);
            }
}

/* Writes the entries of one group of output channels for input channels
 * [first, last) of its group and the kernel rows of a class. at: where those
 * of each set go, moved on. */
static void pack_list(const struct conv_spec *c, const struct rows16_packed *h,
                      const struct list *l, int64_t at[SPARSE_SETS],
                      int32_t *entries)
{
    const enum rows16_kind kind = h->kind;
    int64_t channels = c->ic / c->groups;
    int64_t group = l->channels[0] / (c->oc / c->groups) * channels;
    for (int64_t kx = 0; kx < c->kw; kx++)
        for (int64_t i = l->first; i < l->last; i += l->inputs)
            for (int64_t ky = l->taps.first; ky < l->taps.last; ky++) {
                float value[MOST_WEIGHTS];
                if (!weights_at(c, l, i, ky * c->kw + kx, value))
                    continue;
                unsigned set =
                    kind == ROWS16_QUARTET ? sparse_set_of(value) : 0;
                int64_t count = l->rows * smaller(l->inputs, l->last - i);
                int32_t offset = offset_of(c, h->plane, group + i, ky, kx);
                put_entry(kind, offset | misses_of(c, kx), (int32_t)count,
                          value, h->plane * SPARSE_BLOCK, entries + at[set]);
                at[set] += entry_words(kind, value);
            }
}

static int64_t lists_of(const struct rows16_packed *h)
{
    return h->classes * h->slices * h->lists;
}

/* The list of some output channels in list `index` of all classes and slices
 * of one of them. */
static struct list list_at(const struct conv_spec *c,
                           const struct rows16_packed *h,
                           const struct span *classes, int64_t index,
                           const int32_t *channels)
{
    int64_t inputs = c->ic / c->groups;
    int64_t units = ceil_divide(inputs, h->inputs);
    int64_t slice = index % h->slices;
    int64_t end = units * (slice + 1) / h->slices * h->inputs;
    return (struct list){.taps = classes[index / h->slices],
                         .channels = channels,
                         .rows = h->rows,
                         .first = units * slice / h->slices * h->inputs,
                         .last = smaller(end, inputs),
                         .inputs = h->inputs};
}

/* The next channels as they come. */
static bool next_in_turn(const struct conv_spec *c, int64_t rows,
                         struct sparse_order *o)
{
    o->count = 0;
    for (; o->next < c->oc && o->count < SPARSE_WINDOW; o->next++)
        o->channels[o->count++] = (int32_t)o->next;
    while (o->count % rows != 0)
        o->channels[o->count++] = -1;
    return o->count > 0;
}

static bool next_channels(const struct conv_spec *c,
                          const struct rows16_packed *h, struct sparse_order *o)
{
    if (h->kind == ROWS16_QUARTET && c->groups == 1)
        return sparse_next_alike(c, o);
    return next_in_turn(c, h->rows, o);
}

/* The words of all lists of these channels. */
static int64_t count_words(const struct conv_spec *c,
                           const struct rows16_packed *h,
                           const struct span *classes,
                           const struct sparse_order *o)
{
    int64_t all = 0, words[SPARSE_SETS];
    for (int64_t k = 0; k < o->count; k += h->rows)
        for (int64_t i = 0; i < h->classes * h->slices; i++) {
            struct list l = list_at(c, h, classes, i, o->channels + k);
            count_list(c, &l, h->kind, words);
            for (int64_t set = 0; set < h->sets; set++)
                all += words[set];
        }
    return all;
}

/* Returns the words of all entries. */
static int64_t header_of(const struct conv_spec *c, struct rows16_packed *h,
                         enum rows16_kind kind,
                         struct span classes[MOST_CLASSES])
{
    struct sparse_order order = {0};
    int64_t words = 0;
    memset(h, 0, sizeof *h);
    h->kind = kind;
    h->classes = find_classes(c, classes, NULL);
    h->rows = kind == ROWS16_SHARED || kind == ROWS16_QUARTET ? SPARSE_ROWS : 1;
    h->inputs =
        kind == ROWS16_CHUNK || kind == ROWS16_PICK ? ROWS16_CHUNK_INPUTS : 1;
    h->sets = kind == ROWS16_QUARTET ? SPARSE_SETS : 1;
    h->idle = c->oc;
    for (int64_t kx = 0; kx < c->kw; kx++)
        h->misses |= misses_of(c, kx);
    choose_tile(c, h);
    choose_held(c, kind, h);
    while (next_channels(c, h, &order)) {
        h->lists += order.count / h->rows;
        for (int64_t k = 0; k < order.count; k++)
            h->idle -= order.channels[k] >= 0;
        words += count_words(c, h, classes, &order);
    }
    size_t starts = (size_t)(lists_of(h) * h->sets + 1);
    size_t channels = (size_t)(h->lists * h->rows + h->idle);
    h->row_class = align_up(sizeof *h);
    h->starts = h->row_class + align_up((size_t)c->oh);
    h->channels = h->starts + align_up(starts * sizeof(int32_t));
    h->bias = h->channels + align_up(channels * sizeof(int32_t));
    h->entries = h->bias + align_up(channels * sizeof(float));
    return words;
}

static size_t rows16_pack_bytes(const struct kernel_spec *spec,
                                enum rows16_kind kind)
{
    struct rows16_packed h;
    struct span classes[MOST_CLASSES];
    int64_t words = header_of(&spec->conv, &h, kind, classes);
    return h.entries + align_up((size_t)words * sizeof(int32_t));
}

/* Those of lists, then idle ones, with their biases. */
static void put_channels(const struct conv_spec *c,
                         const struct rows16_packed *h, int32_t *channels,
                         float *bias)
{
    struct sparse_order order = {0};
    int64_t at = 0, inputs = c->ic / c->groups * c->kh * c->kw;
    for (; next_channels(c, h, &order); at += order.count)
        memcpy(channels + at, order.channels,
               (size_t)order.count * sizeof *channels);
    for (int64_t o = 0; o < c->oc && h->idle > 0; o++)
        if (sparse_nonzeros(c->weight + o * inputs, inputs) == 0)
            channels[at++] = (int32_t)o;
    for (int64_t k = 0; k < at; k++)
        bias[k] =
            c->bias != NULL && channels[k] >= 0 ? c->bias[channels[k]] : 0.0F;
}

static void rows16_pack(const struct kernel_spec *spec, enum rows16_kind kind,
                        void *packed)
{
    const struct conv_spec *c = &spec->conv;
    struct rows16_packed h;
    struct span classes[MOST_CLASSES];
    header_of(c, &h, kind, classes);
    char *base = packed;
    memcpy(packed, &h, sizeof h);
    find_classes(c, classes, (uint8_t *)(void *)(base + h.row_class));
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    int32_t *channels = (int32_t *)(void *)(base + h.channels);
    put_channels(c, &h, channels, (float *)(void *)(base + h.bias));
    int64_t end = 0, unit = words_of[kind];
    for (int64_t i = 0; i < lists_of(&h); i++) {
        int64_t words[SPARSE_SETS], at[SPARSE_SETS];
        struct list l = list_at(c, &h, classes, i / h.lists,
                                channels + i % h.lists * h.rows);
        count_list(c, &l, kind, words);
        starts[i * h.sets] = (int32_t)(end / unit);
        for (int64_t set = 0; set < h.sets; set++) {
            at[set] = end;
            end += words[set];
            if (kind == ROWS16_QUARTET)
                starts[i * h.sets + set] = (int32_t)end;
        }
        pack_list(c, &h, &l, at, (int32_t *)(void *)(base + h.entries));
    }
    starts[lists_of(&h) * h.sets] = (int32_t)(end / unit);
}

/* The sums of one tile that wait for the next slice, and what is held. */
static size_t rows16_scratch_bytes(const struct kernel_spec *spec, int64_t rows,
                                   enum rows16_kind kind)
{
    const struct conv_spec *c = &spec->conv;
    struct rows16_packed h = {0};
    choose_held(c, kind, &h);
    int64_t pixels = ceil_divide(c->oc, rows) * rows * ROWS16_PIXELS;
    if (h.held > 0)
        pixels += c->ic * h.plane;
    return (size_t)(pixels * SPARSE_BLOCK) * sizeof(float);
}

/* Few entries that four channels share: the ends of lists cost more than loads,
 * and a channel alone sums more pixels at once. Four lists that are alike are
 * foreseen. */
static bool shares_few(const struct conv_spec *c)
{
    enum { FEW = 16 };
    int64_t inputs = c->ic / c->groups * c->kh * c->kw;
    return sparse_nonzeros(c->weight, c->oc * inputs) < FEW * c->oc;
}

#define FACES(method, rows, kind, pays)                                        \
    bool sparse_##method##_serves(const struct kernel_spec *spec)              \
    {                                                                          \
        return rows16_serves(spec, rows) && (pays);                            \
    }                                                                          \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec)        \
    {                                                                          \
        return rows16_pack_bytes(spec, kind);                                  \
    }                                                                          \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed)  \
    {                                                                          \
        rows16_pack(spec, kind, packed);                                       \
    }                                                                          \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border)                 \
    {                                                                          \
        (void)src_border;                                                      \
        return rows16_scratch_bytes(spec, rows, kind);                         \
    }

FACES(conv_rows16, 1, ROWS16_SINGLE, true)
FACES(conv_rows16_few, 1, ROWS16_SINGLE, shares_few(&spec->conv))
FACES(conv_rows16_rows4, SPARSE_ROWS, ROWS16_SHARED, true)
FACES(conv_quartet, SPARSE_ROWS, ROWS16_QUARTET, true)
/* The same once more, so that the planner tries it for blocks of 16 inputs. */
FACES(conv_quartet_chunk, SPARSE_ROWS, ROWS16_QUARTET, true)
FACES(conv_rows16_chunk, 1, ROWS16_CHUNK, true)
FACES(conv_rows16_pick, 1, ROWS16_PICK, true)
