/*
 * What a variant does to a margin: t' = offset + slope t + shift[label] -
 * shift[rival] + e, with offset, slope and the spread of e moved a little by
 * label and by rival; the spread grows with |t|, tails are Student's. Fitted
 * on the samples seen, used for those not seen.
 */
#ifndef EVAL_MARGIN_MODEL_H
#define EVAL_MARGIN_MODEL_H

#include <stdint.h>

enum { MARGIN_CLASSES = 128 };

/* Of one class, as label or as rival: classes suffer unequally, often one
 * much more than all others, far from the boundary too. */
struct margin_class {
    double offset, slope; /* added */
    double stretch;       /* times the spread */
};

struct margin_model {
    double offset, slope;
    double spread, spread_slope; /* of e: spread + spread_slope |t| */
    double least;                /* spread is never less */
    int64_t fitted;              /* samples at the last fit */
    int classes;                 /* 0: no shifts (too many classes) */
    double shift[MARGIN_CLASSES];
    struct margin_class label[MARGIN_CLASSES], rival[MARGIN_CLASSES];
};

/* Samples seen, `count` of each; label and rival may be -1. */
struct margin_samples {
    const float *dense, *variant; /* finite */
    const int32_t *label, *rival;
    int64_t count;
};

/* The model before anything was seen; typical: a usual |margin|. */
void margin_model_init(struct margin_model *model, double typical, int classes);

/* Fits by reweighted least squares, beginning from what the model holds. */
void margin_model_fit(struct margin_model *model,
                      const struct margin_samples *samples);

/* The logit of the probability that t' > 0. */
double margin_model_above(const struct margin_model *model, float dense,
                          int32_t label, int32_t rival);

#endif
