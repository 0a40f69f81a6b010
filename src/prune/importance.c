#include "prune/importance.h"

#include "base/array.h"
#include "prune/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct weighing {
    const struct mask_source *source;
    const struct group *group;
    const struct criterion *criterion;
    struct group_table *table;
    int *index_of;  /* per label: unit of the group, -1 */
    double *sums;   /* per unit: of all layers so far */
    int *counts;    /* per unit: layers so far */
    double *one;    /* per unit: of one layer */
    bool *met;      /* per unit: by this layer */
    int scored_row; /* whose scores are in `scores`, -1 */
    float *scores;
};

static void weighing_release(struct weighing *w)
{
    free(w->index_of);
    free(w->sums);
    free(w->counts);
    free(w->one);
    free(w->met);
    free(w->scores);
}

static int weighing_init(struct weighing *w, const struct mask_source *source,
                         const struct group *group,
                         const struct criterion *criterion, struct error *err)
{
    size_t units = (size_t)group->unit_count;
    size_t labels = source->layers->groups->labels.count;
    *w = (struct weighing){
        .source = source,
        .group = group,
        .criterion = criterion,
        .table = source->layers->groups,
        .index_of = array_create(labels + 1, sizeof *w->index_of),
        .sums = array_create(units + 1, sizeof *w->sums),
        .counts = array_create(units + 1, sizeof *w->counts),
        .one = array_create(units + 1, sizeof *w->one),
        .met = array_create(units + 1, sizeof *w->met),
        .scored_row = -1,
    };
    if (!w->index_of || !w->sums || !w->counts || !w->one || !w->met) {
        weighing_release(w);
        return error_memory(err, labels * sizeof *w->index_of);
    }
    for (size_t i = 0; i < labels; i++)
        w->index_of[i] = -1;
    for (size_t u = 0; u < units; u++)
        w->index_of[group->units[u]] = (int)u;
    return 0;
}

/* Sums of scores per position of one axis of the weight as it is stored. */
static double *axis_sums(const float *scores, const struct shape *shape,
                         int axis, struct error *err)
{
    size_t size = (size_t)shape->dims[axis], inner = 1, outer = 1;
    double *sums = array_create(size + 1, sizeof *sums);
    if (!sums) {
        error_memory(err, size * sizeof *sums);
        return NULL;
    }
    for (int i = 0; i < axis; i++)
        outer *= (size_t)shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        inner *= (size_t)shape->dims[i];
    for (size_t o = 0; o < outer; o++)
        for (size_t p = 0; p < size; p++)
            for (size_t i = 0; i < inner; i++, scores++)
                sums[p] += *scores > 0 ? (double)*scores : 0;
    return sums;
}

/* Scores of outputs, where they are those of the axis; NULL without an error:
 * the axis is another, or the layer knows nothing. */
static double *row_scores(const struct weighing *w, size_t row, int axis,
                          int *code, struct error *err)
{
    const struct layer *layer = &w->source->layers->layers[row];
    const struct layer_matrix *m = &layer->matrix;
    int64_t stride = 1;
    for (int i = axis + 1; i < layer->shape.rank; i++)
        stride *= layer->shape.dims[i];
    *code = 0;
    if (layer->shape.dims[axis] != m->rows || stride != m->row_stride)
        return NULL;
    float *rows = score_rows(w->source, row, w->criterion, err);
    double *sums = array_create((size_t)m->rows + 1, sizeof *sums);
    if (!rows || !sums)
        *code = rows ? error_memory(err, (size_t)m->rows * sizeof *sums) : -1;
    bool known = false;
    for (int64_t r = 0; rows && sums && r < m->rows; r++) {
        known = known || !isnan(rows[r]);
        sums[r] = rows[r] > 0 ? (double)rows[r] : 0;
    }
    free(rows);
    if (known)
        return sums;
    free(sums);
    return NULL;
}

static int add_axis(struct weighing *w, size_t row, const int *slab, int axis,
                    struct error *err)
{
    const struct layer *layer = &w->source->layers->layers[row];
    int64_t size = layer->shape.dims[axis], units = w->group->unit_count;
    double total = 0;
    int64_t count = 0;
    int code = -1;
    double *sums = w->criterion->score_rows
                       ? row_scores(w, row, axis, &code, err)
                       : axis_sums(w->scores, &layer->shape, axis, err);
    if (!sums)
        return code;
    memset(w->one, 0, (size_t)units * sizeof *w->one);
    memset(w->met, 0, (size_t)units * sizeof *w->met);
    for (int64_t p = 0; p < size; p++) {
        int unit = slab[p] < 0 ? -1 : w->index_of[slab[p]];
        if (unit < 0)
            continue;
        w->one[unit] += sums[p];
        w->met[unit] = true;
    }
    free(sums);
    for (int64_t u = 0; u < units; u++) {
        total += w->one[u];
        count += w->met[u];
    }
    for (int64_t u = 0; u < units && count; u++) {
        if (!w->met[u])
            continue;
        w->sums[u] += total > 0 ? w->one[u] * (double)count / total : 1;
        w->counts[u]++;
    }
    return 0;
}

static bool has_units(const struct weighing *w, const int *slab, int64_t size)
{
    for (int64_t i = 0; slab && i < size; i++)
        if (slab[i] >= 0 && w->index_of[slab[i]] >= 0)
            return true;
    return false;
}

static int score_row(struct weighing *w, size_t row, struct error *err)
{
    if (w->scored_row == (int)row)
        return 0;
    free(w->scores);
    w->scores = score_layer(w->source, row, w->criterion, err);
    w->scored_row = w->scores ? (int)row : -1;
    return w->scores ? 0 : -1;
}

static int add_use(struct weighing *w, const struct label_use *use,
                   struct error *err)
{
    const struct layer_table *layers = w->source->layers;
    const struct graph *graph = w->source->graph;
    struct arena arena = {0};
    struct group_slabs slabs;
    int axes[SHAPE_MAX_RANK];
    int row = group_row_of(layers, graph, use->node, use->input);
    if (row < 0 || !layers->layers[row].prunable)
        return 0;
    int result = group_slabs_of(&slabs, w->table, &use->map, &arena, err);
    group_stored_axes(graph, use->value, axes);
    for (int d = 0; d < use->map.shape.rank && result == 0; d++) {
        if (!has_units(w, slabs.labels[d], use->map.shape.dims[d]))
            continue;
        if (!w->criterion->score_rows)
            result = score_row(w, (size_t)row, err);
        if (result == 0)
            result = add_axis(w, (size_t)row, slabs.labels[d], axes[d], err);
    }
    arena_release(&arena);
    return result;
}

/* A criterion that looks at outputs must have seen some. */
static int check_known(const struct weighing *w, struct error *err)
{
    for (int64_t u = 0; u < w->group->unit_count; u++)
        if (w->counts[u])
            return 0;
    const struct layer *first = &w->source->layers->layers[w->group->layers[0]];
    return error_set(err, ERROR_UNSUPPORTED,
                     "layer '%s': criterion '%s' knows nothing about its "
                     "outputs",
                     first->name, w->criterion->name);
}

float *group_importance(const struct mask_source *source,
                        const struct group *group,
                        const struct criterion *criterion, struct error *err)
{
    struct weighing w;
    const struct group_table *table = source->layers->groups;
    if (weighing_init(&w, source, group, criterion, err) < 0)
        return NULL;
    int result = 0;
    for (size_t i = 0; i < table->use_count && result == 0; i++) {
        const struct label_use *use = &table->uses[i];
        const struct op *op = source->graph->nodes[use->node].op;
        if (op && op->weight_input == use->input)
            result = add_use(&w, use, err);
    }
    if (result == 0 && w.criterion->score_rows)
        result = check_known(&w, err);
    float *importance =
        array_create((size_t)group->unit_count + 1, sizeof *importance);
    if (!importance && result == 0)
        error_memory(err, (size_t)group->unit_count * sizeof *importance);
    for (int64_t u = 0; importance && u < group->unit_count; u++)
        importance[u] =
            (float)(w.counts[u] ? w.sums[u] / (double)w.counts[u] : 1);
    weighing_release(&w);
    if (result == 0)
        return importance;
    free(importance);
    return NULL;
}
