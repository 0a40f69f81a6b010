/* Contrast about the picture's mean, and brightness. */
#include "dataset/corrupt.h"

static int64_t size_of(const struct picture *p)
{
    return p->planes * p->height * p->width;
}

void corrupt_contrast(struct picture *picture, int severity, struct rng *rng)
{
    (void)rng;
    static const float kept[] = {0.75F, 0.5F, 0.4F, 0.3F, 0.15F};
    int64_t size = size_of(picture);
    double sum = 0;
    for (int64_t i = 0; i < size; i++)
        sum += (double)picture->pixels[i];
    float mean = (float)(sum / (double)size);
    for (int64_t i = 0; i < size; i++)
        picture->pixels[i] =
            mean + kept[severity - 1] * (picture->pixels[i] - mean);
}

void corrupt_brightness(struct picture *picture, int severity, struct rng *rng)
{
    (void)rng;
    static const float added[] = {0.05F, 0.1F, 0.15F, 0.2F, 0.3F};
    for (int64_t i = 0; i < size_of(picture); i++)
        picture->pixels[i] += 255 * added[severity - 1];
}
