/* Packs weights for sparse_product_run.h; see sparse_product.h. */
#include "kernel/sparse_product.h"

#include <string.h>

enum { ALIGNMENT = 64, SLICE_INPUTS = 800, WIDE = 96 };

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static float weight_at(const struct product_spec *p, int64_t output, int64_t in)
{
    return p
        ->weight[p->transposed ? in * p->out + output : output * p->in + in];
}

/* Of outputs rounded up to quartets. */
static size_t bias_bytes(int64_t outputs)
{
    return align_up((size_t)ceil_divide(outputs, SPARSE_ROWS) * SPARSE_ROWS *
                    sizeof(float));
}

static void put_bias(const float *from, int64_t outputs, float *bias)
{
    if (from != NULL)
        memcpy(bias, from, (size_t)outputs * sizeof *bias);
}

/* Sums of all outputs that wait. */
static size_t waiting_bytes(int64_t outputs)
{
    return bias_bytes(outputs) * SPARSE_BLOCK;
}

/* One block of a list's inputs for one output; whether any is kept. */
static bool chunk_at(const struct sparse_problem *p, int64_t list,
                     int64_t output, float weights[PRODUCT_INPUTS])
{
    const struct conv_spec *c = &p->conv;
    int64_t chunks = ceil_divide(c->ic, PRODUCT_INPUTS), taps = c->kh * c->kw;
    int64_t first = list % chunks * PRODUCT_INPUTS, tap = list / chunks;
    bool any = false;
    for (int64_t k = 0; k < PRODUCT_INPUTS; k++) {
        int64_t i = first + k;
        weights[k] = 0;
        if (i < c->ic)
            weights[k] =
                c->weight[p->transposed ? i * c->oc + output
                                        : (output * c->ic + i) * taps + tap];
        any = any || weights[k] != 0.0F;
    }
    return any;
}

/* Returns the number of blocks. */
static int64_t chunk_header(const struct sparse_problem *p,
                            struct product_packed *h)
{
    const struct conv_spec *c = &p->conv;
    float weights[PRODUCT_INPUTS];
    int64_t count = 0;
    memset(h, 0, sizeof *h);
    h->lists = ceil_divide(c->ic, PRODUCT_INPUTS) * c->kh * c->kw;
    for (int64_t list = 0; list < h->lists; list++)
        for (int64_t o = 0; o < c->oc; o++)
            count += chunk_at(p, list, o, weights);
    h->starts = align_up(sizeof *h);
    h->bias = h->starts + align_up((size_t)(h->lists + 1) * sizeof(int32_t));
    h->outputs = h->bias + bias_bytes(c->oc);
    h->weights = h->outputs + align_up((size_t)count * sizeof(int32_t));
    return count;
}

static size_t chunk_pack_bytes(const struct kernel_spec *spec)
{
    struct sparse_problem p;
    struct product_packed h;
    sparse_problem_of(&p, spec, LAYOUT_IMAGE16);
    int64_t count = chunk_header(&p, &h);
    return h.weights + (size_t)count * PRODUCT_INPUTS * sizeof(float);
}

static void chunk_pack(const struct kernel_spec *spec, void *packed)
{
    struct sparse_problem p;
    struct product_packed h;
    sparse_problem_of(&p, spec, LAYOUT_IMAGE16);
    int64_t count = chunk_header(&p, &h), at = 0;
    char *base = packed;
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    int32_t *outputs = (int32_t *)(void *)(base + h.outputs);
    float(*weights)[PRODUCT_INPUTS] = (void *)(base + h.weights);
    memset(packed, 0, h.outputs);
    memcpy(packed, &h, sizeof h);
    put_bias(p.conv.bias, p.conv.oc, (float *)(void *)(base + h.bias));
    for (int64_t list = 0; list < h.lists; list++) {
        starts[list] = (int32_t)at;
        for (int64_t o = 0; at < count && o < p.conv.oc; o++)
            if (chunk_at(&p, list, o, weights[at]))
                outputs[at++] = (int32_t)o;
    }
    starts[h.lists] = (int32_t)count;
}

/* The weights of four outputs for one input; returns their set. */
static unsigned quartet_at(const struct product_spec *p, int64_t quartet,
                           int64_t in, float value[SPARSE_ROWS])
{
    for (int64_t k = 0; k < SPARSE_ROWS; k++) {
        int64_t o = quartet * SPARSE_ROWS + k;
        value[k] = o < p->out ? weight_at(p, o, in) : 0.0F;
    }
    return sparse_set_of(value);
}

/* The words of one list's entries, by set. */
static void count_sets(const struct product_spec *p,
                       const struct product_packed *h, int64_t list,
                       int64_t words[SPARSE_SETS])
{
    int64_t slice = list / h->lists, quartet = list % h->lists;
    float value[SPARSE_ROWS];
    memset(words, 0, SPARSE_SETS * sizeof *words);
    for (int64_t i = p->in * slice / h->slices;
         i < p->in * (slice + 1) / h->slices; i++) {
        unsigned set = quartet_at(p, quartet, i, value);
        words[set] += set != 0 ? 1 + __builtin_popcount(set) : 0;
    }
}

/* Returns the words of all entries. */
static int64_t quartet_header(const struct product_spec *p,
                              struct product_packed *h)
{
    int64_t all = 0, words[SPARSE_SETS];
    memset(h, 0, sizeof *h);
    h->lists = ceil_divide(p->out, SPARSE_ROWS);
    h->slices = ceil_divide(p->in, SLICE_INPUTS);
    int64_t starts = h->slices * h->lists * SPARSE_SETS;
    for (int64_t list = 0; list < h->slices * h->lists; list++) {
        count_sets(p, h, list, words);
        for (int set = 1; set < SPARSE_SETS; set++)
            all += words[set];
    }
    h->starts = align_up(sizeof *h);
    h->bias = h->starts + align_up((size_t)starts * sizeof(int32_t));
    h->weights = h->bias + bias_bytes(p->out);
    return all;
}

size_t sparse_product_image16_quartet_pack_bytes(const struct kernel_spec *spec)
{
    struct product_packed h;
    int64_t words = quartet_header(&spec->product, &h);
    return h.weights + align_up((size_t)words * sizeof(int32_t));
}

/* Writes the entries of one list. at: where those of each set go, moved on. */
static void pack_quartet(const struct product_spec *p,
                         const struct product_packed *h, int64_t list,
                         int64_t at[SPARSE_SETS], int32_t *words)
{
    int64_t slice = list / h->lists, quartet = list % h->lists;
    for (int64_t i = p->in * slice / h->slices;
         i < p->in * (slice + 1) / h->slices; i++) {
        float value[SPARSE_ROWS];
        unsigned set = quartet_at(p, quartet, i, value);
        if (set == 0)
            continue;
        words[at[set]++] = (int32_t)(i * SPARSE_BLOCK);
        for (int k = 0; k < SPARSE_ROWS; k++)
            if ((set >> k & 1) != 0)
                memcpy(words + at[set]++, &value[k], sizeof value[k]);
    }
}

void sparse_product_image16_quartet_pack(const struct kernel_spec *spec,
                                         void *packed)
{
    const struct product_spec *p = &spec->product;
    struct product_packed h;
    quartet_header(p, &h);
    char *base = packed;
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    int64_t end = 0;
    memset(packed, 0, h.weights);
    memcpy(packed, &h, sizeof h);
    put_bias(p->bias, p->out, (float *)(void *)(base + h.bias));
    for (int64_t list = 0; list < h.slices * h.lists; list++) {
        int64_t words[SPARSE_SETS], at[SPARSE_SETS];
        count_sets(p, &h, list, words);
        for (int set = 0; set < SPARSE_SETS; set++) {
            at[set] = end;
            end += words[set];
            *starts++ = (int32_t)end;
        }
        pack_quartet(p, &h, list, at, (int32_t *)(void *)(base + h.weights));
    }
}

bool sparse_product_image16_quartet_serves(const struct kernel_spec *spec)
{
    const struct product_spec *p = &spec->product;
    /* An entry has at most five words for four weights. */
    return sparse_product_image16_serves(spec) &&
           2 * (double)p->in * (double)p->out < INT32_MAX;
}

size_t sparse_product_image16_quartet_scratch_bytes(
    const struct kernel_spec *spec, int64_t src_border)
{
    (void)src_border;
    return waiting_bytes(spec->product.out);
}

#define CHUNK_FACES(method, is_served, outputs)                                \
    bool sparse_##method##_serves(const struct kernel_spec *spec)              \
    {                                                                          \
        return is_served;                                                      \
    }                                                                          \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec)        \
    {                                                                          \
        return chunk_pack_bytes(spec);                                         \
    }                                                                          \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed)  \
    {                                                                          \
        chunk_pack(spec, packed);                                              \
    }                                                                          \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border)                 \
    {                                                                          \
        (void)src_border;                                                      \
        return waiting_bytes(outputs);                                         \
    }

/* Where enough blocks share the inputs of a pixel and enough of them add to a
 * sum: fewer wait for each other, or for sums that begin and end. */
static bool pays_by_pixel(const struct conv_spec *c)
{
    enum { OUTPUTS = 64, LISTS = 16, BOTH = 1024 };
    int64_t lists = ceil_divide(c->ic, PRODUCT_INPUTS) * c->kh * c->kw;
    return c->groups == 1 && c->oc >= OUTPUTS && lists >= LISTS &&
           c->oc * lists >= BOTH;
}

CHUNK_FACES(conv_image16_chunk,
            sparse_conv_image16_serves(spec) && pays_by_pixel(&spec->conv),
            spec->conv.oc)
/* The same where an entry for a whole block and several pixels
 * (conv_rows16_chunk) is the rival. */
CHUNK_FACES(conv_wide_chunk,
            sparse_conv_image16_chunk_serves(spec) && spec->conv.oc >= WIDE,
            spec->conv.oc)
/* Where the sums of one image stay in the first-level cache. */
static bool pays_by_row(const struct product_spec *p)
{
    enum { OUTPUTS = 1024 };
    return p->n == 1 && p->out <= OUTPUTS;
}

CHUNK_FACES(product_row_chunk,
            sparse_product_image16_serves(spec) && pays_by_row(&spec->product),
            spec->product.out)
CHUNK_FACES(product_image16_chunk, sparse_product_image16_serves(spec),
            spec->product.out)
