/* The data that calibration and tuning look at. */
#ifndef ENGINE_TRAINING_H
#define ENGINE_TRAINING_H

#include "session/session.h"

/*
 * What --train names (data, or a share of the tested data that was set aside),
 * else the training split beside the data.
 *
 * data    borrowed
 * opened  where it is kept once it has been opened; the caller's to close
 *
 * Errors: ERROR_UNSUPPORTED (says what to do), or those of opening.
 */
int training_data(const struct dataset **data, struct dataset **opened,
                  const struct session *session, struct error *err);

#endif
