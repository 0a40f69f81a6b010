/*
 * Data sets: samples and labels from files, in one table of formats. A data
 * set gives raw samples; `struct transform` says how they become a model's
 * input. Immutable once open: threads share it.
 */
#ifndef DATASET_DATASET_H
#define DATASET_DATASET_H

#include "base/error.h"
#include "tensor/tensor.h"

#include <stdbool.h>

struct dataset;

struct dataset_options {
    const char *split; /* "train", "test"; NULL: "test" where there are two */
    int64_t limit;     /* only the first `limit` samples; 0: all */
};

/*
 * Opens what `path` names: an IDX image file or a folder with an IDX pair
 * (.gz or not), .npz with arrays named as the model's inputs and `labels`.
 * out is owned by the caller (dataset_close).
 * Errors "PATH: ...": ERROR_IO, ERROR_FORMAT (truncated gzip or file, wrong
 * magic, counts of images and labels differ), ERROR_UNSUPPORTED.
 */
int dataset_open(struct dataset **out, const char *path,
                 const struct dataset_options *options, struct error *err);
void dataset_close(struct dataset *dataset);

const char *dataset_path(const struct dataset *dataset);
const char *dataset_format(const struct dataset *dataset); /* "idx", "npz" */
const char *dataset_split(const struct dataset *dataset);  /* "" if none */
int64_t dataset_count(const struct dataset *dataset);

/* Inputs: an image set has one nameless; .npz one per array but labels. */
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
 * The usual normalisations worth trying for such images, best guess first;
 * writes up to `room`, returns how many. (dataset/normalisations.c: a table.)
 */
size_t transform_candidates(const struct dataset *dataset,
                            struct transform *list, size_t room);

/*
 * Checks that input `input` of the data set can feed a model input of this
 * type and per-sample shape (leading dimension removed): equal element
 * counts; channels may be added for grey images. Errors: ERROR_SHAPE.
 */
int dataset_fits(const struct dataset *dataset, size_t input, enum dtype dtype,
                 const struct shape *sample, struct error *err);

/*
 * Writes samples order[0 … count-1] (NULL: first, first+1, …) of one input
 * to `out`, transformed (images and float data; integers are converted only),
 * contiguous, as `dtype`. Thread-safe; allocates nothing.
 */
void dataset_read(const struct dataset *dataset, size_t input,
                  const struct transform *transform, enum dtype dtype,
                  int64_t first, const int64_t *order, int64_t count,
                  void *out);

/*
 * The folder of the installed full Fashion-MNIST or the bundled sample,
 * whichever exists first; NULL when neither. Owned by the caller.
 * data_folder: where espalier's own data lies.
 */
char *dataset_default_path(const char *data_folder);

#endif
