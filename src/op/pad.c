/*
 * Pad, Tile and Expand: every output element is one input element, found
 * dimension by dimension through a table of indices, or the padding value.
 */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

#include <stdlib.h>
#include <string.h>

enum { OUTSIDE = -1 };

/*
 * out[i, j, …] = in[map[0][i], map[1][j], …], `fill` where one is OUTSIDE.
 *
 * map  out's dimensions one after the other
 */
static void copy_mapped(struct tensor *out, const struct tensor *in,
                        const int64_t *map, const void *fill)
{
    const struct shape *shape = &out->shape;
    size_t bytes = dtype_size(in->dtype);
    int last = shape->rank - 1;
    int64_t strides[SHAPE_MAX_RANK], elements = tensor_elements(out);
    int64_t row = last < 0 ? 1 : shape->dims[last];
    const int64_t *columns = map; /* the last dimension's part */
    for (int i = 0; i < last; i++)
        columns += shape->dims[i];
    shape_strides(&in->shape, strides);
    char *to = out->data;
    for (int64_t e = 0; e < elements; e += row) {
        int64_t rest = e / row, offset = 0;
        const int64_t *end = columns;
        bool inside = true;
        for (int i = last - 1; i >= 0; i--) {
            end -= shape->dims[i];
            int64_t from = end[rest % shape->dims[i]];
            rest /= shape->dims[i];
            inside = inside && from != OUTSIDE;
            offset += from * strides[i];
        }
        for (int64_t x = 0; x < row; x++, to += bytes) {
            int64_t from = last < 0 ? 0 : columns[x];
            bool kept = inside && from != OUTSIDE;
            int64_t at = last < 0 ? 0 : offset + from * strides[last];
            memcpy(to,
                   kept ? (const char *)in->data + (size_t)at * bytes : fill,
                   bytes);
        }
    }
}

/* The reverse: every element's gradient goes where it came from. */
static int return_mapped(const struct op_call *call,
                         const struct op_gradient *gradient, const int64_t *map)
{
    const struct shape *shape = &call->outputs[0]->shape;
    const float *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t strides[SHAPE_MAX_RANK], elements = shape_elements(shape);
    shape_strides(&call->inputs[0]->shape, strides);
    memset(dx, 0, tensor_bytes(call->inputs[0]));
    for (int64_t e = 0; e < elements; e++) {
        int64_t rest = e, offset = 0, first = 0;
        bool inside = true;
        for (int i = 0; i < shape->rank; i++)
            first += shape->dims[i];
        for (int i = shape->rank - 1; i >= 0; i--) {
            first -= shape->dims[i];
            int64_t from = map[first + rest % shape->dims[i]];
            rest /= shape->dims[i];
            inside = inside && from != OUTSIDE;
            offset += from * strides[i];
        }
        if (inside)
            dx[offset] += dy[e];
    }
    return 0;
}

static int64_t *create_map(const struct shape *shape, struct error *err)
{
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count += (size_t)shape->dims[i];
    int64_t *map = array_create(count, sizeof *map);
    if (!map)
        error_memory(err, count * sizeof *map);
    return map;
}

/* --- Pad --- */

struct pad_params {
    struct integers pads;
    float value;
    const char *mode;
};

/* Where position i of an axis of `size` comes from; i may be outside. */
typedef int64_t pad_function(int64_t i, int64_t size);

static int64_t pad_constant(int64_t i, int64_t size)
{
    return i < 0 || i >= size ? OUTSIDE : i;
}

static int64_t pad_edge(int64_t i, int64_t size)
{
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

/* Only used where one reflection reaches inside. */
static int64_t pad_reflect(int64_t i, int64_t size)
{
    i = i < 0 ? -i : i;
    return i >= size ? 2 * (size - 1) - i : i;
}

static int64_t pad_wrap(int64_t i, int64_t size)
{
    return (i % size + size) % size;
}

static const struct pad_mode {
    const char *name;
    pad_function *source;
    bool inside_only; /* no more padding than one copy of the data */
    int since;
} pad_modes[] = {
    {"constant", pad_constant, false, 1},
    {"reflect", pad_reflect, true, 1},
    {"edge", pad_edge, false, 1},
    {"wrap", pad_wrap, false, 19},
};

static const struct pad_mode *mode_of(const struct node *node)
{
    const struct pad_params *params = node->params;
    const char *name = params->mode ? params->mode : "constant";
    for (size_t i = 0; i < ARRAY_LENGTH(pad_modes); i++)
        if (strcmp(pad_modes[i].name, name) == 0 &&
            node->opset >= pad_modes[i].since)
            return &pad_modes[i];
    return NULL;
}

static const struct parameter pad_table[] = {
    {"mode", ATTRIBUTE_STRING, offsetof(struct pad_params, mode), 0},
    {"pads", ATTRIBUTE_INTS, offsetof(struct pad_params, pads), 0},
    {"value", ATTRIBUTE_FLOAT, offsetof(struct pad_params, value), 0},
};

static int parse_pad(struct node *node, struct arena *arena, struct error *err)
{
    size_t count = node->opset < 11 ? ARRAY_LENGTH(pad_table) : 1;
    if (op_parameters(node, arena, pad_table, count, sizeof(struct pad_params),
                      err) < 0)
        return -1;
    const struct pad_params *params = node->params;
    if (!mode_of(node))
        return error_set(err, ERROR_UNSUPPORTED, "mode '%s' is not supported",
                         params->mode);
    return 0;
}

struct padding {
    int64_t begin[SHAPE_MAX_RANK], end[SHAPE_MAX_RANK];
};

/* Which axes the list of pads is about. */
static int pad_axes(const struct op_call *call, int *axes, size_t *count,
                    struct error *err)
{
    int rank = call->inputs[0]->shape.rank;
    int64_t values[SHAPE_MAX_RANK];
    bool seen[SHAPE_MAX_RANK];
    *count = (size_t)rank;
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    if (!op_input(call, 3))
        return 0;
    if (op_constant_integers(call, 3, "axes", values, SHAPE_MAX_RANK, count,
                             err) < 0)
        return -1;
    struct integers list = {values, *count, true};
    if (op_axes(&list, rank, seen, err) < 0)
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (op_axis(values[i], rank, &axes[i], err) < 0)
            return -1;
    return 0;
}

static int padding_of(const struct op_call *call, struct padding *padding,
                      struct error *err)
{
    const struct pad_params *params = call->node->params;
    int64_t room[2 * SHAPE_MAX_RANK];
    const int64_t *values = params->pads.values;
    size_t count = params->pads.count, axis_count;
    int axes[SHAPE_MAX_RANK];
    *padding = (struct padding){0};
    if (op_input(call, 1)) {
        if (op_constant_integers(call, 1, "pads", room, 2 * SHAPE_MAX_RANK,
                                 &count, err) < 0)
            return -1;
        values = room;
    }
    if (pad_axes(call, axes, &axis_count, err) < 0)
        return -1;
    if (count != 2 * axis_count)
        return error_set(err, ERROR_SHAPE, "pads has %zu values, expected %zu",
                         count, 2 * axis_count);
    for (size_t i = 0; i < axis_count; i++) {
        padding->begin[axes[i]] = values[i];
        padding->end[axes[i]] = values[i + axis_count];
    }
    return 0;
}

static int check_padding(const struct pad_mode *mode, int64_t begin,
                         int64_t end, int64_t size, struct error *err)
{
    bool plain = mode->source == pad_constant;
    if (size > INT64_MAX / 2 || begin > INT32_MAX || end > INT32_MAX ||
        begin < -size || end < -size || begin + end + size < 0)
        return error_set(err, ERROR_RANGE,
                         "pads %lld and %lld are out of range",
                         (long long)begin, (long long)end);
    if (!plain && (begin < 0 || end < 0 || (size == 0 && begin + end > 0)))
        return error_set(err, ERROR_UNSUPPORTED,
                         "pads %lld and %lld are not supported with mode '%s'",
                         (long long)begin, (long long)end, mode->name);
    if (mode->inside_only && (begin >= size || end >= size) && begin + end > 0)
        return error_set(err, ERROR_SHAPE,
                         "pads %lld and %lld reach beyond the %lld elements",
                         (long long)begin, (long long)end, (long long)size);
    return 0;
}

static int infer_pad(const struct op_call *call, struct error *err)
{
    const struct tensor *value = op_input(call, 2);
    struct padding padding;
    if (op_want_sized(call, 0, "data", err) < 0 ||
        op_want_type(call, 2, "constant_value", call->inputs[0]->dtype, err) <
            0 ||
        padding_of(call, &padding, err) < 0)
        return -1;
    if (value && tensor_elements(value) != 1)
        return error_set(err, ERROR_SHAPE,
                         "input 'constant_value' is not one number");
    struct shape shape = call->inputs[0]->shape;
    for (int i = 0; i < shape.rank; i++) {
        if (check_padding(mode_of(call->node), padding.begin[i], padding.end[i],
                          shape.dims[i], err) < 0)
            return -1;
        shape.dims[i] += padding.begin[i] + padding.end[i];
    }
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

/* Where every position of every dimension comes from; to be freed. */
static int64_t *pad_map(const struct op_call *call, struct error *err)
{
    const struct shape *shape = &call->outputs[0]->shape;
    struct padding padding;
    if (padding_of(call, &padding, err) < 0)
        return NULL;
    int64_t *map = create_map(shape, err), *at = map;
    pad_function *source = mode_of(call->node)->source;
    for (int i = 0; map && i < shape->rank; i++)
        for (int64_t j = 0; j < shape->dims[i]; j++)
            *at++ =
                source(j - padding.begin[i], call->inputs[0]->shape.dims[i]);
    return map;
}

/* The padding's value is a number of the model, not a weight. */
static int gradient_pad(const struct op_call *call,
                        const struct op_gradient *gradient, struct error *err)
{
    if (!op_gradient_to(gradient, 0))
        return 0;
    int64_t *map = pad_map(call, err);
    if (!map)
        return -1;
    int result = return_mapped(call, gradient, map);
    free(map);
    return result;
}

static int run_pad(const struct op_call *call, struct error *err)
{
    const struct pad_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *value = op_input(call, 2);
    struct tensor *y = call->outputs[0];
    int64_t *map = pad_map(call, err);
    if (!map)
        return -1;
    uint64_t bits = 0;
    struct tensor fill = {.dtype = x->dtype, .data = &bits};
    op_put_number(&fill, 0, (double)params->value);
    copy_mapped(y, x, map, value ? value->data : fill.data);
    free(map);
    return 0;
}

/* Added channels are no layer's: they carry label 0 and stay. */
static int couple_pad(struct coupling *coupling, struct error *err)
{
    const struct op_call *call = coupling->call;
    const struct pad_params *params = call->node->params;
    const struct tensor *value = op_input(call, 2);
    struct label_map map = coupling->inputs[0];
    const struct shape *shape = &call->outputs[0]->shape;
    struct padding padding;
    const int64_t *tables[SHAPE_MAX_RANK] = {NULL};
    if (padding_of(call, &padding, err) < 0)
        return -1;
    const struct pad_mode *mode = mode_of(call->node);
    for (int i = 0; i < shape->rank && map.labels; i++) {
        if (!label_map_depends(&map, i) ||
            (!padding.begin[i] && !padding.end[i]))
            continue;
        int64_t *table = arena_array(&coupling->labels->arena,
                                     (size_t)shape->dims[i] + 1, sizeof *table);
        if (!table)
            return error_memory(err, (size_t)shape->dims[i] * sizeof *table);
        for (int64_t j = 0; j < shape->dims[i]; j++)
            table[j] = pad_constant(j - padding.begin[i], map.shape.dims[i]);
        tables[i] = table;
        if (mode->source != pad_constant)
            couple_lock(coupling, 0, couple_by(coupling, "it is repeated by"));
    }
    double fill = value && value->data ? tensor_number(value, 0)
                  : value              ? 1
                                       : (double)params->value;
    bool zero = map.zero && (mode->source != pad_constant || fill == 0);
    map = label_map_index(coupling->labels, &map, shape, tables);
    map.zero = zero;
    couple_give(coupling, 0, map);
    return 0;
}

/* Cutting samples in front and adding as many behind keeps the shape. */
static bool pad_mixes_samples(const struct op_call *call)
{
    struct padding padding;
    return padding_of(call, &padding, NULL) < 0 ||
           (call->inputs[0]->shape.rank &&
            (padding.begin[0] || padding.end[0]));
}

#define PAD(symbol, first, last, least, most)                                  \
    const struct op symbol = {                                                 \
        .type = "Pad",                                                         \
        OP_OPSETS(first, last),                                                \
        .min_inputs = least,                                                   \
        .max_inputs = most,                                                    \
        .weight_input = -1,                                                    \
        .parse = parse_pad,                                                    \
        .infer = infer_pad,                                                    \
        .couple = couple_pad,                                                  \
        .run = run_pad,                                                        \
        .gradient = gradient_pad,                                              \
        .mixes_samples = pad_mixes_samples,                                    \
    }

PAD(op_pad_attribute, OP_OPSET_FIRST, 10, 1, 1);
PAD(op_pad, 11, 17, 2, 3);
PAD(op_pad_axes, 18, OP_OPSET_LAST, 2, 4);

/* --- Tile --- */

static int infer_tile(const struct op_call *call, struct error *err)
{
    struct shape shape = call->inputs[0]->shape;
    int64_t repeats[SHAPE_MAX_RANK];
    size_t count;
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_constant_integers(call, 1, "repeats", repeats, SHAPE_MAX_RANK,
                             &count, err) < 0)
        return -1;
    if (count != (size_t)shape.rank)
        return error_set(err, ERROR_SHAPE,
                         "repeats has %zu values, expected %d", count,
                         shape.rank);
    for (int i = 0; i < shape.rank; i++)
        if (repeats[i] < 0 ||
            __builtin_mul_overflow(shape.dims[i], repeats[i], &shape.dims[i]))
            return error_set(err, ERROR_RANGE, "repeats %lld is out of range",
                             (long long)repeats[i]);
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

static int64_t *tile_map(const struct op_call *call, struct error *err)
{
    const struct shape *y = &call->outputs[0]->shape;
    int64_t *map = create_map(y, err), *at = map;
    for (int i = 0; map && i < y->rank; i++)
        for (int64_t j = 0; j < y->dims[i]; j++)
            *at++ = j % call->inputs[0]->shape.dims[i];
    return map;
}

static int gradient_tile(const struct op_call *call,
                         const struct op_gradient *gradient, struct error *err)
{
    if (!op_gradient_to(gradient, 0))
        return 0;
    int64_t *map = tile_map(call, err);
    if (!map)
        return -1;
    int result = return_mapped(call, gradient, map);
    free(map);
    return result;
}

static int run_tile(const struct op_call *call, struct error *err)
{
    int64_t *map = tile_map(call, err);
    if (!map)
        return -1;
    copy_mapped(call->outputs[0], call->inputs[0], map, NULL);
    free(map);
    return 0;
}

static int couple_tile(struct coupling *coupling, struct error *err)
{
    struct label_map map = coupling->inputs[0];
    const struct shape *shape = &coupling->call->outputs[0]->shape;
    for (int i = 0; i < shape->rank; i++)
        if (label_map_depends(&map, i) && shape->dims[i] != map.shape.dims[i])
            return couple_moves(coupling, err);
    map.shape = *shape;
    for (int i = 0; i < shape->rank; i++)
        if (!label_map_depends(&coupling->inputs[0], i))
            map.strides[i] = 0;
    couple_give(coupling, 0, map);
    return 0;
}

const struct op op_tile = {
    .type = "Tile",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .infer = infer_tile,
    .couple = couple_tile,
    .run = run_tile,
    .gradient = gradient_tile,
};

/* --- Expand --- */

static int infer_expand(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    struct shape target = {0}, shape;
    size_t rank;
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_constant_integers(call, 1, "shape", target.dims, SHAPE_MAX_RANK,
                             &rank, err) < 0)
        return -1;
    target.rank = (int)rank;
    /* A target that begins with the declared batch means the new one. */
    if (call->batch && !x->data && x->shape.rank == target.rank && rank &&
        x->shape.dims[0] == call->batch &&
        target.dims[0] == call->declared_batch)
        target.dims[0] = call->batch;
    char from[SHAPE_TEXT_BYTES], to[SHAPE_TEXT_BYTES];
    if (shape_elements(&target) < 0 ||
        shape_broadcast(&shape, &x->shape, &target) < 0)
        return error_set(err, ERROR_SHAPE, "%s does not broadcast to %s",
                         shape_text(&x->shape, from), shape_text(&target, to));
    op_give(call, 0, x->dtype, &shape);
    return 0;
}

static int run_expand(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    int64_t strides[SHAPE_MAX_RANK];
    op_broadcast_strides(&x->shape, &y->shape, strides);
    op_copy(&y->shape, y->data, x->data, 0, strides, dtype_size(x->dtype));
    return 0;
}

static int couple_expand(struct coupling *coupling, struct error *err)
{
    (void)err;
    couple_give(coupling, 0,
                label_map_broadcast(&coupling->inputs[0],
                                    &coupling->call->outputs[0]->shape));
    return 0;
}

static int gradient_expand(const struct op_call *call,
                           const struct op_gradient *gradient,
                           struct error *err)
{
    return op_unbroadcast(gradient, 0, &call->outputs[0]->shape,
                          op_gradient_of(gradient, 0), err);
}

const struct op op_expand = {
    .type = "Expand",
    OP_OPSETS(8, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .infer = infer_expand,
    .couple = couple_expand,
    .run = run_expand,
    .gradient = gradient_expand,
};
