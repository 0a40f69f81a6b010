/*
 * Writing what was decided: a table of outputs. To add an output: a file
 * export/<name>.c with its write function, declared at the end of this
 * header, and a row in export.c.
 *
 * Everything here reads only what never changes in a session (model, layers,
 * data set, options) and the variant, so the engine's thread may call it.
 */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include "base/strbuf.h"
#include "session/result.h"
#include "session/session.h"

struct export_request {
    const char *path; /* of the ONNX file; companions share its stem */
    bool masks, recipe, report;
    const struct variant *variant;    /* retained by the caller */
    const struct mask_set *masks_set; /* NULL: the dense model */
    const struct result *result;      /* for the report; may be NULL */
    const struct exam *exam;          /* the same */
};

/* One kind of output: a row and a file each. */
struct export_output {
    const char *name;   /* "onnx", "masks", "recipe", "report" */
    const char *suffix; /* ".onnx", ".masks.npz", ".recipe", ".md" */
    bool (*wanted)(const struct export_request *request);
    /* Errors "PATH: ..." */
    int (*write)(const struct session *session,
                 const struct export_request *request, const char *path,
                 struct error *err);
};
extern const struct export_output export_outputs[]; /* ends with NULL name */

/* Whether `path` can be written and is none of the files that the session
 * reads. Errors "PATH: ...". */
int export_check(const struct session *session, const char *path,
                 struct error *err);

/*
 * Writes the model and the companions asked for, each atomically.
 * Errors "PATH: ...". Verification is the engine's (engine_export).
 */
int export_write(const struct session *session,
                 const struct export_request *request, struct error *err);

/*
 * What writing would replace: adds the first name in full and the other
 * suffixes of those files that exist, with ", " between; returns how many.
 * request  path and switches count
 * model    whether the ONNX file itself counts
 */
size_t export_existing(const struct export_request *request, bool model,
                       struct strbuf *names);

/* PATH with its ".onnx" replaced by `suffix`; owned by the caller. */
char *export_companion(const char *path, const char *suffix);

/* Weights that the request removes from layer i. */
int64_t export_removed(const struct export_request *request, size_t i);

/* --- one write function of each row --- */

/* The model, masked weights in the type that the file stores. */
int export_onnx(const struct session *session,
                const struct export_request *request, const char *path,
                struct error *err);
/* Per prunable layer an array named as its initializer: the weight's shape,
 * bool, true where the weight is kept. */
int export_masks(const struct session *session,
                 const struct export_request *request, const char *path,
                 struct error *err);
/* Beside the masks: a module that holds them while PyTorch tunes. */
int export_pytorch(const struct session *session,
                   const struct export_request *request, const char *path,
                   struct error *err);
/* The command lines that lead from the dense model to the variant. */
int export_recipe(const struct session *session,
                  const struct export_request *request, const char *path,
                  struct error *err);
/* Markdown for people: what was decided, what it costs, how to repeat it. */
int export_report(const struct session *session,
                  const struct export_request *request, const char *path,
                  struct error *err);

#endif
