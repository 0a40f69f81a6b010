/* Inside the session: what it is made of. */
#ifndef SESSION_PARTS_H
#define SESSION_PARTS_H

#include "prune/calibration.h"
#include "session/command.h"
#include "session/journal.h"

struct session {
    struct session_options options; /* strings owned */
    struct session_worker worker;   /* what options.worker points to */
    struct onnx_model *model;
    struct graph *graph; /* batch 1 */
    struct layer_table layers;
    struct dataset *dataset;  /* NULL: none */
    struct dataset *training; /* set aside from it; NULL: nothing was */
    struct dataset *holdout;  /* so, for the exam */
    struct transform transform;
    struct preprocess_result preprocess;
    uint64_t model_hash, external_hash; /* 0: no external data */
    struct state state;
    struct work_check check;
    /* NULL: always */
    int (*ready)(void *context, const char *line, struct error *err);
    void *ready_context;
    struct calibrator calibrator;
    struct journal journal; /* descriptor -1: none */
    int journaled;          /* lines in the journal behind its head */
    char *unfinished;       /* order of work without an outcome; NULL: none */
};

/*
 * Everything but the transform and the journal; strings are copied.
 * Errors name the file.
 */
int session_assemble(struct session **out,
                     const struct session_options *options, struct error *err);

/* Splits off what `--holdout 20%` and `--train 20%` ask for (set_aside.c). */
int session_set_aside(struct session *session, struct error *err);

/* Files that are exported say what the pixels became, where that is known:
 * said by the user or the file, or found by trial. Once the transform is set,
 * before anybody shares the model. */
int session_state_pixels(struct session *session, struct error *err);

/* Uses a transform that is known: chosen earlier, or given. */
void session_set_transform(struct session *session,
                           const struct transform *transform, double accuracy,
                           int64_t samples);

/* A hash of everything in the model's file. */
int session_hash_file(uint64_t *hash, const char *path, struct error *err);

/* The path with all links resolved, itself when that fails. Owned. */
char *session_real_path(const char *path);

/* Shortest lines for decisions, without a head. */
void recipe_add(struct strbuf *text, const struct layer_table *layers,
                const struct decision *decisions);

/* Decisions in a journal: its lines but those of its own. */
int session_count_commands(const struct journal_text *text);

/* Journals lines that were executed on the state; `before` is put back when
 * that fails. */
int session_journal(struct session *session, const char *lines,
                    const struct position *before, struct error *err);

#endif
