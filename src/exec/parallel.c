/*
 * The only OpenMP regions of the program: the work of our kernels split over
 * the threads that oneDNN's kernels use as well. A dense kernel's units are
 * split in equal parts.
 *
 * A sparse kernel's: whole images first, equally many for every thread: they
 * share nothing. What is left over (all of it for one image) is split by output
 * rows, because then a thread reads mostly what it wrote in the step before and
 * no line travels between processors; by output channels of equally many kept
 * weights where rows are too few.
 */
#include "exec/parallel.h"

#include "exec/compiled.h"

#include "base/array.h"
#include "base/clock.h"

/* What a channel costs besides its kept weights, in kept weights: its bias,
 * its activation, its way to memory. */
static const double channel_cost = 3;

/* How much longer the longest part by rows may be than an equal share. */
static const double row_waste = 1.2;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t rows_of(const struct kernel_spec *spec)
{
    return spec->kind == KERNEL_PRODUCT ? spec->product.out : spec->conv.oc;
}

static int64_t kept_by(const struct kernel_spec *spec, int64_t row)
{
    const struct conv_spec *c = &spec->conv;
    const struct product_spec *p = &spec->product;
    if (spec->kind == KERNEL_CONV) {
        int64_t count = c->ic / c->groups * c->kh * c->kw;
        return sparse_nonzeros(c->weight + row * count, count);
    }
    if (!p->transposed)
        return sparse_nonzeros(p->weight + row * p->in, p->in);
    int64_t kept = 0;
    for (int64_t i = 0; i < p->in; i++)
        kept += p->weight[i * p->out + row] != 0.0F;
    return kept;
}

/* Output channels in parts of equal cost; a product of one image writes its
 * results side by side, so that its parts are whole lines. */
static void cut_channels(const struct compiled *c)
{
    enum { LINE = 16 };
    int64_t rows = rows_of(&c->spec), t = 0;
    int64_t grain = c->candidate.dst == LAYOUT_PLAIN ? LINE : 1;
    double total = 0, done = 0;
    for (int64_t row = 0; row < rows; row++)
        total += channel_cost + (double)kept_by(&c->spec, row);
    for (int64_t row = 0; row < rows; row++) {
        while (row % grain == 0 && t < c->threads &&
               done >= total * (double)t / c->threads)
            c->shares[t++].part.first = row;
        done += channel_cost + (double)kept_by(&c->spec, row);
    }
    while (t < c->threads)
        c->shares[t++].part.first = rows;
    for (t = 0; t < c->threads; t++)
        c->shares[t].part.last =
            t + 1 < c->threads ? c->shares[t + 1].part.first : rows;
}

/* Vectors of a run of output rows; of another layout than PLANE: rows. */
static int64_t run_length(const struct conv_spec *v,
                          const struct layout_desc *src, int64_t rows)
{
    enum { LANES = 16 };
    int64_t pitch = v->sw == 1 ? v->iw + 2 * src->border : v->ow + 2;
    if (src->layout != LAYOUT_PLANE)
        return rows;
    return ((rows - 1) * pitch + v->ow + LANES - 1) / LANES;
}

static bool splits_by_rows(const struct kernel_spec *spec,
                           const struct layout_desc *src, int64_t threads)
{
    const struct conv_spec *v = &spec->conv;
    if (spec->kind != KERNEL_CONV || v->oh < 2 * threads)
        return false;
    double part = (double)run_length(v, src, (v->oh + threads - 1) / threads);
    return part * (double)threads <=
           row_waste * (double)run_length(v, src, v->oh);
}

enum sharing sparse_sharing(const struct kernel_spec *spec,
                            const struct layout_desc *src, int threads)
{
    int64_t unit = src->layout == LAYOUT_IMAGE16 ? 16 : 1;
    if (threads == 1)
        return SHARING_ONE;
    if ((src->n + unit - 1) / unit >= threads)
        return SHARING_IMAGES;
    return splits_by_rows(spec, src, threads) ? SHARING_ROWS : SHARING_CHANNELS;
}

int sparse_share(struct compiled *c)
{
    const struct sparse_part whole = sparse_whole(&c->spec);
    int64_t unit = c->candidate.src == LAYOUT_IMAGE16 ? 16 : 1;
    int64_t images = c->src.n, blocks = (images + unit - 1) / unit;
    int64_t threads = c->threads, each = blocks / threads * unit;
    c->shares = array_create((size_t)threads, sizeof(*c->shares));
    if (!c->shares)
        return -1;
    for (int64_t t = 0; t < threads; t++) {
        struct sparse_share *s = &c->shares[t];
        *s = (struct sparse_share){.first = smaller(each * t, images),
                                   .last = smaller(each * (t + 1), images),
                                   .part = whole};
        s->rest = smaller(each * threads, images);
        s->part.top = whole.bottom * t / threads;
        s->part.bottom = whole.bottom * (t + 1) / threads;
    }
    if (threads == 1 || splits_by_rows(&c->spec, &c->src, threads))
        return 0;
    for (int64_t t = 0; t < threads; t++) {
        c->shares[t].part.top = whole.top;
        c->shares[t].part.bottom = whole.bottom;
    }
    cut_channels(c);
    return 0;
}

static int64_t image_elements(const struct layout_desc *d)
{
    return d->c * layout_plane_floats(d->h, d->w, d->border);
}

/* Images [first, last) of one call. */
struct span {
    int64_t first, last;
};

static void run_images(const struct compiled *c, const struct operands *o,
                       struct span images, const struct sparse_part *part,
                       void *scratch)
{
    struct kernel_spec spec = c->spec;
    int64_t from = images.first * image_elements(&c->src);
    int64_t to = images.first * image_elements(&c->dst);
    if (images.first >= images.last || part->first >= part->last ||
        part->top >= part->bottom)
        return;
    if (spec.kind == KERNEL_PRODUCT)
        spec.product.n = images.last - images.first;
    else
        spec.conv.n = images.last - images.first;
    c->candidate.sparse->run(&spec, c->packed, o->src + from, c->src.border,
                             o->dst + to, c->dst.border, &c->epilogue,
                             o->other ? o->other + to : NULL, scratch, part);
}

void sparse_run(const struct compiled *compiled, const struct operands *o,
                void *scratch)
{
    const struct compiled *c = compiled;
    const struct sparse_part whole = sparse_whole(&c->spec);
    const struct span all = {0, c->src.n};
    const size_t stride = compiled_scratch_stride(c);
    if (c->threads == 1) {
        run_images(c, o, all, &whole, scratch);
        return;
    }
#pragma omp parallel for num_threads(c->threads) schedule(static, 1)
    for (int t = 0; t < c->threads; t++) {
        const struct sparse_share *s = &c->shares[t];
        void *own = (char *)scratch + (size_t)t * stride;
        run_images(c, o, (struct span){s->first, s->last}, &whole, own);
        run_images(c, o, (struct span){s->rest, c->src.n}, &s->part, own);
    }
}

void dense_run(const struct compiled *compiled, const struct operands *operands,
               void *scratch)
{
    const struct dense_kernel *kernel = compiled->candidate.dense;
    const struct dense_call call = {
        .spec = &compiled->spec,
        .epilogue = &compiled->epilogue,
        .packed = compiled->packed,
        .src = operands->src,
        .other = operands->other,
        .more = {operands->more[0], operands->more[1]},
        .dst = operands->dst};
    const int64_t units = kernel->units(&compiled->spec);
    const int64_t threads = compiled->threads;
    const size_t stride = compiled_scratch_stride(compiled);
    if (threads == 1) {
        kernel->run(&call, scratch, 0, units);
        return;
    }
#pragma omp parallel for num_threads((int)threads) schedule(static, 1)
    for (int64_t t = 0; t < threads; t++)
        kernel->run(&call, (char *)scratch + (size_t)t * stride,
                    units * t / threads, units * (t + 1) / threads);
}

void threads_run(int threads, void (*body)(void *argument, int thread),
                 void *argument)
{
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++)
        body(argument, t);
}

void threads_settle(int threads)
{
    enum { PROMPT = 32, PROMPT_NS = 10000, PATIENCE_NS = 20000000 };
    const int64_t begin = clock_now_ns();
    int64_t before = begin, met = 0;
    for (int prompt = 0; threads > 1 && prompt < PROMPT;) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
        for (int t = 0; t < threads; t++) {
#pragma omp atomic
            met++;
        }
        int64_t now = clock_now_ns();
        prompt = now - before < PROMPT_NS ? prompt + 1 : 0;
        if (now - begin > PATIENCE_NS)
            break;
        before = now;
    }
}
