/* TopK: the k largest (or smallest) along an axis and where they stood. */
#include "base/array.h"
#include "op/support.h"

#include <stdlib.h>

struct top_k_params {
    int64_t axis, largest, sorted;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct top_k_params, axis), -1},
        {"largest", ATTRIBUTE_INT, offsetof(struct top_k_params, largest), 1},
        {"sorted", ATTRIBUTE_INT, offsetof(struct top_k_params, sorted), 1},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct top_k_params), err) < 0)
        return -1;
    const struct top_k_params *params = node->params;
    if (!params->sorted)
        return error_set(err, ERROR_UNSUPPORTED,
                         "sorted 0 leaves the order open");
    return 0;
}

static int sizes_of(const struct op_call *call, int *axis, int64_t *k,
                    struct error *err)
{
    const struct top_k_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    size_t count;
    if (op_axis(params->axis, x->rank, axis, err) < 0 ||
        op_constant_integers(call, 1, "K", k, 1, &count, err) < 0)
        return -1;
    if (count != 1 || *k < 0 || *k > x->dims[*axis])
        return error_set(err, ERROR_RANGE,
                         "K is %lld, the axis has %lld elements", (long long)*k,
                         (long long)x->dims[*axis]);
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    int axis;
    int64_t k = 0;
    if (op_want_sized(call, 0, "X", err) < 0 ||
        sizes_of(call, &axis, &k, err) < 0)
        return -1;
    if (x->dtype == DTYPE_BOOL || x->dtype == DTYPE_UINT64)
        return error_set(err, ERROR_UNSUPPORTED, "TopK of %s is not supported",
                         dtype_name(x->dtype));
    struct shape shape = x->shape;
    shape.dims[axis] = k;
    op_give(call, 0, x->dtype, &shape);
    op_give(call, 1, DTYPE_INT64, &shape);
    return 0;
}

/* One element as both kinds of number, and its place. */
struct entry {
    double number;
    int64_t integer, index;
};

/* Largest first; equal ones in their order; NaN is the largest, as ONNX
 * Runtime and NumPy have it. */
static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    bool x_nan = x->number != x->number, y_nan = y->number != y->number;
    if (x_nan != y_nan)
        return x_nan ? -1 : 1;
    if (!x_nan && x->number != y->number)
        return x->number > y->number ? -1 : 1;
    if (x->integer != y->integer)
        return x->integer > y->integer ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static int compare_smallest(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    struct entry left = *x, right = *y;
    left.index = right.index = 0;
    if (left.integer == right.integer &&
        (left.number == right.number ||
         (left.number != left.number && right.number != right.number)))
        return x->index < y->index ? -1 : 1;
    return -compare(&left, &right);
}

static void sort_line(const struct op_call *call, struct entry *entries,
                      int64_t first, int64_t size, int64_t stride)
{
    const struct top_k_params *params = call->node->params;
    const struct tensor *x = call->inputs[0];
    bool exact = dtype_is_integer(x->dtype);
    for (int64_t i = 0; i < size; i++) {
        int64_t at = first + i * stride;
        entries[i] = (struct entry){.index = i};
        if (exact)
            entries[i].integer = tensor_integer(x, at);
        else
            entries[i].number = tensor_number(x, at);
    }
    qsort(entries, (size_t)size, sizeof *entries,
          params->largest ? compare : compare_smallest);
}

static void store(struct tensor *y, int64_t at, const struct entry *entry)
{
    if (!y)
        return;
    if (dtype_is_integer(y->dtype))
        op_put_integer(y, at, entry->integer);
    else
        op_put_number(y, at, entry->number);
}

static int run(const struct op_call *call, struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    struct tensor *places = op_output(call, 1);
    int axis;
    int64_t k;
    if (sizes_of(call, &axis, &k, err) < 0)
        return -1;
    int64_t size = x->dims[axis], inner = op_product(x, axis + 1, x->rank);
    int64_t outer = op_product(x, 0, axis);
    struct entry *entries = array_create((size_t)size + 1, sizeof *entries);
    if (!entries)
        return error_memory(err, (size_t)size * sizeof *entries);
    for (int64_t i = 0; i < outer * inner; i++) {
        sort_line(call, entries, i / inner * size * inner + i % inner, size,
                  inner);
        for (int64_t j = 0; j < k; j++) {
            int64_t at = (i / inner * k + j) * inner + i % inner;
            store(call->outputs[0], at, &entries[j]);
            if (places)
                op_put_integer(places, at, entries[j].index);
        }
    }
    free(entries);
    return 0;
}

static bool mixes_samples(const struct op_call *call)
{
    int axis;
    int64_t k;
    return sizes_of(call, &axis, &k, NULL) < 0 || axis == 0;
}

const struct op op_top_k = {
    .type = "TopK",
    OP_OPSETS(10, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .max_outputs = 2,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .run = run,
    .mixes_samples = mixes_samples,
};
