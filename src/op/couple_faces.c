/* One call: what its faces record, and the faces that operators share. */
#include "op/couple.h"

#include "base/array.h"
#include "op/support.h"

#include <string.h>

bool couple_labelled(const struct coupling *coupling, int input)
{
    return input >= 0 && input < coupling->call->node->input_count &&
           coupling->inputs[input].labels;
}

const char *couple_by(struct coupling *coupling, const char *what)
{
    const struct node *node = coupling->call->node;
    return labels_text(coupling->labels, "%s '%.200s' (%.60s)", what,
                       node->name, node->type);
}

void couple_lock(struct coupling *coupling, int input, const char *why)
{
    if (couple_labelled(coupling, input))
        label_map_lock(coupling->labels, &coupling->inputs[input], why);
}

void couple_give(struct coupling *coupling, int output, struct label_map map)
{
    if (output >= coupling->call->node->output_count)
        return;
    bool depends = false;
    for (int i = 0; i < map.shape.rank; i++)
        depends = depends || label_map_depends(&map, i);
    if (map.labels && !depends) {
        int root = labels_find(coupling->labels, map.labels[0]);
        const char *note = coupling->labels->states[root].note;
        map = label_map_none(&map.shape,
                             note ? note : "all its channels are one");
        labels_lock(coupling->labels, root, map.why);
    }
    coupling->outputs[output] = map;
}

void couple_constant(struct coupling *coupling, int input,
                     const struct label_map *map, bool masked)
{
    bool depends = false;
    for (int i = 0; i < map->shape.rank; i++)
        depends = depends || label_map_depends(map, i);
    if (!depends)
        return;
    if (array_reserve(&coupling->uses, &coupling->use_capacity,
                      coupling->use_count + 1, sizeof *coupling->uses) < 0) {
        coupling->labels->failed = true;
        return;
    }
    coupling->uses[coupling->use_count++] = (struct label_use){
        .node = coupling->node,
        .input = input,
        .value = coupling->call->node->inputs[input],
        .map = *map,
        .masked = masked,
    };
}

/* --- products with a constant weight --- */

static int begin_labels(struct coupling *coupling, int input, int count)
{
    if (array_reserve(&coupling->roots, &coupling->root_capacity,
                      coupling->root_count + 1, sizeof *coupling->roots) < 0) {
        coupling->labels->failed = true;
        return 0;
    }
    int first = labels_add(coupling->labels, count);
    coupling->roots[coupling->root_count++] = (struct label_root){
        .node = coupling->node, .input = input, .first = first, .count = count};
    return first;
}

/* first, first + 1, ... along one axis */
static struct label_map run_of(struct coupling *coupling,
                               const struct shape *shape, int axis, int first)
{
    struct label_map map = {.shape = *shape, .zero = true};
    int64_t count = shape->dims[axis];
    int *list =
        arena_array(&coupling->labels->arena, (size_t)count + 1, sizeof *list);
    if (!list) {
        coupling->labels->failed = true;
        return label_map_none(shape, "");
    }
    for (int64_t i = 0; i < count; i++)
        list[i] = first + (int)i;
    map.labels = list;
    map.strides[axis] = count > 1;
    return map;
}

/*
 * Convolution in groups. Many narrow groups go as wholes, in and out together
 * (a depthwise convolution's group is one channel); few wide ones lose the
 * same position in each, so that they stay equally wide.
 */
static void tie_groups(struct labels *labels, const struct label_map *in,
                       int axis, int64_t count, int64_t groups, int first,
                       int64_t outs, bool wholes)
{
    int64_t a = count / groups, b = outs / groups;
    const int *x = in ? in->labels : NULL;
    int64_t step = in ? in->strides[axis] : 0;
    for (int64_t g = 0; g < groups; g++) {
        for (int64_t j = 0; x && j < a; j++)
            labels_tie(labels, x[(g * a + j) * step],
                       x[(wholes ? g * a : j) * step]);
        for (int64_t j = 0; j < b; j++)
            labels_tie(labels, first + (int)(g * b + j),
                       wholes ? x[g * a * step] : first + (int)j);
    }
}

/* The weight's side of the labels: element (o, j) of group g = o / b belongs
 * to position g * a + j of the axis that is divided. */
static struct label_map divided(struct coupling *coupling,
                                const struct label_map *whole, int whole_axis,
                                const struct shape *weight, int axis,
                                int other_axis, int64_t groups)
{
    struct label_map map = {.shape = *weight, .zero = true};
    int64_t a = weight->dims[axis], rows = weight->dims[other_axis];
    if (groups == 1) {
        map.labels = whole->labels;
        map.strides[axis] = whole->strides[whole_axis];
        return map;
    }
    int *list = arena_array(&coupling->labels->arena, (size_t)(rows * a) + 1,
                            sizeof *list);
    if (!list) {
        coupling->labels->failed = true;
        return label_map_none(weight, "");
    }
    for (int64_t o = 0; o < rows; o++)
        for (int64_t j = 0; j < a; j++)
            list[o * a + j] = whole->labels[(o / (rows / groups) * a + j) *
                                            whole->strides[whole_axis]];
    map.labels = list;
    map.strides[axis] = 1;
    map.strides[other_axis] = a;
    return map;
}

static void give_bias(struct coupling *coupling, int input,
                      const struct label_map *out, int axis,
                      struct label_map *result)
{
    const struct tensor *bias =
        input < 0 ? NULL : op_input(coupling->call, input);
    if (!bias)
        return;
    int last = bias->shape.rank - 1;
    if (last < 0 || bias->shape.dims[last] != out->shape.dims[axis]) {
        result->zero = false; /* one number for all */
        return;
    }
    struct label_map map = {.labels = out->labels, .shape = bias->shape};
    map.strides[last] = out->strides[axis];
    couple_constant(coupling, input, &map, true);
}

void couple_product(struct coupling *coupling,
                    const struct couple_product *product)
{
    const struct op_call *call = coupling->call;
    struct labels *labels = coupling->labels;
    const struct tensor *weight = call->inputs[product->weight];
    const struct tensor *bias =
        product->bias < 0 ? NULL : op_input(call, product->bias);
    const struct label_map *in = &coupling->inputs[product->data];
    const struct shape *shape = &call->outputs[0]->shape;
    int64_t groups = product->groups;
    if (!weight->data || (bias && !bias->data)) {
        for (int i = 0; i < call->node->input_count; i++)
            couple_lock(coupling, i,
                        couple_by(coupling, "a weight that is "
                                            "computed enters"));
        return;
    }
    if (in->labels && label_map_axis(in) != product->data_axis) {
        label_map_lock(labels, in,
                       couple_by(coupling, "it lies across the samples of"));
        in = NULL;
    } else if (!in->labels) {
        in = NULL;
    }
    int64_t outs = shape->dims[product->result_axis];
    int64_t ins = call->inputs[product->data]->shape.dims[product->data_axis];
    int first = begin_labels(coupling, product->weight, (int)outs);
    struct label_map out = run_of(coupling, shape, product->result_axis, first);
    if (labels->failed)
        return;
    bool wholes = groups > 1 && in && groups > ins / groups;
    if (groups > 1 && groups == outs && !in)
        label_map_lock(labels, &out, coupling->inputs[product->data].why);
    else if (groups > 1)
        tie_groups(labels, in, product->data_axis, ins, groups, first, outs,
                   wholes);
    bool divides_in = weight->shape.dims[product->in_axis] != ins;
    struct label_map map;
    if (in) {
        map = divided(coupling, in, product->data_axis, &weight->shape,
                      product->in_axis, product->out_axis,
                      divides_in ? groups : 1);
        /* Columns that meet zeros need none themselves. */
        couple_constant(coupling, product->weight, &map, !in->zero);
    }
    map = divided(coupling, &out, product->result_axis, &weight->shape,
                  product->out_axis, product->in_axis, divides_in ? 1 : groups);
    couple_constant(coupling, product->weight, &map, true);
    give_bias(coupling, product->bias, &out, product->result_axis, &out);
    couple_give(coupling, 0, out);
}

/* --- element by element --- */

enum filling { FILL_ZERO, FILL_ANY };

/* Whether the call gives 0 for one element of each operand: 0, or anything
 * (tried with two numbers). Constants of one element are what they are. */
static bool gives_zero(const struct op_call *call, const enum filling *fillings)
{
    enum { MOST = 16 };
    static const double numbers[] = {0.75, -1.5};
    int count = call->node->input_count;
    if (count > MOST || call->outputs[0]->dtype != DTYPE_FLOAT32)
        return false;
    for (int trial = 0; trial < 2; trial++) {
        uint64_t bits[MOST] = {0};
        float answer = 1;
        struct tensor in[MOST], out = {.dtype = DTYPE_FLOAT32, .data = &answer};
        const struct tensor *inputs[MOST];
        struct tensor *outputs[MOST] = {&out};
        for (int i = 0; i < count; i++) {
            const struct tensor *x = call->inputs[i];
            inputs[i] = x ? &in[i] : NULL;
            if (!x)
                continue;
            in[i] = (struct tensor){.dtype = x->dtype, .data = &bits[i]};
            if (x->data && tensor_elements(x) == 1)
                in[i].data = x->data;
            else if (fillings[i] == FILL_ANY)
                op_put_number(&in[i], 0, numbers[trial]);
        }
        struct op_call one = *call;
        one.inputs = inputs;
        one.outputs = outputs;
        if (call->node->output_count > MOST ||
            call->node->op->run(&one, NULL) || answer != 0)
            return false;
    }
    return true;
}

int couple_same(struct coupling *coupling, struct error *err)
{
    (void)err;
    const struct op_call *call = coupling->call;
    struct label_map map = coupling->inputs[0];
    enum filling fillings[16] = {FILL_ZERO};
    map.zero = map.zero && gives_zero(call, fillings);
    for (int i = 0; i < call->node->output_count; i++)
        if (call->outputs[i])
            couple_give(coupling, i, map);
    return 0;
}

/* The constant's part of `whole`; false where it has none. */
static bool part_of(const struct label_map *whole, const struct shape *shape,
                    struct label_map *part)
{
    bool any = false;
    int shift = whole->shape.rank - shape->rank;
    *part = (struct label_map){.labels = whole->labels, .shape = *shape};
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == 1 || !label_map_depends(whole, i + shift))
            continue;
        part->strides[i] = whole->strides[i + shift];
        any = true;
    }
    return any;
}

static int dependences(const struct label_map *map)
{
    int count = 0;
    for (int i = 0; i < map->shape.rank; i++)
        count += label_map_depends(map, i);
    return count;
}

/* Ties all labelled operands; the map of the result. */
static struct label_map meet(struct coupling *coupling,
                             const struct shape *shape)
{
    struct label_map result = label_map_none(shape, "");
    for (int i = 0; i < coupling->call->node->input_count; i++) {
        const struct label_map *in = &coupling->inputs[i];
        if (!in->labels) {
            if (!result.labels && in->why && in->why[0])
                result.why = in->why;
            continue;
        }
        struct label_map wide = label_map_broadcast(in, shape);
        if (result.labels)
            label_map_tie(coupling->labels, &result, &wide);
        if (!result.labels || dependences(&wide) > dependences(&result))
            result = wide;
    }
    return result;
}

int couple_elements(struct coupling *coupling, struct error *err)
{
    (void)err;
    enum { MOST = 16 };
    const struct op_call *call = coupling->call;
    int count = call->node->input_count;
    struct label_map result = meet(coupling, &call->outputs[0]->shape), part;
    enum filling fillings[MOST] = {FILL_ZERO}, masked[MOST] = {FILL_ZERO};
    if (!result.labels || count > MOST) {
        for (int i = 0; i < count; i++)
            couple_lock(coupling, i, couple_by(coupling, "it enters"));
        couple_give(coupling, 0,
                    label_map_none(&call->outputs[0]->shape, result.why));
        return 0;
    }
    for (int i = 0; i < count; i++) {
        const struct tensor *x = call->inputs[i];
        fillings[i] = masked[i] =
            couple_labelled(coupling, i) && coupling->inputs[i].zero ? FILL_ZERO
                                                                     : FILL_ANY;
        if (!x || coupling->inputs[i].labels ||
            !part_of(&result, &x->shape, &part))
            continue;
        if (x->data)
            masked[i] = FILL_ZERO;
        else
            label_map_lock(coupling->labels, &result, coupling->inputs[i].why);
    }
    bool masks = gives_zero(call, masked);
    for (int i = 0; i < count; i++)
        if (call->inputs[i] && call->inputs[i]->data &&
            part_of(&result, &call->inputs[i]->shape, &part))
            couple_constant(coupling, i, &part, masks);
    result.zero = masks || gives_zero(call, fillings);
    couple_give(coupling, 0, result);
    return 0;
}

/* --- others --- */

int couple_planes(struct coupling *coupling, struct error *err)
{
    (void)err;
    struct label_map map = coupling->inputs[0];
    const struct shape *shape = &coupling->call->outputs[0]->shape;
    for (int i = 0; i < map.shape.rank; i++)
        if (label_map_depends(&map, i) &&
            (i >= 2 || i >= shape->rank ||
             shape->dims[i] != map.shape.dims[i])) {
            couple_lock(coupling, 0,
                        couple_by(coupling, "it is spread over the planes of"));
            map = label_map_none(&map.shape, "it was spread over planes");
        }
    for (int i = 0; i < coupling->call->node->output_count; i++) {
        if (!coupling->call->outputs[i])
            continue;
        map.shape = coupling->call->outputs[i]->shape;
        couple_give(coupling, i, map);
    }
    return 0;
}

int couple_reshape(struct coupling *coupling, struct error *err)
{
    (void)err;
    couple_give(coupling, 0,
                label_map_reshape(coupling->labels, &coupling->inputs[0],
                                  &coupling->call->outputs[0]->shape));
    return 0;
}

int couple_moves(struct coupling *coupling, struct error *err)
{
    const struct op_call *call = coupling->call;
    const struct label_map *in = &coupling->inputs[0];
    if (!in->labels)
        return 0;
    struct tensor x = {.dtype = DTYPE_INT32, .shape = call->inputs[0]->shape};
    x.data = label_map_list(coupling->labels, in);
    if (!x.data)
        return 0;
    const struct tensor *inputs[SHAPE_MAX_RANK] = {&x};
    for (int i = 1; i < call->node->input_count && i < SHAPE_MAX_RANK; i++)
        inputs[i] = call->inputs[i];
    struct tensor y;
    if (tensor_init(&y, DTYPE_INT32, &call->outputs[0]->shape, err) < 0)
        return -1;
    struct tensor *outputs[] = {&y};
    struct op_call moved = *call;
    moved.inputs = inputs;
    moved.outputs = outputs;
    int result = call->node->op->run(&moved, err);
    int *list =
        arena_memdup(&coupling->labels->arena, y.data, tensor_bytes(&y));
    tensor_release(&y);
    if (result < 0)
        return -1;
    if (!list) {
        coupling->labels->failed = true;
        return 0;
    }
    struct label_map map =
        label_map_of_list(coupling->labels, list, &call->outputs[0]->shape);
    map.zero = in->zero;
    couple_give(coupling, 0, map);
    return 0;
}
