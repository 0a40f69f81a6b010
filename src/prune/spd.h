/* Symmetric positive definite systems in double, small and dense. */
#ifndef PRUNE_SPD_H
#define PRUNE_SPD_H

/*
 * Lower Cholesky factor of a (n, n), row-major, in place; what lies above the
 * diagonal is neither read nor written.
 * Returns 0, or -1 when the matrix is not positive definite.
 */
int spd_factor(double *a, int n);

/* Solves L L^T x = b in place for a factor made by spd_factor. */
void spd_solve(const double *factor, int n, double *x);

/* inverse (n, n), symmetric, written; from a factor. */
void spd_invert(const double *factor, int n, double *inverse);

#endif
