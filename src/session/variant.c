#include "session/variant.h"

#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Dense layers add nothing: whatever led back to dense equals variant 0. */
static uint64_t hash_decisions(const struct decision *decisions, size_t count)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++) {
        struct choice choices[DECISION_CHOICES];
        size_t made = decision_choices(&decisions[i], choices);
        for (size_t j = 0; j < made; j++) {
            const char *structure = choices[j].structure->name;
            const char *criterion = choices[j].criterion->name;
            hash = hash_u64(hash, i);
            hash = hash_bytes(hash, structure, strlen(structure) + 1);
            hash = hash_bytes(hash, criterion, strlen(criterion) + 1);
            hash = hash_u64(hash, (uint64_t)choices[j].remove);
        }
    }
    return hash;
}

struct variant *variant_create(int id, int parent,
                               const struct decision *decisions, size_t count,
                               const struct weights *weights,
                               const char *command, const char *summary)
{
    const struct decision dense = decision_dense();
    struct variant *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    atomic_init(&v->holders, 1);
    v->id = id;
    v->parent = parent;
    v->layer_count = count;
    v->weights = weights_retain(weights);
    v->decisions = array_create(count, sizeof *v->decisions);
    v->command = string_copy(command);
    v->summary = string_copy(summary);
    if (!v->decisions || !v->command || !v->summary) {
        variant_drop(v);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        v->decisions[i] = decisions ? decisions[i] : dense;
    v->hash = hash_decisions(v->decisions, count);
    if (weights)
        v->hash = hash_u64(v->hash, weights->hash);
    return v;
}

/* The count is the only part of a shared variant that ever changes. */
static struct variant *writable(const struct variant *variant)
{
    struct variant *v;
    memcpy(&v, &variant, sizeof v);
    return v;
}

struct variant *variant_retain(const struct variant *variant)
{
    struct variant *v = writable(variant);
    atomic_fetch_add_explicit(&v->holders, 1, memory_order_relaxed);
    return v;
}

void variant_drop(const struct variant *variant)
{
    if (!variant)
        return;
    struct variant *v = writable(variant);
    if (atomic_fetch_sub_explicit(&v->holders, 1, memory_order_acq_rel) > 1)
        return;
    weights_drop(v->weights);
    free(v->decisions);
    free(v->command);
    free(v->summary);
    free(v);
}

double variant_sparsity(const struct variant *variant,
                        const struct layer_table *layers)
{
    double removed = 0, total = 0;
    for (size_t i = 0; i < layers->count && i < variant->layer_count; i++) {
        const struct layer *layer = &layers->layers[i];
        if (!layer->prunable)
            continue;
        total += (double)layer->weights;
        removed += (double)decision_weights(variant->decisions, layers, i);
    }
    return total > 0 ? removed / total : 0;
}
