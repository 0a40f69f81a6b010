/* Packs products for sparse_quad_run.h; see sparse_quad.h. */
#include "kernel/sparse_quad.h"

#include <string.h>

enum { ALIGNMENT = 64 };

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* The weights of a quartet for one input; whether any is kept. */
static bool weights_at(const struct product_spec *p, int64_t quartet,
                       int64_t in, float value[SPARSE_ROWS])
{
    for (int64_t k = 0; k < SPARSE_ROWS; k++) {
        int64_t o = quartet * SPARSE_ROWS + k;
        value[k] = 0.0F;
        if (o < p->out)
            value[k] =
                p->weight[p->transposed ? in * p->out + o : o * p->in + in];
    }
    return sparse_set_of(value) != 0;
}

static int64_t kept_of(const struct product_spec *p, int64_t quartet)
{
    float value[SPARSE_ROWS];
    int64_t kept = 0;
    for (int64_t i = 0; i < p->in; i++)
        kept += weights_at(p, quartet, i, value);
    return kept;
}

/* Quartets in a row, those that keep the most inputs first. */
struct window {
    int64_t count;
    int64_t quartet[QUAD_WINDOW], kept[QUAD_WINDOW];
};

static void sort_window(const struct product_spec *p, int64_t index,
                        struct window *w)
{
    int64_t end = ceil_divide(p->out, SPARSE_ROWS);
    w->count = 0;
    for (int64_t q = index * QUAD_WINDOW; q < end && w->count < QUAD_WINDOW;
         q++) {
        int64_t kept = kept_of(p, q), at = w->count++;
        for (; at > 0 && w->kept[at - 1] < kept; at--) {
            w->kept[at] = w->kept[at - 1];
            w->quartet[at] = w->quartet[at - 1];
        }
        w->kept[at] = kept;
        w->quartet[at] = q;
    }
}

static int64_t windows_of(const struct product_spec *p)
{
    return ceil_divide(p->out, SPARSE_ROWS * QUAD_WINDOW);
}

/* Returns the number of steps. */
static int64_t header_of(const struct product_spec *p, struct quad_packed *h)
{
    int64_t steps = 0;
    memset(h, 0, sizeof *h);
    h->groups = ceil_divide(p->out, QUAD_LANES);
    for (int64_t i = 0; i < windows_of(p); i++) {
        struct window w;
        sort_window(p, i, &w);
        for (int64_t k = 0; k < w.count; k += QUAD_SIDE)
            steps += w.kept[k];
    }
    size_t lists = (size_t)h->groups;
    h->starts = align_up(sizeof *h);
    h->order = h->starts + align_up((lists + 1) * sizeof(int32_t));
    h->pairs = h->order + align_up(lists * QUAD_SIDE * sizeof(int32_t));
    h->bias = h->pairs + align_up(lists);
    h->inputs = h->bias + align_up(lists * QUAD_LANES * sizeof(float));
    h->weights =
        h->inputs + align_up((size_t)steps * QUAD_SIDE * sizeof(uint16_t));
    return steps;
}

size_t sparse_product_quad_pack_bytes(const struct kernel_spec *spec)
{
    struct quad_packed h;
    int64_t steps = header_of(&spec->product, &h);
    return h.weights + (size_t)steps * QUAD_LANES * sizeof(float);
}

/* One quartet at a place of its group. */
static void pack_quartet(const struct product_spec *p, int64_t quartet,
                         int64_t place, uint16_t (*inputs)[QUAD_SIDE],
                         float (*weights)[QUAD_LANES])
{
    float value[SPARSE_ROWS];
    for (int64_t i = 0; i < p->in; i++) {
        if (!weights_at(p, quartet, i, value))
            continue;
        (*inputs++)[place] = (uint16_t)i;
        memcpy(*weights++ + place * SPARSE_ROWS, value, sizeof value);
    }
}

static bool is_paired(const uint16_t (*inputs)[QUAD_SIDE], int64_t steps)
{
    for (int64_t i = 0; i < steps; i++)
        if (inputs[i][0] != inputs[i][1] || inputs[i][2] != inputs[i][3])
            return false;
    return true;
}

void sparse_product_quad_pack(const struct kernel_spec *spec, void *packed)
{
    const struct product_spec *p = &spec->product;
    struct quad_packed h;
    int64_t steps = header_of(p, &h), at = 0;
    char *base = packed;
    memset(packed, 0, h.weights + (size_t)steps * QUAD_LANES * sizeof(float));
    memcpy(packed, &h, sizeof h);
    int32_t *starts = (int32_t *)(void *)(base + h.starts);
    int32_t *order = (int32_t *)(void *)(base + h.order);
    float *bias = (float *)(void *)(base + h.bias);
    uint16_t(*inputs)[QUAD_SIDE] = (void *)(base + h.inputs);
    float(*weights)[QUAD_LANES] = (void *)(base + h.weights);
    for (int64_t i = 0; i < h.groups * QUAD_SIDE; i++)
        order[i] = -1;
    for (int64_t i = 0; i < windows_of(p); i++) {
        struct window w;
        sort_window(p, i, &w);
        for (int64_t k = 0; k < w.count; k++) {
            int64_t place = i * QUAD_WINDOW + k;
            int64_t first = w.quartet[k] * SPARSE_ROWS;
            if (k % QUAD_SIDE == 0)
                starts[place / QUAD_SIDE] = (int32_t)at;
            order[place] = (int32_t)w.quartet[k];
            for (int64_t o = first; o < first + SPARSE_ROWS; o++)
                if (p->bias != NULL && o < p->out)
                    bias[place * SPARSE_ROWS + o - first] = p->bias[o];
            pack_quartet(p, w.quartet[k], k % QUAD_SIDE, inputs + at,
                         weights + at);
            if (k % QUAD_SIDE == QUAD_SIDE - 1 || k == w.count - 1)
                at += w.kept[k / QUAD_SIDE * QUAD_SIDE];
        }
    }
    starts[h.groups] = (int32_t)at;
    for (int64_t g = 0; g < h.groups; g++)
        base[h.pairs + (size_t)g] =
            is_paired((const uint16_t(*)[QUAD_SIDE])inputs + starts[g],
                      starts[g + 1] - starts[g]);
}

bool sparse_product_quad_serves(const struct kernel_spec *spec)
{
    const struct product_spec *p = &spec->product;
    return spec->kind == KERNEL_PRODUCT && p->n == 1 && p->weight != NULL &&
           p->in > 0 && p->out > 0 && p->in <= UINT16_MAX &&
           p->in < INT32_MAX / p->out;
}

size_t sparse_product_quad_scratch_bytes(const struct kernel_spec *spec,
                                         int64_t src_border)
{
    (void)spec;
    (void)src_border;
    return 0;
}
