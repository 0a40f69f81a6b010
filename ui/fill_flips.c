/* What flipped, and the picture of one sample as the data set stores it. */
#include "view.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_SIDE = 4, MOST_SIDE = 4096 };

const struct flip *view_flips_chosen(const struct view_flips *flips,
                                     enum flip_choice choice, size_t *count)
{
    *count = 0;
    if (flips->found == NULL)
        return NULL;
    /* They are stored by kind: lost, won, other. */
    const struct disagreement *all = &flips->found->found;
    const size_t first[FLIP_CHOICES] = {0, 0, all->lost, all->lost + all->won};
    const size_t counts[FLIP_CHOICES] = {all->count, all->lost, all->won,
                                         all->count - all->lost - all->won};
    *count = counts[choice];
    return all->flips + first[choice];
}

static void release_picture(struct view_picture *picture)
{
    free(picture->levels);
    *picture = (struct view_picture){.sample = -1};
}

void view_release_flips(struct view_flips *flips)
{
    flipped_drop(flips->found);
    flips->found = NULL;
    release_picture(&flips->picture);
}

static bool is_side(int64_t side)
{
    return side >= LEAST_SIDE && side <= MOST_SIDE;
}

/* Whether a sample of this shape is a picture: (h, w), (c, h, w) or (h, w, c)
 * with one or three channels. */
static bool find_sides(struct view_picture *picture, const struct shape *shape,
                       bool *channels_last)
{
    const int64_t *d = shape->dims;
    int64_t planes = 1, height, width;
    *channels_last = false;
    if (shape->rank == 2) {
        height = d[0];
        width = d[1];
    } else if (shape->rank != 3) {
        return false;
    } else if (d[0] == 1 || d[0] == 3) {
        planes = d[0];
        height = d[1];
        width = d[2];
    } else {
        *channels_last = true;
        planes = d[2];
        height = d[0];
        width = d[1];
    }
    if ((planes != 1 && planes != 3) || !is_side(height) || !is_side(width))
        return false;
    picture->planes = (int)planes;
    picture->height = (int)height;
    picture->width = (int)width;
    return true;
}

static void to_planes(struct view_picture *picture, const float *raw,
                      bool channels_last)
{
    size_t area = (size_t)picture->height * (size_t)picture->width;
    size_t planes = (size_t)picture->planes;
    for (size_t p = 0; p < planes; p++)
        for (size_t i = 0; i < area; i++)
            picture->levels[p * area + i] =
                raw[channels_last ? i * planes + p : p * area + i];
}

/* Levels become 0…1. Numbers that are no pixels are stretched over it. */
static void normalise(struct view_picture *picture, bool pixels)
{
    size_t count = (size_t)picture->planes * (size_t)picture->height *
                   (size_t)picture->width;
    float low = 0, high = 255;
    picture->stretched = !pixels;
    for (size_t i = 0; i < count && !pixels; i++) {
        float level = picture->levels[i];
        if (!isfinite(level))
            level = 0;
        low = i == 0 || level < low ? level : low;
        high = i == 0 || level > high ? level : high;
    }
    float span = high > low ? high - low : 1;
    for (size_t i = 0; i < count; i++) {
        float level = (picture->levels[i] - low) / span;
        picture->levels[i] = level >= 0 ? fminf(level, 1) : 0;
    }
}

int view_fill_picture(struct view_picture *picture,
                      const struct dataset *dataset, int64_t sample)
{
    struct shape shape = dataset_sample_shape(dataset, 0);
    struct transform identity = transform_identity();
    char text[SHAPE_TEXT_BYTES];
    bool channels_last;
    if (picture->sample == sample)
        return 0;
    release_picture(picture);
    picture->sample = sample;
    snprintf(picture->shape, sizeof picture->shape, "%.39s",
             shape_text(&shape, text));
    if (!find_sides(picture, &shape, &channels_last))
        return 0;
    size_t count = (size_t)picture->planes * (size_t)picture->height *
                   (size_t)picture->width;
    float *raw = array_create(count, sizeof *raw);
    picture->levels = array_create(count, sizeof *picture->levels);
    if (raw == NULL || picture->levels == NULL) {
        free(raw);
        release_picture(picture);
        return -1;
    }
    dataset_read(dataset, 0, &identity, DTYPE_FLOAT32, sample, NULL, 1, raw);
    to_planes(picture, raw, channels_last);
    normalise(picture, dataset_is_image(dataset));
    free(raw);
    return 0;
}

int view_fill_flips(struct view_flips *flips, const struct session *session,
                    struct engine *engine, enum flip_choice choice, int cursor)
{
    size_t count;
    flipped_drop(flips->found);
    flips->found = engine_flipped(engine, session_current(session));
    const struct flip *list = view_flips_chosen(flips, choice, &count);
    if (count == 0) {
        release_picture(&flips->picture);
        return 0;
    }
    size_t row = cursor < 0 ? 0 : (size_t)cursor;
    const struct flip *flip = &list[row < count ? row : count - 1];
    return view_fill_picture(&flips->picture, session_dataset(session),
                             flip->sample);
}
