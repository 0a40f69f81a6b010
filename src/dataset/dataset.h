/*
 * Data sets: samples and labels from files, in one table of formats. A data
 * set gives raw samples; `struct transform` says how they become a model's
 * input. Immutable once open: threads share it.
 */
#ifndef DATASET_DATASET_H
#define DATASET_DATASET_H

#include "base/error.h"
#include "base/strbuf.h"
#include "tensor/tensor.h"

#include <stdbool.h>

struct dataset;

/* Where a model's input has the colours of a picture. */
enum picture_layout {
    PICTURE_LAYOUT_FOUND, /* as its shape says; first where both fit */
    PICTURE_LAYOUT_NCHW,
    PICTURE_LAYOUT_NHWC,
};

/* How picture files of any size become samples of one size; zeros: as they
 * are. Resizing comes first, as in torchvision's transforms. */
struct picture_shape {
    int resize_height, resize_width; /* width 0: the shorter side has height */
    int crop_height, crop_width;     /* about the centre */
    bool bgr; /* channels in the order blue, green, red */
    enum picture_layout layout;
};

/* Whether picture_shape_word knows this name. */
bool picture_shape_knows(const char *name);
/*
 * Takes one word: name resize (256: the shorter side; HxW), crop (224: a
 * square; HxW), channels (rgb, bgr) or layout (nchw, nhwc). Errors: ERROR_USAGE
 * without a path.
 */
int picture_shape_word(struct picture_shape *shape, const char *name,
                       const char *value, struct error *err);
/* Adds " PREFIXresize 256 PREFIXcrop 224x224 ..." as far as it says anything.
 */
void picture_shape_text(struct strbuf *out, const struct picture_shape *shape,
                        const char *prefix);

struct dataset_options {
    const char *split; /* "train", "test"; NULL: "test" where there are two */
    int64_t limit;     /* only `limit` samples: the first, of classes in
                          folders evenly spread ones; 0: all */
    struct picture_shape shape; /* of picture files */
};

/*
 * Opens what `path` names: an IDX image file or a folder with an IDX pair
 * (.gz or not), .npz with arrays named as the model's inputs and `labels`,
 * .npy with one nameless array, CIFAR-10 or CIFAR-100 in its binary version
 * (a folder or one file), a folder with a folder of PNG and JPEG pictures per
 * class, or .csv with a column `label`.
 * out is owned by the caller (dataset_close).
 * Errors "PATH: ...": ERROR_IO, ERROR_FORMAT (truncated gzip or file, wrong
 * magic, counts of images and labels differ), ERROR_RANGE (no class number, a
 * sample with NaN), ERROR_UNSUPPORTED.
 */
int dataset_open(struct dataset **out, const char *path,
                 const struct dataset_options *options, struct error *err);
void dataset_close(struct dataset *dataset);

/*
 * A data set of some of another's samples, in the order given; both are then
 * independent.
 * order  (count), indices into `dataset`, borrowed
 * Errors: ERROR_MEMORY.
 */
int dataset_take(struct dataset **out, const struct dataset *dataset,
                 const int64_t *order, int64_t count, struct error *err);

const char *dataset_path(const struct dataset *dataset);
const char *dataset_format(const struct dataset *dataset); /* "idx", "npz" */
const char *dataset_split(const struct dataset *dataset);  /* "" if none */
int64_t dataset_count(const struct dataset *dataset);
/* As it was opened. */
const struct picture_shape *dataset_shape(const struct dataset *dataset);

/* Inputs: an IDX set has one nameless; .npz one per array but labels. */
size_t dataset_input_count(const struct dataset *dataset);
const char *dataset_input_name(const struct dataset *dataset, size_t input);
enum dtype dataset_input_dtype(const struct dataset *dataset, size_t input);
/* One sample's shape: (c, h, w) for images, else as stored. */
struct shape dataset_sample_shape(const struct dataset *dataset, size_t input);
bool dataset_is_image(const struct dataset *dataset); /* raw 0…255 bytes */

/* Label of sample i, -1 where there are none; classes = highest label + 1. */
int64_t dataset_label(const struct dataset *dataset, int64_t i);
int64_t dataset_classes(const struct dataset *dataset); /* 0: no labels */

/* How raw numbers become inputs: (raw / scale - mean[c]) / std[c]. */
struct transform {
    double scale; /* 255 turns bytes to 0…1; 1 leaves them */
    int channels; /* how many of mean and std count; 1 applies to all */
    double mean[4], std[4];
    char name[48]; /* "fashion-mnist", "0…1", "imagenet", "user", "none" */
};

/* scale 1, mean 0, std 1, "none". */
struct transform transform_identity(void);

/*
 * The usual normalisations worth trying for such images, best guess first
 * (those whose mean is nearest to the measured one, then the ranges);
 * writes up to `room`, returns how many, 0 for what is no image set. The last
 * is "data", the measured mean and deviation of a sample.
 * (dataset/normalisations.c: a table.)
 */
size_t transform_candidates(const struct dataset *dataset,
                            struct transform *list, size_t room);

/*
 * Checks that input `input` of the data set can feed a model input of this
 * type and per-sample shape (leading dimension removed): equal element
 * counts, or a grey image where the model wants more channels, in the layout
 * that was said, if one was.
 * Errors: ERROR_SHAPE "has ... per sample, expected ...".
 */
int dataset_fits(const struct dataset *dataset, size_t input, enum dtype dtype,
                 const struct shape *sample, struct error *err);

/* How a sample is laid out in a model's input. */
struct dataset_layout {
    int64_t repeat;     /* copies of a grey plane: 3 feeds a colour model */
    bool channels_last; /* an image as (h, w, c) instead of (c, h, w) */
};

/* The layout for a model input that dataset_fits; {1, false} if it does not. */
struct dataset_layout dataset_layout_for(const struct dataset *dataset,
                                         size_t input,
                                         const struct shape *sample);

/*
 * Writes samples order[0 … count-1] (NULL: first, first+1, …) of one input
 * to `out`, transformed, contiguous, as `dtype`. Images and float data are
 * transformed in float32, step by step as training pipelines do it, so that
 * the numbers are theirs bit for bit; integers, and images for an integer
 * input, are converted only. Thread-safe; allocates nothing.
 */
void dataset_read(const struct dataset *dataset, size_t input,
                  const struct transform *transform, enum dtype dtype,
                  int64_t first, const int64_t *order, int64_t count,
                  void *out);

/* As dataset_read (layout {1, false}) for any layout. */
void dataset_read_as(const struct dataset *dataset, size_t input,
                     const struct transform *transform,
                     const struct dataset_layout *layout, enum dtype dtype,
                     int64_t first, const int64_t *order, int64_t count,
                     void *out);

/*
 * The folder of the installed full Fashion-MNIST or the bundled sample,
 * whichever exists first; NULL when neither. Owned by the caller.
 * data_folder: where espalier's own data lies.
 */
char *dataset_default_path(const char *data_folder);

#endif
