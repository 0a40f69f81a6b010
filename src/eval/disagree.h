/* The samples on which two models disagree, and which classes pay. */
#ifndef EVAL_DISAGREE_H
#define EVAL_DISAGREE_H

#include "base/error.h"
#include "eval/outcome.h"

#include <stddef.h>

enum flip_kind {
    FLIP_LOST,  /* only the first model is right */
    FLIP_WON,   /* only the second is */
    FLIP_OTHER, /* both are wrong, in different ways */
};

struct flip {
    int64_t sample;
    enum flip_kind kind;
    int64_t label;         /* the right class */
    int32_t before, after; /* the two answers */
    float margin_before, margin_after;
};

/* What became of one class. */
struct class_change {
    int64_t label, samples, before, after; /* right answers */
    int64_t lost, won;
};

struct disagreement {
    size_t count, lost, won;
    struct flip *flips; /* owned: lost ones first, then won, then others; of
                           each kind the surest before (lost) or after */
    size_t class_count;
    struct class_change *classes; /* owned: those that lose most first */
};

/*
 * before, after  outcomes by sample id
 * labels         right classes by sample id; -1: none (left out)
 */
int disagreement_init(struct disagreement *disagreement,
                      const struct outcome *before, const struct outcome *after,
                      const int64_t *labels, int64_t samples,
                      struct error *err);
void disagreement_release(struct disagreement *disagreement);

const char *flip_kind_name(enum flip_kind kind); /* "lost" */

#endif
