/*
 * Group after group: the N:M layers that read it are looked at as columns of
 * magnitudes, and one search moves the group's units for all of them.
 */
#include "prune/permute.h"

#include "base/array.h"
#include "prune/apply.h"
#include "prune/criteria.h"
#include "prune/permute_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Magnitudes that are looked at for one group: a fifth of a second. */
static const int64_t BUDGET = 400000000;

/* An N:M layer as the search sees it. */
struct side {
    size_t row;
    struct permute_reader reader;
    int *labels; /* per column, -1: it stays; arena memory */
    bool moves;
};

struct finding {
    const struct mask_source *source;
    const struct removal *removal;
    struct arena arena;
    struct side *sides;
    size_t count;
    int *order;
    int *index; /* per label: of the unit in the group that is searched */
};

/* --- layers --- */

static bool is_nm(const struct decision *decision)
{
    return decision->structure && decision->remove &&
           decision->structure->select == structure_nm.select;
}

static bool is_gone(const struct finding *finding, size_t row)
{
    int block = finding->source->layers->blocks->block_of[row];
    return finding->removal->blocks && block >= 0 &&
           finding->removal->blocks[block];
}

/* The axis of the stored weight along which its inputs lie; -1: none. */
static int input_axis(const struct layer *layer)
{
    const struct layer_matrix *m = &layer->matrix;
    int64_t strides[SHAPE_MAX_RANK];
    shape_strides(&layer->shape, strides);
    for (int d = 0; d < layer->shape.rank && m->groups <= 1; d++)
        if (strides[d] == m->input_stride && layer->shape.dims[d] == m->inputs)
            return d;
    return -1;
}

/* Labels along the inputs of the weight as it is stored; *labels NULL: none. */
static int input_labels(struct finding *finding, size_t row, const int **labels,
                        struct error *err)
{
    const struct mask_source *source = finding->source;
    const struct layer *layer = &source->layers->layers[row];
    struct group_table *table = source->layers->groups;
    int axis = input_axis(layer);
    *labels = NULL;
    for (size_t i = 0; i < table->use_count && axis >= 0; i++) {
        const struct label_use *use = &table->uses[i];
        const struct node *node = &source->graph->nodes[use->node];
        struct group_slabs slabs;
        int axes[SHAPE_MAX_RANK];
        if (use->node != layer->node || node->op->weight_input != use->input)
            continue;
        if (group_slabs_of(&slabs, table, &use->map, &finding->arena, err) < 0)
            return -1;
        group_stored_axes(source->graph, use->value, axes);
        for (int d = 0; d < use->map.shape.rank; d++)
            if (axes[d] == axis && slabs.labels[d])
                *labels = slabs.labels[d];
    }
    return 0;
}

/* The model's own weight, whatever the variant's is. */
static int own_weight(struct tensor *out, const struct finding *finding,
                      const struct layer *layer, struct error *err)
{
    const struct graph *graph = finding->source->graph;
    const struct tensor *own = &graph->values[layer->weight].constant;
    if (graph->origin && graph->origin->values[layer->weight].constant.data)
        own = &graph->origin->values[layer->weight].constant;
    return tensor_convert(out, own, DTYPE_FLOAT32, err);
}

/* What is left of a weight, its columns one after the other. */
struct grid {
    const struct layer_matrix *matrix;
    bool *rows;   /* that stay */
    int *columns; /* that stay */
    int row_count, column_count;
};

static int grid_init(struct grid *grid, struct finding *finding,
                     const struct layer *layer,
                     const struct shrink_places *places, struct error *err)
{
    const struct layer_matrix *m = &layer->matrix;
    int64_t strides[SHAPE_MAX_RANK];
    shape_strides(&layer->shape, strides);
    *grid = (struct grid){.matrix = m};
    grid->rows = arena_array(&finding->arena, (size_t)m->rows, sizeof(bool));
    grid->columns =
        arena_array(&finding->arena, (size_t)m->inputs, sizeof(int));
    if (!grid->rows || !grid->columns)
        return error_memory(err, (size_t)m->rows);
    const unsigned char *rows = NULL, *columns = NULL;
    for (int d = 0; d < layer->shape.rank; d++) {
        if (strides[d] == m->row_stride && layer->shape.dims[d] == m->rows)
            rows = places->keep[d];
        if (d == input_axis(layer))
            columns = places->keep[d];
    }
    for (int64_t r = 0; r < m->rows; r++) {
        grid->rows[r] = !rows || rows[r];
        grid->row_count += grid->rows[r];
    }
    for (int64_t c = 0; c < m->inputs; c++)
        if (!columns || columns[c])
            grid->columns[grid->column_count++] = (int)c;
    return 0;
}

static int fill_magnitudes(float **out, struct finding *finding,
                           const struct grid *grid, const struct tensor *weight,
                           struct error *err)
{
    const struct layer_matrix *m = grid->matrix;
    const float *values = weight->data;
    size_t count = (size_t)grid->row_count * (size_t)m->places *
                   (size_t)grid->column_count;
    float *to = *out = arena_array(&finding->arena, count + 1, sizeof **out);
    if (!to)
        return error_memory(err, count * sizeof *to);
    for (int c = 0; c < grid->column_count; c++)
        for (int64_t r = 0; r < m->rows; r++)
            for (int64_t p = 0; p < m->places && grid->rows[r]; p++) {
                float w = values[layer_matrix_at(m, r, grid->columns[c], p)];
                *to++ = isnan(w) ? 0 : fabsf(w);
            }
    return 0;
}

static int make_side(struct finding *finding, size_t row, struct error *err)
{
    const struct mask_source *source = finding->source;
    const struct layer *layer = &source->layers->layers[row];
    const struct structure *structure = source->decisions[row].structure;
    struct side *side = &finding->sides[finding->count];
    struct permute_reader *reader = &side->reader;
    struct shrink_places places;
    struct grid grid;
    struct tensor weight;
    const int *labels;
    float *magnitude;
    if (input_labels(finding, row, &labels, err) < 0 || !labels)
        return labels ? -1 : 0;
    if (shrink_weight(source->graph, source->layers, finding->removal, row,
                      &places, &finding->arena, err) < 0 ||
        grid_init(&grid, finding, layer, &places, err) < 0 ||
        own_weight(&weight, finding, layer, err) < 0)
        return -1;
    int result = fill_magnitudes(&magnitude, finding, &grid, &weight, err);
    tensor_release(&weight);
    size_t columns = (size_t)grid.column_count;
    *side = (struct side){
        .row = row,
        .reader = {.columns = grid.column_count,
                   .vectors = grid.row_count * layer->matrix.places,
                   .magnitude = magnitude,
                   .keep = structure->first,
                   .of = structure->second},
        .labels = arena_array(&finding->arena, columns + 1, sizeof(int))};
    reader->at = arena_array(&finding->arena, columns + 1, sizeof(int));
    reader->unit = arena_array(&finding->arena, columns + 1, sizeof(int));
    if (result < 0 || !side->labels || !reader->at || !reader->unit)
        return result < 0 ? -1 : error_memory(err, columns * sizeof(int));
    for (int c = 0; c < grid.column_count; c++) {
        side->labels[c] = labels[grid.columns[c]];
        reader->at[c] = c;
    }
    finding->count++;
    return 0;
}

/* --- groups --- */

/* Whether a layer that asks for an order reads the group. */
static bool is_wanted(const struct finding *finding, const struct group *group)
{
    const struct group_table *table = finding->source->layers->groups;
    int number = (int)(group - table->groups);
    for (size_t i = 0; i < finding->count; i++) {
        const struct side *side = &finding->sides[i];
        if (!finding->source->decisions[side->row].structure->permutes)
            continue;
        for (int c = 0; c < side->reader.columns; c++)
            if (side->labels[c] >= 0 &&
                table->unit_of[side->labels[c]] == number)
                return true;
    }
    return false;
}

/* The unit of every column; 1 when there is any, 0, -1 without memory. */
static int place_units(struct finding *finding, struct side *side)
{
    size_t columns = (size_t)side->reader.columns;
    int *unit = arena_array(&finding->arena, columns + 1, sizeof *unit);
    bool any = false;
    if (!unit)
        return -1;
    for (size_t c = 0; c < columns; c++) {
        unit[c] = side->labels[c] < 0 ? -1 : finding->index[side->labels[c]];
        any = any || unit[c] >= 0;
    }
    side->reader.unit = unit;
    side->moves = side->moves || any;
    return any;
}

/* The units of a group that stay, in their order. */
struct units {
    int *labels, *order;
    uint64_t *kinds;
    int count;
};

static int units_init(struct units *units, struct finding *finding,
                      const struct group *group, struct error *err)
{
    const struct group_table *table = finding->source->layers->groups;
    size_t room = (size_t)group->unit_count + 1;
    *units = (struct units){
        .labels = arena_array(&finding->arena, room, sizeof *units->labels),
        .order = arena_array(&finding->arena, room, sizeof *units->order),
        .kinds = arena_array(&finding->arena, room, sizeof *units->kinds)};
    if (!units->labels || !units->order || !units->kinds)
        return error_memory(err, room * sizeof *units->kinds);
    for (size_t l = 0; l < table->labels.count; l++)
        finding->index[l] = -1;
    for (int64_t u = 0; u < group->unit_count; u++) {
        int label = group->units[u];
        if (finding->removal->labels[label])
            continue;
        finding->index[label] = units->count;
        units->kinds[units->count] = table->kinds[label];
        units->order[units->count] = units->count;
        units->labels[units->count++] = label;
    }
    return 0;
}

static int search_group(struct finding *finding, const struct group *group,
                        struct error *err)
{
    struct units units;
    size_t count = 0;
    struct permute_reader *readers =
        arena_array(&finding->arena, finding->count + 1, sizeof *readers);
    if (!readers)
        return error_memory(err, finding->count * sizeof *readers);
    if (units_init(&units, finding, group, err) < 0)
        return -1;
    for (size_t i = 0; i < finding->count; i++) {
        int any = place_units(finding, &finding->sides[i]);
        if (any < 0)
            return error_memory(err, sizeof(int));
        if (any) /* they share what moves */
            readers[count++] = finding->sides[i].reader;
    }
    const struct permute_search search = {
        .units = units.count,
        .kinds = units.kinds,
        .readers = readers,
        .count = count,
        .budget = BUDGET,
    };
    if (permute_search(units.order, &search, err) < 0)
        return -1;
    for (int u = 0; u < units.count; u++)
        finding->order[units.labels[u]] = units.labels[units.order[u]];
    return 0;
}

/* --- all of it --- */

static bool any_permutes(const struct mask_source *source)
{
    for (size_t i = 0; i < source->layers->count; i++)
        if (is_nm(&source->decisions[i]) &&
            source->decisions[i].structure->permutes)
            return true;
    return false;
}

/* The order depends on structures and on what goes: a set that was made for
 * the same has it. */
static bool is_known(const struct mask_source *source,
                     const struct removal *removal)
{
    const struct mask_set *previous = source->previous;
    if (!previous || !previous->order || !source->previous_decisions ||
        memcmp(previous->labels, removal->labels,
               source->layers->groups->labels.count) != 0 ||
        memcmp(previous->blocks, removal->blocks,
               source->layers->blocks->count) != 0)
        return false;
    for (size_t i = 0; i < source->layers->count; i++) {
        const struct decision *now = &source->decisions[i];
        const struct decision *then = &source->previous_decisions[i];
        if (is_nm(now) != is_nm(then) ||
            (is_nm(now) && now->structure != then->structure))
            return false;
    }
    return true;
}

static int make_sides(struct finding *finding, struct error *err)
{
    const struct mask_source *source = finding->source;
    finding->sides = arena_array(&finding->arena, source->layers->count + 1,
                                 sizeof *finding->sides);
    if (!finding->sides)
        return error_memory(err, source->layers->count * sizeof(struct side));
    for (size_t i = 0; i < source->layers->count; i++)
        if (is_nm(&source->decisions[i]) && !is_gone(finding, i) &&
            make_side(finding, i, err) < 0)
            return error_prefix(err, "layer '%s'",
                                source->layers->layers[i].name);
    return 0;
}

static int find(struct finding *finding, struct permute_share *shares,
                struct error *err)
{
    const struct group_table *table = finding->source->layers->groups;
    finding->index = arena_array(&finding->arena, table->labels.count + 1,
                                 sizeof *finding->index);
    if (!finding->index)
        return error_memory(err, table->labels.count * sizeof(int));
    if (make_sides(finding, err) < 0)
        return -1;
    for (size_t i = 0; i < finding->count; i++)
        shares[finding->sides[i].row].before =
            permute_kept(&finding->sides[i].reader,
                         &shares[finding->sides[i].row].magnitude);
    for (size_t g = 0; g < table->count; g++)
        if (is_wanted(finding, &table->groups[g]) &&
            search_group(finding, &table->groups[g], err) < 0)
            return -1;
    for (size_t i = 0; i < finding->count; i++) {
        const struct side *side = &finding->sides[i];
        struct permute_share *share = &shares[side->row];
        if (side->moves)
            share->after = permute_kept(&side->reader, &share->magnitude);
        else
            *share = (struct permute_share){0};
    }
    return 0;
}

int permute_find(int **order, struct permute_share *shares,
                 const struct mask_source *source,
                 const struct removal *removal, struct error *err)
{
    size_t labels = source->layers->groups->labels.count;
    struct finding finding = {.source = source, .removal = removal};
    *order = NULL;
    if (!any_permutes(source))
        return 0;
    finding.order = array_create(labels + 1, sizeof *finding.order);
    if (!finding.order)
        return error_memory(err, labels * sizeof *finding.order);
    for (size_t l = 0; l < labels; l++)
        finding.order[l] = (int)l;
    int result = 0;
    if (is_known(source, removal)) {
        memcpy(finding.order, source->previous->order,
               labels * sizeof *finding.order);
        memcpy(shares, source->previous->shares,
               source->layers->count * sizeof *shares);
    } else {
        result = find(&finding, shares, err);
    }
    arena_release(&finding.arena);
    if (result == 0)
        *order = finding.order;
    else
        free(finding.order);
    return result;
}

int permute_elements(uint32_t **from, const struct shrink_places *places,
                     const struct shape *shape, struct error *err)
{
    int64_t index[SHAPE_MAX_RANK] = {0}, strides[SHAPE_MAX_RANK];
    size_t count = (size_t)shape_elements(shape);
    bool moves = false;
    *from = NULL;
    for (int d = 0; d < shape->rank; d++)
        moves = moves || places->from[d];
    if (!moves)
        return 0;
    uint32_t *list = *from = array_create(count + 1, sizeof *list);
    if (!list)
        return error_memory(err, count * sizeof *list);
    shape_strides(shape, strides);
    for (size_t e = 0; e < count; e++) {
        int64_t at = 0;
        for (int d = 0; d < shape->rank; d++)
            at += strides[d] *
                  (places->from[d] ? places->from[d][index[d]] : index[d]);
        list[e] = (uint32_t)at;
        for (int d = shape->rank; d-- > 0;) {
            if (++index[d] < shape->dims[d])
                break;
            index[d] = 0;
        }
    }
    return 0;
}
