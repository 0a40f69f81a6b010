/*
 * The network's gradients are those of the operators' plain code, step by
 * step over the whole graph, whatever the shards and the number of workers.
 */
#include "base/array.h"
#include "base/rng.h"
#include "onnx/model.h"
#include "op/instance.h"
#include "topology.h"
#include "train/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { OPERANDS = 16, MOST = 32, FEW = 4 /* samples in a batch */ };

static void good(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

/* --- the oracle: every node's run, then every node's gradient --- */

struct tape {
    struct graph *instance;
    struct tensor *values, *gradients; /* per value */
    bool training;
};

struct node_call {
    struct op_call call;
    struct tensor inputs[OPERANDS], outputs[OPERANDS];
    const struct tensor *input_pointers[OPERANDS];
    struct tensor *output_pointers[OPERANDS];
};

static void make_call(const struct tape *tape, int id, struct node_call *c)
{
    const struct node *node = &tape->instance->nodes[id];
    op_call_of(tape->instance, id, &c->call, c->inputs, c->input_pointers,
               c->outputs, c->output_pointers);
    c->call.training = tape->training;
    for (int i = 0; i < node->input_count; i++)
        if (c->input_pointers[i])
            c->inputs[i].data = tape->values[node->inputs[i]].data;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] >= 0 && tape->values[node->outputs[i]].data)
            c->outputs[i].data = tape->values[node->outputs[i]].data;
        else
            c->output_pointers[i] = NULL;
}

static void tape_forward(struct tape *tape)
{
    struct error err = {0};
    for (size_t i = 0; i < tape->instance->node_count; i++) {
        const struct node *node = &tape->instance->nodes[i];
        struct node_call c;
        if (tape->instance->folded[i])
            continue;
        for (int j = 0; j < node->output_count; j++) {
            const struct value *value =
                &tape->instance->values[node->outputs[j]];
            if (node->outputs[j] >= 0 && value->dtype != DTYPE_NONE)
                good(tensor_init(&tape->values[node->outputs[j]], value->dtype,
                                 &value->shape, &err),
                     &err);
        }
        make_call(tape, (int)i, &c);
        good(node->op->run(&c.call, &err), &err);
    }
}

static void add_to(struct tensor *total, const struct tensor *part)
{
    for (int64_t i = 0; i < tensor_elements(part); i++)
        ((float *)total->data)[i] += ((const float *)part->data)[i];
}

static void node_backward(struct tape *tape, int id)
{
    struct error err = {0};
    const struct node *node = &tape->instance->nodes[id];
    struct node_call c;
    struct tensor parts[OPERANDS], *part_pointers[OPERANDS] = {NULL};
    const struct tensor *by_outputs[OPERANDS] = {NULL};
    make_call(tape, id, &c);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] >= 0)
            by_outputs[i] = &tape->gradients[node->outputs[i]];
    if (!by_outputs[0] || !by_outputs[0]->data || !node->op->gradient)
        return;
    for (int i = 0; i < node->input_count; i++) {
        if (!c.input_pointers[i] || c.inputs[i].dtype != DTYPE_FLOAT32)
            continue;
        good(tensor_init(&parts[i], DTYPE_FLOAT32, &c.inputs[i].shape, &err),
             &err);
        part_pointers[i] = &parts[i];
    }
    const struct op_gradient gradient = {by_outputs, part_pointers};
    good(node->op->gradient(&c.call, &gradient, &err), &err);
    for (int i = 0; i < node->input_count; i++) {
        if (!part_pointers[i])
            continue;
        struct tensor *total = &tape->gradients[node->inputs[i]];
        if (!total->data)
            good(tensor_init(total, DTYPE_FLOAT32, &c.inputs[i].shape, &err),
                 &err);
        add_to(total, &parts[i]);
        tensor_release(&parts[i]);
    }
}

static double weight_of(int64_t i)
{
    return (double)(i * 7 % 11 - 5) / 8;
}

static void tape_backward(struct tape *tape)
{
    struct error err = {0};
    int out = tape->instance->outputs[0];
    struct tensor *loss = &tape->gradients[out];
    good(tensor_init(loss, DTYPE_FLOAT32, &tape->instance->values[out].shape,
                     &err),
         &err);
    for (int64_t i = 0; i < tensor_elements(loss); i++)
        ((float *)loss->data)[i] = (float)weight_of(i);
    for (size_t i = tape->instance->node_count; i-- > 0;)
        if (!tape->instance->folded[i])
            node_backward(tape, (int)i);
}

static void fill_input(const struct value *value, int64_t first, float *to)
{
    int64_t each = shape_elements(&value->shape) / value->shape.dims[0];
    for (int64_t i = 0; i < value->shape.dims[0]; i++) {
        struct rng rng;
        rng_init(&rng, (uint64_t)(first + i + 1));
        for (int64_t j = 0; j < each; j++)
            to[i * each + j] = (float)rng_normal(&rng);
    }
}

static void tape_open(struct tape *tape, const struct graph *graph,
                      int64_t batch, bool training)
{
    struct error err = {0};
    *tape = (struct tape){.training = training};
    good(op_instantiate(&tape->instance, graph, batch, &err), &err);
    size_t count = tape->instance->value_count;
    tape->values = calloc(count, sizeof *tape->values);
    tape->gradients = calloc(count, sizeof *tape->gradients);
    assert_non_null(tape->values);
    assert_non_null(tape->gradients);
    for (size_t i = 0; i < count; i++)
        if (tape->instance->values[i].constant.data)
            tape->values[i] = tensor_share(&tape->instance->values[i].constant);
    int in = tape->instance->inputs[0];
    const struct value *value = &tape->instance->values[in];
    good(tensor_init(&tape->values[in], DTYPE_FLOAT32, &value->shape, &err),
         &err);
    fill_input(value, 0, tape->values[in].data);
    tape_forward(tape);
    tape_backward(tape);
}

static void tape_close(struct tape *tape)
{
    for (size_t i = 0; i < tape->instance->value_count; i++) {
        tensor_release(&tape->values[i]);
        tensor_release(&tape->gradients[i]);
    }
    free(tape->values);
    free(tape->gradients);
    graph_drop(tape->instance);
}

/* --- the network --- */

struct run {
    const struct network *network;
    float outputs[MOST * 64];
};

static int fill(void *context, int64_t shard, void *const *inputs,
                struct error *err)
{
    struct run *run = context;
    (void)err;
    fill_input(network_input(run->network, 0),
               shard * network_shard_size(run->network), inputs[0]);
    return 0;
}

static int loss(void *context, int64_t shard, const float *output,
                float *gradient, struct error *err)
{
    struct run *run = context;
    (void)err;
    int64_t count =
        network_shard_size(run->network) * network_answer(run->network).width;
    for (int64_t i = 0; i < count; i++) {
        run->outputs[shard * count + i] = output[i];
        gradient[i] = (float)weight_of(shard * count + i);
    }
    return 0;
}

/*
 * |a - b| / |b| over all elements; elements below `floor` on the average are
 * rounding: a shift before the next batch norm has no gradient at all.
 */
static double distance(const float *a, const float *b, int64_t count,
                       double floor)
{
    double difference = 0, size = floor * floor * (double)count;
    for (int64_t i = 0; i < count; i++) {
        difference +=
            ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / size);
}

/* Copies of a merged parameter move by the mean of their gradients. */
static float *mean_of_copies(const struct tape *tape, int id, int64_t count)
{
    float *mean = calloc((size_t)count, sizeof *mean);
    int copies = 0;
    assert_non_null(mean);
    for (size_t v = 0; v < tape->instance->value_count; v++) {
        const struct tensor *by = &tape->gradients[v];
        if (!by->data || !tape->instance->values[v].constant.data ||
            graph_stored(tape->instance, (int)v) != id)
            continue;
        assert_int_equal(tensor_elements(by), count);
        for (int64_t i = 0; i < count; i++)
            mean[i] += ((const float *)by->data)[i];
        copies++;
    }
    for (int64_t i = 0; i < count; i++)
        mean[i] /= (float)copies;
    return mean;
}

static void check_graph(const char *name, const struct graph *graph,
                        int64_t batch, int64_t shard, bool frozen,
                        enum cpu_isa isa)
{
    struct error err = {0};
    struct network *network;
    struct tape tape;
    struct network_options options = {.batch = batch,
                                      .shard = shard,
                                      .frozen_statistics = frozen,
                                      .isa = isa};
    good(network_create(&network, graph, &options, &err), &err);
    struct run run = {.network = network};
    struct network_task task = {fill, loss, &run};
    tape_open(&tape, graph, batch, !frozen);
    /* Twice: the second run finds what the first left behind. */
    good(network_run(network, &task, NULL, &err), &err);
    good(network_run(network, &task, NULL, &err), &err);
    const struct tensor *logits = &tape.values[tape.instance->outputs[0]];
    assert_true(distance(run.outputs, logits->data, tensor_elements(logits),
                         1e-6) < 1e-4);
    assert_true(network_parameter_count(network) > 0);
    for (size_t i = 0; i < network_parameter_count(network); i++) {
        const struct parameter *parameter = network_parameter(network, i);
        const char *what = tape.instance->values[parameter->id].name;
        float *by = mean_of_copies(&tape, parameter->id, parameter->count);
        double apart =
            distance(parameter->gradient, by, parameter->count, 1e-2);
        free(by);
        if (!(apart < 2e-3))
            fail_msg("%s: gradient of '%s' is %g apart", name, what, apart);
    }
    tape_close(&tape);
    network_destroy(network);
}

static void check_network(const char *path, int64_t batch, int64_t shard,
                          bool frozen, enum cpu_isa isa)
{
    struct error err = {0};
    struct onnx_model *model;
    good(onnx_open(&model, path, &err), &err);
    check_graph(path, onnx_graph(model), batch, shard, frozen, isa);
    onnx_close(model);
}

static void mlp_has_the_plain_gradients(void **state)
{
    (void)state;
    check_network("data/mlp.onnx", FEW, 2, false, cpu_isa_detect());
}

static void lenet_has_the_plain_gradients(void **state)
{
    (void)state;
    check_network("data/lenet5.onnx", FEW, 1, false, cpu_isa_detect());
}

/* Shards of 16 have lanes of images where there are kernels for them. */
static void lenet_in_lanes_has_the_plain_gradients(void **state)
{
    (void)state;
    check_network("data/lenet5.onnx", 32, 16, false, cpu_isa_detect());
}

static void resnet_has_the_plain_gradients(void **state)
{
    (void)state;
    check_network("data/resnet20-bn.onnx", FEW, 2, false, cpu_isa_detect());
}

static void frozen_statistics_have_the_plain_gradients(void **state)
{
    (void)state;
    check_network("data/resnet20-bn.onnx", FEW, 4, true, CPU_ISA_SCALAR);
}

static void folded_resnet_has_the_plain_gradients(void **state)
{
    (void)state;
    check_network("data/resnet20.onnx", FEW, 4, false, CPU_ISA_SCALAR);
}

static void mobilenet_has_the_plain_gradients(void **state)
{
    (void)state;
    check_network("data/mobilenet-bn.onnx", FEW, 2, false, cpu_isa_detect());
}

/* What a norm's result is added to may have readers of its own, behind the
 * norm and before it, or be the norm's source. */
static const struct topology residuals = {
    "residuals",
    "in x ?x3x8x8\n"
    "const a.weight 16x3x3x3\nconst a.bias 16\n"
    "const b.weight 16x16x3x3\nconst b.bias 16\n"
    "const n.scale 16\nconst n.shift 16\nconst n.mean 16\n"
    "positive n.var 16\n"
    "const m.scale 16\nconst m.shift 16\nconst m.mean 16\n"
    "positive m.var 16\n"
    "const k.scale 16\nconst k.shift 16\nconst k.mean 16\n"
    "positive k.var 16\n"
    "t = Conv x a.weight a.bias | pads=1,1,1,1\n"
    "u = BatchNormalization t n.scale n.shift n.mean n.var\n"
    "v = Add u t\n"
    "w = Relu v\n"
    "c = Conv w b.weight b.bias | pads=1,1,1,1\n"
    "d = BatchNormalization c m.scale m.shift m.mean m.var\n"
    "e = Add w d\n"
    "f = Relu e\n"
    "g = BatchNormalization f k.scale k.shift k.mean k.var\n"
    "h = Relu g\n"
    "i = Add h w\n"
    "j = Add i f\n"
    "p = GlobalAveragePool j\n"
    "y = Flatten p\nout y\n",
    NULL};

static void residuals_have_the_plain_gradients(void **state)
{
    (void)state;
    struct graph *graph = topology_build(&residuals);
    for (int frozen = 0; frozen < 2; frozen++) {
        check_graph("residuals", graph, FEW, 2, frozen, cpu_isa_detect());
        check_graph("residuals", graph, FEW, 1, frozen, CPU_ISA_SCALAR);
    }
    graph_drop(graph);
}

/* Everything that may lie between two convolutions of odd channels. */
static const struct topology lanes = {
    "lanes",
    "in x ?x3x9x10\n"
    "const a.weight 7x3x3x3\nconst a.bias 7\n"
    "const b.weight 7x7x3x3\nconst c.weight 16x7x3x3\nconst d.weight 5x7x1x1\n"
    "const n.scale 7\nconst n.shift 7\nconst n.mean 7\n"
    "positive n.var 7\n"
    "const m.scale 7\nconst m.shift 7\nconst m.mean 7\n"
    "positive m.var 7\n"
    "t = Conv x a.weight a.bias | pads=1,1,1,1\n"
    "u = BatchNormalization t n.scale n.shift n.mean n.var\n"
    "v = Relu u\n"
    "w = Conv v b.weight | pads=1,1,1,1\n"
    "c = BatchNormalization w m.scale m.shift m.mean m.var\n"
    "f = Add v c\n"
    "g = Relu f\n"
    "h = MaxPool g | kernel_shape=3,3 strides=2,2 pads=1,1,1,1\n"
    "i = AveragePool h | kernel_shape=2,2\n"
    "j = Add h h\n"
    "k = Conv h c.weight | strides=2,2 pads=1,1,1,1\n"
    "l = Conv i d.weight\n"
    "o = GlobalAveragePool k\n"
    "p = GlobalAveragePool l\n"
    "q = Conv j d.weight\n"
    "r = GlobalMaxPool q\n"
    "s = Concat o p r | axis=1\n"
    "y = Flatten s\nout y\n",
    NULL};

static void lanes_have_the_plain_gradients(void **state)
{
    (void)state;
    struct graph *graph = topology_build(&lanes);
    check_graph("lanes", graph, 32, 16, false, cpu_isa_detect());
    check_graph("lanes", graph, 32, 32, true, cpu_isa_detect());
    check_graph("lanes", graph, 32, 16, false, CPU_ISA_SCALAR);
    graph_drop(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mlp_has_the_plain_gradients),
        cmocka_unit_test(lenet_has_the_plain_gradients),
        cmocka_unit_test(lenet_in_lanes_has_the_plain_gradients),
        cmocka_unit_test(resnet_has_the_plain_gradients),
        cmocka_unit_test(frozen_statistics_have_the_plain_gradients),
        cmocka_unit_test(folded_resnet_has_the_plain_gradients),
        cmocka_unit_test(mobilenet_has_the_plain_gradients),
        cmocka_unit_test(residuals_have_the_plain_gradients),
        cmocka_unit_test(lanes_have_the_plain_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
