/*
 * Tensors of a model file. Elements lie in raw_data, in the field of their
 * type, or in another file; every way's size is checked against the shape
 * before anything is allocated.
 */
#include "onnx/parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw_data is little-endian and shared as it is"
#endif

bool onnx_tensor_is_external(const Onnx__TensorProto *proto)
{
    return proto->has_data_location &&
           proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

const char *onnx_external_entry(const Onnx__TensorProto *proto, const char *key)
{
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0)
            return entry->value;
    }
    return NULL;
}

static int read_shape(struct tensor *out, const Onnx__TensorProto *proto,
                      size_t *bytes, struct error *err)
{
    *out = (struct tensor){.dtype = (enum dtype)proto->data_type};
    size_t size = proto->data_type > 0 ? dtype_size(out->dtype) : 0;
    if (!size)
        return error_set(err, ERROR_UNSUPPORTED,
                         "element type %" PRId32 " (%s)", proto->data_type,
                         proto->data_type > 0 ? dtype_name(out->dtype)
                                              : "none");
    if (proto->n_dims > SHAPE_MAX_RANK)
        return error_set(err, ERROR_UNSUPPORTED,
                         "found %zu dimensions, expected at most %d",
                         proto->n_dims, SHAPE_MAX_RANK);
    out->shape.rank = (int)proto->n_dims;
    for (size_t i = 0; i < proto->n_dims; i++)
        out->shape.dims[i] = proto->dims[i];
    int64_t elements = shape_elements(&out->shape);
    if (elements < 0 || __builtin_mul_overflow((size_t)elements, size, bytes) ||
        *bytes > SIZE_MAX / 4) {
        char text[SHAPE_TEXT_BYTES];
        return error_set(err, ERROR_FORMAT, "found the impossible shape %s",
                         shape_text(&out->shape, text));
    }
    return 0;
}

static int wrong_size(const struct tensor *tensor, size_t found,
                      size_t expected, const char *unit, struct error *err)
{
    char text[SHAPE_TEXT_BYTES];
    return error_set(err, ERROR_FORMAT,
                     "found %zu %s, expected %zu for %s of %s", found, unit,
                     expected, shape_text(&tensor->shape, text),
                     dtype_name(tensor->dtype));
}

static void drop_file(void *owner)
{
    onnx_file_drop(owner);
}

/* Shares `data` when it is aligned for its type, else copies it. */
static int take_bytes(struct tensor *out, struct onnx_file *file,
                      const unsigned char *data, size_t bytes,
                      struct error *err)
{
    if (!bytes || (uintptr_t)data % dtype_size(out->dtype)) {
        struct tensor head = *out;
        if (tensor_init(out, head.dtype, &head.shape, err) < 0)
            return -1;
        if (bytes)
            memcpy(out->data, data, bytes);
        return 0;
    }
    void *shared;
    memcpy(&shared, &data, sizeof shared); /* counted buffers are immutable */
    out->buffer = buffer_wrap(shared, bytes, drop_file, file);
    if (!out->buffer)
        return error_memory(err, bytes);
    atomic_fetch_add_explicit(&file->holders, 1, memory_order_relaxed);
    out->data = shared;
    return 0;
}

/* One row per field of typed elements: which types lie in it. */
enum field {
    FIELD_FLOAT,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_DOUBLE,
    FIELD_UINT64
};

static const enum field field_of[DTYPE_COUNT] = {
    [DTYPE_FLOAT32] = FIELD_FLOAT,  [DTYPE_UINT8] = FIELD_INT32,
    [DTYPE_INT8] = FIELD_INT32,     [DTYPE_UINT16] = FIELD_INT32,
    [DTYPE_INT16] = FIELD_INT32,    [DTYPE_INT32] = FIELD_INT32,
    [DTYPE_INT64] = FIELD_INT64,    [DTYPE_BOOL] = FIELD_INT32,
    [DTYPE_FLOAT16] = FIELD_INT32,  [DTYPE_FLOAT64] = FIELD_DOUBLE,
    [DTYPE_UINT32] = FIELD_UINT64,  [DTYPE_UINT64] = FIELD_UINT64,
    [DTYPE_BFLOAT16] = FIELD_INT32,
};

/* Elements of `wide` bytes each, of which the low `narrow` are kept: that is
 * how int8, float16 and others lie in int32_data (little-endian). */
static void narrow_elements(unsigned char *to, const void *from, size_t count,
                            size_t wide, size_t narrow)
{
    const unsigned char *p = from;
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * narrow, p + i * wide, narrow);
}

static int read_typed(struct tensor *out, const Onnx__TensorProto *proto,
                      size_t bytes, struct error *err)
{
    const struct {
        const void *data;
        size_t count, wide;
    } fields[] = {
        [FIELD_FLOAT] = {proto->float_data, proto->n_float_data, 4},
        [FIELD_INT32] = {proto->int32_data, proto->n_int32_data, 4},
        [FIELD_INT64] = {proto->int64_data, proto->n_int64_data, 8},
        [FIELD_DOUBLE] = {proto->double_data, proto->n_double_data, 8},
        [FIELD_UINT64] = {proto->uint64_data, proto->n_uint64_data, 8},
    };
    enum field field = field_of[out->dtype];
    size_t narrow = dtype_size(out->dtype), count = bytes / narrow;
    if (fields[field].count != count)
        return wrong_size(out, fields[field].count, count, "elements", err);
    struct tensor head = *out;
    if (tensor_init(out, head.dtype, &head.shape, err) < 0)
        return -1;
    narrow_elements(out->data, fields[field].data, count, fields[field].wide,
                    narrow);
    return 0;
}

/* A decimal number; a missing entry gives `otherwise`. */
static int read_entry(const Onnx__TensorProto *proto, const char *key,
                      size_t otherwise, size_t *number, struct error *err)
{
    const char *text = onnx_external_entry(proto, key);
    *number = otherwise;
    if (!text)
        return 0;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || value > SIZE_MAX)
        return error_set(err, ERROR_FORMAT,
                         "external data: found %s '%.40s', expected a number",
                         key, text);
    *number = (size_t)value;
    return 0;
}

static int read_external(struct tensor *out, struct onnx_file *file,
                         const Onnx__TensorProto *proto, size_t bytes,
                         struct error *err)
{
    const char *location = onnx_external_entry(proto, "location");
    size_t offset, length;
    struct file_map map;
    if (!location)
        return error_set(err, ERROR_FORMAT, "external data without location");
    if (read_entry(proto, "offset", 0, &offset, err) < 0 ||
        read_entry(proto, "length", bytes, &length, err) < 0 ||
        onnx_file_external(file, location, &map, err) < 0)
        return -1;
    if (length != bytes)
        return wrong_size(out, length, bytes, "bytes", err);
    if (offset > map.bytes || length > map.bytes - offset)
        return error_set(err, ERROR_FORMAT,
                         "external data '%s': found %zu bytes, expected %zu "
                         "behind byte %zu",
                         location, map.bytes, length, offset);
    return take_bytes(out, file, map.data ? map.data + offset : NULL, bytes,
                      err);
}

int onnx_tensor_read(struct tensor *out, struct onnx_file *file,
                     const Onnx__TensorProto *proto, struct error *err)
{
    size_t bytes = 0;
    int result = read_shape(out, proto, &bytes, err);
    if (result < 0)
        goto out;
    if (proto->segment)
        result = error_set(err, ERROR_UNSUPPORTED, "a tensor in segments");
    else if (onnx_tensor_is_external(proto))
        result = read_external(out, file, proto, bytes, err);
    else if (!proto->has_raw_data)
        result = read_typed(out, proto, bytes, err);
    else if (proto->raw_data.len != bytes)
        result = wrong_size(out, proto->raw_data.len, bytes, "bytes", err);
    else
        result = take_bytes(out, file, proto->raw_data.data, bytes, err);
out:
    if (result < 0)
        *out = (struct tensor){0};
    return result;
}
