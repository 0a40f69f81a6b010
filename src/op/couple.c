/* Labels, ties, locks, and maps of labels as strided views. */
#include "op/couple.h"

#include "base/array.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void labels_init(struct labels *labels)
{
    *labels = (struct labels){0};
    labels_add(labels, 1);
    if (labels->count)
        labels->states[0].lock = "";
}

void labels_release(struct labels *labels)
{
    arena_release(&labels->arena);
    free(labels->states);
    *labels = (struct labels){0};
}

int labels_add(struct labels *labels, int count)
{
    size_t first = labels->count;
    if (array_reserve(&labels->states, &labels->capacity, first + (size_t)count,
                      sizeof *labels->states) < 0) {
        labels->failed = true;
        return 0;
    }
    for (int i = 0; i < count; i++)
        labels->states[first + (size_t)i] =
            (struct label_state){.parent = (int)first + i};
    labels->count += (size_t)count;
    return (int)first;
}

int labels_find(struct labels *labels, int label)
{
    struct label_state *states = labels->states;
    for (int parent = states[label].parent; parent != label;
         parent = states[label].parent) {
        int above = states[parent].parent;
        if (above != parent) /* else nothing is written: labels_settle */
            states[label].parent = above;
        label = above;
    }
    return label;
}

void labels_settle(struct labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        labels->states[i].parent = labels_find(labels, (int)i);
}

void labels_lock(struct labels *labels, int label, const char *why)
{
    struct label_state *state = &labels->states[labels_find(labels, label)];
    if (!state->lock)
        state->lock = why;
}

bool labels_locked(struct labels *labels, int label)
{
    return labels->states[labels_find(labels, label)].lock != NULL;
}

/* The smaller label is the root, so that numbers follow the order of the
 * graph. */
void labels_tie(struct labels *labels, int a, int b)
{
    a = labels_find(labels, a);
    b = labels_find(labels, b);
    if (a == b)
        return;
    if (!a || !b) { /* label 0 keeps its own company */
        labels_lock(labels, a + b, "it meets channels that stay");
        return;
    }
    struct label_state *root = &labels->states[a < b ? a : b];
    struct label_state *other = &labels->states[a < b ? b : a];
    other->parent = a < b ? a : b;
    root->head = root->head || other->head;
    if (!root->lock)
        root->lock = other->lock;
    if (!root->note)
        root->note = other->note;
}

const char *labels_text(struct labels *labels, const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    const char *copy = arena_strdup(&labels->arena, text);
    if (!copy)
        labels->failed = true;
    return copy ? copy : "";
}

/* --- maps --- */

bool label_map_depends(const struct label_map *map, int axis)
{
    return map->labels && map->shape.dims[axis] > 1 && map->strides[axis];
}

int label_map_axis(const struct label_map *map)
{
    int found = -1;
    for (int i = 0; i < map->shape.rank; i++) {
        if (!label_map_depends(map, i))
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

struct label_map label_map_none(const struct shape *shape, const char *why)
{
    return (struct label_map){.shape = *shape, .why = why};
}

/* Positions of a walk over some axes of up to two maps. */
struct walk {
    int rank, axes[SHAPE_MAX_RANK];
    int64_t index[SHAPE_MAX_RANK];
    int64_t a, b; /* offsets */
};

static bool walk_next(struct walk *walk, const struct label_map *a,
                      const struct label_map *b)
{
    for (int i = walk->rank - 1; i >= 0; i--) {
        int axis = walk->axes[i];
        walk->a += a->strides[axis];
        walk->b += b->strides[axis];
        if (++walk->index[i] < a->shape.dims[axis])
            return true;
        walk->a -= a->strides[axis] * walk->index[i];
        walk->b -= b->strides[axis] * walk->index[i];
        walk->index[i] = 0;
    }
    return false;
}

static struct walk walk_over(const struct label_map *a,
                             const struct label_map *b)
{
    struct walk walk = {0};
    for (int i = 0; i < a->shape.rank; i++)
        if (label_map_depends(a, i) || label_map_depends(b, i))
            walk.axes[walk.rank++] = i;
    return walk;
}

static bool is_empty(const struct label_map *map)
{
    return !map->labels || shape_elements(&map->shape) <= 0;
}

void label_map_lock(struct labels *labels, const struct label_map *map,
                    const char *why)
{
    if (is_empty(map))
        return;
    struct walk walk = walk_over(map, map);
    do
        labels_lock(labels, map->labels[walk.a], why);
    while (walk_next(&walk, map, map));
}

void label_map_tie(struct labels *labels, const struct label_map *a,
                   const struct label_map *b)
{
    if (is_empty(a) || is_empty(b))
        return;
    struct walk walk = walk_over(a, b);
    do
        labels_tie(labels, a->labels[walk.a], b->labels[walk.b]);
    while (walk_next(&walk, a, b));
}

struct label_map label_map_broadcast(const struct label_map *map,
                                     const struct shape *shape)
{
    struct label_map out = *map;
    int shift = shape->rank - map->shape.rank;
    out.shape = *shape;
    for (int i = 0; i < shape->rank; i++)
        out.strides[i] = i < shift || map->shape.dims[i - shift] == 1
                             ? 0
                             : map->strides[i - shift];
    return out;
}

struct label_map label_map_merge(struct labels *labels,
                                 const struct label_map *map, const bool *axes,
                                 const char *note)
{
    struct label_map merged = *map;
    bool ties = false;
    for (int i = 0; i < map->shape.rank; i++) {
        if (!axes[i])
            continue;
        ties = ties || label_map_depends(map, i);
        merged.strides[i] = 0;
    }
    if (!ties || is_empty(map))
        return merged;
    label_map_tie(labels, map, &merged);
    struct walk walk = walk_over(&merged, &merged);
    do {
        int root = labels_find(labels, merged.labels[walk.a]);
        if (note && !labels->states[root].note)
            labels->states[root].note = note;
    } while (walk_next(&walk, &merged, &merged));
    return merged;
}

struct label_map label_map_permute(const struct label_map *map, const int *perm)
{
    struct label_map out = *map;
    for (int i = 0; i < map->shape.rank; i++) {
        out.shape.dims[i] = map->shape.dims[perm[i]];
        out.strides[i] = map->strides[perm[i]];
    }
    return out;
}

int *label_map_list(struct labels *labels, const struct label_map *map)
{
    int64_t count = shape_elements(&map->shape);
    int *list = count < 0 ? NULL
                          : arena_array(&labels->arena, (size_t)count + 1,
                                        sizeof *list);
    if (!list) {
        labels->failed = true;
        return NULL;
    }
    struct label_map all = *map;
    int64_t index[SHAPE_MAX_RANK] = {0}, from = 0;
    for (int64_t i = 0; i < count; i++) {
        list[i] = map->labels ? map->labels[from] : 0;
        for (int d = all.shape.rank - 1; d >= 0; d--) {
            from += all.strides[d];
            if (++index[d] < all.shape.dims[d])
                break;
            from -= all.strides[d] * index[d];
            index[d] = 0;
        }
    }
    return list;
}

/* Whether a full list repeats itself along one axis. */
static bool repeats(const int *list, const struct shape *shape, int axis)
{
    int64_t outer = 1, inner = 1, size = shape->dims[axis];
    for (int i = 0; i < axis; i++)
        outer *= shape->dims[i];
    for (int i = axis + 1; i < shape->rank; i++)
        inner *= shape->dims[i];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 1; i < size; i++)
            if (memcmp(list + o * size * inner, list + (o * size + i) * inner,
                       (size_t)inner * sizeof *list) != 0)
                return false;
    return true;
}

struct label_map label_map_of_list(struct labels *labels, const int *list,
                                   const struct shape *shape)
{
    (void)labels;
    struct label_map map = {.labels = list, .shape = *shape};
    shape_strides(shape, map.strides);
    if (!list || shape_elements(shape) <= 0)
        return label_map_none(shape, "");
    bool any = false;
    int64_t count = shape_elements(shape);
    for (int64_t i = 0; i < count && !any; i++)
        any = list[i] != 0;
    if (!any)
        return label_map_none(shape, "");
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] > 1 && repeats(list, shape, i))
            map.strides[i] = 0;
    return map;
}

/* Splits and merges axes as a view; false where elements must be listed. */
static bool reshape_view(struct label_map *out, const struct label_map *map,
                         const struct shape *shape)
{
    int i = 0, j = 0;
    const struct shape *in = &map->shape;
    out->shape = *shape;
    memset(out->strides, 0, sizeof out->strides);
    while (i < in->rank || j < shape->rank) {
        int first = i, last = j;
        int64_t a = i < in->rank ? in->dims[i++] : 1;
        int64_t b = j < shape->rank ? shape->dims[j++] : 1;
        while (a != b) {
            if (a < b && i < in->rank)
                a *= in->dims[i++];
            else if (b < a && j < shape->rank)
                b *= shape->dims[j++];
            else
                return false;
        }
        /* Axes [first, i) become [last, j): they must be one run. */
        int64_t stride = 0, expected = 0;
        bool begun = false;
        for (int k = i - 1; k >= first; k--) {
            if (in->dims[k] == 1)
                continue;
            if (!begun)
                stride = map->strides[k];
            else if (map->strides[k] != expected)
                return false;
            begun = true;
            expected = map->strides[k] * in->dims[k];
        }
        for (int k = j - 1; k >= last; k--) {
            out->strides[k] = shape->dims[k] == 1 ? 0 : stride;
            stride *= shape->dims[k];
        }
    }
    return true;
}

struct label_map label_map_reshape(struct labels *labels,
                                   const struct label_map *map,
                                   const struct shape *shape)
{
    struct label_map out = *map;
    if (!map->labels)
        return label_map_none(shape, map->why);
    if (shape_elements(shape) > 0 && reshape_view(&out, map, shape))
        return out;
    out = label_map_of_list(labels, label_map_list(labels, map), shape);
    out.zero = map->zero;
    return out;
}

struct label_map label_map_index(struct labels *labels,
                                 const struct label_map *map,
                                 const struct shape *shape,
                                 const int64_t *const tables[SHAPE_MAX_RANK])
{
    struct label_map out = {.shape = *shape, .zero = map->zero};
    int64_t sizes[SHAPE_MAX_RANK], count = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        bool varies = shape->dims[i] > 1 && (tables[i] || map->strides[i]);
        sizes[i] = varies ? shape->dims[i] : 1;
        out.strides[i] = varies ? count : 0;
        count *= sizes[i];
    }
    int *list = arena_array(&labels->arena, (size_t)count + 1, sizeof *list);
    if (!list || !map->labels) {
        labels->failed = labels->failed || !list;
        return label_map_none(shape, map->why);
    }
    for (int64_t e = 0; e < count; e++) {
        int64_t rest = e, from = 0;
        bool inside = true;
        for (int i = shape->rank - 1; i >= 0; i--) {
            int64_t at = rest % sizes[i];
            rest /= sizes[i];
            if (tables[i])
                at = tables[i][at];
            inside = inside && at >= 0;
            from += at * map->strides[i];
        }
        list[e] = inside ? map->labels[from] : 0;
    }
    out.labels = list;
    return out;
}
