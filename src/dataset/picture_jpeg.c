/* JPEG by libjpeg-turbo's TurboJPEG interface. */
#include "dataset/picture.h"

#include <stdlib.h>
#include <turbojpeg.h>

/* Grey, colour, or the four inks of printers (stored inverted). */
static int read_header(tjhandle handle, struct picture *out, bool *inks,
                       const unsigned char *bytes, size_t count,
                       struct error *err)
{
    int subsampling, colours;
    *out = (struct picture){0};
    if (tjDecompressHeader3(handle, bytes, count, &out->width, &out->height,
                            &subsampling, &colours) < 0 ||
        out->width < 1 || out->height < 1)
        return error_set(err, ERROR_FORMAT, "damaged JPEG: %s",
                         tjGetErrorStr2(handle));
    out->channels = colours == TJCS_GRAY ? 1 : 3;
    *inks = colours == TJCS_CMYK || colours == TJCS_YCCK;
    return 0;
}

static int measure(struct picture *out, const unsigned char *bytes,
                   size_t count, struct error *err)
{
    bool inks;
    tjhandle handle = tjInitDecompress();
    if (!handle)
        return error_memory(err, 1);
    int result = read_header(handle, out, &inks, bytes, count, err);
    tjDestroy(handle);
    return result;
}

static int decode_as(tjhandle handle, unsigned char *out, int format,
                     const struct picture *picture, const unsigned char *bytes,
                     size_t count, struct error *err)
{
    if (tjDecompress2(handle, bytes, count, out, picture->width, 0,
                      picture->height, format, 0) < 0 &&
        tjGetErrorCode(handle) != TJERR_WARNING)
        return error_set(err, ERROR_FORMAT, "damaged JPEG: %s",
                         tjGetErrorStr2(handle));
    return 0;
}

static int decode_inks(tjhandle handle, unsigned char *out,
                       const struct picture *picture,
                       const unsigned char *bytes, size_t count,
                       struct error *err)
{
    size_t pixels = (size_t)picture->height * (size_t)picture->width;
    unsigned char *inks = malloc(pixels * 4);
    if (!inks)
        return error_memory(err, pixels * 4);
    int result = decode_as(handle, inks, TJPF_CMYK, picture, bytes, count, err);
    for (size_t i = 0; i < pixels && !result; i++)
        for (size_t c = 0; c < 3; c++)
            out[i * 3 + c] =
                (unsigned char)(((unsigned)inks[i * 4 + c] * inks[i * 4 + 3] +
                                 127) /
                                255);
    free(inks);
    return result;
}

static int decode(unsigned char *out, const struct picture *picture,
                  const unsigned char *bytes, size_t count, struct error *err)
{
    struct picture again;
    bool inks;
    tjhandle handle = tjInitDecompress();
    if (!handle)
        return error_memory(err, 1);
    int result = read_header(handle, &again, &inks, bytes, count, err);
    if (!result && inks)
        result = decode_inks(handle, out, picture, bytes, count, err);
    else if (!result)
        result = decode_as(handle, out,
                           picture->channels == 1 ? TJPF_GRAY : TJPF_RGB,
                           picture, bytes, count, err);
    tjDestroy(handle);
    return result;
}

const struct picture_kind picture_jpeg = {
    "JPEG", {0xff, 0xd8, 0xff}, measure, decode};
