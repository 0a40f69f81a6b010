/* .npz (and .npy) as a data set: one array per model input, and `labels`. */
#include "dataset/format.h"
#include "dataset/npz.h"

#include "base/array.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char LABELS[] = "labels";

static bool npz_recognises(const struct dataset_probe *probe)
{
    size_t n = strlen(probe->path);
    const char *end = n > 4 ? probe->path + n - 4 : "";
    return !probe->folder &&
           (memcmp(probe->head, "PK", 2) == 0 ||
            memcmp(probe->head, "\x93NUMPY", 6) == 0 ||
            strcmp(end, ".npz") == 0 || strcmp(end, ".npy") == 0);
}

/* Every array but the labels becomes an input; all have as many entries. */
static int take_inputs(struct dataset *dataset, const struct npz *npz,
                       int64_t limit, struct error *err)
{
    size_t inputs = npz->count - (npz_find(npz, LABELS) ? 1 : 0), used = 0;
    if (!inputs)
        return error_set(err, ERROR_FORMAT,
                         "no array but 'labels', expected one per model "
                         "input");
    if (dataset_add_inputs(dataset, inputs, err) < 0)
        return -1;
    for (size_t i = 0; i < npz->count; i++) {
        const struct npz_array *array = &npz->arrays[i];
        if (strcmp(array->name, LABELS) == 0)
            continue;
        if (array->tensor.shape.rank < 1)
            return error_set(err, ERROR_FORMAT,
                             "array '%s' is a single number, expected one "
                             "entry per sample",
                             array->name);
        int64_t entries = array->tensor.shape.dims[0];
        if (used && entries != dataset->count)
            return error_set(err, ERROR_FORMAT,
                             "array '%s' has %" PRId64 " entries, '%s' has "
                             "%" PRId64,
                             array->name, entries, dataset->inputs[0].name,
                             dataset->count);
        struct dataset_input *input = &dataset->inputs[used++];
        char *name = string_copy(array->name);
        if (!name)
            return error_memory(err, strlen(array->name));
        free(input->name);
        input->name = name;
        input->tensor = tensor_share(&array->tensor);
        dataset->count = entries;
        if (dataset_set_images(input, err) < 0)
            return error_prefix(err, "array '%s'", name);
    }
    if (!dataset->count)
        return error_set(err, ERROR_FORMAT, "no samples in array '%s'",
                         dataset->inputs[0].name);
    if (limit > 0 && limit < dataset->count)
        dataset->count = limit;
    return 0;
}

/* A single NaN makes every figure of its batch one. (An infinity may be meant:
 * masks of attention.) */
static int refuse_nan(const struct dataset *dataset, struct error *err)
{
    for (size_t i = 0; i < dataset->input_count; i++) {
        const struct tensor *tensor = &dataset->inputs[i].tensor;
        int64_t entries = tensor->shape.dims[0];
        int64_t each = tensor_elements(tensor) / entries;
        if (dtype_is_integer(tensor->dtype))
            continue;
        for (int64_t k = 0; k < dataset->count * each; k++)
            if (isnan(tensor_number(tensor, k)))
                return error_set(err, ERROR_RANGE,
                                 "array '%s': found NaN in sample %" PRId64
                                 " (element %" PRId64 "), expected a number",
                                 dataset->inputs[i].name, k / each, k % each);
    }
    return 0;
}

static int take_labels(struct dataset *dataset, const struct npz *npz,
                       struct error *err)
{
    const struct tensor *labels = npz_find(npz, LABELS);
    int64_t entries = dataset->inputs[0].tensor.shape.dims[0];
    if (!labels)
        return 0;
    if (labels->shape.rank && labels->shape.dims[0] != entries)
        return error_set(err, ERROR_FORMAT,
                         "%" PRId64 " labels, expected %" PRId64
                         " as array '%s' has entries",
                         labels->shape.dims[0], entries,
                         dataset->inputs[0].name);
    return dataset_set_labels(dataset, labels, err);
}

static int npz_open(struct dataset *dataset, const char *path,
                    const struct dataset_options *options, struct error *err)
{
    struct npz npz;
    if (options->split)
        return error_set(err, ERROR_NAME,
                         "%s: split '%s' was asked for, .npz has no splits",
                         path, options->split);
    if (npz_read(&npz, path, err) < 0)
        return -1;
    int result = 0;
    if (take_inputs(dataset, &npz, options->limit, err) < 0 ||
        refuse_nan(dataset, err) < 0 || take_labels(dataset, &npz, err) < 0)
        result = error_prefix(err, "%s", path);
    npz_release(&npz);
    return result;
}

const struct dataset_format dataset_format_npz = {
    .name = "npz", .recognises = npz_recognises, .open = npz_open};
