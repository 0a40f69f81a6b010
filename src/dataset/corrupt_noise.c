/* Noise of every pixel on its own. Amounts as in ImageNet-C. */
#include "dataset/corrupt.h"

#include <math.h>

static int64_t size_of(const struct picture *p)
{
    return p->planes * p->height * p->width;
}

void corrupt_gaussian(struct picture *picture, int severity, struct rng *rng)
{
    static const double deviations[] = {0.04, 0.06, 0.08, 0.09, 0.10};
    double deviation = 255 * deviations[severity - 1];
    for (int64_t i = 0; i < size_of(picture); i++)
        picture->pixels[i] += (float)(deviation * rng_normal(rng));
}

/* Poisson with a mean that is large enough for the normal to stand in. */
static double poisson(double mean, struct rng *rng)
{
    if (mean > 60)
        return fmax(nearbyint(mean + sqrt(mean) * rng_normal(rng)), 0);
    double limit = exp(-mean), product = rng_uniform(rng);
    int count = 0;
    for (; product > limit; count++)
        product *= rng_uniform(rng);
    return count;
}

void corrupt_shot(struct picture *picture, int severity, struct rng *rng)
{
    static const double photons[] = {500, 250, 100, 75, 50};
    double full = photons[severity - 1];
    for (int64_t i = 0; i < size_of(picture); i++) {
        double light = fmax((double)picture->pixels[i], 0) / 255;
        picture->pixels[i] = (float)(255 * poisson(full * light, rng) / full);
    }
}

void corrupt_impulse(struct picture *picture, int severity, struct rng *rng)
{
    static const double shares[] = {0.01, 0.02, 0.03, 0.05, 0.07};
    double share = shares[severity - 1];
    for (int64_t i = 0; i < size_of(picture); i++) {
        double u = rng_uniform(rng);
        if (u < share)
            picture->pixels[i] = u < share / 2 ? 0 : 255;
    }
}
