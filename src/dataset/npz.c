/*
 * The zip container of .npz, by hand over zlib: members are found through
 * the central directory (NumPy's local headers carry zip64 placeholders, its
 * directory does not), stored or deflated, checked by CRC-32.
 * Source: PKWARE APPNOTE 6.3.3, sections 4.3.7, 4.3.12, 4.3.16.
 */
#include "dataset/npz.h"

#include "base/array.h"
#include "base/file.h"
#include "dataset/inflate.h"
#include "dataset/npy.h"
#include "dataset/zip.h"

#include <stdlib.h>
#include <string.h>

enum { COMMENT_MAX = 65535 };

struct bytes {
    const unsigned char *data;
    size_t count;
};

struct member {
    struct bytes name, packed;
    unsigned method;
    uint32_t crc;
    size_t size; /* unpacked */
};

static unsigned get16(const unsigned char *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t get32(const unsigned char *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static int damaged(struct error *err)
{
    return error_set(err, ERROR_FORMAT,
                     "truncated or damaged: no complete zip directory");
}

/* The end record stands behind everything but a comment. */
static int find_end(const struct bytes *file, size_t *directory, size_t *bytes,
                    size_t *members, struct error *err)
{
    if (file->count < ZIP_END_BYTES)
        return damaged(err);
    size_t last = file->count - ZIP_END_BYTES;
    size_t first = last > COMMENT_MAX ? last - COMMENT_MAX : 0;
    for (size_t at = last + 1; at-- > first;) {
        const unsigned char *p = file->data + at;
        if (get32(p) != ZIP_END || get16(p + 20) != last - at)
            continue;
        *members = get16(p + 10);
        *bytes = get32(p + 12);
        *directory = get32(p + 16);
        if (*members == 0xffff || *bytes == UINT32_MAX ||
            *directory == UINT32_MAX)
            return error_set(err, ERROR_UNSUPPORTED,
                             "zip64, expected an ordinary zip below 4 GB");
        if (*directory > at || *bytes > at - *directory)
            return damaged(err);
        return 0;
    }
    return damaged(err);
}

/* Reads one directory entry and finds its bytes behind its local header. */
static int read_member(struct member *member, const struct bytes *file,
                       size_t *at, size_t end, struct error *err)
{
    const unsigned char *p = file->data + *at;
    if (end - *at < ZIP_DIRECTORY_BYTES || get32(p) != ZIP_DIRECTORY)
        return damaged(err);
    size_t name = get16(p + 28);
    size_t entry = ZIP_DIRECTORY_BYTES + name + get16(p + 30) + get16(p + 32);
    if (end - *at < entry)
        return damaged(err);
    *member = (struct member){.name = {p + ZIP_DIRECTORY_BYTES, name},
                              .method = get16(p + 10),
                              .crc = get32(p + 16),
                              .size = get32(p + 24)};
    if (get16(p + 8) & ZIP_ENCRYPTED)
        return error_set(err, ERROR_UNSUPPORTED, "encrypted member");
    member->packed.count = get32(p + 20);
    size_t local = get32(p + 42);
    if (member->packed.count == UINT32_MAX || member->size == UINT32_MAX ||
        local == UINT32_MAX)
        return error_set(err, ERROR_UNSUPPORTED,
                         "zip64, expected an ordinary zip below 4 GB");
    if (local > file->count || file->count - local < ZIP_LOCAL_BYTES ||
        get32(file->data + local) != ZIP_LOCAL)
        return damaged(err);
    size_t start = local + ZIP_LOCAL_BYTES + get16(file->data + local + 26) +
                   get16(file->data + local + 28);
    if (start > file->count || file->count - start < member->packed.count)
        return damaged(err);
    member->packed.data = file->data + start;
    *at += entry;
    return 0;
}

static int inflate_member(unsigned char *out, const struct member *member,
                          struct error *err)
{
    struct inflater inflater;
    if (inflater_init(&inflater, INFLATE_RAW, member->packed.data,
                      member->packed.count, err) < 0)
        return -1;
    int result = inflater_take(&inflater, out, member->size, err);
    if (!result)
        result = inflater_finish(&inflater, err);
    inflater_release(&inflater);
    return result;
}

static uint32_t checksum(const void *data, size_t bytes)
{
    return (uint32_t)crc32_z(0, data, bytes);
}

static int unpack(struct tensor *out, const struct member *member,
                  struct error *err)
{
    const unsigned char *data = member->packed.data;
    unsigned char *own = NULL;
    if (member->method != ZIP_STORED && member->method != ZIP_DEFLATED)
        return error_set(err, ERROR_UNSUPPORTED,
                         "zip method %u, expected stored or deflated",
                         member->method);
    if (member->method == ZIP_STORED
            ? member->size != member->packed.count
            : member->size / INFLATE_MAX_RATIO > member->packed.count)
        return error_set(err, ERROR_FORMAT, "size does not fit its %zu bytes",
                         member->packed.count);
    if (member->method == ZIP_DEFLATED) {
        own = malloc(member->size ? member->size : 1);
        if (!own)
            return error_memory(err, member->size);
        if (inflate_member(own, member, err) < 0) {
            free(own);
            return -1;
        }
        data = own;
    }
    int result = 0;
    if (checksum(data, member->size) != member->crc)
        result = error_set(err, ERROR_FORMAT,
                           "checksum differs: the data is damaged");
    else
        result = npy_parse(out, data, member->size, err);
    free(own);
    return result;
}

/* A member's name as an array's: without ".npy". Owned; NULL: no memory. */
static char *array_name(const struct member *member)
{
    const char *text = (const char *)member->name.data;
    size_t n = member->name.count;
    if (n >= 4 && memcmp(text + n - 4, ".npy", 4) == 0)
        n -= 4;
    return strndup(text, n);
}

static int read_array(struct npz_array *array, const struct member *member,
                      struct error *err)
{
    array->name = array_name(member);
    if (!array->name)
        return error_memory(err, member->name.count);
    if (unpack(&array->tensor, member, err) < 0)
        return error_prefix(err, "array '%s'", array->name);
    return 0;
}

/* Whether a member is among those wanted; NULL: all are. */
static bool is_wanted(const struct member *member, const char *const *names)
{
    if (!names)
        return true;
    for (size_t i = 0; names[i]; i++) {
        size_t length = strlen(names[i]);
        if (member->name.count == length + 4 &&
            !memcmp(member->name.data, names[i], length) &&
            !memcmp(member->name.data + length, ".npy", 4))
            return true;
    }
    return false;
}

static int parse_zip(struct npz *npz, const struct bytes *file,
                     const char *const *names, struct error *err)
{
    size_t at = 0, bytes = 0, members = 0;
    if (find_end(file, &at, &bytes, &members, err) < 0)
        return -1;
    size_t end = at + bytes;
    if (members > bytes / ZIP_DIRECTORY_BYTES)
        return damaged(err);
    npz->arrays = array_create(members, sizeof *npz->arrays);
    if (!npz->arrays)
        return error_memory(err, members * sizeof *npz->arrays);
    for (size_t i = 0; i < members; i++) {
        struct member member = {0};
        struct npz_array *array = &npz->arrays[npz->count];
        if (read_member(&member, file, &at, end, err) < 0)
            return -1;
        if (!is_wanted(&member, names))
            continue;
        if (read_array(array, &member, err) < 0) {
            free(array->name);
            return -1;
        }
        npz->count++;
    }
    return 0;
}

static int parse_npy(struct npz *npz, const struct bytes *file,
                     struct error *err)
{
    npz->arrays = array_create(1, sizeof *npz->arrays);
    if (!npz->arrays || !(npz->arrays[0].name = string_copy("")))
        return error_memory(err, sizeof *npz->arrays);
    npz->count = 1;
    return npy_parse(&npz->arrays[0].tensor, file->data, file->count, err);
}

static int parse(struct npz *npz, const void *data, size_t count,
                 const char *const *names, struct error *err)
{
    struct bytes file = {data, count};
    *npz = (struct npz){0};
    int result;
    if (!count)
        result = error_set(err, ERROR_FORMAT, "the file is empty");
    else if (count >= 6 && memcmp(data, "\x93NUMPY", 6) == 0)
        result = parse_npy(npz, &file, err);
    else if (count >= 2 && memcmp(data, "PK", 2) == 0)
        result = parse_zip(npz, &file, names, err);
    else
        result = error_set(err, ERROR_FORMAT, "neither .npz (zip) nor .npy");
    if (result < 0)
        npz_release(npz);
    return result;
}

int npz_parse(struct npz *npz, const void *data, size_t count,
              struct error *err)
{
    return parse(npz, data, count, NULL, err);
}

int npz_read_only(struct npz *npz, const char *path, const char *const *names,
                  struct error *err)
{
    struct file_map map;
    *npz = (struct npz){0};
    if (file_map_open(&map, path, err) < 0)
        return error_prefix(err, "%s", path);
    int result = parse(npz, map.data, map.bytes, names, err);
    file_map_close(&map);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}

int npz_read(struct npz *npz, const char *path, struct error *err)
{
    return npz_read_only(npz, path, NULL, err);
}

void npz_release(struct npz *npz)
{
    for (size_t i = 0; i < npz->count; i++) {
        free(npz->arrays[i].name);
        tensor_release(&npz->arrays[i].tensor);
    }
    free(npz->arrays);
    *npz = (struct npz){0};
}

const struct tensor *npz_find(const struct npz *npz, const char *name)
{
    for (size_t i = 0; i < npz->count; i++)
        if (strcmp(npz->arrays[i].name, name) == 0)
            return &npz->arrays[i].tensor;
    return NULL;
}
