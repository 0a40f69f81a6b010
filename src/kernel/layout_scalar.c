/* Transposes in tiles that fit a few cache lines each way. */
#include "kernel/layout_transpose.h"

enum { TILE = 16 };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void layout_transpose_scalar(const struct transpose *t)
{
    for (int64_t r0 = 0; r0 < t->rows; r0 += TILE) {
        int64_t r1 = smaller(r0 + TILE, t->rows);
        for (int64_t c0 = 0; c0 < t->cols; c0 += TILE) {
            int64_t c1 = smaller(c0 + TILE, t->cols);
            for (int64_t c = c0; c < c1; c++)
                for (int64_t r = r0; r < r1; r++)
                    t->dst[c * t->dst_stride + r] =
                        t->src[r * t->src_stride + c];
        }
    }
}
