/* Data set files for tests, in a folder that lives as long as one test. */
#ifndef UNIT_DATASET_MAKE_H
#define UNIT_DATASET_MAKE_H

#include "tensor/tensor.h"

/* The bundled sample and the full set of Debian's dataset-fashion-mnist. */
#define SET_SAMPLE "data/fashion-mnist-sample"
#define SET_FULL   "/usr/share/datasets/fashion-mnist"

extern struct error set_err; /* written by everything here */
extern char set_folder[64], set_path[200];

/* Every name that a test may use in the folder: these are removed. */
enum { SET_NAMES = 13 };
extern const char *const set_names[SET_NAMES];

/* The name in the folder; the text lives in set_path until the next call. */
const char *set_path_of(const char *name);

/* cmocka's set-up and tear-down. */
int set_folder_begin(void **state);
int set_folder_end(void **state);

/* An IDX file of element i = i * 3 + seed (mod 256), cut by `cut` bytes. */
void set_idx(const char *name, int rank, const int *dims, int seed, long cut);
extern const int set_seven[3]; /* 7 images of 2x3 */

/* An IDX label file: label i is i mod classes. */
void set_labels(const char *name, int count, int classes);

/* A .npz of x (float32 n x 2 x 2, i / 4), ids (int64 n, 1000 - i) and labels
 * of a type (the last is `last` where the type is int64, else all 0). */
void set_npz(const char *name, int64_t n, enum dtype labels,
             int64_t label_count, int64_t last);

#endif
