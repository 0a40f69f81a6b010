/* Slice: starts, ends, axes (and steps) are attributes before opset 10. */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

struct slice_params {
    struct integers starts, ends, axes;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"starts", ATTRIBUTE_INTS, offsetof(struct slice_params, starts), 0},
        {"ends", ATTRIBUTE_INTS, offsetof(struct slice_params, ends), 0},
        {"axes", ATTRIBUTE_INTS, offsetof(struct slice_params, axes), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct slice_params), err);
}

/* Begin, step and length along every dimension. */
struct slice {
    int64_t begin[SHAPE_MAX_RANK], step[SHAPE_MAX_RANK];
    struct shape shape;
};

struct slice_lists {
    struct integers starts, ends, axes, steps;
    int64_t room[4][SHAPE_MAX_RANK];
};

static int read_lists(const struct op_call *call, struct slice_lists *lists,
                      struct error *err)
{
    static const char *const names[] = {"data", "starts", "ends", "axes",
                                        "steps"};
    const struct slice_params *params = call->node->params;
    struct integers *const all[] = {&lists->starts, &lists->ends, &lists->axes,
                                    &lists->steps};
    *lists = (struct slice_lists){0};
    if (params) {
        lists->starts = params->starts;
        lists->ends = params->ends;
        lists->axes = params->axes;
    }
    for (int i = 0; i < 4; i++) {
        if (!op_input(call, i + 1))
            continue;
        if (op_constant_integers(call, i + 1, names[i + 1], lists->room[i],
                                 SHAPE_MAX_RANK, &all[i]->count, err) < 0)
            return -1;
        all[i]->values = lists->room[i];
        all[i]->given = true;
    }
    size_t count = lists->starts.count;
    if (lists->ends.count != count ||
        (lists->axes.given && lists->axes.count != count) ||
        (lists->steps.given && lists->steps.count != count))
        return error_set(err, ERROR_SHAPE,
                         "starts, ends, axes and steps differ in length");
    return 0;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* One axis as NumPy has it: negative ends count from behind, what lies
 * outside is cut. */
static void slice_axis(struct slice *slice, int axis, int64_t start,
                       int64_t end, int64_t step)
{
    int64_t size = slice->shape.dims[axis], count = 0;
    start += start < 0 ? size : 0;
    end += end < 0 ? size : 0;
    step = clamp(step, -INT64_MAX, INT64_MAX);
    if (step > 0) {
        start = clamp(start, 0, size);
        end = clamp(end, 0, size);
        count = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = clamp(start, 0, size - 1);
        end = clamp(end, -1, size - 1);
        count = start > end ? (start - end - 1) / -step + 1 : 0;
    }
    slice->begin[axis] = count ? start : 0;
    slice->step[axis] = count > 1 ? step : 1;
    slice->shape.dims[axis] = count;
}

static int slice_of(const struct op_call *call, struct slice *slice,
                    struct error *err)
{
    struct slice_lists lists;
    bool seen[SHAPE_MAX_RANK] = {false};
    if (read_lists(call, &lists, err) < 0)
        return -1;
    *slice = (struct slice){.shape = call->inputs[0]->shape};
    for (int i = 0; i < slice->shape.rank; i++)
        slice->step[i] = 1;
    for (size_t i = 0; i < lists.starts.count; i++) {
        int axis = 0;
        if (op_axis(lists.axes.given ? lists.axes.values[i] : (int64_t)i,
                    slice->shape.rank, &axis, err) < 0)
            return -1;
        int64_t step = lists.steps.given ? lists.steps.values[i] : 1;
        if (seen[axis] || step == 0)
            return error_set(err, ERROR_RANGE,
                             seen[axis] ? "axis %d appears twice"
                                        : "the step along axis %d is 0",
                             axis);
        seen[axis] = true;
        slice_axis(slice, axis, lists.starts.values[i], lists.ends.values[i],
                   step);
    }
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    struct slice slice;
    if (op_want_sized(call, 0, "data", err) < 0 ||
        slice_of(call, &slice, err) < 0)
        return -1;
    op_give(call, 0, call->inputs[0]->dtype, &slice.shape);
    return 0;
}

/* Where the result's elements lie in the data. */
static int places_of(const struct op_call *call, struct slice *slice,
                     int64_t *offset, int64_t *strides, struct error *err)
{
    if (slice_of(call, slice, err) < 0)
        return -1;
    shape_strides(&call->inputs[0]->shape, strides);
    *offset = 0;
    for (int i = 0; i < slice->shape.rank; i++) {
        *offset += slice->begin[i] * strides[i];
        strides[i] *= slice->step[i];
    }
    return 0;
}

static int run(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    struct slice slice;
    int64_t strides[SHAPE_MAX_RANK], offset;
    if (places_of(call, &slice, &offset, strides, err) < 0)
        return -1;
    op_copy(&slice.shape, call->outputs[0]->data, x->data, offset, strides,
            dtype_size(x->dtype));
    return 0;
}

static int couple(struct coupling *coupling, struct error *err)
{
    struct slice slice;
    struct label_map part = coupling->inputs[0];
    if (slice_of(coupling->call, &slice, err) < 0)
        return -1;
    for (int i = 0; i < slice.shape.rank; i++) {
        if (label_map_depends(&part, i) && slice.step[i] != 1)
            label_map_lock(coupling->labels, &part,
                           couple_by(coupling, "every other one is taken by"));
        if (part.labels)
            part.labels += slice.begin[i] * part.strides[i];
        part.strides[i] *= slice.step[i];
    }
    part.shape = slice.shape;
    couple_give(coupling, 0, part);
    return 0;
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    struct slice slice;
    int64_t strides[SHAPE_MAX_RANK], offset;
    if (places_of(call, &slice, &offset, strides, err) < 0)
        return -1;
    return op_accumulate(gradient, 0, &slice.shape, op_gradient_of(gradient, 0),
                         offset, strides, err);
}

/* Reversing samples keeps the shape. */
static bool mixes_samples(const struct op_call *call)
{
    struct slice slice;
    return slice_of(call, &slice, NULL) < 0 ||
           (slice.shape.rank && slice.step[0] != 1);
}

const struct op op_slice_attribute = {
    .type = "Slice",
    OP_OPSETS(OP_OPSET_FIRST, 9),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .couple = couple,
    .run = run,
    .gradient = gradient,
    .mixes_samples = mixes_samples,
};

const struct op op_slice = {
    .type = "Slice",
    OP_OPSETS(10, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 5,
    .weight_input = -1,
    .infer = infer,
    .couple = couple,
    .run = run,
    .gradient = gradient,
    .mixes_samples = mixes_samples,
};
