#include "onnx_fixture.h"

#include "base/array.h"
#include "base/file.h"
#include "onnx/parts.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* A tensor of a value's type and shape whose odd elements are zero. */
static struct tensor half_zero(const struct value *value)
{
    struct tensor zero;
    struct shape shape = value->constant.shape;
    size_t size = dtype_size(value->dtype);
    assert_int_equal(tensor_init(&zero, value->dtype, &shape, NULL), 0);
    memcpy(zero.data, value->constant.data, tensor_bytes(&zero));
    for (int64_t i = 1; i < tensor_elements(&zero); i += 2)
        memset((char *)zero.data + (size_t)i * size, 0, size);
    return zero;
}

static void assert_half_zero(const struct tensor *found,
                             const struct tensor *original)
{
    assert_int_equal(found->dtype, original->dtype);
    assert_int_equal(tensor_elements(found), tensor_elements(original));
    for (int64_t i = 0; i < tensor_elements(found); i++)
        assert_true(tensor_number(found, i) ==
                    (i % 2 ? 0 : tensor_number(original, i)));
}

static void write_good(const struct onnx_model *model, const char *path,
                       size_t count, const int *ids,
                       const struct tensor *tensors)
{
    struct error err = {0};
    if (onnx_write(model, path, count, ids, tensors, &err) < 0)
        fail_msg("%s", err.message);
}

static void assert_same_bytes(const char *a, const char *b)
{
    char *x, *y;
    size_t m, n;
    assert_int_equal(file_read(&x, &m, a, NULL), 0);
    assert_int_equal(file_read(&y, &n, b, NULL), 0);
    assert_int_equal(m, n);
    assert_memory_equal(x, y, m);
    free(x);
    free(y);
}

static void unchanged_models_are_written_byte_for_byte(void **state)
{
    struct fixture *f = *state;
    const char *const paths[] = {
        "data/lenet5.onnx",       "data/mlp.onnx",
        "data/mobilenet-bn.onnx", "data/mobilenet.onnx",
        "data/resnet20-bn.onnx",  "data/resnet20.onnx"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        struct onnx_model *model = open_good(paths[i]);
        write_good(model, f->path, 0, NULL, NULL);
        assert_same_bytes(paths[i], f->path);
        onnx_close(model);
    }
}

/* Adds an unused initializer of a kind, replaces it, reads it again. */
static void check_replaced(struct fixture *f, enum dtype dtype, bool typed)
{
    const int64_t dims[] = {3, 5, 0};
    fixture_again(f);
    Onnx__TensorProto *added = make_initializer(&f->make, "added", dtype, dims);
    if (typed)
        make_typed(&f->make, added);
    make_unknown(&f->make, &added->base, 99, "kept in the tensor");
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    const struct value *value = value_of(model, "added");
    int id = graph_find_value(onnx_graph(model), "added");
    struct tensor zero = half_zero(value);
    write_good(model, f->path, 1, &id, &zero);
    struct onnx_model *again = open_good(f->path);
    assert_half_zero(&value_of(again, "added")->constant, &value->constant);
    const Onnx__TensorProto *proto = again->file->proto->graph->initializer[4];
    assert_int_equal(proto->base.n_unknown_fields, 1);
    assert_int_equal(proto->data_type, dtype);
    bool stays_typed =
        typed && (dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64);
    assert_int_equal(proto->has_raw_data, !stays_typed);
    for (size_t i = 0; i < 4; i++) { /* the others are as they were */
        const char *name = again->file->proto->graph->initializer[i]->name;
        assert_true(value_of(again, name)->content_hash ==
                    value_of(model, name)->content_hash);
    }
    tensor_release(&zero);
    onnx_close(again);
    onnx_close(model);
}

static void replaced_tensors_keep_their_stored_type(void **state)
{
    static const enum dtype types[] = {DTYPE_FLOAT32, DTYPE_FLOAT64,
                                       DTYPE_FLOAT16, DTYPE_BFLOAT16,
                                       DTYPE_INT8};
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        check_replaced(*state, types[i], false);
        check_replaced(*state, types[i], true);
    }
}

static void float32_tensors_are_written_to_float16_weights(void **state)
{
    struct fixture *f = *state;
    make_initializer(&f->make, "half", DTYPE_FLOAT16, (int64_t[]){6, 0});
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    int id = graph_find_value(onnx_graph(model), "half");
    const struct tensor *half = &value_of(model, "half")->constant;
    struct tensor wide;
    assert_int_equal(tensor_convert(&wide, half, DTYPE_FLOAT32, NULL), 0);
    ((float *)wide.data)[2] = 0.1f; /* not a half: rounds */
    write_good(model, f->path, 1, &id, &wide);
    struct onnx_model *again = open_good(f->path);
    const struct tensor *found = &value_of(again, "half")->constant;
    const Onnx__TensorProto *proto = again->file->proto->graph->initializer[4];
    assert_int_equal(proto->data_type, DTYPE_FLOAT16);
    for (int64_t i = 0; i < 6; i++)
        assert_true(tensor_number(found, i) ==
                    (i == 2 ? 0.0999755859375 : tensor_number(half, i)));
    tensor_release(&wide);
    onnx_close(again);
    onnx_close(model);
}

static void unknown_fields_and_metadata_are_kept(void **state)
{
    struct fixture *f = *state;
    Onnx__ModelProto *proto = &f->make.model;
    Onnx__StringStringEntryProto entry = ONNX__STRING_STRING_ENTRY_PROTO__INIT;
    Onnx__StringStringEntryProto *entries[] = {&entry};
    entry.key = (char[]){"author"};
    entry.value = (char[]){"someone"};
    proto->metadata_props = entries;
    proto->n_metadata_props = 1;
    proto->doc_string = (char[]){"a text"};
    f->make.graph.node[0]->doc_string = (char[]){"a node"};
    make_unknown(&f->make, &proto->base, 1000, "model");
    make_unknown(&f->make, &f->make.graph.base, 1001, "graph");
    make_unknown(&f->make, &f->make.graph.node[0]->base, 1002, "node");
    make_unknown(&f->make, &f->make.graph.input[0]->base, 1003, "input");
    size_t size;
    const unsigned char *bytes = make_pack(&f->make, &size);
    write_bytes(f, "model.onnx", bytes, size);
    struct onnx_model *model = open_good(f->path);
    int id = graph_find_value(onnx_graph(model), "fc.weight");
    struct tensor zero = half_zero(value_of(model, "fc.weight"));
    char *path = path_join(f->folder, "out.onnx");
    write_good(model, path, 1, &id, &zero);
    /* What we expect: the same messages with those bytes changed. */
    memcpy(f->make.graph.initializer[2]->raw_data.data, zero.data, 160);
    bytes = make_pack(&f->make, &size);
    write_bytes(f, "expected.onnx", bytes, size);
    char *expected = path_join(f->folder, "expected.onnx");
    assert_same_bytes(path, expected);
    free(expected);
    free(path);
    tensor_release(&zero);
    onnx_close(model);
}

/* A note is added once and replaced afterwards; other metadata stays. */
static void notes_are_written_beside_other_metadata(void **state)
{
    struct fixture *f = *state;
    struct onnx_model *model = open_good("data/mlp.onnx");
    char *second;
    assert_null(onnx_metadata(model, "a.key"));
    assert_int_equal(onnx_annotate(model, "a.key", "first", NULL), 0);
    assert_null(onnx_metadata(model, "a.key")); /* of what is read */
    write_good(model, f->path, 0, NULL, NULL);
    onnx_close(model);
    model = open_good(f->path);
    assert_string_equal(onnx_metadata(model, "a.key"), "first");
    assert_int_equal(onnx_annotate(model, "another", "other", NULL), 0);
    second = path_join(f->folder, "second.onnx");
    write_good(model, second, 0, NULL, NULL);
    onnx_close(model);
    model = open_good(second);
    assert_string_equal(onnx_metadata(model, "a.key"), "first");
    assert_string_equal(onnx_metadata(model, "another"), "other");
    assert_int_equal(onnx_annotate(model, "a.key", "later", NULL), 0);
    write_good(model, f->path, 0, NULL, NULL);
    onnx_close(model);
    model = open_good(f->path);
    assert_string_equal(onnx_metadata(model, "a.key"), "later");
    assert_string_equal(onnx_metadata(model, "another"), "other");
    onnx_close(model);
    free(second);
}

static void weight_behind_identity_is_replaced_where_it_is_stored(void **state)
{
    struct fixture *f = *state;
    f->make.graph.node[3]->input[1] = (char[]){"copy"};
    make_node(&f->make, "Identity", "id1", "fc.weight", "between");
    make_node(&f->make, "Identity", "id2", "between", "copy");
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    const struct value *weight = value_of(model, "fc.weight");
    int id = graph_find_value(onnx_graph(model), "copy");
    assert_int_equal(graph_stored(onnx_graph(model), id),
                     graph_find_value(onnx_graph(model), "fc.weight"));
    struct tensor zero = half_zero(weight);
    write_good(model, f->path, 1, &id, &zero);
    struct onnx_model *again = open_good(f->path);
    assert_half_zero(&value_of(again, "fc.weight")->constant,
                     &weight->constant);
    assert_int_equal(onnx_graph(again)->node_count, 6);
    tensor_release(&zero);
    onnx_close(again);
    onnx_close(model);
}

static void weight_in_a_constant_node_is_replaced_there(void **state)
{
    struct fixture *f = *state;
    Onnx__NodeProto *node =
        make_node(&f->make, "Constant", "k", "", "constant");
    make_tensor_attribute(
        &f->make, node, "value",
        make_tensor(&f->make, "t", DTYPE_FLOAT32, (int64_t[]){5, 8, 0}));
    make_unknown(&f->make, &node->attribute[0]->base, 77, "kept");
    f->make.graph.node[3]->input[1] = (char[]){"constant"};
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    const struct graph *graph = onnx_graph(model);
    int id = graph_find_value(graph, "constant");
    const struct node *k = &graph->nodes[graph->values[id].producer];
    const struct tensor *stored = &graph_attribute(k, "value")->tensor;
    struct value view = {.dtype = DTYPE_FLOAT32, .constant = *stored};
    struct tensor zero = half_zero(&view);
    write_good(model, f->path, 1, &id, &zero);
    struct onnx_model *again = open_good(f->path);
    k = &onnx_graph(again)->nodes[value_of(again, "constant")->producer];
    assert_half_zero(&graph_attribute(k, "value")->tensor, stored);
    const Onnx__NodeProto *proto = again->file->proto->graph->node[4];
    assert_int_equal(proto->attribute[0]->base.n_unknown_fields, 1);
    tensor_release(&zero);
    onnx_close(again);
    onnx_close(model);
}

/* fc.weight, and a Constant node's tensor, in a file of 320 bytes. */
static void move_out(struct fixture *f)
{
    unsigned char data[320];
    Onnx__TensorProto *weight = f->make.graph.initializer[2];
    Onnx__TensorProto *tensor =
        make_tensor(&f->make, "t", DTYPE_FLOAT32, (int64_t[]){5, 8, 0});
    memcpy(data, weight->raw_data.data, 160);
    memcpy(data + 160, tensor->raw_data.data, 160);
    make_external(&f->make, weight, "weights.bin", 0, 160);
    make_external(&f->make, tensor, "weights.bin", 160, 160);
    make_tensor_attribute(&f->make,
                          make_node(&f->make, "Constant", "k", "", "constant"),
                          "value", tensor);
    write_bytes(f, "weights.bin", data, sizeof data);
    make_write(&f->make, f->path);
}

static void external_data_comes_into_the_written_file(void **state)
{
    struct fixture *f = *state;
    move_out(f);
    struct onnx_model *model = open_good(f->path);
    const struct value *weight = value_of(model, "fc.weight");
    int id = graph_find_value(onnx_graph(model), "fc.weight");
    struct tensor zero = half_zero(weight);
    char *path = path_join(f->folder, "out.onnx");
    for (size_t count = 0; count < 2; count++) { /* with and without edits */
        write_good(model, path, count, &id, &zero);
        struct onnx_model *again = open_good(path);
        assert_int_equal(onnx_file_bytes(again), file_size(path));
        const struct tensor *found = &value_of(again, "fc.weight")->constant;
        if (count)
            assert_half_zero(found, &weight->constant);
        else
            assert_memory_equal(found->data, weight->constant.data, 160);
        onnx_close(again);
    }
    free(path);
    tensor_release(&zero);
    onnx_close(model);
}

static void what_is_too_large_goes_to_a_data_file(void **state)
{
    struct fixture *f = *state;
    const int64_t dims[] = {20, 30, 0};
    make_initializer(&f->make, "big", DTYPE_FLOAT32, dims);
    make_initializer(&f->make, "other", DTYPE_FLOAT16, dims);
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path), *again;
    int id = graph_find_value(onnx_graph(model), "big");
    const struct value *big = value_of(model, "big");
    struct tensor zero = half_zero(big);
    char *path = path_join(f->folder, "out.onnx");
    char *data = path_join(f->folder, "out.onnx.data");
    assert_int_equal(onnx_write_limited(model, path, 1, &id, &zero, 100, NULL),
                     0);
    assert_int_equal(file_size(data), 4096 * 2);
    assert_true(file_size(path) < 2000);
    again = open_good(path);
    assert_half_zero(&value_of(again, "big")->constant, &big->constant);
    assert_true(value_of(again, "other")->content_hash ==
                value_of(model, "other")->content_hash);
    /* Over itself, while its data file is mapped: still the same. */
    assert_int_equal(onnx_write_limited(again, path, 0, NULL, NULL, 100, NULL),
                     0);
    onnx_close(again);
    again = open_good(path);
    assert_half_zero(&value_of(again, "big")->constant, &big->constant);
    onnx_close(again);
    free(path);
    free(data);
    tensor_release(&zero);
    onnx_close(model);
}

static void what_does_not_fit_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    const struct graph *graph = onnx_graph(model);
    struct tensor zero = half_zero(value_of(model, "fc.weight"));
    const struct {
        int id;
        enum error_code code;
        const char *part;
    } cases[] = {
        {-1, ERROR_NAME, "value -1 is not in the model"},
        {1000, ERROR_NAME, "value 1000 is not in the model"},
        {graph_find_value(graph, "r"), ERROR_NAME,
         "value 'r' is not a tensor in the file"},
        {graph_find_value(graph, "x"), ERROR_NAME, "value 'x'"},
        {graph_find_value(graph, "fc.bias"), ERROR_SHAPE,
         "value 'fc.bias': found shape 5x8"},
    };
    char *path = path_join(f->folder, "out.onnx");
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(onnx_write(model, path, 1, &cases[i].id, &zero, &err),
                         -1);
        assert_int_equal(err.code, cases[i].code);
        assert_non_null(strstr(err.message, cases[i].part));
        assert_non_null(strstr(err.message, "out.onnx: "));
        assert_false(file_exists(path));
    }
    free(path);
    tensor_release(&zero);
    onnx_close(model);
}

static void unwritable_output_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    assert_int_equal(
        onnx_write(model, "/nowhere/out.onnx", 0, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_string_equal(err.message, "/nowhere/out.onnx: cannot write: No such "
                                     "file or directory");
    onnx_close(model);
}

/* A limit on file sizes fails a write like a full disk does. */
static void full_disk_keeps_the_old_file(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct onnx_model *model = open_good("data/mlp.onnx");
    write_bytes(f, "model.onnx", "old", 3);
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 100000, .rlim_max = old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int whole = onnx_write(model, f->path, 0, NULL, NULL, &err);
    int split = onnx_write_limited(model, f->path, 0, NULL, NULL, 100, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(whole, -1);
    assert_int_equal(split, -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(file_size(f->path), 3);
    assert_int_equal(unlink(f->path), 0); /* nothing else was left behind */
    assert_int_equal(rmdir(f->folder), 0);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    onnx_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(unchanged_models_are_written_byte_for_byte),
        WITH_FOLDER(replaced_tensors_keep_their_stored_type),
        WITH_FOLDER(float32_tensors_are_written_to_float16_weights),
        WITH_FOLDER(unknown_fields_and_metadata_are_kept),
        WITH_FOLDER(notes_are_written_beside_other_metadata),
        WITH_FOLDER(weight_behind_identity_is_replaced_where_it_is_stored),
        WITH_FOLDER(weight_in_a_constant_node_is_replaced_there),
        WITH_FOLDER(external_data_comes_into_the_written_file),
        WITH_FOLDER(what_is_too_large_goes_to_a_data_file),
        WITH_FOLDER(what_does_not_fit_is_an_error),
        WITH_FOLDER(unwritable_output_is_an_error),
        WITH_FOLDER(full_disk_keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
