/*
 * The model runs node by node over all samples (prune/trace); a layer is looked
 * at before its node runs, while its inputs lie in memory, a channel as soon as
 * what follows the layer has been computed.
 */
#include "prune/calibration.h"

#include "base/array.h"
#include "prune/batch_norm.h"
#include "prune/fit.h"
#include "train/evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only the count of holders is ever written through it. */
static struct calibration *writable(const struct calibration *calibration)
{
    struct calibration *out;
    memcpy(&out, &calibration, sizeof out);
    return out;
}

const struct calibration *calibration_retain(const struct calibration *c)
{
    atomic_fetch_add(&writable(c)->holders, 1);
    return c;
}

void calibration_drop(const struct calibration *calibration)
{
    struct calibration *c = writable(calibration);
    if (!c || atomic_fetch_sub(&c->holders, 1) > 1)
        return;
    for (size_t i = 0; c->layers && i < c->layer_count; i++) {
        struct layer_calibration *l = &c->layers[i];
        float *const owned[] = {l->norm, l->active, l->mean, l->taylor,
                                l->snip, l->fisher, l->cost};
        for (size_t j = 0; j < ARRAY_LENGTH(owned); j++)
            free(owned[j]);
    }
    free(c->layers);
    free(c);
}

static struct calibration *create(enum calibration_part part,
                                  const struct layer_table *layers,
                                  struct error *err)
{
    struct calibration *c = array_create(1, sizeof *c);
    if (c)
        c->layers = array_create(layers->count + 1, sizeof *c->layers);
    if (!c || !c->layers) {
        free(c);
        error_memory(err, layers->count * sizeof *c->layers);
        return NULL;
    }
    c->holders = 1;
    c->part = part;
    c->layer_count = layers->count;
    for (size_t i = 0; i < layers->count; i++)
        snprintf(c->layers[i].reason, sizeof c->layers[i].reason,
                 "the samples say nothing about it");
    return c;
}

static float *figures(int64_t count, struct error *err)
{
    float *list = array_create((size_t)count + 1, sizeof *list);
    if (!list)
        error_memory(err, (unsigned long long)count * sizeof *list);
    return list;
}

/* --- inputs and order --- */

struct collecting {
    const struct calibration_request *request;
    struct calibration *calibration;
    struct trace trace;
    int *watched; /* per layer: the value whose channels are looked at, -1 */
};

static int look_at_inputs(struct collecting *c, const struct layer *layer,
                          struct layer_calibration *out, struct error *err)
{
    struct hessian h;
    if (hessian_init(&h, &c->trace, layer, TRACE_DENSE, NULL, err) < 0)
        return -1;
    size_t n = (size_t)h.columns;
    out->norm = figures((int64_t)h.groups * h.columns, err);
    for (size_t g = 0; out->norm && g < (size_t)h.groups; g++)
        for (size_t j = 0; j < n; j++)
            out->norm[g * n + j] = (float)sqrt(h.second[(g * n + j) * n + j] /
                                               (double)(h.count ? h.count : 1));
    hessian_release(&h);
    return out->norm ? 0 : -1;
}

static int look_at_order(struct collecting *c, const struct layer *layer,
                         struct layer_calibration *out, struct error *err)
{
    struct fit fit;
    int code = fit_own_outputs(&fit, &c->trace, layer, 0, err);
    if (code == 0) {
        out->cost = figures(layer->weights, err);
        code = out->cost ? fit_costs(&fit, out->cost, err) : -1;
    }
    fit_release(&fit);
    return code;
}

/* --- outputs --- */

static bool is_activation(const struct node *node)
{
    static const char *const types[] = {
        "Relu",    "Clip", "LeakyRelu", "HardSwish", "PRelu",
        "Sigmoid", "Tanh", "Gelu",      "Elu",       "HardSigmoid"};
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (!strcmp(node->type, types[i]))
            return true;
    return false;
}

/* Behind what alone follows the layer's output up to its activation; without
 * one the output behind its batch norm. */
static int watched_value(const struct graph *graph, const struct layer *layer)
{
    int value = graph->nodes[layer->node].outputs[0], plain = value;
    for (int next; graph_consumers(graph, value, &next, 1) == 1;) {
        const struct node *node = &graph->nodes[next];
        if (is_activation(node))
            return node->outputs[0];
        bool norm = batch_norm_is(graph, next);
        if (!norm && strcmp(node->type, "Add"))
            break;
        value = node->outputs[0];
        if (norm)
            plain = value;
    }
    return plain;
}

/* Where channel r of sample vector v lies: v * step + r * stride ... */
struct channels {
    int64_t outer, count, inner; /* (outer, count, inner) */
};

static bool channels_of(struct channels *out, const struct shape *shape,
                        const struct layer *layer)
{
    bool convolution = !strncmp(layer->op, "Conv", 4);
    int axis = convolution ? 1 : shape->rank - 1;
    if (axis < 0 || shape->dims[axis] != layer->matrix.rows)
        return false;
    *out = (struct channels){1, shape->dims[axis], 1};
    for (int i = 0; i < axis; i++)
        out->outer *= shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        out->inner *= shape->dims[i];
    return true;
}

static int look_at_outputs(struct collecting *c, const struct layer *layer,
                           struct layer_calibration *out, struct error *err)
{
    int value = c->watched[layer - c->request->layers->layers];
    const float *x = trace_bytes(&c->trace, value, TRACE_DENSE);
    struct channels at;
    if (!x || !channels_of(&at, &c->trace.dense->values[value].shape, layer))
        return error_set(err, ERROR_UNSUPPORTED, "its outputs are no channels");
    int64_t outer = at.outer * c->trace.batches;
    double *sums = array_create((size_t)at.count * 2, sizeof *sums);
    out->active = figures(at.count, err);
    out->mean = figures(at.count, err);
    if (!sums || !out->active || !out->mean) {
        free(sums);
        return error_memory(err, (size_t)at.count * 2 * sizeof *sums);
    }
    for (int64_t o = 0; o < outer; o++)
        for (int64_t r = 0; r < at.count; r++)
            for (int64_t i = 0; i < at.inner; i++, x++) {
                sums[r * 2] += *x > 0;
                sums[r * 2 + 1] += fabs((double)*x);
            }
    double all = (double)(outer * at.inner);
    for (int64_t r = 0; r < at.count; r++) {
        out->active[r] = (float)(sums[r * 2] / all);
        out->mean[r] = (float)(sums[r * 2 + 1] / all);
    }
    free(sums);
    return 0;
}

/* --- all layers --- */

typedef int look(struct collecting *c, const struct layer *layer,
                 struct layer_calibration *out, struct error *err);

static look *const looks[CALIBRATION_PARTS] = {
    [CALIBRATION_INPUTS] = look_at_inputs,
    [CALIBRATION_OUTPUTS] = look_at_outputs,
    [CALIBRATION_ORDER] = look_at_order,
};

/* What a layer cannot be asked stays its reason; other errors end it all. */
static int look_at_layer(struct collecting *c, size_t row, struct error *err)
{
    const struct calibration_request *r = c->request;
    const struct layer *layer = &r->layers->layers[row];
    enum calibration_part part = c->calibration->part;
    struct layer_calibration *out = &c->calibration->layers[row];
    struct error why = {0};
    if (r->progress && r->progress(r->progress_context, layer->name, (int)row,
                                   (int)r->layers->count, err) < 0)
        return -1;
    int code = part == CALIBRATION_OUTPUTS
                   ? 0
                   : hessian_serves(c->trace.dense, layer, &why);
    if (code == 0)
        code = looks[part](c, layer, out, &why);
    if (code < 0 && why.code != ERROR_UNSUPPORTED) {
        *err = why;
        return error_prefix(err, "layer '%s'", layer->name);
    }
    snprintf(out->reason, sizeof out->reason, "%.*s",
             (int)sizeof out->reason - 1, code < 0 ? why.message : "");
    return 0;
}

static int look_at_watched(struct collecting *c, int node, struct error *err)
{
    const struct layer_table *layers = c->request->layers;
    const struct node *n = &c->trace.dense->nodes[node];
    for (size_t i = 0; i < layers->count; i++)
        for (int o = 0; o < n->output_count; o++)
            if (layers->layers[i].matrix.rows && n->outputs[o] >= 0 &&
                c->watched[i] == n->outputs[o] && look_at_layer(c, i, err) < 0)
                return -1;
    return 0;
}

static int visit(struct collecting *c, int node, struct error *err)
{
    const struct layer_table *layers = c->request->layers;
    bool outputs = c->calibration->part == CALIBRATION_OUTPUTS;
    for (size_t i = 0; !outputs && i < layers->count; i++)
        if (layers->layers[i].node == node && look_at_layer(c, i, err) < 0)
            return -1;
    if (trace_run(&c->trace, node, TRACE_DENSE, err) < 0 ||
        (outputs && look_at_watched(c, node, err) < 0))
        return -1;
    trace_pass(&c->trace, node);
    return 0;
}

int calibration_collect(const struct calibration **out,
                        enum calibration_part part,
                        const struct calibration_request *request,
                        struct error *err)
{
    const struct graph *graph = request->instance;
    const struct layer_table *layers = request->layers;
    struct collecting c = {.request = request};
    c.calibration = create(part, layers, err);
    if (!c.calibration)
        return -1;
    c.watched = array_create(layers->count + 1, sizeof *c.watched);
    int code = c.watched
                   ? trace_init(&c.trace, graph, NULL, &request->source,
                                &request->parallel, request->cancel, true, err)
                   : error_memory(err, layers->count);
    if (code == 0) {
        for (size_t i = 0; i < layers->count; i++)
            c.watched[i] = watched_value(graph, &layers->layers[i]);
        for (size_t i = 0; i < graph->node_count && code == 0; i++)
            if (!graph->folded || !graph->folded[i])
                code = visit(&c, (int)i, err);
        trace_release(&c.trace);
    }
    free(c.watched);
    if (code < 0) {
        calibration_drop(c.calibration);
        return -1;
    }
    *out = c.calibration;
    return 0;
}

static int take_gradients(struct layer_calibration *l,
                          enum calibration_part part, const struct evidence *e,
                          double n, struct error *err)
{
    bool single = part == CALIBRATION_FISHER;
    l->reason[0] = '\0';
    if (single)
        l->fisher = figures(e->count, err);
    else
        l->taylor = figures(e->count, err);
    if (!single && l->taylor)
        l->snip = figures(e->count, err);
    if (single ? !l->fisher : !l->snip)
        return -1;
    for (int64_t j = 0; j < e->count; j++) {
        if (single) {
            l->fisher[j] = (float)(e->squared[j] / n);
            continue;
        }
        l->taylor[j] = (float)(e->product_squared[j] / n);
        l->snip[j] = (float)fabs(e->product[j] / n);
    }
    return 0;
}

int calibration_of_gradients(const struct calibration **out,
                             enum calibration_part part,
                             const struct layer_table *layers,
                             const struct evidence_set *set, struct error *err)
{
    struct calibration *c = create(part, layers, err);
    double n = (double)(set->batches > 0 ? set->batches : 1);
    if (!c)
        return -1;
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *layer = &layers->layers[i];
        const struct evidence *e = evidence_find(set, layer->weight);
        if (!e || e->count != layer->weights)
            continue;
        if (take_gradients(&c->layers[i], part, e, n, err) < 0) {
            calibration_drop(c);
            return -1;
        }
    }
    *out = c;
    return 0;
}
