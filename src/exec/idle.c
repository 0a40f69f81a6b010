/*
 * Forward, in order of execution: which output channels have a known value,
 * and which weights that read them go into the bias. Then backward: which
 * channels are still read. Padding reads zeros beside a channel, so that only
 * a channel of zeros is known to a padded convolution.
 */
#include "exec/idle.h"

#include "base/array.h"
#include "base/hash.h"
#include "exec/fold.h"
#include "exec/plan_internal.h"
#include "kernel/reference.h"

#include <stdlib.h>
#include <string.h>

/* A weight as (outputs, inputs of a group, positions) with any strides. */
struct weights {
    const float *data, *bias;
    int64_t outputs, inputs, positions, groups;
    int64_t output_step, input_step;
};

static struct weights weights_of(const struct kernel_spec *spec)
{
    const struct conv_spec *c = &spec->conv;
    const struct product_spec *p = &spec->product;
    if (spec->kind == KERNEL_PRODUCT)
        return (struct weights){p->weight,
                                p->bias,
                                p->out,
                                p->in,
                                1,
                                1,
                                p->transposed ? 1 : p->in,
                                p->transposed ? p->out : 1};
    int64_t inputs = c->ic / c->groups, positions = c->kh * c->kw;
    return (struct weights){
        c->weight,          c->bias,  c->oc, inputs, positions, c->groups,
        inputs * positions, positions};
}

int64_t idle_outputs(const struct task *task)
{
    return task->spec.kind == KERNEL_PRODUCT ? task->spec.product.out
                                             : task->spec.conv.oc;
}

int64_t idle_inputs(const struct task *task)
{
    return task->spec.kind == KERNEL_PRODUCT ? task->spec.product.in
                                             : task->spec.conv.ic;
}

/* The first input channel that an output channel reads. */
static int64_t first_input(const struct weights *w, int64_t output)
{
    return output / (w->outputs / w->groups) * w->inputs;
}

static bool is_part(const struct task *task)
{
    enum kernel_kind kind = task->spec.kind;
    return (kind == KERNEL_CONV || kind == KERNEL_PRODUCT) &&
           task->weights > 0 && task->nonzeros * 4 <= task->weights * 3;
}

void idle_destroy(struct idle *idle)
{
    if (!idle)
        return;
    free(idle->rows);
    free(idle->columns);
    free(idle->values);
    free(idle);
}

static struct idle *idle_of(struct task *task)
{
    if (task->idle)
        return task->idle;
    struct idle *idle = array_create(1, sizeof(*idle));
    if (!idle)
        return NULL;
    size_t outputs = (size_t)idle_outputs(task);
    size_t inputs = (size_t)idle_inputs(task);
    idle->rows = array_create(outputs, 1);
    idle->columns = array_create(inputs, 1);
    idle->values = array_create(inputs, sizeof(*idle->values));
    if (!idle->rows || !idle->columns || !idle->values) {
        idle_destroy(idle);
        return NULL;
    }
    return task->idle = idle;
}

/* --- which rows and columns hold weights --- */

static void scan(const struct task *task, uint8_t *rows, uint8_t *columns)
{
    const struct weights w = weights_of(&task->spec);
    for (int64_t o = 0; o < w.outputs; o++) {
        uint8_t *column = columns + first_input(&w, o);
        uint8_t any = 0;
        for (int64_t i = 0; i < w.inputs; i++) {
            const float *at = w.data + o * w.output_step + i * w.input_step;
            uint8_t kept = 0;
            for (int64_t k = 0; k < w.positions; k++)
                kept |= at[k] != 0.0F;
            column[i] |= kept;
            any |= kept;
        }
        rows[o] = any;
    }
}

static int fill(struct task *task, const struct plan *previous)
{
    size_t outputs = (size_t)idle_outputs(task);
    size_t inputs = (size_t)idle_inputs(task);
    const struct compiled *same = plan_same_zeros(previous, task);
    task->filled = array_create(outputs + inputs, 1);
    if (!task->filled)
        return -1;
    if (same && same->filled)
        memcpy(task->filled, same->filled, outputs + inputs);
    else
        scan(task, task->filled, task->filled + outputs);
    return 0;
}

/* Whether the outputs of one are the inputs of the other, one by one. */
static bool hands_channels(const struct task *from, const struct task *to)
{
    return from->filled && from->spec.kind == to->spec.kind &&
           idle_outputs(from) == idle_inputs(to);
}

/* --- forward --- */

struct finding {
    struct task_list *list;
    int *producer;      /* per value: the task, -1 */
    uint8_t *else_read; /* per value: by something without weights */
    uint8_t **used;     /* per value: channels that weights read; NULL */
    uint8_t **columns;  /* per task: input channels that it reads still */
};

/* What the bias of one output gains from inputs of known value. */
static double moved(const struct weights *w, const struct idle *idle,
                    int64_t output)
{
    int64_t first = first_input(w, output);
    double sum = 0;
    for (int64_t i = 0; i < w->inputs; i++) {
        const float *at = w->data + output * w->output_step + i * w->input_step;
        if (!idle->columns[first + i] || idle->values[first + i] == 0)
            continue;
        for (int64_t k = 0; k < w->positions; k++)
            sum += (double)at[k] * idle->values[first + i];
    }
    return sum;
}

/* Whether an output channel has one value everywhere, and which. Weights that
 * read one channel each are seen through; of others only zeros. */
static bool known_value(const struct task *task, int64_t output, float *value)
{
    const struct weights w = weights_of(&task->spec);
    int64_t input = first_input(&w, output);
    bool gone = w.inputs == 1 && task->idle && task->idle->columns[input];
    if (task->other != GRAPH_NONE || (task->filled[output] && !gone))
        return false;
    double y = w.bias ? w.bias[output] : 0;
    if (gone)
        y += moved(&w, task->idle, output);
    *value = task->folds ? fold_bias(&task->affine, output, y) : (float)y;
    if (task->epilogue.activation.kind != ELTWISE_NONE)
        *value = reference_eltwise(&task->epilogue.activation, *value);
    return true;
}

static bool is_padded(const struct task *task)
{
    const struct conv_spec *c = &task->spec.conv;
    return task->spec.kind == KERNEL_CONV &&
           (c->pad_top || c->pad_left || c->pad_bottom || c->pad_right);
}

static int find_known(struct finding *f, struct task *task, uint8_t *columns)
{
    int index = f->producer[task->operands[0]];
    const struct task *from = index < 0 ? NULL : &f->list->tasks[index];
    if (!from || !hands_channels(from, task))
        return 0;
    for (int64_t c = 0; c < idle_inputs(task); c++) {
        float value;
        if (!columns[c] || !known_value(from, c, &value) ||
            (value != 0 && is_padded(task)))
            continue;
        struct idle *idle = idle_of(task);
        if (!idle)
            return -1;
        idle->columns[c] = 1;
        idle->values[c] = value;
        columns[c] = 0;
    }
    return 0;
}

/* --- backward --- */

static int find_unread(struct finding *f, struct task *task, uint8_t *columns)
{
    const struct weights w = weights_of(&task->spec);
    const uint8_t *used = f->used[task->dst];
    int64_t outputs = idle_outputs(task);
    if (f->else_read[task->dst] || !used)
        return 0;
    for (int64_t o = 0; o < outputs; o++) {
        if (used[o])
            continue;
        struct idle *idle = idle_of(task);
        if (!idle)
            return -1;
        idle->rows[o] = 1;
        idle->row_count++;
        if (w.inputs == 1 && w.outputs == w.groups)
            columns[o] = 0;
    }
    return 0;
}

/* Tells the producer which channels this task reads. */
static int tell_used(struct finding *f, const struct task *task,
                     const uint8_t *columns)
{
    int value = task->operands[0], index = f->producer[value];
    int64_t inputs = idle_inputs(task);
    if (index < 0 || !hands_channels(&f->list->tasks[index], task)) {
        f->else_read[value] = 1;
        return 0;
    }
    if (!f->used[value])
        f->used[value] = array_create((size_t)inputs, 1);
    for (int64_t c = 0; f->used[value] && c < inputs; c++)
        f->used[value][c] |= columns[c];
    return f->used[value] ? 0 : -1;
}

static void note_reads(struct finding *f, const struct graph *g)
{
    for (size_t i = 0; i < f->list->count; i++) {
        const struct task *task = &f->list->tasks[i];
        const struct node *node = &g->nodes[task->node];
        if (task->dst != GRAPH_NONE)
            f->producer[task->dst] = (int)i;
        if (task->other != GRAPH_NONE)
            f->else_read[task->other] = 1;
        for (int k = 0; task->spec.kind == KERNEL_NONE && k < node->input_count;
             k++)
            if (node->inputs[k] != GRAPH_NONE)
                f->else_read[node->inputs[k]] = 1;
        for (int k = 0; !task->filled && k < task->operand_count; k++)
            f->else_read[task->operands[k]] = 1;
    }
    for (size_t i = 0; i < g->output_count; i++)
        f->else_read[g->outputs[i]] = 1;
}

static int find_all(struct finding *f, const struct graph *g)
{
    note_reads(f, g);
    for (size_t i = 0; i < f->list->count; i++) {
        struct task *task = &f->list->tasks[i];
        size_t inputs = task->filled ? (size_t)idle_inputs(task) : 0;
        if (!task->filled)
            continue;
        f->columns[i] = array_create(inputs, 1);
        if (!f->columns[i])
            return -1;
        memcpy(f->columns[i], task->filled + idle_outputs(task), inputs);
        if (find_known(f, task, f->columns[i]))
            return -1;
    }
    for (size_t i = f->list->count; i-- > 0;) {
        struct task *task = &f->list->tasks[i];
        if (task->filled && (find_unread(f, task, f->columns[i]) ||
                             tell_used(f, task, f->columns[i])))
            return -1;
    }
    return 0;
}

/* --- what is left --- */

int idle_apply(struct kernel_spec *spec, const struct idle *idle,
               float **weight, float **bias)
{
    const struct weights w = weights_of(spec);
    int64_t total = w.outputs * w.inputs * w.positions;
    *weight = array_create((size_t)total, sizeof(float));
    *bias = array_create((size_t)w.outputs, sizeof(float));
    if (!*weight || !*bias) {
        free(*weight);
        free(*bias);
        *weight = *bias = NULL;
        return -1;
    }
    for (int64_t o = 0; o < w.outputs; o++) {
        int64_t first = first_input(&w, o);
        (*bias)[o] = (float)((w.bias ? w.bias[o] : 0.0) + moved(&w, idle, o));
        for (int64_t i = 0; !idle->rows[o] && i < w.inputs; i++) {
            int64_t at = o * w.output_step + i * w.input_step;
            if (!idle->columns[first + i])
                memcpy(*weight + at, w.data + at,
                       (size_t)w.positions * sizeof(float));
        }
    }
    if (spec->kind == KERNEL_PRODUCT) {
        spec->product.weight = *weight;
        spec->product.bias = *bias;
    } else {
        spec->conv.weight = *weight;
        spec->conv.bias = *bias;
        spec->conv.unread = idle->skips ? idle->rows : NULL;
    }
    return 0;
}

/* Counts the weights that are left, unless `previous` counted the same. */
static int count_left(struct task *task, const struct plan *previous)
{
    const struct compiled *same = plan_same_zeros(previous, task);
    struct idle *idle = task->idle;
    struct task left = *task;
    float *weight = NULL, *bias = NULL;
    idle->hash = hash_bytes(1, idle->rows, (size_t)idle_outputs(task));
    idle->hash =
        hash_bytes(idle->hash, idle->columns, (size_t)idle_inputs(task));
    idle->hash = hash_bytes(idle->hash, idle->values,
                            (size_t)idle_inputs(task) * sizeof(float));
    if (same && same->idle_hash == idle->hash) {
        task->nonzeros = same->nonzeros;
        task->zeros = same->zeros;
        return 0;
    }
    if (idle_apply(&left.spec, idle, &weight, &bias))
        return -1;
    task_count_nonzeros(&left);
    task->nonzeros = left.nonzeros;
    task->zeros = left.zeros;
    free(weight);
    free(bias);
    return 0;
}

int idle_find(struct task_list *list, const struct graph *instance,
              const struct plan *previous, struct error *err)
{
    size_t values = instance->value_count + 1, tasks = list->count + 1;
    struct finding f = {.list = list,
                        .producer = array_create(values, sizeof(*f.producer)),
                        .else_read = array_create(values, sizeof(*f.else_read)),
                        .used = array_create(values, sizeof(*f.used)),
                        .columns = array_create(tasks, sizeof(*f.columns))};
    bool fits = f.producer && f.else_read && f.used && f.columns;
    for (size_t i = 0; fits && i < values; i++)
        f.producer[i] = -1;
    for (size_t i = 0; fits && i < list->count; i++)
        if (is_part(&list->tasks[i]))
            fits = fill(&list->tasks[i], previous) == 0;
    fits = fits && find_all(&f, instance) == 0;
    for (size_t i = 0; fits && i < list->count; i++)
        if (list->tasks[i].idle)
            fits = count_left(&list->tasks[i], previous) == 0;
    for (size_t i = 0; f.used && i < values; i++)
        free(f.used[i]);
    for (size_t i = 0; f.columns && i < tasks; i++)
        free(f.columns[i]);
    free(f.producer);
    free(f.else_read);
    free(f.used);
    free(f.columns);
    return fits ? 0 : error_memory(err, values * sizeof(*f.used));
}

/* --- memory --- */

static const struct candidate *chosen_for(const struct choosing *c,
                                          size_t index)
{
    return &c->choices[index].candidates[c->choices[index].taken];
}

/* Whether a kernel looks at its weights one by one, so that it touches no
 * memory of channels without. */
static bool reads_entries(const struct candidate *chosen)
{
    return chosen->method == METHOD_SPARSE &&
           chosen->sparse->form == SPARSE_FORM_ANY;
}

void idle_decide_skips(const struct choosing *c, size_t index)
{
    const struct task *task = &c->list->tasks[index];
    const struct candidate *writer = chosen_for(c, index);
    if (!task->idle)
        return;
    const struct value_view *view = &c->views[task->dst];
    task->idle->skips = reads_entries(writer) && task->idle->row_count > 0;
    for (size_t i = 0; task->idle->skips && i < c->list->count; i++) {
        const struct task *reader = &c->list->tasks[i];
        const struct candidate *chosen = chosen_for(c, i);
        if (reader->operand_count > 0 && reader->operands[0] == task->dst)
            task->idle->skips = reads_entries(chosen) &&
                                value_view_canonical(view, chosen->src) ==
                                    value_view_canonical(view, writer->dst);
    }
}
