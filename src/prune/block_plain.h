/*
 * Layers of a chain that can be removed whole: what they give has the shape of
 * what they read, so that the chain goes on with that.
 */
#ifndef PRUNE_BLOCK_PLAIN_H
#define PRUNE_BLOCK_PLAIN_H

#include "prune/block.h"

/*
 * Whether a layer can be passed over, with the norm behind it, and the Relu
 * where what is read has passed one already; any other activation stays.
 *
 * block    filled where it can (owned)
 * readers  per value: operands that read it
 * taken    per node: part of a block already
 * reason   why not, static text; NULL: it can
 * Errors: ERROR_MEMORY.
 */
int block_plain(struct block *block, const char **reason,
                const struct graph *graph, const struct layer *layer,
                const int *readers, const bool *taken, struct error *err);

/* The constant that makes an end's node hand on what it reads; initialised. */
int block_end_fill(struct tensor *out, const struct graph *graph,
                   const struct block_end *end, struct error *err);

#endif
