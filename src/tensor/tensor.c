#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

struct buffer *buffer_create(size_t bytes)
{
    struct buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return NULL;
    size_t rounded = (bytes + BUFFER_ALIGN) / BUFFER_ALIGN * BUFFER_ALIGN;
    if (rounded < bytes ||
        posix_memalign(&buffer->data, BUFFER_ALIGN, rounded) != 0) {
        free(buffer);
        return NULL;
    }
    memset(buffer->data, 0, rounded);
    buffer->bytes = bytes;
    atomic_init(&buffer->holders, 1);
    return buffer;
}

struct buffer *buffer_wrap(void *data, size_t bytes, void (*release)(void *),
                           void *owner)
{
    struct buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return NULL;
    buffer->data = data;
    buffer->bytes = bytes;
    buffer->release = release;
    buffer->owner = owner;
    atomic_init(&buffer->holders, 1);
    return buffer;
}

struct buffer *buffer_retain(struct buffer *buffer)
{
    if (buffer)
        atomic_fetch_add_explicit(&buffer->holders, 1, memory_order_relaxed);
    return buffer;
}

void buffer_drop(struct buffer *buffer)
{
    if (!buffer || atomic_fetch_sub_explicit(&buffer->holders, 1,
                                             memory_order_acq_rel) != 1)
        return;
    if (buffer->release)
        buffer->release(buffer->owner);
    else
        free(buffer->data);
    free(buffer);
}

int tensor_init(struct tensor *tensor, enum dtype dtype,
                const struct shape *shape, struct error *err)
{
    *tensor = (struct tensor){.dtype = dtype, .shape = *shape};
    int64_t elements = shape_elements(shape);
    size_t size = dtype_size(dtype);
    if (elements < 0 || !size)
        return error_set(err, ERROR_SHAPE,
                         "a tensor of type %s has no known size",
                         dtype_name(dtype));
    size_t bytes;
    if (__builtin_mul_overflow((size_t)elements, size, &bytes))
        return error_memory(err, ~0ull);
    tensor->buffer = buffer_create(bytes);
    if (!tensor->buffer)
        return error_memory(err, bytes);
    tensor->data = tensor->buffer->data;
    return 0;
}

void tensor_release(struct tensor *tensor)
{
    buffer_drop(tensor->buffer);
    *tensor = (struct tensor){0};
}

struct tensor tensor_share(const struct tensor *tensor)
{
    struct tensor copy = *tensor;
    buffer_retain(copy.buffer);
    return copy;
}

int64_t tensor_elements(const struct tensor *tensor)
{
    return shape_elements(&tensor->shape);
}

size_t tensor_bytes(const struct tensor *tensor)
{
    int64_t elements = tensor_elements(tensor);
    return elements < 0 ? 0 : (size_t)elements * dtype_size(tensor->dtype);
}

/* One row per type: how an element is read and written as double or int64. */
#define LOAD(ctype) ((const ctype *)data)[i]

static double load_number(enum dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case DTYPE_FLOAT32:
        return (double)LOAD(float);
    case DTYPE_FLOAT64:
        return LOAD(double);
    case DTYPE_FLOAT16:
        return (double)float16_to_float32(LOAD(uint16_t));
    case DTYPE_BFLOAT16:
        return (double)bfloat16_to_float32(LOAD(uint16_t));
    case DTYPE_UINT64:
        return (double)LOAD(uint64_t);
    default:
        return 0;
    }
}

static int64_t load_integer(enum dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case DTYPE_INT64:
        return LOAD(int64_t);
    case DTYPE_INT32:
        return LOAD(int32_t);
    case DTYPE_INT16:
        return LOAD(int16_t);
    case DTYPE_INT8:
        return LOAD(int8_t);
    case DTYPE_UINT8:
        return LOAD(uint8_t);
    case DTYPE_UINT16:
        return LOAD(uint16_t);
    case DTYPE_UINT32:
        return LOAD(uint32_t);
    case DTYPE_UINT64:
        return (int64_t)LOAD(uint64_t);
    case DTYPE_BOOL:
        return LOAD(uint8_t) != 0;
    default:
        return 0;
    }
}

static bool is_real(enum dtype dtype)
{
    return !dtype_is_integer(dtype) || dtype == DTYPE_UINT64;
}

double tensor_number(const struct tensor *tensor, int64_t i)
{
    return is_real(tensor->dtype)
               ? load_number(tensor->dtype, tensor->data, i)
               : (double)load_integer(tensor->dtype, tensor->data, i);
}

static int64_t integer_of(double x)
{
    if (!(x > -9.2e18))
        return x != x ? 0 : INT64_MIN;
    return x < 9.2e18 ? (int64_t)x : INT64_MAX;
}

int64_t tensor_integer(const struct tensor *tensor, int64_t i)
{
    return dtype_is_integer(tensor->dtype)
               ? load_integer(tensor->dtype, tensor->data, i)
               : integer_of(load_number(tensor->dtype, tensor->data, i));
}

int64_t tensor_nonzeros(const struct tensor *tensor)
{
    int64_t nonzeros = 0, count = tensor_elements(tensor);
    if (tensor->dtype == DTYPE_FLOAT32) {
        const float *data = tensor->data;
        for (int64_t i = 0; i < count; i++)
            nonzeros += data[i] != 0;
        return nonzeros;
    }
    for (int64_t i = 0; i < count; i++)
        nonzeros += tensor_number(tensor, i) != 0;
    return nonzeros;
}

#define STORE(ctype, value) ((ctype *)data)[i] = (ctype)(value)

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* Integers too large for their type become its largest. */
static int64_t saturate(enum dtype dtype, int64_t x)
{
    switch (dtype) {
    case DTYPE_INT32:
        return clamp(x, INT32_MIN, INT32_MAX);
    case DTYPE_UINT32:
        return clamp(x, 0, UINT32_MAX);
    case DTYPE_INT16:
        return clamp(x, INT16_MIN, INT16_MAX);
    case DTYPE_UINT16:
        return clamp(x, 0, UINT16_MAX);
    case DTYPE_INT8:
        return clamp(x, INT8_MIN, INT8_MAX);
    case DTYPE_UINT8:
        return clamp(x, 0, UINT8_MAX);
    default:
        return x;
    }
}

static void store(enum dtype dtype, void *data, int64_t i, double real,
                  int64_t integer)
{
    switch (dtype) {
    case DTYPE_FLOAT32:
        STORE(float, real);
        break;
    case DTYPE_FLOAT64:
        STORE(double, real);
        break;
    case DTYPE_FLOAT16:
        STORE(uint16_t, float32_to_float16((float)real));
        break;
    case DTYPE_BFLOAT16:
        STORE(uint16_t, float32_to_bfloat16((float)real));
        break;
    case DTYPE_INT64:
    case DTYPE_UINT64:
        STORE(int64_t, integer);
        break;
    case DTYPE_INT32:
    case DTYPE_UINT32:
        STORE(uint32_t, integer);
        break;
    case DTYPE_INT16:
    case DTYPE_UINT16:
        STORE(uint16_t, integer);
        break;
    case DTYPE_INT8:
    case DTYPE_UINT8:
        STORE(uint8_t, integer);
        break;
    case DTYPE_BOOL:
        STORE(uint8_t, real != 0);
        break;
    default:
        break;
    }
}

int tensor_convert(struct tensor *out, const struct tensor *in,
                   enum dtype dtype, struct error *err)
{
    if (!dtype_size(in->dtype) || !dtype_size(dtype))
        return error_set(err, ERROR_UNSUPPORTED, "cannot convert from %s to %s",
                         dtype_name(in->dtype), dtype_name(dtype));
    if (tensor_init(out, dtype, &in->shape, err) < 0)
        return -1;
    int64_t count = tensor_elements(in);
    if (in->dtype == dtype) {
        if (count)
            memcpy(out->data, in->data, tensor_bytes(in));
        return 0;
    }
    bool whole = dtype_is_integer(in->dtype); /* wraps, as casts do */
    for (int64_t i = 0; i < count; i++) {
        int64_t integer = tensor_integer(in, i);
        store(dtype, out->data, i, tensor_number(in, i),
              whole ? integer : saturate(dtype, integer));
    }
    return 0;
}
