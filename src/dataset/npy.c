/*
 * A .npy file: magic, version, length of the header, the header (a Python
 * dictionary literal), the elements.
 * Source: numpy/lib/format.py, "Format Version 1.0" to 3.0 (documentation).
 */
#include "dataset/npy.h"

#include "base/array.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char MAGIC[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
enum { PREFIX = 10, ALIGNMENT = 64 };

/* NumPy's code without the byte order. */
static const struct {
    const char *code;
    enum dtype dtype;
} codes[] = {
    {"f4", DTYPE_FLOAT32}, {"f8", DTYPE_FLOAT64}, {"f2", DTYPE_FLOAT16},
    {"u1", DTYPE_UINT8},   {"i1", DTYPE_INT8},    {"u2", DTYPE_UINT16},
    {"i2", DTYPE_INT16},   {"u4", DTYPE_UINT32},  {"i4", DTYPE_INT32},
    {"u8", DTYPE_UINT64},  {"i8", DTYPE_INT64},   {"b1", DTYPE_BOOL},
};

/* The header's text while it is read. */
struct cursor {
    const char *at, *end;
};

static void skip_spaces(struct cursor *c)
{
    while (c->at < c->end && isspace((unsigned char)*c->at))
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_spaces(c);
    if (c->at >= c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* 'text' in either kind of quotes, at most room - 1 characters. */
static bool take_string(struct cursor *c, char *text, size_t room)
{
    char quote = '\'';
    if (!take(c, quote) && !take(c, quote = '"'))
        return false;
    size_t n = 0;
    for (; c->at < c->end && *c->at != quote; c->at++) {
        if (n + 1 >= room)
            return false;
        text[n++] = *c->at;
    }
    text[n] = '\0';
    return take(c, quote);
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    skip_spaces(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

static bool take_number(struct cursor *c, int64_t *number)
{
    skip_spaces(c);
    const char *start = c->at;
    *number = 0;
    for (; c->at < c->end && isdigit((unsigned char)*c->at); c->at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, *c->at - '0', number))
            return false;
    if (c->at > start && c->at < c->end && *c->at == 'L')
        c->at++; /* Python 2 wrote long integers so */
    return c->at > start;
}

/* (), (3,), (3, 4) */
static bool take_shape(struct cursor *c, struct shape *shape)
{
    *shape = (struct shape){0};
    if (!take(c, '('))
        return false;
    while (!take(c, ')')) {
        if (shape->rank >= SHAPE_MAX_RANK ||
            !take_number(c, &shape->dims[shape->rank++]))
            return false;
        if (!take(c, ',')) {
            if (!take(c, ')'))
                return false;
            break;
        }
    }
    return true;
}

struct header {
    char descr[24];
    bool fortran;
    struct shape shape;
    unsigned seen; /* one bit per key */
};

static bool take_bool(struct cursor *c, bool *value)
{
    *value = take_word(c, "True");
    return *value || take_word(c, "False");
}

static bool take_entry(struct cursor *c, struct header *h)
{
    char key[24];
    if (!take_string(c, key, sizeof key) || !take(c, ':'))
        return false;
    if (strcmp(key, "descr") == 0) {
        h->seen |= 1;
        return take_string(c, h->descr, sizeof h->descr);
    }
    if (strcmp(key, "fortran_order") == 0) {
        h->seen |= 2;
        return take_bool(c, &h->fortran);
    }
    h->seen |= 4;
    return strcmp(key, "shape") == 0 && take_shape(c, &h->shape);
}

static int parse_header(struct header *h, const char *text, size_t bytes,
                        struct error *err)
{
    struct cursor c = {text, text + bytes};
    bool good = take(&c, '{');
    *h = (struct header){0};
    while (good && !take(&c, '}')) {
        good = take_entry(&c, h);
        if (good && !take(&c, ',')) {
            good = take(&c, '}');
            break;
        }
    }
    skip_spaces(&c);
    if (good && h->seen == 7 && c.at == c.end)
        return 0;
    int shown = bytes < 80 ? (int)bytes : 80;
    for (int i = 0; i < shown; i++)
        if (!isprint((unsigned char)text[i]))
            shown = i;
    return error_set(err, ERROR_FORMAT,
                     "npy header '%.*s' is not a plain array's", shown, text);
}

static int type_of(enum dtype *dtype, const char *descr, struct error *err)
{
    char order = descr[0];
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        if (!order || strcmp(descr + 1, codes[i].code) != 0)
            continue;
        if (order == '>' && descr[2] != '1')
            return error_set(err, ERROR_UNSUPPORTED,
                             "type '%s' is big endian, expected '<%s'", descr,
                             codes[i].code);
        *dtype = codes[i].dtype;
        return 0;
    }
    return error_set(err, ERROR_UNSUPPORTED,
                     "element type '%s', expected numbers or bool", descr);
}

/* Where the header ends and what it says. */
static int read_header(struct header *h, size_t *used,
                       const unsigned char *bytes, size_t count,
                       struct error *err)
{
    if (count < PREFIX || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return error_set(err, ERROR_FORMAT, "no npy header");
    bool wide = bytes[6] >= 2;
    size_t start = wide ? PREFIX + 2 : PREFIX;
    if (bytes[6] < 1 || bytes[6] > 3)
        return error_set(err, ERROR_UNSUPPORTED,
                         "npy version %d, expected 1 to 3", bytes[6]);
    if (count < start)
        return error_set(err, ERROR_FORMAT, "truncated npy header");
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (wide)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > count - start)
        return error_set(err, ERROR_FORMAT, "truncated npy header");
    *used = start + length;
    return parse_header(h, (const char *)bytes + start, length, err);
}

/* Column-major elements to row-major ones. */
static void from_fortran(struct tensor *out, const unsigned char *from)
{
    const struct shape *s = &out->shape;
    size_t size = dtype_size(out->dtype);
    int64_t elements = shape_elements(s), index[SHAPE_MAX_RANK] = {0};
    int64_t stride[SHAPE_MAX_RANK], step = 1;
    for (int d = 0; d < s->rank; d++) {
        stride[d] = step;
        step *= s->dims[d];
    }
    int64_t at = 0;
    for (int64_t i = 0; i < elements; i++) {
        memcpy((char *)out->data + (size_t)i * size, from + (size_t)at * size,
               size);
        for (int d = s->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < s->dims[d])
                break;
            at -= stride[d] * index[d];
            index[d] = 0;
        }
    }
}

int npy_parse(struct tensor *out, const unsigned char *bytes, size_t count,
              struct error *err)
{
    struct header h;
    size_t used = 0;
    enum dtype dtype = DTYPE_NONE;
    char text[SHAPE_TEXT_BYTES];
    *out = (struct tensor){0};
    if (read_header(&h, &used, bytes, count, err) < 0 ||
        type_of(&dtype, h.descr, err) < 0)
        return -1;
    int64_t elements = shape_elements(&h.shape);
    size_t left = count - used, size = dtype_size(dtype);
    if (elements < 0 || (size_t)elements > left / size ||
        (size_t)elements * size != left)
        return error_set(err, ERROR_FORMAT,
                         "%zu bytes of elements, expected %s of %zu bytes",
                         left, shape_text(&h.shape, text), size);
    if (tensor_init(out, dtype, &h.shape, err) < 0)
        return -1;
    if (h.fortran && h.shape.rank > 1)
        from_fortran(out, bytes + used);
    else
        memcpy(out->data, bytes + used, left);
    return 0;
}

static const char *code_of(enum dtype dtype)
{
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++)
        if (codes[i].dtype == dtype)
            return codes[i].code;
    return NULL;
}

int npy_add_header(struct strbuf *out, enum dtype dtype,
                   const struct shape *shape, struct error *err)
{
    const char *code = code_of(dtype);
    if (!code)
        return error_set(err, ERROR_UNSUPPORTED, "NumPy has no type %s",
                         dtype_name(dtype));
    struct strbuf text = {0};
    strbuf_addf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                dtype_size(dtype) == 1 ? '|' : '<', code);
    for (int i = 0; i < shape->rank; i++)
        strbuf_addf(&text, "%s%" PRId64 "%s", i ? " " : "", shape->dims[i],
                    i + 1 < shape->rank || shape->rank == 1 ? "," : "");
    strbuf_add(&text, "), }");
    /* Elements begin at a multiple of 64 bytes; the header ends a line. */
    while ((PREFIX + text.length + 1) % ALIGNMENT && !text.failed)
        strbuf_add(&text, " ");
    strbuf_add(&text, "\n");
    unsigned char prefix[PREFIX] = {[6] = 1, [7] = 0};
    memcpy(prefix, MAGIC, sizeof MAGIC);
    prefix[8] = (unsigned char)(text.length & 0xff);
    prefix[9] = (unsigned char)(text.length >> 8);
    strbuf_add_bytes(out, prefix, sizeof prefix);
    strbuf_add_bytes(out, strbuf_text(&text), text.length);
    bool failed = text.failed || out->failed;
    strbuf_release(&text);
    return failed ? error_memory(err, ALIGNMENT) : 0;
}
