/* A model's outputs on every sample, as arrays. */
#ifndef ENGINE_OUTPUTS_H
#define ENGINE_OUTPUTS_H

#include "engine/engine.h"

#include "base/cancel.h"

/*
 * Runs `variant` on every sample in stored order and writes an .npz whose
 * arrays are named as the model's outputs, (samples, …) each. With workers
 * of its own (options->workers).
 *
 * classifies  written, may be NULL: whether the first output is one number per
 *             class, as accuracy and agreement want it
 *
 * Errors: ERROR_CANCELLED, ERROR_IO "PATH: ...", ERROR_SHAPE (an output
 * without a batch dimension).
 */
int engine_write_outputs(const struct session *session,
                         const struct variant *variant,
                         const struct engine_options *options, const char *path,
                         bool *classifies, const struct cancel *cancel,
                         struct error *err);

#endif
