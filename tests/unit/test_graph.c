#include "graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Adds a node of one attribute-free type; names are separated by spaces. */
static int add(struct graph *graph, const char *name, const char *type,
               const char *input_a, const char *input_b, const char *output,
               struct error *err)
{
    const char *inputs[2] = {input_a, input_b};
    return graph_add_node(graph, name, type, "", 13, input_b ? 2 : 1, inputs, 1,
                          &output, 0, NULL, err);
}

static struct graph *begin(void)
{
    struct graph *graph;
    assert_int_equal(graph_create(&graph, NULL), 0);
    int x = graph_add_value(graph, "x", NULL);
    assert_int_equal(graph_add_input(graph, x, NULL), 0);
    return graph;
}

static void end_with(struct graph *graph, const char *output)
{
    int y = graph_add_value(graph, output, NULL);
    assert_int_equal(graph_add_output(graph, y, NULL), 0);
}

static struct tensor numbers(int64_t count, float first)
{
    struct tensor tensor;
    struct shape shape = {.rank = 1, .dims = {count}};
    assert_int_equal(tensor_init(&tensor, DTYPE_FLOAT32, &shape, NULL), 0);
    for (int64_t i = 0; i < count; i++)
        ((float *)tensor.data)[i] = first + (float)i;
    return tensor;
}

static int set_constant(struct graph *graph, const char *name, int64_t count,
                        float first)
{
    struct tensor tensor = numbers(count, first);
    int id = graph_add_value(graph, name, NULL);
    assert_int_equal(graph_set_constant(graph, id, &tensor, NULL), 0);
    tensor_release(&tensor);
    return id;
}

static void values_are_found_by_name_and_made_once(void **state)
{
    (void)state;
    struct graph *graph = begin();
    int a = graph_add_value(graph, "a", NULL);
    assert_int_equal(graph_add_value(graph, "a", NULL), a);
    assert_int_equal(graph_find_value(graph, "a"), a);
    assert_int_equal(graph_find_value(graph, "b"), GRAPH_NONE);
    assert_int_equal(graph->values[a].shape.rank, -1);
    assert_int_equal(graph->values[a].producer, GRAPH_NONE);
    graph_drop(graph);
}

static void nodes_keep_file_order_when_it_is_sorted(void **state)
{
    (void)state;
    struct graph *graph = begin();
    /* c reads a: by depth c would come before b, by file order after. */
    assert_int_equal(add(graph, "a", "Relu", "x", NULL, "va", NULL), 0);
    assert_int_equal(add(graph, "b", "Relu", "x", NULL, "vb", NULL), 0);
    assert_int_equal(add(graph, "c", "Relu", "va", NULL, "vc", NULL), 0);
    assert_int_equal(add(graph, "d", "Add", "vb", "vc", "vd", NULL), 0);
    end_with(graph, "vd");
    assert_int_equal(graph_finish(graph, NULL), 0);
    const char *expected[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(graph->nodes[i].name, expected[i]);
    graph_drop(graph);
}

static void nodes_are_sorted_behind_their_producers(void **state)
{
    (void)state;
    struct graph *graph = begin();
    assert_int_equal(add(graph, "last", "Add", "va", "vb", "y", NULL), 0);
    assert_int_equal(add(graph, "b", "Relu", "va", NULL, "vb", NULL), 0);
    assert_int_equal(add(graph, "a", "Relu", "x", NULL, "va", NULL), 0);
    end_with(graph, "y");
    assert_int_equal(graph_finish(graph, NULL), 0);
    const char *expected[] = {"a", "b", "last"};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(graph->nodes[i].name, expected[i]);
        assert_int_equal(graph->values[graph->nodes[i].outputs[0]].producer, i);
    }
    graph_drop(graph);
}

static void long_chains_in_reverse_do_not_overflow(void **state)
{
    (void)state;
    struct graph *graph = begin();
    enum { LENGTH = 20000 };
    char from[16], to[16];
    for (int i = LENGTH; i > 0; i--) {
        snprintf(from, sizeof from, "v%d", i - 1);
        if (i == 1)
            snprintf(from, sizeof from, "x");
        snprintf(to, sizeof to, "v%d", i);
        assert_int_equal(add(graph, "", "Relu", from, NULL, to, NULL), 0);
    }
    end_with(graph, to);
    assert_int_equal(graph_finish(graph, NULL), 0);
    assert_int_equal(graph->node_count, LENGTH);
    assert_string_equal(graph->nodes[0].name, "Relu_0");
    graph_drop(graph);
}

static void cycle_is_an_error_that_names_a_node(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin();
    add(graph, "first", "Add", "x", "vb", "va", NULL);
    add(graph, "second", "Relu", "va", NULL, "vb", NULL);
    end_with(graph, "vb");
    assert_int_equal(graph_finish(graph, &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    assert_non_null(strstr(err.message, "cycle"));
    assert_non_null(strstr(err.message, "'first' (Add)"));
    graph_drop(graph);
}

static void node_that_reads_itself_is_a_cycle(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin();
    add(graph, "", "Relu", "v", NULL, "v", NULL);
    end_with(graph, "v");
    assert_int_equal(graph_finish(graph, &err), -1);
    assert_non_null(strstr(err.message, "node 1 (Relu) lies on a cycle"));
    graph_drop(graph);
}

static void second_producer_is_an_error_that_names_both(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin();
    assert_int_equal(add(graph, "one", "Relu", "x", NULL, "v", &err), 0);
    assert_int_equal(add(graph, "two", "Tanh", "x", NULL, "v", &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    assert_non_null(strstr(err.message, "'one' (Relu)"));
    assert_non_null(strstr(err.message, "'two' (Tanh)"));
    graph_drop(graph);
}

static void initializer_as_output_of_a_node_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin();
    set_constant(graph, "w", 3, 1);
    assert_int_equal(add(graph, "one", "Relu", "x", NULL, "w", &err), -1);
    assert_non_null(strstr(err.message, "'w' is an initializer"));
    graph_drop(graph);
}

static void input_as_output_of_a_node_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin();
    set_constant(graph, "w", 3, 1);
    assert_int_equal(add(graph, "one", "Relu", "w", NULL, "x", &err), 0);
    end_with(graph, "x");
    assert_int_equal(graph_finish(graph, &err), -1);
    assert_non_null(strstr(err.message, "'x' is an input and an output"));
    graph_drop(graph);
}

static void values_without_source_are_errors(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin();
    add(graph, "one", "Add", "x", "ghost", "y", NULL);
    end_with(graph, "y");
    assert_int_equal(graph_finish(graph, &err), -1);
    assert_non_null(strstr(err.message, "node 'one' (Add): input 'ghost'"));
    graph_drop(graph);

    graph = begin();
    add(graph, "one", "Relu", "x", NULL, "y", NULL);
    end_with(graph, "z");
    assert_int_equal(graph_finish(graph, &err), -1);
    assert_string_equal(err.message, "output 'z' has no source");
    graph_drop(graph);
}

static void same_input_twice_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = begin();
    assert_int_equal(graph_add_input(graph, graph->inputs[0], &err), -1);
    assert_string_equal(err.message, "input 'x' appears twice");
    graph_drop(graph);
}

static void omitted_inputs_and_outputs_have_no_value(void **state)
{
    (void)state;
    struct graph *graph = begin();
    const char *inputs[] = {"x", "", "x"}, *outputs[] = {"", "y"};
    assert_int_equal(graph_add_node(graph, "n", "Clip", "", 13, 3, inputs, 2,
                                    outputs, 0, NULL, NULL),
                     0);
    end_with(graph, "y");
    assert_int_equal(graph_finish(graph, NULL), 0);
    assert_int_equal(graph->nodes[0].inputs[1], GRAPH_NONE);
    assert_int_equal(graph->nodes[0].outputs[0], GRAPH_NONE);
    assert_int_equal(graph->nodes[0].outputs[1], graph_find_value(graph, "y"));
    graph_drop(graph);
}

static void node_names_become_unique(void **state)
{
    (void)state;
    struct graph *graph = begin();
    add(graph, "a", "Relu", "x", NULL, "v1", NULL);
    add(graph, "a", "Relu", "v1", NULL, "v2", NULL);
    add(graph, "", "Relu", "v2", NULL, "v3", NULL);
    add(graph, "Relu_2", "Relu", "v3", NULL, "v4", NULL);
    end_with(graph, "v4");
    assert_int_equal(graph_finish(graph, NULL), 0);
    const char *expected[] = {"a", "a#2", "Relu_2", "Relu_2#2"};
    for (int i = 0; i < 4; i++)
        assert_string_equal(graph->nodes[i].name, expected[i]);
    graph_drop(graph);
}

static void many_equal_names_become_unique_in_time(void **state)
{
    (void)state;
    struct graph *graph = begin();
    enum { COUNT = 50000 }; /* searching each number anew would take minutes */
    char from[16] = "x", to[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(to, sizeof to, "v%d", i);
        assert_int_equal(add(graph, "a", "Relu", from, NULL, to, NULL), 0);
        memcpy(from, to, sizeof from);
    }
    end_with(graph, to);
    assert_int_equal(graph_finish(graph, NULL), 0);
    assert_string_equal(graph->nodes[COUNT - 1].name, "a#50000");
    graph_drop(graph);
}

static void attributes_are_copied_and_found(void **state)
{
    (void)state;
    struct graph *graph = begin();
    const char *input = "x", *output = "y";
    char text[] = "same", mode[] = "NOTSET";
    int64_t ints[] = {1, 2};
    float floats[] = {0.5f, -1, 2};
    const char *strings[] = {text};
    struct tensor tensor = numbers(3, 7);
    struct attribute attributes[] = {
        {.name = mode, .kind = ATTRIBUTE_STRING, .string = text},
        {.name = "pads", .kind = ATTRIBUTE_INTS, .integers = ints, .count = 2},
        {.name = "f", .kind = ATTRIBUTE_FLOATS, .floats = floats, .count = 3},
        {.name = "s",
         .kind = ATTRIBUTE_STRINGS,
         .strings = strings,
         .count = 1},
        {.name = "value", .kind = ATTRIBUTE_TENSOR, .tensor = tensor},
    };
    assert_int_equal(graph_add_node(graph, "n", "Foo", "d", 3, 1, &input, 1,
                                    &output, 5, attributes, NULL),
                     0);
    memset(text, 'z', 4);
    memset(mode, 'z', 4);
    ints[1] = 9;
    floats[2] = 9;
    tensor_release(&tensor);
    const struct node *node = &graph->nodes[0];
    assert_string_equal(graph_attribute(node, "NOTSET")->string, "same");
    assert_int_equal(graph_attribute(node, "pads")->integers[1], 2);
    assert_true(graph_attribute(node, "f")->floats[2] == 2);
    assert_string_equal(graph_attribute(node, "s")->strings[0], "same");
    const struct attribute *value = graph_attribute(node, "value");
    assert_true(((const float *)value->tensor.data)[2] == 9);
    assert_null(graph_attribute(node, "other"));
    graph_drop(graph);
}

static void content_hash_tells_contents_apart(void **state)
{
    (void)state;
    struct graph *graph = begin();
    int a = set_constant(graph, "a", 4, 1), b = set_constant(graph, "b", 4, 1);
    int c = set_constant(graph, "c", 4, 2);
    assert_true(graph->values[a].content_hash != 0);
    assert_true(graph->values[a].content_hash == graph->values[b].content_hash);
    assert_true(graph->values[a].content_hash != graph->values[c].content_hash);
    assert_true(graph->values[a].initializer);
    assert_true(graph->values[0].content_hash == 0);
    graph_drop(graph);
}

static struct graph *with_weight(void)
{
    struct graph *graph = begin();
    set_constant(graph, "w", 4, 1);
    set_constant(graph, "v", 4, 5);
    add(graph, "copy", "Identity", "w", NULL, "w2", NULL);
    add(graph, "n", "Add", "x", "w2", "s", NULL);
    add(graph, "m", "Add", "s", "v", "y", NULL);
    end_with(graph, "y");
    assert_int_equal(graph_finish(graph, NULL), 0);
    return graph;
}

static void replaced_constants_leave_the_original_alone(void **state)
{
    (void)state;
    struct graph *graph = with_weight(), *edited;
    int w = graph_find_value(graph, "w"), v = graph_find_value(graph, "v");
    struct tensor zeros = numbers(4, -1);
    assert_int_equal(graph_with_constants(&edited, graph, 1, &w, &zeros, NULL),
                     0);
    tensor_release(&zeros);
    assert_true(((float *)graph->values[w].constant.data)[0] == 1);
    assert_true(((float *)edited->values[w].constant.data)[0] == -1);
    assert_true(graph->values[v].constant.data ==
                edited->values[v].constant.data);
    assert_true(graph->values[w].content_hash !=
                edited->values[w].content_hash);
    assert_ptr_equal(edited->origin, graph);
    assert_int_equal(graph_find_value(edited, "v"), v);
    graph_drop(graph); /* the copy keeps it */
    assert_string_equal(edited->nodes[1].name, "n");
    graph_drop(edited);
}

static void folded_identity_follows_its_constant(void **state)
{
    (void)state;
    struct graph *graph = with_weight(), *instance, *edited;
    int w = graph_find_value(graph, "w"), w2 = graph_find_value(graph, "w2");
    assert_int_equal(graph_copy(&instance, graph, NULL), 0);
    /* What folding does: the Identity's output becomes a constant. */
    struct tensor copy = numbers(4, 1);
    assert_int_equal(graph_set_constant(instance, w2, &copy, NULL), 0);
    tensor_release(&copy);
    instance->folded[0] = true;
    assert_false(instance->values[w2].initializer);
    struct tensor zeros = numbers(4, -1);
    assert_int_equal(
        graph_with_constants(&edited, instance, 1, &w, &zeros, NULL), 0);
    tensor_release(&zeros);
    assert_true(edited->folded[0]);
    assert_true(((float *)edited->values[w2].constant.data)[0] == -1);
    assert_true(((float *)instance->values[w2].constant.data)[0] == 1);
    assert_ptr_equal(edited->origin, graph);
    assert_int_equal(graph_stored(edited, w2), w);
    assert_int_equal(graph_stored(edited, w), w);
    graph_drop(edited);
    graph_drop(instance);
    graph_drop(graph);
}

/* Two folded nodes behind "w" (2x3): a Transpose and a Reshape. */
static void folded_views_follow_their_constant(void **state)
{
    (void)state;
    struct graph *graph = begin(), *instance, *edited;
    struct tensor w = numbers(6, 0), moved = numbers(6, 0);
    w.shape = (struct shape){.rank = 2, .dims = {2, 3}};
    int id = graph_add_value(graph, "w", NULL);
    assert_int_equal(graph_set_constant(graph, id, &w, NULL), 0);
    add(graph, "t", "Transpose", "w", NULL, "wt", NULL);
    add(graph, "r", "Reshape", "wt", "shape", "y", NULL);
    set_constant(graph, "shape", 1, 6);
    end_with(graph, "y");
    assert_int_equal(graph_finish(graph, NULL), 0);
    assert_int_equal(graph_copy(&instance, graph, NULL), 0);
    int wt = graph_find_value(graph, "wt"), y = graph_find_value(graph, "y");
    assert_int_equal(graph_set_constant(instance, y, &moved, NULL), 0);
    moved.shape = (struct shape){.rank = 2, .dims = {3, 2}};
    assert_int_equal(graph_set_constant(instance, wt, &moved, NULL), 0);
    assert_int_equal(graph_stored(instance, y), id);
    assert_int_equal(graph_with_constants(&edited, instance, 1, &id, &w, NULL),
                     0);
    const float expected[] = {0, 3, 1, 4, 2, 5};
    assert_memory_equal(edited->values[wt].constant.data, expected,
                        sizeof expected);
    assert_memory_equal(edited->values[y].constant.data, expected,
                        sizeof expected);
    assert_int_equal(edited->values[y].constant.shape.rank, 1);
    graph_drop(edited);
    /* A transpose to a shape that is none is an error, not a read beyond. */
    struct error err = {0};
    moved.shape = (struct shape){.rank = 2, .dims = {6, 1}};
    assert_int_equal(graph_set_constant(instance, wt, &moved, NULL), 0);
    assert_int_equal(graph_with_constants(&edited, instance, 1, &id, &w, &err),
                     -1);
    assert_string_equal(err.message, "'wt' is no transpose of a constant");
    tensor_release(&w);
    tensor_release(&moved);
    graph_drop(instance);
    graph_drop(graph);
}

static void replacing_what_does_not_fit_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct graph *graph = with_weight(), *edited;
    int w = graph_find_value(graph, "w"), x = graph_find_value(graph, "x");
    struct tensor five = numbers(5, 0), four = numbers(4, 0);
    assert_int_equal(graph_with_constants(&edited, graph, 1, &w, &five, &err),
                     -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_string_equal(err.message, "constant 'w': found 5 of float32, "
                                     "expected 4 of float32");
    assert_null(edited);
    assert_int_equal(graph_with_constants(&edited, graph, 1, &x, &four, &err),
                     -1);
    assert_int_equal(err.code, ERROR_NAME);
    int beyond = 99;
    assert_int_equal(
        graph_with_constants(&edited, graph, 1, &beyond, &four, &err), -1);
    assert_int_equal(err.code, ERROR_NAME);
    tensor_release(&five);
    tensor_release(&four);
    graph_drop(graph);
}

static void consumers_are_listed_in_order(void **state)
{
    (void)state;
    struct graph *graph = begin();
    add(graph, "a", "Add", "x", "x", "va", NULL);
    add(graph, "b", "Relu", "va", NULL, "vb", NULL);
    add(graph, "c", "Add", "x", "vb", "y", NULL);
    end_with(graph, "y");
    assert_int_equal(graph_finish(graph, NULL), 0);
    int nodes[1], x = graph_find_value(graph, "x");
    assert_int_equal(graph_consumers(graph, x, nodes, 1), 2);
    assert_int_equal(nodes[0], 0);
    int y = graph_find_value(graph, "y");
    assert_int_equal(graph_consumers(graph, y, nodes, 1), 0);
    assert_true(graph_is_output(graph, y));
    assert_false(graph_is_output(graph, x));
    graph_drop(graph);
    graph_drop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_name_and_made_once),
        cmocka_unit_test(nodes_keep_file_order_when_it_is_sorted),
        cmocka_unit_test(nodes_are_sorted_behind_their_producers),
        cmocka_unit_test(long_chains_in_reverse_do_not_overflow),
        cmocka_unit_test(cycle_is_an_error_that_names_a_node),
        cmocka_unit_test(node_that_reads_itself_is_a_cycle),
        cmocka_unit_test(second_producer_is_an_error_that_names_both),
        cmocka_unit_test(initializer_as_output_of_a_node_is_an_error),
        cmocka_unit_test(input_as_output_of_a_node_is_an_error),
        cmocka_unit_test(values_without_source_are_errors),
        cmocka_unit_test(same_input_twice_is_an_error),
        cmocka_unit_test(omitted_inputs_and_outputs_have_no_value),
        cmocka_unit_test(node_names_become_unique),
        cmocka_unit_test(many_equal_names_become_unique_in_time),
        cmocka_unit_test(attributes_are_copied_and_found),
        cmocka_unit_test(content_hash_tells_contents_apart),
        cmocka_unit_test(replaced_constants_leave_the_original_alone),
        cmocka_unit_test(folded_identity_follows_its_constant),
        cmocka_unit_test(folded_views_follow_their_constant),
        cmocka_unit_test(replacing_what_does_not_fit_is_an_error),
        cmocka_unit_test(consumers_are_listed_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
