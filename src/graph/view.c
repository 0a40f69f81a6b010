/*
 * Nodes that only move or retype the elements of their first input. Exporters
 * leave them between an initializer and the node that uses it: Identity where
 * equal tensors were merged, Transpose in front of MatMul, Cast in float16
 * models. A weight is pruned where it is stored; these nodes carry the change.
 */
#include "graph/graph.h"
#include "graph/view.h"

#include <string.h>

/* The same elements in the same order under the output's shape. */
static int view_as(struct tensor *out, const struct node *node,
                   const struct tensor *in, const struct value *to,
                   struct error *err)
{
    (void)node;
    (void)err;
    *out = tensor_share(in);
    out->shape = to->shape;
    return 0;
}

/* Through the type that is cast to: op/ keeps halves rounded in float32. */
static int view_cast(struct tensor *out, const struct node *node,
                     const struct tensor *in, const struct value *to,
                     struct error *err)
{
    const struct attribute *type = graph_attribute(node, "to");
    struct tensor cast;
    if (!type || type->integer <= 0 || type->integer >= DTYPE_COUNT)
        return tensor_convert(out, in, to->dtype, err);
    if (tensor_convert(&cast, in, (enum dtype)type->integer, err) < 0)
        return -1;
    int result = tensor_convert(out, &cast, to->dtype, err);
    tensor_release(&cast);
    return result;
}

/* perm[i] is the input's dimension that becomes the output's dimension i. */
static bool read_permutation(const struct node *node, const struct shape *in,
                             const struct shape *out, int perm[SHAPE_MAX_RANK])
{
    const struct attribute *attribute = graph_attribute(node, "perm");
    bool given = attribute && attribute->integers;
    unsigned seen = 0;
    if (in->rank != out->rank ||
        (given && attribute->count != (size_t)in->rank))
        return false;
    for (int i = 0; i < in->rank; i++) {
        int64_t dim = given ? attribute->integers[i] : in->rank - 1 - i;
        if (dim < 0 || dim >= in->rank || seen >> dim & 1u ||
            out->dims[i] != in->dims[dim])
            return false;
        seen |= 1u << dim;
        perm[i] = (int)dim;
    }
    return true;
}

static int view_transpose(struct tensor *out, const struct node *node,
                          const struct tensor *in, const struct value *to,
                          struct error *err)
{
    int rank = in->shape.rank, perm[SHAPE_MAX_RANK];
    if (!read_permutation(node, &in->shape, &to->shape, perm))
        return error_set(err, ERROR_SHAPE, "'%s' is no transpose of a constant",
                         to->name);
    if (tensor_init(out, in->dtype, &to->shape, err) < 0)
        return -1;
    int64_t strides[SHAPE_MAX_RANK], index[SHAPE_MAX_RANK] = {0}, from = 0;
    shape_strides(&in->shape, strides);
    size_t size = dtype_size(in->dtype), count = (size_t)tensor_elements(out);
    for (size_t i = 0; i < count; i++) {
        memcpy((char *)out->data + i * size,
               (const char *)in->data + (size_t)from * size, size);
        /* The next element: the last dimension first, carrying over. */
        for (int d = rank - 1; d >= 0; d--) {
            from += strides[perm[d]];
            if (++index[d] < out->shape.dims[d])
                break;
            from -= strides[perm[d]] * index[d];
            index[d] = 0;
        }
    }
    return 0;
}

static const struct {
    const char *type;
    int (*compute)(struct tensor *out, const struct node *node,
                   const struct tensor *in, const struct value *to,
                   struct error *err);
} views[] = {
    {"Identity", view_as},         {"Reshape", view_as},   {"Flatten", view_as},
    {"Squeeze", view_as},          {"Unsqueeze", view_as}, {"Cast", view_cast},
    {"Transpose", view_transpose},
};

enum { VIEWS = sizeof views / sizeof views[0] };

static int find_view(const struct node *node)
{
    if (node->domain[0] || node->input_count < 1 || node->output_count != 1 ||
        node->inputs[0] < 0 || node->outputs[0] < 0)
        return VIEWS;
    int i = 0;
    while (i < VIEWS && strcmp(node->type, views[i].type) != 0)
        i++;
    return i;
}

bool view_is(const struct node *node)
{
    return find_view(node) < VIEWS;
}

int view_compute(struct tensor *out, const struct node *node,
                 const struct tensor *in, const struct value *to,
                 struct error *err)
{
    int row = find_view(node);
    bool moves = row < VIEWS && views[row].compute != view_cast;
    if (row == VIEWS || (moves && in->dtype != to->dtype) ||
        shape_elements(&in->shape) != shape_elements(&to->shape))
        return error_set(err, ERROR_SHAPE, "'%s' is no view of a constant",
                         to->name);
    return views[row].compute(out, node, in, to, err);
}
