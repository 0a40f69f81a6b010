/*
 * Optimal brain surgeon on a few rows of a weight matrix that share a mask
 * (one row where every weight falls alone): which unit to remove next, and
 * what it costs.
 */
#ifndef PRUNE_OBS_H
#define PRUNE_OBS_H

#include <stddef.h>
#include <stdint.h>

/* What falls together and where only some of a bucket may fall. */
struct obs_problem {
    int columns;
    const double *inverse; /* (columns, columns): inverse of H, symmetric */
    int rows;
    const double *weight; /* (rows, columns) */
    int units, width;     /* columns of a unit; 1: single columns */
    const int *members;   /* (units, width), -1: none; NULL: column u */
    const int *bucket;    /* (units), NULL: no buckets; -1: in none */
    int bucket_limit;     /* how many units of a bucket fall before all others
                             of all buckets have, and before those in none */
    int steps;            /* stop after so many units */
};

/* Bytes of scratch for a problem of this size. */
size_t obs_scratch_bytes(const struct obs_problem *problem);

/*
 * Removes the cheapest unit again and again, adjusting what is left.
 *
 * order     (steps), written: units in the order in which they fall
 * increase  (steps), written: what each adds to (v - w) H (v - w)^T, summed
 *           over the rows; the sum is the exact error of the least-squares
 *           refit on the mask
 * scratch   obs_scratch_bytes, 64-byte aligned
 *
 * Cost: a third of columns^3 multiply-adds.
 * Source: Frantar and Alistarh 2022 (Optimal Brain Compression), algorithm 1;
 * ours keeps one triangle and drops what has fallen.
 */
void obs_trace(const struct obs_problem *problem, int *order, double *increase,
               void *scratch);

#endif
