/* Distributing an amount by what removing weights does to each layer. */
#ifndef PRUNE_ALLOCATE_ERROR_H
#define PRUNE_ALLOCATE_ERROR_H

#include "prune/reconstruct.h"

/*
 * Removes round(share * N) single weights of the chosen layers where they cost
 * least: every layer is traced down to nothing by ExactOBS on the dense
 * model's inputs, the increases, as shares of what the layer gives, are ranked
 * together. No chosen layer loses everything.
 *
 * decisions  written for the chosen prunable layers that statistics serve
 * request    its decisions, masks and method are not read
 *
 * Errors: as reconstruct.
 */
int allocate_error(struct decision *decisions,
                   const struct reconstruct_request *request, double share,
                   struct error *err);

#endif
