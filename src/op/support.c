#include "op/support.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [ATTRIBUTE_FLOAT] = "a float",   [ATTRIBUTE_INT] = "an integer",
    [ATTRIBUTE_STRING] = "a string", [ATTRIBUTE_TENSOR] = "a tensor",
    [ATTRIBUTE_FLOATS] = "floats",   [ATTRIBUTE_INTS] = "integers",
    [ATTRIBUTE_STRINGS] = "strings", [ATTRIBUTE_GRAPH] = "a graph",
};

static void put_fallback(const struct parameter *parameter, void *field)
{
    if (parameter->kind == ATTRIBUTE_FLOAT)
        *(float *)field = (float)parameter->fallback;
    else if (parameter->kind == ATTRIBUTE_INT)
        *(int64_t *)field = (int64_t)parameter->fallback;
}

static void put_attribute(const struct attribute *attribute, void *field)
{
    switch (attribute->kind) {
    case ATTRIBUTE_FLOAT:
        *(float *)field = (float)attribute->number;
        break;
    case ATTRIBUTE_INT:
        *(int64_t *)field = attribute->integer;
        break;
    case ATTRIBUTE_STRING:
        *(const char **)field = attribute->string;
        break;
    case ATTRIBUTE_TENSOR:
        *(const struct tensor **)field = &attribute->tensor;
        break;
    case ATTRIBUTE_INTS:
        *(struct integers *)field =
            (struct integers){attribute->integers, attribute->count, true};
        break;
    case ATTRIBUTE_FLOATS:
        *(struct floats *)field =
            (struct floats){attribute->floats, attribute->count, true};
        break;
    default:
        break;
    }
}

static const struct parameter *find_parameter(const struct parameter *table,
                                              size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

int op_parameters(struct node *node, struct arena *arena,
                  const struct parameter *table, size_t count, size_t bytes,
                  struct error *err)
{
    char *params = arena_alloc(arena, bytes ? bytes : 1);
    if (!params)
        return error_memory(err, bytes);
    for (size_t i = 0; i < count; i++)
        if (table[i].offset != PARAMETER_IGNORED)
            put_fallback(&table[i], params + table[i].offset);
    for (size_t i = 0; i < node->attribute_count; i++) {
        const struct attribute *attribute = &node->attributes[i];
        const struct parameter *parameter =
            find_parameter(table, count, attribute->name);
        if (!parameter)
            return error_set(err, ERROR_UNSUPPORTED,
                             "attribute '%s' is not supported",
                             attribute->name);
        /* An empty list does not say what it is a list of. */
        bool empty = attribute->kind >= ATTRIBUTE_FLOATS &&
                     attribute->kind <= ATTRIBUTE_STRINGS &&
                     attribute->count == 0;
        if (attribute->kind != parameter->kind && !empty)
            return error_set(err, ERROR_FORMAT,
                             "attribute '%s' is %s, expected %s",
                             attribute->name, kind_names[attribute->kind],
                             kind_names[parameter->kind]);
        if (parameter->offset != PARAMETER_IGNORED &&
            attribute->kind == parameter->kind)
            put_attribute(attribute, params + parameter->offset);
    }
    node->params = params;
    return 0;
}

const struct tensor *op_input(const struct op_call *call, int i)
{
    return i < call->node->input_count ? call->inputs[i] : NULL;
}

struct tensor *op_output(const struct op_call *call, int i)
{
    return i < call->node->output_count ? call->outputs[i] : NULL;
}

int op_want_type(const struct op_call *call, int i, const char *name,
                 enum dtype dtype, struct error *err)
{
    const struct tensor *input = op_input(call, i);
    if (!input || input->dtype == dtype)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "input '%s' is %s, only %s is supported", name,
                     dtype_name(input->dtype), dtype_name(dtype));
}

int op_want_float(const struct op_call *call, int i, const char *name,
                  struct error *err)
{
    return op_want_type(call, i, name, DTYPE_FLOAT32, err);
}

int op_want_sized(const struct op_call *call, int i, const char *name,
                  struct error *err)
{
    const struct tensor *input = op_input(call, i);
    if (!input || dtype_size(input->dtype))
        return 0;
    return error_set(err, ERROR_UNSUPPORTED, "input '%s' is %s", name,
                     dtype_name(input->dtype));
}

int op_want_rank(const struct op_call *call, int i, const char *name,
                 int minimum, int maximum, struct error *err)
{
    const struct tensor *input = op_input(call, i);
    if (!input ||
        (input->shape.rank >= minimum && input->shape.rank <= maximum))
        return 0;
    if (minimum == maximum)
        return error_set(err, ERROR_SHAPE,
                         "input '%s' has %d dimensions, expected %d", name,
                         input->shape.rank, minimum);
    return error_set(err, ERROR_SHAPE,
                     "input '%s' has %d dimensions, expected %d to %d", name,
                     input->shape.rank, minimum, maximum);
}

void op_give(const struct op_call *call, int i, enum dtype dtype,
             const struct shape *shape)
{
    struct tensor *output = op_output(call, i);
    if (!output)
        return;
    output->dtype = dtype;
    output->shape = *shape;
}

int op_infer_same(const struct op_call *call, struct error *err)
{
    (void)err;
    op_give(call, 0, call->inputs[0]->dtype, &call->inputs[0]->shape);
    return 0;
}

int op_infer_same_float(const struct op_call *call, struct error *err)
{
    if (op_want_float(call, 0, "X", err) < 0)
        return -1;
    return op_infer_same(call, err);
}

int op_axis(int64_t axis, int rank, int *out, struct error *err)
{
    if (axis < -rank || axis >= rank)
        return error_set(err, ERROR_RANGE,
                         "axis %lld is outside the %d dimensions",
                         (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return 0;
}

int op_axes(const struct integers *axes, int rank, bool *set, struct error *err)
{
    for (int i = 0; i < rank; i++)
        set[i] = false;
    for (size_t i = 0; i < axes->count; i++) {
        int axis = 0;
        if (op_axis(axes->values[i], rank, &axis, err) < 0)
            return -1;
        if (set[axis])
            return error_set(err, ERROR_RANGE, "axis %d appears twice", axis);
        set[axis] = true;
    }
    return 0;
}

int op_constant_integers(const struct op_call *call, int i, const char *name,
                         int64_t *values, size_t room, size_t *count,
                         struct error *err)
{
    const struct tensor *input = op_input(call, i);
    *count = 0;
    if (!input)
        return error_set(err, ERROR_FORMAT, "input '%s' is missing", name);
    if (!input->data)
        return error_set(err, ERROR_UNSUPPORTED,
                         "input '%s' is computed from the data, only a "
                         "constant is supported",
                         name);
    if (input->dtype != DTYPE_INT64 && input->dtype != DTYPE_INT32)
        return error_set(err, ERROR_SHAPE, "input '%s' is %s, expected int64",
                         name, dtype_name(input->dtype));
    int64_t elements = tensor_elements(input);
    if (input->shape.rank > 1 || (size_t)elements > room)
        return error_set(err, ERROR_SHAPE,
                         "input '%s' has %lld elements in %d dimensions, "
                         "expected a list of at most %zu",
                         name, (long long)elements, input->shape.rank, room);
    for (int64_t j = 0; j < elements; j++)
        values[j] = tensor_integer(input, j);
    *count = (size_t)elements;
    return 0;
}

int64_t op_multiply(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

int64_t op_product(const struct shape *shape, int first, int last)
{
    int64_t product = 1;
    for (int i = first; i < last; i++)
        product = op_multiply(product, shape->dims[i]);
    return product;
}

/* Strided rows by element size; float32 is what matters. */
static void copy_row4(char *out, const char *in, int64_t count, int64_t stride)
{
    for (int64_t i = 0; i < count; i++)
        memcpy(out + i * 4, in + i * stride * 4, 4);
}

static void copy_row(char *out, const char *in, int64_t count, int64_t stride,
                     size_t bytes)
{
    if (stride == 1) {
        memcpy(out, in, (size_t)count * bytes);
        return;
    }
    if (bytes == 4) {
        copy_row4(out, in, count, stride);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        memcpy(out + (size_t)i * bytes, in + i * stride * (int64_t)bytes,
               bytes);
}

void op_copy(const struct shape *shape, void *out, const void *in,
             int64_t offset, const int64_t *strides, size_t element_bytes)
{
    int64_t index[SHAPE_MAX_RANK] = {0};
    int last = shape->rank - 1;
    int64_t row = last < 0 ? 1 : shape->dims[last];
    int64_t stride = last < 0 ? 1 : strides[last];
    int64_t elements = shape_elements(shape);
    char *to = out;
    const char *from = in;
    for (int64_t done = 0; done < elements; done += row) {
        copy_row(to, from + offset * (int64_t)element_bytes, row, stride,
                 element_bytes);
        to += (size_t)row * element_bytes;
        for (int i = last - 1; i >= 0; i--) {
            offset += strides[i];
            if (++index[i] < shape->dims[i])
                break;
            offset -= strides[i] * shape->dims[i];
            index[i] = 0;
        }
    }
}

void op_broadcast_strides(const struct shape *shape, const struct shape *out,
                          int64_t strides[SHAPE_MAX_RANK])
{
    int64_t own[SHAPE_MAX_RANK];
    shape_strides(shape, own);
    int lead = out->rank - shape->rank;
    for (int i = 0; i < out->rank; i++)
        strides[i] = i < lead ? 0 : own[i - lead];
}

int op_broadcast(struct tensor *out, const struct tensor *in,
                 const struct shape *shape, struct error *err)
{
    *out = *in;
    out->buffer = NULL;
    if (shape_equal(&in->shape, shape))
        return 0;
    if (tensor_init(out, in->dtype, shape, err) < 0)
        return -1;
    int64_t strides[SHAPE_MAX_RANK];
    op_broadcast_strides(&in->shape, shape, strides);
    op_copy(shape, out->data, in->data, 0, strides, dtype_size(in->dtype));
    return 0;
}

int op_run_copy(const struct op_call *call, struct error *err)
{
    (void)err;
    memcpy(call->outputs[0]->data, call->inputs[0]->data,
           tensor_bytes(call->inputs[0]));
    return 0;
}

void op_lower_alias(const struct op_call *call, struct kernel_spec *spec)
{
    (void)call;
    spec->kind = KERNEL_ALIAS;
}

int64_t op_constant_elements(const struct op_call *call, int first)
{
    int64_t count = 0;
    for (int i = first; i < call->node->input_count; i++)
        if (call->inputs[i] && call->inputs[i]->data &&
            call->inputs[i]->dtype == DTYPE_FLOAT32)
            count += tensor_elements(call->inputs[i]);
    return count;
}

float *op_scratch(int64_t count, struct error *err)
{
    size_t bytes;
    float *scratch = NULL;
    if (count >= 0 &&
        !__builtin_mul_overflow((size_t)count + 1, sizeof *scratch, &bytes))
        scratch = malloc(bytes);
    else
        bytes = SIZE_MAX;
    if (!scratch)
        error_memory(err, bytes);
    return scratch;
}

int op_nchw(const struct shape *shape, int64_t dims[4])
{
    if (shape->rank < 2 || shape->rank > 4)
        return -1;
    dims[0] = shape->dims[0];
    dims[1] = shape->dims[1];
    dims[2] = shape->rank == 4 ? shape->dims[2] : 1;
    dims[3] = shape->rank == 2 ? 1 : shape->dims[shape->rank - 1];
    return 0;
}
