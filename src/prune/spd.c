/* Row by row, so that inner loops run over neighbours. */
#include "prune/spd.h"

#include <math.h>
#include <stddef.h>

/* Four sums, because one would wait for itself. */
static double dot(const double *a, const double *b, int n)
{
    double s[4] = {0};
    int i = 0;
    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++)
            s[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        s[0] += a[i] * b[i];
    return s[0] + s[1] + (s[2] + s[3]);
}

int spd_factor(double *a, int n)
{
    for (int i = 0; i < n; i++) {
        double *row = a + (size_t)i * (size_t)n;
        for (int j = 0; j < i; j++) {
            const double *other = a + (size_t)j * (size_t)n;
            row[j] = (row[j] - dot(row, other, j)) / other[j];
        }
        double left = row[i] - dot(row, row, i);
        if (!(left > 0) || !isfinite(left))
            return -1;
        row[i] = sqrt(left);
    }
    return 0;
}

void spd_solve(const double *factor, int n, double *x)
{
    for (int i = 0; i < n; i++) {
        const double *row = factor + (size_t)i * (size_t)n;
        x[i] = (x[i] - dot(row, x, i)) / row[i];
    }
    for (int i = n; i-- > 0;) {
        const double *row = factor + (size_t)i * (size_t)n;
        x[i] /= row[i];
        for (int j = 0; j < i; j++)
            x[j] -= row[j] * x[i];
    }
}

/* M = L^-1 by rows, then M^T M, both using only the triangle. */
void spd_invert(const double *factor, int n, double *inverse)
{
    size_t stride = (size_t)n;
    for (int i = 0; i < n; i++) {
        const double *row = factor + (size_t)i * stride;
        double *m = inverse + (size_t)i * stride;
        for (int j = 0; j < i; j++)
            m[j] = 0;
        for (int k = 0; k < i; k++) {
            const double *above = inverse + (size_t)k * stride;
            for (int j = 0; j <= k; j++)
                m[j] -= row[k] * above[j];
        }
        for (int j = 0; j < i; j++)
            m[j] /= row[i];
        m[i] = 1 / row[i];
    }
    /* Row i of M is read for the last time when it adds to rows 0 … i. */
    for (int i = 0; i < n; i++) {
        double *m = inverse + (size_t)i * stride;
        for (int j = 0; j < i; j++) {
            double *to = inverse + (size_t)j * stride, scale = m[j];
            for (int k = 0; k < j; k++)
                to[k] += scale * m[k];
            to[j] += scale * m[j];
        }
        double last = m[i];
        for (int k = 0; k <= i; k++)
            m[k] *= last;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            inverse[(size_t)j * stride + (size_t)i] =
                inverse[(size_t)i * stride + (size_t)j];
}
