/* The outcome of work on disk: an .npz beside the journal, which numpy reads
 * too. Arrays: `weight:NAME` per replaced constant, `mask:LAYER` (bool, true
 * where kept), and as lines of bytes `decisions` and `masked` (what the masks
 * were found for): ROW STRUCTURE CRITERION UNITS; `summary` is the variant's.
 */
#ifndef SESSION_CHECKPOINT_H
#define SESSION_CHECKPOINT_H

#include "session/session.h"
#include "session/state.h"

/* Writes what a variant is, atomically. Errors "PATH: ...". */
int checkpoint_write(const char *path, const struct state *state,
                     const struct variant *variant, struct error *err);

/*
 * outcome  written, owned by the caller; its weights are NULL where the file
 *          has none
 * Errors "PATH: ...": ERROR_IO, ERROR_FORMAT (unlike the model).
 */
int checkpoint_read(const char *path, const struct state *state,
                    struct session_outcome *outcome, struct error *err);

#endif
