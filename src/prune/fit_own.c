/* A layer fitted to what it gives itself, for what ranks weights by error. */
#include "prune/batch_norm.h"
#include "prune/criteria.h"
#include "prune/fit.h"

int fit_own_outputs(struct fit *fit, const struct trace *trace,
                    const struct layer *layer, double damping,
                    struct error *err)
{
    const struct graph *graph = trace->dense;
    const struct node *node = &graph->nodes[layer->node];
    struct tensor weight = {0};
    struct batch_norm norm = {0};
    struct hessian hessian = {0};
    *fit = (struct fit){0};
    int result = tensor_convert(&weight, &graph->values[layer->weight].constant,
                                DTYPE_FLOAT32, err);
    if (!result)
        result = batch_norm_behind(&norm, graph, node->outputs[0], err);
    if (!result)
        result = hessian_init(&hessian, trace, layer, TRACE_DENSE, NULL, err);
    const struct fit_options options = {
        .damping = damping,
        .centred = true,
        .row_scale = norm.scale,
    };
    if (!result)
        result = fit_init(fit, layer, weight.data, &hessian, &options, err);
    if (!result && fit->columns <= FIT_TRACE_COLUMNS)
        result = fit_trace(fit, &structure_weight, &trace->parallel,
                           trace->cancel, err);
    hessian_release(&hessian);
    batch_norm_release(&norm);
    tensor_release(&weight);
    return result;
}
