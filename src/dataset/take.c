/* Some samples of a data set as one of their own. */
#include "base/array.h"
#include "dataset/format.h"

#include <stdlib.h>
#include <string.h>

static int take_input(struct dataset_input *out, const struct dataset_input *in,
                      const int64_t *order, int64_t count, struct error *err)
{
    struct shape shape = in->tensor.shape;
    size_t bytes = tensor_bytes(&in->tensor) / (size_t)shape.dims[0];
    shape.dims[0] = count;
    free(out->name);
    out->name = string_copy(in->name);
    out->sample = in->sample;
    out->image = in->image;
    if (!out->name)
        return error_memory(err, strlen(in->name));
    if (tensor_init(&out->tensor, in->tensor.dtype, &shape, err) < 0)
        return -1;
    const unsigned char *from = in->tensor.data;
    unsigned char *to = out->tensor.data;
    for (int64_t i = 0; i < count; i++, to += bytes)
        memcpy(to, from + (size_t)order[i] * bytes, bytes);
    return 0;
}

static int take_parts(struct dataset *out, const struct dataset *in,
                      const int64_t *order, int64_t count, struct error *err)
{
    out->format = in->format;
    out->split = in->split;
    out->count = count;
    out->classes = in->classes;
    out->path = string_copy(in->path);
    if (!out->path)
        return error_memory(err, strlen(in->path));
    if (dataset_add_inputs(out, in->input_count, err) < 0)
        return -1;
    for (size_t i = 0; i < in->input_count; i++)
        if (take_input(&out->inputs[i], &in->inputs[i], order, count, err) < 0)
            return -1;
    if (!in->labels)
        return 0;
    out->labels = array_create((size_t)count, sizeof *out->labels);
    if (!out->labels)
        return error_memory(err, (size_t)count * sizeof *out->labels);
    for (int64_t i = 0; i < count; i++)
        out->labels[i] = in->labels[order[i]];
    return 0;
}

int dataset_take(struct dataset **out, const struct dataset *dataset,
                 const int64_t *order, int64_t count, struct error *err)
{
    struct dataset *taken = calloc(1, sizeof *taken);
    if (!taken)
        return error_memory(err, sizeof *taken);
    if (take_parts(taken, dataset, order, count, err) < 0) {
        dataset_close(taken);
        return -1;
    }
    *out = taken;
    return 0;
}
