/*
 * Resize (and Upsample, its first form): one axis after the other by the
 * tables of resize_taps.c. Sizes and scales must be constant.
 */
#include "op/resize.h"
#include "base/array.h"
#include "op/couple.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct resize_params {
    const char *mode, *place, *round, *policy;
    float cubic, extrapolation;
    int64_t exclude_outside, antialias;
    struct integers axes;
    struct floats scales; /* Upsample before 9 */
};

static const struct parameter resize_table[] = {
    {"mode", ATTRIBUTE_STRING, offsetof(struct resize_params, mode), 0},
    {"coordinate_transformation_mode", ATTRIBUTE_STRING,
     offsetof(struct resize_params, place), 0},
    {"nearest_mode", ATTRIBUTE_STRING, offsetof(struct resize_params, round),
     0},
    {"cubic_coeff_a", ATTRIBUTE_FLOAT, offsetof(struct resize_params, cubic),
     -0.75},
    {"extrapolation_value", ATTRIBUTE_FLOAT,
     offsetof(struct resize_params, extrapolation), 0},
    {"exclude_outside", ATTRIBUTE_INT,
     offsetof(struct resize_params, exclude_outside), 0},
    /* Since opset 18. */
    {"antialias", ATTRIBUTE_INT, offsetof(struct resize_params, antialias), 0},
    {"axes", ATTRIBUTE_INTS, offsetof(struct resize_params, axes), 0},
    {"keep_aspect_ratio_policy", ATTRIBUTE_STRING,
     offsetof(struct resize_params, policy), 0},
};

static const struct parameter upsample_table[] = {
    {"mode", ATTRIBUTE_STRING, offsetof(struct resize_params, mode), 0},
    {"scales", ATTRIBUTE_FLOATS, offsetof(struct resize_params, scales), 0},
};

static int parse_resize(struct node *node, struct arena *arena,
                        struct error *err)
{
    return op_parameters(node, arena, resize_table, ARRAY_LENGTH(resize_table),
                         sizeof(struct resize_params), err);
}

static int parse_upsample(struct node *node, struct arena *arena,
                          struct error *err)
{
    return op_parameters(node, arena, upsample_table,
                         ARRAY_LENGTH(upsample_table),
                         sizeof(struct resize_params), err);
}

/* --- names --- */

static const char *const mode_names[] = {
    [RESIZE_NEAREST] = "nearest",
    [RESIZE_LINEAR] = "linear",
    [RESIZE_CUBIC] = "cubic",
};

static const char *const place_names[] = {
    [RESIZE_HALF_PIXEL] = "half_pixel",
    [RESIZE_HALF_PIXEL_SYMMETRIC] = "half_pixel_symmetric",
    [RESIZE_PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
    [RESIZE_ALIGN_CORNERS] = "align_corners",
    [RESIZE_ASYMMETRIC] = "asymmetric",
    [RESIZE_TF_HALF_PIXEL_FOR_NN] = "tf_half_pixel_for_nn",
    [RESIZE_TF_CROP_AND_RESIZE] = "tf_crop_and_resize",
};

static const char *const round_names[] = {
    [RESIZE_ROUND_PREFER_FLOOR] = "round_prefer_floor",
    [RESIZE_ROUND_PREFER_CEIL] = "round_prefer_ceil",
    [RESIZE_FLOOR] = "floor",
    [RESIZE_CEIL] = "ceil",
};

enum policy { POLICY_STRETCH, POLICY_NOT_LARGER, POLICY_NOT_SMALLER };

static const char *const policy_names[] = {
    [POLICY_STRETCH] = "stretch",
    [POLICY_NOT_LARGER] = "not_larger",
    [POLICY_NOT_SMALLER] = "not_smaller",
};

/* The index of `name`, 0 when it is not given. */
static int find(const char *name, const char *const *names, size_t count,
                const char *what, int *out, struct error *err)
{
    *out = 0;
    if (!name)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (int)i;
            return 0;
        }
    }
    return error_set(err, ERROR_UNSUPPORTED, "%s '%s' is not supported", what,
                     name);
}

/* --- sizes --- */

/* What a call asks of every axis of its input. */
struct resize_plan {
    int rank;
    struct resize_axis axes[SHAPE_MAX_RANK];
    float extrapolation;
};

/* The axes that sizes, scales and the crop speak of, in their order. */
static int listed_axes(const struct op_call *call, int *list, int *count,
                       struct error *err)
{
    const struct resize_params *params = call->node->params;
    int rank = call->inputs[0]->shape.rank;
    bool given[SHAPE_MAX_RANK];
    *count = params->axes.count ? (int)params->axes.count : rank;
    if (op_axes(&params->axes, rank, given, err) < 0)
        return -1;
    for (int i = 0; i < *count; i++) {
        int64_t axis = params->axes.count ? params->axes.values[i] : i;
        list[i] = (int)(axis < 0 ? axis + rank : axis);
    }
    return 0;
}

/* A constant list of `count` numbers at input i; NULL when it is empty. */
static int numbers(const struct op_call *call, int i, const char *name,
                   int count, const struct tensor **out, struct error *err)
{
    const struct tensor *input = op_input(call, i);
    *out = NULL;
    if (!input || tensor_elements(input) == 0)
        return 0;
    if (!input->data)
        return error_set(err, ERROR_UNSUPPORTED,
                         "input '%s' is computed from the data, only a "
                         "constant is supported",
                         name);
    if (tensor_elements(input) != count)
        return error_set(err, ERROR_SHAPE,
                         "input '%s' has %lld elements, expected %d", name,
                         (long long)tensor_elements(input), count);
    *out = input;
    return 0;
}

static int set_size(struct resize_axis *axis, double out, struct error *err)
{
    if (!(out >= 1) || out > INT32_MAX || !(axis->scale > 0))
        return error_set(err, ERROR_RANGE, "an output of %g by a scale of %g",
                         out, axis->scale);
    axis->out = (int64_t)out;
    return 0;
}

static int by_scales(struct resize_plan *plan, const int *list, int count,
                     const struct tensor *scales, const struct floats *listed,
                     struct error *err)
{
    for (int i = 0; i < count; i++) {
        struct resize_axis *axis = &plan->axes[list[i]];
        axis->scale =
            scales ? tensor_number(scales, i) : (double)listed->values[i];
        double out = floor((double)axis->in * axis->scale);
        if (set_size(axis, out, err) < 0)
            return -1;
    }
    return 0;
}

/* The declared batch among the sizes means the one that runs. */
static double wanted_size(const struct op_call *call,
                          const struct resize_axis *axis, int at, double size)
{
    bool batch = at == 0 && call->batch && axis->in == call->batch &&
                 size == (double)call->declared_batch;
    return batch ? (double)axis->in : size;
}

static int by_sizes(struct resize_plan *plan, const struct op_call *call,
                    const int *list, int count, const struct tensor *sizes,
                    enum policy policy, struct error *err)
{
    double scale = 0;
    for (int i = 0; i < count; i++) {
        struct resize_axis *axis = &plan->axes[list[i]];
        double size = wanted_size(call, axis, list[i], tensor_number(sizes, i));
        axis->scale = size / (double)axis->in;
        bool better = policy == POLICY_NOT_LARGER ? axis->scale < scale
                                                  : axis->scale > scale;
        scale = i == 0 || better ? axis->scale : scale;
        if (set_size(axis, size, err) < 0)
            return -1;
    }
    for (int i = 0; i < count && policy != POLICY_STRETCH; i++) {
        struct resize_axis *axis = &plan->axes[list[i]];
        axis->scale = scale;
        if (set_size(axis, floor(scale * (double)axis->in + 0.5), err) < 0)
            return -1;
    }
    return 0;
}

static int set_crop(struct resize_plan *plan, const struct op_call *call,
                    const int *list, int count, struct error *err)
{
    const struct tensor *roi;
    if (numbers(call, 1, "roi", 2 * count, &roi, err) < 0)
        return -1;
    if (!roi)
        return error_set(err, ERROR_FORMAT, "input 'roi' is missing");
    for (int i = 0; i < count; i++) {
        plan->axes[list[i]].roi_begin = tensor_number(roi, i);
        plan->axes[list[i]].roi_end = tensor_number(roi, count + i);
    }
    return 0;
}

/* --- modes --- */

static int set_modes(struct resize_plan *plan, const struct op_call *call,
                     struct error *err)
{
    const struct resize_params *params = call->node->params;
    bool first_form = call->node->opset < 11;
    const char *mode = params->mode;
    int kind, place, round;
    if (mode && first_form && strcmp(mode, "bilinear") == 0)
        mode = "linear";
    if (find(mode, mode_names, ARRAY_LENGTH(mode_names), "mode", &kind, err) <
            0 ||
        find(params->place, place_names, ARRAY_LENGTH(place_names),
             "coordinate_transformation_mode", &place, err) < 0 ||
        find(params->round, round_names, ARRAY_LENGTH(round_names),
             "nearest_mode", &round, err) < 0)
        return -1;
    plan->extrapolation = params->extrapolation;
    for (int i = 0; i < plan->rank; i++) {
        struct resize_axis *axis = &plan->axes[i];
        axis->mode = (enum resize_mode)kind;
        axis->place = first_form ? RESIZE_ASYMMETRIC : (enum resize_place)place;
        axis->round = (enum resize_round)round;
        /* As ONNX Runtime reads what opset 10 leaves open. */
        if (first_form)
            axis->round = axis->scale < 1 ? RESIZE_CEIL : RESIZE_FLOOR;
        axis->cubic = (double)params->cubic;
        axis->exclude_outside = params->exclude_outside != 0;
        axis->antialias = params->antialias != 0;
    }
    return 0;
}

/* The specification puts the last corner at the size before rounding,
 * runtimes at the size after it. */
static int check_corners(const struct resize_plan *plan, struct error *err)
{
    for (int i = 0; i < plan->rank; i++) {
        const struct resize_axis *axis = &plan->axes[i];
        double size = axis->scale * (double)axis->in;
        if (axis->place == RESIZE_ALIGN_CORNERS &&
            fabs(size - (double)axis->out) > 1e-4 * size)
            return error_set(err, ERROR_UNSUPPORTED,
                             "align_corners with a size of %g before rounding, "
                             "on which runtimes differ",
                             size);
    }
    return 0;
}

static int plan_of(const struct op_call *call, struct resize_plan *plan,
                   struct error *err)
{
    const struct resize_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int first = call->node->opset < 11 ? 1 : 2;
    int list[SHAPE_MAX_RANK], count, policy;
    const struct tensor *scales, *sizes;
    *plan = (struct resize_plan){.rank = x->rank};
    for (int i = 0; i < x->rank; i++)
        plan->axes[i] = (struct resize_axis){
            .in = x->dims[i], .out = x->dims[i], .scale = 1, .roi_end = 1};
    if (listed_axes(call, list, &count, err) < 0 ||
        numbers(call, first, "scales", count, &scales, err) < 0 ||
        numbers(call, 3, "sizes", count, &sizes, err) < 0 ||
        find(params->policy, policy_names, ARRAY_LENGTH(policy_names),
             "keep_aspect_ratio_policy", &policy, err) < 0)
        return -1;
    bool listed = params->scales.count == (size_t)count && count;
    if (!sizes && !scales && !listed)
        return error_set(err, ERROR_FORMAT, "neither sizes nor scales");
    int result =
        sizes
            ? by_sizes(plan, call, list, count, sizes, (enum policy)policy, err)
            : by_scales(plan, list, count, scales, &params->scales, err);
    if (result < 0 || set_modes(plan, call, err) < 0)
        return -1;
    if (check_corners(plan, err) < 0)
        return -1;
    if (x->rank && plan->axes[0].place == RESIZE_TF_CROP_AND_RESIZE)
        return set_crop(plan, call, list, count, err);
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    struct resize_plan plan;
    struct shape shape = call->inputs[0]->shape;
    if (op_want_float(call, 0, "X", err) < 0)
        return -1;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] < 1 || shape.dims[i] > INT32_MAX)
            return error_set(err, ERROR_SHAPE, "a dimension of %lld",
                             (long long)shape.dims[i]);
    if (plan_of(call, &plan, err) < 0)
        return -1;
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = plan.axes[i].out;
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    return 0;
}

/* --- computing --- */

/* (outer, in, inner) to (outer, out, inner). */
static void resample(const struct resize_taps *taps,
                     const struct resize_axis *axis, const float *from,
                     float *to, int64_t outer, int64_t inner, float beyond)
{
    for (int64_t row = 0; row < outer * axis->out; row++) {
        int64_t o = row % axis->out;
        const float *block = from + row / axis->out * axis->in * inner;
        const int64_t *index = taps->index + o * taps->count;
        const float *weight = taps->weight + o * taps->count;
        float *line = to + row * inner;
        for (int64_t i = 0; i < inner; i++)
            line[i] = taps->outside[o] ? beyond : 0;
        for (int64_t k = 0; k < taps->count && !taps->outside[o]; k++) {
            const float *source = block + index[k] * inner;
            if (weight[k] == 0)
                continue;
            for (int64_t i = 0; i < inner; i++)
                line[i] += weight[k] * source[i];
        }
    }
}

/* resample turned: (outer, out, inner) back to (outer, in, inner). */
static void scatter(const struct resize_taps *taps,
                    const struct resize_axis *axis, const float *from,
                    float *to, int64_t outer, int64_t inner)
{
    memset(to, 0, (size_t)(outer * axis->in * inner) * sizeof *to);
    for (int64_t row = 0; row < outer * axis->out; row++) {
        int64_t o = row % axis->out;
        float *block = to + row / axis->out * axis->in * inner;
        const float *line = from + row * inner;
        for (int64_t k = 0; k < taps->count && !taps->outside[o]; k++) {
            float weight = taps->weight[o * taps->count + k];
            float *target = block + taps->index[o * taps->count + k] * inner;
            for (int64_t i = 0; i < inner; i++)
                target[i] += weight * line[i];
        }
    }
}

/* An axis that a table leaves as it is. */
static bool is_kept(const struct resize_axis *axis)
{
    bool crop = axis->place == RESIZE_TF_CROP_AND_RESIZE &&
                (axis->roi_begin != 0 || axis->roi_end != 1);
    return axis->in == axis->out && axis->scale == 1 && !crop;
}

/* Resamples axis i of `shape`, which changes, or returns what flows back
 * through it; `from` is consumed. */
static float *resize_axis(const struct resize_plan *plan, int i, bool back,
                          float *from, struct shape *shape, struct error *err)
{
    const struct resize_axis *axis = &plan->axes[i];
    struct resize_taps taps;
    int64_t outer = op_product(shape, 0, i);
    int64_t inner = op_product(shape, i + 1, shape->rank);
    shape->dims[i] = back ? axis->in : axis->out;
    float *to = op_scratch(shape_elements(shape), err);
    if (to && resize_taps_init(&taps, axis, err) == 0) {
        if (back)
            scatter(&taps, axis, from, to, outer, inner);
        else
            resample(&taps, axis, from, to, outer, inner, plan->extrapolation);
        resize_taps_release(&taps);
    } else {
        free(to);
        to = NULL;
    }
    free(from);
    return to;
}

/* All axes, the last first: it is the smallest copy of the most rows; back:
 * the other way round. */
static int resize_all(const struct op_call *call, bool back,
                      const struct tensor *from, struct tensor *to,
                      struct error *err)
{
    struct resize_plan plan;
    if (plan_of(call, &plan, err) < 0)
        return -1;
    struct shape shape = from->shape;
    float *data = op_scratch(shape_elements(&shape), err);
    if (!data)
        return -1;
    memcpy(data, from->data, tensor_bytes(from));
    for (int k = 0; k < plan.rank && data; k++) {
        int i = back ? k : plan.rank - 1 - k;
        if (!is_kept(&plan.axes[i]))
            data = resize_axis(&plan, i, back, data, &shape, err);
    }
    if (!data)
        return -1;
    memcpy(to->data, data, tensor_bytes(to));
    free(data);
    return 0;
}

static int run(const struct op_call *call, struct error *err)
{
    return resize_all(call, false, call->inputs[0], call->outputs[0], err);
}

/* Scales, sizes and the crop are settings. */
static int run_back(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    return gradient->inputs[0] ? resize_all(call, true, gradient->outputs[0],
                                            gradient->inputs[0], err)
                               : 0;
}

static bool mixes_samples(const struct op_call *call)
{
    struct resize_plan plan;
    return plan_of(call, &plan, NULL) < 0 || !is_kept(&plan.axes[0]);
}

#define RESIZE_FACES                                                           \
    .weight_input = -1, .couple = couple_planes, .infer = infer, .run = run,   \
    .gradient = run_back, .mixes_samples = mixes_samples

const struct op op_resize = {
    .type = "Resize",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 4,
    .parse = parse_resize,
    RESIZE_FACES,
};

const struct op op_resize_scales = {
    .type = "Resize",
    OP_OPSETS(10, 10),
    .min_inputs = 2,
    .max_inputs = 2,
    .parse = parse_upsample,
    RESIZE_FACES,
};

const struct op op_upsample_attribute = {
    .type = "Upsample",
    OP_OPSETS(7, 8),
    .min_inputs = 1,
    .max_inputs = 1,
    .parse = parse_upsample,
    RESIZE_FACES,
};

const struct op op_upsample = {
    .type = "Upsample",
    OP_OPSETS(9, 9),
    .min_inputs = 2,
    .max_inputs = 2,
    .parse = parse_upsample,
    RESIZE_FACES,
};
