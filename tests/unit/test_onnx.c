#include "onnx_fixture.h"

#include "base/array.h"
#include "base/file.h"
#include "onnx/parts.h"
#include "op/instance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* --- good models --- */

static void bundled_model_has_its_weights(void **state)
{
    (void)state;
    struct onnx_model *model = open_good("data/mlp.onnx");
    assert_int_equal(onnx_opset(model), 13);
    assert_string_equal(onnx_path(model), "data/mlp.onnx");
    assert_string_equal(onnx_producer(model), "pytorch");
    assert_int_equal(onnx_file_bytes(model), file_size("data/mlp.onnx"));
    const struct value *weight = value_of(model, "fc1.weight");
    assert_true(weight->initializer);
    assert_int_equal(weight->dtype, DTYPE_FLOAT32);
    assert_int_equal(weight->shape.rank, 2);
    assert_int_equal(weight->shape.dims[0], 300);
    assert_int_equal(weight->shape.dims[1], 784);
    double sum = 0; /* expected: by numpy from the same file */
    for (int64_t i = 0; i < tensor_elements(&weight->constant); i++)
        sum += tensor_number(&weight->constant, i);
    assert_true(fabs(sum - -52.73530775142041) < 1e-6);
    assert_true(fabs(tensor_number(&weight->constant, 2) - -0.00582896) < 1e-8);
    const struct graph *graph = onnx_graph(model);
    assert_int_equal(graph->input_count, 1);
    const struct value *input = &graph->values[graph->inputs[0]];
    char text[SHAPE_TEXT_BYTES];
    assert_string_equal(shape_text(&input->shape, text), "?x1x28x28");
    assert_int_equal(graph->declared_batch, 0);
    onnx_close(model);
}

static void every_bundled_model_opens(void **state)
{
    (void)state;
    const char *const paths[] = {"data/lenet5.onnx", "data/mobilenet.onnx",
                                 "data/mobilenet-bn.onnx", "data/resnet20.onnx",
                                 "data/resnet20-bn.onnx"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        onnx_close(open_good(paths[i]));
}

static void raw_and_typed_elements_are_the_same(void **state)
{
    struct fixture *f = *state;
    static const enum dtype types[] = {
        DTYPE_FLOAT32, DTYPE_FLOAT64, DTYPE_FLOAT16, DTYPE_BFLOAT16,
        DTYPE_INT8,    DTYPE_UINT8,   DTYPE_INT16,   DTYPE_UINT16,
        DTYPE_INT32,   DTYPE_UINT32,  DTYPE_INT64,   DTYPE_UINT64,
        DTYPE_BOOL};
    const int64_t dims[] = {3, 5, 0};
    char name[16];
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        snprintf(name, sizeof name, "raw%zu", i);
        make_initializer(&f->make, name, types[i], dims);
        snprintf(name, sizeof name, "typed%zu", i);
        make_typed(&f->make, make_initializer(&f->make, name, types[i], dims));
    }
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        snprintf(name, sizeof name, "raw%zu", i);
        const struct value *raw = value_of(model, name);
        snprintf(name, sizeof name, "typed%zu", i);
        const struct value *typed = value_of(model, name);
        /* op_resolve widens halves: all is computed in float32. */
        bool half = types[i] == DTYPE_FLOAT16 || types[i] == DTYPE_BFLOAT16;
        assert_int_equal(raw->dtype, half ? DTYPE_FLOAT32 : types[i]);
        assert_true(raw->content_hash == typed->content_hash);
        bool real = !dtype_is_integer(types[i]);
        double fifth = real ? 0.25 : types[i] == DTYPE_BOOL ? 1 : 4;
        assert_true(tensor_number(&raw->constant, 4) == fifth);
        assert_memory_equal(raw->constant.data, typed->constant.data,
                            15 * dtype_size(raw->dtype));
    }
    onnx_close(model);
}

static void initializers_listed_as_inputs_are_no_inputs(void **state)
{
    struct fixture *f = *state;
    make_input(&f->make, "fc.weight", DTYPE_FLOAT32, (int64_t[]){5, 8, 0});
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    assert_int_equal(onnx_graph(model)->input_count, 1);
    assert_true(value_of(model, "fc.weight")->initializer);
    onnx_close(model);
}

static void declared_batch_is_the_leading_dimension(void **state)
{
    struct fixture *f = *state;
    f->make.graph.n_input = 0;
    make_input(&f->make, "x", DTYPE_FLOAT32, (int64_t[]){1, 3, 4, 4, 0});
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    assert_int_equal(onnx_graph(model)->declared_batch, 1);
    onnx_close(model);
}

static void attributes_of_every_kind_are_kept(void **state)
{
    struct fixture *f = *state;
    Onnx__NodeProto *node = make_node(&f->make, "Constant", "k", "", "k");
    make_tensor_attribute(
        &f->make, node, "value",
        make_tensor(&f->make, "t", DTYPE_FLOAT16, (int64_t[]){2, 3, 0}));
    node = make_node(&f->make, "Relu", "", "x", "unused");
    make_int(&f->make, node, "i", -5);
    make_ints(&f->make, node, "is", (int64_t[]){1, -2}, 2);
    Onnx__AttributeProto *a = make_attribute(&f->make, node, "f");
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    a->has_f = 1;
    a->f = 0.5f;
    a = make_attribute(&f->make, node, "fs");
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    a->floats = &(float){2};
    a->n_floats = 1;
    ProtobufCBinaryData bytes = {3, (uint8_t[]){'a', 'b', 'c'}};
    a = make_attribute(&f->make, node, "s");
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    a->has_s = 1;
    a->s = bytes;
    a = make_attribute(&f->make, node, "ss");
    a->has_type = 0; /* as files before IR 3 */
    a->strings = &bytes;
    a->n_strings = 1;
    a = make_attribute(&f->make, node, "g");
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    /* Without op_resolve, which knows what a Relu may have. */
    size_t size;
    int64_t opset;
    const unsigned char *packed = make_pack(&f->make, &size);
    struct onnx_file *file;
    struct graph *graph;
    assert_int_equal(onnx_file_create(&file, packed, size, NULL, NULL), 0);
    assert_int_equal(onnx_build_graph(&graph, file, &opset, NULL), 0);
    onnx_file_drop(file);
    int id = graph_find_value(graph, "unused");
    const struct node *n = &graph->nodes[graph->values[id].producer];
    assert_int_equal(graph_attribute(n, "i")->integer, -5);
    assert_int_equal(graph_attribute(n, "is")->integers[1], -2);
    assert_true(graph_attribute(n, "f")->number == 0.5);
    assert_true(graph_attribute(n, "fs")->floats[0] == 2);
    assert_string_equal(graph_attribute(n, "s")->string, "abc");
    assert_string_equal(graph_attribute(n, "ss")->strings[0], "abc");
    assert_int_equal(graph_attribute(n, "g")->kind, ATTRIBUTE_GRAPH);
    id = graph_find_value(graph, "k");
    n = &graph->nodes[graph->values[id].producer];
    const struct tensor *t = &graph_attribute(n, "value")->tensor;
    assert_int_equal(t->dtype, DTYPE_FLOAT16);
    assert_true(tensor_number(t, 4) == 0.25);
    graph_drop(graph);
}

static void graph_outlives_its_model(void **state)
{
    struct fixture *f = *state;
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    struct graph *graph = graph_retain(onnx_graph(model));
    onnx_close(model);
    int id = graph_find_value(graph, "fc.weight");
    assert_true(tensor_number(&graph->values[id].constant, 0) == -0.75);
    graph_drop(graph);
    onnx_close(NULL);
}

/* --- bad files --- */

static void what_is_no_model_is_refused_in_one_line(void **state)
{
    struct fixture *f = *state;
    assert_refused("/nowhere/model.onnx", ERROR_IO, "cannot open");
    assert_refused(f->folder, ERROR_IO, "found a folder, expected a file");
    assert_refused("LICENSE", ERROR_FORMAT, "not an ONNX model");
    assert_refused("data/mlp_reference.npz", ERROR_FORMAT, "not an ONNX model");
    write_bytes(f, "model.onnx", "", 0);
    assert_refused(f->path, ERROR_FORMAT, "found an empty file");
    /* Good protobuf of something else: field 1 a text, field 2 a number. */
    write_bytes(f, "model.onnx",
                "\x0a\x03"
                "abc"
                "\x10\x05",
                7);
    assert_refused(f->path, ERROR_FORMAT, "not an ONNX model");
    write_bytes(f, "model.onnx", "\x08\x07", 2);
    assert_refused(f->path, ERROR_FORMAT, "without a graph");
}

static void every_truncation_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t bytes;
    const unsigned char *data = make_pack(&f->make, &bytes);
    for (size_t n = 0; n < bytes; n++) {
        struct onnx_model *model = NULL;
        struct error err = {0};
        /* A copy of exact size lets the sanitizer see what lies behind. */
        unsigned char *part = malloc(n ? n : 1);
        assert_non_null(part);
        memcpy(part, data, n);
        int result = onnx_open_bytes(&model, "cut", part, n, &err);
        /* Only opset_import lies behind the graph: it may be whole. */
        assert_int_equal(result, -1);
        assert_int_equal(err.code, ERROR_FORMAT);
        assert_int_equal(strncmp(err.message, "cut: ", 5), 0);
        free(part);
    }
    write_bytes(f, "model.onnx", data, bytes / 2);
    assert_refused(f->path, ERROR_FORMAT, "truncated or damaged ONNX model");
}

static void changed_bytes_never_crash(void **state)
{
    struct fixture *f = *state;
    size_t bytes;
    const unsigned char *data = make_pack(&f->make, &bytes);
    unsigned char *copy = malloc(bytes);
    assert_non_null(copy);
    size_t refused = 0;
    for (size_t i = 0; i < bytes; i++) {
        for (unsigned flip = 1; flip < 256; flip = flip * 4 + 3) {
            struct onnx_model *model = NULL;
            struct error err = {0};
            memcpy(copy, data, bytes);
            copy[i] ^= (unsigned char)flip;
            if (onnx_open_bytes(&model, "flip", copy, bytes, &err) < 0) {
                assert_null(strchr(err.message, '\n'));
                refused++;
            }
            onnx_close(model);
        }
    }
    assert_true(refused > bytes / 2);
    free(copy);
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    /* A type of a sequence of a sequence ... inside graph.input.type. */
    enum { DEPTH = 20000 };
    unsigned char *data = malloc(16 * DEPTH), *end = data + 16 * DEPTH;
    assert_non_null(data);
    unsigned char *at = end;
    const unsigned char tags[] = {0x22, 0x0a}; /* sequence_type, elem_type */
    for (int i = 0; i < 2 * DEPTH; i++) {
        size_t length = (size_t)(end - at);
        unsigned char head[8], n = 0;
        head[n++] = i == 2 * DEPTH - 1   ? 0x3a /* model.graph */
                    : i == 2 * DEPTH - 2 ? 0x5a /* graph.input */
                    : i == 2 * DEPTH - 3 ? 0x12 /* value_info.type */
                                         : tags[i % 2];
        for (; length > 127; length >>= 7)
            head[n++] = (unsigned char)(length | 128);
        head[n++] = (unsigned char)length;
        at -= n;
        memcpy(at, head, n);
    }
    struct onnx_model *model;
    struct error err = {0};
    assert_int_equal(
        onnx_open_bytes(&model, "deep", at, (size_t)(end - at), &err), -1);
    assert_non_null(strstr(err.message, "more than 100 messages"));
    free(data);
}

static void wrong_tensor_sizes_are_errors(void **state)
{
    struct fixture *f = *state;
    Onnx__TensorProto *weight = f->make.graph.initializer[2];
    weight->raw_data.len = 156;
    assert_network_refused(f, ERROR_FORMAT,
                           "initializer 'fc.weight': found 156 bytes, expected "
                           "160 for 5x8 of float32");
    weight->raw_data.len = 160;
    make_typed(&f->make, weight);
    weight->n_float_data = 39;
    assert_network_refused(f, ERROR_FORMAT,
                           "found 39 elements, expected 40 for 5x8");
    weight->n_float_data = 0;
    assert_network_refused(f, ERROR_FORMAT, "found 0 elements, expected 40");
    int64_t huge[9] = {1ll << 62, 1ll << 62, 1, 1, 1, 1, 1, 1, 1};
    weight->dims = huge;
    assert_network_refused(f, ERROR_FORMAT, "impossible shape 4611686018427");
    huge[1] = 1;
    assert_network_refused(f, ERROR_FORMAT, "impossible shape 4611686018427");
    huge[0] = -5;
    assert_network_refused(f, ERROR_FORMAT, "impossible shape ?x1");
    weight->n_dims = 9;
    assert_network_refused(f, ERROR_UNSUPPORTED,
                           "found 9 dimensions, expected at most 8");
}

static void unknown_element_types_are_errors(void **state)
{
    struct fixture *f = *state;
    Onnx__TensorProto *weight = f->make.graph.initializer[2];
    static const int32_t types[] = {0, 8, 14, 15, 17, 99, -1};
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        weight->data_type = types[i];
        assert_network_refused(f, ERROR_UNSUPPORTED,
                               "initializer 'fc.weight': element type");
    }
    weight->data_type = DTYPE_FLOAT32;
    Onnx__TensorProto__Segment segment = ONNX__TENSOR_PROTO__SEGMENT__INIT;
    weight->segment = &segment;
    assert_network_refused(f, ERROR_UNSUPPORTED, "segments");
}

static void an_omitted_first_output_is_there_unread(void **state)
{
    struct fixture *f = *state;
    static const int64_t one[] = {1, 0};
    Onnx__TensorProto *k = make_initializer(&f->make, "k", DTYPE_INT64, one);
    const int64_t two = 2;
    memcpy(k->raw_data.data, &two, sizeof two);
    make_node(&f->make, "TopK", "best", "y k", "- places");
    make_output(&f->make, "places");
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    const struct value *values = value_of(model, "places:first");
    assert_string_equal(onnx_graph(model)->nodes[values->producer].name,
                        "best");
    onnx_close(model);
}

static void data_tell_the_size_of_dynamic_inputs(void **state)
{
    struct fixture *f = *state;
    static const int64_t dims[] = {-1, 3, -1, -1, 0};
    const struct shape other = {3, {1, 4, 4}}, sample = {3, {3, 4, 4}};
    struct error err = {0};
    struct graph *instance;
    f->make.graph.n_input = 0;
    make_input(&f->make, "x", DTYPE_FLOAT32, dims);
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    const struct graph *graph = onnx_graph(model);
    onnx_declare_input(model, 0, &other);
    assert_int_equal(op_instantiate(&instance, graph, 1, &err), -1);
    assert_non_null(strstr(err.message, "has a dynamic dimension 2"));
    onnx_declare_input(model, 0, &sample);
    assert_int_equal(op_instantiate(&instance, graph, 5, &err), 0);
    assert_int_equal(instance->values[instance->inputs[0]].shape.dims[0], 5);
    graph_drop(instance);
    onnx_close(model);
}

static void opsets_outside_6_to_21_are_refused(void **state)
{
    struct fixture *f = *state;
    Onnx__OperatorSetIdProto *set = f->make.model.opset_import[0];
    set->version = 5;
    assert_network_refused(f, ERROR_UNSUPPORTED,
                           "found opset 5, expected 6 to 21");
    set->version = 22;
    assert_network_refused(f, ERROR_UNSUPPORTED, "found opset 22");
    set->domain = (char[]){"com.other"};
    assert_network_refused(f, ERROR_UNSUPPORTED, "found opset 0");
    set->domain = (char[]){"ai.onnx"};
    set->version = 13;
    make_write(&f->make, f->path);
    onnx_close(open_good(f->path));
    f->make.model.n_opset_import = 0;
    assert_network_refused(f, ERROR_FORMAT, "found no opset");
}

static void features_beyond_are_refused(void **state)
{
    struct fixture *f = *state;
    Onnx__FunctionProto function = ONNX__FUNCTION_PROTO__INIT;
    Onnx__FunctionProto *functions[] = {&function};
    f->make.model.functions = functions;
    f->make.model.n_functions = 1;
    assert_network_refused(f, ERROR_UNSUPPORTED, "functions");
    f->make.model.n_functions = 0;
    Onnx__TrainingInfoProto info = ONNX__TRAINING_INFO_PROTO__INIT;
    Onnx__TrainingInfoProto *infos[] = {&info};
    f->make.model.training_info = infos;
    f->make.model.n_training_info = 1;
    assert_network_refused(f, ERROR_UNSUPPORTED, "training");
    f->make.model.n_training_info = 0;
    Onnx__SparseTensorProto sparse = ONNX__SPARSE_TENSOR_PROTO__INIT;
    Onnx__SparseTensorProto *tensors[] = {&sparse};
    f->make.graph.sparse_initializer = tensors;
    f->make.graph.n_sparse_initializer = 1;
    assert_network_refused(f, ERROR_UNSUPPORTED, "sparse");
}

static void broken_graphs_are_errors(void **state)
{
    struct fixture *f = *state;
    Onnx__NodeProto **node = f->make.graph.node;
    Onnx__TensorProto **initializer = f->make.graph.initializer;
    node[1]->input[0] = (char[]){"f"};
    assert_network_refused(f, ERROR_FORMAT, "lies on a cycle");
    node[1]->input[0] = (char[]){"ghost"};
    assert_network_refused(f, ERROR_FORMAT, "input 'ghost' has no source");
    node[1]->input[0] = (char[]){"c"};
    node[1]->output[0] = (char[]){"c"};
    assert_network_refused(f, ERROR_FORMAT, "value 'c' has two producers");
    node[1]->output[0] = (char[]){"r"};
    initializer[3]->name = (char[]){"fc.weight"};
    assert_network_refused(f, ERROR_FORMAT, "'fc.weight' appears twice");
    initializer[3]->name = NULL;
    assert_network_refused(f, ERROR_FORMAT, "an initializer has no name");
    initializer[3]->name = (char[]){"fc.bias"};
    node[1]->op_type = NULL;
    assert_network_refused(f, ERROR_FORMAT, "found no operator type");
    node[1]->op_type = (char[]){"Relu"};
    f->make.graph.n_output = 0;
    assert_network_refused(f, ERROR_FORMAT, "the graph has no output");
    f->make.graph.n_output = 1;
    f->make.graph.output[0]->name = NULL;
    assert_network_refused(f, ERROR_FORMAT, "an output has no name");
    f->make.graph.output[0]->name = (char[]){"y"};
    f->make.graph.input[0]->type = NULL;
    assert_network_refused(f, ERROR_UNSUPPORTED, "input 'x': found no tensor");
    f->make.graph.input[0]->name = NULL;
    assert_network_refused(f, ERROR_FORMAT, "an input has no name");
    f->make.graph.n_node = 0;
    assert_network_refused(f, ERROR_FORMAT, "a graph without nodes");
}

static void unsupported_operators_are_listed(void **state)
{
    struct fixture *f = *state;
    f->make.graph.node[1]->op_type = (char[]){"Frobnicate"};
    f->make.graph.node[2]->op_type = (char[]){"Loop\nback"};
    make_write(&f->make, f->path);
    assert_refused(f->path, ERROR_UNSUPPORTED, "Frobnicate");
    assert_refused(f->path, ERROR_UNSUPPORTED, "Loop back");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundled_model_has_its_weights),
        cmocka_unit_test(every_bundled_model_opens),
        WITH_FOLDER(raw_and_typed_elements_are_the_same),
        WITH_FOLDER(initializers_listed_as_inputs_are_no_inputs),
        WITH_FOLDER(declared_batch_is_the_leading_dimension),
        WITH_FOLDER(attributes_of_every_kind_are_kept),
        WITH_FOLDER(graph_outlives_its_model),
        WITH_FOLDER(what_is_no_model_is_refused_in_one_line),
        WITH_FOLDER(every_truncation_is_refused),
        WITH_FOLDER(changed_bytes_never_crash),
        cmocka_unit_test(deep_nesting_is_refused),
        WITH_FOLDER(wrong_tensor_sizes_are_errors),
        WITH_FOLDER(unknown_element_types_are_errors),
        WITH_FOLDER(an_omitted_first_output_is_there_unread),
        WITH_FOLDER(data_tell_the_size_of_dynamic_inputs),
        WITH_FOLDER(opsets_outside_6_to_21_are_refused),
        WITH_FOLDER(features_beyond_are_refused),
        WITH_FOLDER(broken_graphs_are_errors),
        WITH_FOLDER(unsupported_operators_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
