/* Averages over a disc or along a line; beyond the edge the edge goes on. */
#include "dataset/corrupt.h"

#include <math.h>
#include <string.h>

static float at(const struct picture *p, int64_t plane, int64_t y, int64_t x)
{
    y = y < 0 ? 0 : y >= p->height ? p->height - 1 : y;
    x = x < 0 ? 0 : x >= p->width ? p->width - 1 : x;
    return p->pixels[(plane * p->height + y) * p->width + x];
}

static void take_scratch(struct picture *p)
{
    memcpy(p->pixels, p->scratch,
           (size_t)(p->planes * p->height * p->width) * sizeof *p->pixels);
}

static double side(const struct picture *p)
{
    return (double)(p->height < p->width ? p->height : p->width);
}

/* How much of the pixel at this distance lies in the disc. */
static double in_disc(int64_t dy, int64_t dx, double radius)
{
    double edge = radius + 0.5 - hypot((double)dy, (double)dx);
    return edge <= 0 ? 0 : edge < 1 ? edge : 1;
}

static float disc_mean(const struct picture *p, int64_t plane, int64_t y,
                       int64_t x, double radius)
{
    int64_t reach = (int64_t)ceil(radius);
    double sum = 0, weight = 0;
    for (int64_t dy = -reach; dy <= reach; dy++)
        for (int64_t dx = -reach; dx <= reach; dx++) {
            double w = in_disc(dy, dx, radius);
            sum += w * (double)at(p, plane, y + dy, x + dx);
            weight += w;
        }
    return (float)(sum / weight);
}

void corrupt_defocus(struct picture *picture, int severity, struct rng *rng)
{
    (void)rng;
    static const double shares[] = {0.012, 0.018, 0.027, 0.036, 0.045};
    /* Half a pixel more, so that small pictures are blurred at all. */
    double radius = 0.55 + shares[severity - 1] * side(picture);
    float *out = picture->scratch;
    for (int64_t c = 0; c < picture->planes; c++)
        for (int64_t y = 0; y < picture->height; y++)
            for (int64_t x = 0; x < picture->width; x++)
                *out++ = disc_mean(picture, c, y, x, radius);
    take_scratch(picture);
}

void corrupt_motion(struct picture *picture, int severity, struct rng *rng)
{
    static const double shares[] = {0.06, 0.09, 0.12, 0.16, 0.20};
    double length = shares[severity - 1] * side(picture);
    double angle = 3.14159265358979323846 * rng_uniform(rng);
    double dy = sin(angle), dx = cos(angle);
    int steps = 1 + 2 * (int)ceil(length);
    float *out = picture->scratch;
    for (int64_t c = 0; c < picture->planes; c++)
        for (int64_t y = 0; y < picture->height; y++)
            for (int64_t x = 0; x < picture->width; x++) {
                double sum = 0;
                for (int k = 0; k < steps; k++) {
                    double t = length * ((double)k / (steps - 1) - 0.5);
                    sum += (double)at(picture, c, y + llround(t * dy),
                                      x + llround(t * dx));
                }
                *out++ = (float)(sum / steps);
            }
    take_scratch(picture);
}
