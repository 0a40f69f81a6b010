#include "exec_fixture.h"

#include "base/rng.h"
#include "onnx/model.h"
#include "op/instance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { OPSET = 13, MAX_OPERANDS = 8, MAX_INTEGERS = 8 };

static void check(int status, const struct error *err)
{
    if (status < 0)
        fail_msg("%s", err->message);
}

struct graph *exec_graph(void)
{
    struct error err = {0};
    struct graph *graph = NULL;
    check(graph_create(&graph, &err), &err);
    return graph;
}

void exec_constant(struct graph *graph, const char *name, uint64_t seed,
                   float scale, int rank, const int64_t *dims)
{
    struct error err = {0};
    struct shape shape = {.rank = rank};
    struct tensor tensor;
    struct rng rng;
    rng_init(&rng, seed);
    for (int i = 0; i < rank; i++)
        shape.dims[i] = dims[i];
    check(tensor_init(&tensor, DTYPE_FLOAT32, &shape, &err), &err);
    float *data = tensor.data;
    for (int64_t i = 0; i < tensor_elements(&tensor); i++)
        data[i] = scale * (float)rng_normal(&rng);
    int id = graph_add_value(graph, name, &err);
    check(id, &err);
    check(graph_set_constant(graph, id, &tensor, &err), &err);
    tensor_release(&tensor);
}

static struct attribute attribute_of(const char *text, char *name,
                                     int64_t *integers)
{
    const char *equals = strchr(text, '=');
    assert_non_null(equals);
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = '\0';
    struct attribute attribute = {.name = name, .integers = integers};
    for (const char *at = equals; at; at = strchr(at + 1, ','))
        integers[attribute.count++] = strtoll(at + 1, NULL, 10);
    attribute.kind = attribute.count == 1 && strcmp(name, "axes") != 0
                         ? ATTRIBUTE_INT
                         : ATTRIBUTE_INTS;
    attribute.integer = integers[0];
    if (strchr(equals, '.')) {
        attribute.kind = ATTRIBUTE_FLOAT;
        attribute.number = strtof(equals + 1, NULL);
    }
    return attribute;
}

void exec_node(struct graph *graph, const char *type, const char *const *inputs,
               const char *output, const char *const *attributes)
{
    struct error err = {0};
    struct attribute list[MAX_OPERANDS];
    char names[MAX_OPERANDS][64];
    int64_t integers[MAX_OPERANDS][MAX_INTEGERS];
    size_t inputs_count = 0, count = 0;
    while (inputs[inputs_count])
        inputs_count++;
    for (; attributes && attributes[count]; count++)
        list[count] =
            attribute_of(attributes[count], names[count], integers[count]);
    check(graph_add_node(graph, output, type, "", OPSET, inputs_count, inputs,
                         1, &output, count, list, &err),
          &err);
}

struct graph *exec_finish(struct graph *graph, const char *input, int rank,
                          const int64_t *dims, const char *output)
{
    struct error err = {0};
    struct graph *instance = NULL;
    int in = graph_find_value(graph, input);
    assert_true(in >= 0);
    graph->values[in].dtype = DTYPE_FLOAT32;
    graph->values[in].shape.rank = rank;
    for (int i = 0; i < rank; i++)
        graph->values[in].shape.dims[i] = dims[i];
    check(graph_add_input(graph, in, &err), &err);
    check(graph_add_output(graph, graph_find_value(graph, output), &err), &err);
    check(graph_finish(graph, &err), &err);
    check(op_resolve(graph, &err), &err);
    check(op_instantiate(&instance, graph, dims[0], &err), &err);
    graph_drop(graph);
    return instance;
}

struct graph *exec_model(const char *name, int64_t batch)
{
    struct error err = {0};
    struct onnx_model *model = NULL;
    struct graph *graph = NULL;
    char path[128];
    snprintf(path, sizeof(path), "data/%s.onnx", name);
    check(onnx_open(&model, path, &err), &err);
    check(op_instantiate(&graph, onnx_graph(model), batch, &err), &err);
    onnx_close(model);
    return graph;
}

static int ascending(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* A tensor whose smallest `share` is zero. */
static struct tensor pruned(const struct tensor *from, double share)
{
    struct error err = {0};
    struct tensor out;
    int64_t count = tensor_elements(from);
    const float *data = from->data;
    check(tensor_init(&out, DTYPE_FLOAT32, &from->shape, &err), &err);
    float *sorted = malloc((size_t)count * sizeof(float));
    assert_non_null(sorted);
    for (int64_t i = 0; i < count; i++)
        sorted[i] = fabsf(data[i]);
    qsort(sorted, (size_t)count, sizeof(float), ascending);
    float threshold = sorted[(int64_t)(share * (double)(count - 1))];
    free(sorted);
    for (int64_t i = 0; i < count; i++)
        ((float *)out.data)[i] = fabsf(data[i]) > threshold ? data[i] : 0;
    return out;
}

static bool has_weight(const struct graph *graph, const struct node *node)
{
    return (strcmp(node->type, "Conv") == 0 ||
            strcmp(node->type, "Gemm") == 0) &&
           graph->values[node->inputs[1]].constant.data;
}

struct graph *exec_prune(struct graph *graph, double share, int only)
{
    struct error err = {0};
    struct graph *out = NULL;
    int *ids = malloc(graph->node_count * sizeof(*ids));
    struct tensor *tensors = malloc(graph->node_count * sizeof(*tensors));
    size_t count = 0;
    int layer = 0;
    assert_true(ids && tensors);
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (!has_weight(graph, node) || (only >= 0 && layer++ != only))
            continue;
        ids[count] = node->inputs[1];
        tensors[count] =
            pruned(&graph->values[node->inputs[1]].constant, share);
        count++;
    }
    assert_true(count > 0);
    check(graph_with_constants(&out, graph, count, ids, tensors, &err), &err);
    for (size_t i = 0; i < count; i++)
        tensor_release(&tensors[i]);
    free(ids);
    free(tensors);
    graph_drop(graph);
    return out;
}

struct plan *exec_plan(const struct graph *graph, enum plan_kernels kernels,
                       struct timing *timing, const struct plan *previous)
{
    struct error err = {0};
    struct plan *plan = NULL;
    const struct plan_options options = {.kernels = kernels,
                                         .threads = 1,
                                         .isa = cpu_isa_detect(),
                                         .timing = timing,
                                         .previous = previous};
    check(plan_create(&plan, graph, &options, &err), &err);
    return plan;
}

void exec_fill(struct runner *runner, const struct plan *plan, uint64_t seed)
{
    const struct graph *graph = plan_instance(plan);
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *value = &graph->values[graph->inputs[i]];
        float *data = runner_input(runner, i);
        for (int64_t k = 0; k < shape_elements(&value->shape); k++)
            data[k] = (float)rng_normal(&rng);
    }
}

float *exec_run(const struct plan *plan, uint64_t seed, int64_t *count)
{
    struct error err = {0};
    struct runner *runner = NULL;
    check(runner_create(&runner, plan, &err), &err);
    exec_fill(runner, plan, seed);
    check(runner_run(runner, 0, plan_step_count(plan), NULL, NULL, &err), &err);
    const struct tensor *output = runner_output(runner, 0);
    *count = tensor_elements(output);
    float *copy = malloc((size_t)*count * sizeof(float));
    assert_non_null(copy);
    memcpy(copy, output->data, (size_t)*count * sizeof(float));
    runner_destroy(runner);
    return copy;
}

void exec_assert_close(const float *a, const float *b, int64_t count,
                       double tolerance)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)a[i] - b[i]) <= tolerance * (1 + fabs(b[i]))))
            fail_msg("element %lld is %g, expected %g", (long long)i,
                     (double)a[i], (double)b[i]);
}
