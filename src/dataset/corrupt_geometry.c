/*
 * Rotation, translation and scale about the middle, by bilinear reading;
 * beyond the edge the edge goes on. The sign of the movement is random.
 */
#include "dataset/corrupt.h"

#include <math.h>
#include <string.h>

/* Where the picture's pixel (x, y) comes from, from the middle. */
struct motion {
    double xx, xy, yx, yy, x, y;
};

static double at(const struct picture *p, int64_t plane, int64_t y, int64_t x)
{
    y = y < 0 ? 0 : y >= p->height ? p->height - 1 : y;
    x = x < 0 ? 0 : x >= p->width ? p->width - 1 : x;
    return (double)p->pixels[(plane * p->height + y) * p->width + x];
}

static double between(const struct picture *p, int64_t plane, double y,
                      double x)
{
    double top = floor(y), left = floor(x), v = y - top, u = x - left;
    int64_t i = (int64_t)top, j = (int64_t)left;
    return (1 - v) *
               ((1 - u) * at(p, plane, i, j) + u * at(p, plane, i, j + 1)) +
           v * ((1 - u) * at(p, plane, i + 1, j) +
                u * at(p, plane, i + 1, j + 1));
}

static void move(struct picture *p, const struct motion *m)
{
    double middle_y = (double)(p->height - 1) / 2;
    double middle_x = (double)(p->width - 1) / 2;
    float *out = p->scratch;
    for (int64_t c = 0; c < p->planes; c++)
        for (int64_t i = 0; i < p->height; i++)
            for (int64_t j = 0; j < p->width; j++) {
                double y = (double)i - middle_y, x = (double)j - middle_x;
                *out++ = (float)between(
                    p, c, middle_y + m->yx * x + m->yy * y + m->y,
                    middle_x + m->xx * x + m->xy * y + m->x);
            }
    memcpy(p->pixels, p->scratch,
           (size_t)(p->planes * p->height * p->width) * sizeof *p->pixels);
}

static double sign(struct rng *rng)
{
    return rng_below(rng, 2) ? 1 : -1;
}

void corrupt_rotation(struct picture *picture, int severity, struct rng *rng)
{
    static const double degrees[] = {5, 10, 15, 20, 30};
    double angle = sign(rng) * degrees[severity - 1] * 0.017453292519943295;
    struct motion motion = {cos(angle), sin(angle), -sin(angle),
                            cos(angle), 0,          0};
    move(picture, &motion);
}

void corrupt_translation(struct picture *picture, int severity, struct rng *rng)
{
    static const double shares[] = {0.03, 0.06, 0.09, 0.12, 0.16};
    double share = shares[severity - 1];
    struct motion motion = {1, 0, 0, 1, 0, 0};
    motion.x = sign(rng) * share * (double)picture->width;
    motion.y = sign(rng) * share * (double)picture->height;
    move(picture, &motion);
}

void corrupt_scale(struct picture *picture, int severity, struct rng *rng)
{
    static const double factors[] = {1.05, 1.1, 1.2, 1.3, 1.45};
    double factor = factors[severity - 1];
    factor = sign(rng) > 0 ? factor : 1 / factor;
    struct motion motion = {factor, 0, 0, factor, 0, 0};
    move(picture, &motion);
}
