#include "prune/reconstruct_lost.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

static int take_axis(struct lost *lost, struct lost_value *value, int axis,
                     const int *labels, int64_t size, struct error *err)
{
    unsigned char *keep = NULL;
    for (int64_t i = 0; i < size; i++) {
        if (labels[i] < 0 || !lost->removal.labels[labels[i]])
            continue;
        if (!keep) {
            keep = arena_alloc(&lost->arena, (size_t)size);
            if (!keep)
                return error_memory(err, (size_t)size);
            memset(keep, 1, (size_t)size);
        }
        keep[i] = 0;
    }
    value->keep[axis] = keep;
    value->touched = value->touched || keep;
    return 0;
}

static int take_value(struct lost *lost, const struct graph *graph, size_t id,
                      struct error *err)
{
    struct group_table *table = lost->layers->groups;
    const struct label_map *map = &table->values[id];
    const struct shape *shape = &graph->values[id].shape;
    struct group_slabs slabs;
    if (graph->values[id].producer < 0 || graph->values[id].constant.data)
        return 0;
    if (group_slabs_of(&slabs, table, map, &lost->arena, err) < 0)
        return -1;
    for (int d = 0; d < map->shape.rank; d++) {
        if (!slabs.labels[d])
            continue;
        if (take_axis(lost, &lost->values[id], d, slabs.labels[d],
                      map->shape.dims[d], err) < 0)
            return -1;
        if (lost->values[id].keep[d] && (shape->rank != map->shape.rank ||
                                         shape->dims[d] != map->shape.dims[d]))
            return error_set(err, ERROR_MISMATCH,
                             "value '%s' has other channels in a batch",
                             graph->values[id].name);
    }
    return 0;
}

/* What a block adds is nothing any more; a plain layer hands on. */
static void take_blocks(struct lost *lost, const struct graph *graph)
{
    const struct block_table *blocks = lost->layers->blocks;
    for (size_t i = 0; lost->removal.blocks && i < blocks->count; i++) {
        const struct block *block = &blocks->blocks[i];
        if (!lost->removal.blocks[i])
            continue;
        const struct node *node = &graph->nodes[block->add];
        int id = block->plain ? node->outputs[0] : node->inputs[block->operand];
        struct lost_value *value = &lost->values[id];
        value->touched = true;
        value->gone = !block->plain;
        value->replaced = block->plain;
        value->by = block->entry;
    }
}

int lost_init(struct lost *lost, const struct graph *instance,
              const struct layer_table *layers, const struct removal *removal,
              struct error *err)
{
    *lost = (struct lost){.removal = *removal, .layers = layers};
    if (!removal->labels)
        return 0;
    size_t count = instance->value_count;
    lost->values = array_create(count, sizeof *lost->values);
    if (!lost->values)
        return error_memory(err, count * sizeof *lost->values);
    for (size_t i = 0; i < count && i < layers->groups->value_count; i++)
        if (take_value(lost, instance, i, err) < 0) {
            lost_release(lost);
            return -1;
        }
    take_blocks(lost, instance);
    return 0;
}

void lost_hold(const struct lost *lost, struct trace *trace)
{
    for (size_t i = 0; lost->values && i < trace->dense->value_count; i++)
        if (lost->values[i].replaced)
            trace->values[lost->values[i].by].readers++;
}

void lost_release(struct lost *lost)
{
    free(lost->values);
    arena_release(&lost->arena);
    *lost = (struct lost){0};
}

bool lost_touches(const struct lost *lost, const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    for (int i = 0; lost->values && i < n->output_count; i++)
        if (n->outputs[i] >= 0 && lost->values[n->outputs[i]].touched)
            return true;
    return false;
}

/* Positions of one axis become zero in all that lies around it. */
static void clear_axis(float *x, const struct shape *shape, int axis,
                       const unsigned char *keep, int64_t batches)
{
    int64_t outer = batches, inner = 1, size = shape->dims[axis];
    for (int i = 0; i < axis; i++)
        outer *= shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        inner *= shape->dims[i];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t p = 0; p < size; p++)
            if (!keep[p])
                memset(x + (o * size + p) * inner, 0,
                       (size_t)inner * sizeof *x);
}

void lost_clear(const struct lost *lost, struct trace *trace, int node)
{
    const struct graph *graph = trace->dense;
    const struct node *n = &graph->nodes[node];
    for (int i = 0; lost->values && i < n->output_count; i++) {
        int id = n->outputs[i];
        if (id < 0 || !lost->values[id].touched)
            continue;
        const struct value *value = &graph->values[id];
        float *x = trace->values[id].bytes[TRACE_CHANGED];
        if (!x || value->dtype != DTYPE_FLOAT32)
            continue;
        size_t all = (size_t)(shape_elements(&value->shape) * trace->batches);
        if (lost->values[id].gone)
            memset(x, 0, all * sizeof *x);
        if (lost->values[id].replaced)
            memcpy(x, trace_bytes(trace, lost->values[id].by, TRACE_CHANGED),
                   all * sizeof *x);
        for (int d = 0; d < value->shape.rank; d++)
            if (lost->values[id].keep[d])
                clear_axis(x, &value->shape, d, lost->values[id].keep[d],
                           trace->batches);
    }
}

int lost_layer(struct bitmask *mask, float *rows, const struct lost *lost,
               const struct graph *graph, size_t row, struct error *err)
{
    const struct layer *layer = &lost->layers->layers[row];
    const struct layer_matrix *m = &layer->matrix;
    struct shrink_places places = {{NULL}, {NULL}};
    unsigned char *const *keep = places.keep;
    int64_t index[SHAPE_MAX_RANK] = {0};
    struct arena arena = {0};
    bool any = false;
    *mask = (struct bitmask){0};
    for (int64_t r = 0; rows && r < m->rows; r++)
        rows[r] = 1;
    int code = lost->values ? shrink_weight(graph, lost->layers, &lost->removal,
                                            row, &places, &arena, err)
                            : 0;
    for (int d = 0; d < layer->shape.rank; d++)
        any = any || keep[d];
    if (code == 0 && any &&
        bitmask_init(mask, (size_t)layer->weights, true) < 0)
        code = error_memory(err, (size_t)layer->weights / 8);
    for (size_t i = 0; code == 0 && any && i < mask->bits; i++) {
        for (int d = 0; d < layer->shape.rank; d++)
            if (keep[d] && !keep[d][index[d]])
                bitmask_set(mask, i, false);
        for (int d = layer->shape.rank; d-- > 0;) {
            if (++index[d] < layer->shape.dims[d])
                break;
            index[d] = 0;
        }
    }
    for (int64_t r = 0; code == 0 && any && rows && r < m->rows; r++) {
        bool stays = false;
        for (int64_t c = 0; c < m->inputs && !stays; c++)
            stays = bitmask_get(mask, (size_t)layer_matrix_at(m, r, c, 0));
        rows[r] = stays ? 1 : 0;
    }
    arena_release(&arena);
    return code;
}
