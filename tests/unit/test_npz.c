/* .npy and .npz: what NumPy wrote, what we write, and damage. */
#include "base/file.h"
#include "dataset/npz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct error err;

static char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "/tmp/espalier-npz-%ld-%s", (long)getpid(),
             name);
    return path;
}

/*
 * numpy 1.24: np.savez(f, a=np.arange(6, dtype='<f4').reshape(2, 3),
 * f=np.asfortranarray(np.arange(6, dtype='<i2').reshape(2, 3))) and
 * savez_compressed of the same plus b=np.array([True, False]),
 * s=np.float64(2.5), h=np.array([1, -2], '<f2'); the other files by np.save.
 */
static void check_numpy_arrays(const struct npz *npz)
{
    const struct tensor *a = npz_find(npz, "a"), *f = npz_find(npz, "f");
    assert_non_null(a);
    assert_non_null(f);
    assert_int_equal(a->dtype, DTYPE_FLOAT32);
    assert_int_equal(f->dtype, DTYPE_INT16);
    assert_int_equal(a->shape.rank, 2);
    assert_int_equal(a->shape.dims[0], 2);
    assert_int_equal(a->shape.dims[1], 3);
    for (int i = 0; i < 6; i++) {
        assert_true(tensor_number(a, i) == i);
        assert_int_equal(tensor_integer(f, i), i);
    }
    assert_null(npz_find(npz, "b.npy"));
}

static void arrays_of_savez_are_read(void **state)
{
    (void)state;
    struct npz npz;
    assert_int_equal(npz_read(&npz, "tests/unit/npz/savez.npz", &err), 0);
    assert_int_equal(npz.count, 2);
    check_numpy_arrays(&npz);
    npz_release(&npz);
}

static void arrays_of_savez_compressed_are_read(void **state)
{
    (void)state;
    struct npz npz;
    assert_int_equal(npz_read(&npz, "tests/unit/npz/compressed.npz", &err), 0);
    assert_int_equal(npz.count, 5);
    check_numpy_arrays(&npz);
    const struct tensor *b = npz_find(&npz, "b"), *s = npz_find(&npz, "s");
    const struct tensor *h = npz_find(&npz, "h");
    assert_int_equal(b->dtype, DTYPE_BOOL);
    assert_int_equal(tensor_integer(b, 0), 1);
    assert_int_equal(tensor_integer(b, 1), 0);
    assert_int_equal(s->shape.rank, 0);
    assert_true(tensor_number(s, 0) == 2.5);
    assert_int_equal(h->dtype, DTYPE_FLOAT16);
    assert_true(tensor_number(h, 1) == -2);
    npz_release(&npz);
}

static void a_single_npy_is_one_nameless_array(void **state)
{
    (void)state;
    struct npz npz;
    assert_int_equal(npz_read(&npz, "tests/unit/npz/single.npy", &err), 0);
    assert_int_equal(npz.count, 1);
    assert_string_equal(npz.arrays[0].name, "");
    assert_int_equal(npz.arrays[0].tensor.dtype, DTYPE_INT64);
    assert_int_equal(tensor_integer(&npz.arrays[0].tensor, 3), -3);
    npz_release(&npz);
}

/* Columns by columns: three dimensions of different length. */
static void fortran_order_becomes_row_major(void **state)
{
    (void)state;
    struct npz npz;
    assert_int_equal(npz_read(&npz, "tests/unit/npz/fortran.npy", &err), 0);
    const struct tensor *t = &npz.arrays[0].tensor;
    assert_int_equal(t->shape.rank, 3);
    for (int i = 0; i < 24; i++)
        assert_int_equal(tensor_integer(t, i), i);
    npz_release(&npz);
}

static void every_type_survives_write_and_read(void **state)
{
    (void)state;
    static const enum dtype types[] = {
        DTYPE_FLOAT32, DTYPE_FLOAT64, DTYPE_FLOAT16, DTYPE_BOOL,
        DTYPE_UINT8,   DTYPE_INT8,    DTYPE_UINT16,  DTYPE_INT16,
        DTYPE_INT32,   DTYPE_UINT32,  DTYPE_INT64,   DTYPE_UINT64};
    enum { TYPES = sizeof types / sizeof *types };
    static const struct shape shapes[] = {
        {0, {0}}, {1, {5}}, {2, {3, 7}}, {4, {2, 1, 3, 2}}, {2, {0, 4}}};
    struct npz_array arrays[TYPES * 5];
    char names[TYPES * 5][40];
    size_t count = 0;
    for (size_t k = 0; k < TYPES; k++)
        for (size_t s = 0; s < 5; s++, count++) {
            snprintf(names[count], sizeof *names, "onnx::Conv_%zu/%s.weight", s,
                     dtype_name(types[k]));
            arrays[count].name = names[count];
            struct tensor *t = &arrays[count].tensor;
            assert_int_equal(tensor_init(t, types[k], &shapes[s], &err), 0);
            unsigned char *bytes = t->data;
            for (size_t i = 0; i < tensor_bytes(t); i++)
                bytes[i] =
                    (unsigned char)(types[k] == DTYPE_BOOL ? i % 2 : i * 7 + 1);
        }
    const char *path = path_of("types.npz");
    assert_int_equal(npz_write(path, arrays, count, &err), 0);
    struct npz npz;
    assert_int_equal(npz_read(&npz, path, &err), 0);
    assert_int_equal(npz.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct tensor *t = npz_find(&npz, names[i]);
        assert_non_null(t);
        assert_int_equal(t->dtype, arrays[i].tensor.dtype);
        assert_true(shape_equal(&t->shape, &arrays[i].tensor.shape));
        assert_memory_equal(t->data, arrays[i].tensor.data, tensor_bytes(t));
        tensor_release(&arrays[i].tensor);
    }
    npz_release(&npz);
    unlink(path);
}

static void a_failed_write_keeps_the_old_file(void **state)
{
    (void)state;
    const char *path = path_of("kept.npz");
    assert_int_equal(file_write(path, "old", 3, &err), 0);
    struct shape shape = {1, {4}};
    char name[] = "w";
    struct npz_array array = {.name = name};
    assert_int_equal(tensor_init(&array.tensor, DTYPE_BFLOAT16, &shape, &err),
                     0);
    assert_int_equal(npz_write(path, &array, 1, &err), -1);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "bfloat16"));
    assert_non_null(strstr(err.message, path));
    assert_int_equal(file_size(path), 3);
    tensor_release(&array.tensor);
    unlink(path);
}

static void an_unwritable_path_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(npz_write("/nonexistent/x.npz", NULL, 0, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "/nonexistent/x.npz: "));
}

static void no_arrays_make_an_empty_file_that_is_read(void **state)
{
    (void)state;
    const char *path = path_of("empty.npz");
    struct npz npz;
    assert_int_equal(npz_write(path, NULL, 0, &err), 0);
    assert_int_equal(npz_read(&npz, path, &err), 0);
    assert_int_equal(npz.count, 0);
    npz_release(&npz);
    unlink(path);
}

static void expect_failure(const char *path, enum error_code code,
                           const char *part)
{
    struct npz npz;
    err = (struct error){0};
    assert_int_equal(npz_read(&npz, path, &err), -1);
    if (err.code != code || !strstr(err.message, part) ||
        strncmp(err.message, path, strlen(path)) != 0)
        fail_msg("%d: '%s', expected %d: '%s'", (int)err.code, err.message,
                 (int)code, part);
    assert_null(npz.arrays);
}

static void types_without_meaning_here_are_refused_by_name(void **state)
{
    (void)state;
    expect_failure("tests/unit/npz/big.npy", ERROR_UNSUPPORTED, "big endian");
    expect_failure("tests/unit/npz/text.npz", ERROR_UNSUPPORTED,
                   "array 'names': element type '<U1'");
    expect_failure("tests/unit/test_npz.c", ERROR_FORMAT, "neither");
    expect_failure("/nonexistent.npz", ERROR_IO, "cannot open");
    const char *path = path_of("none.npz");
    assert_int_equal(file_write(path, "", 0, &err), 0);
    expect_failure(path, ERROR_FORMAT, "empty");
    unlink(path);
}

/* Any prefix of a file is refused, whatever it ends with. */
static void every_truncation_is_an_error(void **state)
{
    (void)state;
    static const char *const files[] = {"tests/unit/npz/savez.npz",
                                        "tests/unit/npz/compressed.npz",
                                        "tests/unit/npz/single.npy"};
    for (size_t k = 0; k < 3; k++) {
        char *data;
        size_t bytes;
        assert_int_equal(file_read(&data, &bytes, files[k], &err), 0);
        for (size_t n = 0; n < bytes; n++) {
            struct npz npz;
            char *part = malloc(n ? n : 1); /* its end is guarded */
            assert_non_null(part);
            memcpy(part, data, n);
            assert_int_equal(npz_parse(&npz, part, n, &err), -1);
            free(part);
        }
        free(data);
    }
}

static void a_flipped_bit_in_the_data_fails_the_checksum(void **state)
{
    (void)state;
    char *data;
    size_t bytes;
    assert_int_equal(file_read(&data, &bytes, "tests/unit/npz/savez.npz", &err),
                     0);
    /* The last element of 'a' stands right before the next local header. */
    size_t at = 4;
    while (memcmp(data + at, "PK\3\4", 4) != 0)
        at++;
    data[at - 1] ^= 1;
    struct npz npz;
    assert_int_equal(npz_parse(&npz, data, bytes, &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    assert_non_null(strstr(err.message, "array 'a': checksum"));
    free(data);
}

/* Every byte of the file changed in turn: an error or an array, no crash. */
static void damage_never_crashes(void **state)
{
    (void)state;
    char *data;
    size_t bytes;
    assert_int_equal(
        file_read(&data, &bytes, "tests/unit/npz/compressed.npz", &err), 0);
    size_t refused = 0;
    for (size_t i = 0; i < bytes; i++)
        for (int k = 0; k < 3; k++) {
            static const char flips[] = {1, 0x40, (char)0xff};
            struct npz npz;
            data[i] ^= flips[k];
            if (npz_parse(&npz, data, bytes, &err) == 0)
                npz_release(&npz);
            else
                refused++;
            data[i] ^= flips[k];
        }
    assert_true(refused > bytes);
    free(data);
}

/* The end record's counts set to what zip64 uses. */
static void zip64_is_refused(void **state)
{
    (void)state;
    char *data;
    size_t bytes;
    assert_int_equal(file_read(&data, &bytes, "tests/unit/npz/savez.npz", &err),
                     0);
    memset(data + bytes - 22 + 8, 0xff, 12);
    struct npz npz;
    assert_int_equal(npz_parse(&npz, data, bytes, &err), -1);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "zip64"));
    free(data);
}

static void header_lies_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(99999999999,99999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(99999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(1,1,1,1,1,1,1,1,2), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }",
        "{'descr': '<f4', 'shape': (2,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '|O8', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2",
        "{'descr",
        "",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char bytes[256] = "\x93NUMPY\1";
        size_t n = strlen(headers[i]);
        bytes[8] = (char)n;
        memcpy(bytes + 10, headers[i], n);
        struct npz npz;
        if (npz_parse(&npz, bytes, 10 + n + 8, &err) == 0)
            fail_msg("accepted: %s", headers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_of_savez_are_read),
        cmocka_unit_test(arrays_of_savez_compressed_are_read),
        cmocka_unit_test(a_single_npy_is_one_nameless_array),
        cmocka_unit_test(fortran_order_becomes_row_major),
        cmocka_unit_test(every_type_survives_write_and_read),
        cmocka_unit_test(a_failed_write_keeps_the_old_file),
        cmocka_unit_test(an_unwritable_path_is_an_error),
        cmocka_unit_test(no_arrays_make_an_empty_file_that_is_read),
        cmocka_unit_test(types_without_meaning_here_are_refused_by_name),
        cmocka_unit_test(every_truncation_is_an_error),
        cmocka_unit_test(a_flipped_bit_in_the_data_fails_the_checksum),
        cmocka_unit_test(damage_never_crashes),
        cmocka_unit_test(zip64_is_refused),
        cmocka_unit_test(header_lies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
