/* A variant: one set of decisions on some weights, a node of the tree of
 * edits. */
#ifndef SESSION_VARIANT_H
#define SESSION_VARIANT_H

#include "prune/weights.h"

#include <stdatomic.h>

/* Immutable once in the tree and counted: engine jobs hold it. */
struct variant {
    atomic_int holders;
    int id;     /* 0 is the dense model */
    int parent; /* -1 for 0 */
    size_t layer_count;
    struct decision *decisions;
    const struct weights *weights; /* retained; NULL: the model's own */
    uint64_t hash; /* of decisions and weights: equal work, equal hash */
    char *command; /* the line that made it, "" for 0 */
    char *summary; /* "layers.1.conv2 80→85%", for history and status */
};

/* A variant with one holder; decisions (count) are copied, NULL: dense;
 * weights are retained. NULL when memory is exhausted. */
struct variant *variant_create(int id, int parent,
                               const struct decision *decisions, size_t count,
                               const struct weights *weights,
                               const char *command, const char *summary);
struct variant *variant_retain(const struct variant *variant);
void variant_drop(const struct variant *variant);

/* Share of the prunable weights that the variant removes, 0…1. */
double variant_sparsity(const struct variant *variant,
                        const struct layer_table *layers);

#endif
