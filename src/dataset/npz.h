/* NumPy's .npy and .npz (zip of .npy), read and written. */
#ifndef DATASET_NPZ_H
#define DATASET_NPZ_H

#include "base/error.h"
#include "tensor/tensor.h"

struct npz_array {
    char *name; /* without ".npy" */
    struct tensor tensor;
};

struct npz {
    struct npz_array *arrays;
    size_t count;
};

/*
 * Reads every array (stored or deflated members; C or Fortran order; little
 * endian), or the one array of a .npy, which has the name "".
 * Errors "PATH: ...": ERROR_IO, ERROR_FORMAT (truncated, checksum, header),
 * ERROR_UNSUPPORTED (zip64, encryption, big endian, strings and objects).
 */
int npz_read(struct npz *npz, const char *path, struct error *err);
/* The same from memory; its errors name no path. */
int npz_parse(struct npz *npz, const void *bytes, size_t count,
              struct error *err);
void npz_release(struct npz *npz);
/* Of a zip only the arrays of these names (NULL-terminated) that it has: the
 * rest costs nothing and is not looked at. */
int npz_read_only(struct npz *npz, const char *path, const char *const *names,
                  struct error *err);
const struct tensor *npz_find(const struct npz *npz, const char *name);

/*
 * Adds an array of one dimension.
 * capacity  of npz->arrays, 0 at first
 * data      (elements), copied
 */
int npz_add(struct npz *npz, size_t *capacity, const char *name,
            enum dtype dtype, size_t elements, const void *data,
            struct error *err);

/* Writes arrays to a deflated .npz that numpy.load reads, atomically. Names
 * are used as they are (initializer names with '/' and ':' are fine). */
int npz_write(const char *path, const struct npz_array *arrays, size_t count,
              struct error *err);

#endif
