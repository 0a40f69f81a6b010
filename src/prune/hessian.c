/*
 * Batches are dealt to a number of strands that only the layer decides, and
 * strands are summed in order: the result does not depend on the number of
 * threads. Input vectors become columns of a matrix (im2col) a few images at a
 * time, products of such matrices are summed in float over the batch and in
 * double over batches.
 */
#include "prune/hessian.h"

#include "base/array.h"
#include "kernel/onednn.h"
#include "op/instance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POSITIONS_WANTED = 512, STRANDS_LEAST = 2, STRANDS_MOST = 16 };

/* Of the sums of all strands together. */
static const int64_t strands_bytes = INT64_C(1) << 28;

/* How vectors come out of a batch, for convolutions and products alike. */
struct geometry {
    struct kernel_spec spec;
    int groups, columns, rows;
    int64_t images;    /* of a batch; a product has one */
    int64_t positions; /* vectors of one image */
    int input;         /* value id */
};

static int lower_layer(struct geometry *g, const struct graph *instance,
                       const struct layer *layer, struct error *err)
{
    const struct node *node = &instance->nodes[layer->node];
    size_t in = (size_t)node->input_count, out = (size_t)node->output_count;
    struct tensor *tensors = array_create(in + out, sizeof *tensors);
    const struct tensor **inputs = array_create(in, sizeof *inputs);
    struct tensor **outputs = array_create(out, sizeof *outputs);
    int result = tensors && inputs && outputs
                     ? 0
                     : error_memory(err, (in + out) * sizeof *tensors);
    g->spec.kind = KERNEL_NONE;
    if (!result && node->op->lower) {
        struct op_call call;
        op_call_of(instance, layer->node, &call, tensors, inputs, tensors + in,
                   outputs);
        node->op->lower(&call, &g->spec);
    }
    free(tensors);
    free(inputs);
    free(outputs);
    return result;
}

static int geometry_of(struct geometry *g, const struct graph *instance,
                       const struct layer *layer, struct error *err)
{
    const struct layer_matrix *m = &layer->matrix;
    if (!m->rows)
        return error_set(err, ERROR_UNSUPPORTED,
                         "its weight is no matrix of outputs by inputs");
    if (lower_layer(g, instance, layer, err) < 0)
        return -1;
    const struct node *node = &instance->nodes[layer->node];
    g->input = node->inputs[0];
    g->groups = (int)m->groups;
    g->columns = (int)(m->inputs * m->places);
    g->rows = (int)(m->rows / m->groups);
    if (g->spec.kind == KERNEL_CONV) {
        g->images = g->spec.conv.n;
        g->positions = g->spec.conv.oh * g->spec.conv.ow;
        return 0;
    }
    if (g->spec.kind == KERNEL_PRODUCT) {
        g->images = 1;
        g->positions = g->spec.product.n;
        return 0;
    }
    return error_set(err, ERROR_UNSUPPORTED,
                     "its inputs cannot be read as vectors");
}

int hessian_serves(const struct graph *instance, const struct layer *layer,
                   struct error *err)
{
    struct geometry g;
    if (geometry_of(&g, instance, layer, err) < 0)
        return -1;
    size_t nodes = graph_consumers(instance, layer->weight, NULL, 0);
    if (nodes > 1)
        return error_set(err, ERROR_UNSUPPORTED, "%zu nodes share its weight",
                         nodes);
    return 0;
}

/* --- one strand --- */

struct strand {
    struct hessian sums;
    float *vectors, *targets; /* of a few images */
    float *second, *cross;    /* float sums of one batch */
};

static void strand_release(struct strand *w)
{
    hessian_release(&w->sums);
    free(w->vectors);
    free(w->targets);
    free(w->second);
    free(w->cross);
}

struct reading {
    const struct trace *trace;
    const struct geometry *geometry;
    const struct hessian_target *target;
    enum trace_side side;
    int64_t chunk; /* images at a time */
    int64_t strand_count;
    struct strand *strands;
};

static int sums_init(struct hessian *h, const struct geometry *g, bool target,
                     struct error *err)
{
    size_t groups = (size_t)g->groups, n = (size_t)g->columns;
    size_t rows = (size_t)g->rows;
    *h = (struct hessian){
        .groups = g->groups, .columns = g->columns, .rows = g->rows};
    h->second = array_create(groups * n, n * sizeof *h->second);
    h->first = array_create(groups * n, sizeof *h->first);
    if (target) {
        h->cross = array_create(groups * rows, n * sizeof *h->cross);
        h->target = array_create(groups * rows, sizeof *h->target);
        h->square = array_create(groups * rows, sizeof *h->square);
    }
    if (h->second && h->first &&
        (!target || (h->cross && h->target && h->square)))
        return 0;
    hessian_release(h);
    return error_memory(err, (unsigned long long)(groups * n) * n * 8);
}

static int strand_init(struct strand *w, const struct reading *r,
                       struct error *err)
{
    const struct geometry *g = r->geometry;
    size_t n = (size_t)g->columns, rows = (size_t)g->rows;
    size_t positions = (size_t)(r->chunk * g->positions);
    if (sums_init(&w->sums, g, r->target != NULL, err) < 0)
        return -1;
    w->vectors = array_create(positions, n * sizeof(float));
    w->second = array_create((size_t)g->groups * n, n * sizeof(float));
    if (r->target) {
        w->targets = array_create(positions, rows * sizeof(float));
        w->cross = array_create((size_t)g->groups * rows, n * sizeof(float));
    }
    if (w->vectors && w->second && (!r->target || (w->targets && w->cross)))
        return 0;
    return error_memory(err, (unsigned long long)positions * n * 4);
}

/* One row of im2col: the input of (channel, ky, kx) for every position. */
static void gather_row(const struct conv_spec *c, const float *plane,
                       int64_t ky, int64_t kx, float *out)
{
    for (int64_t y = 0; y < c->oh; y++) {
        int64_t iy = y * c->sh + ky * c->dh - c->pad_top;
        float *row = out + y * c->ow;
        if (iy < 0 || iy >= c->ih) {
            memset(row, 0, (size_t)c->ow * sizeof *row);
            continue;
        }
        const float *from = plane + iy * c->iw;
        for (int64_t x = 0; x < c->ow; x++) {
            int64_t ix = x * c->sw + kx * c->dw - c->pad_left;
            row[x] = ix < 0 || ix >= c->iw ? 0 : from[ix];
        }
    }
}

/* vectors (columns, images * positions) of one group. */
static void gather_images(const struct geometry *g, const float *input,
                          int64_t first, int64_t images, int group,
                          float *vectors)
{
    const struct conv_spec *c = &g->spec.conv;
    int64_t channels = c->ic / c->groups, places = c->kh * c->kw;
    int64_t stride = images * g->positions;
    for (int64_t i = 0; i < images; i++)
        for (int64_t ch = 0; ch < channels; ch++) {
            const float *plane =
                input +
                ((first + i) * c->ic + group * channels + ch) * c->ih * c->iw;
            for (int64_t p = 0; p < places; p++)
                gather_row(c, plane, p / c->kw, p % c->kw,
                           vectors + (ch * places + p) * stride +
                               i * g->positions);
        }
}

/* targets (rows, images * positions): what the dense model gave, corrected. */
static void gather_targets(const struct reading *r, int64_t b, int64_t first,
                           int64_t images, int group, float *targets)
{
    const struct geometry *g = r->geometry;
    const struct hessian_target *t = r->target;
    int64_t all = (int64_t)g->groups * g->rows, n = g->positions;
    int64_t base = b * g->images * all * n, stride = images * n;
    const float *dense =
        (const float *)trace_bytes(r->trace, t->output, TRACE_DENSE) + base;
    const float *was = NULL, *is = NULL;
    if (t->correction >= 0) {
        was = (const float *)trace_bytes(r->trace, t->correction, TRACE_DENSE) +
              base;
        is =
            (const float *)trace_bytes(r->trace, t->correction, TRACE_CHANGED) +
            base;
    }
    for (int64_t i = 0; i < images; i++)
        for (int64_t row = 0; row < g->rows; row++) {
            int64_t channel = (int64_t)group * g->rows + row;
            int64_t from = ((first + i) * all + channel) * n;
            float *to = targets + row * stride + i * n;
            memcpy(to, dense + from, (size_t)n * sizeof *to);
            float scale = !was ? 0 : t->scale ? t->scale[channel] : 1;
            if (fabsf(scale) < 1e-3f)
                continue;
            for (int64_t p = 0; p < n; p++)
                to[p] += (was[from + p] - is[from + p]) / scale;
        }
}

static void add_rows(double *sums, double *squares, const float *values,
                     int64_t rows, int64_t count)
{
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < count; i++) {
            double v = (double)values[r * count + i];
            sum += v;
            square += v * v;
        }
        sums[r] += sum;
        if (squares)
            squares[r] += square;
    }
}

static int add_images(const struct reading *r, struct strand *w, int64_t b,
                      int64_t first, int64_t images, struct error *err)
{
    const struct geometry *g = r->geometry;
    int64_t n = g->columns, rows = g->rows, count = images * g->positions;
    const float *input =
        (const float *)trace_bytes(r->trace, g->input, r->side) +
        b * g->images * g->spec.conv.ic * g->spec.conv.ih * g->spec.conv.iw;
    float beta = first ? 1.0f : 0.0f;
    for (int group = 0; group < g->groups; group++) {
        size_t at = (size_t)group * (size_t)n, at_row = (size_t)(group * rows);
        gather_images(g, input, first, images, group, w->vectors);
        add_rows(w->sums.first + at, NULL, w->vectors, n, count);
        int status =
            onednn_gemm(false, true, n, n, count, w->vectors, count, w->vectors,
                        count, beta, w->second + at * (size_t)n, n);
        if (r->target) {
            gather_targets(r, b, first, images, group, w->targets);
            add_rows(w->sums.target + at_row, w->sums.square + at_row,
                     w->targets, rows, count);
            status |= onednn_gemm(false, true, rows, n, count, w->targets,
                                  count, w->vectors, count, beta,
                                  w->cross + at_row * (size_t)n, n);
        }
        if (status)
            return error_memory(err, (unsigned long long)(n * count));
    }
    return 0;
}

/* Products have vectors as rows already. */
static int add_vectors(const struct reading *r, struct strand *w, int64_t b,
                       struct error *err)
{
    const struct geometry *g = r->geometry;
    int64_t n = g->columns, rows = g->rows, count = g->positions;
    const float *x =
        (const float *)trace_bytes(r->trace, g->input, r->side) + b * count * n;
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < n; j++)
            w->sums.first[j] += (double)x[i * n + j];
    int status =
        onednn_gemm(true, false, n, n, count, x, n, x, n, 0, w->second, n);
    if (r->target) {
        const float *t = (const float *)trace_bytes(r->trace, r->target->output,
                                                    TRACE_DENSE) +
                         b * count * rows;
        for (int64_t i = 0; i < count * rows; i++) {
            double v = (double)t[i];
            w->sums.target[i % rows] += v;
            w->sums.square[i % rows] += v * v;
        }
        status |= onednn_gemm(true, false, rows, n, count, t, rows, x, n, 0,
                              w->cross, n);
    }
    return status ? error_memory(err, (unsigned long long)(n * count)) : 0;
}

static void add_floats(double *sums, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += (double)values[i];
}

static int read_batch(struct reading *r, struct strand *w, int64_t b,
                      struct error *err)
{
    const struct geometry *g = r->geometry;
    if (cancel_raised(r->trace->cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    onednn_set_threads(1);
    if (!w->vectors && strand_init(w, r, err) < 0)
        return -1;
    int result = 0;
    if (g->spec.kind == KERNEL_PRODUCT)
        result = add_vectors(r, w, b, err);
    else
        for (int64_t i = 0; i < g->images && !result; i += r->chunk)
            result = add_images(
                r, w, b, i, i + r->chunk < g->images ? r->chunk : g->images - i,
                err);
    if (result < 0)
        return -1;
    size_t groups = (size_t)g->groups, n = (size_t)g->columns;
    add_floats(w->sums.second, w->second, groups * n * n);
    if (r->target)
        add_floats(w->sums.cross, w->cross, groups * (size_t)g->rows * n);
    w->sums.count += g->images * g->positions;
    return 0;
}

static int read_strand(void *context, int worker, int64_t strand,
                       struct error *err)
{
    struct reading *r = context;
    (void)worker;
    for (int64_t b = strand; b < r->trace->batches; b += r->strand_count)
        if (read_batch(r, &r->strands[strand], b, err) < 0)
            return -1;
    return 0;
}

/* --- all together --- */

static int64_t strands_for(const struct geometry *g, int64_t batches)
{
    int64_t bytes = (int64_t)g->groups * g->columns * (g->columns + g->rows) *
                    (int64_t)(sizeof(double) + sizeof(float));
    int64_t room = strands_bytes / (bytes > 0 ? bytes : 1);
    room = room > STRANDS_MOST ? STRANDS_MOST : room;
    room = room < STRANDS_LEAST ? STRANDS_LEAST : room;
    return room < batches ? room : batches;
}

static void merge(struct hessian *to, const struct hessian *from)
{
    size_t groups = (size_t)to->groups, n = (size_t)to->columns;
    size_t rows = (size_t)to->rows;
    for (size_t i = 0; i < groups * n * n; i++)
        to->second[i] += from->second[i];
    for (size_t i = 0; i < groups * n; i++)
        to->first[i] += from->first[i];
    for (size_t i = 0; to->cross && i < groups * rows * n; i++)
        to->cross[i] += from->cross[i];
    for (size_t i = 0; to->cross && i < groups * rows; i++) {
        to->target[i] += from->target[i];
        to->square[i] += from->square[i];
    }
    to->count += from->count;
}

int hessian_init(struct hessian *hessian, const struct trace *trace,
                 const struct layer *layer, enum trace_side side,
                 const struct hessian_target *target, struct error *err)
{
    struct geometry g;
    *hessian = (struct hessian){0};
    if (geometry_of(&g, trace->dense, layer, err) < 0)
        return -1;
    size_t count = (size_t)strands_for(&g, trace->batches);
    struct reading reading = {trace, &g, target, side, 1, (int64_t)count, NULL};
    while (reading.chunk < g.images &&
           reading.chunk * g.positions < POSITIONS_WANTED)
        reading.chunk++;
    reading.strands = array_create(count + 1, sizeof *reading.strands);
    if (!reading.strands)
        return error_memory(err, count * sizeof *reading.strands);
    int result = parallel_pieces(&trace->parallel, (int64_t)count, read_strand,
                                 &reading, err);
    for (size_t i = 0; i < count; i++) {
        struct strand *w = &reading.strands[i];
        if (!result && w->sums.second && hessian->second)
            merge(hessian, &w->sums);
        else if (!result && w->sums.second) {
            *hessian = w->sums;
            w->sums = (struct hessian){0};
        }
        strand_release(w);
    }
    free(reading.strands);
    return result;
}

void hessian_release(struct hessian *hessian)
{
    free(hessian->second);
    free(hessian->cross);
    free(hessian->first);
    free(hessian->target);
    free(hessian->square);
    *hessian = (struct hessian){0};
}
