/*
 * BatchNormalization as inference does it. A model exported in training mode
 * is run with its running statistics too; the outputs that training updates
 * are not computed, and op_instantiate refuses a model that reads them.
 * Only a call that says so (fine-tuning) uses the batch's own statistics.
 */
#include "base/array.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"
#include "op/backward.h"
#include "op/couple.h"

#include <stdlib.h>

struct batch_norm_params {
    float epsilon;
    int64_t spatial; /* opset 7 and 8 */
};

static const struct parameter batch_norm_table[] = {
    {"epsilon", ATTRIBUTE_FLOAT, offsetof(struct batch_norm_params, epsilon),
     1e-5},
    {"momentum", ATTRIBUTE_FLOAT, PARAMETER_IGNORED, 0},
    {"training_mode", ATTRIBUTE_INT, PARAMETER_IGNORED, 0},
    {"is_test", ATTRIBUTE_INT, PARAMETER_IGNORED, 0}, /* opset 6 */
    {"spatial", ATTRIBUTE_INT, offsetof(struct batch_norm_params, spatial), 1},
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    if (op_parameters(node, arena, batch_norm_table,
                      ARRAY_LENGTH(batch_norm_table),
                      sizeof(struct batch_norm_params), err) < 0)
        return -1;
    const struct batch_norm_params *params = node->params;
    if (!params->spatial)
        return error_set(err, ERROR_UNSUPPORTED,
                         "spatial 0 is not supported, expected 1");
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    static const char *const names[] = {"X", "scale", "B", "mean", "var"};
    if (op_want_float(call, 0, names[0], err) < 0 ||
        op_want_rank(call, 0, names[0], 2, SHAPE_MAX_RANK, err) < 0)
        return -1;
    int64_t channels = call->inputs[0]->shape.dims[1];
    for (int i = 1; i < 5; i++) {
        if (op_want_float(call, i, names[i], err) < 0 ||
            op_want_rank(call, i, names[i], 1, 1, err) < 0)
            return -1;
        if (call->inputs[i]->shape.dims[0] != channels)
            return error_set(
                err, ERROR_SHAPE, "input '%s' has %lld elements, expected %lld",
                names[i], (long long)call->inputs[i]->shape.dims[0],
                (long long)channels);
    }
    return op_infer_same(call, err);
}

static struct affine_spec spec_of(const struct op_call *call)
{
    const struct batch_norm_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    return (struct affine_spec){
        .n = x->dims[0],
        .c = x->dims[1],
        .inner = op_product(x, 2, x->rank),
        .gamma = call->inputs[1]->data,
        .beta = call->inputs[2]->data,
        .mean = call->inputs[3]->data,
        .variance = call->inputs[4]->data,
        .epsilon = params->epsilon,
    };
}

static void cost(const struct op_call *call, struct op_cost *cost)
{
    /* Statistics are no parameters, and scaling is not counted as products:
     * frameworks count so, and a folded model then costs the same. */
    cost->parameters = 2 * call->inputs[0]->shape.dims[1];
}

/* The batch's own statistics instead of the stored ones. Returns their
 * memory, to be freed, or NULL with an error set. */
static float *use_own_statistics(const struct op_call *call,
                                 struct affine_spec *spec, struct error *err)
{
    float *statistics = op_scratch(2 * spec->c, err);
    if (!statistics)
        return NULL;
    reference_norm_statistics(spec, call->inputs[0]->data, statistics,
                              statistics + spec->c);
    spec->mean = statistics;
    spec->variance = statistics + spec->c;
    return statistics;
}

static int run(const struct op_call *call, struct error *err)
{
    struct affine_spec spec = spec_of(call);
    float *own = NULL;
    if (call->training && !(own = use_own_statistics(call, &spec, err)))
        return -1;
    reference_affine(&spec, call->inputs[0]->data, call->outputs[0]->data);
    free(own);
    return 0;
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    struct affine_spec spec = spec_of(call);
    float *own = NULL;
    if (call->training && !(own = use_own_statistics(call, &spec, err)))
        return -1;
    reference_norm_backward(
        &spec, call->training, call->inputs[0]->data,
        op_gradient_of(gradient, 0), op_gradient_to(gradient, 0),
        op_gradient_to(gradient, 1), op_gradient_to(gradient, 2),
        op_gradient_to(gradient, 3), op_gradient_to(gradient, 4));
    free(own);
    return 0;
}

/* Scale 0 and shift 0 give 0 whatever the statistics are. */
static int couple(struct coupling *coupling, struct error *err)
{
    (void)err;
    const struct op_call *call = coupling->call;
    struct label_map map = coupling->inputs[0];
    bool plain = !map.labels || label_map_axis(&map) == 1;
    for (int i = 1; i < 5; i++)
        plain = plain && call->inputs[i]->data;
    if (!plain) {
        couple_lock(coupling, 0, couple_by(coupling, "it cannot pass"));
        map = label_map_none(&map.shape, "it is scaled by computed numbers");
    }
    for (int i = 1; i < 5 && map.labels; i++) {
        struct label_map part = {.labels = map.labels,
                                 .shape = call->inputs[i]->shape,
                                 .strides = {map.strides[1]}};
        couple_constant(coupling, i, &part, i < 3);
    }
    map.zero = true;
    couple_give(coupling, 0, map);
    return 0;
}

static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    for (int i = 1; i < 5; i++)
        if (!call->inputs[i]->data)
            return;
    spec->kind = KERNEL_AFFINE;
    spec->affine = spec_of(call);
}

const struct op op_batch_norm = {
    .type = "BatchNormalization",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 5,
    .max_inputs = 5,
    .max_outputs = 5,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .couple = couple,
    .cost = cost,
    .run = run,
    .gradient = gradient,
    .lower = lower,
};
