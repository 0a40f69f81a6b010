/* One ranking of all weights: by the criterion that was asked for, or by
 * LAMP's, which makes sizes of different layers comparable. */
#include "prune/allocate.h"

#include "base/array.h"
#include "prune/criteria.h"

#include <stdlib.h>

static int rank(const struct allocation *a, const struct criterion *criterion,
                double strength, double *amounts, struct error *err)
{
    const struct layer_table *layers = a->source.layers;
    struct decision *decisions = array_create(layers->count, sizeof *decisions);
    if (!decisions)
        return error_memory(err, layers->count * sizeof *decisions);
    int code = allocate_global(decisions, &a->source, a->rows, a->row_count,
                               criterion, strength, err);
    for (size_t i = 0; i < a->row_count && code == 0; i++)
        amounts[i] = (double)decisions[a->rows[i]].remove /
                     (double)layers->layers[a->rows[i]].weights;
    free(decisions);
    return code;
}

static int global(const struct allocation *a, double strength, double *amounts,
                  struct error *err)
{
    return rank(a, a->criterion, strength, amounts, err);
}

static int lamp(const struct allocation *a, double strength, double *amounts,
                struct error *err)
{
    return rank(a, &criterion_lamp, strength, amounts, err);
}

const struct allocator allocator_global = {
    .name = "global",
    .help = "one ranking of all weights by the criterion",
    .allocate = global,
};

const struct allocator allocator_lamp = {
    .name = "lamp",
    .help = "one ranking of all weights by LAMP's scores",
    .allocate = lamp,
};
