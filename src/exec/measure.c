/*
 * Expected times. A dense kernel is measured as it is; a sparse kernel's time
 * grows linearly with its nonzeros until they leave a cache, so each is
 * measured once at the two of a few densities that enclose the mask's, and
 * every later mask between them is a point on that line: an edit measures
 * nothing. The masks are random; their zeros lie as the task's do. The smallest
 * of a few runs counts, because whatever else the machine does only adds.
 */
#include "exec/choose.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/pages.h"
#include "base/rng.h"
#include "exec/idle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WARM_RUNS = 2,
    TIMED_RUNS = 7,
    FEWEST_RUNS = 2,
    MOST_RUNS = 20,         /* when the machine seems to do something else */
    SUSPICIOUS = 10,        /* times the estimate */
    BUDGET_NS = 1000000,    /* of timed runs, once there are FEWEST_RUNS */
    PATIENCE_NS = 10000000, /* with a disturbed measurement */
    LARGEST_BATCH = 16,     /* of a thread: more are measured as so many */
    REORDER_SALT = 0x72656f72,
};

/* --- estimates --- */

static double elements_of(const struct layout_desc *desc)
{
    return (double)layout_elements(desc);
}

/* The share of the weights that a sparse kernel stores. */
static double density_of(const struct task *task,
                         const struct candidate *candidate)
{
    enum sparse_form form = candidate->sparse->form;
    int64_t stored =
        form == SPARSE_FORM_ANY ? task->nonzeros : task->zeros.stored[form];
    return (double)stored / (double)task->weights;
}

/* Nanoseconds per element or multiplication, of the order that a vector
 * machine of the twenties has; only their ratios matter. */
static double estimate(const struct choosing *c, const struct task *task,
                       const struct candidate *candidate)
{
    const struct onednn_problem p = task_problem(task, candidate, c->views);
    double traffic = 0, macs = (double)task->macs;
    if (task->dst != GRAPH_NONE)
        traffic = elements_of(&p.src) + elements_of(&p.dst);
    switch (candidate->method) {
    case METHOD_ALIAS:
        return 0;
    case METHOD_ONEDNN:
        return 500 + macs / 50 + traffic * 0.1;
    case METHOD_DENSE: /* only where they serve better than oneDNN */
        return 400 + macs / 100 + traffic * 0.1;
    case METHOD_SPARSE: {
        double density = density_of(task, candidate);
        double padded =
            elements_of(&p.dst) / elements_of(&c->views[task->dst].desc);
        double vector = candidate->dst == LAYOUT_PLAIN ? 4 : 16;
        /* Forms with structure load less for each multiplication. */
        if (candidate->sparse->form != SPARSE_FORM_ANY)
            vector *= 1.5;
        return 500 + macs * density * (padded > 0 ? padded : 1) / vector +
               traffic * 0.1;
    }
    default: /* a last resort, whatever the others measure */
        return 1e15 + macs * 10 + traffic * 100;
    }
}

static double estimate_reorder(const struct layout_desc *from,
                               const struct layout_desc *to)
{
    return 300 + (elements_of(from) + elements_of(to)) * 0.3;
}

/* --- measurement --- */

static double time_bound(const struct bound *bound, double estimated)
{
    double best = INFINITY;
    int64_t start = clock_now_ns();
    for (int i = 0; i < WARM_RUNS; i++) {
        if (bound_run(bound))
            return INFINITY;
        if (clock_now_ns() - start > BUDGET_NS)
            break; /* so long a run warms up itself */
    }
    int64_t begin = clock_now_ns();
    for (int i = 0; i < MOST_RUNS; i++) {
        int64_t before = clock_now_ns();
        bound_run(bound);
        int64_t after = clock_now_ns();
        best = fmin(best, (double)(after - before));
        bool enough = i + 1 >= TIMED_RUNS ||
                      (i + 1 >= FEWEST_RUNS && after - begin > BUDGET_NS);
        if (enough &&
            (best < SUSPICIOUS * estimated || after - begin > PATIENCE_NS))
            break;
    }
    return best;
}

/* Times a compiled kernel on memory of its own. */
static double time_compiled(const struct compiled *compiled,
                            const struct choosing *c, bool has_other,
                            double estimated)
{
    size_t src = (size_t)layout_elements(&compiled->src) * sizeof(float);
    size_t dst = (size_t)layout_elements(&compiled->dst) * sizeof(float);
    size_t other = dst > src ? dst : src;
    void *parts[4] = {pages_create(src), has_other ? pages_create(other) : NULL,
                      pages_create(dst),
                      pages_create(compiled_scratch_total(compiled))};
    struct bound bound = {.compiled = compiled,
                          .src = parts[0],
                          .other = parts[1],
                          .dst = parts[2],
                          .scratch = parts[3],
                          .isa = c->options->isa};
    double ns = INFINITY;
    if (parts[0] && parts[2] && parts[3] && (!has_other || parts[1]) &&
        bound_init(&bound) == 0)
        ns = time_bound(&bound, estimated);
    bound_release(&bound);
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        free(parts[i]);
    return ns;
}

/* Weights of which about `density` are kept where the form wants them. */
struct drawing {
    enum sparse_form form;
    double density; /* < 0: the task's own weights */
};

static const struct drawing own_weights = {SPARSE_FORM_ANY, -1};

static float *draw(const struct task *task, struct drawing drawing)
{
    struct rng rng;
    float *weights = array_create((size_t)task->weights, sizeof(*weights));
    rng_init(&rng, task->problem);
    if (weights)
        sparse_structure_draw(&task->spec, drawing.form, drawing.density, &rng,
                              weights);
    return weights;
}

/* The batch that a spec states; NULL: kinds whose batch is not told. */
static int64_t *batch_of(struct kernel_spec *spec)
{
    int64_t *const rows[KERNEL_KIND_COUNT] = {
        [KERNEL_CONV] = &spec->conv.n,       [KERNEL_DECONV] = &spec->conv.n,
        [KERNEL_PRODUCT] = &spec->product.n, [KERNEL_POOL] = &spec->pool.n,
        [KERNEL_AFFINE] = &spec->affine.n,
    };
    return rows[spec->kind];
}

/* Makes `task` and the views of its values one of fewer images, where all of
 * them say the same batch. Returns the factor that its time grows by. */
static double shrink_batch(struct task *task, struct value_view *views,
                           int threads)
{
    const int64_t largest = (int64_t)LARGEST_BATCH * threads;
    int64_t *batch = batch_of(&task->spec);
    struct value_view *ends[] = {
        &views[task->operands[0]], &views[task->dst],
        task->other == GRAPH_NONE ? &views[task->dst] : &views[task->other]};
    if (!batch || *batch <= largest)
        return 1;
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
        if (!ends[i]->mapped || ends[i]->desc.n != *batch)
            return 1;
    double factor = (double)*batch / (double)largest;
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
        ends[i]->desc.n = largest;
    *batch = largest;
    return factor;
}

/* Compiles and times a copy of the task. */
static int measure_copy(struct choosing *c, struct task *copy,
                        const struct candidate *candidate, double *ns,
                        struct error *err)
{
    size_t count = c->instance->value_count;
    struct value_view *views = array_create(count, sizeof(*views));
    struct compile_context context = *c->context;
    struct compiled *compiled = NULL;
    if (!views)
        return error_memory(err, count * sizeof(*views));
    memcpy(views, c->views, count * sizeof(*views));
    context.views = views;
    double factor = shrink_batch(copy, views, context.threads);
    int status = compiled_create(&compiled, copy, candidate, &context, err);
    if (status == 0)
        *ns = factor * time_compiled(compiled, c,
                                     copy->other != GRAPH_NONE ||
                                         copy->operand_count > 1,
                                     estimate(c, copy, candidate) / factor);
    compiled_drop(compiled);
    free(views);
    return status < 0 ? -1 : 0;
}

static int measure(struct choosing *c, const struct task *task,
                   const struct candidate *candidate, struct drawing drawing,
                   double *ns, struct error *err)
{
    struct task copy = *task;
    float *weights = NULL;
    *ns = INFINITY;
    copy.idle = NULL; /* a time of the problem, not of these zeros */
    copy.filled = NULL;
    if (cancel_raised(c->options->cancel))
        return error_set(err, ERROR_CANCELLED, "planning was cancelled");
    if (drawing.density >= 0) {
        weights = draw(task, drawing);
        if (!weights)
            return error_memory(err, (size_t)task->weights * sizeof(float));
        if (copy.spec.kind == KERNEL_PRODUCT)
            copy.spec.product.weight = weights;
        else
            copy.spec.conv.weight = weights;
    }
    int status = measure_copy(c, &copy, candidate, ns, err);
    free(weights);
    return status;
}

/* As measure, but remembered. NAN: it would have to be measured, and there is
 * no time for that now. */
static int measure_once(struct choosing *c, const struct task *task,
                        const struct candidate *candidate,
                        struct drawing drawing, double *ns, struct error *err)
{
    struct task blank = *task;
    blank.idle = NULL;
    blank.constants = hash_u64((uint64_t)drawing.form,
                               (uint64_t)(int64_t)(drawing.density * 1024));
    uint64_t key = compiled_key(&blank, candidate, c->context);
    if (timing_get(c->options->timing, key, ns))
        return 0;
    if (c->options->at_once) {
        c->guessed = true;
        *ns = (double)NAN;
        return 0;
    }
    if (measure(c, task, candidate, drawing, ns, err))
        return -1;
    timing_put(c->options->timing, key, *ns);
    return 0;
}

/* The share of a task's outputs that somebody reads. */
static double busy_rows(const struct task *task)
{
    if (!task->idle)
        return 1;
    return 1 - (double)task->idle->row_count / (double)idle_outputs(task);
}

/* A kernel of a form is for such zeros. One for weights anywhere meets zeros
 * with a structure as well, and may be faster or slower on them: where rows
 * wait for the fullest, N:M makes them equal and 1x16 does not. */
static enum sparse_form drawn_form(const struct task *task,
                                   const struct candidate *candidate)
{
    enum sparse_form form = candidate->sparse->form;
    return form == SPARSE_FORM_ANY ? sparse_structure_form(&task->zeros) : form;
}

/* Two densities and what a kernel takes at them. */
struct line {
    double density[2], ns[2];
};

/* A kernel that serves only few weights, or only many, does not serve each end:
 * the line becomes shorter until it does. What is refused costs no measurement.
 */
static int line_measure(struct choosing *c, const struct task *task,
                        const struct candidate *candidate, struct line *l,
                        struct error *err)
{
    enum { HALVINGS = 4 };
    const enum sparse_form form = drawn_form(task, candidate);
    for (int i = 0; i <= HALVINGS; i++) {
        for (int end = 0; end < 2; end++)
            if (measure_once(c, task, candidate,
                             (struct drawing){form, l->density[end]},
                             &l->ns[end], err))
                return -1;
        if (isinf(l->ns[0]) && isinf(l->ns[1])) {
            l->density[1] = l->density[0];
            l->density[0] /= 2;
        } else if (isinf(l->ns[0]) || isinf(l->ns[1])) {
            l->density[isinf(l->ns[1])] = (l->density[0] + l->density[1]) / 2;
        } else {
            break;
        }
    }
    return 0;
}

static int sparse_time(struct choosing *c, const struct task *task,
                       struct candidate *candidate, struct error *err)
{
    static const double densities[] = {1.0 / 16, 1.0 / 4, 1.0 / 2, 1.0};
    double density = density_of(task, candidate);
    size_t low = 0;
    while (low + 2 < ARRAY_LENGTH(densities) && density > densities[low + 1])
        low++;
    struct line l = {.density = {densities[low], densities[low + 1]}};
    if (line_measure(c, task, candidate, &l, err))
        return -1;
    double a = l.ns[0], b = l.ns[1];
    if (!isfinite(a) || !isfinite(b)) {
        candidate->ns = INFINITY;
        return 0;
    }
    double slope = (b - a) / (l.density[1] - l.density[0]);
    double ns = a + slope * (density - l.density[0]);
    /* Idle rows cost nothing, where others cost something without weights. */
    double rows = busy_rows(task);
    double empty = fmax(0, a - slope * l.density[0]);
    candidate->ns = fmax(ns - empty * (1 - rows), a / 4 * rows);
    return 0;
}

int candidate_time(struct choosing *c, const struct task *task,
                   struct candidate *candidate, struct error *err)
{
    bool fast = candidate->method == METHOD_ONEDNN ||
                candidate->method == METHOD_DENSE ||
                candidate->method == METHOD_SPARSE;
    if (candidate->ns == INFINITY)
        return 0;
    candidate->ns = estimate(c, task, candidate);
    /* Attention has one kernel, and more operands than a measurement makes. */
    if (!c->measures || !fast || task->spec.kind == KERNEL_ATTENTION)
        return 0;
    candidate->measured = true;
    if (candidate->method == METHOD_SPARSE)
        return sparse_time(c, task, candidate, err);
    double ns;
    if (measure_once(c, task, candidate, own_weights, &ns, err))
        return -1;
    candidate->measured = !isnan(ns);
    candidate->ns = isnan(ns) ? candidate->ns : ns;
    return 0;
}

/* A value that one thread wrote as it will be read stays where it is; else
 * every thread but one in two, say, finds it in its own cache. Channels read
 * all of the source, unless each reads its own. */
double handover_time(const struct choosing *c, const struct task *task,
                     int value, enum sharing from, enum sharing to)
{
    const double line_bytes = 64, away = 0.5;
    const struct conv_spec *v = &task->spec.conv;
    bool own = task->spec.kind == KERNEL_CONV && v->groups == v->ic;
    if (from == to && (from != SHARING_CHANNELS || own))
        return 0;
    /* The result's memory was another step's, shared as the source was. */
    size_t bytes = c->views[value].bytes;
    if (from != to && task->dst != GRAPH_NONE)
        bytes += c->views[task->dst].bytes;
    return away * c->line_ns * (double)bytes / line_bytes;
}

double reorder_time(struct choosing *c, int value, enum layout from,
                    enum layout to)
{
    struct value_view view = c->views[value];
    double factor = 1;
    if (view.mapped && view.desc.n > LARGEST_BATCH) {
        factor = (double)view.desc.n / LARGEST_BATCH;
        view.desc.n = LARGEST_BATCH;
    }
    const struct layout_desc a = value_view_desc(&view, from);
    const struct layout_desc b = value_view_desc(&view, to);
    double ns = factor * estimate_reorder(&a, &b);
    if (!c->measures)
        return ns;
    const int64_t numbers[] = {
        REORDER_SALT, (int64_t)a.layout, a.n,     a.c, a.h, a.w,
        a.border,     (int64_t)b.layout, b.border};
    uint64_t key = hash_bytes(0, numbers, sizeof(numbers));
    struct compiled *compiled = NULL;
    if (timing_get(c->options->timing, key, &ns))
        return factor * ns;
    if (c->options->at_once) {
        c->guessed = true;
        return ns;
    }
    if (compiled_create_reorder(&compiled, &a, &b, c->context, NULL))
        return ns;
    double measured = time_compiled(compiled, c, false, ns);
    compiled_drop(compiled);
    if (measured == INFINITY)
        return ns;
    timing_put(c->options->timing, key, measured);
    return factor * measured;
}
