/* Parameters that constant folding had eaten. */
#include "base/rng.h"
#include "op/instance.h"
#include "topology.h"
#include "train/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { BATCH = 4, SHARD = 2, CLASSES = 20, IN = 3 * 8 };

/* A token for every sample, rows of places, a table of positions behind a
 * small network, a bound, and a norm's variance, which does not learn. */
static const struct topology encoder = {
    "encoder",
    "in x ?x3x8\n"
    "const token 1x1x8\nconst places 6x8\nconst table 5x2\n"
    "const inner 2x6\nconst inner.bias 6\nconst outer 8x6\n"
    "const scale 4x1\npositive variance 8\nconst head 8x5\n"
    "ints first 0,\nints tail 1,8\nints which 2,0,5,3\nints near 4,0,1,1\n"
    "number most 0.5\nnumber epsilon 0.25\n"
    "s = Shape x\n"
    "n = Gather s first | axis=0\n"
    "t = Concat n tail | axis=0\n"
    "e = Expand token t\n"
    "c = Concat e x | axis=1\n"
    "p = Gather places which | axis=0\n"
    "d = Add c p\n"
    "q = MatMul table inner\n"
    "r = Add q inner.bias\n"
    "u = Relu r\n"
    "o = Transpose outer | perm=1,0\n"
    "v = MatMul u o\n"
    "w = Gather v near | axis=0\n"
    "b = Sigmoid w\n"
    "f = Add d b\n"
    "m = Clip scale - most\n"
    "k = Exp m\n"
    "g = Mul f k\n"
    "a = Add variance epsilon\n"
    "h = Sqrt a\n"
    "i = Div g h\n"
    "j = MatMul i head\n"
    "y = Flatten j\nout y\n",
    NULL};

static void good(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

static double weight_of(int64_t i)
{
    return (double)(i * 7 % 11 - 5) / 8;
}

struct run {
    const struct network *network;
    double loss[BATCH / SHARD];
};

static int fill(void *context, int64_t shard, void *const *inputs,
                struct error *err)
{
    float *to = inputs[0];
    struct rng rng;
    (void)context;
    (void)err;
    rng_init(&rng, (uint64_t)shard + 1);
    for (int i = 0; i < SHARD * IN; i++)
        to[i] = (float)rng_normal(&rng);
    return 0;
}

static int loss(void *context, int64_t shard, const float *output,
                float *gradient, struct error *err)
{
    struct run *run = context;
    (void)err;
    run->loss[shard] = 0;
    for (int64_t i = 0; i < SHARD * CLASSES; i++) {
        double weight = weight_of(shard * SHARD * CLASSES + i);
        run->loss[shard] += weight * (double)output[i];
        gradient[i] = (float)weight;
    }
    return 0;
}

static double loss_of(struct network *network)
{
    struct run run = {.network = network};
    struct error err;
    const struct network_task task = {fill, loss, &run};
    good(network_refresh(network, &err), &err);
    good(network_run(network, &task, NULL, &err), &err);
    double sum = 0;
    for (int i = 0; i < BATCH / SHARD; i++)
        sum += run.loss[i];
    return sum;
}

static struct network *make_network(const struct graph *graph)
{
    struct network *network;
    struct error err;
    const struct network_options options = {
        .batch = BATCH, .shard = SHARD, .isa = cpu_isa_detect()};
    good(network_create(&network, graph, &options, &err), &err);
    return network;
}

static void check_parameter(struct network *network, size_t index,
                            const char *name)
{
    const double step = 1.0 / 512;
    const struct parameter *p = network_parameter(network, index);
    float gradient[64];
    double apart = 0, size = 0;
    assert_true(p->count <= 64);
    loss_of(network);
    memcpy(gradient, p->gradient, (size_t)p->count * sizeof *gradient);
    for (int64_t i = 0; i < p->count; i++) {
        float value = p->value[i];
        p->value[i] = value + (float)step;
        double up = loss_of(network);
        p->value[i] = value - (float)step;
        double by = (up - loss_of(network)) / (2 * step);
        p->value[i] = value;
        apart += (by - (double)gradient[i]) * (by - (double)gradient[i]);
        size += by * by;
    }
    if (!(size > 0 && apart < 1e-4 * size))
        fail_msg("'%s': %g apart of %g", name, sqrt(apart), sqrt(size));
}

static void folded_parameters_have_gradients(void **state)
{
    static const struct {
        const char *name;
        bool decays;
    } expected[] = {{"token", false},      {"places", false}, {"inner", true},
                    {"inner.bias", false}, {"outer", true},   {"scale", false},
                    {"head", true}};
    (void)state;
    struct graph *graph = topology_build(&encoder);
    struct network *network = make_network(graph);
    size_t count = sizeof expected / sizeof *expected;
    assert_int_equal(network_parameter_count(network), count);
    for (size_t i = 0; i < count; i++) {
        int id = graph_find_value(graph, expected[i].name);
        size_t at = 0;
        while (at < count && network_parameter(network, at)->id != id)
            at++;
        assert_true(at < count);
        assert_true(network_parameter(network, at)->is_weight ==
                    expected[i].decays);
        check_parameter(network, at, expected[i].name);
    }
    network_destroy(network);
    graph_drop(graph);
}

/* What was trained gives the same constants in an instance as anew. */
static void instances_fold_again(void **state)
{
    static const char *const names[] = {"token", "inner", "outer", "places"};
    int ids[4];
    struct tensor tensors[4];
    struct error err;
    (void)state;
    struct graph *graph = topology_build(&encoder), *before, *after;
    struct graph *changed, *anew;
    good(op_instantiate(&before, graph, BATCH, &err), &err);
    for (int i = 0; i < 4; i++) {
        ids[i] = graph_find_value(graph, names[i]);
        const struct tensor *old = &graph->values[ids[i]].constant;
        good(tensor_init(&tensors[i], old->dtype, &old->shape, &err), &err);
        for (int64_t j = 0; j < tensor_elements(old); j++)
            ((float *)tensors[i].data)[j] =
                ((const float *)old->data)[j] + 0.5F + (float)j;
    }
    good(op_with_constants(&after, before, 4, ids, tensors, NULL, &err), &err);
    good(graph_with_constants(&changed, graph, 4, ids, tensors, &err), &err);
    good(op_instantiate(&anew, changed, BATCH, &err), &err);
    for (size_t i = 0; i < anew->value_count; i++) {
        const struct tensor *a = &after->values[i].constant;
        const struct tensor *b = &anew->values[i].constant;
        assert_true(!a->data == !b->data);
        if (b->data)
            assert_memory_equal(a->data, b->data, tensor_bytes(b));
    }
    for (int i = 0; i < 4; i++)
        tensor_release(&tensors[i]);
    graph_drop(anew);
    graph_drop(changed);
    graph_drop(after);
    graph_drop(before);
    graph_drop(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_parameters_have_gradients),
        cmocka_unit_test(instances_fold_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
