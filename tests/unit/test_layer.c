#include "onnx_fixture.h"

#include "base/array.h"
#include "op/instance.h"
#include "prune/layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* An instance of one sample and its layers. */
struct opened {
    struct onnx_model *model;
    struct graph *instance;
    struct layer_table table;
};

static struct opened open_layers(const char *path)
{
    struct opened o = {.model = open_good(path)};
    struct error err = {0};
    if (op_instantiate(&o.instance, onnx_graph(o.model), 1, &err) < 0 ||
        layer_table_init(&o.table, o.instance, &err) < 0)
        fail_msg("%s", err.message);
    return o;
}

static void close_layers(struct opened *o)
{
    layer_table_release(&o->table);
    graph_drop(o->instance);
    onnx_close(o->model);
}

/* The layers of the fixture's network as it now is. */
static struct opened open_network(struct fixture *f)
{
    make_write(&f->make, f->path);
    return open_layers(f->path);
}

static void assert_names(const struct layer_table *table,
                         const char *const *names, size_t count)
{
    assert_int_equal(table->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(table->layers[i].name, names[i]);
}

static const char *const resnet_names[] = {"stem",
                                           "layers.0.conv1",
                                           "layers.0.conv2",
                                           "layers.1.conv1",
                                           "layers.1.conv2",
                                           "layers.2.conv1",
                                           "layers.2.conv2",
                                           "layers.3.conv1",
                                           "layers.3.conv2",
                                           "layers.3.down.0",
                                           "layers.4.conv1",
                                           "layers.4.conv2",
                                           "layers.5.conv1",
                                           "layers.5.conv2",
                                           "layers.6.conv1",
                                           "layers.6.conv2",
                                           "layers.6.down.0",
                                           "layers.7.conv1",
                                           "layers.7.conv2",
                                           "layers.8.conv1",
                                           "layers.8.conv2",
                                           "fc"};

static void layers_have_the_names_of_their_weights(void **state)
{
    (void)state;
    struct opened o = open_layers("data/resnet20-bn.onnx");
    assert_names(&o.table, resnet_names, ARRAY_LENGTH(resnet_names));
    close_layers(&o);
}

static void invented_names_give_way_to_the_node_path(void **state)
{
    (void)state;
    struct opened o = open_layers("data/resnet20.onnx");
    assert_names(&o.table, resnet_names, ARRAY_LENGTH(resnet_names));
    close_layers(&o);
    o = open_layers("data/mobilenet.onnx");
    assert_string_equal(o.table.layers[0].name, "features.0");
    assert_string_equal(o.table.layers[1].name, "features.3.conv.0");
    assert_string_equal(o.table.layers[31].name, "classifier.1");
    close_layers(&o);
}

static void layers_state_their_facts(void **state)
{
    (void)state;
    struct opened o = open_layers("data/mobilenet-bn.onnx");
    static const struct {
        size_t row;
        const char *op, *description, *shape;
        int64_t weights;
    } expected[] = {
        {0, "Conv", "Conv 3x3", "16x1x3x3", 144},
        {1, "Conv", "Conv 3x3 dw", "16x1x3x3", 144},
        {2, "Conv", "Conv 1x1", "16x16x1x1", 256},
        {31, "Gemm", "Gemm", "10x256", 2560},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        const struct layer *layer = &o.table.layers[expected[i].row];
        assert_int_equal(layer->row, (int)expected[i].row + 1);
        assert_string_equal(layer->op, expected[i].op);
        assert_string_equal(layer->description, expected[i].description);
        assert_true(layer->prunable);
        assert_string_equal(layer->reason, "");
        char text[SHAPE_TEXT_BYTES];
        assert_string_equal(shape_text(&layer->shape, text), expected[i].shape);
        assert_int_equal(layer->weights, expected[i].weights);
    }
    close_layers(&o);
}

static void costs_are_those_of_one_sample(void **state)
{
    struct fixture *f = *state;
    struct opened o = open_network(f);
    assert_int_equal(o.table.count, 2);
    const struct layer *conv = &o.table.layers[0], *fc = &o.table.layers[1];
    assert_string_equal(conv->name, "conv1");
    assert_int_equal(conv->weights, 2 * 3 * 3 * 3);
    assert_int_equal(conv->parameters, 2 * 3 * 3 * 3 + 2);
    assert_int_equal(conv->macs, 2 * 2 * (2 * 3 * 3 * 3));
    assert_string_equal(fc->name, "fc");
    assert_int_equal(fc->weights, 40);
    assert_int_equal(fc->parameters, 45);
    assert_int_equal(fc->macs, 40);
    close_layers(&o);
}

static void weight_behind_identity_is_the_initializer(void **state)
{
    struct fixture *f = *state;
    f->make.graph.node[3]->input[1] = (char[]){"copy"};
    make_node(&f->make, "Identity", "", "fc.weight", "copy");
    struct opened o = open_network(f);
    const struct layer *fc = &o.table.layers[1];
    assert_string_equal(fc->name, "fc");
    assert_true(fc->prunable);
    assert_int_equal(fc->weight, graph_find_value(o.instance, "fc.weight"));
    /* A replacement reaches the value that the node reads. */
    struct tensor zero;
    struct graph *edited;
    assert_int_equal(tensor_init(&zero, DTYPE_FLOAT32, &fc->shape, NULL), 0);
    assert_int_equal(
        graph_with_constants(&edited, o.instance, 1, &fc->weight, &zero, NULL),
        0);
    int copy = graph_find_value(edited, "copy");
    assert_true(tensor_number(&edited->values[copy].constant, 0) == 0);
    graph_drop(edited);
    tensor_release(&zero);
    close_layers(&o);
}

/* conv1.weight and fc.weight stored in other forms than they are used. */
static void move_weights(struct fixture *f)
{
    struct onnx_make *make = &f->make;
    make->graph.n_initializer = 0;
    make_initializer(make, "conv1.weight", DTYPE_FLOAT16,
                     (int64_t[]){3, 3, 3, 2, 0});
    make_initializer(make, "conv1.bias", DTYPE_FLOAT32, (int64_t[]){2, 0});
    make_initializer(make, "fc.weight", DTYPE_FLOAT32, (int64_t[]){2, 4, 5, 0});
    make_initializer(make, "fc.bias", DTYPE_FLOAT32, (int64_t[]){5, 0});
    make_int(make, make_node(make, "Cast", "", "conv1.weight", "c1"), "to",
             DTYPE_FLOAT32);
    make_ints(make, make_node(make, "Transpose", "", "c1", "c2"), "perm",
              (int64_t[]){3, 0, 2, 1}, 4);
    make_node(make, "Identity", "", "c2", "c3");
    make_tensor_attribute(
        make, make_node(make, "Constant", "", "", "shape"), "value",
        make_tensor(make, "t", DTYPE_INT64, (int64_t[]){2, 0}));
    Onnx__NodeProto *flat = make_node(make, "Flatten", "", "fc.weight", "f1");
    make_int(make, flat, "axis", 2);
    make_node(make, "Transpose", "", "f1", "f2");
    make->graph.node[0]->input[1] = make_text(make, "c3");
    make->graph.node[3]->input[1] = make_text(make, "f2");
}

static void moved_weights_follow_as_folding_would(void **state)
{
    struct fixture *f = *state;
    move_weights(f);
    struct opened o = open_network(f);
    const char *const names[] = {"conv1", "fc"};
    assert_names(&o.table, names, 2);
    assert_string_equal(o.table.layers[0].description, "Conv 3x3");
    int ids[2];
    struct tensor tensors[2];
    for (size_t i = 0; i < 2; i++) {
        const struct layer *layer = &o.table.layers[i];
        assert_true(layer->prunable);
        ids[i] = layer->weight;
        const struct tensor *weight = &o.instance->values[ids[i]].constant;
        assert_int_equal(
            tensor_convert(&tensors[i], weight, weight->dtype, NULL), 0);
        memset(tensors[i].data, 0, tensor_bytes(weight) / 3);
    }
    struct graph *edited;
    struct error err = {0};
    if (graph_with_constants(&edited, o.instance, 2, ids, tensors, &err) < 0 ||
        onnx_write(o.model, f->path, 2, ids, tensors, &err) < 0)
        fail_msg("%s", err.message);
    /* Reading the written file folds everything anew. */
    struct opened again = open_layers(f->path);
    size_t changed = 0;
    for (size_t i = 0; i < edited->value_count; i++) {
        uint64_t hash = edited->values[i].content_hash;
        assert_true(hash == again.instance->values[i].content_hash);
        changed += hash != o.instance->values[i].content_hash;
    }
    assert_int_equal(changed, 4 + 3);
    for (size_t i = 0; i < 2; i++)
        tensor_release(&tensors[i]);
    graph_drop(edited);
    close_layers(&again);
    close_layers(&o);
}

static void weight_in_a_constant_node_is_a_layer(void **state)
{
    struct fixture *f = *state;
    f->make.graph.node[3]->input[1] = (char[]){"/fc/Constant_output_0"};
    make_tensor_attribute(
        &f->make,
        make_node(&f->make, "Constant", "", "", "/fc/Constant_output_0"),
        "value",
        make_tensor(&f->make, "t", DTYPE_FLOAT32, (int64_t[]){5, 8, 0}));
    struct opened o = open_network(f);
    assert_string_equal(o.table.layers[1].name, "fc");
    assert_true(o.table.layers[1].prunable);
    close_layers(&o);
}

static void shared_weight_is_one_layer(void **state)
{
    struct fixture *f = *state;
    f->make.graph.output[0]->name = (char[]){"z"};
    make_node(&f->make, "Transpose", "t", "y", "yt");
    Onnx__NodeProto *again =
        make_node(&f->make, "Gemm", "again", "f fc.weight fc.bias", "y2");
    make_int(&f->make, again, "transB", 1);
    make_node(&f->make, "Add", "", "y y2", "z");
    f->make.graph.node[4]->op_type = (char[]){"Relu"};
    struct opened o = open_network(f);
    assert_int_equal(o.table.count, 2);
    assert_int_equal(o.table.layers[1].macs, 80);
    assert_int_equal(o.table.layers[1].parameters, 45);
    close_layers(&o);
}

static void names_are_unique_and_fit_a_command_line(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *weight, *node, *name;
    } cases[] = {
        {"conv1", "/n/Gemm", "conv1#2"}, /* as the first layer's name */
        {"a b;c", "/n/Gemm", "a_b_c"},
        {"@5.weight", "/n/Gemm", "_5"},
        {"\x1b[2Jred", "/n/Gemm", "_[2Jred"},
        {"203", "/n/Gemm", "n"},
        {"203", "/n/m/Gemm_1", "n.m"},
        {"203", "/Gemm", "Gemm"},
        {"203", "plain", "plain"},
        {"203", "", "Gemm_3"},
        {"const_fold_opt__7", "model/dense/MatMul", "model.dense.MatMul"},
        {".weight", "/n/Gemm", ".weight"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        fixture_again(f);
        char weight[32], node[32];
        snprintf(weight, sizeof weight, "%s", cases[i].weight);
        snprintf(node, sizeof node, "%s", cases[i].node);
        f->make.graph.initializer[2]->name = weight;
        f->make.graph.node[3]->input[1] = weight;
        f->make.graph.initializer[3]->name = (char[]){"204"};
        f->make.graph.node[3]->input[2] = (char[]){"204"};
        f->make.graph.node[3]->name = node;
        struct opened o = open_network(f);
        assert_string_equal(o.table.layers[1].name, cases[i].name);
        close_layers(&o);
    }
}

/* Where only the bias kept its parameter's name. */
static void a_bias_tells_the_name_of_its_weight(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bias, *name, *parameter;
    } cases[] = {
        {"b.0.fc.bias", "b.0.fc", "b.0.fc.weight"},
        {"att.in_bias", "att.in", "att.in_weight"},
        {"onnx::Gemm_9", "n.m", "n.m.weight"}, /* not that one: the path */
        {"shift", "n.m", "n.m.weight"},
        {".bias", "n.m", "n.m.weight"},
        {"conv1.bias", "conv1#2", "203"}, /* that is another's */
        {"x.bias", "x", "203"},           /* likewise, of no layer */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        fixture_again(f);
        char bias[32];
        snprintf(bias, sizeof bias, "%s", cases[i].bias);
        f->make.graph.initializer[1]->name = (char[]){"other"};
        f->make.graph.node[0]->input[2] = (char[]){"other"};
        f->make.graph.initializer[2]->name = (char[]){"203"};
        f->make.graph.node[3]->input[1] = (char[]){"203"};
        f->make.graph.initializer[3]->name = bias;
        f->make.graph.node[3]->input[2] = bias;
        f->make.graph.node[3]->name = (char[]){"/n/m/Gemm"};
        make_initializer(&f->make, "x.weight", DTYPE_FLOAT32,
                         (int64_t[]){2, 0});
        struct opened o = open_network(f);
        assert_string_equal(o.table.layers[0].parameter, "conv1.weight");
        assert_string_equal(o.table.layers[1].name, cases[i].name);
        assert_string_equal(o.table.layers[1].parameter, cases[i].parameter);
        assert_false(o.table.layers[1].transposed); /* transB: (5, 8) */
        close_layers(&o);
    }
}

static void what_cannot_be_pruned_says_why(void **state)
{
    struct fixture *f = *state;
    /* A weight of one element. */
    make_initializer(&f->make, "one.weight", DTYPE_FLOAT32,
                     (int64_t[]){1, 1, 0});
    make_initializer(&f->make, "sum.weight", DTYPE_FLOAT32,
                     (int64_t[]){5, 1, 0});
    f->make.graph.output[0]->name = (char[]){"z"};
    make_node(&f->make, "MatMul", "sum", "y sum.weight", "s");
    make_node(&f->make, "MatMul", "one", "s one.weight", "o");
    /* A weight that is the product of others. */
    make_node(&f->make, "Add", "made", "one.weight sum.weight", "m");
    Onnx__NodeProto *last = make_node(&f->make, "Gemm", "last", "o m", "z");
    make_int(&f->make, last, "transB", 1);
    struct opened o = open_network(f);
    const char *const names[] = {"conv1", "fc", "sum", "one", "last"};
    assert_names(&o.table, names, 5);
    assert_true(o.table.layers[2].prunable);
    assert_string_equal(o.table.layers[2].description, "MatMul");
    assert_false(o.table.layers[3].prunable);
    assert_string_equal(o.table.layers[3].reason,
                        "its weight has less than two elements");
    assert_false(o.table.layers[4].prunable);
    assert_string_equal(o.table.layers[4].reason,
                        "its weight is computed from other constants");
    close_layers(&o);
}

static void patterns_name_rows(void **state)
{
    (void)state;
    struct opened o = open_layers("data/resnet20-bn.onnx");
    size_t rows[22];
    struct error err = {0};
    static const struct {
        const char *pattern;
        size_t count, first, last;
    } cases[] = {
        {"fc", 1, 21, 21},
        {"layers.*", 20, 1, 20},
        {"layers.*.conv1", 9, 1, 19},
        {"@1", 1, 0, 0},
        {"@22", 1, 21, 21},
        {"*", 22, 0, 21},
        {"layers.[34].conv?", 4, 7, 11},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        size_t count = layer_match(&o.table, cases[i].pattern, rows, &err);
        assert_int_equal(count, cases[i].count);
        assert_int_equal(rows[0], cases[i].first);
        assert_int_equal(rows[count - 1], cases[i].last);
        for (size_t j = 1; j < count; j++)
            assert_true(rows[j] > rows[j - 1]);
    }
    static const struct {
        const char *pattern, *message;
    } bad[] = {
        {"layer.0.conv1",
         "no layer 'layer.0.conv1', the nearest is 'layers.0.conv1'"},
        {"FC", "no layer 'FC', the nearest is 'fc'"},
        {"encoder", "no layer 'encoder' among 22 from 'stem' to 'fc' "
                    "('inspect' lists them)"},
        {"@0", "no row '@0', expected @1 to @22"},
        {"@23", "no row '@23', expected @1 to @22"},
        {"@", "no row '@', expected @1 to @22"},
        {"@1x", "no row '@1x', expected @1 to @22"},
        {"@-1", "no row '@-1', expected @1 to @22"},
        {"@99999999999999999999",
         "no row '@99999999999999999999', expected @1 to @22"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_int_equal(layer_match(&o.table, bad[i].pattern, rows, &err), 0);
        assert_int_equal(err.code, ERROR_NAME);
        assert_string_equal(err.message, bad[i].message);
    }
    close_layers(&o);
}

static void empty_table_matches_nothing(void **state)
{
    (void)state;
    struct layer_table table = {0};
    struct error err = {0};
    size_t rows[1];
    assert_int_equal(layer_match(&table, "x", rows, &err), 0);
    assert_string_equal(err.message, "no layer 'x': there are none");
    layer_table_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_have_the_names_of_their_weights),
        cmocka_unit_test(invented_names_give_way_to_the_node_path),
        cmocka_unit_test(layers_state_their_facts),
        WITH_FOLDER(costs_are_those_of_one_sample),
        WITH_FOLDER(weight_behind_identity_is_the_initializer),
        WITH_FOLDER(moved_weights_follow_as_folding_would),
        WITH_FOLDER(weight_in_a_constant_node_is_a_layer),
        WITH_FOLDER(shared_weight_is_one_layer),
        WITH_FOLDER(names_are_unique_and_fit_a_command_line),
        WITH_FOLDER(a_bias_tells_the_name_of_its_weight),
        WITH_FOLDER(what_cannot_be_pruned_says_why),
        cmocka_unit_test(patterns_name_rows),
        cmocka_unit_test(empty_table_matches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
