/*
 * A tune on disk while it runs: an .npz of the line, the model's hash, the
 * variant, what the trainer keeps (train/tune.h), the figures so far, and the
 * masks where it prunes on. With the same line on the same variant of the same
 * model it goes on as if it had never stopped.
 */
#ifndef ENGINE_TUNE_CHECKPOINT_H
#define ENGINE_TUNE_CHECKPOINT_H

#include "dataset/npz.h"
#include "engine/tune.h"
#include "engine/tune_masks.h"

/* What is kept beside the trainer's own. */
struct tune_progress {
    struct tune_history *history;
    double best_epoch, best_value; /* of what is remembered; 0: nothing */
    int64_t noted; /* the step after which accuracy was measured last */
};

/* Everything borrowed. */
struct tune_checkpoint {
    const char *line;
    const struct session *session; /* whose model it is of */
    const struct variant *variant;
    bool prunes; /* masks change on the way */
    struct tune *tune;
    struct tune_masks *masks;
    struct tune_progress *progress;
};

/*
 * A copy of everything, ready to be written.
 * npz  owned by the caller (npz_release): three to five times the weights that
 *      are trained (moments, the best epoch)
 */
int tune_checkpoint_copy(const struct tune_checkpoint *checkpoint,
                         struct npz *npz, struct error *err);

/*
 * The line of an opened checkpoint, owned by the caller.
 * session, variant  whose model, and which variant of it, it must be of
 * Errors: ERROR_MISMATCH (of another model or variant, or written before
 * checkpoints had the model's hash), ERROR_FORMAT.
 */
int tune_checkpoint_line(char **line, const struct npz *npz,
                         const struct session *session,
                         const struct variant *variant, struct error *err);

/* Puts everything in its place; masks are not yet held by the trainer. */
int tune_checkpoint_read(const struct tune_checkpoint *checkpoint,
                         const struct npz *npz, struct error *err);

#endif
