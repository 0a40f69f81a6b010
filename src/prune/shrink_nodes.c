/* What nodes say about shapes, said anew: one row per operator. */
#include "prune/shrink_draft.h"

#include "base/array.h"
#include "op/instance.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned char *keeps[SHAPE_MAX_RANK];

/* --- drafts --- */

static struct attribute *find_attribute(struct draft *draft, const char *name)
{
    for (size_t i = 0; i < draft->attribute_count; i++)
        if (!strcmp(draft->attributes[i].name, name))
            return &draft->attributes[i];
    return NULL;
}

static void drop_attribute(struct draft *draft, const char *name)
{
    struct attribute *found = find_attribute(draft, name);
    if (found)
        *found = draft->attributes[--draft->attribute_count];
}

/* The attribute of that name, made when it is not there. */
static int set_attribute(struct shrink *shrink, struct draft *draft,
                         const struct attribute *attribute, struct error *err)
{
    struct attribute *found = find_attribute(draft, attribute->name);
    if (!found) {
        size_t count = draft->attribute_count + 1;
        struct attribute *grown =
            arena_array(&shrink->arena, count, sizeof *grown);
        if (!grown)
            return error_memory(err, count * sizeof *grown);
        if (draft->attribute_count)
            memcpy(grown, draft->attributes,
                   draft->attribute_count * sizeof *grown);
        draft->attributes = grown;
        found = &grown[draft->attribute_count++];
    }
    *found = *attribute;
    return 0;
}

static int set_integer(struct shrink *shrink, struct draft *draft,
                       const char *name, int64_t value, struct error *err)
{
    struct attribute attribute = {
        .name = name, .kind = ATTRIBUTE_INT, .integer = value};
    return set_attribute(shrink, draft, &attribute, err);
}

static int set_integers(struct shrink *shrink, struct draft *draft,
                        const char *name, const int64_t *values, size_t count,
                        struct error *err)
{
    int64_t *copy =
        arena_memdup(&shrink->arena, values, (count + 1) * sizeof *values);
    if (!copy)
        return error_memory(err, count * sizeof *values);
    struct attribute attribute = {
        .name = name, .kind = ATTRIBUTE_INTS, .count = count, .integers = copy};
    return set_attribute(shrink, draft, &attribute, err);
}

/* Operand `input` becomes a new list of integers (rank 0: one number). */
static int set_list(struct shrink *shrink, struct draft *draft, size_t input,
                    const char *hint, const int64_t *values, size_t count,
                    bool scalar, struct error *err)
{
    struct tensor tensor;
    struct shape shape = {scalar ? 0 : 1, {(int64_t)count}};
    if (tensor_init(&tensor, DTYPE_INT64, &shape, err) < 0)
        return -1;
    if (count)
        memcpy(tensor.data, values, count * sizeof *values);
    int result = shrink_operand(shrink, draft, input, hint, &tensor, err);
    tensor_release(&tensor);
    return result;
}

/* --- facts about the node --- */

static const struct node *node_of(const struct shrink *shrink, int id)
{
    return &shrink->graph->nodes[id];
}

static const struct label_map *map_of(const struct shrink *shrink, int value)
{
    return &shrink->table->values[value];
}

static const struct tensor *constant_of(const struct shrink *shrink, int id,
                                        int input)
{
    const struct node *node = node_of(shrink, id);
    if (input >= node->input_count || node->inputs[input] < 0)
        return NULL;
    const struct tensor *constant =
        &shrink->graph->values[node->inputs[input]].constant;
    return constant->data ? constant : NULL;
}

static int64_t integer_attribute(const struct node *node, const char *name,
                                 int64_t fallback)
{
    const struct attribute *attribute = graph_attribute(node, name);
    return attribute ? attribute->integer : fallback;
}

static bool changes(const keeps keep, const struct shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (keep[i])
            return true;
    return false;
}

static int keep_value(struct shrink *shrink, int value, keeps keep,
                      struct error *err)
{
    return shrink_keep(shrink, map_of(shrink, value), keep, err);
}

static int mismatch(const struct node *node, const char *what,
                    struct error *err)
{
    return error_set(err, ERROR_MISMATCH, "node '%.200s' (%.60s) %s",
                     node->name, node->type, what);
}

/* --- convolution in groups --- */

/* Groups of `size` positions that still have any; -1 when they differ. */
static int64_t groups_left(const unsigned char *keep, int64_t groups,
                           int64_t size)
{
    int64_t left = 0, each = 0;
    for (int64_t g = 0; g < groups; g++) {
        int64_t count = keep ? shrink_count(keep + g * size, size) : size;
        if (!count)
            continue;
        if (each && each != count)
            return -1;
        each = count;
        left++;
    }
    return left;
}

static int rewrite_conv(struct shrink *shrink, int id, struct draft *draft,
                        struct error *err)
{
    const struct node *node = node_of(shrink, id);
    int64_t groups = integer_attribute(node, "group", 1);
    const struct label_map *in = map_of(shrink, node->inputs[0]);
    const struct label_map *out = map_of(shrink, node->outputs[0]);
    keeps keep_in = {NULL}, keep_out = {NULL};
    if (groups == 1)
        return 0;
    if (shrink_keep(shrink, in, keep_in, err) < 0 ||
        shrink_keep(shrink, out, keep_out, err) < 0)
        return -1;
    int64_t a = groups_left(keep_in[1], groups, in->shape.dims[1] / groups);
    int64_t b = groups_left(keep_out[1], groups, out->shape.dims[1] / groups);
    if (a != b || a < 1)
        return mismatch(node, "would have groups of different widths", err);
    return a == groups ? 0 : set_integer(shrink, draft, "group", a, err);
}

/* --- target shapes --- */

/* Whether axis i of a value grows with the number of samples. */
static bool grows(struct shrink *shrink, int value, int axis)
{
    if (!shrink->pair_tried) {
        const struct graph *model =
            shrink->graph->origin ? shrink->graph->origin : shrink->graph;
        op_instantiate(&shrink->pair, model, 2, NULL);
        shrink->pair_tried = true;
    }
    const struct shape *one = &map_of(shrink, value)->shape;
    return shrink->pair &&
           shrink->pair->values[value].shape.dims[axis] != one->dims[axis];
}

/* Whether axis i is that of the input however many samples there are. */
static bool is_same(const struct shrink *shrink, const struct node *node, int i)
{
    const struct label_map *in = map_of(shrink, node->inputs[0]);
    const struct label_map *out = map_of(shrink, node->outputs[0]);
    const struct value *values = shrink->pair->values;
    return i < in->shape.rank && in->shape.dims[i] == out->shape.dims[i] &&
           values[node->inputs[0]].shape.dims[i] ==
               values[node->outputs[0]].shape.dims[i];
}

/* A list that the file stores, not one computed from shapes. */
static bool is_stored(const struct shrink *shrink, int value)
{
    int producer = shrink->graph->values[value].producer;
    return producer < 0 || !strcmp(node_of(shrink, producer)->type, "Constant");
}

static int rewrite_reshape(struct shrink *shrink, int id, struct draft *draft,
                           struct error *err)
{
    const struct node *node = node_of(shrink, id);
    const struct label_map *in = map_of(shrink, node->inputs[0]);
    const struct label_map *out = map_of(shrink, node->outputs[0]);
    const struct tensor *target = constant_of(shrink, id, 1);
    keeps keep_in = {NULL}, keep_out = {NULL};
    int64_t values[SHAPE_MAX_RANK];
    int rank = out->shape.rank, open = 0;
    if (keep_value(shrink, node->inputs[0], keep_in, err) < 0 ||
        keep_value(shrink, node->outputs[0], keep_out, err) < 0)
        return -1;
    if (!changes(keep_out, &out->shape) && !changes(keep_in, &in->shape))
        return 0;
    if (!target)
        return mismatch(node, "has a target that is computed", err);
    bool stored = is_stored(shrink, node->inputs[1]);
    bool zero_is_zero = integer_attribute(node, "allowzero", 0) != 0;
    for (int i = 0; i < rank; i++) {
        int64_t said = tensor_integer(target, i);
        int64_t count = shrink_count(keep_out[i], out->shape.dims[i]);
        values[i] = count;
        if (stored && said == -1)
            values[i] = -1;
        else if (stored && said == 0 && !zero_is_zero && i < in->shape.rank &&
                 shrink_count(keep_in[i], in->shape.dims[i]) == count)
            values[i] = 0;
        else if (stored && !keep_out[i])
            values[i] = said;
        else if (!stored && grows(shrink, node->outputs[0], i))
            values[i] = !zero_is_zero && is_same(shrink, node, i) ? 0 : -1;
        open += values[i] == -1;
    }
    if (open > 1)
        return mismatch(node, "has two dimensions that grow with samples", err);
    return set_list(shrink, draft, 1, "shape", values, (size_t)rank, false,
                    err);
}

static int rewrite_expand(struct shrink *shrink, int id, struct draft *draft,
                          struct error *err)
{
    const struct node *node = node_of(shrink, id);
    const struct label_map *in = map_of(shrink, node->inputs[0]);
    const struct label_map *out = map_of(shrink, node->outputs[0]);
    keeps keep = {NULL};
    int64_t values[SHAPE_MAX_RANK];
    if (keep_value(shrink, node->outputs[0], keep, err) < 0)
        return -1;
    if (!changes(keep, &out->shape))
        return 0;
    int shift = out->shape.rank - in->shape.rank;
    for (int i = 0; i < out->shape.rank; i++) {
        bool same = i >= shift && in->shape.dims[i - shift] != 1;
        bool more = !same && !keep[i] && grows(shrink, node->outputs[0], i);
        /* One sample, but the operand grows as well: nothing is repeated. */
        same = same || (more && i >= shift &&
                        grows(shrink, node->inputs[0], i - shift));
        if (more && !same)
            return mismatch(node, "repeats over samples", err);
        values[i] = same ? 1 : shrink_count(keep[i], out->shape.dims[i]);
    }
    return set_list(shrink, draft, 1, "shape", values, (size_t)out->shape.rank,
                    false, err);
}

/* --- parts --- */

static int axis_of(const struct node *node, int rank, int64_t fallback)
{
    int64_t axis = integer_attribute(node, "axis", fallback);
    return (int)(axis < 0 ? axis + rank : axis);
}

static int rewrite_split(struct shrink *shrink, int id, struct draft *draft,
                         struct error *err)
{
    const struct node *node = node_of(shrink, id);
    const struct label_map *in = map_of(shrink, node->inputs[0]);
    int axis = axis_of(node, in->shape.rank, 0);
    keeps keep = {NULL};
    if (keep_value(shrink, node->inputs[0], keep, err) < 0)
        return -1;
    if (!keep[axis])
        return 0;
    size_t count = (size_t)node->output_count;
    int64_t *sizes = arena_array(&shrink->arena, count + 1, sizeof *sizes),
            begin = 0;
    if (!sizes)
        return error_memory(err, count * sizeof *sizes);
    for (size_t i = 0; i < count; i++) {
        if (node->outputs[i] < 0)
            return mismatch(node, "has a part that nobody names", err);
        int64_t size = map_of(shrink, node->outputs[i])->shape.dims[axis];
        sizes[i] = shrink_count(keep[axis] + begin, size);
        begin += size;
    }
    if (node->opset < 13)
        return set_integers(shrink, draft, "split", sizes, count, err);
    drop_attribute(draft, "num_outputs");
    return set_list(shrink, draft, 1, "sizes", sizes, count, false, err);
}

/* The lists of a slice: attributes before opset 10, operands since. */
static int slice_lists(struct shrink *shrink, int id, int64_t lists[3][8],
                       size_t *count, struct error *err)
{
    static const char *const names[] = {"starts", "ends", "axes"};
    const struct node *node = node_of(shrink, id);
    for (int i = 0; i < 3; i++) {
        const struct tensor *list = constant_of(shrink, id, i + 1);
        const struct attribute *attribute = graph_attribute(node, names[i]);
        size_t length = list        ? (size_t)tensor_elements(list)
                        : attribute ? attribute->count
                                    : 0;
        if (i == 2 && !length)
            length = *count;
        else if (!length || length > SHAPE_MAX_RANK)
            return mismatch(node, "has bounds that are computed", err);
        for (size_t j = 0; j < length; j++)
            lists[i][j] = list        ? tensor_integer(list, (int64_t)j)
                          : attribute ? attribute->integers[j]
                                      : (int64_t)j;
        *count = length;
    }
    return 0;
}

static int rewrite_slice(struct shrink *shrink, int id, struct draft *draft,
                         struct error *err)
{
    const struct node *node = node_of(shrink, id);
    const struct label_map *in = map_of(shrink, node->inputs[0]);
    const struct label_map *out = map_of(shrink, node->outputs[0]);
    int64_t lists[3][8];
    size_t count = 0;
    keeps keep = {NULL};
    if (keep_value(shrink, node->inputs[0], keep, err) < 0)
        return -1;
    if (!changes(keep, &in->shape))
        return 0;
    if (slice_lists(shrink, id, lists, &count, err) < 0)
        return -1;
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = lists[2][i] + (lists[2][i] < 0 ? in->shape.rank : 0);
        int64_t size = in->shape.dims[axis], begin = lists[0][i];
        if (!keep[axis])
            continue;
        begin += begin < 0 ? size : 0;
        begin = begin < 0 ? 0 : begin > size ? size : begin;
        lists[0][i] = shrink_count(keep[axis], begin);
        lists[1][i] = lists[0][i] +
                      shrink_count(keep[axis] + begin, out->shape.dims[axis]);
        changed = true;
    }
    if (!changed)
        return 0;
    if (node->opset < 10) {
        if (set_integers(shrink, draft, "starts", lists[0], count, err) < 0)
            return -1;
        return set_integers(shrink, draft, "ends", lists[1], count, err);
    }
    if (set_list(shrink, draft, 1, "starts", lists[0], count, false, err) < 0)
        return -1;
    return set_list(shrink, draft, 2, "ends", lists[1], count, false, err);
}

static int rewrite_gather(struct shrink *shrink, int id, struct draft *draft,
                          struct error *err)
{
    const struct node *node = node_of(shrink, id);
    const struct label_map *in = map_of(shrink, node->inputs[0]);
    const struct tensor *indices = constant_of(shrink, id, 1);
    int axis = axis_of(node, in->shape.rank, 0);
    keeps keep = {NULL};
    if (keep_value(shrink, node->inputs[0], keep, err) < 0)
        return -1;
    if (!keep[axis])
        return 0;
    int64_t count = indices ? tensor_elements(indices) : 0, kept = 0;
    int64_t *values =
        arena_array(&shrink->arena, (size_t)count + 1, sizeof *values);
    if (!values)
        return error_memory(err, (size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        int64_t index = tensor_integer(indices, i);
        index += index < 0 ? in->shape.dims[axis] : 0;
        if (keep[axis][index])
            values[kept++] = shrink_count(keep[axis], index);
    }
    if (!kept)
        return mismatch(node, "would gather nothing", err);
    return set_list(shrink, draft, 1, "indices", values, (size_t)kept,
                    indices->shape.rank == 0, err);
}

/* --- the table --- */

static const struct {
    const char *type;
    int (*rewrite)(struct shrink *shrink, int node, struct draft *draft,
                   struct error *err);
} rules[] = {
    {"Conv", rewrite_conv},       {"ConvTranspose", rewrite_conv},
    {"Reshape", rewrite_reshape}, {"Expand", rewrite_expand},
    {"Split", rewrite_split},     {"Slice", rewrite_slice},
    {"Gather", rewrite_gather},
};

int shrink_node(struct shrink *shrink, int node, struct draft *draft,
                struct error *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
        if (!strcmp(rules[i].type, draft->type))
            return rules[i].rewrite(shrink, node, draft, err);
    return 0;
}

/* --- shuffles --- */

static void make_identity(struct draft *draft)
{
    draft->type = "Identity";
    draft->input_count = 1;
    draft->attribute_count = 0;
}

static int shrink_shuffle(struct shrink *shrink,
                          const struct group_shuffle *shuffle,
                          struct error *err)
{
    const struct node *before = node_of(shrink, shuffle->before);
    const struct node *swap = node_of(shrink, shuffle->swap);
    const struct node *after = node_of(shrink, shuffle->after);
    const struct shape *wide = &map_of(shrink, swap->inputs[0])->shape;
    int64_t groups = wide->dims[1], size = wide->dims[2], count = 0;
    keeps in = {NULL}, out = {NULL};
    if (keep_value(shrink, before->inputs[0], in, err) < 0 ||
        keep_value(shrink, after->outputs[0], out, err) < 0)
        return -1;
    if (!in[1])
        return 0;
    int64_t *indices = arena_array(&shrink->arena, (size_t)(groups * size) + 1,
                                   sizeof *indices);
    if (!indices)
        return error_memory(err, (size_t)(groups * size) * sizeof *indices);
    for (int64_t i = 0; i < groups * size; i++)
        if (!out[1] || out[1][i])
            indices[count++] =
                shrink_count(in[1], i % groups * size + i / groups);
    struct draft *draft = &shrink->drafts[shuffle->swap];
    make_identity(&shrink->drafts[shuffle->before]);
    make_identity(&shrink->drafts[shuffle->after]);
    make_identity(draft);
    draft->type = "Gather";
    if (set_integer(shrink, draft, "axis", 1, err) < 0)
        return -1;
    return set_list(shrink, draft, 1, "channels", indices, (size_t)count, false,
                    err);
}

int shrink_shuffles(struct shrink *shrink, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < shrink->table->shuffle_count && result == 0; i++)
        result = shrink_shuffle(shrink, &shrink->table->shuffles[i], err);
    return result;
}
