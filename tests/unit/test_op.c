/* The table of operators, resolving, instances. */
#include "base/array.h"
#include "op/answer.h"
#include "op/fold.h"
#include "op/instance.h"
#include "op_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void good(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

/* --- building; names of operands are separated by spaces --- */

static struct graph *begin(const struct shape *input)
{
    struct graph *graph;
    assert_int_equal(graph_create(&graph, NULL), 0);
    int x = graph_add_value(graph, "x", NULL);
    graph->values[x].dtype = DTYPE_FLOAT32;
    graph->values[x].shape = *input;
    graph->declared_batch = input->dims[0] > 0 ? input->dims[0] : 0;
    assert_int_equal(graph_add_input(graph, x, NULL), 0);
    return graph;
}

static size_t split(char *text, const char **names)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *p = strtok_r(text, " ", &rest); p;
         p = strtok_r(NULL, " ", &rest))
        names[count++] = p;
    return count;
}

static void add_with(struct graph *graph, const char *type, const char *inputs,
                     const char *output, size_t attribute_count,
                     const struct attribute *attributes)
{
    char text[200];
    const char *names[8];
    struct error err = {0};
    snprintf(text, sizeof text, "%s", inputs);
    size_t count = split(text, names);
    good(graph_add_node(graph, output, type, "", 13, count, names, 1, &output,
                        attribute_count, attributes, &err),
         &err);
}

static void add(struct graph *graph, const char *type, const char *inputs,
                const char *output)
{
    add_with(graph, type, inputs, output, 0, NULL);
}

static void add_axis(struct graph *graph, const char *type, const char *inputs,
                     const char *output, int64_t axis)
{
    struct attribute attribute = {
        .name = "axis", .kind = ATTRIBUTE_INT, .integer = axis};
    add_with(graph, type, inputs, output, 1, &attribute);
}

static void add_constant(struct graph *graph, const char *name,
                         enum dtype dtype, const struct shape *shape,
                         const void *data)
{
    struct tensor tensor;
    struct error err = {0};
    good(tensor_init(&tensor, dtype, shape, &err), &err);
    memcpy(tensor.data, data, tensor_bytes(&tensor));
    int id = graph_add_value(graph, name, NULL);
    good(graph_set_constant(graph, id, &tensor, &err), &err);
    tensor_release(&tensor);
}

static void add_list(struct graph *graph, const char *name, int64_t count,
                     const int64_t *values)
{
    struct shape shape = {1, {count}};
    add_constant(graph, name, DTYPE_INT64, &shape, values);
}

static void end_with(struct graph *graph, const char *output)
{
    struct error err = {0};
    int y = graph_add_value(graph, output, NULL);
    good(graph_add_output(graph, y, &err), &err);
    good(graph_finish(graph, &err), &err);
    good(op_resolve(graph, &err), &err);
}

static void check_shape(const struct graph *graph, const char *name,
                        const char *expected)
{
    char text[SHAPE_TEXT_BYTES];
    int id = graph_find_value(graph, name);
    assert_true(id >= 0);
    assert_string_equal(shape_text(&graph->values[id].shape, text), expected);
}

static struct graph *instance_of(const struct graph *graph, int64_t batch)
{
    struct graph *instance;
    struct error err = {0};
    good(op_instantiate(&instance, graph, batch, &err), &err);
    return instance;
}

static void check_refused(struct graph *graph, int64_t batch,
                          const char *message)
{
    struct graph *instance;
    struct error err = {0};
    if (op_instantiate(&instance, graph, batch, &err) == 0)
        fail_msg("accepted, expected '%s'", message);
    assert_null(instance);
    if (!strstr(err.message, message))
        fail_msg("found '%s', expected '%s'", err.message, message);
    graph_drop(graph);
}

static const struct shape image = {4, {-1, 3, 4, 4}};
static const struct shape single = {4, {1, 3, 4, 4}};

/* --- the table --- */

static void an_operator_is_found_by_its_opset(void **state)
{
    (void)state;
    const struct op *old = op_find("Clip", "", 10);
    const struct op *new = op_find("Clip", "", 11);
    assert_non_null(old);
    assert_non_null(new);
    assert_ptr_not_equal(old, new);
    assert_ptr_equal(op_find("Clip", "ai.onnx", 21), new);
    assert_null(op_find("Clip", "com.microsoft", 13));
    assert_null(op_find("Gelu", "", 19));
    assert_null(op_find("Loop", "", 13));
    assert_null(op_find("Clip", "", 22));
}

static void no_two_rows_serve_the_same_opset(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_count(); i++) {
        const struct op *op = op_at(i);
        assert_true(op->since <= op->until);
        assert_non_null(op->infer);
        assert_non_null(op->run);
        for (int opset = op->since; opset <= op->until; opset++)
            assert_ptr_equal(op_find(op->type, op->domain, opset), op);
    }
}

static void every_unsupported_operator_is_listed(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin(&image);
    add(graph, "Wavelet", "x", "a");
    add(graph, "Relu", "a", "b");
    add(graph, "Wavelet", "b", "c");
    add(graph, "Spline", "c", "d");
    assert_int_equal(graph_finish(graph, &err), 0);
    assert_int_equal(op_resolve(graph, &err), -1);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_string_equal(err.message,
                        "2 unsupported operators: Wavelet (opset 13, 2 nodes, "
                        "first 'a'), Spline (opset 13, 1 node, first 'd')");
    graph_drop(graph);
}

static void a_long_list_says_how_many_are_left_out(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin(&image);
    for (int i = 0; i < 40; i++) {
        char type[48], name[48];
        snprintf(type, sizeof type, "SomeLongOperatorName%d", i);
        snprintf(name, sizeof name, "value%d", i);
        add(graph, type, "x", name);
    }
    assert_int_equal(graph_finish(graph, &err), 0);
    assert_int_equal(op_resolve(graph, &err), -1);
    assert_non_null(strstr(err.message, "40 unsupported operators: "));
    assert_non_null(strstr(err.message, " more"));
    assert_true(strlen(err.message) < ERROR_MESSAGE_BYTES - 1);
    graph_drop(graph);
}

static void half_precision_is_widened(void **state)
{
    (void)state;
    static const uint16_t halves[3] = {0x3c00, 0xc000, 0x3555};
    struct shape shape = {3, {3, 1, 1}};
    struct graph *graph = begin(&image);
    graph->values[0].dtype = DTYPE_FLOAT16;
    add_constant(graph, "w", DTYPE_FLOAT16, &shape, halves);
    add(graph, "Mul", "x w", "y");
    end_with(graph, "y");
    const struct value *w = &graph->values[graph_find_value(graph, "w")];
    assert_int_equal(w->dtype, DTYPE_FLOAT32);
    assert_true(tensor_number(&w->constant, 1) == -2.0);
    struct graph *instance = instance_of(graph, 2);
    int y = graph_find_value(graph, "y");
    assert_int_equal(instance->values[y].dtype, DTYPE_FLOAT32);
    graph_drop(instance);
    graph_drop(graph);
}

static void a_constant_node_is_a_constant_of_the_template(void **state)
{
    (void)state;
    struct attribute value = {
        .name = "value_float", .kind = ATTRIBUTE_FLOAT, .number = 0.5};
    struct graph *graph = begin(&image);
    add_with(graph, "Constant", "", "c", 1, &value);
    add(graph, "Mul", "x c", "y");
    end_with(graph, "y");
    const struct value *c = &graph->values[graph_find_value(graph, "c")];
    assert_non_null(c->constant.data);
    assert_false(c->initializer);
    struct graph *instance = instance_of(graph, 1);
    assert_true(instance->folded[c->producer]);
    graph_drop(instance);
    graph_drop(graph);
}

/* --- instances --- */

/* x -> Shape -> Gather(0) -> Unsqueeze -> Concat(-1) -> Reshape(x) */
static struct graph *shape_arithmetic(const struct shape *input)
{
    static const int64_t zero = 0, minus_one = -1;
    static const struct shape scalar = {0};
    struct graph *graph = begin(input);
    add_constant(graph, "first", DTYPE_INT64, &scalar, &zero);
    add_list(graph, "axes", 1, &zero);
    add_list(graph, "rest", 1, &minus_one);
    add(graph, "Shape", "x", "shape");
    add(graph, "Gather", "shape first", "n");
    add(graph, "Unsqueeze", "n axes", "n1");
    add_axis(graph, "Concat", "n1 rest", "target", 0);
    add(graph, "Reshape", "x target", "y");
    end_with(graph, "y");
    return graph;
}

static void shape_arithmetic_folds_for_every_batch(void **state)
{
    (void)state;
    struct graph *graph = shape_arithmetic(&image);
    for (int64_t batch = 1; batch < 70; batch += 34) {
        char expected[40];
        struct graph *instance = instance_of(graph, batch);
        snprintf(expected, sizeof expected, "%dx48", (int)batch);
        check_shape(instance, "y", expected);
        assert_int_equal(instance->batch, batch);
        for (size_t i = 0; i < instance->node_count; i++)
            assert_int_equal(instance->folded[i], i + 1 < graph->node_count);
        graph_drop(instance);
    }
    graph_drop(graph);
}

static void a_declared_batch_follows_shape_arithmetic(void **state)
{
    (void)state;
    struct graph *graph = shape_arithmetic(&single);
    struct graph *instance = instance_of(graph, 5);
    check_shape(instance, "y", "5x48");
    graph_drop(instance);
    graph_drop(graph);
}

static void a_baked_reshape_is_rebatched(void **state)
{
    (void)state;
    static const int64_t target[2] = {1, 48};
    struct graph *graph = begin(&single);
    add_list(graph, "target", 2, target);
    add(graph, "Relu", "x", "a");
    add(graph, "Reshape", "a target", "y");
    end_with(graph, "y");
    struct graph *instance = instance_of(graph, 7);
    check_shape(instance, "y", "7x48");
    graph_drop(instance);
    instance = instance_of(graph, 1);
    check_shape(instance, "y", "1x48");
    graph_drop(instance);
    graph_drop(graph);
}

static void a_constants_reshape_is_not_rebatched(void **state)
{
    (void)state;
    static const int64_t target[4] = {1, 3, 1, 1};
    static const float numbers[3] = {1, 2, 3};
    struct shape shape = {1, {3}};
    struct graph *graph = begin(&single);
    add_constant(graph, "scale", DTYPE_FLOAT32, &shape, numbers);
    add_list(graph, "target", 4, target);
    add(graph, "Reshape", "scale target", "s");
    add(graph, "Mul", "x s", "y");
    end_with(graph, "y");
    struct graph *instance = instance_of(graph, 6);
    check_shape(instance, "s", "1x3x1x1");
    check_shape(instance, "y", "6x3x4x4");
    graph_drop(instance);
    graph_drop(graph);
}

static void a_softmax_over_samples_fixes_the_batch(void **state)
{
    (void)state;
    struct graph *graph = begin(&single);
    add_axis(graph, "Softmax", "x", "y", 0);
    end_with(graph, "y");
    check_refused(graph, 4,
                  "node 'y' (Softmax, 1 of 1): combines samples, so the "
                  "declared batch of 1 cannot become 4");
}

static void a_softmax_over_channels_is_rebatched(void **state)
{
    (void)state;
    struct graph *graph = begin(&single);
    add_axis(graph, "Softmax", "x", "y", 1);
    end_with(graph, "y");
    struct graph *instance = instance_of(graph, 4);
    check_shape(instance, "y", "4x3x4x4");
    graph_drop(instance);
    graph_drop(graph);
}

static void a_transposed_batch_fixes_it(void **state)
{
    (void)state;
    static const int64_t perm[4] = {1, 0, 2, 3};
    struct attribute attribute = {
        .name = "perm", .kind = ATTRIBUTE_INTS, .integers = perm, .count = 4};
    struct graph *graph = begin(&single);
    add_with(graph, "Transpose", "x", "y", 1, &attribute);
    end_with(graph, "y");
    check_refused(graph, 4,
                  "node 'y' (Transpose, 1 of 1): fixes the batch of 1: with "
                  "4, 'y' becomes 3x4x4x4");
}

/* (1, c) + (1, 1, c) is (1, 1, c), but (n, c) + (n, 1, c) mixes samples. */
static void a_broadcast_across_samples_fixes_the_batch(void **state)
{
    (void)state;
    static const int64_t flat[2] = {1, 48}, deep[3] = {1, 1, 48};
    struct graph *graph = begin(&single);
    add_list(graph, "flat", 2, flat);
    add_list(graph, "deep", 3, deep);
    add(graph, "Reshape", "x flat", "a");
    add(graph, "Reshape", "x deep", "b");
    add(graph, "Add", "a b", "y");
    end_with(graph, "y");
    check_refused(graph, 4, "node 'y' (Add, 3 of 3): fixes the batch of 1");
}

/* A coordinate grid that the exporter stored for its one sample. */
static void a_constant_beside_samples_is_for_each_of_them(void **state)
{
    (void)state;
    float grid[16];
    struct shape shape = {4, {1, 1, 4, 4}};
    for (int i = 0; i < 16; i++)
        grid[i] = (float)i;
    struct graph *graph = begin(&single);
    add_constant(graph, "grid", DTYPE_FLOAT32, &shape, grid);
    add_axis(graph, "Concat", "grid x", "y", 1);
    end_with(graph, "y");
    struct graph *instance = instance_of(graph, 3);
    check_shape(instance, "y", "3x4x4x4");

    struct error err = {0};
    struct tensor *values = op_run_values(instance);
    int x = instance->inputs[0];
    good(tensor_init(&values[x], DTYPE_FLOAT32, &instance->values[x].shape,
                     &err),
         &err);
    good(op_run_graph(instance, values, &err), &err);
    const struct tensor *y = &values[instance->outputs[0]];
    for (int64_t i = 0; i < 3 * 64; i++)
        assert_true(tensor_number(y, i) ==
                    (i % 64 < 16 ? (double)(i % 64) : 0));
    op_run_release(instance, values);
    graph_drop(instance);
    graph_drop(graph);
}

static void reversed_samples_fix_the_batch(void **state)
{
    (void)state;
    static const int64_t start = -1, end = INT64_MIN, axis = 0, step = -1;
    struct graph *graph = begin(&single);
    add_list(graph, "starts", 1, &start);
    add_list(graph, "ends", 1, &end);
    add_list(graph, "axes", 1, &axis);
    add_list(graph, "steps", 1, &step);
    add(graph, "Slice", "x starts ends axes steps", "y");
    end_with(graph, "y");
    check_refused(graph, 4, "combines samples");
}

static void one_sample_of_the_batch_fixes_it(void **state)
{
    (void)state;
    static const int64_t zero = 0;
    static const struct shape scalar = {0};
    struct graph *graph = begin(&single);
    add_constant(graph, "index", DTYPE_INT64, &scalar, &zero);
    add_axis(graph, "Gather", "x index", "y", 0);
    end_with(graph, "y");
    check_refused(graph, 3, "node 'y' (Gather, 1 of 1)");
}

static void a_dynamic_image_size_is_refused(void **state)
{
    (void)state;
    struct shape shape = {4, {-1, 3, -1, 4}};
    struct graph *graph = begin(&shape);
    add(graph, "Relu", "x", "y");
    end_with(graph, "y");
    check_refused(graph, 2,
                  "input 'x' has a dynamic dimension 2, only the leading one "
                  "may be dynamic without data that tell its size (name a "
                  "data set after the model)");
}

static void answers_are_read_as_their_operator_means(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        int64_t width;
        bool shares;
    } rows[] = {{"Sigmoid", 1, true},
                {"Softmax", 1, false},
                {"Relu", 1, false},
                {"Softmax", 4, true},
                {"Sigmoid", 4, false}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct op_answer answer;
        struct graph *graph = begin(&(struct shape){2, {-1, rows[i].width}});
        add(graph, rows[i].op, "x", "y");
        add(graph, "Identity", "y", "z");
        end_with(graph, "z");
        struct graph *instance = instance_of(graph, 3);
        assert_true(op_answer_of(&answer, instance));
        assert_int_equal(answer.width, rows[i].width);
        assert_int_equal(answer.classes, rows[i].width == 1 ? 2 : 4);
        assert_int_equal(answer.shares, rows[i].shares);
        graph_drop(instance);
        graph_drop(graph);
    }
}

static void an_empty_batch_is_refused(void **state)
{
    (void)state;
    struct graph *graph = begin(&image);
    add(graph, "Relu", "x", "y");
    end_with(graph, "y");
    check_refused(graph, 0, "batch 0 is not positive");
}

static void an_impossible_size_is_refused(void **state)
{
    (void)state;
    struct graph *graph = begin(&image);
    add(graph, "Relu", "x", "y");
    end_with(graph, "y");
    check_refused(graph, INT64_MAX / 2, "too large");
}

/* What PyTorch exports in training mode: nobody reads the new statistics. */
static void training_mode_runs_with_the_stored_statistics(void **state)
{
    (void)state;
    static const float ones[3] = {1, 1, 1}, means[3] = {1, 2, 3};
    static const struct shape channels = {1, {3}};
    static const char *const inputs[5] = {"x", "one", "mean", "mean", "one"};
    static const char *const outputs[3] = {"y", "new_mean", "new_variance"};
    struct attribute mode = {
        .name = "training_mode", .kind = ATTRIBUTE_INT, .integer = 1};
    struct error err = {0};
    struct graph *graph = begin(&image);
    add_constant(graph, "one", DTYPE_FLOAT32, &channels, ones);
    add_constant(graph, "mean", DTYPE_FLOAT32, &channels, means);
    good(graph_add_node(graph, "bn", "BatchNormalization", "", 15, 5, inputs, 3,
                        outputs, 1, &mode, &err),
         &err);
    end_with(graph, "y");
    struct graph *instance = instance_of(graph, 1);
    int unused = graph_find_value(graph, "new_mean");
    assert_int_equal(instance->values[unused].dtype, DTYPE_NONE);
    struct tensor *values = op_run_values(instance);
    int x = instance->inputs[0];
    good(tensor_init(&values[x], DTYPE_FLOAT32, &instance->values[x].shape,
                     &err),
         &err);
    good(op_run_graph(instance, values, &err), &err);
    /* (0 - mean) / sqrt(1 + 1e-5) + mean */
    const struct tensor *y = &values[instance->outputs[0]];
    for (int64_t i = 0; i < 48; i++) {
        double mean = (double)means[i / 16];
        double expected = mean - mean / 1.000005;
        assert_true(fabs(tensor_number(y, i) - expected) < 1e-7);
    }
    op_run_release(instance, values);
    graph_drop(instance);
    graph_drop(graph);
}

static void errors_name_the_node_and_its_place(void **state)
{
    (void)state;
    static const float numbers[5] = {0};
    struct shape shape = {1, {5}};
    struct graph *graph = begin(&image);
    add_constant(graph, "w", DTYPE_FLOAT32, &shape, numbers);
    add(graph, "Relu", "x", "a");
    add(graph, "Add", "a w", "sum");
    add(graph, "Relu", "sum", "y");
    end_with(graph, "y");
    check_refused(graph, 2, "node 'sum' (Add, 2 of 3): 2x3x4x4 and 5 do not");
}

static void a_template_is_left_as_it_was(void **state)
{
    (void)state;
    struct graph *graph = shape_arithmetic(&image);
    int y = graph_find_value(graph, "y");
    struct graph *a = instance_of(graph, 2), *b = instance_of(graph, 3);
    assert_int_equal(graph->values[y].shape.rank, -1);
    assert_int_equal(graph->batch, 0);
    check_shape(a, "y", "2x48");
    check_shape(b, "y", "3x48");
    graph_drop(graph); /* instances hold it */
    check_shape(a, "y", "2x48");
    graph_drop(a);
    graph_drop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operator_is_found_by_its_opset),
        cmocka_unit_test(no_two_rows_serve_the_same_opset),
        cmocka_unit_test(every_unsupported_operator_is_listed),
        cmocka_unit_test(a_long_list_says_how_many_are_left_out),
        cmocka_unit_test(half_precision_is_widened),
        cmocka_unit_test(a_constant_node_is_a_constant_of_the_template),
        cmocka_unit_test(shape_arithmetic_folds_for_every_batch),
        cmocka_unit_test(a_declared_batch_follows_shape_arithmetic),
        cmocka_unit_test(a_baked_reshape_is_rebatched),
        cmocka_unit_test(a_constants_reshape_is_not_rebatched),
        cmocka_unit_test(a_softmax_over_samples_fixes_the_batch),
        cmocka_unit_test(a_softmax_over_channels_is_rebatched),
        cmocka_unit_test(a_transposed_batch_fixes_it),
        cmocka_unit_test(a_broadcast_across_samples_fixes_the_batch),
        cmocka_unit_test(a_constant_beside_samples_is_for_each_of_them),
        cmocka_unit_test(reversed_samples_fix_the_batch),
        cmocka_unit_test(one_sample_of_the_batch_fixes_it),
        cmocka_unit_test(a_dynamic_image_size_is_refused),
        cmocka_unit_test(answers_are_read_as_their_operator_means),
        cmocka_unit_test(an_empty_batch_is_refused),
        cmocka_unit_test(an_impossible_size_is_refused),
        cmocka_unit_test(training_mode_runs_with_the_stored_statistics),
        cmocka_unit_test(errors_name_the_node_and_its_place),
        cmocka_unit_test(a_template_is_left_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
