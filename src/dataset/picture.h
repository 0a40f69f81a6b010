/* Inside `dataset`: one picture from a PNG or JPEG file, and its size. To add
 * a kind of file: one file with its row, one line in picture.c's table. */
#ifndef DATASET_PICTURE_H
#define DATASET_PICTURE_H

#include "dataset/dataset.h"

struct picture {
    int channels, height, width; /* channels 1 (grey) or 3 (RGB) */
    unsigned char *bytes;        /* (channels, height, width), owned */
};

struct picture_kind {
    const char *name;
    unsigned char magic[4];
    /* The size alone. Errors name no path. */
    int (*measure)(struct picture *out, const unsigned char *bytes,
                   size_t count, struct error *err);
    /* Writes (height, width, channels) as measure told; `out` has room. */
    int (*decode)(unsigned char *out, const struct picture *picture,
                  const unsigned char *bytes, size_t count, struct error *err);
};
extern const struct picture_kind picture_jpeg, picture_png;

/* Whether the name ends as pictures that can be read do; of a kind that
 * cannot (.bmp, .webp ...) *other tells. */
bool picture_is_name(const char *name, bool *other);

/* Channels and size of a file. Errors "PATH: ...". */
int picture_measure(struct picture *out, const char *path, struct error *err);
/* The pixels as well; released by the caller. */
int picture_read(struct picture *out, const char *path, struct error *err);
void picture_release(struct picture *picture);

/* The size that a picture gets by `shape`: resized, then cropped. */
void picture_shaped_size(const struct picture_shape *shape, int *height,
                         int *width);

/* Resizes (triangle filter, widened where it shrinks, as PIL's bilinear) and
 * crops about the centre. Errors: ERROR_MEMORY, ERROR_SHAPE (smaller than the
 * crop). */
int picture_shape(struct picture *picture, const struct picture_shape *shape,
                  struct error *err);

#endif
