/* Conv and ConvTranspose over one, two or three spatial dimensions. */
#include "base/array.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"
#include "op/backward.h"
#include "op/couple.h"
#include "op/volume.h"

struct conv_params {
    struct window_params window;
    int64_t group;
    struct integers output_padding, output_shape; /* ConvTranspose */
};

static const struct parameter conv_table[] = {
    WINDOW_PARAMETERS(struct conv_params, window),
    WINDOW_DILATIONS(struct conv_params, window),
    {"group", ATTRIBUTE_INT, offsetof(struct conv_params, group), 1},
    {"output_padding", ATTRIBUTE_INTS,
     offsetof(struct conv_params, output_padding), 0},
    {"output_shape", ATTRIBUTE_INTS, offsetof(struct conv_params, output_shape),
     0},
};

enum { TRANSPOSE_PARAMETERS = 2 }; /* the last rows of the table */

static int parse_table(struct node *node, struct arena *arena, size_t count,
                       struct error *err)
{
    if (op_parameters(node, arena, conv_table, count,
                      sizeof(struct conv_params), err) < 0)
        return -1;
    const struct conv_params *params = node->params;
    if (params->group < 1)
        return error_set(err, ERROR_RANGE, "group %lld is not positive",
                         (long long)params->group);
    return 0;
}

static int parse_conv(struct node *node, struct arena *arena, struct error *err)
{
    return parse_table(node, arena,
                       ARRAY_LENGTH(conv_table) - TRANSPOSE_PARAMETERS, err);
}

static int parse_transpose(struct node *node, struct arena *arena,
                           struct error *err)
{
    return parse_table(node, arena, ARRAY_LENGTH(conv_table), err);
}

static int check_operands(const struct op_call *call, struct error *err)
{
    if (op_want_float(call, 0, "X", err) < 0 ||
        op_want_float(call, 1, "W", err) < 0 ||
        op_want_float(call, 2, "B", err) < 0)
        return -1;
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *w = &call->inputs[1]->shape;
    if (op_want_rank(call, 0, "X", 3, 5, err) < 0 ||
        op_want_rank(call, 1, "W", x->rank, x->rank, err) < 0 ||
        op_want_rank(call, 2, "B", 1, 1, err) < 0)
        return -1;
    for (int i = 0; i < w->rank; i++)
        if (w->dims[i] < 1)
            return error_set(err, ERROR_SHAPE, "input 'W' is empty");
    return 0;
}

/* Sizes that both directions share; channels are the caller's. */
static void fill_spec(const struct op_call *call, const struct window *window,
                      struct conv_spec *spec)
{
    const struct tensor *bias = op_input(call, 2);
    int64_t x[4];
    volume_slice(&call->inputs[0]->shape, x);
    *spec = (struct conv_spec){
        .n = x[0],
        .ic = x[1],
        .ih = x[2],
        .iw = x[3],
        .oh = 1,
        .ow = 1,
        .kh = window->kernel[WINDOW_HEIGHT],
        .kw = window->kernel[WINDOW_WIDTH],
        .sh = window->stride[WINDOW_HEIGHT],
        .sw = window->stride[WINDOW_WIDTH],
        .dh = window->dilation[WINDOW_HEIGHT],
        .dw = window->dilation[WINDOW_WIDTH],
        .pad_top = window->begin[WINDOW_HEIGHT],
        .pad_left = window->begin[WINDOW_WIDTH],
        .pad_bottom = window->end[WINDOW_HEIGHT],
        .pad_right = window->end[WINDOW_WIDTH],
        .weight = call->inputs[1]->data,
        .bias = op_floats(bias),
    };
}

static int check_channels(const struct op_call *call,
                          const struct conv_spec *spec, int64_t weight_channels,
                          struct error *err)
{
    if (spec->ic != weight_channels || spec->oc % spec->groups)
        return error_set(err, ERROR_SHAPE,
                         "input 'X' has %lld channels, the weight of %lld "
                         "groups expects %lld",
                         (long long)spec->ic, (long long)spec->groups,
                         (long long)weight_channels);
    const struct tensor *bias = op_input(call, 2);
    if (bias && bias->shape.dims[0] != spec->oc)
        return error_set(err, ERROR_SHAPE,
                         "input 'B' has %lld elements, expected %lld",
                         (long long)bias->shape.dims[0], (long long)spec->oc);
    return 0;
}

static int conv_spec_of(const struct op_call *call, struct conv_spec *spec,
                        struct depth *depth, struct error *err)
{
    const struct conv_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *w = &call->inputs[1]->shape;
    int spatial = x->rank - 2;
    struct window window;
    int64_t out[WINDOW_AXES] = {1, 1, 1};
    if (window_read(&window, &params->window, spatial, w->dims + 2, err) < 0)
        return -1;
    for (int i = WINDOW_AXES - spatial; i < WINDOW_AXES; i++)
        if (window_output(&window, i, x->dims[i + x->rank - WINDOW_AXES], false,
                          &out[i], err) < 0)
            return -1;
    fill_spec(call, &window, spec);
    spec->groups = params->group;
    spec->oc = w->dims[0];
    spec->oh = out[WINDOW_HEIGHT];
    spec->ow = out[WINDOW_WIDTH];
    *depth = volume_depth(&window, x, out[WINDOW_DEPTH]);
    int64_t channels;
    if (__builtin_mul_overflow(w->dims[1], params->group, &channels))
        channels = -1;
    return check_channels(call, spec, channels, err);
}

/* --- the transposed direction --- */

static int64_t listed(const struct integers *list, int spatial, int i,
                      int64_t fallback)
{
    int at = i - (WINDOW_AXES - spatial);
    return list->count ? list->values[at] : fallback;
}

/* The output of dimension i, and the padding that makes it so. */
static int transpose_output(struct window *window, int i, int64_t in,
                            const struct conv_params *params, int spatial,
                            int64_t *out, struct error *err)
{
    int64_t extra = listed(&params->output_padding, spatial, i, 0);
    int64_t wanted = listed(&params->output_shape, spatial, i, 0);
    int64_t stride = window->stride[i], extent = window_extent(window, i);
    if (in < 1 || in > INT32_MAX)
        return error_set(err, ERROR_SHAPE, "a spatial dimension of %lld",
                         (long long)in);
    if (extra < 0 || extra > INT32_MAX || wanted < 0)
        return error_set(err, ERROR_RANGE,
                         "output_padding or output_shape is negative");
    bool same = window->mode == PADDING_SAME_UPPER ||
                window->mode == PADDING_SAME_LOWER;
    int64_t full = stride * (in - 1) + extra + extent;
    if (wanted || same) {
        *out = wanted ? wanted : in * stride;
        int64_t total = full - *out;
        if (total < 0 && !wanted)
            return error_set(err, ERROR_UNSUPPORTED,
                             "auto_pad with a window of %lld and a stride of "
                             "%lld, on which runtimes differ",
                             (long long)extent, (long long)stride);
        window_divide(window, i, total > 0 ? total : 0);
    } else {
        *out = full - window->begin[i] - window->end[i];
    }
    if (*out < 1)
        return error_set(err, ERROR_SHAPE, "the output has no extent");
    /* As kernel/spec.h has it; negative where rows are added. */
    window->end[i] = full - extra - window->begin[i] - *out;
    return 0;
}

static int check_list(const struct integers *list, const char *name,
                      int spatial, struct error *err)
{
    if (!list->count || list->count == (size_t)spatial)
        return 0;
    return error_set(err, ERROR_SHAPE, "%s has %zu values, expected %d", name,
                     list->count, spatial);
}

static int transpose_spec_of(const struct op_call *call, struct conv_spec *spec,
                             struct depth *depth, struct error *err)
{
    const struct conv_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *w = &call->inputs[1]->shape;
    int spatial = x->rank - 2;
    struct window window;
    int64_t out[WINDOW_AXES] = {1, 1, 1};
    if (window_read(&window, &params->window, spatial, w->dims + 2, err) < 0 ||
        check_list(&params->output_padding, "output_padding", spatial, err) <
            0 ||
        check_list(&params->output_shape, "output_shape", spatial, err) < 0)
        return -1;
    for (int i = WINDOW_AXES - spatial; i < WINDOW_AXES; i++)
        if (transpose_output(&window, i, x->dims[i + x->rank - WINDOW_AXES],
                             params, spatial, &out[i], err) < 0)
            return -1;
    fill_spec(call, &window, spec);
    spec->groups = params->group;
    spec->oh = out[WINDOW_HEIGHT];
    spec->ow = out[WINDOW_WIDTH];
    *depth = volume_depth(&window, x, out[WINDOW_DEPTH]);
    if (__builtin_mul_overflow(w->dims[1], params->group, &spec->oc))
        spec->oc = -1;
    if (w->dims[0] % params->group)
        return error_set(err, ERROR_SHAPE,
                         "%lld channels do not divide into %lld groups",
                         (long long)w->dims[0], (long long)params->group);
    return check_channels(call, spec, w->dims[0], err);
}

/* --- faces --- */

struct direction {
    int (*spec_of)(const struct op_call *call, struct conv_spec *spec,
                   struct depth *depth, struct error *err);
    volume_compute *compute;
    volume_backward *backward;
    enum kernel_kind kind;
};

static const struct direction forward = {conv_spec_of, reference_conv,
                                         reference_conv_backward, KERNEL_CONV};
static const struct direction backward = {transpose_spec_of, reference_deconv,
                                          reference_deconv_backward,
                                          KERNEL_DECONV};

static const struct direction *direction_of(const struct op_call *call)
{
    return call->node->op->row;
}

static int infer(const struct op_call *call, struct error *err)
{
    struct conv_spec spec;
    struct depth depth;
    if (check_operands(call, err) < 0 ||
        direction_of(call)->spec_of(call, &spec, &depth, err) < 0)
        return -1;
    struct shape shape = call->inputs[0]->shape;
    shape.dims[1] = spec.oc;
    volume_give(&shape, depth.out, spec.oh, spec.ow);
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    return 0;
}

static void cost(const struct op_call *call, struct op_cost *cost)
{
    struct conv_spec spec;
    struct depth depth;
    if (direction_of(call)->spec_of(call, &spec, &depth, NULL) < 0)
        return;
    bool is_conv = direction_of(call)->kind == KERNEL_CONV;
    int64_t places =
        is_conv ? spec.oh * spec.ow * depth.out : spec.ih * spec.iw * depth.in;
    int64_t each =
        op_multiply(spec.ic / spec.groups, spec.kh * spec.kw * depth.kernel);
    cost->macs =
        op_multiply(op_multiply(spec.n, places), op_multiply(spec.oc, each));
    cost->parameters = op_constant_elements(call, 1);
}

static int run(const struct op_call *call, struct error *err)
{
    const struct direction *direction = direction_of(call);
    struct conv_spec spec;
    struct depth depth;
    if (direction->spec_of(call, &spec, &depth, err) < 0)
        return -1;
    const float *src = call->inputs[0]->data;
    float *dst = call->outputs[0]->data;
    if (call->inputs[0]->shape.rank == 5)
        return volume_conv(&spec, &depth, direction->compute,
                           direction->kind == KERNEL_DECONV, src, dst,
                           call->cancel, err);
    int64_t images = spec.n;
    spec.n = 1;
    for (int64_t i = 0; i < images; i++) {
        if (cancel_raised(call->cancel))
            return error_set(err, ERROR_CANCELLED, "cancelled");
        direction->compute(&spec, src + i * spec.ic * spec.ih * spec.iw,
                           dst + i * spec.oc * spec.oh * spec.ow);
    }
    return 0;
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    struct conv_spec spec;
    struct depth depth;
    if (direction_of(call)->spec_of(call, &spec, &depth, err) < 0)
        return -1;
    const float *src = call->inputs[0]->data;
    const struct volume_gradients by = {
        op_gradient_of(gradient, 0), op_gradient_to(gradient, 0),
        op_gradient_to(gradient, 1),
        op_input(call, 2) ? op_gradient_to(gradient, 2) : NULL};
    const struct direction *direction = direction_of(call);
    if (call->inputs[0]->shape.rank == 5)
        return volume_conv_backward(&spec, &depth, direction->backward,
                                    direction->kind == KERNEL_DECONV, src, &by,
                                    call->cancel, err);
    direction->backward(&spec, src, by.by_dst, by.by_src, by.by_weight,
                        by.by_bias);
    return 0;
}

static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    const struct tensor *bias = op_input(call, 2);
    struct depth depth;
    if (!call->inputs[1]->data || (bias && !bias->data) ||
        call->inputs[0]->shape.rank > 4 ||
        direction_of(call)->spec_of(call, &spec->conv, &depth, NULL) < 0)
        return;
    spec->kind = direction_of(call)->kind;
    spec->weight_input = 1;
}

static int couple(struct coupling *coupling, struct error *err)
{
    (void)err;
    const struct conv_params *params = coupling->call->node->params;
    bool is_conv = direction_of(coupling->call)->kind == KERNEL_CONV;
    struct couple_product product = {
        .data = 0,
        .weight = 1,
        .bias = 2,
        .data_axis = 1,
        .in_axis = is_conv,
        .out_axis = !is_conv,
        .result_axis = 1,
        .groups = params->group,
    };
    couple_product(coupling, &product);
    return 0;
}

const struct op op_conv = {
    .type = "Conv",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .weight_input = 1,
    .row = &forward,
    .parse = parse_conv,
    .infer = infer,
    .couple = couple,
    .cost = cost,
    .run = run,
    .gradient = gradient,
    .lower = lower,
};

const struct op op_conv_transpose = {
    .type = "ConvTranspose",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .weight_input = 1,
    .row = &backward,
    .parse = parse_transpose,
    .infer = infer,
    .couple = couple,
    .cost = cost,
    .run = run,
    .gradient = gradient,
    .lower = lower,
};
