/*
 * From nodes to steps. Every node becomes one step, but batch norm takes the
 * addition and the clip behind it with it, and a step in another layout than
 * its operand's gets a conversion before it.
 */
#include "base/array.h"
#include "train/program.h"

#include <math.h>
#include <string.h>

/* --- slots --- */

/* Logical (n, c, h, w) of an image or a matrix; else n elements. */
static struct layout_desc plain_desc(const struct value *value)
{
    const struct shape *s = &value->shape;
    struct layout_desc desc = {LAYOUT_PLAIN, 1, 1, 1, 1, 0};
    if (value->dtype == DTYPE_FLOAT32 && s->rank >= 2 && s->rank <= 4) {
        desc.n = s->dims[0];
        desc.c = s->dims[1];
        desc.h = s->rank == 4 ? s->dims[2] : 1;
        desc.w = s->rank == 2 ? 1 : s->dims[s->rank - 1];
    } else {
        size_t bytes = (size_t)shape_elements(s) * dtype_size(value->dtype) + 3;
        desc.n = (int64_t)(bytes / sizeof(float));
    }
    return desc;
}

static int add_slot(struct network *network, int value,
                    const struct layout_desc *desc, struct error *err)
{
    if (array_reserve(&network->slots, &network->slot_capacity,
                      network->slot_count + 1, sizeof *network->slots) < 0)
        return error_memory(err, sizeof *network->slots);
    int id = (int)network->slot_count++;
    network->slots[id] = (struct slot){.value = value,
                                       .desc = *desc,
                                       .plain = desc->layout == LAYOUT_PLAIN,
                                       .floats = layout_elements(desc),
                                       .at = -1,
                                       .gradient_at = -1};
    if (network->value_slots[value] < 0)
        network->value_slots[value] = id;
    return id;
}

static int add_step(struct network *network, enum step_kind kind, int node,
                    struct error *err)
{
    if (array_reserve(&network->steps, &network->step_capacity,
                      network->step_count + 1, sizeof *network->steps) < 0)
        return error_memory(err, sizeof *network->steps);
    struct step *step = &network->steps[network->step_count];
    *step = (struct step){.kind = kind, .node = node, .workspace_at = -1};
    for (int i = 0; i < STEP_MAX_SLOTS; i++)
        step->inputs[i] = step->outputs[i] = step->uses[i] = STEP_NONE;
    return (int)network->step_count++;
}

/* The slot of `value` in `layout`: an existing one, or a conversion. */
static int want_slot(struct network *network, int value, enum layout layout,
                     struct error *err)
{
    int first = network->value_slots[value];
    struct layout_desc desc = network->slots[first].desc;
    desc.layout = layout;
    for (int i = 0; i < (int)network->slot_count; i++)
        if (network->slots[i].value == value &&
            network->slots[i].desc.layout == layout)
            return i;
    int step = add_step(network, STEP_CONVERT, STEP_NONE, err);
    int slot = step < 0 ? -1 : add_slot(network, value, &desc, err);
    if (slot < 0)
        return -1;
    struct step *convert = &network->steps[step];
    convert->inputs[0] = first;
    convert->outputs[0] = slot;
    convert->input_count = convert->output_count = 1;
    network->slots[slot].flows = network->slots[first].flows;
    return slot;
}

static enum layout layout_of(const struct network *network, int value)
{
    return network->slots[network->value_slots[value]].desc.layout;
}

/* Names input `operand` of a step, in the layout that the step wants. */
static int take_input(struct network *network, int step, int operand, int value,
                      enum layout layout, struct error *err)
{
    /* The conversion goes before the step: it was added after it. */
    size_t steps = network->step_count;
    int slot = want_slot(network, value, layout, err);
    if (slot < 0)
        return -1;
    if (network->step_count != steps) {
        struct step convert = network->steps[steps];
        network->steps[steps] = network->steps[step];
        network->steps[step] = convert;
        for (size_t i = 0; i < network->use_count; i++)
            if (network->uses[i].step == step)
                network->uses[i].step = (int)steps;
        step = (int)steps;
    }
    struct step *s = &network->steps[step];
    s->inputs[operand] = slot;
    if (s->input_count <= operand)
        s->input_count = operand + 1;
    return step;
}

static int give_output(struct network *network, int step, int value,
                       enum layout layout, struct error *err)
{
    struct layout_desc desc = plain_desc(&network->instance->values[value]);
    desc.layout = layout;
    int slot = add_slot(network, value, &desc, err);
    if (slot < 0)
        return -1;
    struct step *s = &network->steps[step];
    s->outputs[s->output_count++] = slot;
    bool flows = false;
    for (int i = 0; i < STEP_MAX_SLOTS; i++) {
        flows = flows || s->uses[i] >= 0;
        if (s->inputs[i] >= 0)
            flows = flows || network->slots[s->inputs[i]].flows;
    }
    network->slots[slot].flows = flows;
    return slot;
}

/* --- what follows a node --- */

/* The only node that reads the result of `id`; STEP_NONE: several or none. */
static int only_reader(const struct network *network, int value)
{
    int nodes[2];
    if (graph_is_output(network->instance, value) ||
        graph_consumers(network->instance, value, nodes, 2) != 1)
        return STEP_NONE;
    return nodes[0];
}

static void lower(const struct network *network, int id, struct kernel_spec *s)
{
    const struct node *node = &network->instance->nodes[id];
    struct tensor inputs[STEP_MAX_SLOTS], outputs[STEP_MAX_SLOTS];
    const struct tensor *input_pointers[STEP_MAX_SLOTS];
    struct tensor *output_pointers[STEP_MAX_SLOTS];
    struct op_call call;
    *s = (struct kernel_spec){.kind = KERNEL_NONE, .weight_input = -1};
    if (!node->op->lower || node->input_count > STEP_MAX_SLOTS ||
        node->output_count > STEP_MAX_SLOTS)
        return;
    op_call_of(network->instance, id, &call, inputs, input_pointers, outputs,
               output_pointers);
    node->op->lower(&call, s);
}

/* A rectifier or another clip; fast for any layout because 0 stays 0. */
static bool is_clip(const struct kernel_spec *spec, struct norm_clip *clip)
{
    const struct eltwise_spec *e = &spec->eltwise;
    if (spec->kind != KERNEL_ELTWISE)
        return false;
    if (e->kind == ELTWISE_RELU && e->alpha == 0)
        *clip = (struct norm_clip){0, INFINITY};
    else if (e->kind == ELTWISE_CLIP && e->alpha <= 0 && e->beta >= 0)
        *clip = (struct norm_clip){e->alpha, e->beta};
    else
        return false;
    return true;
}

/* The other operand of an addition of two computed tensors of one shape. */
static int other_operand(const struct network *network, int node, int value,
                         const struct kernel_spec *spec)
{
    const struct node *n = &network->instance->nodes[node];
    if (spec->kind != KERNEL_BINARY || spec->binary.kind != BINARY_ADD ||
        spec->binary.constant || !spec->binary.same_shape)
        return STEP_NONE;
    return n->inputs[0] == value ? n->inputs[1] : n->inputs[0];
}

/* --- steps by kind; each returns 1 when it served the node --- */

static bool has_uses(const struct network *network, int step)
{
    const struct step *s = &network->steps[step];
    const struct node *node = &network->instance->nodes[s->node];
    for (int i = 1; i < node->input_count && i < STEP_MAX_SLOTS; i++)
        if (node->inputs[i] >= 0 && s->uses[i] < 0)
            return false;
    return true;
}

static int add_uses(struct network *network, int step, struct error *err)
{
    const struct node *node =
        &network->instance->nodes[network->steps[step].node];
    for (int i = 0; i < node->input_count && i < STEP_MAX_SLOTS; i++)
        if (node->inputs[i] >= 0 &&
            network->instance->values[node->inputs[i]].constant.data &&
            use_add(network, step, i, node->inputs[i], err) < 0)
            return -1;
    return 0;
}

/* Both sides in `layout` and `result`, after the step's kernels are made. */
static int place_kernel(struct network *network, int step, enum layout layout,
                        enum layout result, struct error *err)
{
    const struct node *node =
        &network->instance->nodes[network->steps[step].node];
    step = take_input(network, step, 0, node->inputs[0], layout, err);
    if (step < 0 ||
        give_output(network, step, node->outputs[0], result, err) < 0)
        return -1;
    return 1;
}

static int make_kernel(struct network *network, int step, enum layout layout,
                       enum layout result, struct error *err)
{
    struct step *s = &network->steps[step];
    const struct node *node = &network->instance->nodes[s->node];
    const struct value *values = network->instance->values;
    bool flows = network->slots[network->value_slots[node->inputs[0]]].flows;
    struct onednn_problem problem = {
        .spec = &s->spec,
        .src = plain_desc(&values[node->inputs[0]]),
        .dst = plain_desc(&values[node->outputs[0]])};
    problem.src.layout = layout;
    problem.dst.layout = result;
    if (onednn_trained_create(&s->trained, &network->engine, &problem, flows) <
        0)
        return 0;
    return place_kernel(network, step, layout, result, err);
}

/*
 * Whole blocks, but for few inputs, which may be plain. A single tap may pad
 * up to half as much again: what is around it is in blocks, and changes of
 * layout would cost more (MobileNet's 24 channels between 96).
 */
static bool blocks_pay(const struct conv_spec *c)
{
    int64_t padded = (c->ic + 15) / 16 * ((c->oc + 15) / 16) * 256;
    bool single = c->kh * c->kw == 1 && c->groups == 1;
    return (c->oc % 16 == 0 && (c->ic % 16 == 0 || c->ic <= 4)) ||
           (single && 2 * padded <= 3 * c->ic * c->oc);
}

/*
 * Blocks of 16 channels: what a Winograd convolution wants, and the direct
 * ones are as fast in it. oneDNN asked for its own choice takes NHWC, in
 * which ResNet-20's backward passes need half as long again.
 */
static int blocked_step(struct network *network, int step, struct error *err)
{
    struct step *s = &network->steps[step];
    const struct conv_spec *c = &s->spec.conv;
    const int source = network->instance->nodes[s->node].inputs[0];
    if (network->options.isa != CPU_ISA_AVX512 || !blocks_pay(c))
        return 0;
    if (conv_step_init(network, s,
                       network->slots[network->value_slots[source]].flows))
        return place_kernel(network, step, LAYOUT_BLOCK16, LAYOUT_BLOCK16, err);
    return make_kernel(network, step,
                       c->ic <= 4 ? LAYOUT_PLAIN : LAYOUT_BLOCK16,
                       LAYOUT_BLOCK16, err);
}

/*
 * Images as lanes pay where blocks of 16 channels would be padded by a tenth or
 * more; but not for a single tap, which is too little work for a change of
 * layout.
 */
static bool image_pays(const struct conv_spec *c, enum layout layout)
{
    int64_t blocks = (c->ic + 15) / 16 * ((c->oc + 15) / 16) * 256;
    return 10 * blocks >= 11 * c->ic * c->oc &&
           (c->kh * c->kw > 1 || layout == LAYOUT_IMAGE16);
}

static int image_step(struct network *network, int step, struct error *err)
{
    struct step *s = &network->steps[step];
    const int source = network->instance->nodes[s->node].inputs[0];
    const enum layout layout = layout_of(network, source);
    if (s->spec.kind == KERNEL_POOL ? layout != LAYOUT_IMAGE16
                                    : !image_pays(&s->spec.conv, layout))
        return 0;
    if (!image_step_init(network, s,
                         network->slots[network->value_slots[source]].flows))
        return 0;
    return place_kernel(network, step, LAYOUT_IMAGE16, LAYOUT_IMAGE16, err);
}

static int kernel_step(struct network *network, int step, struct error *err)
{
    struct step *s = &network->steps[step];
    const struct node *node = &network->instance->nodes[s->node];
    const struct value *values = network->instance->values;
    enum layout src = layout_of(network, node->inputs[0]), dst = src;
    if (s->spec.kind == KERNEL_PRODUCT) {
        if (s->spec.weight_input != 1 || !has_uses(network, step))
            return 0;
        return make_kernel(network, step, LAYOUT_PLAIN, LAYOUT_PLAIN, err);
    }
    int served = 0;
    if (s->spec.kind == KERNEL_POOL &&
        (served = image_step(network, step, err)) == 0)
        return make_kernel(network, step, src, dst, err);
    if (served)
        return served;
    if (s->spec.kind != KERNEL_CONV || !has_uses(network, step))
        return 0;
    if ((served = blocked_step(network, step, err)) == 0)
        served = image_step(network, step, err);
    if (served)
        return served;
    s = &network->steps[step];
    struct onednn_problem problem = {
        .spec = &s->spec,
        .src = plain_desc(&values[node->inputs[0]]),
        .dst = plain_desc(&values[node->outputs[0]])};
    if (onednn_preferred(&network->engine, &problem, &src, &dst) < 0)
        return 0;
    return make_kernel(network, step, src, dst, err);
}

/* Takes the clip that alone reads `value` along; the value that results. */
static int take_clip(struct network *network, int value, struct norm_clip *clip,
                     bool *clips)
{
    struct kernel_spec spec;
    int reader = only_reader(network, value);
    if (reader < 0)
        return value;
    lower(network, reader, &spec);
    if (!is_clip(&spec, clip))
        return value;
    *clips = true;
    network->done[reader] = true;
    return network->instance->nodes[reader].outputs[0];
}

static int norm_step(struct network *network, int step, struct error *err)
{
    struct step *s = &network->steps[step];
    const struct node *node = &network->instance->nodes[s->node];
    int in = node->inputs[0], value = node->outputs[0], other = STEP_NONE;
    enum layout layout = layout_of(network, in);
    struct kernel_spec spec;
    if (s->spec.kind != KERNEL_AFFINE || s->uses[1] < 0 || s->uses[2] < 0 ||
        network->uses[s->uses[1]].map || network->uses[s->uses[2]].map)
        return 0;
    s->kind = STEP_NORM;
    s->norm.clip = (struct norm_clip){-INFINITY, INFINITY};
    int reader = only_reader(network, value);
    if (reader >= 0) {
        lower(network, reader, &spec);
        other = other_operand(network, reader, value, &spec);
        /* The gradient by the norm's own source is not done with before its
         * sums are. */
        if (other >= 0 && other != value && other != in &&
            network->value_slots[other] >= 0) {
            network->done[reader] = true;
            value = network->instance->nodes[reader].outputs[0];
        } else {
            other = STEP_NONE;
        }
    }
    value = take_clip(network, value, &s->norm.clip, &s->norm.clips);
    if ((step = take_input(network, step, 0, in, layout, err)) < 0 ||
        (other >= 0 &&
         (step = take_input(network, step, 5, other, layout, err)) < 0) ||
        give_output(network, step, value, layout, err) < 0 ||
        norm_step_init(network, &network->steps[step], err) < 0)
        return -1;
    return 1;
}

static int light_step(struct network *network, int step, struct error *err)
{
    struct step *s = &network->steps[step];
    const struct node *node = &network->instance->nodes[s->node];
    int in = node->inputs[0], value = node->outputs[0];
    enum layout layout = LAYOUT_PLAIN;
    int other = other_operand(network, s->node, in, &s->spec);
    if (s->spec.kind == KERNEL_ALIAS) {
        s->kind = STEP_ALIAS;
    } else if (is_clip(&s->spec, &s->clip)) {
        s->kind = STEP_CLIP;
        layout = layout_of(network, in);
    } else if (other >= 0 && other != in) {
        s->kind = STEP_ADD;
        layout = layout_of(network, in);
        if ((step = take_input(network, step, 1, other, layout, err)) < 0)
            return -1;
    } else {
        return 0;
    }
    if ((step = take_input(network, step, 0, in, layout, err)) < 0)
        return -1;
    int slot = give_output(network, step, value, layout, err);
    if (slot < 0)
        return -1;
    network->slots[slot].shares = network->steps[step].kind == STEP_ALIAS;
    return 1;
}

static int plain_step(struct network *network, int step, struct error *err)
{
    const struct step *s = &network->steps[step];
    const struct node *node = &network->instance->nodes[s->node];
    int id = s->node;
    if (node->input_count > STEP_MAX_SLOTS ||
        node->output_count > STEP_MAX_SLOTS)
        return error_set(err, ERROR_UNSUPPORTED,
                         "node '%s' (%s): has %d operands, at most %d can be "
                         "trained",
                         node->name, node->type,
                         node->input_count + node->output_count,
                         STEP_MAX_SLOTS);
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] >= 0 &&
            network->value_slots[node->inputs[i]] >= 0 &&
            (step = take_input(network, step, i, node->inputs[i], LAYOUT_PLAIN,
                               err)) < 0)
            return -1;
    bool flows = false;
    for (int i = 0; i < node->output_count; i++) {
        const struct value *value =
            node->outputs[i] < 0 ? NULL
                                 : &network->instance->values[node->outputs[i]];
        if (!value || value->dtype == DTYPE_NONE) {
            network->steps[step].output_count++;
            continue;
        }
        int slot =
            give_output(network, step, node->outputs[i], LAYOUT_PLAIN, err);
        if (slot < 0)
            return -1;
        if (value->dtype != DTYPE_FLOAT32)
            network->slots[slot].flows = false;
        flows = flows || network->slots[slot].flows;
    }
    if (flows && !node->op->gradient)
        return error_set(err, ERROR_UNSUPPORTED,
                         "node '%s' (%s, %d of %zu): has no gradient",
                         node->name, node->type, id + 1,
                         network->instance->node_count);
    return 1;
}

static int add_node(struct network *network, int id, struct error *err)
{
    static int (*const kinds[])(struct network *, int, struct error *) = {
        kernel_step, norm_step, light_step, plain_step};
    const size_t plain = ARRAY_LENGTH(kinds) - 1;
    struct kernel_spec spec;
    lower(network, id, &spec);
    int step = add_step(network, STEP_PLAIN, id, err);
    if (step < 0)
        return -1;
    network->steps[step].spec = spec;
    network->steps[step].kind = STEP_KERNEL;
    if (add_uses(network, step, err) < 0)
        return -1;
    /* What begins with a constant has no kernel. */
    const struct node *node = &network->instance->nodes[id];
    const int first = node->input_count ? node->inputs[0] : -1;
    bool known = first >= 0 && network->value_slots[first] < 0;
    for (size_t i = known ? plain : 0; i <= plain; i++) {
        if (i == plain)
            network->steps[step].kind = STEP_PLAIN;
        int served = kinds[i](network, step, err);
        if (served)
            return served < 0 ? -1 : 0;
    }
    return 0;
}

static int add_inputs(struct network *network, struct error *err)
{
    const struct graph *graph = network->instance;
    for (size_t i = 0; i < graph->input_count; i++) {
        struct layout_desc desc = plain_desc(&graph->values[graph->inputs[i]]);
        if (add_slot(network, graph->inputs[i], &desc, err) < 0)
            return -1;
    }
    return 0;
}

static int check_output(struct network *network, struct error *err)
{
    const struct graph *graph = network->instance;
    int id = graph->outputs[0];
    const struct value *value = &graph->values[id];
    int64_t batch = graph->batch;
    char text[SHAPE_TEXT_BYTES];
    if (network->value_slots[id] < 0 || value->dtype != DTYPE_FLOAT32 ||
        value->shape.rank < 2 || value->shape.dims[0] != batch ||
        shape_elements(&value->shape) != batch * value->shape.dims[1])
        return error_set(err, ERROR_SHAPE,
                         "output '%s' has shape %s, expected (samples, "
                         "classes) to be trained",
                         value->name, shape_text(&value->shape, text));
    network->loss_slot = want_slot(network, id, LAYOUT_PLAIN, err);
    if (network->loss_slot < 0)
        return -1;
    if (!network->slots[network->loss_slot].flows)
        return error_set(err, ERROR_UNSUPPORTED,
                         "nothing before output '%s' can be trained",
                         value->name);
    return 0;
}

int program_build(struct network *network, struct error *err)
{
    const struct graph *graph = network->instance;
    if (add_inputs(network, err) < 0)
        return -1;
    for (size_t i = 0; i < graph->node_count; i++)
        if (!graph->folded[i] && !network->done[i] &&
            add_node(network, (int)i, err) < 0)
            return -1;
    return check_output(network, err);
}
