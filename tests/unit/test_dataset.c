/* Data sets: formats, splits, labels and what is refused. */
#include "base/file.h"
#include "dataset/dataset.h"
#include "dataset/npz.h"
#include "dataset_make.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static void expect_failure(const char *where,
                           const struct dataset_options *options,
                           enum error_code code, const char *part)
{
    struct dataset *dataset = NULL;
    set_err = (struct error){0};
    assert_int_equal(dataset_open(&dataset, where, options, &set_err), -1);
    if (set_err.code != code || !strstr(set_err.message, part) ||
        strncmp(set_err.message, where, strlen(where)) != 0 ||
        strchr(set_err.message, '\n'))
        fail_msg("%d: '%s', expected %d: '%s'", (int)set_err.code,
                 set_err.message, (int)code, part);
    assert_null(dataset);
}

static void some_samples_are_a_set_of_their_own(void **state)
{
    (void)state;
    const int64_t order[] = {7, 3, 3};
    struct dataset *all, *some;
    assert_int_equal(dataset_open(&all, SET_SAMPLE, NULL, &set_err), 0);
    assert_int_equal(dataset_take(&some, all, order, 3, &set_err), 0);
    assert_int_equal(dataset_count(some), 3);
    assert_int_equal(dataset_classes(some), dataset_classes(all));
    assert_string_equal(dataset_split(some), "test");
    assert_true(dataset_is_image(some));
    const struct transform identity = transform_identity();
    float a[784], b[784];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dataset_label(some, i), dataset_label(all, order[i]));
        dataset_read(all, 0, &identity, DTYPE_FLOAT32, order[i], NULL, 1, a);
        dataset_read(some, 0, &identity, DTYPE_FLOAT32, i, NULL, 1, b);
        assert_memory_equal(a, b, sizeof a);
    }
    dataset_close(all);
    dataset_read(some, 0, &identity, DTYPE_FLOAT32, 2, NULL, 1, a);
    assert_memory_equal(a, b, sizeof a);
    dataset_close(some);
}

/* Facts of the public data: 10 classes, first labels 9 2 1 1 6 and 9 0 0 3. */
static void the_sample_has_both_splits(void **state)
{
    (void)state;
    static const int64_t test[] = {9, 2, 1, 1, 6}, train[] = {9, 0, 0, 3, 0};
    struct dataset *dataset;
    assert_int_equal(dataset_open(&dataset, SET_SAMPLE, NULL, &set_err), 0);
    assert_string_equal(dataset_split(dataset), "test");
    assert_string_equal(dataset_format(dataset), "idx");
    assert_string_equal(dataset_path(dataset), SET_SAMPLE);
    assert_int_equal(dataset_count(dataset), 1000);
    assert_int_equal(dataset_classes(dataset), 10);
    assert_int_equal(dataset_input_count(dataset), 1);
    assert_int_equal(dataset_input_dtype(dataset, 0), DTYPE_UINT8);
    assert_true(dataset_is_image(dataset));
    struct shape shape = dataset_sample_shape(dataset, 0);
    assert_true(shape_equal(&shape, &(struct shape){3, {1, 28, 28}}));
    for (int i = 0; i < 5; i++)
        assert_int_equal(dataset_label(dataset, i), test[i]);
    dataset_close(dataset);
    struct dataset_options options = {.split = "train"};
    assert_int_equal(dataset_open(&dataset, SET_SAMPLE, &options, &set_err), 0);
    assert_string_equal(dataset_split(dataset), "train");
    assert_int_equal(dataset_count(dataset), 500);
    for (int i = 0; i < 5; i++)
        assert_int_equal(dataset_label(dataset, i), train[i]);
    dataset_close(dataset);
}

static void the_sample_is_the_beginning_of_the_full_set(void **state)
{
    (void)state;
    if (!file_is_folder(SET_FULL)) {
        print_message("%s is not installed\n", SET_FULL);
        skip();
    }
    enum { PIXELS = 784 };
    struct transform none = transform_identity();
    static const char *const names[] = {"test", "train"};
    for (int k = 0; k < 2; k++) {
        struct dataset *full, *sample;
        struct dataset_options options = {.split = names[k]};
        assert_int_equal(dataset_open(&sample, SET_SAMPLE, &options, &set_err),
                         0);
        options.limit = dataset_count(sample);
        assert_int_equal(dataset_open(&full, SET_FULL, &options, &set_err), 0);
        assert_int_equal(dataset_count(full), dataset_count(sample));
        unsigned char a[PIXELS], b[PIXELS];
        for (int64_t i = 0; i < dataset_count(full); i++) {
            dataset_read(full, 0, &none, DTYPE_UINT8, i, NULL, 1, a);
            dataset_read(sample, 0, &none, DTYPE_UINT8, i, NULL, 1, b);
            assert_memory_equal(a, b, PIXELS);
            assert_int_equal(dataset_label(full, i), dataset_label(sample, i));
        }
        dataset_close(full);
        dataset_close(sample);
    }
}

static void a_folder_gives_the_split_that_was_asked_for(void **state)
{
    (void)state;
    struct dataset *dataset;
    struct dataset_options train = {.split = "train"}, odd = {.split = "dev"};
    set_idx("t10k-images-idx3-ubyte", 3, set_seven, 0, 0);
    set_labels("t10k-labels-idx1-ubyte", 7, 3);
    expect_failure(set_folder, &train, ERROR_NAME,
                   "no 'train' split (found 'test')");
    set_idx("train-images-idx3-ubyte", 3, set_seven, 100, 0);
    set_labels("train-labels-idx1-ubyte", 7, 5);
    assert_int_equal(dataset_open(&dataset, set_folder, NULL, &set_err), 0);
    assert_int_equal(dataset_classes(dataset), 3);
    dataset_close(dataset);
    assert_int_equal(dataset_open(&dataset, set_folder, &train, &set_err), 0);
    assert_int_equal(dataset_classes(dataset), 5);
    dataset_close(dataset);
    expect_failure(set_folder, &odd, ERROR_NAME, "no 'dev' split");
    expect_failure(set_path_of("t10k-images-idx3-ubyte"), &train, ERROR_NAME,
                   "'train' was asked for, this file is test");
    unlink(set_path_of("t10k-images-idx3-ubyte"));
    assert_int_equal(dataset_open(&dataset, set_folder, NULL, &set_err), 0);
    assert_string_equal(dataset_split(dataset), "train");
    dataset_close(dataset);
}

static void two_sets_in_one_folder_must_be_named(void **state)
{
    (void)state;
    set_idx("t10k-images-idx3-ubyte", 3, set_seven, 0, 0);
    set_idx("letters-test-images-idx3-ubyte", 3, set_seven, 0, 0);
    expect_failure(set_folder, NULL, ERROR_NAME, "several image files");
    struct dataset *dataset;
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[6]), NULL, &set_err), 0);
    assert_int_equal(dataset_count(dataset), 7);
    assert_int_equal(dataset_classes(dataset), 0);
    assert_int_equal(dataset_label(dataset, 6), -1);
    dataset_close(dataset);
}

static void a_folder_without_images_is_an_error(void **state)
{
    (void)state;
    set_labels("t10k-labels-idx1-ubyte", 7, 3);
    expect_failure(set_folder, NULL, ERROR_FORMAT,
                   "no data set in this folder");
    expect_failure("/nonexistent", NULL, ERROR_IO, "cannot open");
}

static void gzip_file(const char *from, const char *to, long cut)
{
    char *data;
    size_t bytes;
    assert_int_equal(file_read(&data, &bytes, set_path_of(from), &set_err), 0);
    gzFile gz = gzopen(set_path_of(to), "wb");
    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, data, (unsigned)bytes), (int)bytes);
    assert_int_equal(gzclose(gz), Z_OK);
    assert_int_equal(truncate(set_path, (off_t)(file_size(set_path) - cut)), 0);
    free(data);
}

static void packed_and_plain_files_give_the_same(void **state)
{
    (void)state;
    static const int many[] = {40, 11, 13};
    enum { BYTES = 40 * 11 * 13 };
    unsigned char plain[BYTES], packed[BYTES];
    struct transform none = transform_identity();
    struct dataset *dataset;
    set_idx("t10k-images-idx3-ubyte", 3, many, 5, 0);
    set_labels("t10k-labels-idx1-ubyte", 40, 4);
    gzip_file("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", 0);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[0]), NULL, &set_err), 0);
    dataset_read(dataset, 0, &none, DTYPE_UINT8, 0, NULL, 40, plain);
    dataset_close(dataset);
    /* Labels are found beside it although they are not packed. */
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[1]), NULL, &set_err), 0);
    assert_int_equal(dataset_classes(dataset), 4);
    dataset_read(dataset, 0, &none, DTYPE_UINT8, 0, NULL, 40, packed);
    dataset_close(dataset);
    assert_memory_equal(plain, packed, BYTES);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(plain[i], (i * 3 + 5) & 255);
}

static void a_limit_keeps_the_first_samples(void **state)
{
    (void)state;
    struct dataset_options options = {.limit = 4};
    struct dataset *dataset;
    set_idx("t10k-images-idx3-ubyte", 3, set_seven, 0, 0);
    set_labels("t10k-labels-idx1-ubyte", 7, 7);
    assert_int_equal(dataset_open(&dataset, set_folder, &options, &set_err), 0);
    assert_int_equal(dataset_count(dataset), 4);
    assert_int_equal(dataset_label(dataset, 3), 3);
    assert_int_equal(dataset_classes(dataset), 7); /* of the set */
    dataset_close(dataset);
    options.limit = 100;
    assert_int_equal(dataset_open(&dataset, set_folder, &options, &set_err), 0);
    assert_int_equal(dataset_count(dataset), 7);
    dataset_close(dataset);
}

static void a_truncated_gzip_is_one_clear_error(void **state)
{
    (void)state;
    static const int many[] = {100, 11, 13};
    set_idx("t10k-images-idx3-ubyte", 3, many, 5, 0);
    gzip_file("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", 0);
    long bytes = (long)file_size(set_path_of(set_names[1]));
    for (long cut = 1; cut < bytes; cut++) {
        gzip_file("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", cut);
        expect_failure(set_path_of(set_names[1]), NULL, ERROR_FORMAT, "");
        if (cut < bytes - 20 && !strstr(set_err.message, "truncated"))
            fail_msg("%s", set_err.message);
    }
}

static void a_damaged_gzip_fails_its_checksum(void **state)
{
    (void)state;
    set_idx("t10k-images-idx3-ubyte", 3, set_seven, 5, 0);
    gzip_file("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", 0);
    char *data;
    size_t bytes;
    assert_int_equal(
        file_read(&data, &bytes, set_path_of(set_names[1]), &set_err), 0);
    data[bytes - 8] ^= 1; /* the stored CRC-32 */
    assert_int_equal(
        file_write(set_path_of(set_names[1]), data, bytes, &set_err), 0);
    free(data);
    expect_failure(set_path_of(set_names[1]), NULL, ERROR_FORMAT,
                   "damaged compressed data");
}

static void files_of_the_wrong_size_are_refused(void **state)
{
    (void)state;
    set_idx("a-images-idx3-ubyte", 3, set_seven, 0, 1);
    expect_failure(set_path_of(set_names[7]), NULL, ERROR_FORMAT,
                   "truncated: 1 more bytes expected");
    for (int cut = 43; cut < 57; cut++) { /* inside the header */
        set_idx("a-images-idx3-ubyte", 3, set_seven, 0, cut);
        expect_failure(set_path_of(set_names[7]), NULL, ERROR_FORMAT,
                       "truncated");
    }
    set_idx("a-images-idx3-ubyte", 3, set_seven, 0, 58);
    expect_failure(set_path_of(set_names[7]), NULL, ERROR_FORMAT, "empty");
    static const char more[] = "\0\0\10\3\0\0\0\1\0\0\0\1\0\0\0\1xy";
    assert_int_equal(file_write(set_path_of(set_names[7]), more, 18, &set_err),
                     0);
    expect_failure(set_path_of(set_names[7]), NULL, ERROR_FORMAT,
                   "1 bytes more than the header says");
    static const char none[] = "\0\0\10\3\0\0\0\0\0\0\0\1\0\0\0\1";
    assert_int_equal(file_write(set_path_of(set_names[7]), none, 16, &set_err),
                     0);
    expect_failure(set_path_of(set_names[7]), NULL, ERROR_FORMAT, "no data");
    static const char huge[] =
        "\0\0\10\3\377\377\377\377\377\377\377\377\377\377\377\377";
    assert_int_equal(file_write(set_path_of(set_names[7]), huge, 16, &set_err),
                     0);
    expect_failure(set_path_of(set_names[7]), NULL, ERROR_FORMAT, "truncated");
}

static void other_content_is_refused(void **state)
{
    (void)state;
    assert_int_equal(
        file_write(set_path_of(set_names[7]), "random bytes", 12, &set_err), 0);
    expect_failure(set_path_of(set_names[7]), NULL, ERROR_FORMAT,
                   "wrong magic 72616e64");
    assert_int_equal(
        file_write(set_path_of("junk"), "random bytes", 12, &set_err), 0);
    expect_failure(set_path_of("junk"), NULL, ERROR_UNSUPPORTED,
                   "not a data set");
    assert_int_equal(file_write(set_path_of("junk"), "", 0, &set_err), 0);
    expect_failure(set_path_of("junk"), NULL, ERROR_FORMAT, "empty");
    /* Floats in an IDX file. */
    assert_int_equal(file_write(set_path_of(set_names[7]),
                                "\0\0\15\1\0\0\0\1abcd", 12, &set_err),
                     0);
    expect_failure(set_path_of(set_names[7]), NULL, ERROR_UNSUPPORTED,
                   "element type 0x0d");
    set_labels("a-labels-idx1-ubyte", 7, 3);
    expect_failure(set_path_of("a-labels-idx1-ubyte"), NULL, ERROR_FORMAT,
                   "is this the label file?");
}

static void labels_must_fit_the_images(void **state)
{
    (void)state;
    static const int table[] = {7, 1};
    struct dataset *dataset = NULL;
    set_idx("a-images-idx3-ubyte", 3, set_seven, 0, 0);
    set_labels("a-labels-idx1-ubyte", 6, 3);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[7]), NULL, &set_err), -1);
    assert_non_null(strstr(set_err.message, "a-labels-idx1-ubyte: 6 labels, "
                                            "expected 7"));
    set_idx("a-labels-idx1-ubyte", 2, table, 0, 0);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[7]), NULL, &set_err), -1);
    assert_non_null(
        strstr(set_err.message, "rank 2, expected labels of rank 1"));
    assert_null(dataset);
}

static void arrays_that_do_not_agree_are_refused(void **state)
{
    (void)state;
    struct dataset_options split = {.split = "train"};
    set_npz("set.npz", 5, DTYPE_INT64, 4, 6);
    expect_failure(set_path_of("set.npz"), NULL, ERROR_FORMAT,
                   "4 labels, expected 5");
    set_npz("set.npz", 5, DTYPE_FLOAT32, 5, 0);
    expect_failure(set_path_of("set.npz"), NULL, ERROR_FORMAT,
                   "labels are float32, expected integers");
    set_npz("set.npz", 5, DTYPE_INT64, 5, -2);
    expect_failure(set_path_of("set.npz"), NULL, ERROR_RANGE,
                   "label -2 of sample 4");
    set_npz("set.npz", 5, DTYPE_INT64, 5, -1);
    expect_failure(set_path_of("set.npz"), NULL, ERROR_RANGE,
                   "label -1 of sample 4 is no class number, expected 0");
    set_npz("set.npz", 0, DTYPE_INT64, 1, 0);
    expect_failure(set_path_of("set.npz"), NULL, ERROR_FORMAT, "no samples");
    expect_failure(set_path_of("set.npz"), &split, ERROR_NAME, "no splits");
    expect_failure("data/mlp_reference.npz", NULL, ERROR_FORMAT,
                   "array 'accuracy' is a single number");
}

static void samples_are_numbers(void **state)
{
    (void)state;
    enum { BAD = 9 };
    struct npz npz;
    struct dataset *dataset = NULL;
    const struct dataset_options two = {.limit = 2};
    set_npz("set.npz", 5, DTYPE_INT64, 5, 1);
    assert_int_equal(npz_read(&npz, set_path_of("set.npz"), NULL), 0);
    float *x = npz.arrays[0].tensor.data;
    x[BAD] = INFINITY;
    assert_int_equal(
        npz_write(set_path_of("set.npz"), npz.arrays, npz.count, NULL), 0);
    assert_int_equal(dataset_open(&dataset, set_path_of("set.npz"), NULL, NULL),
                     0);
    dataset_close(dataset);
    x[BAD] = NAN;
    assert_int_equal(
        npz_write(set_path_of("set.npz"), npz.arrays, npz.count, NULL), 0);
    expect_failure(set_path_of("set.npz"), NULL, ERROR_RANGE,
                   "array 'x': found NaN in sample 2 (element 1)");
    assert_int_equal(dataset_open(&dataset, set_path_of("set.npz"), &two, NULL),
                     0);
    dataset_close(dataset);
    npz_release(&npz);
}

static void the_default_is_installed_or_bundled(void **state)
{
    (void)state;
    char *found = dataset_default_path("data");
    assert_non_null(found);
    assert_string_equal(found,
                        file_is_folder(SET_FULL) ? SET_FULL : SET_SAMPLE);
    free(found);
    found = dataset_default_path("/nonexistent");
    if (file_is_folder(SET_FULL))
        assert_string_equal(found, SET_FULL);
    else
        assert_null(found);
    free(found);
}

#define IN_FOLDER(test)                                                        \
    cmocka_unit_test_setup_teardown(test, set_folder_begin, set_folder_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_samples_are_a_set_of_their_own),
        cmocka_unit_test(the_sample_has_both_splits),
        cmocka_unit_test(the_sample_is_the_beginning_of_the_full_set),
        IN_FOLDER(a_folder_gives_the_split_that_was_asked_for),
        IN_FOLDER(two_sets_in_one_folder_must_be_named),
        IN_FOLDER(a_folder_without_images_is_an_error),
        IN_FOLDER(packed_and_plain_files_give_the_same),
        IN_FOLDER(a_limit_keeps_the_first_samples),
        IN_FOLDER(a_truncated_gzip_is_one_clear_error),
        IN_FOLDER(a_damaged_gzip_fails_its_checksum),
        IN_FOLDER(files_of_the_wrong_size_are_refused),
        IN_FOLDER(other_content_is_refused),
        IN_FOLDER(labels_must_fit_the_images),
        IN_FOLDER(arrays_that_do_not_agree_are_refused),
        IN_FOLDER(samples_are_numbers),
        cmocka_unit_test(the_default_is_installed_or_bundled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
