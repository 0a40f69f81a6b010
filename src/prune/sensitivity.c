#include "prune/sensitivity.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void sensitivity_release(struct sensitivity *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->points[i].layer);
    free(table->points);
    free(table->model);
    *table = (struct sensitivity){0};
}

int sensitivity_add(struct sensitivity *table,
                    const struct sensitivity_point *point, struct error *err)
{
    char *name = string_copy(point->layer);
    if (!name || array_reserve(&table->points, &table->capacity,
                               table->count + 1, sizeof *table->points) < 0) {
        free(name);
        return error_memory(err, sizeof *point);
    }
    struct sensitivity_point *added = &table->points[table->count++];
    *added = *point;
    added->layer = name;
    return 0;
}

static bool same_kind(const struct sensitivity_point *a,
                      const struct sensitivity_point *b)
{
    return a->row == b->row && strcmp(a->structure, b->structure) == 0 &&
           strcmp(a->criterion, b->criterion) == 0;
}

const struct sensitivity_point *sensitivity_find(
    const struct sensitivity *table, const struct sensitivity_point *like)
{
    for (size_t i = 0; i < table->count; i++)
        if (same_kind(&table->points[i], like) &&
            table->points[i].removed == like->removed)
            return &table->points[i];
    return NULL;
}

int sensitivity_put(struct sensitivity *table,
                    const struct sensitivity_point *point, struct error *err)
{
    const struct sensitivity_point *old = sensitivity_find(table, point);
    if (!old)
        return sensitivity_add(table, point, err);
    struct sensitivity_point *here = &table->points[old - table->points];
    char *name = here->layer;
    *here = *point;
    here->layer = name;
    return 0;
}

int sensitivity_copy(struct sensitivity *into, const struct sensitivity *from,
                     struct error *err)
{
    int code = 0;
    *into = *from;
    into->points = NULL;
    into->count = into->capacity = 0;
    into->model = from->model ? string_copy(from->model) : NULL;
    if (from->model && !into->model)
        code = error_memory(err, strlen(from->model));
    for (size_t i = 0; i < from->count && code == 0; i++)
        code = sensitivity_add(into, &from->points[i], err);
    if (code < 0)
        sensitivity_release(into);
    return code;
}

void sensitivity_drop_points(
    struct sensitivity *table,
    bool (*drop)(void *context, const struct sensitivity_point *point),
    void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct sensitivity_point *point = &table->points[i];
        if (drop(context, point))
            free(point->layer);
        else
            table->points[kept++] = *point;
    }
    table->count = kept;
}

static int compare_points(const void *left, const void *right)
{
    const struct sensitivity_point *a = left, *b = right;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    int order = strcmp(a->structure, b->structure);
    order = order ? order : strcmp(a->criterion, b->criterion);
    if (order)
        return order;
    if (a->removed != b->removed)
        return a->removed < b->removed ? -1 : 1;
    return a->amount < b->amount ? -1 : a->amount > b->amount;
}

void sensitivity_sort(struct sensitivity *table)
{
    if (table->count)
        qsort(table->points, table->count, sizeof *table->points,
              compare_points);
}

int sensitivity_merge(struct sensitivity *into, const struct sensitivity *from,
                      struct error *err)
{
    if (!into->model && from->model) {
        into->model = string_copy(from->model);
        if (!into->model)
            return error_memory(err, strlen(from->model));
        into->key = from->key;
        into->baseline = from->baseline;
        memcpy(into->metric, from->metric, sizeof into->metric);
    }
    if (from->model && into->key != from->key)
        return error_set(err, ERROR_MISMATCH,
                         "is scan %016llx, expected %016llx: another model, "
                         "data set or setting",
                         (unsigned long long)from->key,
                         (unsigned long long)into->key);
    for (size_t i = 0; i < from->count; i++)
        if (!sensitivity_find(into, &from->points[i]) &&
            sensitivity_add(into, &from->points[i], err) < 0)
            return -1;
    return 0;
}
