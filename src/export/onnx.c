/* The pruned model: the variant's weights, masked, in place of the dense
 * ones. */
#include "base/array.h"
#include "export/export.h"

#include <stdlib.h>

/* Constants that differ from the model's. */
struct changes {
    int *ids;
    struct tensor *tensors; /* shared with the masked graph */
    size_t count;
};

static void add_change(struct changes *changes, const struct graph *masked,
                       int id)
{
    for (size_t i = 0; i < changes->count; i++)
        if (changes->ids[i] == id)
            return;
    changes->ids[changes->count] = id;
    changes->tensors[changes->count++] = masked->values[id].constant;
}

/* Every layer that lost weights, and all that the variant's weights hold. */
static void collect(struct changes *changes, const struct layer_table *layers,
                    const struct export_request *request,
                    const struct graph *masked)
{
    const struct weights *weights = request->variant->weights;
    for (size_t i = 0; weights && i < weights->count; i++)
        add_change(changes, masked, weights->ids[i]);
    for (size_t i = 0; i < layers->count; i++)
        if (export_removed(request, i))
            add_change(changes, masked, layers->layers[i].weight);
}

/* A model that really is smaller. */
static int write_smaller(const struct session *session,
                         const struct export_request *request, const char *path,
                         struct error *err)
{
    struct graph *own, *small;
    if (weights_apply(&own, session_graph(session), request->variant->weights,
                      err) < 0)
        return error_prefix(err, "%s", path);
    int result = mask_set_model(&small, own, session_layers(session),
                                request->masks_set, err);
    graph_drop(own);
    if (result < 0)
        return error_prefix(err, "%s", path);
    result = onnx_write_graph(session_model(session), path, small, err);
    graph_drop(small);
    return result;
}

static int masked_graph(struct graph **out, const struct session *session,
                        const struct export_request *request, struct error *err)
{
    struct graph *own;
    if (weights_apply(&own, session_graph(session), request->variant->weights,
                      err) < 0)
        return -1;
    int result = mask_set_apply(out, own, session_layers(session),
                                request->masks_set, err);
    graph_drop(own);
    return result;
}

int export_onnx(const struct session *session,
                const struct export_request *request, const char *path,
                struct error *err)
{
    const struct onnx_model *model = session_model(session);
    const struct layer_table *layers = session_layers(session);
    const struct weights *weights = request->variant->weights;
    if (!request->masks_set)
        return onnx_write(model, path, 0, NULL, NULL, err);
    if (mask_set_shrinks(request->masks_set))
        return write_smaller(session, request, path, err);
    struct graph *masked = NULL;
    size_t room = layers->count + (weights ? weights->count : 0);
    struct changes changes = {
        .ids = array_create(room, sizeof *changes.ids),
        .tensors = array_create(room, sizeof *changes.tensors),
    };
    int result = changes.ids && changes.tensors
                     ? masked_graph(&masked, session, request, err)
                     : error_memory(err, room * sizeof *changes.tensors);
    if (result < 0) {
        error_prefix(err, "%s", path);
    } else {
        collect(&changes, layers, request, masked);
        result = onnx_write(model, path, changes.count, changes.ids,
                            changes.tensors, err);
    }
    graph_drop(masked);
    free(changes.ids);
    free(changes.tensors);
    return result;
}
