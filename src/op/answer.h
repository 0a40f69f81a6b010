/* How a model's first output tells the class of a sample. */
#ifndef OP_ANSWER_H
#define OP_ANSWER_H

#include "graph/graph.h"

#include <stdbool.h>

/*
 * One number for each class, the largest wins; or one number alone, which
 * tells two classes: 1 where a probability is above a half, or a logit above
 * zero, else 0.
 */
struct op_answer {
    int64_t width;   /* numbers of a sample */
    int64_t classes; /* two where the width is one */
    bool shares;     /* probabilities (of Softmax, or a lone Sigmoid), not
                        logits */
};

/* Reads an instance. false: its first output is not float32 (batch, classes),
 * ones aside, nor (batch). */
bool op_answer_of(struct op_answer *out, const struct graph *instance);

/* The logit that the number of a sample stands for, of a width of one. */
float op_answer_logit(const struct op_answer *answer, float number);

/* log of a probability, finite for 0. */
float op_answer_log(float share);

#endif
