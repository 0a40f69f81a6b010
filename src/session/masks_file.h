/*
 * Masks from a file, as export writes them (.masks.npz): a model that was
 * tuned elsewhere comes back with them. They become decisions about single
 * weights and hold as long as these do.
 */
#ifndef SESSION_MASKS_FILE_H
#define SESSION_MASKS_FILE_H

#include "session/session.h"

/*
 * Arrays are named as the layer's parameter or as the layer, and lie as the
 * parameter does; or as the stored weight, and lie as that does (struct layer
 * in prune/layer.h). True (or a number that is not 0) where a weight is kept.
 * A product's may be transposed where the shape tells. Layers without an array
 * stay dense.
 *
 * outcome  decisions, weights that hold the masks, and a summary that says
 *          how many masked weights were not zero; owned by the caller
 *
 * Errors "PATH: ...": ERROR_NAME (no such layer), ERROR_SHAPE (layer, found,
 * expected), those of reading.
 */
int masks_file_read(struct session_outcome *outcome,
                    const struct session *session, const char *path,
                    struct error *err);

#endif
