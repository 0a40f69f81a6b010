#include "train/network.h"

#include "base/array.h"
#include "train/program.h"

#include <stdlib.h>

enum {
    LANE_COUNT = 4,
    /* Activations of this many samples of a small convolutional net stay in
     * a core's cache. */
    SHARD_SIZE = 16,
};

/* The largest divisor of the batch that is not above SHARD_SIZE. */
static int64_t choose_shard(int64_t batch)
{
    int64_t size = batch < SHARD_SIZE ? batch : SHARD_SIZE;
    while (batch % size)
        size--;
    return size;
}

static int init(struct network *network, struct error *err)
{
    const struct graph *graph = network->instance;
    network->norm = norm_kernels_of(network->options.isa);
    network->value_slots = array_create(graph->value_count + 1, sizeof(int));
    network->done = array_create(graph->node_count + 1, sizeof(bool));
    if (!network->value_slots || !network->done)
        return error_memory(err, graph->value_count * sizeof(int));
    for (size_t i = 0; i < graph->value_count; i++)
        network->value_slots[i] = STEP_NONE;
    if (graph->input_count > STEP_MAX_SLOTS)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the model has %zu inputs, at most %d can be trained",
                         graph->input_count, STEP_MAX_SLOTS);
    if (onednn_engine_open(&network->engine) < 0)
        return error_set(err, ERROR_MEMORY, "no compute engine");
    onednn_set_threads(1);
    if (program_unfold(network, err) < 0 || program_build(network, err) < 0 ||
        program_plan(network, err) < 0 || program_bind(network, err) < 0)
        return -1;
    return network_refresh(network, err);
}

int network_create(struct network **out, const struct graph *model,
                   const struct network_options *options, struct error *err)
{
    *out = NULL;
    if (options->batch < 1)
        return error_set(err, ERROR_RANGE, "batch %lld is not positive",
                         (long long)options->batch);
    int64_t shard =
        options->shard ? options->shard : choose_shard(options->batch);
    if (options->batch % shard)
        return error_set(err, ERROR_RANGE,
                         "shards of %lld do not divide a batch of %lld",
                         (long long)shard, (long long)options->batch);
    struct network *network = calloc(1, sizeof *network);
    if (!network)
        return error_memory(err, sizeof *network);
    network->options = *options;
    network->shards = options->batch / shard;
    network->lanes =
        network->shards < LANE_COUNT ? network->shards : LANE_COUNT;
    network->model = graph_retain(model);
    if (op_instantiate(&network->instance, model, shard, err) < 0 ||
        init(network, err) < 0) {
        network_destroy(network);
        return -1;
    }
    *out = network;
    return 0;
}

static void release_step(struct network *network, struct step *step)
{
    for (int pass = 0; pass < TRAIN_PASS_COUNT; pass++) {
        for (int64_t i = 0; step->bindings[pass] && i < network->shards; i++)
            onednn_binding_release(&step->bindings[pass][i]);
        free(step->bindings[pass]);
    }
    onednn_trained_release(&step->trained);
    free(step->sums.sides);
    norm_step_release(step);
}

static void release_lanes(struct network *network)
{
    for (int64_t i = 0; network->memory && i < network->shards; i++)
        free(network->memory[i]);
    for (int64_t i = 0; network->lane && i < network->lanes; i++) {
        free(network->lane[i].sums);
        free(network->lane[i].spare);
        free(network->lane[i].use_spare);
        free(network->lane[i].scratch);
    }
    free(network->memory);
    free(network->lane);
}

void network_destroy(struct network *network)
{
    if (!network)
        return;
    for (size_t i = 0; i < network->step_count; i++)
        release_step(network, &network->steps[i]);
    for (size_t i = 0; i < network->use_count; i++)
        use_release(&network->uses[i]);
    for (size_t i = 0; i < network->parameter_count; i++) {
        free(network->parameters[i].value);
        free(network->parameters[i].gradient);
    }
    for (size_t i = 0; i < network->statistics_count; i++) {
        free(network->statistics[i].mean);
        free(network->statistics[i].variance);
        free(network->statistics[i].batch_variance);
    }
    release_lanes(network);
    free(network->slots);
    free(network->steps);
    free(network->uses);
    free(network->parameters);
    free(network->statistics);
    free(network->items);
    free(network->pieces);
    free(network->value_slots);
    free(network->done);
    free(network->unfolded);
    free(network->closed);
    onednn_engine_close(&network->engine);
    graph_drop(network->instance);
    graph_drop(network->model);
    free(network);
}

int network_share(const struct network *network, int64_t pieces,
                  int (*piece)(void *context, int64_t index, struct error *err),
                  void *context, struct error *err)
{
    const struct train_workers *workers = network->options.workers;
    if (workers && pieces > 1)
        return workers->run(workers->owner, pieces, piece, context, err);
    for (int64_t i = 0; i < pieces; i++)
        if (piece(context, i, err) < 0)
            return -1;
    return 0;
}

int network_refresh(struct network *network, struct error *err)
{
    if (uses_refresh(network, err) < 0)
        return -1;
    for (size_t i = 0; i < network->step_count; i++)
        if (network->steps[i].kind == STEP_NORM)
            norm_refresh(network, &network->steps[i]);
    return 0;
}

/* --- what others may know --- */

int64_t network_shards(const struct network *network)
{
    return network->shards;
}

int64_t network_shard_size(const struct network *network)
{
    return network->options.batch / network->shards;
}

struct op_answer network_answer(const struct network *network)
{
    struct op_answer answer = {0};
    op_answer_of(&answer, network->instance);
    return answer;
}

const struct value *network_input(const struct network *network, size_t input)
{
    return &network->instance->values[network->instance->inputs[input]];
}

size_t network_input_count(const struct network *network)
{
    return network->instance->input_count;
}

const struct value *network_value(const struct network *network, int id)
{
    return &network->instance->values[id];
}

const float *network_output(const struct network *network, int64_t shard)
{
    return slot_data(network, network->loss_slot, shard);
}

enum cpu_isa network_isa(const struct network *network)
{
    return network->options.isa;
}

int64_t network_bytes(const struct network *network)
{
    int64_t lane = network->lane_floats + network->spare_floats +
                   network->use_spare_floats;
    return 4 * (network->shards * network->shard_floats +
                network->lanes * lane) +
           network->lanes * (int64_t)network->scratch_bytes;
}

size_t network_parameter_count(const struct network *network)
{
    return network->parameter_count;
}

struct parameter *network_parameter(struct network *network, size_t i)
{
    return &network->parameters[i];
}

size_t network_statistics_count(const struct network *network)
{
    return network->statistics_count;
}

struct network_statistics *network_statistics(struct network *network, size_t i)
{
    return &network->statistics[i];
}
