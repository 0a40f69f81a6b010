#include "op/backward.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

const float *op_gradient_of(const struct op_gradient *gradient, int i)
{
    const struct tensor *tensor = gradient->outputs[i];
    return tensor ? tensor->data : NULL;
}

float *op_gradient_to(const struct op_gradient *gradient, int i)
{
    struct tensor *tensor = gradient->inputs[i];
    return tensor ? tensor->data : NULL;
}

int op_accumulate(const struct op_gradient *gradient, int input,
                  const struct shape *shape, const float *in, int64_t offset,
                  const int64_t *strides, struct error *err)
{
    float *out = op_gradient_to(gradient, input);
    if (!out)
        return 0;
    int64_t count = tensor_elements(gradient->inputs[input]);
    double *sums = array_create((size_t)count + 1, sizeof *sums);
    if (!sums)
        return error_memory(err, (size_t)count * sizeof *sums);
    int64_t elements = shape_elements(shape), index[SHAPE_MAX_RANK] = {0};
    for (int64_t i = 0; i < elements; i++) {
        sums[offset] += (double)in[i];
        for (int d = shape->rank - 1; d >= 0; d--) {
            offset += strides[d];
            if (++index[d] < shape->dims[d])
                break;
            offset -= strides[d] * shape->dims[d];
            index[d] = 0;
        }
    }
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)sums[i];
    free(sums);
    return 0;
}

int op_unbroadcast(const struct op_gradient *gradient, int input,
                   const struct shape *shape, const float *full,
                   struct error *err)
{
    int64_t strides[SHAPE_MAX_RANK];
    if (!op_gradient_to(gradient, input))
        return 0;
    op_broadcast_strides(&gradient->inputs[input]->shape, shape, strides);
    return op_accumulate(gradient, input, shape, full, 0, strides, err);
}

int op_gradient_copy(const struct op_call *call,
                     const struct op_gradient *gradient, struct error *err)
{
    (void)call;
    (void)err;
    if (op_gradient_to(gradient, 0))
        memcpy(op_gradient_to(gradient, 0), op_gradient_of(gradient, 0),
               tensor_bytes(gradient->inputs[0]));
    return 0;
}
