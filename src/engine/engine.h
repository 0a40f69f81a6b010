/*
 * The only owner of threads. Turns the newest variant into a growing report:
 * one engine thread with a queue, N evaluation workers with runners of their
 * own. Reports are immutable, counted, and published by one pointer
 * exchange; then the wake-up descriptor becomes readable. Nothing calls back.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "session/result.h"
#include "session/session.h"

struct engine;
struct calibration_store;

struct engine_options {
    int workers;           /* evaluation threads; 0: one per processor */
    int latency_threads;   /* threads of a latency run; 1 by default */
    int64_t latency_batch; /* 1 by default */
    int64_t eval_batch;    /* 0: chosen (16, or less) */
    int64_t memory_bytes;  /* budget of the activation cache */
    const char *kernels;   /* "auto" (NULL), "dense", "sparse" */
    const char *device;    /* a profile: latencies are its; NULL: measured */
    bool measure_latency;  /* false: accuracy only */
    bool learn_latency;    /* find out in idle time what zeros are worth */
    /* Where long work keeps what it has done so far, borrowed; NULL: beside
     * the session's journal, if there is one. */
    const char *checkpoint;
    bool readonly;   /* scans stay in memory */
    bool foreground; /* threads of normal priority: nobody draws meanwhile */
    /* Where a session that edits on this thread looks up what samples say:
     * collected by the engine, behind the screen. NULL: no such thing. */
    struct calibration_store *calibration;
};

enum engine_stage {
    ENGINE_IDLE,
    ENGINE_BASELINE,    /* the dense model on the whole data, once */
    ENGINE_PLANNING,    /* masks, kernels */
    ENGINE_CALIBRATING, /* what samples say, for criteria that ask */
    ENGINE_EVALUATING,
    ENGINE_MEASURING, /* latency */
    ENGINE_EXPORTING, /* writing and verifying */
    ENGINE_STAGE_COUNT,
};

/* Immutable; hold it with report_retain while drawing. */
struct report {
    atomic_int holders;
    uint64_t generation; /* grows with every engine_show */
    int variant;         /* id it speaks of */
    uint64_t hash;
    enum engine_stage stage;
    int64_t done, total; /* progress of the stage (samples) */
    double seconds;      /* spent in the stage so far */
    bool complete;       /* all samples, latency measured */
    bool ahead;          /* was evaluated before it was asked for */
    bool failed;
    struct error error;   /* when failed */
    struct result result; /* what is known; accuracy.samples 0: nothing yet */
    bool has_baseline;
    struct result baseline; /* the dense model's, layers included */
};

struct report *report_retain(const struct report *report);
void report_drop(const struct report *report);

/*
 * Starts the threads. The session must outlive the engine and is only read
 * for its immutable parts (graph, layers, dataset, transform).
 * Without a data set only latency and costs are reported.
 */
int engine_create(struct engine **out, const struct session *session,
                  const struct engine_options *options, struct error *err);
void engine_destroy(struct engine *engine); /* cancels, joins */

/*
 * Asks for `variant` (retained) to be evaluated; what runs for another one
 * is cancelled within 20 ms. Known results (by hash) are published at once.
 * focus: row of the layer being edited (prefix cache), -1: none.
 */
void engine_show(struct engine *engine, const struct variant *variant,
                 int focus);

/*
 * Evaluates these variants (retained, up to four, most likely first) while
 * there is nothing else to do, in place of what was asked for before. Nothing
 * of it is seen until one of them is shown: then its figures are there at once.
 * focus: as engine_show.
 */
void engine_look_ahead(struct engine *engine,
                       const struct variant *const *variants, size_t count,
                       int focus);

/* Stops and resumes background work (P). */
void engine_pause(struct engine *engine, bool paused);
/* Cancels what runs; the report says how far it came. */
void engine_cancel(struct engine *engine);

/* Collects what a criterion wants to know of samples about a variant's weights,
 * unless it is known; without data to calibrate on nothing happens. */
void engine_calibrate(struct engine *engine, const struct variant *variant,
                      const struct criterion *criterion);

/* Whether figures that an edit asked for are still to come. */
bool engine_is_calibrating(struct engine *engine);

/* The newest report, retained (report_drop); NULL before the first. */
const struct report *engine_report(struct engine *engine);

/* The device whose latencies are shown, alive as long as the engine; NULL: this
 * machine, measured. */
const char *engine_device(const struct engine *engine);

/* Readable when a report was published; engine_acknowledge empties it. */
int engine_descriptor(const struct engine *engine);
void engine_acknowledge(struct engine *engine);

/* Waits until nothing is left to do (or timeout_ms, -1: for ever) and says
 * whether that came true. For cli and tests. */
bool engine_wait(struct engine *engine, int timeout_ms);
/* No job queued or running. */
bool engine_idle(struct engine *engine);

/* Whether a variant's accuracy is known; a copy of its figures (owned). */
bool engine_lookup(struct engine *engine, uint64_t hash, struct result *result);

/* Where the outcome of every sample of a known variant is needed (compare,
 * verification): copies `count` outcomes in sample order, 0 or -1. */
int engine_outcomes(struct engine *engine, uint64_t hash,
                    struct outcome *outcomes, int64_t count, struct error *err);

struct engine_export {
    char *path;
    bool masks, recipe, report;
    bool verify; /* read back, run, compare */
};

/* What verification found. */
struct engine_export_result {
    bool finished, failed;
    struct error error;
    char *path; /* owned by the result */
    int64_t file_bytes;
    bool verified;
    int64_t samples;           /* compared */
    int64_t different_answers; /* must be 0 */
    double accuracy_before, accuracy_after;
    double largest_difference; /* of any output element */
    struct exam exam;          /* not taken unless session_options.holdout */
};

/* The names of the files that this would replace, with ", " between, cut to
 * `bytes`; "" when there are none. */
void engine_export_existing(const struct engine_export *request, char *names,
                            size_t bytes);
/* Queues an export of `variant`; strings are copied. One at a time. */
int engine_export_start(struct engine *engine, const struct variant *variant,
                        const struct engine_export *request, struct error *err);
/* Copies the state of the last export; path is owned by the caller. */
bool engine_export_poll(struct engine *engine,
                        struct engine_export_result *result);
void engine_export_result_release(struct engine_export_result *result);

#endif
