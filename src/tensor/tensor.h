/* Tensors: typed, shaped views of counted buffers. */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

#include <stdatomic.h>

enum { BUFFER_ALIGN = 64 };

/* Bytes with a count of holders; 64-byte aligned when we allocated them.
 * Shared between threads: immutable once more than one holder has it. */
struct buffer {
    atomic_int holders;
    size_t bytes;
    void *data;
    void (*release)(void *owner); /* for borrowed bytes; NULL: ours */
    void *owner;
};

/* Zeroed memory; NULL when exhausted. One holder: the caller. */
struct buffer *buffer_create(size_t bytes);

/* Wraps foreign bytes (a mapping); `release(owner)` runs with the last drop. */
struct buffer *buffer_wrap(void *data, size_t bytes, void (*release)(void *),
                           void *owner);
struct buffer *buffer_retain(struct buffer *buffer);
void buffer_drop(struct buffer *buffer); /* NULL is fine */

/*
 * Contiguous row-major elements. `data` may be NULL (only type and shape
 * known); `buffer` is NULL when somebody else keeps the bytes alive.
 */
struct tensor {
    enum dtype dtype;
    struct shape shape;
    void *data;
    struct buffer *buffer;
};

/* Allocates zeroed elements. Returns 0, or -1 with ERROR_SHAPE (unknown
 * dimension) or ERROR_MEMORY. */
int tensor_init(struct tensor *tensor, enum dtype dtype,
                const struct shape *shape, struct error *err);
void tensor_release(struct tensor *tensor);

/* A second holder of the same bytes. */
struct tensor tensor_share(const struct tensor *tensor);

/* Elements, -1 when not known; bytes, 0 when not known. */
int64_t tensor_elements(const struct tensor *tensor);
size_t tensor_bytes(const struct tensor *tensor);

/*
 * Converts to another type (saturating floats to integers toward zero, as
 * numpy on in-range values; float16 and bfloat16 round to nearest even).
 * out is initialised by this call and owned by the caller.
 */
int tensor_convert(struct tensor *out, const struct tensor *in,
                   enum dtype dtype, struct error *err);

/* Element i as a number, whatever the type. */
double tensor_number(const struct tensor *tensor, int64_t i);
int64_t tensor_integer(const struct tensor *tensor, int64_t i);

/* How many elements are not zero. */
int64_t tensor_nonzeros(const struct tensor *tensor);

#endif
