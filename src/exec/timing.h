/*
 * Measured times of kernels on this machine, by (kernel, problem, nonzeros
 * bucket, threads), so that each is measured once per process. Behind a
 * mutex: shared by whoever makes plans.
 */
#ifndef EXEC_TIMING_H
#define EXEC_TIMING_H

#include "base/error.h"

#include <stdint.h>

struct timing;

int timing_create(struct timing **out, struct error *err);
void timing_destroy(struct timing *timing);

/* Whether `key` is known; *ns is written. */
int timing_get(struct timing *timing, uint64_t key, double *ns);
void timing_put(struct timing *timing, uint64_t key, double ns);

#endif
