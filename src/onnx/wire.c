/* A look at the protobuf encoding before protobuf-c sees it. */
#include "onnx/parts.h"

struct cursor {
    const unsigned char *begin, *at, *end;
};

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static int fail(const struct cursor *cursor, const char *what,
                struct error *err)
{
    return error_set(err, ERROR_FORMAT, "%s at byte %zu", what,
                     (size_t)(cursor->at - cursor->begin));
}

static int read_varint(struct cursor *cursor, uint64_t *number,
                       struct error *err)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (cursor->at == cursor->end)
            return fail(cursor, "found the end", err);
        unsigned char byte = *cursor->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 127u) << shift;
        if (byte < 128) {
            *number = value;
            return 0;
        }
    }
    return fail(cursor, "found a number of more than ten bytes", err);
}

static int skip(struct cursor *cursor, uint64_t bytes, struct error *err)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    if (bytes > left)
        return error_set(err, ERROR_FORMAT,
                         "found %zu bytes behind byte %zu, expected %llu", left,
                         (size_t)(cursor->at - cursor->begin),
                         (unsigned long long)bytes);
    cursor->at += bytes;
    return 0;
}

static int check_message(struct cursor *cursor,
                         const ProtobufCMessageDescriptor *descriptor,
                         int depth, struct error *err);

static int check_bytes(struct cursor *cursor, uint64_t tag,
                       const ProtobufCMessageDescriptor *descriptor, int depth,
                       struct error *err)
{
    uint64_t length;
    if (read_varint(cursor, &length, err) < 0)
        return -1;
    struct cursor inner = *cursor;
    if (skip(cursor, length, err) < 0)
        return -1;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(descriptor,
                                                (unsigned)(tag >> 3));
    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    inner.end = cursor->at;
    return check_message(&inner, field->descriptor, depth + 1, err);
}

static int check_message(struct cursor *cursor,
                         const ProtobufCMessageDescriptor *descriptor,
                         int depth, struct error *err)
{
    if (depth > WIRE_MAX_DEPTH)
        return fail(cursor, "found more than 100 messages in each other", err);
    int result = 0;
    while (result == 0 && cursor->at < cursor->end) {
        uint64_t tag, ignored;
        if (read_varint(cursor, &tag, err) < 0)
            return -1;
        switch (tag & 7u) {
        case WIRE_VARINT:
            result = read_varint(cursor, &ignored, err);
            break;
        case WIRE_64:
            result = skip(cursor, 8, err);
            break;
        case WIRE_BYTES:
            result = check_bytes(cursor, tag, descriptor, depth, err);
            break;
        case WIRE_32:
            result = skip(cursor, 4, err);
            break;
        default:
            result = fail(cursor, "found no protobuf field", err);
        }
    }
    return result;
}

int wire_check(const unsigned char *data, size_t bytes,
               const ProtobufCMessageDescriptor *descriptor, struct error *err)
{
    struct cursor cursor = {.begin = data, .at = data, .end = data + bytes};
    return check_message(&cursor, descriptor, 1, err);
}
