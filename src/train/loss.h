/* What training minimises. */
#ifndef TRAIN_LOSS_H
#define TRAIN_LOSS_H

#include <stdbool.h>
#include <stdint.h>

enum loss_kind { LOSS_CROSS_ENTROPY, LOSS_SQUARED };

struct loss_options {
    enum loss_kind kind;
    double smoothing; /* of the labels, 0 … 1 */
    /* Share of the dense model's answers, 0 … 1, at a temperature. */
    double distill, temperature;
    bool shares; /* a lone number is a probability (op/answer.h) */
};

/* Cross-entropy, no smoothing, no distillation, temperature 4. */
struct loss_options loss_defaults(void);

/*
 * The loss of one sample and its gradient.
 *
 * logits    (classes), borrowed
 * label     below classes, or 0 or 1 of a lone number, which stands for the
 *           classes {0, logit}; -1: none, then only the teacher teaches
 * teacher   (classes), the dense model's logits; NULL: none
 * gradient  (classes), written; NULL: only the loss is wanted
 *
 * (1 - d) * CE(softmax(z), smoothed label)
 *     + d * T^2 * KL(softmax(t / T) || softmax(z / T)).
 * LOSS_SQUARED takes the mean of (z - one-hot)^2 instead of the CE.
 * Source: Hinton et al. 2015; T^2 keeps the gradient's scale.
 */
double loss_sample(const struct loss_options *options, int64_t classes,
                   const float *logits, int64_t label, const float *teacher,
                   float *gradient);

#endif
