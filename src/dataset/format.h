/* Inside `dataset`: what an open data set is, and the table of formats. To
 * add a format: one file with its row, one line in dataset.c's table. */
#ifndef DATASET_FORMAT_H
#define DATASET_FORMAT_H

#include "dataset/dataset.h"

struct dataset_input {
    char *name;           /* owned; "" for the only input of an image set */
    struct tensor tensor; /* (count, sample...) */
    struct shape sample;  /* (c, h, w) of images */
    bool image;           /* uint8 planes */
};

struct dataset {
    char *path;
    const char *format, *split; /* static */
    size_t input_count;
    struct dataset_input *inputs;
    struct picture_shape shape; /* as asked for */
    int64_t count, classes;
    int64_t *labels; /* count, owned; NULL: none */
};

/* What is known of a path before it is opened. */
struct dataset_probe {
    const char *path;
    bool folder;
    unsigned char head[8]; /* first bytes, zero behind the end */
};

struct dataset_format {
    const char *name;
    bool (*recognises)(const struct dataset_probe *probe);
    /* Fills inputs, labels, count and split of a zeroed data set; whatever
     * it filled before an error is released by the caller. */
    int (*open)(struct dataset *dataset, const char *path,
                const struct dataset_options *options, struct error *err);
    bool shapes; /* open obeys options->shape's sizes itself */
};

extern const struct dataset_format dataset_format_idx, dataset_format_npz,
    dataset_format_cifar, dataset_format_image_folder, dataset_format_csv;

/* Resizes and crops an input's images, all of one size. Errors name no path:
 * ERROR_SHAPE, ERROR_MEMORY. */
int dataset_shape_images(struct dataset_input *input,
                         const struct picture_shape *shape, struct error *err);
/* Turns the order of an input's three planes around. */
int dataset_swap_channels(struct dataset_input *input, struct error *err);

/* Room for `count` inputs. Returns 0, or -1 with ERROR_MEMORY. */
int dataset_add_inputs(struct dataset *dataset, size_t count,
                       struct error *err);

/*
 * Makes `input` an image set from bytes (n, h, w), (n, c, h, w) or
 * (n, h, w, c): sets its sample shape; channels that come last are brought
 * to the front in a new tensor. Other tensors are kept as stored.
 */
int dataset_set_images(struct dataset_input *input, struct error *err);

/* Takes labels of an integer tensor (n) or (n, 1), the first dataset->count
 * of them; -1 means no label. Errors name no path. */
int dataset_set_labels(struct dataset *dataset, const struct tensor *labels,
                       struct error *err);

/* An IDX file's bytes, gzip or not, as a tensor of at most `limit` entries
 * (0: all). total: entries in the file, written. Errors name no path. */
int idx_parse(struct tensor *out, int64_t *total, const unsigned char *bytes,
              size_t count, int64_t limit, struct error *err);

#endif
