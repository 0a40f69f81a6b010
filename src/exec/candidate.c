/*
 * Which kernels could compute each task. One function per kind of task lists
 * them; the plain or naive one always comes last and is taken only when
 * nothing else serves.
 */
#include "exec/choose.h"

#include "base/array.h"
#include "base/hash.h"

#include <math.h>
#include <stdlib.h>

enum {
    PREFERRED_SALT = 0x70726566,
    LINE_NS = 20, /* of a line that another processor wrote: 3 to 50 seen */
};

static bool has_weights(const struct task *task)
{
    return task->weights > 0;
}

/* A quarter of zeros is where trying the sparse kernels starts to be worth
 * its measurement. */
static bool has_zeros(const struct task *task)
{
    return has_weights(task) && task->nonzeros * 4 <= task->weights * 3;
}

/* A convolution whose outputs have few weights, as a depthwise one. On blocks
 * of images the kernel for weights anywhere is about as fast on all of them as
 * a dense one, and its sparse neighbours read what it writes. */
static bool has_few_inputs(const struct task *task)
{
    enum { FEW = 32 };
    const struct conv_spec *v = &task->spec.conv;
    return task->spec.kind == KERNEL_CONV && has_weights(task) &&
           v->ic / v->groups * v->kh * v->kw <= FEW;
}

static bool wants_sparse(const struct choosing *c, const struct task *task,
                         enum layout layout, enum sparse_form form)
{
    if (c->options->kernels == PLAN_KERNELS_SPARSE)
        return has_weights(task);
    return c->options->kernels == PLAN_KERNELS_AUTO &&
           (has_zeros(task) ||
            (c->zeros && layout == LAYOUT_IMAGE16 && form == SPARSE_FORM_ANY &&
             has_few_inputs(task)));
}

static void add(struct choice *choice, enum method method,
                const struct sparse_kernel *sparse, enum layout src,
                enum layout dst)
{
    if (choice->count == CHOICE_MAX)
        return;
    choice->candidates[choice->count++] = (struct candidate){
        .method = method, .sparse = sparse, .src = src, .dst = dst};
}

static void add_dense(struct choosing *c, const struct task *task,
                      struct choice *choice)
{
    const struct dense_kernel *kernel =
        dense_kernel_find(&task->spec, &task->epilogue, c->options->isa);
    if (!kernel)
        return;
    add(choice, METHOD_DENSE, NULL, kernel->layout, kernel->layout);
    choice->candidates[choice->count - 1].dense = kernel;
}

/* --- convolution and product --- */

static bool same_dims(const struct value_view *view, int64_t n, int64_t c,
                      int64_t h, int64_t w)
{
    return view->mapped && view->desc.n == n && view->desc.c == c &&
           view->desc.h == h && view->desc.w == w;
}

/* Whether the views of src and dst are what the spec says, so that layouts
 * other than PLAIN make sense. */
static bool views_fit(const struct choosing *c, const struct task *task)
{
    const struct value_view *src = &c->views[task->operands[0]];
    const struct value_view *dst = &c->views[task->dst];
    const struct conv_spec *v = &task->spec.conv;
    const struct product_spec *p = &task->spec.product;
    if (task->spec.kind == KERNEL_PRODUCT)
        return same_dims(src, p->n, p->in, 1, 1) &&
               same_dims(dst, p->n, p->out, 1, 1);
    return same_dims(src, v->n, v->ic, v->ih, v->iw) &&
           same_dims(dst, v->n, v->oc, v->oh, v->ow);
}

/* Whether a form stores few enough zeros to be worth its measurement. */
static bool fits_form(const struct task *task, enum sparse_form form)
{
    static const double fullest = 0.6;
    return form == SPARSE_FORM_ANY ||
           (double)task->zeros.nonzeros >
               fullest * (double)task->zeros.stored[form];
}

static const struct sparse_kernel *sparse_for(const struct choosing *c,
                                              const struct task *task,
                                              enum layout layout,
                                              enum sparse_form form)
{
    /* Fewer images than half a vector waste too much of it. */
    int64_t n = c->views[task->operands[0]].desc.n;
    if (!wants_sparse(c, task, layout, form) || !views_fit(c, task) ||
        (layout == LAYOUT_IMAGE16 && n < 8) || !fits_form(task, form))
        return NULL;
    return sparse_kernel_find(&task->spec, layout, form, c->options->isa);
}

/* threads: as in struct candidate */
static void add_sparse(const struct choosing *c, const struct task *task,
                       struct choice *choice,
                       const struct sparse_kernel *kernel, int threads)
{
    int before = choice->count;
    add(choice, METHOD_SPARSE, kernel, kernel->layout, kernel->layout);
    if (choice->count == before)
        return;
    struct candidate *added = &choice->candidates[before];
    const struct layout_desc src =
        value_view_desc(&c->views[task->operands[0]], kernel->layout);
    added->threads = threads;
    added->sharing = sparse_sharing(&task->spec, &src,
                                    threads ? threads : c->context->threads);
}

static void list_sparse(struct choosing *c, const struct task *task,
                        struct choice *choice)
{
    static const enum layout layouts[] = {LAYOUT_PLAIN, LAYOUT_PLANE,
                                          LAYOUT_IMAGE16, LAYOUT_NHWC};
    for (size_t i = 0; i < ARRAY_LENGTH(layouts) * SPARSE_FORM_COUNT; i++) {
        enum layout layout = layouts[i / SPARSE_FORM_COUNT];
        const struct sparse_kernel *kernel = sparse_for(
            c, task, layout, (enum sparse_form)(i % SPARSE_FORM_COUNT));
        if (!kernel)
            continue;
        add_sparse(c, task, choice, kernel, 0);
        /* Little work is done sooner by one thread than handed to two. */
        if (c->context->threads > 1)
            add_sparse(c, task, choice, kernel, 1);
    }
}

/* oneDNN's own choice of layouts, remembered beside the timings. */
static bool preferred(struct choosing *c, const struct task *task,
                      enum layout *src, enum layout *dst)
{
    struct timing *timing = c->options->timing;
    uint64_t key = hash_u64(hash_u64(task->problem, PREFERRED_SALT),
                            (uint64_t)c->context->threads);
    double known;
    if (timing && timing_get(timing, key, &known)) {
        *src = (enum layout)((int)known / 8);
        *dst = (enum layout)((int)known % 8);
        return known >= 0;
    }
    const struct candidate plain = {.src = LAYOUT_PLAIN, .dst = LAYOUT_PLAIN};
    const struct onednn_problem problem = task_problem(task, &plain, c->views);
    bool serves =
        onednn_preferred(&c->context->box->engine, &problem, src, dst) == 0;
    if (timing)
        timing_put(timing, key, serves ? (double)(*src * 8 + *dst) : -1);
    return serves;
}

static void list_conv(struct choosing *c, const struct task *task,
                      struct choice *choice)
{
    enum layout src, dst;
    if (!views_fit(c, task))
        return;
    list_sparse(c, task, choice);
    if (choice->count && c->options->kernels == PLAN_KERNELS_SPARSE)
        return;
    if (preferred(c, task, &src, &dst))
        add(choice, METHOD_ONEDNN, NULL, src, dst);
    add_dense(c, task, choice);
}

static void list_product(struct choosing *c, const struct task *task,
                         struct choice *choice)
{
    list_sparse(c, task, choice);
    if (choice->count && c->options->kernels == PLAN_KERNELS_SPARSE)
        return;
    add(choice, METHOD_ONEDNN, NULL, LAYOUT_PLAIN, LAYOUT_PLAIN);
}

/* --- the rest --- */

/* The same layout in and out, for each of a set of layouts; PLAIN alone when
 * a value has no (n, c, h, w). */
static void list_layouts(const struct choosing *c, const struct task *task,
                         struct choice *choice, enum method method,
                         unsigned set)
{
    bool mapped = c->views[task->dst].mapped;
    for (int i = 0; i < task->operand_count; i++)
        mapped = mapped && c->views[task->operands[i]].mapped;
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
        if (set >> layout & 1 && (mapped || layout == LAYOUT_PLAIN))
            add(choice, method, NULL, (enum layout)layout, (enum layout)layout);
}

enum {
    SET_PLAIN = 1 << LAYOUT_PLAIN,
    SET_DENSE = SET_PLAIN | 1 << LAYOUT_NHWC | 1 << LAYOUT_BLOCK16,
    SET_PLANE = 1 << LAYOUT_PLANE,
    SET_IMAGE16 = 1 << LAYOUT_IMAGE16,
};

static void list_plain_only(struct choosing *c, const struct task *task,
                            struct choice *choice)
{
    list_layouts(c, task, choice, METHOD_ONEDNN, SET_PLAIN);
}

static void list_pool(struct choosing *c, const struct task *task,
                      struct choice *choice)
{
    const struct pool_spec *p = &task->spec.pool;
    if (same_dims(&c->views[task->operands[0]], p->n, p->c, p->ih, p->iw) &&
        same_dims(&c->views[task->dst], p->n, p->c, p->oh, p->ow))
        list_layouts(c, task, choice, METHOD_ONEDNN, SET_DENSE | SET_IMAGE16);
}

/* Whether the function maps 0 to 0, so that a border of zeros stays one. */
static bool keeps_zero(const struct eltwise_spec *e)
{
    static const bool rows[ELTWISE_KIND_COUNT] = {
        [ELTWISE_RELU] = true, [ELTWISE_TANH] = true,
        [ELTWISE_ELU] = true,  [ELTWISE_HARDSWISH] = true,
        [ELTWISE_ERF] = true,  [ELTWISE_GELU] = true,
        [ELTWISE_SQRT] = true, [ELTWISE_ABS] = true,
        [ELTWISE_NEG] = true,
    };
    if (e->kind == ELTWISE_CLIP)
        return e->alpha <= 0 && e->beta >= 0;
    return rows[e->kind];
}

static void list_eltwise(struct choosing *c, const struct task *task,
                         struct choice *choice)
{
    unsigned set = SET_DENSE | SET_IMAGE16;
    if (!onednn_serves_eltwise(&task->spec.eltwise))
        return;
    if (keeps_zero(&task->spec.eltwise))
        set |= SET_PLANE;
    list_layouts(c, task, choice, METHOD_ONEDNN, set);
}

static void list_binary(struct choosing *c, const struct task *task,
                        struct choice *choice)
{
    const struct binary_spec *b = &task->spec.binary;
    const struct value_view *view = &c->views[task->dst];
    unsigned set = SET_DENSE | SET_IMAGE16;
    if (b->constant && b->constant_row) {
        if (shape_equal(&c->instance->values[task->operands[0]].shape,
                        &c->instance->values[task->dst].shape))
            list_layouts(c, task, choice, METHOD_ONEDNN, SET_PLAIN);
        return;
    }
    if (b->constant) {
        bool fits = b->constant_channels == 1 ||
                    (view->mapped && b->constant_channels == view->desc.c);
        if (fits && shape_equal(&c->instance->values[task->operands[0]].shape,
                                &c->instance->values[task->dst].shape))
            list_layouts(c, task, choice, METHOD_ONEDNN, SET_DENSE);
        return;
    }
    if (!b->same_shape) {
        if (shape_equal(&c->instance->values[task->operands[0]].shape,
                        &c->instance->values[task->dst].shape))
            list_layouts(c, task, choice, METHOD_ONEDNN, SET_DENSE);
        return;
    }
    if (b->kind != BINARY_DIV)
        set |= SET_PLANE;
    list_layouts(c, task, choice, METHOD_ONEDNN, set);
}

static void list_affine(struct choosing *c, const struct task *task,
                        struct choice *choice)
{
    if (c->views[task->dst].mapped &&
        c->views[task->dst].desc.c == task->spec.affine.c)
        list_layouts(c, task, choice, METHOD_ONEDNN, SET_DENSE);
}

/* Whether two values are the same (n, c, h, w), not only the same bytes. */
static bool same_view(const struct value_view *a, const struct value_view *b)
{
    return a->mapped &&
           same_dims(b, a->desc.n, a->desc.c, a->desc.h, a->desc.w);
}

static void list_alias(struct choosing *c, const struct task *task,
                       struct choice *choice)
{
    bool same = same_view(&c->views[task->operands[0]], &c->views[task->dst]);
    list_layouts(c, task, choice, METHOD_ALIAS,
                 same ? SET_DENSE | SET_PLANE | SET_IMAGE16 : SET_PLAIN);
}

/* Rows that only our kernels compute. */
static void list_ours(struct choosing *c, const struct task *task,
                      struct choice *choice)
{
    add_dense(c, task, choice);
}

static void (*const lists[KERNEL_KIND_COUNT])(struct choosing *,
                                              const struct task *,
                                              struct choice *) = {
    [KERNEL_CONV] = list_conv,          [KERNEL_DECONV] = list_conv,
    [KERNEL_PRODUCT] = list_product,    [KERNEL_MATMUL] = list_plain_only,
    [KERNEL_POOL] = list_pool,          [KERNEL_ELTWISE] = list_eltwise,
    [KERNEL_BINARY] = list_binary,      [KERNEL_AFFINE] = list_affine,
    [KERNEL_SOFTMAX] = list_plain_only, [KERNEL_ALIAS] = list_alias,
    [KERNEL_NORM] = list_ours,          [KERNEL_ATTENTION] = list_ours,
};

/* --- borders --- */

static int root_of(int *parent, int value)
{
    while (parent[value] != value)
        value = parent[value] = parent[parent[value]];
    return value;
}

static void tie(int *parent, int a, int b)
{
    parent[root_of(parent, a)] = root_of(parent, b);
}

static bool keeps_size(const struct conv_spec *v)
{
    return v->sh == 1 && v->sw == 1 && v->ih == v->oh && v->iw == v->ow;
}

/* Operands that share a layout must share the border as well; a sparse
 * convolution that keeps the size stores whole vectors when they do. */
static void tie_task(const struct choosing *c, const struct task *task,
                     int *parent)
{
    enum kernel_kind kind = task->spec.kind;
    bool same = kind == KERNEL_ELTWISE || kind == KERNEL_ALIAS ||
                (kind == KERNEL_BINARY && task->spec.binary.same_shape);
    if (task->other != GRAPH_NONE)
        tie(parent, task->other, task->dst);
    if (kind == KERNEL_CONV && keeps_size(&task->spec.conv) &&
        sparse_for(c, task, LAYOUT_PLANE, SPARSE_FORM_ANY))
        tie(parent, task->operands[0], task->dst);
    for (int i = 0; same && i < task->operand_count; i++)
        if (same_view(&c->views[task->operands[i]], &c->views[task->dst]))
            tie(parent, task->operands[i], task->dst);
}

static int64_t padding_of(const struct conv_spec *v)
{
    int64_t pads[] = {v->pad_top, v->pad_left, v->pad_bottom, v->pad_right};
    int64_t most = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(pads); i++)
        most = pads[i] > most ? pads[i] : most;
    return most;
}

/* PLANE's border of a value is the largest padding among the sparse
 * convolutions that read it or what it is tied to. */
static int set_borders(struct choosing *c)
{
    size_t values = c->instance->value_count;
    int *parent = array_create(values + 1, sizeof(*parent));
    int64_t *border = array_create(values + 1, sizeof(*border));
    int status = parent && border ? 0 : -1;
    for (size_t i = 0; !status && i < values; i++)
        parent[i] = (int)i;
    for (size_t i = 0; !status && i < c->list->count; i++)
        tie_task(c, &c->list->tasks[i], parent);
    for (size_t i = 0; !status && i < c->list->count; i++) {
        const struct task *task = &c->list->tasks[i];
        if (task->spec.kind != KERNEL_CONV ||
            !sparse_for(c, task, LAYOUT_PLANE, SPARSE_FORM_ANY))
            continue;
        int64_t *most = &border[root_of(parent, task->operands[0])];
        int64_t padding = padding_of(&task->spec.conv);
        *most = padding > *most ? padding : *most;
    }
    for (size_t i = 0; !status && i < values; i++)
        c->views[i].desc.border = border[root_of(parent, (int)i)];
    free(parent);
    free(border);
    return status;
}

int choosing_candidates(struct choosing *c, struct error *err)
{
    c->zeros = false;
    for (size_t i = 0; i < c->list->count; i++)
        c->zeros = c->zeros || has_zeros(&c->list->tasks[i]);
    if (set_borders(c))
        return error_memory(err, c->instance->value_count * sizeof(int64_t));
    bool sparse = false;
    for (size_t i = 0; i < c->list->count; i++) {
        const struct task *task = &c->list->tasks[i];
        struct choice *choice = &c->choices[i];
        if (lists[task->spec.kind])
            lists[task->spec.kind](c, task, choice);
        for (int k = 0; k < choice->count; k++)
            sparse = sparse || choice->candidates[k].method == METHOD_SPARSE;
        if (task->spec.kind != KERNEL_ALIAS)
            add(choice, task->node_count > 1 ? METHOD_REFERENCE : METHOD_PLAIN,
                NULL, LAYOUT_PLAIN, LAYOUT_PLAIN);
    }
    c->measures = sparse && c->options->timing &&
                  c->options->kernels != PLAN_KERNELS_REFERENCE;
    if (sparse && c->context->threads > 1)
        c->line_ns = LINE_NS;
    return 0;
}
