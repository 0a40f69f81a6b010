/*
 * Writes .npz: every member deflated, dated 1980-01-01 so that the same
 * arrays give the same bytes. See npz.c for the container.
 */
#include "dataset/npz.h"

#include "base/array.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "dataset/inflate.h"
#include "dataset/npy.h"
#include "dataset/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 20, DATE_1980 = 0x21 };

/* One member after its bytes were written. */
struct member {
    uint32_t crc, packed, size, offset;
};

struct zip {
    struct file_writer file;
    struct strbuf directory;
    uint64_t offset; /* bytes written */
    size_t members;
};

static void add16(struct strbuf *s, unsigned value)
{
    unsigned char bytes[2] = {value & 0xff, value >> 8 & 0xff};
    strbuf_add_bytes(s, bytes, sizeof bytes);
}

static void add32(struct strbuf *s, uint32_t value)
{
    add16(s, value & 0xffff);
    add16(s, value >> 16);
}

/* The fields that local headers and the directory have in common. */
static void add_common(struct strbuf *s, const struct member *member,
                       size_t name_bytes)
{
    add16(s, VERSION);
    add16(s, ZIP_UTF8);
    add16(s, ZIP_DEFLATED);
    add16(s, 0); /* midnight */
    add16(s, DATE_1980);
    add32(s, member->crc);
    add32(s, member->packed);
    add32(s, member->size);
    add16(s, (unsigned)name_bytes);
    add16(s, 0); /* no extra field */
}

static int put(struct zip *zip, const void *data, size_t bytes,
               struct error *err)
{
    zip->offset += bytes;
    return file_add(&zip->file, data, bytes, err);
}

/* The whole of `in` deflated into owned memory. */
static int deflate_all(unsigned char **out, size_t *packed, z_stream *z,
                       const struct strbuf *header, const struct tensor *array,
                       struct error *err)
{
    size_t data = tensor_bytes(array);
    size_t room = deflateBound(z, (uLong)(header->length + data)) + 64;
    if (room > UINT_MAX)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%zu bytes, expected less than 4 GB per array", data);
    *out = malloc(room);
    if (!*out)
        return error_memory(err, room);
    z->next_out = *out;
    z->avail_out = (uInt)room;
    z->next_in = (const Bytef *)header->text;
    z->avail_in = (uInt)header->length;
    int code = deflate(z, Z_NO_FLUSH);
    z->next_in = array->data;
    z->avail_in = (uInt)data;
    if (code == Z_OK)
        code = deflate(z, Z_FINISH);
    *packed = room - z->avail_out;
    return code == Z_STREAM_END
               ? 0
               : error_set(err, ERROR_FORMAT, "cannot compress: %s",
                           zError(code));
}

static int pack(unsigned char **out, struct member *member,
                const struct tensor *array, struct error *err)
{
    struct strbuf header = {0};
    z_stream z = {0};
    size_t packed = 0, data = tensor_bytes(array);
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, INFLATE_RAW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return error_memory(err, 1 << 18);
    int result = npy_add_header(&header, array->dtype, &array->shape, err);
    if (!result)
        result = deflate_all(out, &packed, &z, &header, array, err);
    if (!result) {
        uLong crc = crc32_z(0, (const Bytef *)header.text, header.length);
        if (data)
            crc = crc32_z(crc, array->data, data);
        member->crc = (uint32_t)crc;
        member->packed = (uint32_t)packed;
        member->size = (uint32_t)(header.length + data);
    }
    deflateEnd(&z);
    strbuf_release(&header);
    return result;
}

static int add_array(struct zip *zip, const struct npz_array *array,
                     struct error *err)
{
    struct member member = {.offset = (uint32_t)zip->offset};
    struct strbuf local = {0}, name = {0};
    unsigned char *packed = NULL;
    strbuf_addf(&name, "%s.npy", array->name);
    int result = -1;
    if (name.length > 0xffff || zip->offset > UINT32_MAX / 2) {
        error_set(err, ERROR_UNSUPPORTED,
                  "name or file too long for an ordinary zip");
        goto out;
    }
    if (pack(&packed, &member, &array->tensor, err) < 0)
        goto out;
    add32(&local, ZIP_LOCAL);
    add_common(&local, &member, name.length);
    strbuf_add(&local, strbuf_text(&name));
    struct strbuf *d = &zip->directory;
    add32(d, ZIP_DIRECTORY);
    add16(d, VERSION); /* made by */
    add_common(d, &member, name.length);
    add16(d, 0); /* comment */
    add16(d, 0); /* disk */
    add16(d, 0); /* internal attributes */
    add32(d, 0); /* external attributes */
    add32(d, member.offset);
    strbuf_add(d, strbuf_text(&name));
    zip->members++;
    if (local.failed || name.failed || d->failed)
        result = error_memory(err, local.length + d->length);
    else if (put(zip, local.text, local.length, err) == 0)
        result = put(zip, packed, member.packed, err);
out:
    free(packed);
    strbuf_release(&local);
    strbuf_release(&name);
    return result < 0 ? error_prefix(err, "array '%s'", array->name) : 0;
}

static int add_end(struct zip *zip, struct error *err)
{
    struct strbuf end = {0};
    size_t directory = zip->directory.length;
    add32(&end, ZIP_END);
    add32(&end, 0); /* disks */
    add16(&end, (unsigned)zip->members);
    add16(&end, (unsigned)zip->members);
    add32(&end, (uint32_t)directory);
    add32(&end, (uint32_t)zip->offset);
    add16(&end, 0); /* comment */
    int result = -1;
    if (end.failed)
        error_memory(err, end.length);
    else if (!directory || put(zip, zip->directory.text, directory, err) == 0)
        result = put(zip, end.text, end.length, err);
    strbuf_release(&end);
    return result;
}

int npz_add(struct npz *npz, size_t *capacity, const char *name,
            enum dtype dtype, size_t elements, const void *data,
            struct error *err)
{
    const struct shape shape = {1, {(int64_t)elements}};
    if (array_reserve(&npz->arrays, capacity, npz->count + 1,
                      sizeof *npz->arrays) < 0)
        return error_memory(err, sizeof *npz->arrays);
    struct npz_array *array = &npz->arrays[npz->count];
    *array = (struct npz_array){.name = string_copy(name)};
    if (!array->name)
        return error_memory(err, strlen(name));
    if (tensor_init(&array->tensor, dtype, &shape, err) < 0) {
        free(array->name);
        return -1;
    }
    if (elements)
        memcpy(array->tensor.data, data, tensor_bytes(&array->tensor));
    npz->count++;
    return 0;
}

int npz_write(const char *path, const struct npz_array *arrays, size_t count,
              struct error *err)
{
    struct zip zip = {0};
    if (count >= 0xffff)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: %zu arrays, expected fewer than 65535", path,
                         count);
    if (file_begin(&zip.file, path, err) < 0)
        return error_prefix(err, "%s", path);
    int result = 0;
    for (size_t i = 0; i < count && !result; i++)
        result = add_array(&zip, &arrays[i], err);
    if (!result)
        result = add_end(&zip, err);
    if (!result)
        result = file_commit(&zip.file, err);
    else
        file_abandon(&zip.file);
    strbuf_release(&zip.directory);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}
