/*
 * What storing does: fewer pixels, and JPEG's loss without its coding. The
 * latter rounds the cosine transform of 8 x 8 blocks to multiples of the
 * standard's luminance table, at a quality that grows less; planes are taken
 * as they are (no chroma subsampling).
 */
#include "dataset/corrupt.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 8 };

/* ITU T.81, table K.1. */
static const unsigned char luminance[BLOCK * BLOCK] = {
    16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
    14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
    18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
};

static float *plane_of(const struct picture *p, int64_t plane)
{
    return p->pixels + plane * p->height * p->width;
}

/* Means over boxes, drawn as boxes. */
void corrupt_pixelate(struct picture *picture, int severity, struct rng *rng)
{
    (void)rng;
    static const double kept[] = {0.9, 0.75, 0.6, 0.5, 0.4};
    int64_t h = picture->height, w = picture->width;
    int64_t rows = (int64_t)fmax(kept[severity - 1] * (double)h, 1);
    int64_t columns = (int64_t)fmax(kept[severity - 1] * (double)w, 1);
    for (int64_t c = 0; c < picture->planes; c++) {
        float *pixels = plane_of(picture, c);
        for (int64_t box = 0; box < rows * columns; box++) {
            int64_t top = box / columns * h / rows;
            int64_t bottom = (box / columns + 1) * h / rows;
            int64_t left = box % columns * w / columns;
            int64_t right = (box % columns + 1) * w / columns;
            double sum = 0;
            for (int64_t y = top; y < bottom; y++)
                for (int64_t x = left; x < right; x++)
                    sum += (double)pixels[y * w + x];
            float mean =
                (float)(sum / (double)((bottom - top) * (right - left)));
            for (int64_t y = top; y < bottom; y++)
                for (int64_t x = left; x < right; x++)
                    pixels[y * w + x] = mean;
        }
    }
}

/* Row k: the orthonormal cosine of frequency k. */
struct cosines {
    double at[BLOCK][BLOCK];
};

static void fill_cosines(struct cosines *cosines)
{
    for (int k = 0; k < BLOCK; k++)
        for (int n = 0; n < BLOCK; n++)
            cosines->at[k][n] = (k ? 0.5 : 0.35355339059327373) *
                                cos(0.19634954084936207 * (2 * n + 1) * k);
}

/* One dimension of the cosine transform, or back. */
static void transform_rows(double *block, const struct cosines *cosines,
                           bool back)
{
    for (int r = 0; r < BLOCK; r++) {
        double out[BLOCK];
        for (int k = 0; k < BLOCK; k++) {
            out[k] = 0;
            for (int n = 0; n < BLOCK; n++)
                out[k] += block[r * BLOCK + n] *
                          (back ? cosines->at[n][k] : cosines->at[k][n]);
        }
        memcpy(block + r * BLOCK, out, sizeof out);
    }
}

static void transpose(double *block)
{
    for (int i = 0; i < BLOCK; i++)
        for (int j = 0; j < i; j++) {
            double swap = block[i * BLOCK + j];
            block[i * BLOCK + j] = block[j * BLOCK + i];
            block[j * BLOCK + i] = swap;
        }
}

static void transform(double *block, const struct cosines *cosines, bool back)
{
    transform_rows(block, cosines, back);
    transpose(block);
    transform_rows(block, cosines, back);
    transpose(block);
}

static double step_of(int i, double scale)
{
    double step = floor((luminance[i] * scale + 50) / 100);
    return fmin(fmax(step, 1), 255);
}

static void lose(double *block, const struct cosines *cosines, double scale)
{
    transform(block, cosines, false);
    for (int i = 0; i < BLOCK * BLOCK; i++) {
        double step = step_of(i, scale);
        block[i] = step * nearbyint(block[i] / step);
    }
    transform(block, cosines, true);
}

/* The block at (top, left), its edge going on beyond the picture's. */
static void lose_block(const struct picture *p, float *pixels, int64_t top,
                       int64_t left, const struct cosines *cosines,
                       double scale)
{
    double block[BLOCK * BLOCK];
    for (int i = 0; i < BLOCK * BLOCK; i++) {
        int64_t y = top + i / BLOCK, x = left + i % BLOCK;
        y = y < p->height ? y : p->height - 1;
        x = x < p->width ? x : p->width - 1;
        block[i] = (double)pixels[y * p->width + x] - 128;
    }
    lose(block, cosines, scale);
    for (int i = 0; i < BLOCK * BLOCK; i++) {
        int64_t y = top + i / BLOCK, x = left + i % BLOCK;
        if (y < p->height && x < p->width)
            pixels[y * p->width + x] = (float)(block[i] + 128);
    }
}

void corrupt_jpeg(struct picture *picture, int severity, struct rng *rng)
{
    (void)rng;
    static const double qualities[] = {25, 18, 15, 10, 7};
    double scale = 5000 / qualities[severity - 1];
    struct cosines cosines;
    fill_cosines(&cosines);
    for (int64_t c = 0; c < picture->planes; c++)
        for (int64_t y = 0; y < picture->height; y += BLOCK)
            for (int64_t x = 0; x < picture->width; x += BLOCK)
                lose_block(picture, plane_of(picture, c), y, x, &cosines,
                           scale);
}
