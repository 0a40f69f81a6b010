#include "exec/workload.h"

#include "base/array.h"
#include "exec/idle.h"
#include "exec/plan_internal.h"

#include <stdlib.h>

static int64_t elements_of(const struct graph *g, int value)
{
    if (value == GRAPH_NONE || g->values[value].constant.data)
        return 0;
    return shape_elements(&g->values[value].shape);
}

static const enum workload_method ways[METHOD_COUNT] = {
    [METHOD_PLAIN] = WORKLOAD_PLAIN,    [METHOD_REFERENCE] = WORKLOAD_PLAIN,
    [METHOD_ONEDNN] = WORKLOAD_DENSE,   [METHOD_DENSE] = WORKLOAD_DENSE,
    [METHOD_SPARSE] = WORKLOAD_SPARSE,  [METHOD_ALIAS] = WORKLOAD_PLAIN,
    [METHOD_REORDER] = WORKLOAD_REORDER};

void plan_workload(const struct plan *plan, size_t index, struct workload *out)
{
    const struct step *step = &plan->steps[index];
    const struct compiled *c = step->compiled;
    int64_t source = 0, result = 0;
    for (int i = 0; i < step->operand_count; i++)
        if (step->operands[i] >= 0)
            source += elements_of(plan->instance,
                                  plan->slots[step->operands[i]].value);
    for (int i = 0; i < step->result_count; i++)
        if (step->results[i] >= 0)
            result += elements_of(plan->instance,
                                  plan->slots[step->results[i]].value);
    workload_of(out, &c->spec, &c->zeros, source, result);
    out->method = ways[c->candidate.method];
    if (out->method != WORKLOAD_SPARSE)
        return;
    out->form = c->candidate.sparse->form;
    out->layout = c->candidate.sparse->layout;
}

static void of_task(struct workload_row *row, const struct graph *g,
                    const struct task *task)
{
    const struct node *node = &g->nodes[task->node];
    int64_t source = 0, result = 0;
    bool plain = task->spec.kind == KERNEL_NONE;
    for (int i = 0; plain && i < node->input_count; i++)
        source += elements_of(g, node->inputs[i]);
    for (int i = 0; plain && i < node->output_count; i++)
        result += elements_of(g, node->outputs[i]);
    for (int i = 0; i < task->operand_count; i++)
        source += elements_of(g, task->operands[i]);
    source += elements_of(g, task->other);
    result += elements_of(g, task->dst);
    row->node = task->node;
    workload_of(&row->workload, &task->spec, &task->zeros, source, result);
    if (plain)
        row->workload.method = WORKLOAD_PLAIN;
}

int workload_list_init(struct workload_list *out, const struct graph *instance,
                       const struct plan *counted, struct error *err)
{
    struct task_list tasks;
    *out = (struct workload_list){0};
    if (task_list_init(&tasks, instance, true, err))
        return -1;
    for (size_t i = 0; i < tasks.count; i++)
        plan_count_nonzeros(counted, &tasks.tasks[i]);
    if (idle_find(&tasks, instance, counted, err)) {
        task_list_release(&tasks);
        return -1;
    }
    out->rows = array_create(tasks.count + 1, sizeof(*out->rows));
    int status =
        out->rows ? 0 : error_memory(err, tasks.count * sizeof(*out->rows));
    for (size_t i = 0; !status && i < tasks.count; i++)
        if (tasks.tasks[i].spec.kind != KERNEL_ALIAS)
            of_task(&out->rows[out->count++], instance, &tasks.tasks[i]);
    task_list_release(&tasks);
    return status;
}

int workload_list_copy(struct workload_list *out,
                       const struct workload_list *in, struct error *err)
{
    *out = (struct workload_list){
        array_create(in->count + 1, sizeof(*out->rows)), in->count};
    if (!out->rows)
        return error_memory(err, in->count * sizeof(*out->rows));
    for (size_t i = 0; i < in->count; i++)
        out->rows[i] = in->rows[i];
    return 0;
}

void workload_list_release(struct workload_list *list)
{
    free(list->rows);
    *list = (struct workload_list){0};
}
