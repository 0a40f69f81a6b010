/* The inside of an engine, shared by its jobs. */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "base/cancel.h"
#include "base/thread.h"
#include "engine/flipped.h"
#include "engine/forecast.h"
#include "engine/keeper.h"
#include "engine/pool.h"
#include "engine/rivals.h"
#include "engine/robustness_known.h"
#include "engine/scan_known.h"
#include "engine/setup.h"
#include "engine/store.h"
#include "engine/structures.h"
#include "engine/trial.h"
#include "engine/wait.h"
#include "engine/work.h"
#include "exec/prefix.h"

struct job;

/* A kind of work. `run` is called on the engine thread, unlocked. */
struct job_kind {
    const char *name;
    /* Whether there is such work; fills the job. Locked. */
    bool (*take)(struct engine *engine, struct job *job);
    void (*run)(struct engine *engine, struct job *job);
    /* What is to be done when it was interrupted but not cancelled by the
     * user, nor overtaken. Locked. */
    void (*requeue)(struct engine *engine, struct job *job);
};
extern const struct job_kind job_baseline, job_variant, job_export, job_work,
    job_calibrate, job_structures, job_scan, job_flipped, job_samples,
    job_ahead;

struct job {
    const struct job_kind *kind;
    const struct variant *variant; /* retained */
    int focus;
    bool interrupted;
};

/* Who a running job's reports are for: moves on when the same decisions are
 * shown again under another id. */
struct addressee {
    uint64_t generation, hash;
    int variant;
};

enum { AHEAD_MOST = 4 };

/* What the user may ask for next, most likely first. */
struct ahead {
    const struct variant *variants[AHEAD_MOST]; /* retained */
    size_t count;
    int focus;
    struct timespec from; /* when to begin */
};

struct export_state {
    bool pending;
    const struct variant *variant; /* retained while pending */
    struct engine_export request;  /* owned path */
    struct engine_export_result result;
    bool any;
};

/* What samples are to be asked. */
struct calibration_wish {
    bool pending;
    const struct weights *weights; /* retained while pending; may be NULL */
    enum calibration_part part;
};

/* The one piece of work that is queued, done or finished. */
struct work {
    struct engine *engine;
    /* Guarded by the mutex; while it runs, set by the engine thread only. */
    const struct work_kind *kind;
    const struct variant *variant; /* retained */
    void *options;                 /* the kind's, owned */
    struct work_status status;
    size_t point_capacity;
    struct cancel cancel;
    struct work_asked asked;
    bool discarded;
    int64_t start_ns;
    /* The engine thread's own until status.ready. */
    double seconds_left; /* NAN: not said */
    struct session_outcome outcome;
    void *data;
    void (*drop_data)(void *data);
};
/* Queues work of a kind, whose options are taken over in any case. */
int engine_work_queue(struct engine *engine, const struct work_kind *kind,
                      void *options, const struct variant *variant,
                      const char *line, struct error *err);
/* Frees what it holds. */
void work_release(struct work *work);

struct engine {
    struct setup setup;
    const struct variant *dense; /* retained */
    struct pool *pool;           /* NULL: no data */
    struct thread thread;
    int descriptor;

    pthread_mutex_t mutex;
    pthread_cond_t work;    /* something to do */
    pthread_cond_t changed; /* something was done */

    /* Guarded by the mutex. */
    const struct report *report;
    uint64_t generation;
    struct job wanted; /* variant NULL: none */
    bool baseline_wanted, calibration_wanted;
    bool structures_wanted; /* of this layer, with this share gone: */
    int structures_row;
    double structures_share;
    struct structure_times structures; /* the last that was found out */
    bool paused, ending, stopping;
    const struct job_kind *running; /* NULL: none */
    struct addressee addressee;     /* of the running job */
    struct export_state export;
    struct work work_state;
    struct keeper keeper;             /* of its checkpoints; its own mutex */
    struct rivals rivals;             /* count 0: none yet */
    bool scan_wanted;                 /* read what is known */
    const struct scan_snapshot *scan; /* retained; NULL: nothing yet */
    struct calibration_wish calibration;
    bool collecting; /* what was wished for */
    struct store store;
    struct ahead ahead;
    const struct variant *flipped_wanted; /* retained; NULL: none */
    const struct flipped *flipped;        /* retained; what is known last */
    const struct robustness_known **robustness; /* per variant, newest last */
    size_t robustness_count, robustness_capacity;
    int64_t flipped_batches; /* that it speaks of */
    struct result baseline;  /* written by the engine thread, locked */
    bool baseline_exact;

    struct cancel cancel;             /* baseline and variant jobs */
    struct cancel export_cancel;      /* export jobs */
    struct cancel calibration_cancel; /* collecting; not raised by edits */
    /* Raised, locked, when somebody waits for what work would let go first, or
     * work is cancelled; reset by the engine thread when it looks. */
    struct cancel awaited;

    /* The engine thread's own. */
    struct robustness_cache robustness_cache;
    struct trial *base;    /* the dense model's answers */
    struct strata *strata; /* NULL until they are all there */
    struct prefix *prefix;
    struct plan *base_plan; /* NULL once the baseline is complete */
    struct plan *plan;      /* the last variant's, for evaluation */
    uint64_t plan_hash;
    struct plan *latency_plan;
    struct forecast forecast; /* of latency, on this machine */
    size_t calibrated;        /* steps of the calibration that are done */
    struct dataset *training; /* NULL: not opened */
    struct mask_set masks;    /* of masks_variant */
    const struct variant *masks_variant;
    char **kernel_names; /* interned: results outlive plans */
    size_t kernel_name_count, kernel_name_capacity;
};

/* What a report says beside the figures. */
struct news {
    enum engine_stage stage;
    int64_t done, total;
    double seconds;
    bool complete;
    const struct error *error; /* NULL: did not fail */
};

/* Makes the descriptor readable. */
void engine_wake(struct engine *engine);
/* There is something to do: the engine thread is woken, or told so when it is
 * at work. Locked. */
void engine_call(struct engine *engine);
/* While work runs: does what the user has asked for since, and waits while
 * paused. Locked on entry and return; engine thread only. */
void engine_answer_others(struct engine *engine);
/* Whether there is such a thing to do. Locked. */
bool engine_is_awaited(struct engine *engine);

/* Publishes unless the job was overtaken. */
void engine_publish(struct engine *engine, const struct news *news,
                    const struct result *result);
/* The newest report again with another stage and progress (export). */
void engine_publish_progress(struct engine *engine, const struct news *news);

/* Masks of a variant, NULL for the dense model; borrowed until the next. */
int engine_masks(struct engine *engine, const struct variant *variant,
                 const struct mask_set **masks, struct error *err);
/* The variant's plan for evaluation, borrowed until the next. */
int engine_plan(struct engine *engine, const struct variant *variant,
                const struct cancel *cancel, const struct plan **plan,
                struct error *err);
bool engine_is_dense(const struct engine *engine,
                     const struct variant *variant);

/* Evaluates and measures what is not known yet; fills result. */
int engine_evaluate(struct engine *engine, const struct job *job,
                    struct result *result, struct error *err);
int engine_measure(struct engine *engine, const struct job *job,
                   struct result *result, struct error *err);
/* The latency that is to be expected, until it is measured; counted as
 * forecast_change. */
int engine_predict(struct engine *engine, const struct variant *variant,
                   const struct plan *counted, struct result *result,
                   struct error *err);
/* Counted costs and layers of a variant. */
int engine_costs(struct engine *engine, const struct variant *variant,
                 struct result *result, struct error *err);

/* Once the dense model has answered all samples: puts them in the order of
 * the strata. When no worker runs. */
void engine_stratify(struct engine *engine);

/* Whether answers wait to be compared. Locked. */
bool engine_flipped_due(struct engine *engine);
/* Compares them; the engine thread. */
void engine_find_flipped(struct engine *engine);
/* Locked. */
void engine_flipped_forget(struct engine *engine);

/* Watches what the store collects, on behalf of the thread that edits. */
void engine_watch_calibration(struct engine *engine);
/* Drops a wish that waits. Locked. */
void engine_forget_calibration(struct engine *engine);

/* Takes the exam that session_options.holdout asks for, if it does; while the
 * pool rests. */
int engine_take_exam(struct engine *engine, const struct variant *variant,
                     const struct cancel *cancel, struct exam *exam,
                     struct error *err);

/* Whether somebody waits for anything but looking ahead. Locked. */
bool engine_is_needed(struct engine *engine);
/* When to look ahead; NULL: there is nothing to see. Locked. */
const struct timespec *engine_ahead_from(struct engine *engine);
/* Locked. */
void engine_forget_ahead(struct engine *engine);

/* Drops an export that waits; it has failed then. Locked. */
void engine_forget_export(struct engine *engine);

#endif
