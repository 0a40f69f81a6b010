/* Fine-tuning as a kind of work, and what it leaves behind. */
#ifndef ENGINE_TUNE_H
#define ENGINE_TUNE_H

#include "engine/work.h"

enum { TUNE_HISTORY = 256 };

/* After an epoch; the first row is how it began (train_loss NAN). */
struct tune_row {
    double epoch, train_loss, value, low, high;
};

/* The data of finished work (engine_work_take); freed with free. */
struct tune_history {
    struct tune_row rows[TUNE_HISTORY];
    size_t count;
    size_t kept; /* the row of what was kept: the last, or the best */
};

/* The line of the tune that a checkpoint is of; owned by the caller.
 * Errors "PATH: ...". */
int tune_kept_line(char **line, const char *path, struct error *err);

extern const struct work_kind work_tune;

#endif
