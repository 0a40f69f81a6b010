/* Packs weights for sparse_product_run.h; see sparse_product.h. */
#include "kernel/sparse_product.h"

#include <string.h>

enum { ALIGNMENT = 64, SLICE_INPUTS = 800 };

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

static size_t bias_bytes(const struct product_spec *p)
{
    return align_up((size_t)ceil_divide(p->out, SPARSE_ROWS) * SPARSE_ROWS *
                    sizeof(float));
}

static void put_bias(const struct product_spec *p, float *bias)
{
    if (p->bias != NULL)
        memcpy(bias, p->bias, (size_t)p->out * sizeof *bias);
}

/* One block of 16 inputs; whether any is kept. */
static bool chunk_at(const struct product_spec *p, int64_t output,
                     int64_t chunk, float weights[PRODUCT_INPUTS])
{
    int64_t first = chunk * PRODUCT_INPUTS;
    bool any = false;
    for (int64_t i = 0; i < PRODUCT_INPUTS; i++) {
        weights[i] = first + i < p->in ? weight_at(p, output, first + i) : 0;
        any = any || weights[i] != 0.0F;
    }
    return any;
}

/* Returns the number of blocks. */
static int64_t chunk_header(const struct product_spec *p,
                            struct product_packed *h)
{
    float weights[PRODUCT_INPUTS];
    int64_t count = 0;
    memset(h, 0, sizeof *h);
    h->lists = ceil_divide(p->in, PRODUCT_INPUTS);
    for (int64_t c = 0; c < h->lists; c++)
        for (int64_t o = 0; o < p->out; o++)
            count += chunk_at(p, o, c, weights);
    h->starts = align_up(sizeof *h);
    h->bias = h->starts + align_up((size_t)(h->lists + 1) * sizeof(int32_t));
    h->outputs = h->bias + bias_bytes(p);
    h->weights = h->outputs + align_up((size_t)count * sizeof(int32_t));
    return count;
}

size_t sparse_product_image16_chunk_pack_bytes(const struct kernel_spec *spec)
{
    struct product_packed h;
    int64_t count = chunk_header(&spec->product, &h);
    return h.weights + (size_t)count * PRODUCT_INPUTS * sizeof(float);
}

void sparse_product_image16_chunk_pack(const struct kernel_spec *spec,
                                       void *packed)
{
    const struct product_spec *p = &spec->product;
    struct product_packed h;
    int64_t count = chunk_header(p, &h), at = 0;
    char *base = packed;
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    int32_t *outputs = (int32_t *)(void *)(base + h.outputs);
    float(*weights)[PRODUCT_INPUTS] = (void *)(base + h.weights);
    memset(packed, 0, h.outputs);
    memcpy(packed, &h, sizeof h);
    put_bias(p, (float *)(void *)(base + h.bias));
    for (int64_t c = 0; c < h.lists; c++) {
        starts[c] = (int32_t)at;
        for (int64_t o = 0; at < count && o < p->out; o++) {
            if (!chunk_at(p, o, c, weights[at]))
                continue;
            outputs[at++] = (int32_t)o;
            if (at == count)
                break;
        }
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
    h->weights = h->bias + bias_bytes(p);
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
    put_bias(p, (float *)(void *)(base + h.bias));
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

bool sparse_product_image16_chunk_serves(const struct kernel_spec *spec)
{
    return sparse_product_image16_serves(spec);
}

bool sparse_product_image16_quartet_serves(const struct kernel_spec *spec)
{
    const struct product_spec *p = &spec->product;
    /* An entry has at most five words for four weights. */
    return sparse_product_image16_serves(spec) &&
           2 * (double)p->in * (double)p->out < INT32_MAX;
}

size_t sparse_product_image16_chunk_scratch_bytes(
    const struct kernel_spec *spec, int64_t src_border)
{
    (void)spec;
    (void)src_border;
    return 0;
}

size_t sparse_product_image16_quartet_scratch_bytes(
    const struct kernel_spec *spec, int64_t src_border)
{
    (void)src_border;
    return (size_t)ceil_divide(spec->product.out, SPARSE_ROWS) * SPARSE_ROWS *
           SPARSE_BLOCK * sizeof(float);
}
