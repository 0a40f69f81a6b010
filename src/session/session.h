/*
 * A session: a model, a data set, the tree of variants, the journal. The one
 * thing that ui and cli share. Not thread-safe: it belongs to the thread that
 * edits; the engine gets retained immutable parts.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "dataset/dataset.h"
#include "eval/preprocess.h"
#include "onnx/model.h"
#include "prune/apply.h"
#include "session/variant.h"

struct session;
struct calibration;

/* What work on a variant came to. Owned: session_outcome_release. */
struct session_outcome {
    struct decision *decisions; /* one per layer; NULL: unchanged */
    struct weights *weights;    /* NULL: unchanged */
    char *summary;              /* for history and status; NULL: the line */
    char *line; /* that gives this again; NULL: the line that ordered it */
};
void session_outcome_release(struct session_outcome *outcome);

/* Who knows the lines that order work and does them; borrowed. */
struct session_worker {
    /* Whether a line could be done. Errors as session_execute. */
    int (*check)(void *context, const struct session *session, const char *line,
                 struct error *err);
    /* Does it and waits: for recipes and journals, where nobody watches. NULL:
     * cannot. */
    int (*run)(void *context, const struct session *session,
               const struct variant *variant, const char *line,
               struct session_outcome *outcome, struct error *err);
    void *context;
    /* What samples say about the model with these weights, for criteria that
     * ask; any thread. NULL: nobody knows. */
    int (*calibrate)(void *context, const struct session *session,
                     const struct weights *weights, enum calibration_part part,
                     const struct calibration **out, struct error *err);
};

struct session_options {
    const char *model_path;
    const char *data_path;      /* NULL: no data (inspect, bench) */
    const char *split;          /* NULL: default */
    struct picture_shape shape; /* of pictures */
    int64_t samples;            /* 0: all */
    uint64_t seed;
    bool preprocess_auto; /* else `transform` as given */
    struct transform transform;
    const char *state_folder; /* NULL: $XDG_STATE_HOME/espalier */
    bool journal;             /* write one (the explorer does) */
    /* To calibrate and tune on: a path, or a share of the data ("20%") that is
     * then left out of every accuracy; NULL: the training split beside it. */
    const char *train_path;
    /* The exam: as train_path; looked at when a model is written, never
     * before. NULL: none. */
    const char *holdout;
    /* Masks that hold from the beginning (session/masks_file.h): the first
     * variant. Not looked at when a journal is resumed. NULL: none. */
    const char *masks;
    const struct session_worker *worker; /* copied; NULL: such lines are
                                            refused */
};

/*
 * Opens model and data, checks that they fit, finds the pre-processing.
 * Errors name the file. out is owned by the caller (session_close).
 */
int session_open(struct session **out, const struct session_options *options,
                 struct error *err);
void session_close(struct session *session);
/* As session_close, but the journal stays to be resumed (a lost terminal). */
void session_leave(struct session *session);

/* --- what it holds (borrowed) --- */
const struct onnx_model *session_model(const struct session *session);
/* A hash of everything in the model's file, as the journal has it. */
uint64_t session_model_hash(const struct session *session);
const struct graph *session_graph(const struct session *session); /* batch 1 */
const struct layer_table *session_layers(const struct session *session);
const struct dataset *session_dataset(const struct session *session); /* NULL */
/* The share of the data that was set aside (train_path); NULL: none was. */
const struct dataset *session_training(const struct session *session);
/* The share that is kept for the exam (holdout); NULL: none is. */
const struct dataset *session_holdout(const struct session *session);
const struct transform *session_transform(const struct session *session);
/* Where an exported file says how its pixels become inputs: under this key of
 * its metadata, in the words of a journal's head. */
#define SESSION_PIXELS_KEY "espalier.preprocess"

const struct preprocess_result *session_preprocess(
    const struct session *session);
const struct session_options *session_options(const struct session *session);
const char *session_path(const struct session *session); /* journal or "" */
/* For mask_source; NULL: nobody knows what samples say. */
const struct calibrator *session_calibrator(const struct session *session);

/* --- variants --- */
const struct variant *session_current(const struct session *session);
const struct variant *session_variant(const struct session *session, int id);
int session_variant_count(const struct session *session);
bool session_can_undo(const struct session *session);
bool session_can_redo(const struct session *session);
/* Snapshot names ("A", "B", user's) to variant ids; -1 when unset. */
int session_snapshot(const struct session *session, const char *name);
/* Whether anything was decided since the last export (quit asks). */
bool session_unsaved(const struct session *session);
/* Who knows whether work could begin now: orders that are right but could not
 * (line: the work without what stands before it) are refused with its error,
 * before they are written. Borrowed; NULL: always. */
void session_watch_orders(struct session *session,
                          int (*ready)(void *context, const char *line,
                                       struct error *err),
                          void *context);
/* Of a session that goes on: the last work that was ordered and came to no
 * outcome, as its line; NULL: none. Borrowed. */
const char *session_unfinished(const struct session *session);
/* An export succeeded: of the variant that the last `export` line spoke of,
 * else of the current one. */
void session_mark_saved(struct session *session);

/*
 * The masks of a variant. set is initialised; thread-safe.
 * previous  the masks of previous_variant, from which layers whose decision
 *           and weights are the same are taken; both may be NULL
 */
int session_masks(const struct session *session, const struct variant *variant,
                  const struct mask_set *previous,
                  const struct variant *previous_variant, struct mask_set *set,
                  struct error *err);

/* Criterion and structure that new decisions take. */
const struct criterion *session_criterion(const struct session *session);
const struct structure *session_structure(const struct session *session);

/* --- commands --- */

/* What the caller must do after a line; edits are done by the session. */
enum command_effect {
    COMMAND_NOTHING, /* comment, empty line */
    COMMAND_EDITED,  /* a new current variant (also undo, redo, goto) */
    COMMAND_SETTING, /* criterion, structure, snapshot */
    COMMAND_WORK,    /* the caller has result->argument, one line, done on the
                        current variant (engine_work_start) and adopts what
                        comes of it (session_adopt) */
    COMMAND_EXPORT,  /* the caller exports the current variant (which the
                        same line may have made) to result->argument */
};

struct command_result {
    enum command_effect effect;
    char *argument; /* owned; NULL or the path of an export */
    char *message;  /* owned; one line for the status: what happened */
};
void command_result_release(struct command_result *result);

/*
 * Executes one line of the command language (';' separates several). The
 * journal has the line, on disk, before it takes effect. A line that fails
 * changes nothing.
 * Errors: ERROR_USAGE, ERROR_NAME, ERROR_RANGE: "set: ...", ERROR_IO.
 */
int session_execute(struct session *session, const char *line,
                    struct command_result *result, struct error *err);

/*
 * The variant that a line of edits would make of the current one, which stays
 * as it is: nothing is journaled. Owned by the caller (variant_drop); NULL
 * when the line changes nothing, orders something or fails.
 */
struct variant *session_preview(struct session *session, const char *line);

/*
 * Runs a recipe file line by line, all of it or nothing; errors are
 * "FILE:LINE: ...". Lines that export are refused. A recipe begins with the
 * default criterion and structure and leaves the session's as they were.
 */
int session_execute_file(struct session *session, const char *path,
                         struct error *err);

/*
 * Makes the outcome of a line of work a child of `parent`, the variant that
 * it was done on, and goes there unless the user has gone elsewhere meanwhile.
 * A checkpoint and the journal have it, on disk, before it takes effect.
 * An outcome without decisions and weights (a scan) leads to no variant: that
 * is `parent`, and nothing is written.
 * Returns the new variant's id, or -1 with ERROR_IO, ERROR_MEMORY.
 */
int session_adopt(struct session *session, int parent, const char *line,
                  const struct session_outcome *outcome, struct error *err);

/* The recipe of a variant: the shortest lines that give its decisions on the
 * dense model, with a comment head. Owned by the caller. */
char *session_recipe(const struct session *session,
                     const struct variant *variant, struct error *err);

/* The line that gives `decisions` and then does the line of work `work` on
 * them, from whatever variant: "reset; set ...; reconstruct". For outcomes
 * (session_outcome.line) of work that found both. Owned by the caller. */
char *session_draft_line(const struct session *session,
                         const struct decision *decisions, const char *work,
                         struct error *err);

/* --- the table of commands: help, completion and manual come from it --- */
struct command_info {
    const char *name, *synopsis, *help;
};
/* NULL-terminated by name. */
const struct command_info *session_commands(void);

/* Adds a word to a line of the language: a blank before it unless the line
 * is empty, quoted where it must be (layer names, paths). */
struct strbuf;
void session_add_word(struct strbuf *line, const char *word);

/*
 * Completions of the word under the cursor at the end of `line` (command,
 * layer names, criteria, structures). Calls `add(context, word)` for each.
 */
void session_complete(const struct session *session, const char *line,
                      void (*add)(void *context, const char *word),
                      void *context);

/* --- resuming --- */

/* A journal left by a session that did not end. */
struct session_leftover {
    char *path; /* journal */
    char *model_path, *data_path;
    int commands;     /* edits in it */
    int64_t modified; /* seconds since the epoch */
};

/* The newest journal whose process is gone and that was not closed, for this
 * model (NULL: any). Returns whether there is one. */
bool session_find_leftover(const char *state_folder, const char *model_path,
                           struct session_leftover *leftover);
void session_leftover_release(struct session_leftover *leftover);
/* Behind a journal's name without its suffix: where a tune is kept while it
 * runs. */
#define SESSION_TUNE_SUFFIX "-tune.npz"
/* The same for the figures that its variants were seen to have. */
#define SESSION_FIGURES_SUFFIX "-figures.txt"

/* Closes a leftover's journal, so that it is not offered again; the file, and
 * what a tune kept, stay to be opened by their path. */
int session_discard(const char *path, struct error *err);

/*
 * Opens the session of a journal: its model, data, pre-processing, and all
 * its lines replayed. A torn last line (power loss) is dropped. When `go_on`,
 * the journal continues in the same file, else it is only read (replay).
 * Work is not done again but read from the checkpoints; where one is missing,
 * by `worker` (may be NULL).
 * Errors: a model whose content differs from the journal's (ERROR_MISMATCH).
 */
int session_resume(struct session **out, const char *path, bool go_on,
                   const struct session_worker *worker, struct error *err);

#endif
