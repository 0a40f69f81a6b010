/*
 * Which units may change places: a unit's kind is a hash of every place that
 * it has in the model. What only moves channels (slices, concatenations,
 * flattening) then finds each where it looks for it.
 */
#include "prune/permute.h"

#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

struct kinds {
    struct group_table *table;
    struct arena arena;
};

/* Every run of positions of one label is a number in its hash. */
static void hash_axis(struct kinds *kinds, uint64_t axis, const int *slab,
                      int64_t size)
{
    for (int64_t begin = 0, end; begin < size; begin = end) {
        int label = slab[begin];
        for (end = begin; end < size && slab[end] == label; end++)
            continue;
        if (label < 0)
            continue;
        uint64_t hash = hash_u64(kinds->table->kinds[label], axis);
        kinds->table->kinds[label] = hash_u64(hash, (uint64_t)(end - begin));
    }
}

/* A label of its own kind never moves. */
static void hash_apart(struct kinds *kinds, const int *slab, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        if (slab[i] >= 0)
            kinds->table->kinds[slab[i]] =
                hash_u64(kinds->table->kinds[slab[i]], (uint64_t)slab[i]);
}

static int add_map(struct kinds *kinds, uint64_t number,
                   const struct label_map *map, struct error *err)
{
    struct group_slabs slabs;
    int axes = 0;
    if (!map->labels)
        return 0;
    if (group_slabs_of(&slabs, kinds->table, map, &kinds->arena, err) < 0)
        return -1;
    for (int d = 0; d < map->shape.rank; d++)
        axes += slabs.labels[d] != NULL;
    for (int d = 0; d < map->shape.rank; d++) {
        if (!slabs.labels[d])
            continue;
        hash_axis(kinds, number * SHAPE_MAX_RANK + (uint64_t)d, slabs.labels[d],
                  map->shape.dims[d]);
        if (axes > 1)
            hash_apart(kinds, slabs.labels[d], map->shape.dims[d]);
    }
    return 0;
}

int permute_kinds(struct group_table *table, struct error *err)
{
    struct kinds kinds = {.table = table};
    uint64_t number = 1;
    int result = 0;
    table->kinds = array_create(table->labels.count + 1, sizeof *table->kinds);
    if (!table->kinds)
        return error_memory(err, table->labels.count * sizeof *table->kinds);
    for (size_t i = 0; i < table->value_count && result == 0; i++)
        result = add_map(&kinds, number++, &table->values[i], err);
    for (size_t i = 0; i < table->use_count && result == 0; i++)
        result = add_map(&kinds, number++, &table->uses[i].map, err);
    for (size_t l = 0; l < table->labels.count; l++)
        if (table->unit_of[l] < 0)
            table->kinds[l] = 0;
    arena_release(&kinds.arena);
    return result;
}

/* --- why not --- */

/* The label map of a layer's inputs; NULL: they belong to no layer. */
static const struct label_map *inputs_of(const struct group_table *table,
                                         const struct graph *instance,
                                         const struct layer *layer)
{
    const struct node *node = &instance->nodes[layer->node];
    int value = node->op->weight_input == 0 ? node->inputs[1] : node->inputs[0];
    return value < 0 ? NULL : &table->values[value];
}

/* Whether two labels of an axis are of one kind. */
static bool some_move(const struct group_table *table, const int *slab,
                      int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = i + 1; j < size && slab[i] >= 0; j++)
            if (slab[j] >= 0 && slab[i] != slab[j] && table->kinds[slab[i]] &&
                table->kinds[slab[i]] == table->kinds[slab[j]] &&
                table->unit_of[slab[i]] == table->unit_of[slab[j]])
                return true;
    return false;
}

int permute_fixed(const char **why, const struct graph *instance,
                  const struct layer_table *layers, size_t row,
                  struct error *err)
{
    struct group_table *table = layers->groups;
    const struct label_map *map =
        inputs_of(table, instance, &layers->layers[row]);
    struct arena arena = {0};
    struct group_slabs slabs;
    *why = "they are made by no layer that can be pruned";
    if (!map || !map->labels) {
        if (map && map->why && map->why[0])
            *why = map->why;
        return 0;
    }
    int result = group_slabs_of(&slabs, table, map, &arena, err);
    int first = labels_find(&table->labels, map->labels[0]);
    const char *lock = table->labels.states[first].lock;
    *why = lock ? lock : "they are divided into groups";
    for (int d = 0; d < map->shape.rank && result == 0; d++)
        if (slabs.labels[d] &&
            some_move(table, slabs.labels[d], map->shape.dims[d]))
            *why = "";
    arena_release(&arena);
    return result;
}
