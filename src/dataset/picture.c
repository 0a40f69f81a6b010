#include "dataset/picture.h"

#include "base/array.h"
#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct picture_kind *const kinds[] = {&picture_png, &picture_jpeg};

enum { LARGEST_SIDE = 1 << 15 };

static bool ends(const char *name, const char *const *endings)
{
    const char *dot = strrchr(name, '.');
    for (; dot && *endings; endings++)
        if (!strcasecmp(dot + 1, *endings))
            return true;
    return false;
}

bool picture_is_name(const char *name, bool *other)
{
    static const char *const known[] = {"png", "jpg", "jpeg", NULL};
    static const char *const unknown[] = {"bmp",  "gif",  "ppm", "pgm", "tif",
                                          "tiff", "webp", "ico", NULL};
    *other = ends(name, unknown);
    return ends(name, known);
}

static const struct picture_kind *kind_of(const struct file_map *map)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        size_t n = kinds[i]->magic[3] ? 4 : 3;
        if (map->bytes >= n && !memcmp(map->data, kinds[i]->magic, n))
            return kinds[i];
    }
    return NULL;
}

static int measure(struct picture *out, const struct picture_kind **kind,
                   const struct file_map *map, struct error *err)
{
    *kind = kind_of(map);
    if (!*kind)
        return error_set(err, ERROR_UNSUPPORTED,
                         "no picture, expected PNG or JPEG");
    if ((*kind)->measure(out, map->data, map->bytes, err) < 0)
        return -1;
    if (out->height < 1 || out->width < 1 || out->height > LARGEST_SIDE ||
        out->width > LARGEST_SIDE)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%dx%d pixels, expected sides of 1 to %d", out->height,
                         out->width, LARGEST_SIDE);
    return 0;
}

int picture_measure(struct picture *out, const char *path, struct error *err)
{
    struct file_map map;
    const struct picture_kind *kind;
    *out = (struct picture){0};
    if (file_map_open(&map, path, err) < 0)
        return error_prefix(err, "%s", path);
    int result = measure(out, &kind, &map, err);
    file_map_close(&map);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}

/* (h, w, c) to (c, h, w). */
static void to_planes(unsigned char *to, const unsigned char *from,
                      const struct picture *p)
{
    size_t area = (size_t)p->height * (size_t)p->width;
    size_t channels = (size_t)p->channels;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < area; i++)
            to[c * area + i] = from[i * channels + c];
}

static size_t bytes_of(const struct picture *p)
{
    return (size_t)p->channels * (size_t)p->height * (size_t)p->width;
}

static int decode(struct picture *out, const struct file_map *map,
                  struct error *err)
{
    const struct picture_kind *kind;
    if (measure(out, &kind, map, err) < 0)
        return -1;
    unsigned char *pixels = malloc(bytes_of(out));
    out->bytes = malloc(bytes_of(out));
    int result = pixels && out->bytes ? 0 : error_memory(err, bytes_of(out));
    if (!result)
        result = kind->decode(pixels, out, map->data, map->bytes, err);
    if (!result)
        to_planes(out->bytes, pixels, out);
    free(pixels);
    return result;
}

int picture_read(struct picture *out, const char *path, struct error *err)
{
    struct file_map map;
    *out = (struct picture){0};
    if (file_map_open(&map, path, err) < 0)
        return error_prefix(err, "%s", path);
    int result = decode(out, &map, err);
    file_map_close(&map);
    if (!result)
        return 0;
    picture_release(out);
    return error_prefix(err, "%s", path);
}

void picture_release(struct picture *picture)
{
    free(picture->bytes);
    *picture = (struct picture){0};
}

/* --- size --- */

static void resized_size(const struct picture_shape *shape, int *height,
                         int *width)
{
    int side = shape->resize_height;
    if (!side)
        return;
    if (shape->resize_width) {
        *height = side;
        *width = shape->resize_width;
    } else if (*height < *width) {
        *width = (int)((int64_t)side * *width / *height);
        *height = side;
    } else {
        *height = (int)((int64_t)side * *height / *width);
        *width = side;
    }
}

void picture_shaped_size(const struct picture_shape *shape, int *height,
                         int *width)
{
    resized_size(shape, height, width);
    if (shape->crop_height) {
        *height = shape->crop_height;
        *width = shape->crop_width;
    }
}

/* What one output pixel reads along an axis. */
struct taps {
    int first, count;
    float *weights;
};

static float triangle(double x)
{
    x = fabs(x);
    return x < 1 ? (float)(1 - x) : 0;
}

/* Weights of all outputs of an axis; one block, freed by the caller. */
static float *find_taps(struct taps *taps, int from, int to)
{
    double scale = (double)from / to, wide = scale > 1 ? scale : 1;
    size_t most = (size_t)ceil(wide) * 2 + 1;
    float *block = array_create((size_t)to * most, sizeof *block);
    for (int i = 0; i < to && block; i++) {
        double centre = (i + 0.5) * scale;
        int first = (int)(centre - wide + 0.5);
        int end = (int)(centre + wide + 0.5);
        first = first > 0 ? first : 0;
        end = end < from ? end : from;
        float *w = block + (size_t)i * most, sum = 0;
        for (int x = first; x < end; x++)
            sum += w[x - first] = triangle((x - centre + 0.5) / wide);
        for (int x = first; x < end; x++)
            w[x - first] /= sum;
        taps[i] = (struct taps){first, end - first, w};
    }
    return block;
}

/* Along an axis whose neighbours are `stride` bytes apart. */
static void resize_line(unsigned char *out, const unsigned char *in,
                        size_t stride, const struct taps *taps, int to)
{
    for (int i = 0; i < to; i++) {
        float sum = 0;
        for (int k = 0; k < taps[i].count; k++)
            sum += taps[i].weights[k] *
                   (float)in[(size_t)(taps[i].first + k) * stride];
        out[(size_t)i * stride] = (unsigned char)(sum + 0.5f);
    }
}

/* Columns when `across`, else rows. */
static int resize_axis(struct picture *p, bool across, int to,
                       struct error *err)
{
    int from = across ? p->width : p->height;
    struct picture next = *p;
    *(across ? &next.width : &next.height) = to;
    struct taps *taps = array_create((size_t)to, sizeof *taps);
    float *block = taps ? find_taps(taps, from, to) : NULL;
    next.bytes = block ? malloc(bytes_of(&next)) : NULL;
    if (next.bytes && across) {
        size_t lines = (size_t)p->channels * (size_t)p->height;
        for (size_t i = 0; i < lines; i++)
            resize_line(next.bytes + i * (size_t)to,
                        p->bytes + i * (size_t)from, 1, taps, to);
    } else if (next.bytes) {
        size_t w = (size_t)p->width;
        for (size_t c = 0; c < (size_t)p->channels; c++)
            for (size_t x = 0; x < w; x++)
                resize_line(next.bytes + c * (size_t)to * w + x,
                            p->bytes + c * (size_t)from * w + x, w, taps, to);
    }
    free(block);
    free(taps);
    if (!next.bytes)
        return error_memory(err, bytes_of(&next));
    free(p->bytes);
    *p = next;
    return 0;
}

static void crop(struct picture *p, int height, int width)
{
    /* as Python rounds halves: to the even number */
    int top = (int)nearbyint((p->height - height) / 2.0);
    int left = (int)nearbyint((p->width - width) / 2.0);
    unsigned char *to = p->bytes;
    for (int c = 0; c < p->channels; c++)
        for (int y = 0; y < height; y++, to += width)
            memmove(to,
                    p->bytes +
                        ((size_t)c * (size_t)p->height + (size_t)(top + y)) *
                            (size_t)p->width +
                        left,
                    (size_t)width);
    p->height = height;
    p->width = width;
}

int picture_shape(struct picture *picture, const struct picture_shape *shape,
                  struct error *err)
{
    int height = picture->height, width = picture->width;
    resized_size(shape, &height, &width);
    if (height < 1 || width < 1 || height > LARGEST_SIDE ||
        width > LARGEST_SIDE)
        return error_set(err, ERROR_SHAPE, "cannot be resized to %dx%d pixels",
                         height, width);
    if (width != picture->width && resize_axis(picture, true, width, err) < 0)
        return -1;
    if (height != picture->height &&
        resize_axis(picture, false, height, err) < 0)
        return -1;
    if (!shape->crop_height)
        return 0;
    if (shape->crop_height > height || shape->crop_width > width)
        return error_set(err, ERROR_SHAPE,
                         "has %dx%d pixels, expected at least the crop's "
                         "%dx%d",
                         height, width, shape->crop_height, shape->crop_width);
    crop(picture, shape->crop_height, shape->crop_width);
    return 0;
}
