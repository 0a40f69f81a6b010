/* What follows from a model without running it: counted costs and, for a
 * device whose profile is there, latency. */
#ifndef ENGINE_APPRAISE_H
#define ENGINE_APPRAISE_H

#include "engine/engine.h"

/*
 * Of the session's model as it was opened.
 *
 * options  device counts
 * out      owned by the caller (result_release)
 *
 * Errors: those of the profile (device_read), ERROR_UNSUPPORTED (nothing like
 * the model was measured there).
 */
int engine_appraise(struct result *out, const struct session *session,
                    const struct engine_options *options, struct error *err);

#endif
