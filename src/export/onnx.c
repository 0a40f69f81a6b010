/* The pruned model: the masked weights in place of the dense ones. */
#include "base/array.h"
#include "export/export.h"

#include <stdlib.h>

/* The tensors of every layer that lost weights; shared with `masked`. */
static size_t collect(const struct layer_table *layers,
                      const struct export_request *request,
                      const struct graph *masked, int *ids,
                      struct tensor *tensors)
{
    size_t count = 0;
    for (size_t i = 0; i < layers->count; i++) {
        if (!export_removed(request, i))
            continue;
        ids[count] = layers->layers[i].weight;
        tensors[count] = masked->values[ids[count]].constant;
        count++;
    }
    return count;
}

int export_onnx(const struct session *session,
                const struct export_request *request, const char *path,
                struct error *err)
{
    const struct onnx_model *model = session_model(session);
    const struct layer_table *layers = session_layers(session);
    if (!request->masks_set)
        return onnx_write(model, path, 0, NULL, NULL, err);
    struct graph *masked = NULL;
    int *ids = array_create(layers->count, sizeof *ids);
    struct tensor *tensors = array_create(layers->count, sizeof *tensors);
    int result = ids && tensors
                     ? mask_set_apply(&masked, session_graph(session), layers,
                                      request->masks_set, err)
                     : error_memory(err, layers->count * sizeof *tensors);
    if (result < 0) {
        error_prefix(err, "%s", path);
    } else {
        size_t count = collect(layers, request, masked, ids, tensors);
        result = onnx_write(model, path, count, ids, tensors, err);
    }
    graph_drop(masked);
    free(ids);
    free(tensors);
    return result;
}
