#include "dataset_make.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "dataset/npz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct error set_err;
char set_folder[64];
char set_path[200];

const char *set_path_of(const char *name)
{
    snprintf(set_path, sizeof set_path, "%s/%s", set_folder, name);
    return set_path;
}

int set_folder_begin(void **state)
{
    (void)state;
    snprintf(set_folder, sizeof set_folder, "/tmp/espalier-dataset-XXXXXX");
    set_err = (struct error){0};
    return mkdtemp(set_folder) ? 0 : -1;
}

/* Names of every file that tests put into the folder. */
const char *const set_names[SET_NAMES] = {"t10k-images-idx3-ubyte",
                                          "t10k-images-idx3-ubyte.gz",
                                          "t10k-labels-idx1-ubyte",
                                          "t10k-labels-idx1-ubyte.gz",
                                          "train-images-idx3-ubyte",
                                          "train-labels-idx1-ubyte",
                                          "letters-test-images-idx3-ubyte",
                                          "a-images-idx3-ubyte",
                                          "a-labels-idx1-ubyte",
                                          "a-images-idx4-ubyte",
                                          "set.npz",
                                          "junk",
                                          "x.npy"};

int set_folder_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < (size_t)SET_NAMES; i++)
        unlink(set_path_of(set_names[i]));
    return rmdir(set_folder);
}

/* An IDX file of element i = i * 3 + seed (mod 256), cut by `cut` bytes. */
void set_idx(const char *name, int rank, const int *dims, int seed, long cut)
{
    struct strbuf s = {0};
    unsigned char head[4] = {0, 0, 8, (unsigned char)rank};
    strbuf_add_bytes(&s, head, 4);
    int elements = 1;
    for (int i = 0; i < rank; i++) {
        unsigned char size[4] = {0, 0, (unsigned char)(dims[i] >> 8),
                                 (unsigned char)dims[i]};
        strbuf_add_bytes(&s, size, 4);
        elements *= dims[i];
    }
    for (int i = 0; i < elements; i++) {
        unsigned char byte = (unsigned char)(i * 3 + seed);
        strbuf_add_bytes(&s, &byte, 1);
    }
    assert_false(s.failed);
    assert_int_equal(
        file_write(set_path_of(name), s.text, s.length - (size_t)cut, &set_err),
        0);
    strbuf_release(&s);
}

void set_labels(const char *name, int count, int classes)
{
    char data[300] = {0, 0, 8, 1, 0, 0, (char)(count >> 8), (char)count};
    for (int i = 0; i < count; i++)
        data[8 + i] = (char)(i % classes);
    assert_int_equal(
        file_write(set_path_of(name), data, 8 + (size_t)count, &set_err), 0);
}

const int set_seven[3] = {7, 2, 3};

/* Writes arrays x (float32 n x 2 x 2), ids (int64 n) and labels of a type. */
void set_npz(const char *name, int64_t n, enum dtype labels,
             int64_t label_count, int64_t last)
{
    char x[] = "x", ids[] = "ids", l[] = "labels";
    struct npz_array arrays[] = {{.name = x}, {.name = l}, {.name = ids}};
    assert_int_equal(tensor_init(&arrays[0].tensor, DTYPE_FLOAT32,
                                 &(struct shape){3, {n, 2, 2}}, &set_err),
                     0);
    assert_int_equal(tensor_init(&arrays[1].tensor, labels,
                                 &(struct shape){1, {label_count}}, &set_err),
                     0);
    assert_int_equal(tensor_init(&arrays[2].tensor, DTYPE_INT64,
                                 &(struct shape){1, {n}}, &set_err),
                     0);
    for (int64_t i = 0; i < n * 4; i++)
        ((float *)arrays[0].tensor.data)[i] = (float)i / 4;
    for (int64_t i = 0; i < n; i++)
        ((int64_t *)arrays[2].tensor.data)[i] = 1000 - i;
    if (labels == DTYPE_INT64)
        ((int64_t *)arrays[1].tensor.data)[label_count - 1] = last;
    assert_int_equal(npz_write(set_path_of(name), arrays, 3, &set_err), 0);
    for (int i = 0; i < 3; i++)
        tensor_release(&arrays[i].tensor);
}
