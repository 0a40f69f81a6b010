/*
 * Journals: what a user decided, one file per session, lines of the command
 * language. espalier-session(5) describes the format.
 *
 *     session 1
 *     model "/path/model.onnx" 0123456789abcdef
 *     data "/path/images" split "test" resize 256 crop 224x224
 *     train "20%"
 *     holdout "20%"
 *     samples 0
 *     seed 1
 *     preprocess scale 255 mean 0.286 std 0.353 name "fashion-mnist"
 *     set fc 85%
 *     ...
 *     close
 */
#ifndef SESSION_JOURNAL_H
#define SESSION_JOURNAL_H

#include "dataset/dataset.h"

/* An open journal; the lock on it lives as long as the process (flock). */
struct journal {
    char *path;
    int descriptor; /* -1: none */
    int64_t bytes;  /* of complete lines */
    bool damaged;   /* a torn line could not be taken back */
};

/* The folder of journals: `folder`, or $XDG_STATE_HOME/espalier, or
 * ~/.local/state/espalier. Owned by the caller. */
char *journal_folder(const char *folder, struct error *err);

/* Creates a new file in `folder` (made if missing) that begins with `head`.
 * Errors: ERROR_IO, naming the folder. */
int journal_create(struct journal *journal, const char *folder,
                   const char *head, struct error *err);

/* Opens an old one to go on after its first `bytes` bytes; what is behind
 * (a torn line) is cut off. Errors: ERROR_IO (also: still in use). */
int journal_reopen(struct journal *journal, const char *path, int64_t bytes,
                   struct error *err);

/* Adds complete lines ("...\n"), on disk when this returns 0. A failed
 * write leaves the file as it was. */
int journal_append(struct journal *journal, const char *lines,
                   struct error *err);

/* Unlocks and closes; nothing is written. */
void journal_close(struct journal *journal);

/* Whether some process holds the journal open. */
bool journal_is_live(const char *path);

/* --- reading --- */

/* What the head says; strings owned. */
struct journal_head {
    char *model_path;
    char *data_path, *split, *train, *holdout; /* NULL when absent */
    struct picture_shape shape;
    uint64_t model_hash;
    uint64_t external_hash; /* of external data; 0: none, or not said */
    int64_t samples;
    uint64_t seed;
    bool has_transform;
    struct transform transform;
    double accuracy;       /* that the transform was chosen by; NAN: none */
    int64_t trial_samples; /* that this was seen on; 0: none */
};

struct journal_text {
    struct journal_head head;
    char *data;         /* the file's bytes, lines NUL-terminated */
    const char **lines; /* behind the head */
    size_t *numbers;    /* 1-based line numbers in the file */
    size_t count;
    int64_t bytes; /* of complete lines */
    bool closed;   /* the last line is `close` */
};

/* Reads a journal; a last line that was torn is dropped.
 * Errors "PATH: ..." or "PATH:LINE: ...": ERROR_IO, ERROR_FORMAT. */
int journal_read(struct journal_text *text, const char *path,
                 struct error *err);
void journal_text_release(struct journal_text *text);

/* The head as text, owned by the caller; NULL when memory is exhausted. */
char *journal_head_text(const struct journal_head *head);
/* The head's words for a transform ("scale 255 mean ..."), and back. The text
 * is owned; NULL without memory. */
char *journal_transform_text(const struct transform *transform);
int journal_transform_read(struct transform *out, const char *text,
                           struct error *err);

#endif
