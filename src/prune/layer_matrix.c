/* Which axis of a stored weight is output, which input: patterns along them
 * and reconstruction need to know. */
#include "prune/layer.h"

#include <string.h>

/* Whether the elements between `stored` and `read` were transposed as a
 * matrix; -1 when they were moved in another way. */
static int transposed(const struct graph *instance, int read, int stored)
{
    struct shape expected = instance->values[read].shape;
    bool swapped = false;
    while (read != stored) {
        const struct value *value = &instance->values[read];
        if (value->producer < 0)
            return -1;
        const struct node *node = &instance->nodes[value->producer];
        const struct attribute *perm = graph_attribute(node, "perm");
        bool moves = !strcmp(node->type, "Transpose");
        if (moves &&
            (expected.rank != 2 || !shape_equal(&value->shape, &expected)))
            return -1;
        if (moves && (!perm || perm->integers[0] == 1)) {
            swapped = !swapped;
            expected.dims[0] = value->shape.dims[1];
            expected.dims[1] = value->shape.dims[0];
        }
        read = node->inputs[0];
    }
    return swapped;
}

static int64_t places_of(const struct shape *shape)
{
    int64_t places = 1;
    for (int i = 2; i < shape->rank; i++)
        places *= shape->dims[i];
    return places;
}

static struct layer_matrix convolution(const struct node *node,
                                       const struct shape *shape)
{
    const struct attribute *group = graph_attribute(node, "group");
    int64_t groups = group ? group->integer : 1, places = places_of(shape);
    bool forward = !strcmp(node->type, "Conv");
    if (shape->rank < 3 || (!forward && groups != 1))
        return (struct layer_matrix){0};
    int64_t outer = shape->dims[0], inner = shape->dims[1];
    return (struct layer_matrix){
        .rows = forward ? outer : inner,
        .inputs = forward ? inner : outer,
        .places = places,
        .row_stride = forward ? inner * places : places,
        .input_stride = forward ? places : inner * places,
        .place_stride = 1,
        .groups = groups,
    };
}

struct layer_matrix layer_matrix_of(const struct graph *instance, int id,
                                    int stored)
{
    const struct node *node = &instance->nodes[id];
    int read = node->inputs[node->op->weight_input];
    const struct shape *shape = &instance->values[read].shape;
    int swapped = transposed(instance, read, stored);
    if (swapped < 0)
        return (struct layer_matrix){0};
    if (!strncmp(node->type, "Conv", 4))
        return swapped ? (struct layer_matrix){0} : convolution(node, shape);
    const struct attribute *transpose = graph_attribute(node, "transB");
    bool gemm = !strcmp(node->type, "Gemm");
    if (shape->rank != 2 || node->op->weight_input != 1 ||
        (!gemm && strcmp(node->type, "MatMul")))
        return (struct layer_matrix){0};
    bool rows_first = (gemm && transpose && transpose->integer) != swapped;
    int64_t outer = shape->dims[swapped], inner = shape->dims[!swapped];
    return (struct layer_matrix){
        .rows = rows_first ? outer : inner,
        .inputs = rows_first ? inner : outer,
        .places = 1,
        .row_stride = rows_first ? inner : 1,
        .input_stride = rows_first ? 1 : inner,
        .place_stride = 0,
        .groups = 1,
    };
}
