/*
 * What strata and classes do to an answer, beside what is believed of its
 * sample: one effect for each stratum, each label, each rival, and each label
 * in each zone of margins (classes suffer unequally, and not alike near the
 * boundary and far from it), each common pair of label and rival. All are drawn
 * to zero by normal beliefs; those of strata walk from the boundary outwards on
 * either side, so that where nothing was seen the neighbours speak, with the
 * doubt of the walk. Fitted by Newton's method on what is added.
 */
#ifndef EVAL_EFFECTS_H
#define EVAL_EFFECTS_H

#include "eval/strata.h"

/* With more classes only strata have effects. */
enum {
    EFFECTS_CLASSES = 24,
    EFFECTS_ZONES = 5,
    EFFECTS_PAIRS = 40,
    EFFECTS_MOST =
        STRATA_MAX + (2 + EFFECTS_ZONES) * EFFECTS_CLASSES + EFFECTS_PAIRS,
    EFFECTS_OWN = 5 /* of one sample, at most */
};

struct effects {
    const struct strata *strata;
    int classes, pairs, size;
    int zone[STRATA_MAX];
    /* By label and rival: 1 + which; 0: none. */
    unsigned char pair[EFFECTS_CLASSES][EFFECTS_CLASSES];
    double value[EFFECTS_MOST];
    double gradient[EFFECTS_MOST];
    double information[EFFECTS_MOST][EFFECTS_MOST]; /* its lower triangle */
};

/* All zero. strata: borrowed, must outlive. */
void effects_init(struct effects *e, const struct strata *strata);

/* Those of the sample at place i of stratum h, ascending; how many. */
int effects_of(const struct effects *e, size_t h, int64_t i,
               int own[EFFECTS_OWN]);
/* Their sum. */
double effects_sum(const struct effects *e, const int *own, int count);

/* A step: begin with what is believed, add what
 * each sample says, take it. take returns the largest change; none is above
 * `most`. What is left is information^-1 at the values before. */
void effects_begin(struct effects *e);
void effects_add(struct effects *e, const int *own, int count, double gradient,
                 double information);
double effects_take(struct effects *e, double most);

/* x becomes information^-1 x. */
void effects_solve(const struct effects *e, double *x);
/* x' information^-1 x; x is overwritten. */
double effects_doubt(const struct effects *e, double *x);

#endif
