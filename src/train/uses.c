/* Parameters as operands: packing, and gradients back to what is stored. */
#include "base/array.h"
#include "graph/view.h"
#include "train/program.h"

#include <stdlib.h>
#include <string.h>

enum { PACKINGS = TRAIN_DATA + 1 };

static int find_parameter(struct network *network, int id, struct error *err)
{
    for (size_t i = 0; i < network->parameter_count; i++)
        if (network->parameters[i].id == id)
            return (int)i;
    const struct tensor *constant = &network->instance->values[id].constant;
    int64_t count = tensor_elements(constant);
    if (array_reserve(&network->parameters, &network->parameter_capacity,
                      network->parameter_count + 1,
                      sizeof *network->parameters) < 0)
        return error_memory(err, sizeof *network->parameters);
    struct parameter *parameter =
        &network->parameters[network->parameter_count];
    *parameter = (struct parameter){
        .id = id,
        .count = count,
        .value = array_create((size_t)count, sizeof(float)),
        .gradient = array_create((size_t)count, sizeof(float))};
    network->parameter_count++;
    if (!parameter->value || !parameter->gradient)
        return error_memory(err, (size_t)count * sizeof(float));
    memcpy(parameter->value, constant->data, tensor_bytes(constant));
    return (int)network->parameter_count - 1;
}

/* --- the way from the stored constant to the operand --- */

static int apply_view(struct tensor *index, const struct graph *graph,
                      int value, struct error *err)
{
    const struct node *node = &graph->nodes[graph->values[value].producer];
    struct tensor moved;
    /* A Cast keeps the place of every element. */
    if (strcmp(node->type, "Cast") == 0)
        return 0;
    struct value to = graph->values[value];
    to.dtype = DTYPE_INT64;
    if (view_compute(&moved, node, index, &to, err) < 0)
        return -1;
    tensor_release(index);
    *index = moved;
    return 0;
}

/* Views between `stored` and `value`, nearest to the stored one first. */
static int walk_views(struct tensor *index, const struct graph *graph,
                      int stored, int value, struct error *err)
{
    if (value == stored)
        return 0;
    int producer = graph->values[value].producer;
    int from = graph->nodes[producer].inputs[0];
    if (walk_views(index, graph, stored, from, err) < 0)
        return -1;
    return apply_view(index, graph, value, err);
}

/* NULL in *map when every element keeps its place. */
static int make_map(int64_t **map, const struct graph *graph, int stored,
                    int value, struct error *err)
{
    struct tensor index;
    *map = NULL;
    if (stored == value)
        return 0;
    if (tensor_init(&index, DTYPE_INT64, &graph->values[stored].shape, err) < 0)
        return -1;
    int64_t count = tensor_elements(&index);
    for (int64_t i = 0; i < count; i++)
        ((int64_t *)index.data)[i] = i;
    int result = walk_views(&index, graph, stored, value, err);
    bool moved = false;
    for (int64_t i = 0; result == 0 && i < count; i++)
        moved = moved || ((int64_t *)index.data)[i] != i;
    if (moved) {
        *map = array_create((size_t)count, sizeof **map);
        if (*map)
            memcpy(*map, index.data, (size_t)count * sizeof **map);
        else
            result = error_memory(err, (size_t)count * sizeof **map);
    }
    tensor_release(&index);
    return result;
}

/* --- uses --- */

/* Which operands are weights: what has learnt, not numbers of a formula. */
static bool is_trained(const struct node *node, int operand,
                       const struct tensor *constant)
{
    static const struct {
        const char *type;
        unsigned operands; /* bits */
    } rows[] = {
        {"Conv", 6},   {"ConvTranspose", 6},
        {"Gemm", 7},   {"MatMul", 3},
        {"Gather", 1}, {"BatchNormalization", 6},
        {"Add", 3},    {"LayerNormalization", 6},
        {"Mul", 3},    {"InstanceNormalization", 6},
        {"PRelu", 2},  {"Concat", ~0u},
    };
    bool elementwise =
        strcmp(node->type, "Add") == 0 || strcmp(node->type, "Mul") == 0;
    if (constant->dtype != DTYPE_FLOAT32 ||
        (elementwise && tensor_elements(constant) < 2))
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        if (strcmp(rows[i].type, node->type) == 0)
            return operand < 32 && rows[i].operands >> operand & 1u;
    return false;
}

/* Weights decay; what is added or scales does not: biases, embeddings of
 * places, class tokens, scales of layers. */
static bool decays(const struct network *network, const struct step *step,
                   const struct tensor *constant)
{
    static const char *const types[] = {"Conv", "ConvTranspose", "Gemm",
                                        "MatMul", "Gather"};
    const struct node *node = &network->instance->nodes[step->node];
    bool looked_up =
        network->unfolded[step->node] && !strcmp(node->type, "Gather");
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (!strcmp(node->type, types[i]))
            return constant->shape.rank >= 2 && !looked_up;
    return false;
}

static bool is_stored(const struct graph *graph, int id)
{
    const struct value *value = &graph->values[id];
    return value->initializer ||
           (value->producer >= 0 &&
            strcmp(graph->nodes[value->producer].type, "Constant") == 0);
}

int use_add(struct network *network, int step, int operand, int value,
            struct error *err)
{
    const struct graph *graph = network->instance;
    const struct node *node = &graph->nodes[network->steps[step].node];
    const struct tensor *constant = &graph->values[value].constant;
    int stored = graph_stored(graph, value);
    bool trained = network->unfolded[network->steps[step].node]
                       ? unfolded_use(network, node, operand)
                       : is_trained(node, operand, constant);
    if (!trained || !is_stored(graph, stored) ||
        graph->values[stored].constant.dtype != DTYPE_FLOAT32)
        return 0;
    int parameter = find_parameter(network, stored, err);
    if (parameter < 0)
        return -1;
    if (decays(network, &network->steps[step], &graph->values[stored].constant))
        network->parameters[parameter].is_weight = true;
    if (array_reserve(&network->uses, &network->use_capacity,
                      network->use_count + 1, sizeof *network->uses) < 0)
        return error_memory(err, sizeof *network->uses);
    struct use *use = &network->uses[network->use_count];
    *use = (struct use){.parameter = parameter,
                        .step = step,
                        .operand = operand,
                        .value = value,
                        .count = tensor_elements(constant)};
    network->steps[step].uses[operand] = (int)network->use_count++;
    if (make_map(&use->map, graph, stored, value, err) < 0)
        return -1;
    size_t bytes = (size_t)use->count * sizeof(float);
    use->operand_data = network->parameters[parameter].value;
    if (use->map)
        use->operand_data = array_create((size_t)use->count, sizeof(float));
    use->total = array_create((size_t)use->count, sizeof(float));
    if (!use->operand_data || !use->total)
        return error_memory(err, bytes);
    if (use->map)
        memcpy(use->operand_data, constant->data, bytes);
    return 0;
}

void use_release(struct use *use)
{
    if (use->map)
        free(use->operand_data);
    free(use->map);
    if (!use->joined)
        free(use->total);
    free(use->packed[TRAIN_FORWARD]);
    free(use->packed[TRAIN_DATA]);
}

/* The only use of a parameter writes the parameter's own gradient. */
void uses_join(struct network *network)
{
    for (size_t i = 0; i < network->use_count; i++) {
        struct use *use = &network->uses[i];
        bool alone = !use->map;
        for (size_t j = 0; j < network->use_count && alone; j++)
            alone = j == i || network->uses[j].parameter != use->parameter;
        if (!alone)
            continue;
        free(use->total);
        use->total = network->parameters[use->parameter].gradient;
        use->joined = true;
    }
}

/* --- after the backward run --- */

static int reduce_use(struct network *network, struct use *use,
                      struct error *err)
{
    const struct step *step = &network->steps[use->step];
    if (!step->active) {
        memset(use->total, 0, (size_t)use->count * sizeof *use->total);
        return 0;
    }
    if (use->direct)
        return 0;
    float *sum = network->lane[0].sums + use->lane_at;
    for (int64_t lane = 1; lane < network->lanes; lane++)
        network->norm->accumulate(use->lane_floats,
                                  network->lane[lane].sums + use->lane_at, sum);
    if (step->kind == STEP_OWN && use->operand == step->spec.weight_input) {
        step->face->unpack(step, sum, use->total);
        return 0;
    }
    if (step->kind == STEP_KERNEL && use->operand == step->spec.weight_input) {
        if (onednn_weight_unpack(&network->engine, &step->trained, sum,
                                 use->total) < 0)
            return error_set(err, ERROR_MEMORY, "no memory for a gradient");
        return 0;
    }
    memcpy(use->total, sum, (size_t)use->count * sizeof *sum);
    return 0;
}

/* The name under which a parameter is read: that of an Identity of it, else
 * its own; what turns or reshapes it is no name. */
static int name_of(const struct graph *graph, int value)
{
    int name = graph_stored(graph, value);
    for (int id = value; graph->values[id].producer >= 0;) {
        const struct node *node = &graph->nodes[graph->values[id].producer];
        if (!view_is(node))
            break;
        if (strcmp(node->type, "Identity") == 0)
            name = id;
        id = node->inputs[0];
    }
    return name;
}

/*
 * Exporters store equal tensors once and put an Identity before every other
 * reader: batch norms whose shift has only ever seen the same gradients. They
 * were parameters of their own, so they move by the mean of their gradients.
 * A weight that several nodes read under one name is one parameter.
 */
static float share_of(const struct network *network, int parameter)
{
    int copies = 0;
    for (size_t i = 0; i < network->use_count; i++) {
        const struct use *use = &network->uses[i];
        bool first = use->parameter == parameter;
        int name = first ? name_of(network->instance, use->value) : 0;
        for (size_t j = 0; j < i && first; j++)
            first = network->uses[j].parameter != parameter ||
                    name_of(network->instance, network->uses[j].value) != name;
        copies += first;
    }
    return copies ? 1 / (float)copies : 1;
}

static int reduce_piece(void *context, int64_t index, struct error *err)
{
    struct network *network = context;
    struct parameter *parameter = &network->parameters[index];
    float share = share_of(network, (int)index);
    onednn_set_threads(1);
    for (size_t i = 0, first = 1; i < network->use_count; i++) {
        struct use *use = &network->uses[i];
        if (use->parameter != index)
            continue;
        if (reduce_use(network, use, err) < 0)
            return -1;
        if (use->joined)
            return 0;
        if (first)
            memset(parameter->gradient, 0,
                   (size_t)parameter->count * sizeof *parameter->gradient);
        first = 0;
        for (int64_t j = 0; j < use->count; j++)
            parameter->gradient[use->map ? use->map[j] : j] +=
                share * use->total[j];
    }
    return 0;
}

int uses_reduce(struct network *network, struct error *err)
{
    return network_share(network, (int64_t)network->parameter_count,
                         reduce_piece, network, err);
}

/* --- after the values changed --- */

/* One packing of one use. */
static int pack_piece(void *context, int64_t index, struct error *err)
{
    struct network *network = context;
    struct use *use = &network->uses[index / PACKINGS];
    const struct step *step = &network->steps[use->step];
    const enum train_pass pass = (enum train_pass)(index % PACKINGS);
    if (!use->packed[pass])
        return 0;
    if (step->kind == STEP_OWN) {
        step->face->pack(step, pass, use->operand_data, use->packed[pass]);
        return 0;
    }
    onednn_set_threads(1);
    if (onednn_weight_pack(&network->engine, &step->trained, pass,
                           use->operand_data, use->packed[pass]) < 0)
        return error_set(err, ERROR_MEMORY, "no memory for a weight");
    return 0;
}

int uses_refresh(struct network *network, struct error *err)
{
    for (size_t i = 0; i < network->use_count; i++) {
        struct use *use = &network->uses[i];
        const float *value = network->parameters[use->parameter].value;
        for (int64_t j = 0; use->map && j < use->count; j++)
            use->operand_data[j] = value[use->map[j]];
    }
    return network_share(network, (int64_t)network->use_count * PACKINGS,
                         pack_piece, network, err);
}
