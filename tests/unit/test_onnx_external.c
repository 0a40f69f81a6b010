#include "onnx_fixture.h"

#include "base/array.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* fc.weight moves to a data file of 40 floats behind `before` bytes. */
static void move_weight(struct fixture *f, const char *location, size_t before,
                        int64_t length)
{
    Onnx__TensorProto *weight = f->make.graph.initializer[2];
    unsigned char data[1024] = {0};
    memcpy(data + before, weight->raw_data.data, weight->raw_data.len);
    make_external(&f->make, weight, location, (int64_t)before, length);
    write_bytes(f, "weights.bin", data, before + weight->raw_data.len);
}

static void external_data_is_read_from_the_folder(void **state)
{
    struct fixture *f = *state;
    for (size_t before = 0; before < 4; before += 3) { /* 3: unaligned */
        fixture_again(f);
        move_weight(f, "weights.bin", before, before ? -1 : 160);
        make_write(&f->make, f->path);
        struct onnx_model *model = open_good(f->path);
        const struct value *weight = value_of(model, "fc.weight");
        assert_true(tensor_number(&weight->constant, 4) == 0.25);
        assert_int_equal(onnx_file_bytes(model),
                         file_size(f->path) + 160 + (int64_t)before);
        onnx_close(model);
    }
}

static uint64_t hash_of(const struct fixture *f)
{
    struct onnx_model *model = open_good(f->path);
    uint64_t hash = onnx_hash_external(model);
    onnx_close(model);
    return hash;
}

static void external_data_count_in_the_hash(void **state)
{
    struct fixture *f = *state;
    fixture_again(f);
    make_write(&f->make, f->path);
    assert_int_equal(hash_of(f), 0); /* there are none */
    fixture_again(f);
    move_weight(f, "weights.bin", 0, 160);
    make_write(&f->make, f->path);
    uint64_t before = hash_of(f);
    assert_int_equal(before, hash_of(f));
    unsigned char other[160] = {1};
    write_bytes(f, "weights.bin", other, sizeof other);
    assert_int_not_equal(before, hash_of(f));
    assert_int_not_equal(before, 0);
}

static void external_data_outside_the_folder_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *const outside[] = {"../weights.bin", "a/../../weights.bin",
                                   "/etc/passwd", "", ".."};
    for (size_t i = 0; i < ARRAY_LENGTH(outside); i++) {
        fixture_again(f);
        move_weight(f, outside[i], 0, -1);
        assert_network_refused(f, ERROR_FORMAT, "leaves the model's folder");
    }
    fixture_again(f);
    move_weight(f, "link.bin", 0, -1);
    char *link = path_join(f->folder, "link.bin");
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_network_refused(f, ERROR_FORMAT, "a link leaves");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("weights.bin", link), 0);
    onnx_close(open_good(f->path)); /* a link that stays inside is fine */
    free(link);
}

static void broken_external_data_is_an_error(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *location;
        size_t before;
        int64_t length;
        enum error_code code;
        const char *part;
    } cases[] = {
        {"missing.bin", 0, -1, ERROR_IO,
         "external data 'missing.bin': cannot open"},
        {".", 0, -1, ERROR_IO, "external data '.'"},
        {"weights.bin", 0, 159, ERROR_FORMAT,
         "found 159 bytes, expected 160 for 5x8 of float32"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        fixture_again(f);
        move_weight(f, cases[i].location, cases[i].before, cases[i].length);
        assert_network_refused(f, cases[i].code, cases[i].part);
    }
}

static void external_offset_behind_the_end_is_an_error(void **state)
{
    struct fixture *f = *state;
    Onnx__TensorProto *weight = f->make.graph.initializer[2];
    move_weight(f, "weights.bin", 0, 160);
    char *offset = weight->external_data[1]->value;
    strcpy(offset, "4");
    assert_network_refused(f, ERROR_FORMAT,
                           "found 160 bytes, expected 160 behind byte 4");
    weight->external_data[1]->value = (char[]){"18446744073709551615"};
    assert_network_refused(f, ERROR_FORMAT, "found 160 bytes");
    weight->external_data[1]->value = (char[]){"-4"};
    assert_network_refused(f, ERROR_FORMAT, "expected a number");
    weight->external_data[1]->value = (char[]){"4x"};
    assert_network_refused(f, ERROR_FORMAT, "expected a number");
    weight->n_external_data = 0;
    assert_network_refused(f, ERROR_FORMAT, "without location");
}

static void bytes_in_memory_have_no_external_data(void **state)
{
    struct fixture *f = *state;
    struct onnx_model *model;
    struct error err = {0};
    size_t bytes;
    const unsigned char *data = make_pack(&f->make, &bytes);
    assert_int_equal(onnx_open_bytes(&model, "memory", data, bytes, &err), 0);
    assert_string_equal(onnx_path(model), "memory");
    onnx_close(model);
    move_weight(f, "weights.bin", 0, -1);
    data = make_pack(&f->make, &bytes);
    assert_int_equal(onnx_open_bytes(&model, "memory", data, bytes, &err), -1);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "memory: initializer 'fc.weight'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(external_data_is_read_from_the_folder),
        WITH_FOLDER(external_data_count_in_the_hash),
        WITH_FOLDER(external_data_outside_the_folder_is_refused),
        WITH_FOLDER(broken_external_data_is_an_error),
        WITH_FOLDER(external_offset_behind_the_end_is_an_error),
        WITH_FOLDER(bytes_in_memory_have_no_external_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
