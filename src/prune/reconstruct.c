#include "prune/reconstruct.h"

#include "base/array.h"
#include "prune/batch_norm.h"
#include "prune/reconstruct_lost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A refit of what SparseGPT left costs more than it is worth beyond this many
 * multiply-adds. */
#define REFIT_COST 3e11

/* --- results --- */

void reconstruct_result_release(struct reconstruct_result *result)
{
    for (size_t i = 0; result->tensors && i < result->count; i++)
        tensor_release(&result->tensors[i]);
    for (size_t i = 0; result->masks && i < result->layer_count; i++)
        bitmask_release(&result->masks[i]);
    free(result->ids);
    free(result->tensors);
    free(result->masks);
    free(result->errors);
    *result = (struct reconstruct_result){0};
}

struct work {
    const struct reconstruct_request *request;
    struct reconstruct_result *result;
    struct trace trace;
    struct lost lost;
    size_t *layer_at; /* per node: layer to visit + 1; 0: none */
    const char *name; /* of the layer in hand */
    int done, total;
};

/* Takes `tensor` over, as the new content of constant `id`. */
static int put_constant(struct work *work, int id, struct tensor *tensor,
                        struct error *err)
{
    struct reconstruct_result *result = work->result;
    int status = trace_change(&work->trace, 1, &id, tensor, err);
    size_t i = 0;
    while (i < result->count && result->ids[i] != id)
        i++;
    if (i < result->count)
        tensor_release(&result->tensors[i]);
    else
        result->count++;
    result->ids[i] = id;
    result->tensors[i] = *tensor;
    *tensor = (struct tensor){0};
    return status;
}

static int result_init(struct work *work, struct error *err)
{
    struct reconstruct_result *r = work->result;
    size_t layers = work->request->layers->count;
    size_t values = work->request->instance->value_count;
    *r = (struct reconstruct_result){.layer_count = layers};
    r->ids = array_create(values, sizeof *r->ids);
    r->tensors = array_create(values, sizeof *r->tensors);
    r->masks = array_create(layers, sizeof *r->masks);
    r->errors = array_create(layers, sizeof *r->errors);
    if (!r->ids || !r->tensors || !r->masks || !r->errors)
        return error_memory(err, values * sizeof *r->tensors);
    for (size_t i = 0; i < layers; i++)
        r->errors[i] = NAN;
    return 0;
}

static int64_t value_bytes(const struct graph *graph, int id)
{
    const struct value *value = &graph->values[id];
    return shape_elements(&value->shape) * (int64_t)dtype_size(value->dtype);
}

/* --- one layer --- */

/* A float32 copy of a constant of the dense model. */
static int read_constant(struct tensor *out, const struct graph *graph, int id,
                         struct error *err)
{
    const struct tensor *constant = &graph->values[id].constant;
    return tensor_convert(out, constant, DTYPE_FLOAT32, err);
}

static int write_constant(struct work *work, int id, struct tensor *floats,
                          struct error *err)
{
    struct tensor stored;
    enum dtype dtype = work->request->instance->values[id].dtype;
    if (dtype == DTYPE_FLOAT32)
        return put_constant(work, id, floats, err);
    if (tensor_convert(&stored, floats, dtype, err) < 0)
        return -1;
    return put_constant(work, id, &stored, err);
}

/* The value that is added to the layer's output behind its batch norm, when
 * both sides know it already and differ. */
static int find_addend(const struct work *work, const struct layer *layer,
                       int output)
{
    const struct graph *graph = work->trace.dense;
    int nodes[2];
    if (graph_consumers(graph, output, nodes, 2) != 1)
        return GRAPH_NONE;
    const struct node *node = &graph->nodes[nodes[0]];
    (void)layer;
    if (strcmp(node->type, "Add") || node->input_count != 2)
        return GRAPH_NONE;
    int other = node->inputs[node->inputs[0] == output];
    const struct trace_value *value = &work->trace.values[other];
    bool same =
        shape_equal(&graph->values[other].shape, &graph->values[output].shape);
    return same && value->bytes[TRACE_DENSE] && value->bytes[TRACE_CHANGED]
               ? other
               : GRAPH_NONE;
}

struct fitting {
    const struct layer *layer;
    size_t row;
    struct batch_norm norm;
    struct hessian_target target;
    struct tensor weight, bias; /* of the dense model; bias may have no data */
    int bias_id;
    bool centred;
    struct bitmask stays; /* what does not go with channels; words NULL: all */
    float *counts;        /* (rows) scale of the row's errors; 0: it goes */
};

static void fitting_release(struct fitting *f)
{
    batch_norm_release(&f->norm);
    tensor_release(&f->weight);
    tensor_release(&f->bias);
    bitmask_release(&f->stays);
    free(f->counts);
}

/* Targets are those of the dense model's batch norm, so it has to be there. */
static int restore_norm(struct work *work, int node, struct error *err)
{
    const struct graph *dense = work->trace.dense;
    const struct node *n = &dense->nodes[node];
    for (int i = 1; i <= 2; i++) {
        int id = n->inputs[i];
        const struct tensor *own = &dense->values[id].constant;
        if (own->data == work->trace.changed->values[id].constant.data)
            continue;
        struct tensor again = tensor_share(own);
        if (put_constant(work, graph_stored(dense, id), &again, err) < 0)
            return -1;
    }
    return 0;
}

/* What goes with channels, and what errors of the rows that stay count. */
static int find_lost(struct fitting *f, const struct work *work,
                     struct error *err)
{
    int64_t rows = f->layer->matrix.rows;
    f->counts = array_create((size_t)rows + 1, sizeof *f->counts);
    if (!f->counts)
        return error_memory(err, (size_t)rows * sizeof *f->counts);
    if (lost_layer(&f->stays, f->counts, &work->lost, work->trace.dense, f->row,
                   err) < 0)
        return -1;
    for (int64_t r = 0; r < rows && f->norm.scale; r++)
        f->counts[r] *= f->norm.scale[r];
    return 0;
}

static int fitting_init(struct fitting *f, struct work *work, size_t row,
                        struct error *err)
{
    const struct graph *graph = work->trace.dense;
    const struct layer *layer = &work->request->layers->layers[row];
    const struct node *node = &graph->nodes[layer->node];
    *f = (struct fitting){.layer = layer, .row = row, .bias_id = GRAPH_NONE};
    f->target = (struct hessian_target){.output = node->outputs[0],
                                        .correction = GRAPH_NONE};
    if (read_constant(&f->weight, graph, layer->weight, err) < 0)
        return -1;
    int bias = node->input_count > 2 ? node->inputs[2] : GRAPH_NONE;
    if (bias >= 0 && graph->values[bias].constant.data &&
        shape_elements(&graph->values[bias].shape) == layer->matrix.rows) {
        f->bias_id = graph_stored(graph, bias);
        if (read_constant(&f->bias, graph, bias, err) < 0)
            return -1;
    }
    if (batch_norm_behind(&f->norm, graph, node->outputs[0], err) < 0)
        return -1;
    if (f->norm.node >= 0 && restore_norm(work, f->norm.node, err) < 0)
        return -1;
    f->centred = f->norm.node >= 0 || f->bias_id >= 0;
    int end = f->norm.node >= 0 ? graph->nodes[f->norm.node].outputs[0]
                                : node->outputs[0];
    f->target.correction = find_addend(work, layer, end);
    f->target.scale = f->norm.scale;
    return find_lost(f, work, err);
}

static int put_bias(struct work *work, const struct fitting *f,
                    const struct fit *fit, const float *weight,
                    struct error *err)
{
    size_t rows = (size_t)fit->rows;
    struct tensor bias;
    double *shift = array_create(rows, sizeof *shift);
    int result = shift ? 0 : error_memory(err, rows * sizeof *shift);
    if (!result)
        result = tensor_init(&bias, DTYPE_FLOAT32, &f->bias.shape, err);
    if (!result) {
        fit_bias(fit, weight, shift);
        for (size_t i = 0; i < rows; i++)
            ((float *)bias.data)[i] = (float)shift[i];
        result = write_constant(work, f->bias_id, &bias, err);
        tensor_release(&bias);
    }
    free(shift);
    return result;
}

static double refit_cost(const struct fit *fit, const struct bitmask *mask)
{
    double kept = (double)bitmask_count(mask) / fit->rows;
    return fit->rows * kept * kept * kept / 3;
}

/*
 * Of a layer that lost channels: what reads nothing and what nobody reads cost
 * nothing and fall first, the decision's share of the others follows. Patterns
 * fit the smaller shapes, so their masks stay as they are; so do those of wide
 * layers.
 */
static int choose_among_left(struct work *work, struct fit *fit,
                             const struct fitting *f, struct error *err)
{
    const struct reconstruct_request *r = work->request;
    const struct decision *decision = &r->decisions[f->row];
    struct bitmask *mask = &work->result->masks[f->row];
    int64_t left = (int64_t)bitmask_count(&f->stays), all = f->layer->weights;
    double share = (double)decision->remove / (double)all;
    if (!decision->remove || !r->method->traces ||
        decision->structure != structures[0] ||
        fit->columns > FIT_TRACE_COLUMNS)
        return bitmask_copy(mask, &r->masks[f->row]) < 0
                   ? error_memory(err, (size_t)all / 8)
                   : 0;
    if (fit_trace(fit, decision->structure, &r->parallel, r->cancel, err) < 0 ||
        fit_select(fit, all - left + decision_units(share, left), mask, err) <
            0)
        return -1;
    for (size_t i = 0; i < mask->bits; i++)
        if (!bitmask_get(&f->stays, i))
            bitmask_set(mask, i, false);
    return 0;
}

/* Methods look for patterns in the model's order of channels; where another
 * one runs, masks that follow it stay as they are. */
static bool keeps_mask(const struct reconstruct_request *r, size_t row)
{
    return !r->method->choose || !r->decisions[row].remove ||
           (r->removal.order && r->decisions[row].structure != structures[0]);
}

/* The mask and the weights on it; *error is what is lost. */
static int choose_and_solve(struct work *work, struct fit *fit,
                            const struct fitting *f, double *error,
                            struct error *err)
{
    const struct reconstruct_request *r = work->request;
    struct bitmask *mask = &work->result->masks[f->row];
    float *weight = f->weight.data;
    *error = -1;
    if (f->stays.words) {
        if (choose_among_left(work, fit, f, err) < 0)
            return -1;
    } else if (keeps_mask(r, f->row)) {
        if (bitmask_copy(mask, &r->masks[f->row]) < 0)
            return error_memory(err, (size_t)f->layer->weights / 8);
    } else if (r->method->choose(fit, &r->decisions[f->row], &r->parallel,
                                 r->cancel, mask, weight, error, err) < 0) {
        return -1;
    }
    if (*error >= 0 && refit_cost(fit, mask) > REFIT_COST)
        return 0;
    return fit_solve(fit, mask, weight, error, &r->parallel, r->cancel, err);
}

static int fit_layer(struct work *work, struct fitting *f, struct error *err)
{
    const struct reconstruct_request *r = work->request;
    struct hessian hessian;
    struct fit fit = {0};
    struct fit_options options = {
        .damping = r->damping,
        .centred = f->centred,
        .bias = f->bias.data,
        .row_scale = f->counts,
    };
    double error = 0;
    if (hessian_init(&hessian, &work->trace, f->layer, TRACE_CHANGED,
                     &f->target, err) < 0)
        return -1;
    int result =
        fit_init(&fit, f->layer, f->weight.data, &hessian, &options, err);
    hessian_release(&hessian);
    if (!result)
        result = choose_and_solve(work, &fit, f, &error, err);
    if (!result && f->bias_id >= 0)
        result = put_bias(work, f, &fit, f->weight.data, err);
    if (!result) {
        work->result->errors[f->row] = fit.total > 0 ? error / fit.total : 0;
        result = write_constant(work, f->layer->weight, &f->weight, err);
    }
    fit_release(&fit);
    return result;
}

static int tell(struct work *work, struct error *err)
{
    const struct reconstruct_request *r = work->request;
    return r->progress ? r->progress(r->progress_context, work->name,
                                     work->done, work->total, err)
                       : 0;
}

static int visit_layer(struct work *work, size_t row, struct error *err)
{
    struct fitting fitting;
    const struct reconstruct_request *r = work->request;
    const struct layer *layer = &r->layers->layers[row];
    work->name = layer->name;
    if (tell(work, err) < 0)
        return -1;
    work->done++;
    int result = fitting_init(&fitting, work, row, err);
    if (!result)
        result = fit_layer(work, &fitting, err);
    fitting_release(&fitting);
    return result < 0 ? error_prefix(err, "layer '%s'", layer->name) : 0;
}

/* --- statistics of layers whose batch norm was folded --- */

/* Constants of a layer in floats, as they are on the changed side. */
struct affine {
    const struct layer *layer;
    struct tensor weight, bias;
};

/*
 * Row r's outputs y become (y - mean) * ratio + mean of the dense model's.
 * Source: Frantar et al. 2022 (OBC), statistics correction.
 */
static void affine_correct(struct affine *affine,
                           const struct channel_statistics *statistics)
{
    const struct layer_matrix *m = &affine->layer->matrix;
    float *weight = affine->weight.data, *bias = affine->bias.data;
    for (int64_t r = 0; r < m->rows; r++) {
        double was = statistics->sides[r * TRACE_SIDES + TRACE_DENSE].mean;
        double is = statistics->sides[r * TRACE_SIDES + TRACE_CHANGED].mean;
        double before =
            statistics->sides[r * TRACE_SIDES + TRACE_DENSE].variance;
        double now =
            statistics->sides[r * TRACE_SIDES + TRACE_CHANGED].variance;
        /* A row that says (almost) nothing any more is only shifted. */
        double ratio = now > 1e-6 * before ? sqrt(before / now) : 1;
        for (int64_t c = 0; c < m->inputs; c++)
            for (int64_t k = 0; k < m->places; k++)
                weight[layer_matrix_at(m, r, c, k)] *= (float)ratio;
        bias[r] = (float)(((double)bias[r] - is) * ratio + was);
    }
}

static int correct_layer(struct work *work, size_t row, struct error *err)
{
    const struct layer *layer = &work->request->layers->layers[row];
    const struct graph *changed = work->trace.changed;
    const struct node *node = &changed->nodes[layer->node];
    struct affine affine = {.layer = layer};
    struct channel_statistics statistics = {0};
    int bias = graph_stored(changed, node->inputs[2]);
    work->name = layer->name;
    int result = trace_run(&work->trace, layer->node, TRACE_CHANGED, err);
    if (!result)
        result = channel_statistics_measure(&statistics, &work->trace,
                                            node->outputs[0], err);
    if (!result)
        result = read_constant(&affine.weight, changed, layer->weight, err);
    if (!result)
        result = read_constant(&affine.bias, changed, bias, err);
    if (!result) {
        affine_correct(&affine, &statistics);
        result = write_constant(work, layer->weight, &affine.weight, err);
    }
    if (!result)
        result = write_constant(work, bias, &affine.bias, err);
    channel_statistics_release(&statistics);
    tensor_release(&affine.weight);
    tensor_release(&affine.bias);
    return result < 0 ? error_prefix(err, "layer '%s'", layer->name) : 0;
}

/* Whether a layer has a bias of its own and no batch norm behind it. */
static bool is_affine(const struct graph *graph, const struct layer *layer)
{
    const struct node *node = &graph->nodes[layer->node];
    const struct shape *shape = &graph->values[node->outputs[0]].shape;
    int bias = node->input_count > 2 ? node->inputs[2] : GRAPH_NONE;
    int readers[2];
    /* A weight or bias that several nodes share has no one output. */
    if (bias < 0 || graph_consumers(graph, layer->weight, readers, 2) != 1 ||
        graph_consumers(graph, node->inputs[1], readers, 2) != 1 ||
        graph_consumers(graph, bias, readers, 2) != 1)
        return false;
    if (!graph->values[bias].constant.data || shape->rank < 2 ||
        shape->dims[1] != layer->matrix.rows ||
        shape_elements(&graph->values[bias].shape) != layer->matrix.rows)
        return false;
    return graph_consumers(graph, node->outputs[0], readers, 2) != 1 ||
           !batch_norm_is(graph, readers[0]);
}

/* --- all nodes in order --- */

static int visit_norm(struct work *work, int node, struct error *err)
{
    struct tensor mean = {0}, variance = {0};
    const struct node *n = &work->trace.dense->nodes[node];
    int result = batch_norm_measure(&mean, &variance, &work->trace, node, err);
    if (!result)
        result = write_constant(
            work, graph_stored(work->trace.dense, n->inputs[3]), &mean, err);
    if (!result)
        result =
            write_constant(work, graph_stored(work->trace.dense, n->inputs[4]),
                           &variance, err);
    tensor_release(&mean);
    tensor_release(&variance);
    return result;
}

static int visit_node(struct work *work, int node, struct error *err)
{
    struct trace *trace = &work->trace;
    if (tell(work, err) < 0 || trace_run(trace, node, TRACE_DENSE, err) < 0)
        return -1;
    size_t layer = work->layer_at[node];
    bool statistics = work->request->method->statistics;
    if (layer && !statistics && visit_layer(work, layer - 1, err) < 0)
        return -1;
    if (trace_differs(trace, node) ||
        lost_touches(&work->lost, trace->dense, node)) {
        if (layer && statistics && correct_layer(work, layer - 1, err) < 0)
            return -1;
        if (batch_norm_is(trace->dense, node) &&
            visit_norm(work, node, err) < 0)
            return -1;
        if (trace_run(trace, node, TRACE_CHANGED, err) < 0)
            return -1;
        lost_clear(&work->lost, trace, node);
    }
    trace_pass(trace, node);
    return 0;
}

/* Whether something of a layer went, but not all: of what lost inputs with the
 * channels of others, too. */
static bool has_lost(const struct reconstruct_request *r, size_t i)
{
    if (r->decisions[i].remove && !r->removal.labels)
        return true;
    const struct bitmask *mask = r->masks ? &r->masks[i] : NULL;
    if (!r->removal.labels || !mask || !mask->words || !bitmask_count(mask))
        return false;
    return r->decisions[i].remove ||
           hessian_serves(r->instance, &r->layers->layers[i], NULL) == 0;
}

/* Whether a layer's weights are fitted. */
static bool is_chosen(const struct reconstruct_request *r, size_t i)
{
    return !r->method->statistics && r->layers->layers[i].prunable &&
           has_lost(r, i) && (!r->chosen || r->chosen[i]);
}

static int find_layers(struct work *work, struct error *err)
{
    const struct reconstruct_request *r = work->request;
    size_t nodes = r->instance->node_count;
    work->layer_at = array_create(nodes, sizeof *work->layer_at);
    if (!work->layer_at)
        return error_memory(err, nodes * sizeof *work->layer_at);
    for (size_t i = 0; i < r->layers->count; i++) {
        const struct layer *layer = &r->layers->layers[i];
        if (r->method->statistics && is_affine(r->instance, layer))
            work->layer_at[layer->node] = i + 1;
        if (!is_chosen(r, i))
            continue;
        if (hessian_serves(r->instance, layer, err) < 0)
            return error_prefix(err, "layer '%s'", layer->name);
        work->layer_at[layer->node] = i + 1;
        work->total++;
    }
    return 0;
}

/* The changed side begins with the masks of layers that are not fitted. */
static int begin_changed(struct graph **out, const struct work *work,
                         struct error *err)
{
    const struct reconstruct_request *r = work->request;
    struct mask_set set = {.count = r->layers->count};
    set.masks = array_create(set.count, sizeof *set.masks);
    if (!set.masks)
        return error_memory(err, set.count * sizeof *set.masks);
    for (size_t i = 0; i < set.count; i++)
        if (r->masks && !is_chosen(r, i))
            set.masks[i] = r->masks[i]; /* borrowed */
    const struct graph *start = r->start ? r->start : r->instance;
    int result = mask_set_apply(out, start, r->layers, &set, err);
    free(set.masks);
    return result;
}

int reconstruct(struct reconstruct_result *result,
                const struct reconstruct_request *request, struct error *err)
{
    struct work work = {.request = request, .result = result, .name = ""};
    struct graph *changed = NULL;
    int status = result_init(&work, err);
    if (!status)
        status = lost_init(&work.lost, request->instance, request->layers,
                           &request->removal, err);
    if (!status)
        status = find_layers(&work, err);
    if (!status)
        status = begin_changed(&changed, &work, err);
    if (!status)
        status = trace_init(&work.trace, request->instance, changed,
                            &request->source, &request->parallel,
                            request->cancel, false, err);
    if (!status)
        lost_hold(&work.lost, &work.trace);
    if (!status) {
        const struct graph *graph = request->instance;
        for (size_t i = 0; i < graph->node_count && !status; i++)
            if (!graph->folded || !graph->folded[i])
                status = visit_node(&work, (int)i, err);
        trace_release(&work.trace);
    }
    graph_drop(changed);
    lost_release(&work.lost);
    free(work.layer_at);
    if (status < 0)
        reconstruct_result_release(result);
    return status;
}

/* The values that are alive at the same time, both sides, at the worst. */
int64_t reconstruct_batch_bytes(const struct graph *instance)
{
    int64_t live = 0, most = 0;
    int *left = array_create(instance->value_count, sizeof *left);
    for (size_t i = 0; left && i < instance->node_count; i++)
        for (int j = 0; j < instance->nodes[i].input_count; j++)
            if (instance->nodes[i].inputs[j] >= 0)
                left[instance->nodes[i].inputs[j]]++;
    for (size_t i = 0; left && i < instance->node_count; i++) {
        const struct node *node = &instance->nodes[i];
        if (instance->folded && instance->folded[i])
            continue;
        for (int j = 0; j < node->output_count; j++)
            if (node->outputs[j] >= 0)
                live += value_bytes(instance, node->outputs[j]);
        most = live > most ? live : most;
        for (int j = 0; j < node->input_count; j++) {
            int id = node->inputs[j];
            if (id >= 0 && !instance->values[id].constant.data &&
                --left[id] == 0)
                live -= value_bytes(instance, id);
        }
    }
    free(left);
    return 2 * most;
}
