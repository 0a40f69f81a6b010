/*
 * Work: what takes long and is done behind the screen: reconstruct, tune, scan,
 * plan. One table of kinds; to add one: a file with a `struct work_kind`, a
 * row in work_kinds[], a row in session/command_list.h whose function calls
 * execution_order.
 *
 * Work runs on the engine thread and steps aside whenever the user asks for
 * something: work_step answers that first, so the explorer stays usable.
 */
#ifndef ENGINE_WORK_H
#define ENGINE_WORK_H

#include "engine/engine.h"

enum { WORK_STAGE_BYTES = 64, WORK_NOTE_BYTES = 160, WORK_SERIES = 6 };

/* A point of a curve that work draws: loss, accuracy, ... */
struct work_point {
    int series;             /* index of the kind's names */
    double x, y, low, high; /* low, high NAN: no interval */
};

struct work;

/* What is left of work that the end of the program cuts short. */
enum work_rest {
    WORK_REST_ORDER,  /* its line, in the journal */
    WORK_REST_NONE,   /* nothing: it measures, and decides nothing */
    WORK_REST_POINTS, /* what it found so far, in a file */
    WORK_REST_WHOLE,  /* all: it goes on from its checkpoint */
};

struct work_kind {
    const char *name; /* of the command */
    /* Names of curves, NULL-terminated; NULL: none. The first is drawn first.
     */
    const char *const *series;
    bool needs_data;
    /* Ends early with what it has, and grows, when the user asks for it
     * (work_asked). */
    bool steerable;
    enum work_rest rest;
    /* Reads the words behind the name (options owned: free_options). Must not
     * read files: it answers while the user types Enter. NULL: no words. */
    int (*parse)(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err);
    void (*free_options)(void *options);
    /*
     * Does it, on the engine thread. Calls work_step between pieces of at most
     * some 50 ms during which the pool must rest.
     * Returns 0 with the outcome set, or -1 (ERROR_CANCELLED: nothing comes
     * of it).
     */
    int (*run)(struct work *work, struct error *err);
};
extern const struct work_kind work_masks;
extern const struct work_kind work_budget;
extern const struct work_kind *const work_kinds[]; /* NULL-terminated */
extern const struct work_kind work_reconstruct;
extern const struct work_kind work_criteria;
extern const struct work_kind work_scan;
extern const struct work_kind work_robustness;

/* --- for kinds, on the engine thread --- */

struct setup;
struct keeper;
struct pool;
struct trial;
const struct setup *work_setup(const struct work *work);
struct pool *work_pool(struct work *work); /* NULL: no data */
/* Who writes what is kept of it. */
struct keeper *work_keeper(struct work *work);
const struct variant *work_variant(const struct work *work);
const void *work_options(const struct work *work);
/* Raised when the user cancels; polled by long loops. */
const struct cancel *work_cancel(const struct work *work);
struct engine *work_engine(struct work *work);

/* Plans and masks borrowed from the engine do not live across this call
 * (plan_retain).
 * Says how far it is, lets whatever the user asked for go first, and tells
 * whether to go on: 0, or -1 with ERROR_CANCELLED.
 * stage  a few words, copied */
int work_step(struct work *work, const char *stage, int64_t done, int64_t total,
              struct error *err);
/* The middle of it, for pieces that run on the pool and can stop and go on:
 * raised when the user asked for something; then, while the pool rests,
 * work_lend lets that go first. Errors: ERROR_CANCELLED. */
const struct cancel *work_awaited(const struct work *work);
int work_lend(struct work *work, struct error *err);
/* How long it will take from here, for the next work_step to tell; NAN: as the
 * share that is done says. */
void work_left(struct work *work, double seconds);
/* Whether the user asked for something that work_step would do first. */
bool work_is_awaited(struct work *work);
/* Reads and clears what the user asked for since: to end with what is best,
 * to go on for so many more. */
struct work_asked {
    bool finish;
    int grow;
};
struct work_asked work_asked(struct work *work);
/* The line that ordered it. */
const char *work_line(const struct work *work);
/* Says in a line of its own what else is known, copied. */
void work_note(struct work *work, const char *note);
/* The file that keeps what was done so far: owned by the caller; NULL: none
 * is kept here. */
char *work_checkpoint_path(const struct work *work);
/* Adds a point to a curve. */
void work_point(struct work *work, const struct work_point *point);

/* The outcome, taken over by the call; each at most once. Work that gives
 * neither decisions nor weights changes no variant (scan). */
void work_give_decisions(struct work *work, struct decision *decisions);
void work_give_weights(struct work *work, struct weights *weights);
/* One line for history and status, copied. */
void work_give_summary(struct work *work, const char *summary);
/* The line that gives the outcome again, where it is not the one that ordered
 * it; taken over. */
void work_give_line(struct work *work, char *line);
/* A result of the kind's own, for its screen; freed by `drop`. */
void work_give_data(struct work *work, void *data, void (*drop)(void *data));

/* Data to calibrate and tune on: --train (data, or a share of the tested data
 * that was set aside), else the training split beside the data. Borrowed;
 * opened once.
 * Errors: ERROR_UNSUPPORTED (says what to do), or those of opening. */
int work_training_data(struct work *work, const struct dataset **data,
                       struct error *err);

/* --- for ui and cli --- */

struct work_status {
    const struct work_kind *kind; /* NULL: there was no work yet */
    int variant;                  /* that it is done on */
    char *line;                   /* owned */
    bool queued, running, finished, failed;
    struct error error;
    char stage[WORK_STAGE_BYTES], note[WORK_NOTE_BYTES];
    int64_t done, total;
    double seconds;
    double seconds_left;       /* NAN: as the share that is done says */
    struct work_point *points; /* owned */
    size_t point_count;
    bool ready; /* an outcome waits: engine_work_take */
};
void work_status_release(struct work_status *status);

/* Whether a line could be worked on; errors as the command's. */
int engine_work_check(const struct session *session, const char *line,
                      struct error *err);
/* Whether work could begin: ERROR_USAGE while other work is queued or done. */
int engine_work_ready(struct engine *engine, struct error *err);
/* Queues a line to be worked on; one at a time.
 * Errors: ERROR_USAGE and the kind's own. */
int engine_work_start(struct engine *engine, const struct variant *variant,
                      const char *line, struct error *err);
void engine_work_cancel(struct engine *engine);
/* Asks steerable work to end now with what is best, or to go on for one more
 * (epoch). Errors: ERROR_USAGE when no such work runs. */
int engine_work_finish(struct engine *engine, struct error *err);
int engine_work_grow(struct engine *engine, struct error *err);
/* Cancels, and what was kept of it (its checkpoint) goes as well. */
void engine_work_discard(struct engine *engine);
/* The outcome that was taken is safe: its checkpoint goes. */
void engine_work_adopted(struct engine *engine);
/* Whether work was interrupted and can go on: the line that does so, else
 * NULL. Of the session's own checkpoint; static text. */
const char *engine_work_interrupted(struct engine *engine);
/* What that is: the line that ordered it, and the variant that it is of (-1:
 * unknown). Owned by the caller; NULL when nothing is kept, or it cannot be
 * read. */
char *engine_work_kept(struct engine *engine, int *variant);
/* Whether what work keeps could be written: 0, or -1 with the error, told
 * once. The engine's descriptor wakes for it. */
int engine_work_check_kept(struct engine *engine, struct error *err);
/* Cancels work, waits for its end and until what it keeps is on disk. Errors:
 * as engine_work_check_kept. */
int engine_work_leave(struct engine *engine, struct error *err);
/* Whether the session that goes on had ordered work that came to no outcome
 * (killed, or stopped): the line that orders it again, else NULL. Borrowed
 * from the session. */
const char *engine_work_unfinished(const struct engine *engine);
/* A copy of how it stands; false when there was no work yet. */
bool engine_work_poll(struct engine *engine, struct work_status *status);
/* Takes the outcome of finished work, once. data may be NULL (then it is
 * dropped); what it points at is the kind's.
 * Errors: the work's own; ERROR_USAGE when there is none. */
int engine_work_take(struct engine *engine, struct session_outcome *outcome,
                     void **data, struct error *err);

#endif
