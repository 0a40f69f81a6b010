/* How large a step is, over the course of training, and how much is pruned. */
#ifndef TRAIN_RATE_H
#define TRAIN_RATE_H

#include "base/error.h"

enum rate_kind {
    RATE_CONSTANT,
    RATE_COSINE,    /* down to 0 along half a cosine */
    RATE_STEP,      /* a tenth after a half, a hundredth after three quarters */
    RATE_ONE_CYCLE, /* up for three tenths from 1/25, then down to nearly 0 */
    RATE_KIND_COUNT,
};

struct rate {
    enum rate_kind kind;
    double peak;
    double warmup; /* share of the course with a linear rise from 0 */
};

const char *rate_name(enum rate_kind kind); /* "cosine" */
/* Errors: ERROR_NAME. */
int rate_find(enum rate_kind *kind, const char *name, struct error *err);

/* progress runs 0 … 1. */
double rate_at(const struct rate *rate, double progress);

/* From a first amount to a target while a model is trained. */
enum course_kind {
    COURSE_CUBIC, /* automated gradual pruning: most of it early */
    COURSE_LINEAR,
    COURSE_EXPONENTIAL, /* the same factor of what is left each time */
    COURSE_ONE_CYCLE,   /* slow, fast, slow */
    COURSE_KIND_COUNT,
};

const char *course_name(enum course_kind kind);
int course_find(enum course_kind *kind, const char *name, struct error *err);

/*
 * The share to remove at `progress` 0 … 1; from below to, both below 1.
 * Sources: Zhu and Gupta 2017, eq. 1; Tanaka et al. 2020 (exponential);
 * one-cycle: (1 + e^(-14 + 6)) / (1 + e^(-14 t + 6)).
 */
double course_at(enum course_kind kind, double from, double to,
                 double progress);

#endif
