/* Sizes of pictures as words: command line, journal and report agree. */
#include "dataset/dataset.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 15 };

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

int picture_shape_word(struct picture_shape *shape, const char *name,
                       const char *value, struct error *err)
{
    if (!strcmp(name, "resize"))
        return read_size(value, &shape->resize_height, &shape->resize_width,
                         false, err);
    if (!strcmp(name, "crop"))
        return read_size(value, &shape->crop_height, &shape->crop_width, true,
                         err);
    if (!strcmp(value, "rgb") || !strcmp(value, "bgr")) {
        shape->bgr = value[0] == 'b';
        return 0;
    }
    return error_set(err, ERROR_USAGE, "found '%s', expected rgb or bgr",
                     value);
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
}
