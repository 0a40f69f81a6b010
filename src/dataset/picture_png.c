/* PNG by libpng's simplified interface; transparency is left out. */
#include "dataset/picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

static int begin(png_image *image, const unsigned char *bytes, size_t count,
                 struct error *err)
{
    *image = (png_image){.version = PNG_IMAGE_VERSION};
    if (png_image_begin_read_from_memory(image, bytes, count))
        return 0;
    return error_set(err, ERROR_FORMAT, "damaged PNG: %s", image->message);
}

static int measure(struct picture *out, const unsigned char *bytes,
                   size_t count, struct error *err)
{
    png_image image;
    if (begin(&image, bytes, count, err) < 0)
        return -1;
    *out = (struct picture){
        .channels = image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1,
        .height = (int)image.height,
        .width = (int)image.width,
    };
    png_image_free(&image);
    return 0;
}

static int decode(unsigned char *out, const struct picture *picture,
                  const unsigned char *bytes, size_t count, struct error *err)
{
    png_image image;
    if (begin(&image, bytes, count, err) < 0)
        return -1;
    /* With alpha kept nothing is blended with a background. */
    image.format = picture->channels == 3 ? PNG_FORMAT_RGBA : PNG_FORMAT_GA;
    size_t pixels = (size_t)picture->height * (size_t)picture->width;
    size_t channels = (size_t)picture->channels;
    unsigned char *all = malloc(pixels * (channels + 1));
    if (!all) {
        png_image_free(&image);
        return error_memory(err, pixels * (channels + 1));
    }
    int done = png_image_finish_read(&image, NULL, all, 0, NULL);
    for (size_t i = 0; i < pixels && done; i++)
        memcpy(out + i * channels, all + i * (channels + 1), channels);
    free(all);
    if (!done)
        error_set(err, ERROR_FORMAT, "damaged PNG: %s", image.message);
    png_image_free(&image);
    return done ? 0 : -1;
}

const struct picture_kind picture_png = {
    "PNG", {0x89, 'P', 'N', 'G'}, measure, decode};
