#include "prune/layer_name.h"
#include "base/array.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beginnings of names that exporters invent for constants. */
static const char *const invented[] = {"onnx::", "const_fold_opt", "Constant_"};

static bool has_letters(const char *name)
{
    for (const char *p = name; *p; p++)
        if (isalpha((unsigned char)*p))
            return true;
    return false;
}

static bool is_invented(const struct value *weight)
{
    if (weight->producer >= 0 || !has_letters(weight->name))
        return true; /* a Constant's output */
    for (size_t i = 0; i < ARRAY_LENGTH(invented); i++)
        if (strncmp(weight->name, invented[i], strlen(invented[i])) == 0)
            return true;
    return false;
}

/* Length of `name` without `suffix`; 0 where it does not end so. */
static size_t stem(const char *name, const char *suffix)
{
    size_t length = strlen(name), tail = strlen(suffix);
    return length > tail && strcmp(name + length - tail, suffix) == 0
               ? length - tail
               : 0;
}

/* Appends a scope to a path; PyTorch repeats a list's name in front of its
 * member's ("layers", "layers.0"), which then takes its place. */
static void add_scope(char *path, size_t room, size_t *last, const char *scope,
                      size_t length)
{
    size_t used = strlen(path), previous = used - *last;
    if (used && length > previous && scope[previous] == '.' &&
        strncmp(path + *last, scope, previous) == 0)
        used = *last;
    else if (used)
        path[used++] = '.';
    *last = used;
    snprintf(path + used, room - used, "%.*s", (int)length, scope);
}

/* "/layers/layers.0/conv1/Conv" -> "layers.0.conv1": the scopes without the
 * operator at the end. Empty when there is no scope. */
static void name_by_path(char *name, size_t room, const struct node *node)
{
    size_t last = 0;
    name[0] = '\0';
    for (const char *p = node->name; *p;) {
        size_t length = strcspn(p, "/");
        bool end = !p[length];
        bool is_operator =
            end && strncmp(p, node->type, strlen(node->type)) == 0;
        if (length && !is_operator)
            add_scope(name, room, &last, p, length);
        p += length + !end;
    }
}

/* The stored vector of one element per output that the layer's node, or an Add
 * that alone reads its answer, adds; NULL: none. */
static const struct value *find_bias(const struct layer *layer,
                                     const struct graph *instance)
{
    const struct node *node = &instance->nodes[layer->node];
    int reader, id = GRAPH_NONE;
    if (strcmp(node->type, "MatMul"))
        id = node->input_count > 2 ? node->inputs[2] : GRAPH_NONE;
    else if (graph_consumers(instance, node->outputs[0], &reader, 1) == 1 &&
             !strcmp(instance->nodes[reader].type, "Add"))
        id = instance->nodes[reader]
                 .inputs[instance->nodes[reader].inputs[0] == node->outputs[0]];
    if (id < 0 || instance->values[id].producer >= 0)
        return NULL;
    const struct value *bias = &instance->values[id];
    const struct shape *shape = &bias->constant.shape;
    bool fits = bias->constant.data && shape->rank == 1 &&
                shape->dims[0] == layer->matrix.rows;
    return fits ? bias : NULL;
}

/* What a command line could not hold. */
static void clean(char *name)
{
    for (char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127 || *p == ';' ||
            (p == name && (*p == '@' || *p == '#')))
            *p = '_';
}

/* Both texts before they are cleaned and made unique. */
static void find_names(struct layer *layer, const struct graph *instance,
                       size_t room)
{
    static const char *const endings[][2] = {{".bias", ".weight"},
                                             {"_bias", "_weight"}};
    const struct node *node = &instance->nodes[layer->node];
    const struct value *weight = &instance->values[layer->weight];
    if (!is_invented(weight)) {
        size_t length = stem(weight->name, ".weight");
        snprintf(layer->name, room, "%s", weight->name);
        snprintf(layer->parameter, room, "%s", weight->name);
        if (length)
            layer->name[length] = '\0';
        return;
    }
    layer->transposed = layer->shape.rank == 2 && layer->matrix.rows > 0 &&
                        layer->matrix.row_stride == 1;
    const struct value *bias = find_bias(layer, instance);
    for (size_t i = 0; bias && i < ARRAY_LENGTH(endings); i++) {
        int length = (int)stem(bias->name, endings[i][0]);
        if (!length || is_invented(bias))
            continue;
        snprintf(layer->name, room, "%.*s", length, bias->name);
        snprintf(layer->parameter, room, "%s%s", layer->name, endings[i][1]);
        return;
    }
    if (strchr(node->name, '/'))
        name_by_path(layer->name, room, node);
    if (!layer->name[0])
        snprintf(layer->name, room, "%s", node->name + strspn(node->name, "/"));
    snprintf(layer->parameter, room, "%s.weight", layer->name);
}

int layer_name(struct layer *layer, const struct graph *instance,
               struct map *taken, struct error *err)
{
    const struct node *node = &instance->nodes[layer->node];
    const struct value *weight = &instance->values[layer->weight];
    const struct value *bias = find_bias(layer, instance);
    size_t room = strlen(weight->name) + 2 * strlen(node->name) +
                  (bias ? strlen(bias->name) : 0) + 32;
    layer->name = calloc(room, 1);
    layer->parameter = calloc(room, 1);
    if (!layer->name || !layer->parameter)
        return error_memory(err, room);
    find_names(layer, instance, room);
    clean(layer->name);
    size_t length = strlen(layer->name), again = 1;
    while (map_get(taken, layer->name, NULL))
        snprintf(layer->name + length, room - length, "#%zu", ++again);
    /* A guess that something else has as its name is none. */
    if (is_invented(weight) &&
        (again > 1 || graph_find_value(instance, layer->parameter) >= 0)) {
        snprintf(layer->parameter, room, "%s", weight->name);
        layer->transposed = false;
    }
    return map_set(taken, layer->name, 0) < 0 ? error_memory(err, room) : 0;
}

struct shape layer_parameter_shape(const struct layer *layer)
{
    struct shape shape = layer->shape;
    if (layer->transposed) {
        shape.dims[0] = layer->shape.dims[1];
        shape.dims[1] = layer->shape.dims[0];
    }
    return shape;
}

int64_t layer_parameter_at(const struct layer *layer, int64_t i)
{
    int64_t rows = layer->shape.dims[0], columns = layer->shape.dims[1];
    return layer->transposed ? i % rows * columns + i / rows : i;
}
