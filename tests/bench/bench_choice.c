/*
 * Whether the planner's expectations choose well: for every layer of a model
 * whose weights hold zeros, each kernel that may compute it with the time that
 * the planner expects and the time that it takes on the layer's own weights,
 * one thread:
 *
 *   batch,isa,layer,zeros,kernel,layout,expected_us,measured_us
 *
 * then a line for each layer: what the kernel expected to be fastest takes, of
 * what the fastest kernel, the fastest one for weights anywhere and the
 * fastest dense one take. Kernels are measured in turn. Changes of layout are
 * left out: they hang on the neighbours.
 *
 * bench_choice MODEL.onnx [BATCH]
 */
#include "base/array.h"
#include "base/clock.h"
#include "base/stats.h"
#include "exec/choose.h"
#include "exec/idle.h"
#include "kernel/onednn.h"
#include "onnx/model.h"
#include "op/instance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 15, ALIGN = 64 };

static const double shortest_ns = 50e3; /* of one measurement */

struct measured {
    struct compiled *compiled;
    struct bound bound;
    void *memory[4];
    int64_t repeats;
    double ns[RUNS];
};

static void stop(const char *what)
{
    fprintf(stderr, "bench_choice: %s\n", what);
    exit(1);
}

static void *allocate(size_t bytes)
{
    size_t rounded = (bytes + 2 * ALIGN) / ALIGN * ALIGN;
    void *p = aligned_alloc(ALIGN, rounded);
    if (!p)
        stop("no memory");
    memset(p, 0, rounded);
    return p;
}

/* The first run brings back what other kernels drove from the caches. */
static double run_ns(struct measured *m)
{
    (void)bound_run(&m->bound);
    int64_t begin = clock_now_ns();
    for (int64_t i = 0; i < m->repeats; i++)
        (void)bound_run(&m->bound);
    return (double)(clock_now_ns() - begin) / (double)m->repeats;
}

/* False: does not serve. */
static bool open_measured(struct measured *m, const struct choosing *c,
                          const struct task *task,
                          const struct candidate *candidate)
{
    struct error err = {0};
    memset(m, 0, sizeof *m);
    if (compiled_create(&m->compiled, task, candidate, c->context, &err) != 0)
        return false;
    size_t src = (size_t)layout_elements(&m->compiled->src) * sizeof(float);
    size_t dst = (size_t)layout_elements(&m->compiled->dst) * sizeof(float);
    m->memory[0] = allocate(src);
    m->memory[1] = allocate(dst > src ? dst : src);
    m->memory[2] = allocate(dst);
    m->memory[3] = allocate(compiled_scratch_total(m->compiled));
    m->bound = (struct bound){.compiled = m->compiled,
                              .src = m->memory[0],
                              .other = m->memory[1],
                              .dst = m->memory[2],
                              .scratch = m->memory[3],
                              .isa = c->options->isa};
    if (task->other == GRAPH_NONE)
        m->bound.other = NULL;
    if (bound_init(&m->bound) != 0)
        stop("a kernel cannot be bound");
    m->repeats = 2;
    m->repeats = 1 + (int64_t)(shortest_ns / (run_ns(m) + 1));
    return true;
}

static void close_measured(struct measured *m)
{
    if (!m->compiled)
        return;
    bound_release(&m->bound);
    compiled_drop(m->compiled);
    for (size_t i = 0; i < ARRAY_LENGTH(m->memory); i++)
        free(m->memory[i]);
}

static bool counts(const struct candidate *c)
{
    return c->method == METHOD_SPARSE || c->method == METHOD_DENSE ||
           c->method == METHOD_ONEDNN;
}

/* The fastest by measurement among dense ones or those of a form. */
static double fastest(const struct choice *choice, const double *ns, bool dense,
                      bool anywhere)
{
    double best = INFINITY;
    for (int k = 0; k < choice->count; k++) {
        const struct candidate *c = &choice->candidates[k];
        bool sparse = c->method == METHOD_SPARSE;
        if (!counts(c) || (dense && sparse) ||
            (anywhere && (!sparse || c->sparse->form != SPARSE_FORM_ANY)))
            continue;
        best = fmin(best, ns[k]);
    }
    return best;
}

static void report(const struct choosing *c, const struct task *task,
                   const struct choice *choice, const double *ns)
{
    const struct node *node = &c->instance->nodes[task->node];
    char structure[SPARSE_STRUCTURE_BYTES];
    double zeros = 1 - (double)task->nonzeros / (double)task->weights;
    int taken = -1;
    for (int k = 0; k < choice->count; k++) {
        const struct candidate *candidate = &choice->candidates[k];
        if (!counts(candidate) || ns[k] == INFINITY)
            continue;
        if (taken < 0 || candidate->ns < choice->candidates[taken].ns)
            taken = k;
        const char *name =
            candidate->method == METHOD_SPARSE  ? candidate->sparse->name
            : candidate->method == METHOD_DENSE ? candidate->dense->name
                                                : "onednn";
        printf("%d,%s,%s,%.3f,%s,%s,%.3f,%.3f\n", (int)c->instance->batch,
               cpu_isa_name(c->options->isa), node->name, zeros, name,
               layout_name(candidate->dst), candidate->ns / 1e3, ns[k] / 1e3);
    }
    sparse_structure_name(&task->zeros, sparse_structure_form(&task->zeros),
                          structure, sizeof structure);
    if (taken >= 0)
        printf("%d,%s,%s,%.3f,taken %s: of fastest; anywhere; dense,,%.3f,"
               "%.3f,%.3f\n",
               (int)c->instance->batch, cpu_isa_name(c->options->isa),
               node->name, zeros, structure,
               ns[taken] / fastest(choice, ns, false, false),
               ns[taken] / fastest(choice, ns, false, true),
               ns[taken] / fastest(choice, ns, true, false));
    fflush(stdout);
}

static void bench_layer(struct choosing *c, const struct task *task,
                        struct choice *choice)
{
    static struct measured measured[CHOICE_MAX];
    double ns[CHOICE_MAX];
    struct error err = {0};
    for (int k = 0; k < choice->count; k++) {
        ns[k] = INFINITY;
        measured[k].compiled = NULL;
        if (!counts(&choice->candidates[k]))
            continue;
        if (candidate_time(c, task, &choice->candidates[k], &err))
            stop(err.message);
        if (!open_measured(&measured[k], c, task, &choice->candidates[k]))
            measured[k].compiled = NULL;
    }
    for (int i = 0; i < RUNS; i++)
        for (int k = 0; k < choice->count; k++)
            if (measured[k].compiled)
                measured[k].ns[i] = run_ns(&measured[k]);
    for (int k = 0; k < choice->count; k++) {
        if (measured[k].compiled)
            ns[k] = stats_summarise(measured[k].ns, RUNS).p10;
        close_measured(&measured[k]);
    }
    report(c, task, choice, ns);
}

static void bench_graph(const struct graph *graph, struct timing *timing)
{
    struct error err = {0};
    struct task_list list;
    struct plan_options options = {.kernels = PLAN_KERNELS_AUTO,
                                   .threads = 1,
                                   .isa = CPU_ISA_SCALAR,
                                   .timing = timing};
    struct value_view *views = array_create(graph->value_count, sizeof *views);
    if (cpu_isa_select(&options.isa, &err))
        stop(err.message);
    if (!views || task_list_init(&list, graph, true, &err))
        stop(views ? err.message : "no memory");
    struct choice *choices = array_create(list.count, sizeof *choices);
    struct compile_context context = {.box = engine_box_create(),
                                      .views = views,
                                      .instance = graph,
                                      .isa = options.isa,
                                      .threads = 1};
    struct choosing c = {.instance = graph,
                         .list = &list,
                         .views = views,
                         .context = &context,
                         .options = &options,
                         .choices = choices};
    if (!choices || !context.box)
        stop("no memory");
    for (size_t i = 0; i < graph->value_count; i++)
        value_view_of(&views[i], &graph->values[i]);
    for (size_t i = 0; i < list.count; i++) {
        task_count_nonzeros(&list.tasks[i]);
        list.tasks[i].whole = list.tasks[i].zeros;
    }
    if (idle_find(&list, graph, NULL, &err) || choosing_candidates(&c, &err))
        stop(err.message);
    for (size_t i = 0; i < list.count; i++)
        if (list.tasks[i].weights > 0 && choices[i].count > 0 &&
            choices[i].candidates[0].method == METHOD_SPARSE)
            bench_layer(&c, &list.tasks[i], &choices[i]);
    free(choices);
    free(views);
    task_list_release(&list);
    engine_box_drop(context.box);
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct onnx_model *model = NULL;
    struct graph *graph = NULL;
    struct timing *timing = NULL;
    const char *path = argc > 1 ? argv[1] : "data/resnet20.onnx";
    onednn_set_threads(1);
    if (onnx_open(&model, path, &err) || timing_create(&timing, &err) ||
        op_instantiate(&graph, onnx_graph(model),
                       argc > 2 ? strtoll(argv[2], NULL, 10) : 1, &err))
        stop(err.message);
    onnx_close(model);
    bench_graph(graph, timing);
    graph_drop(graph);
    timing_destroy(timing);
    return 0;
}
