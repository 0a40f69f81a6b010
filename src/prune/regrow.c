/*
 * The smaller graph is made twice: as it is, and of constants that hold the
 * numbers of their own elements instead of values. Where both agree (the
 * element that a number names has the value that stands there), the second
 * says where the first came from. Shrinking alone knows how it cuts.
 */
#include "prune/regrow.h"

#include "base/array.h"
#include "prune/shrink.h"

#include <stdlib.h>
#include <string.h>

void regrow_release(struct regrow *regrow)
{
    for (size_t i = 0; regrow->rows && i < regrow->count; i++)
        free(regrow->rows[i].from);
    free(regrow->rows);
    *regrow = (struct regrow){0};
}

static bool is_stored(const struct graph *graph, size_t id)
{
    const struct value *value = &graph->values[id];
    bool said = value->producer >= 0 &&
                !strcmp(graph->nodes[value->producer].type, "Constant");
    return (value->initializer || said) && value->constant.data &&
           value->constant.dtype == DTYPE_FLOAT32;
}

/* --- numbers in place of values --- */

static int number(struct tensor *out, const struct tensor *like,
                  struct error *err)
{
    if (tensor_init(out, like->dtype, &like->shape, err) < 0)
        return -1;
    unsigned char *bytes = out->data;
    uint32_t count = (uint32_t)tensor_elements(like);
    for (uint32_t i = 0; i < count; i++)
        memcpy(bytes + (size_t)i * sizeof i, &i, sizeof i);
    return 0;
}

static int numbered(struct graph **out, const struct graph *graph,
                    struct error *err)
{
    size_t room = graph->value_count, count = 0;
    int *ids = array_create(room + 1, sizeof *ids);
    struct tensor *tensors = array_create(room + 1, sizeof *tensors);
    int result = ids && tensors ? 0 : error_memory(err, room * sizeof *tensors);
    for (size_t i = 0; i < room && result == 0; i++) {
        if (!is_stored(graph, i))
            continue;
        result = number(&tensors[count], &graph->values[i].constant, err);
        ids[count] = (int)i;
        count += result == 0;
    }
    if (result == 0)
        result = graph_with_constants(out, graph, count, ids, tensors, err);
    for (size_t i = 0; i < count; i++)
        tensor_release(&tensors[i]);
    free(tensors);
    free(ids);
    return result;
}

/* --- rows --- */

/* The model's stored constant that a new one was cut from; -1: none. */
static int origin_of(const struct graph *graph, const struct graph *small,
                     int id)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &small->nodes[n], *own = &graph->nodes[n];
        for (int i = 0; i < node->input_count && i < own->input_count; i++)
            if (node->inputs[i] == id && own->inputs[i] >= 0)
                return graph_stored(graph, own->inputs[i]);
    }
    return -1;
}

/* Whether every element is where it was. */
static bool is_untouched(const struct tensor *numbers, const struct shape *own)
{
    const uint32_t *at = numbers->data;
    uint32_t count = (uint32_t)tensor_elements(numbers), same = 0;
    while (same < count && at[same] == same)
        same++;
    return same == count && shape_equal(&numbers->shape, own);
}

static int add_row(struct regrow *regrow, const struct graph *graph,
                   const struct graph *small, const struct graph *numbers,
                   size_t id, struct error *err)
{
    const struct tensor *here = &small->values[id].constant;
    bool new = id >= graph->value_count;
    int origin = new ? origin_of(graph, small, (int)id) : (int)id;
    if (origin >= 0 &&
        here->shape.rank != graph->values[origin].constant.shape.rank)
        origin = -1; /* what holds a place only */
    if (!new &&is_untouched(&numbers->values[id].constant,
                            &graph->values[id].constant.shape))
        return 0;
    struct regrow_row *row = &regrow->rows[regrow->count];
    *row = (struct regrow_row){.id = (int)id,
                               .origin = origin,
                               .count = (size_t)tensor_elements(here)};
    row->from = array_create(row->count + 1, sizeof *row->from);
    if (!row->from)
        return error_memory(err, row->count * sizeof *row->from);
    regrow->count++;
    row->known = origin >= 0 && is_stored(graph, (size_t)origin);
    if (!row->known)
        return 0;
    memcpy(row->from, numbers->values[id].constant.data,
           row->count * sizeof *row->from);
    const struct tensor *own = &graph->values[origin].constant;
    const uint32_t *values = own->data, *kept = here->data;
    uint32_t size = (uint32_t)tensor_elements(own);
    for (size_t i = 0; row->known && i < row->count; i++)
        row->known = row->from[i] < size && values[row->from[i]] == kept[i];
    return 0;
}

/* What several constants come from cannot be put together again. */
static void find_shared(struct regrow *regrow, const struct graph *graph,
                        const struct graph *small)
{
    for (size_t i = 0; i < regrow->count; i++) {
        struct regrow_row *row = &regrow->rows[i];
        bool shared = row->known && (size_t)row->id >= graph->value_count &&
                      small->values[row->origin].constant.data;
        for (size_t j = 0; j < regrow->count; j++)
            shared = shared || (j != i && row->origin >= 0 &&
                                regrow->rows[j].origin == row->origin);
        row->known = row->known && !shared;
    }
}

int regrow_init(struct regrow *regrow, const struct graph *graph,
                const struct layer_table *layers, const struct mask_set *set,
                struct error *err)
{
    const struct removal removal = {set->labels, set->blocks, set->order};
    struct graph *marked = NULL, *small = NULL, *numbers = NULL;
    *regrow = (struct regrow){0};
    if (!mask_set_shrinks(set))
        return 0;
    int result = numbered(&marked, graph, err);
    if (result == 0)
        result =
            shrink_graph(&small, graph, layers, &removal, SHRINK_COMPACT, err);
    if (result == 0)
        result = shrink_graph(&numbers, marked, layers, &removal,
                              SHRINK_COMPACT, err);
    if (result == 0) {
        regrow->rows = array_create(small->value_count, sizeof *regrow->rows);
        if (!regrow->rows)
            result = error_memory(err, small->value_count);
    }
    for (size_t i = 0; result == 0 && i < small->value_count; i++)
        if (is_stored(small, i))
            result = add_row(regrow, graph, small, numbers, i, err);
    if (result == 0)
        find_shared(regrow, graph, small);
    else
        regrow_release(regrow);
    graph_drop(numbers);
    graph_drop(small);
    graph_drop(marked);
    return result;
}

static const struct regrow_row *find(const struct regrow *regrow, int id)
{
    for (size_t i = 0; i < regrow->count; i++)
        if (regrow->rows[i].id == id)
            return &regrow->rows[i];
    return NULL;
}

int regrow_mask(struct bitmask *out, const struct regrow *regrow, int id,
                const struct bitmask *mask, struct error *err)
{
    const struct regrow_row *row = find(regrow, id);
    if (!row || !row->known)
        return bitmask_copy(out, mask) < 0 ? error_memory(err, mask->bits / 8)
                                           : 0;
    if (bitmask_init(out, row->count, true) < 0)
        return error_memory(err, row->count / 8);
    for (size_t i = 0; i < row->count; i++)
        if (!bitmask_get(mask, row->from[i]))
            bitmask_set(out, i, false);
    return 0;
}

static int put_back(struct tensor *tensor, const struct regrow_row *row,
                    const struct value *own, struct error *err)
{
    struct tensor whole;
    if (!row->known)
        return error_set(err, ERROR_UNSUPPORTED,
                         "constant '%.200s' belongs to layers that lose "
                         "different parts of it: export the smaller model and "
                         "tune that",
                         own ? own->name : "");
    if (tensor_init(&whole, DTYPE_FLOAT32, &own->constant.shape, err) < 0)
        return -1;
    float *to = whole.data;
    const float *from = tensor->data;
    memcpy(to, own->constant.data, tensor_bytes(&whole));
    for (size_t i = 0; i < row->count; i++)
        to[row->from[i]] = from[i];
    tensor_release(tensor);
    *tensor = whole;
    return 0;
}

int regrow_tensors(const struct regrow *regrow, const struct graph *graph,
                   size_t count, int *ids, struct tensor *tensors,
                   struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct regrow_row *row = find(regrow, ids[i]);
        if (!row)
            continue;
        const struct value *own =
            row->origin < 0 ? NULL : &graph->values[row->origin];
        if (put_back(&tensors[i], row, own, err) < 0)
            return -1;
        ids[i] = row->origin;
    }
    return 0;
}
