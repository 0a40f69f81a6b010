/* Inside `dataset`: one .npy array in memory. */
#ifndef DATASET_NPY_H
#define DATASET_NPY_H

#include "base/strbuf.h"
#include "tensor/tensor.h"

/* Reads an array; bytes behind it are an error. Errors name no file. */
int npy_parse(struct tensor *out, const unsigned char *bytes, size_t count,
              struct error *err);

/* Adds magic, version 1.0 and the header of a C-ordered array. Returns 0, or
 * -1 with ERROR_UNSUPPORTED for a type that NumPy does not know. */
int npy_add_header(struct strbuf *out, enum dtype dtype,
                   const struct shape *shape, struct error *err);

#endif
