/* Writing what was decided: a table of outputs. */
#ifndef EXPORT_EXPORT_H
#define EXPORT_EXPORT_H

#include "session/result.h"
#include "session/session.h"

struct export_request {
    const char *path; /* of the ONNX file; companions share its stem */
    bool masks, recipe, report;
    const struct variant *variant; /* retained by the caller */
    const struct mask_set *masks_set;
    const struct result *result; /* for the report; may be NULL */
};

/* One kind of output: a row and a file each. */
struct export_output {
    const char *name;   /* "onnx", "masks", "recipe", "report" */
    const char *suffix; /* ".onnx", ".masks.npz", ".recipe", ".md" */
    int (*write)(const struct session *session,
                 const struct export_request *request, const char *path,
                 struct error *err);
};
extern const struct export_output export_outputs[]; /* ends with NULL name */

/*
 * Writes the model and the companions asked for, each atomically.
 * Errors "PATH: ...". Verification is the engine's (engine_export).
 */
int export_write(const struct session *session,
                 const struct export_request *request, struct error *err);

/* PATH with its ".onnx" replaced by `suffix`; owned by the caller. */
char *export_companion(const char *path, const char *suffix);

#endif
