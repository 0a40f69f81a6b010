/*
 * Pictures made worse, seeded: twelve corruptions at five severities, after
 * Hendrycks and Dietterich 2019 (ImageNet-C), with amounts that depend on the
 * size of the picture where theirs are in pixels.
 */
#ifndef DATASET_CORRUPT_H
#define DATASET_CORRUPT_H

#include "base/rng.h"
#include "dataset/dataset.h"

enum { CORRUPTION_SEVERITIES = 5 };

/* One picture: planes of height x width, levels 0…255. */
struct picture {
    int64_t planes, height, width;
    float *pixels;  /* (planes, height, width), changed in place */
    float *scratch; /* as many */
};

struct corruption {
    const char *name;   /* "gaussian-noise" */
    const char *family; /* "noise", "blur", "light", "geometry", "digital" */
    /* severity 1…5; what is random comes from `rng`, seeded per picture. */
    void (*apply)(struct picture *picture, int severity, struct rng *rng);
};

/* NULL-terminated by name. */
extern const struct corruption corruptions[];
const struct corruption *corruption_find(const char *name);

/*
 * The data set with every picture corrupted, an independent copy; the same
 * seed gives the same pictures whatever the order of reading.
 * out is owned by the caller (dataset_close).
 * Errors: ERROR_UNSUPPORTED "PATH: no pictures", ERROR_MEMORY.
 */
int dataset_corrupt(struct dataset **out, const struct dataset *dataset,
                    const struct corruption *corruption, int severity,
                    uint64_t seed, struct error *err);

/*
 * `count` pictures from `first` on alone, as they are in the whole; for the
 * rest as dataset_corrupt.
 */
int dataset_corrupt_part(struct dataset **out, const struct dataset *dataset,
                         const struct corruption *corruption, int severity,
                         uint64_t seed, int64_t first, int64_t count,
                         struct error *err);

/* corrupt_*.c */
void corrupt_gaussian(struct picture *picture, int severity, struct rng *rng);
void corrupt_shot(struct picture *picture, int severity, struct rng *rng);
void corrupt_impulse(struct picture *picture, int severity, struct rng *rng);
void corrupt_defocus(struct picture *picture, int severity, struct rng *rng);
void corrupt_motion(struct picture *picture, int severity, struct rng *rng);
void corrupt_contrast(struct picture *picture, int severity, struct rng *rng);
void corrupt_brightness(struct picture *picture, int severity, struct rng *rng);
void corrupt_rotation(struct picture *picture, int severity, struct rng *rng);
void corrupt_translation(struct picture *picture, int severity,
                         struct rng *rng);
void corrupt_scale(struct picture *picture, int severity, struct rng *rng);
void corrupt_pixelate(struct picture *picture, int severity, struct rng *rng);
void corrupt_jpeg(struct picture *picture, int severity, struct rng *rng);

#endif
