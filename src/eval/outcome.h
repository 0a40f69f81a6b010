/* What a model said about one sample. */
#ifndef EVAL_OUTCOME_H
#define EVAL_OUTCOME_H

#include "op/answer.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * margin: logit of the true class minus the best other (the runner-up when
 * there is no label: agreement with the dense model's answer); correct iff
 * predicted == label. Ties go to the lowest class, as argmax does.
 * margin5: the same against the fifth best other; top5 iff it is above 0
 * (ties aside). INFINITY where there is no such other class.
 */
struct outcome {
    int32_t predicted; /* -1: not evaluated yet */
    int32_t rival;     /* best class other than the true one; -1: none */
    float margin, margin5;
    float loss; /* cross-entropy in nats, log-softmax of the logits */
    bool correct, top5;
};

/* Reads `classes` logits of one sample. label -1: none (correct is false
 * then, loss NAN; compare with the dense model's answer as the label). */
struct outcome outcome_of(const float *logits, int64_t classes, int64_t label);

/* The same of a sample's numbers as a model tells them: probabilities count
 * by their logarithms, one number alone is of class 1. label below the
 * answer's classes. */
struct outcome outcome_read(const struct op_answer *answer,
                            const float *numbers, int64_t label);

#endif
