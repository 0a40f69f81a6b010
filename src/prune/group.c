#include "prune/group.h"

#include "base/array.h"
#include "prune/group_walk.h"
#include "prune/permute.h"

#include <stdlib.h>
#include <string.h>

void group_table_destroy(struct group_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; table->groups && i < table->count; i++) {
        free(table->groups[i].layers);
        free(table->groups[i].readers);
        free(table->groups[i].reader_shares);
        free(table->groups[i].units);
    }
    labels_release(&table->labels);
    free(table->values);
    free(table->uses);
    free(table->roots);
    free(table->shuffles);
    free(table->axes);
    free(table->axis_begin);
    free(table->axis_list);
    free(table->groups);
    free(table->group_of);
    free(table->unit_of);
    free(table->kinds);
    free(table);
}

const struct group *group_of_layer(const struct group_table *table, size_t row)
{
    int index = table ? table->group_of[row] : -1;
    return index < 0 ? NULL : &table->groups[index];
}

int group_row_of(const struct layer_table *layers, const struct graph *graph,
                 int node, int input)
{
    int stored = graph_stored(graph, graph->nodes[node].inputs[input]);
    for (size_t i = 0; i < layers->count; i++)
        if (layers->layers[i].weight == stored)
            return (int)i;
    return -1;
}

void group_stored_axes(const struct graph *graph, int value, int axes[])
{
    int stored = graph_stored(graph, value);
    for (int i = 0; i < SHAPE_MAX_RANK; i++)
        axes[i] = i;
    while (value != stored) {
        const struct node *node = &graph->nodes[graph->values[value].producer];
        const struct attribute *perm = graph_attribute(node, "perm");
        int rank = graph->values[value].shape.rank;
        if (!strcmp(node->type, "Transpose"))
            for (int i = 0; i < SHAPE_MAX_RANK; i++)
                if (axes[i] < rank)
                    axes[i] = perm ? (int)perm->integers[axes[i]]
                                   : rank - 1 - axes[i];
        value = node->inputs[0];
    }
}

static int add_row(int **rows, size_t *count, int row, struct error *err)
{
    for (size_t i = 0; i < *count; i++)
        if ((*rows)[i] == row)
            return 0;
    int *grown = realloc(*rows, (*count + 1) * sizeof **rows);
    if (!grown)
        return error_memory(err, (*count + 1) * sizeof **rows);
    *rows = grown;
    size_t at = (*count)++;
    for (; at && grown[at - 1] > row; at--)
        grown[at] = grown[at - 1];
    grown[at] = row;
    return 0;
}

/* --- layers whose channels share units --- */

/* Per root: the first root that it shares a label with, at last. */
static int *join_roots(struct group_table *table, struct error *err)
{
    struct labels *labels = &table->labels;
    int *head = array_create(table->root_count + 1, sizeof *head);
    int *owner = array_create(labels->count + 1, sizeof *owner);
    if (!head || !owner) {
        error_memory(err, labels->count * sizeof *owner);
        free(head);
        free(owner);
        return NULL;
    }
    for (size_t i = 0; i < labels->count; i++)
        owner[i] = -1;
    for (size_t r = 0; r < table->root_count; r++) {
        head[r] = (int)r;
        for (int i = 0; i < table->roots[r].count; i++) {
            int label = labels_find(labels, table->roots[r].first + i);
            if (owner[label] < 0) {
                owner[label] = (int)r;
                continue;
            }
            int a = owner[label], b = (int)r;
            while (head[a] != a)
                a = head[a];
            while (head[b] != b)
                b = head[b];
            head[a > b ? a : b] = a > b ? b : a;
        }
    }
    for (size_t r = 0; r < table->root_count; r++)
        while (head[head[r]] != head[r])
            head[r] = head[head[r]];
    free(owner);
    return head;
}

/* Adds a root's labels to its group; `taken` marks labels seen before. */
static int add_units(struct group_table *table, struct group *group,
                     const struct label_root *root, bool *taken,
                     struct error *err)
{
    struct labels *labels = &table->labels;
    int *grown =
        realloc(group->units,
                (size_t)(group->unit_count + root->count + 1) * sizeof *grown);
    if (!grown)
        return error_memory(err, (size_t)root->count * sizeof *grown);
    group->units = grown;
    for (int i = 0; i < root->count; i++) {
        int label = labels_find(labels, root->first + i);
        if (taken[label])
            continue;
        taken[label] = true;
        group->channels++;
        const struct label_state *state = &labels->states[label];
        if (state->lock) {
            if (!group->reason[0])
                group->reason = state->lock;
            continue;
        }
        if (state->head)
            group->kind = GROUP_HEADS;
        group->units[group->unit_count++] = label;
        table->unit_of[label] = (int)(group - table->groups);
    }
    if (root->count > group->width)
        group->width = root->count;
    return 0;
}

/* Of all output positions of the group's layers, how many are units. */
static void set_shares(struct group_table *table, const int *index,
                       const int *heads)
{
    for (size_t g = 0; g < table->count; g++) {
        int64_t all = 0, units = 0;
        for (size_t r = 0; r < table->root_count; r++) {
            const struct label_root *root = &table->roots[r];
            for (int i = 0; index[heads[r]] == (int)g && i < root->count; i++) {
                all++;
                units += !labels_locked(&table->labels, root->first + i);
            }
        }
        table->groups[g].share = all ? (double)units / (double)all : 0;
    }
}

static int make_groups(struct group_table *table, const struct graph *graph,
                       const struct layer_table *layers, const int *heads,
                       struct error *err)
{
    bool *taken = array_create(table->labels.count + 1, sizeof *taken);
    int *index = array_create(table->root_count + 1, sizeof *index);
    int result =
        taken && index ? 0 : error_memory(err, table->labels.count + 1);
    for (size_t r = 0; r < table->root_count && result == 0; r++) {
        const struct label_root *root = &table->roots[r];
        int row = group_row_of(layers, graph, root->node, root->input);
        if (heads[r] == (int)r) {
            index[r] = (int)table->count;
            table->groups[table->count] =
                (struct group){.id = (int)table->count + 1, .reason = ""};
            table->count++;
        }
        struct group *group = &table->groups[index[heads[r]]];
        result = add_units(table, group, root, taken, err);
        if (row < 0)
            continue;
        table->group_of[row] = index[heads[r]];
        if (result == 0)
            result = add_row(&group->layers, &group->layer_count, row, err);
    }
    if (result == 0)
        set_shares(table, index, heads);
    free(taken);
    free(index);
    return result;
}

/* Adds `share` to what row `row` reads of the group. */
static int add_share(struct group *group, int row, double share,
                     struct error *err)
{
    for (size_t i = 0; i < group->reader_count; i++) {
        if (group->readers[i] == row) {
            group->reader_shares[i] += share;
            return 0;
        }
    }
    double *shares = realloc(group->reader_shares,
                             (group->reader_count + 1) * sizeof *shares);
    if (!shares)
        return error_memory(err, (group->reader_count + 1) * sizeof *shares);
    group->reader_shares = shares;
    if (add_row(&group->readers, &group->reader_count, row, err) < 0)
        return -1;
    size_t at = group->reader_count - 1; /* rows are ascending */
    for (; at && group->readers[at] != row; at--)
        shares[at] = shares[at - 1];
    shares[at] = share;
    return 0;
}

/* The layer reads every group that one of its input channels belongs to. */
static int add_reader(struct group_table *table, int row,
                      const struct label_map *map, struct error *err)
{
    struct arena arena = {0};
    struct group_slabs slabs;
    int result = group_slabs_of(&slabs, table, map, &arena, err);
    for (int d = 0; d < map->shape.rank && result == 0; d++) {
        const int *slab = slabs.labels[d];
        int64_t size = map->shape.dims[d];
        for (int64_t i = 0; slab && i < size && !result; i++) {
            int index = slab[i] < 0 ? -1 : table->unit_of[slab[i]];
            if (index >= 0 && table->group_of[row] != index)
                result = add_share(&table->groups[index], row, 1 / (double)size,
                                   err);
        }
    }
    arena_release(&arena);
    return result;
}

static int add_readers(struct group_table *table, const struct graph *graph,
                       const struct layer_table *layers, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < table->use_count && result == 0; i++) {
        const struct label_use *use = &table->uses[i];
        if (graph->nodes[use->node].op->weight_input != use->input)
            continue;
        int row = group_row_of(layers, graph, use->node, use->input);
        if (row >= 0)
            result = add_reader(table, row, &use->map, err);
    }
    return result;
}

/* --- axes that must not become empty --- */

static int compare_ints(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The labels of an axis without repetition; 0 when one of them stays. */
static size_t axis_labels(struct group_table *table, const int *slab,
                          int64_t size, int *out)
{
    size_t count = 0;
    for (int64_t i = 0; i < size; i++) {
        if (slab[i] < 0)
            return 0;
        out[count++] = slab[i];
    }
    qsort(out, count, sizeof *out, compare_ints);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if (!distinct || out[distinct - 1] != out[i])
            out[distinct++] = out[i];
    (void)table;
    return distinct;
}

static bool known_axis(const struct group_table *table, const int *labels,
                       size_t count)
{
    for (size_t i = table->axis_count; i-- > 0;)
        if (table->axes[i].count == count &&
            !memcmp(table->axes[i].labels, labels, count * sizeof *labels))
            return true;
    return false;
}

static int add_axes(struct group_table *table, const struct label_map *map,
                    size_t *capacity, struct error *err)
{
    struct arena arena = {0};
    struct group_slabs slabs;
    int result = group_slabs_of(&slabs, table, map, &arena, err);
    for (int d = 0; d < map->shape.rank && result == 0; d++) {
        int64_t size = map->shape.dims[d];
        if (!slabs.labels[d])
            continue;
        int *list =
            arena_array(&table->labels.arena, (size_t)size, sizeof *list);
        if (!list) {
            result = error_memory(err, (size_t)size * sizeof *list);
            break;
        }
        size_t count = axis_labels(table, slabs.labels[d], size, list);
        if (!count || known_axis(table, list, count))
            continue;
        if (array_reserve(&table->axes, capacity, table->axis_count + 1,
                          sizeof *table->axes) < 0)
            result = error_memory(err, sizeof *table->axes);
        else
            table->axes[table->axis_count++] = (struct group_axis){list, count};
    }
    arena_release(&arena);
    return result;
}

static int find_axes(struct group_table *table, struct error *err)
{
    size_t capacity = 0;
    int result = 0;
    for (size_t i = 0; i < table->value_count && result == 0; i++)
        if (table->values[i].labels)
            result = add_axes(table, &table->values[i], &capacity, err);
    for (size_t i = 0; i < table->use_count && result == 0; i++)
        result = add_axes(table, &table->uses[i].map, &capacity, err);
    return result;
}

static int index_axes(struct group_table *table, struct error *err)
{
    size_t labels = table->labels.count, total = 0;
    table->axis_begin = array_create(labels + 2, sizeof *table->axis_begin);
    if (!table->axis_begin)
        return error_memory(err, labels * sizeof *table->axis_begin);
    for (size_t a = 0; a < table->axis_count; a++) {
        total += table->axes[a].count;
        for (size_t i = 0; i < table->axes[a].count; i++)
            table->axis_begin[table->axes[a].labels[i] + 2]++;
    }
    for (size_t i = 2; i < labels + 2; i++)
        table->axis_begin[i] += table->axis_begin[i - 1];
    table->axis_list = array_create(total + 1, sizeof *table->axis_list);
    if (!table->axis_list)
        return error_memory(err, total * sizeof *table->axis_list);
    for (size_t a = 0; a < table->axis_count; a++)
        for (size_t i = 0; i < table->axes[a].count; i++)
            table
                ->axis_list[table->axis_begin[table->axes[a].labels[i] + 1]++] =
                (int)a;
    return 0;
}

/* How many units can go when every axis keeps one position. */
static void count_most(struct group_table *table, struct group *group,
                       size_t *left)
{
    for (size_t a = 0; a < table->axis_count; a++)
        left[a] = table->axes[a].count;
    for (int64_t u = 0; u < group->unit_count; u++) {
        const int *list = table->axis_list;
        size_t first = table->axis_begin[group->units[u]];
        size_t last = table->axis_begin[group->units[u] + 1];
        bool may_go = true;
        for (size_t i = first; i < last; i++)
            may_go = may_go && left[list[i]] > 1;
        for (size_t i = first; i < last && may_go; i++)
            left[list[i]]--;
        group->most += may_go;
    }
    if (!group->most) {
        group->channels = group->width;
        const struct label_state *state =
            group->unit_count
                ? &table->labels
                       .states[labels_find(&table->labels, group->units[0])]
                : NULL;
        if (!group->reason[0])
            group->reason =
                state && state->note ? state->note : "it has a single channel";
    } else {
        group->reason = "";
    }
}

static int fill(struct group_table *table, const struct graph *graph,
                const struct layer_table *layers, struct error *err)
{
    if (group_walk(table, graph, err) < 0)
        return -1;
    labels_settle(&table->labels);
    table->groups = array_create(table->root_count + 1, sizeof *table->groups);
    table->group_of = array_create(layers->count + 1, sizeof *table->group_of);
    table->unit_of =
        array_create(table->labels.count + 1, sizeof *table->unit_of);
    int *heads = join_roots(table, err);
    if (!heads)
        return -1;
    int result = table->groups && table->group_of && table->unit_of
                     ? 0
                     : error_memory(err, table->labels.count * sizeof(int));
    for (size_t i = 0; i < layers->count && result == 0; i++)
        table->group_of[i] = -1;
    for (size_t i = 0; i < table->labels.count && result == 0; i++)
        table->unit_of[i] = -1;
    if (result == 0)
        result = make_groups(table, graph, layers, heads, err);
    if (result == 0)
        result = add_readers(table, graph, layers, err);
    if (result == 0)
        result = find_axes(table, err);
    if (result == 0)
        result = index_axes(table, err);
    if (result == 0)
        result = permute_kinds(table, err);
    free(heads);
    size_t *left = array_create(table->axis_count + 1, sizeof *left);
    if (!left)
        return error_memory(err, table->axis_count * sizeof *left);
    for (size_t i = 0; i < table->count && result == 0; i++)
        count_most(table, &table->groups[i], left);
    free(left);
    return result;
}

int group_table_create(struct group_table **out, const struct graph *instance,
                       const struct layer_table *layers, struct error *err)
{
    *out = NULL;
    struct group_table *table = calloc(1, sizeof *table);
    if (!table)
        return error_memory(err, sizeof *table);
    labels_init(&table->labels);
    table->value_count = instance->value_count;
    table->values = array_create(instance->value_count, sizeof *table->values);
    int result = table->values ? fill(table, instance, layers, err)
                               : error_memory(err, sizeof *table->values);
    if (result == 0 && table->labels.failed)
        result = error_memory(err, table->labels.count * sizeof(int));
    if (result < 0) {
        group_table_destroy(table);
        return -1;
    }
    *out = table;
    return 0;
}
