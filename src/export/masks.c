/* Masks as NumPy arrays. */
#include "base/array.h"
#include "dataset/npz.h"
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

/* true where the weight is kept; everywhere in a dense layer. */
static int fill(struct npz_array *array, const struct graph *graph,
                const struct layer *layer, const struct bitmask *mask,
                struct error *err)
{
    array->name = string_copy(graph->values[layer->weight].name);
    if (!array->name)
        return error_memory(err, strlen(graph->values[layer->weight].name));
    if (tensor_init(&array->tensor, DTYPE_BOOL, &layer->shape, err) < 0)
        return -1;
    unsigned char *kept = array->tensor.data;
    bool dense = !mask || !mask->words;
    for (size_t i = 0; i < (size_t)layer->weights; i++)
        kept[i] = dense || bitmask_get(mask, i);
    return 0;
}

int export_masks(const struct session *session,
                 const struct export_request *request, const char *path,
                 struct error *err)
{
    const struct layer_table *layers = session_layers(session);
    const struct mask_set *set = request->masks_set;
    struct npz_array *arrays = array_create(layers->count, sizeof *arrays);
    int result = arrays ? 0 : error_memory(err, layers->count * sizeof *arrays);
    size_t count = 0;
    for (size_t i = 0; i < layers->count && result == 0; i++) {
        const struct layer *layer = &layers->layers[i];
        if (!layer->prunable)
            continue;
        const struct bitmask *mask =
            set && i < set->count ? &set->masks[i] : NULL;
        result =
            fill(&arrays[count++], session_graph(session), layer, mask, err);
    }
    if (result < 0)
        error_prefix(err, "%s", path);
    else
        result = npz_write(path, arrays, count, err);
    for (size_t i = 0; i < count; i++) {
        free(arrays[i].name);
        tensor_release(&arrays[i].tensor);
    }
    free(arrays);
    return result;
}
