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

/* What a checkpoint is of. */
struct tune_kept {
    char *line;  /* owned: tune_kept_release */
    int variant; /* its number where it was kept, -1: unknown */
};
/* Reads that and nothing else. Errors "PATH: ...". */
int tune_kept_read(struct tune_kept *kept, const char *path, struct error *err);
void tune_kept_release(struct tune_kept *kept);

extern const struct work_kind work_tune;

#endif
