/* Choosing weights in wide layers: one pass over the columns, each
 * correcting the ones behind it. */
#ifndef PRUNE_SPARSEGPT_H
#define PRUNE_SPARSEGPT_H

#include "prune/fit.h"

/*
 * Chooses `remove` weights of a fit, by blocks of 128 columns that share the
 * amount evenly, or by the groups of an N:M structure, and writes what the
 * others become (least squares on the mask, fit_solve, can only better it).
 *
 * mask    as stored, initialised here
 * weight  as stored, written
 * error   the scaled mean square error of `weight`, may be NULL
 *
 * Cost: rows * columns^2 multiply-adds.
 * Errors: ERROR_UNSUPPORTED for other structures, ERROR_MEMORY,
 * ERROR_CANCELLED.
 * Source: Frantar and Alistarh 2023, algorithm 1; ours spreads rounding over
 * the blocks so that exactly `remove` weights fall.
 */
int sparsegpt(const struct fit *fit, const struct structure *structure,
              int64_t remove, struct bitmask *mask, float *weight,
              double *error, const struct parallel *parallel,
              const struct cancel *cancel, struct error *err);

#endif
