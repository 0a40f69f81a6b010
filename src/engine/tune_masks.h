/* What a tune trains and under which masks, in the shapes that run and in the
 * model's own. */
#ifndef ENGINE_TUNE_MASKS_H
#define ENGINE_TUNE_MASKS_H

#include "engine/tune_order.h"
#include "prune/apply.h"
#include "prune/regrow.h"

/*
 * Where channels, heads or blocks go, the smaller graph is trained: it is
 * faster, and nothing of what went can move. Masks, decisions and outcomes
 * are in the model's own shapes.
 */
struct tune_masks {
    const struct layer_table *layers;
    struct graph *own;             /* the variant's weights, no masks */
    struct graph *begin;           /* what is trained: masked, smaller */
    struct mask_set set;           /* that hold now */
    struct regrow regrow;          /* no rows where nothing shrinks */
    struct decision *decisions;    /* that the masks are of; owned */
    const struct weights *weights; /* the variant's */
};

/* Errors: those of masks and of making a smaller graph. */
int tune_masks_init(struct tune_masks *masks, struct work *work,
                    struct error *err);
void tune_masks_release(struct tune_masks *masks);

/* The dense model's weights in the shapes that are trained. */
int tune_masks_dense(const struct tune_masks *masks, struct graph **out,
                     const struct graph *dense, struct error *err);

/* Hands all masks to the trainer. */
int tune_masks_hold(const struct tune_masks *masks, struct tune *tune,
                    struct error *err);

/* What was trained so far, in the shapes that run. */
int tune_masks_model(const struct tune_masks *masks, struct graph **out,
                     const struct tune *tune, struct error *err);

/* What was trained so far, in the model's shapes (tune_result_release). */
int tune_masks_result(const struct tune_masks *masks,
                      struct tune_result *result, const struct tune *tune,
                      struct error *err);

/* `share` of the prunable weights goes, those of channels that went counted:
 * every prunable layer takes part in
 * one ranking of the weights of now. */
int tune_masks_prune(struct tune_masks *masks, struct tune *tune,
                     const struct criterion *criterion, double share,
                     struct error *err);

#endif
