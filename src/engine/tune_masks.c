#include "engine/tune_masks.h"

#include "base/array.h"
#include "engine/setup.h"
#include "onnx/model.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

void tune_masks_release(struct tune_masks *masks)
{
    mask_set_release(&masks->set);
    regrow_release(&masks->regrow);
    graph_drop(masks->begin);
    graph_drop(masks->own);
    free(masks->decisions);
    *masks = (struct tune_masks){0};
}

/* A template in the shapes that are trained, of weights in the model's. */
static int narrow(const struct tune_masks *masks, struct graph **out,
                  const struct graph *graph, struct error *err)
{
    if (mask_set_shrinks(&masks->set))
        return mask_set_model(out, graph, masks->layers, &masks->set, err);
    return mask_set_apply(out, graph, masks->layers, &masks->set, err);
}

static int make(struct tune_masks *masks, struct work *work, struct error *err)
{
    const struct setup *setup = work_setup(work);
    const struct variant *variant = work_variant(work);
    const struct graph *dense = onnx_graph(session_model(setup->session));
    const struct mask_source source = {.graph = masks->own,
                                       .layers = masks->layers,
                                       .decisions = masks->decisions,
                                       .weights = variant->weights,
                                       .calibrator =
                                           session_calibrator(setup->session)};
    struct graph *template;
    if (mask_set_init(&masks->set, &source, err) < 0)
        return -1;
    if (mask_set_shrinks(&masks->set))
        return regrow_init(&masks->regrow, masks->own, masks->layers,
                           &masks->set, err) < 0
                   ? -1
                   : narrow(masks, &masks->begin, masks->own, err);
    if (weights_apply(&template, dense, variant->weights, err) < 0)
        return -1;
    int code = narrow(masks, &masks->begin, template, err);
    graph_drop(template);
    return code;
}

int tune_masks_init(struct tune_masks *masks, struct work *work,
                    struct error *err)
{
    const struct setup *setup = work_setup(work);
    const struct variant *variant = work_variant(work);
    size_t count = session_layers(setup->session)->count;
    *masks = (struct tune_masks){
        .layers = session_layers(setup->session),
        .decisions = array_create(count, sizeof *masks->decisions),
        .weights = variant->weights};
    int code = masks->decisions ? 0 : error_memory(err, count);
    if (code == 0) {
        memcpy(masks->decisions, variant->decisions,
               count * sizeof *masks->decisions);
        /* Shrinking wants an instance. */
        code = weights_apply(&masks->own, setup->eval_graph, variant->weights,
                             err);
    }
    if (code == 0)
        code = make(masks, work, err);
    if (code < 0)
        tune_masks_release(masks);
    return code;
}

int tune_masks_dense(const struct tune_masks *masks, struct graph **out,
                     const struct graph *dense, struct error *err)
{
    return narrow(masks, out, dense, err);
}

int tune_masks_hold(const struct tune_masks *masks, struct tune *tune,
                    struct error *err)
{
    for (size_t i = 0; i < masks->set.count; i++) {
        const struct layer *layer = &masks->layers->layers[i];
        struct bitmask mask;
        if (!masks->set.masks[i].words)
            continue;
        if (regrow_mask(&mask, &masks->regrow, layer->weight,
                        &masks->set.masks[i], err) < 0)
            return -1;
        int code = tune_mask(tune, layer->weight, &mask, err);
        bitmask_release(&mask);
        if (code < 0)
            return error_prefix(err, "layer '%s'", layer->name);
    }
    return 0;
}

int tune_masks_model(const struct tune_masks *masks, struct graph **out,
                     const struct tune *tune, struct error *err)
{
    struct tune_result result;
    if (tune_result_init(&result, tune, err) < 0)
        return -1;
    int code = graph_with_constants(out, masks->begin, result.count, result.ids,
                                    result.tensors, err);
    tune_result_release(&result);
    return code;
}

int tune_masks_result(const struct tune_masks *masks,
                      struct tune_result *result, const struct tune *tune,
                      struct error *err)
{
    if (tune_result_init(result, tune, err) < 0)
        return -1;
    int code = regrow_tensors(&masks->regrow, masks->own, result->count,
                              result->ids, result->tensors, err);
    if (code < 0)
        tune_result_release(result);
    return code;
}

/* --- pruning on --- */

static int prune_rows(struct tune_masks *masks, const struct graph *model,
                      const size_t *rows, size_t count,
                      const struct criterion *criterion, double share,
                      struct error *err)
{
    struct mask_source source = {.graph = model, .layers = masks->layers};
    struct mask_set before = masks->set;
    size_t bytes = masks->layers->count * sizeof *masks->decisions;
    struct decision *old = malloc(bytes);
    if (!old)
        return error_memory(err, bytes);
    memcpy(old, masks->decisions, bytes);
    int code = allocate_global_rest(masks->decisions, &source, rows, count,
                                    criterion, share, err);
    masks->set = (struct mask_set){0};
    source.decisions = masks->decisions;
    if (mask_set_shrinks(&before)) { /* the same channels stay gone */
        source.previous = &before;
        source.previous_decisions = old;
    }
    if (code == 0)
        code = mask_set_init(&masks->set, &source, err);
    mask_set_release(&before);
    free(old);
    return code;
}

int tune_masks_prune(struct tune_masks *masks, struct tune *tune,
                     const struct criterion *criterion, double share,
                     struct error *err)
{
    struct graph *model = NULL;
    struct tune_result result;
    size_t count = 0, *rows = array_create(masks->layers->count, sizeof *rows);
    if (!rows)
        return error_memory(err, masks->layers->count * sizeof *rows);
    for (size_t i = 0; i < masks->layers->count; i++)
        if (masks->layers->layers[i].prunable)
            rows[count++] = i;
    int code = tune_masks_result(masks, &result, tune, err);
    if (code == 0) {
        code = graph_with_constants(&model, masks->own, result.count,
                                    result.ids, result.tensors, err);
        tune_result_release(&result);
    }
    if (code == 0)
        code = prune_rows(masks, model, rows, count, criterion, share, err);
    graph_drop(model);
    free(rows);
    return code < 0 ? -1 : tune_masks_hold(masks, tune, err);
}
