#include "dataset/corrupt.h"

#include "base/array.h"
#include "dataset/format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct corruption corruptions[] = {
    {"gaussian-noise", "noise", corrupt_gaussian},
    {"shot-noise", "noise", corrupt_shot},
    {"impulse-noise", "noise", corrupt_impulse},
    {"defocus-blur", "blur", corrupt_defocus},
    {"motion-blur", "blur", corrupt_motion},
    {"contrast", "light", corrupt_contrast},
    {"brightness", "light", corrupt_brightness},
    {"rotation", "geometry", corrupt_rotation},
    {"translation", "geometry", corrupt_translation},
    {"scale", "geometry", corrupt_scale},
    {"pixelate", "digital", corrupt_pixelate},
    {"jpeg", "digital", corrupt_jpeg},
    {NULL, NULL, NULL},
};

const struct corruption *corruption_find(const char *name)
{
    for (const struct corruption *c = corruptions; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static unsigned char level(float value)
{
    float nearest = nearbyintf(value);
    return nearest > 0 ? (nearest < 255 ? (unsigned char)nearest : 255) : 0;
}

/* first: the place of the first picture in the whole set. */
static void corrupt_all(unsigned char *bytes, int64_t first, int64_t count,
                        struct picture *picture,
                        const struct corruption *corruption, int severity,
                        uint64_t seed)
{
    int64_t size = picture->planes * picture->height * picture->width;
    for (int64_t n = first; n < first + count; n++, bytes += size) {
        struct rng rng;
        rng_init(&rng, seed * 0x9e3779b97f4a7c15u + (uint64_t)n);
        for (int64_t i = 0; i < size; i++)
            picture->pixels[i] = bytes[i];
        corruption->apply(picture, severity, &rng);
        for (int64_t i = 0; i < size; i++)
            bytes[i] = level(picture->pixels[i]);
    }
}

static int64_t *samples_from(int64_t first, int64_t count)
{
    int64_t *order = array_create((size_t)count, sizeof *order);
    for (int64_t i = 0; order && i < count; i++)
        order[i] = first + i;
    return order;
}

int dataset_corrupt(struct dataset **out, const struct dataset *dataset,
                    const struct corruption *corruption, int severity,
                    uint64_t seed, struct error *err)
{
    return dataset_corrupt_part(out, dataset, corruption, severity, seed, 0,
                                dataset->count, err);
}

int dataset_corrupt_part(struct dataset **out, const struct dataset *dataset,
                         const struct corruption *corruption, int severity,
                         uint64_t seed, int64_t first, int64_t count,
                         struct error *err)
{
    if (!dataset_is_image(dataset))
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: %s wants pictures (bytes), the data has none",
                         dataset_path(dataset), corruption->name);
    const struct shape *s = &dataset->inputs[0].sample;
    struct picture picture = {s->dims[0], s->dims[1], s->dims[2], NULL, NULL};
    size_t size = (size_t)shape_elements(s);
    int64_t *order = samples_from(first, count);
    struct dataset *made = NULL;
    int code = -1;
    picture.pixels = array_create(size, sizeof *picture.pixels);
    picture.scratch = array_create(size, sizeof *picture.scratch);
    if (!order || !picture.pixels || !picture.scratch)
        error_memory(err, size * sizeof *picture.pixels);
    else
        code = dataset_take(&made, dataset, order, count, err);
    if (code == 0) {
        corrupt_all(made->inputs[0].tensor.data, first, count, &picture,
                    corruption, severity, seed);
        *out = made;
    }
    free(order);
    free(picture.pixels);
    free(picture.scratch);
    return code;
}
