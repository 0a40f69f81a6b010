/* Masks as NumPy arrays that a framework's own parameters can be multiplied
 * with: named and oriented as these are (struct layer, parameter). */
#include "base/array.h"
#include "dataset/npz.h"
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

/* true where the weight is kept; everywhere in a dense layer. */
static int fill(struct npz_array *array, const struct layer *layer,
                const struct bitmask *mask, struct error *err)
{
    const struct shape shape = layer_parameter_shape(layer);
    array->name = string_copy(layer->parameter);
    if (!array->name)
        return error_memory(err, strlen(layer->parameter));
    if (tensor_init(&array->tensor, DTYPE_BOOL, &shape, err) < 0)
        return -1;
    unsigned char *kept = array->tensor.data;
    bool dense = !mask || !mask->words;
    for (int64_t i = 0; i < layer->weights; i++) {
        size_t stored = (size_t)layer_parameter_at(layer, i);
        kept[i] = dense || bitmask_get(mask, stored);
    }
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
        result = fill(&arrays[count++], layer, mask, err);
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
