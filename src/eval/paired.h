/* Two models on the same samples: the difference, its test, and the same for
 * every class. */
#ifndef EVAL_PAIRED_H
#define EVAL_PAIRED_H

#include "base/error.h"
#include "eval/estimate.h"
#include "eval/outcome.h"

#include <stddef.h>

struct paired_counts {
    int64_t samples, both, before_only, after_only; /* right answers */
    struct estimate difference; /* after - before, 95 %, Newcombe */
    double p_value;             /* McNemar, exact */
};

/* One sample more; when all are in, the difference and its test. */
void paired_add(struct paired_counts *counts, bool before, bool after);
void paired_conclude(struct paired_counts *counts);

struct paired_class {
    int64_t label;
    struct paired_counts counts;
};

struct paired {
    struct paired_counts all;
    size_t class_count;
    struct paired_class *classes; /* owned; the largest losses first */
};

/*
 * before, after  outcomes by sample id
 * right          right classes by sample id; below 0: left out of everything
 */
int paired_init(struct paired *paired, const struct outcome *before,
                const struct outcome *after, const int64_t *right,
                int64_t samples, struct error *err);
void paired_release(struct paired *paired);

#endif
