/* Sizes of pictures as words: command line, journal and report agree. */
#include "dataset/dataset.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 15 };

static const char *const layouts[] = {
    [PICTURE_LAYOUT_NCHW] = "nchw",
    [PICTURE_LAYOUT_NHWC] = "nhwc",
};

static bool read_side(const char **text, int *side)
{
    char *end;
    long number = strtol(*text, &end, 10);
    if (end == *text || number < 1 || number > LARGEST)
        return false;
    *side = (int)number;
    *text = end;
    return true;
}

static int read_size(const char *text, int *height, int *width, bool square,
                     struct error *err)
{
    const char *p = text;
    bool good = read_side(&p, height);
    *width = square ? *height : 0;
    if (good && *p == 'x') {
        p++;
        good = read_side(&p, width);
    }
    if (good && !*p)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "found '%s', expected a size such as 224 or 224x192",
                     text);
}

static int read_resize(struct picture_shape *shape, const char *value,
                       struct error *err)
{
    return read_size(value, &shape->resize_height, &shape->resize_width, false,
                     err);
}

static int read_crop(struct picture_shape *shape, const char *value,
                     struct error *err)
{
    return read_size(value, &shape->crop_height, &shape->crop_width, true, err);
}

static int read_channels(struct picture_shape *shape, const char *value,
                         struct error *err)
{
    shape->bgr = !strcmp(value, "bgr");
    if (shape->bgr || !strcmp(value, "rgb"))
        return 0;
    return error_set(err, ERROR_USAGE, "found '%s', expected rgb or bgr",
                     value);
}

static int read_layout(struct picture_shape *shape, const char *value,
                       struct error *err)
{
    for (int i = PICTURE_LAYOUT_NCHW; i <= PICTURE_LAYOUT_NHWC; i++)
        if (!strcmp(value, layouts[i])) {
            shape->layout = (enum picture_layout)i;
            return 0;
        }
    return error_set(err, ERROR_USAGE, "found '%s', expected nchw or nhwc",
                     value);
}

static const struct word {
    const char *name;
    int (*read)(struct picture_shape *shape, const char *value,
                struct error *err);
} words[] = {
    {"resize", read_resize},
    {"crop", read_crop},
    {"channels", read_channels},
    {"layout", read_layout},
};

static const struct word *word_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (!strcmp(name, words[i].name))
            return &words[i];
    return NULL;
}

bool picture_shape_knows(const char *name)
{
    return word_of(name) != NULL;
}

int picture_shape_word(struct picture_shape *shape, const char *name,
                       const char *value, struct error *err)
{
    const struct word *word = word_of(name);
    if (word)
        return word->read(shape, value, err);
    return error_set(err, ERROR_USAGE,
                     "found '%s', expected resize, crop, channels or layout",
                     name);
}

void picture_shape_text(struct strbuf *out, const struct picture_shape *shape,
                        const char *prefix)
{
    if (shape->resize_height)
        strbuf_addf(out, " %sresize %d", prefix, shape->resize_height);
    if (shape->resize_height && shape->resize_width)
        strbuf_addf(out, "x%d", shape->resize_width);
    if (shape->crop_height)
        strbuf_addf(out, " %scrop %dx%d", prefix, shape->crop_height,
                    shape->crop_width);
    if (shape->bgr)
        strbuf_addf(out, " %schannels bgr", prefix);
    if (shape->layout)
        strbuf_addf(out, " %slayout %s", prefix, layouts[shape->layout]);
}
