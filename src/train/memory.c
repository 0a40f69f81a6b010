/*
 * Which gradients flow, in which order, and where everything lies. Forward
 * values are kept to the end; gradients live from their first writer to the
 * step that made the value, and share memory otherwise.
 */
#include "base/array.h"
#include "base/pages.h"
#include "train/program.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN_FLOATS = 16 };

static int64_t aligned(int64_t floats)
{
    return (floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

/* --- which steps run backward --- */

static void reach(struct network *network, struct step *step, int at)
{
    for (int i = 0; i < step->output_count; i++)
        if (step->outputs[i] >= 0 && network->slots[step->outputs[i]].reached &&
            network->slots[step->outputs[i]].flows) {
            step->active = true;
            network->slots[step->outputs[i]].last_read = at;
        }
    for (int i = 0; step->active && i < step->input_count; i++) {
        struct slot *slot =
            step->inputs[i] < 0 ? NULL : &network->slots[step->inputs[i]];
        if (!slot || !slot->flows)
            continue;
        step->adds[i] = slot->reached;
        if (!slot->reached)
            slot->first_write = at;
        slot->reached = true;
        slot->last_read = at;
    }
}

/* What is summed after the run is kept to its end. */
static void keep_gradients(struct network *network)
{
    for (size_t i = 0; i < network->step_count; i++)
        if (sums_wanted(&network->steps[i]))
            network->slots[network->steps[i].outputs[0]].last_read = INT_MAX;
}

static void reach_all(struct network *network)
{
    struct slot *loss = &network->slots[network->loss_slot];
    loss->reached = true;
    loss->first_write = -1;
    for (int i = (int)network->step_count - 1; i >= 0; i--)
        reach(network, &network->steps[i], (int)network->step_count - 1 - i);
}

/* --- items --- */

static int add_item(struct network *network, int step, enum step_phase phase,
                    struct error *err)
{
    if (array_reserve(&network->items, &network->item_capacity,
                      network->item_count + 1, sizeof *network->items) < 0)
        return error_memory(err, sizeof *network->items);
    network->items[network->item_count++] = (struct item){
        step, phase, phase == PHASE_STATISTICS || phase == PHASE_SUMS};
    return 0;
}

static int list_items(struct network *network, struct error *err)
{
    int count = (int)network->step_count;
    int result = add_item(network, STEP_NONE, PHASE_FILL, err);
    for (int i = 0; i < count && result == 0; i++) {
        if (network->steps[i].kind == STEP_NORM &&
            !network->options.frozen_statistics)
            result = add_item(network, i, PHASE_STATISTICS, err);
        if (result == 0)
            result = add_item(network, i, PHASE_FORWARD, err);
    }
    if (result == 0)
        result = add_item(network, STEP_NONE, PHASE_LOSS, err);
    network->forward_items = network->item_count;
    for (int i = count - 1; i >= 0 && result == 0; i--) {
        if (!network->steps[i].active)
            continue;
        if (network->steps[i].kind == STEP_NORM)
            result = add_item(network, i, PHASE_SUMS, err);
        if (result == 0)
            result = add_item(network, i, PHASE_BACKWARD, err);
    }
    return result;
}

/* --- places --- */

static bool overlaps(const struct slot *a, const struct slot *b)
{
    return a->first_write <= b->last_read && b->first_write <= a->last_read;
}

/* The lowest place where no gradient that lives at the same time lies. */
static int64_t gradient_place(const struct network *network, int id,
                              int64_t base)
{
    const struct slot *slot = &network->slots[id];
    int64_t at = base;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < network->slot_count; i++) {
            const struct slot *other = &network->slots[i];
            if ((int)i == id || other->gradient_at < 0 ||
                !overlaps(slot, other))
                continue;
            int64_t end = other->gradient_at + aligned(other->floats);
            if (at < end && other->gradient_at < at + aligned(slot->floats)) {
                at = end;
                moved = true;
            }
        }
    }
    return at;
}

static void place_values(struct network *network)
{
    int64_t at = 0;
    for (size_t i = 0; i < network->slot_count; i++) {
        if (network->slots[i].shares)
            continue;
        network->slots[i].at = at;
        at += aligned(network->slots[i].floats);
    }
    for (size_t i = 0; i < network->step_count; i++) {
        struct step *step = &network->steps[i];
        if (step->kind == STEP_ALIAS)
            network->slots[step->outputs[0]].at =
                network->slots[step->inputs[0]].at;
        if (step->kind != STEP_KERNEL || !step->trained.workspace_bytes)
            continue;
        step->workspace_at = at;
        at += aligned((int64_t)step->trained.workspace_bytes / 4 + 1);
    }
    network->shard_floats = at;
}

/*
 * Batch norm turns the gradient by its result into that by its source where
 * it lies, unless another reader of the source has begun that one.
 */
static struct slot *joined(const struct network *network,
                           const struct step *step)
{
    if (step->kind != STEP_NORM || !step->active || step->adds[0] ||
        !network->slots[step->inputs[0]].flows)
        return NULL;
    return &network->slots[step->outputs[0]];
}

static void join_gradients(struct network *network)
{
    for (size_t i = network->step_count; i-- > 0;) {
        struct slot *slot = joined(network, &network->steps[i]);
        if (!slot)
            continue;
        slot->joined = true;
        network->slots[network->steps[i].inputs[0]].first_write =
            slot->first_write;
    }
}

static void place_joined(struct network *network)
{
    for (size_t i = 0; i < network->step_count; i++) {
        struct slot *slot = joined(network, &network->steps[i]);
        if (slot)
            slot->gradient_at =
                network->slots[network->steps[i].inputs[0]].gradient_at;
    }
}

static void place_gradients(struct network *network)
{
    int64_t base = network->shard_floats;
    join_gradients(network);
    for (size_t i = 0; i < network->slot_count; i++) {
        struct slot *slot = &network->slots[i];
        if (!slot->reached || !slot->flows || slot->joined)
            continue;
        slot->gradient_at = gradient_place(network, (int)i, base);
        int64_t end = slot->gradient_at + aligned(slot->floats);
        if (end > network->shard_floats)
            network->shard_floats = end;
    }
    place_joined(network);
}

/* Bytes of the weight `use` packed for a pass; 0: the pass wants none, or it
 * is no weight of a kernel. */
static size_t packed_bytes(const struct step *step, const struct use *use,
                           enum train_pass pass)
{
    if (use->operand != step->spec.weight_input)
        return 0;
    if (step->kind == STEP_OWN)
        return step->face->packed_bytes(step, pass);
    return step->kind == STEP_KERNEL ? step->trained.packings[pass].bytes : 0;
}

static void place_uses(struct network *network)
{
    for (size_t i = 0; i < network->use_count; i++) {
        struct use *use = &network->uses[i];
        const struct step *step = &network->steps[use->step];
        use->direct = step->kind == STEP_NORM || sums_wanted(step);
        if (use->direct)
            continue;
        size_t packed = packed_bytes(step, use, TRAIN_WEIGHT);
        use->lane_floats =
            packed ? (int64_t)(packed / sizeof(float)) : use->count;
        use->lane_at = network->lane_floats;
        network->lane_floats += aligned(use->lane_floats);
        if (aligned(use->lane_floats) > network->use_spare_floats)
            network->use_spare_floats = aligned(use->lane_floats);
        if (!packed && aligned(use->count) > network->spare_floats)
            network->spare_floats = aligned(use->count);
    }
}

/* The largest of what every lane needs once. */
static void measure_spares(struct network *network)
{
    for (size_t i = 0; i < network->step_count; i++) {
        const struct step *step = &network->steps[i];
        size_t scratch = step->kind == STEP_OWN
                             ? step->face->scratch_bytes(step)
                             : step->trained.scratch_bytes;
        if (scratch > network->scratch_bytes)
            network->scratch_bytes = scratch;
        for (int j = 0; j < step->input_count; j++)
            if (step->inputs[j] >= 0 &&
                aligned(network->slots[step->inputs[j]].floats) >
                    network->spare_floats)
                network->spare_floats =
                    aligned(network->slots[step->inputs[j]].floats);
    }
}

static int allocate(struct network *network, struct error *err)
{
    size_t bytes = (size_t)network->shard_floats * sizeof(float);
    network->memory = array_create((size_t)network->shards, sizeof(float *));
    network->lane = array_create((size_t)network->lanes, sizeof *network->lane);
    if (!network->memory || !network->lane)
        return error_memory(err, (size_t)network->shards * sizeof(float *));
    for (int64_t i = 0; i < network->shards; i++)
        if (!(network->memory[i] = pages_create(bytes)))
            return error_memory(err, bytes);
    for (int64_t i = 0; i < network->lanes; i++) {
        struct lane *lane = &network->lane[i];
        lane->sums = pages_create((size_t)network->lane_floats * 4);
        lane->spare = pages_create((size_t)network->spare_floats * 4);
        lane->use_spare = pages_create((size_t)network->use_spare_floats * 4);
        lane->scratch = pages_create(network->scratch_bytes);
        if (!lane->sums || !lane->spare || !lane->use_spare || !lane->scratch)
            return error_memory(err, (size_t)network->lane_floats * 4);
    }
    for (size_t i = 0; i < network->use_count; i++) {
        struct use *use = &network->uses[i];
        const struct step *step = &network->steps[use->step];
        for (int pass = 0; pass <= TRAIN_DATA; pass++) {
            size_t size = packed_bytes(step, use, (enum train_pass)pass);
            if (size && !(use->packed[pass] = pages_create(size)))
                return error_memory(err, size);
        }
    }
    return 0;
}

int program_plan(struct network *network, struct error *err)
{
    reach_all(network);
    keep_gradients(network);
    place_values(network);
    place_gradients(network);
    place_uses(network);
    measure_spares(network);
    uses_join(network);
    if (list_items(network, err) < 0 || allocate(network, err) < 0)
        return -1;
    return sums_plan(network, err);
}

/* --- bindings --- */

static float *lane_target(struct network *network, const struct step *step,
                          int operand, int64_t shard)
{
    if (step->uses[operand] < 0)
        return NULL;
    struct lane *lane = lane_of(network, shard);
    /* Weight and bias need a spare place each. */
    if (!lane_begins(network, shard))
        return operand == 1 ? lane->use_spare : lane->spare;
    return lane->sums + network->uses[step->uses[operand]].lane_at;
}

static int bind_pass(struct network *network, struct step *step,
                     enum train_pass pass, int64_t shard, struct error *err)
{
    const struct use *weight =
        step->uses[1] < 0 ? NULL : &network->uses[step->uses[1]];
    const struct use *bias =
        step->uses[2] < 0 ? NULL : &network->uses[step->uses[2]];
    struct lane *lane = lane_of(network, shard);
    void *operands[TRAIN_OPERAND_COUNT] = {
        [TRAIN_SRC] = slot_data(network, step->inputs[0], shard),
        [TRAIN_DST] = slot_data(network, step->outputs[0], shard),
        [TRAIN_WEIGHT_PACKED] =
            weight && pass <= TRAIN_DATA ? weight->packed[pass] : NULL,
        [TRAIN_BIAS] = bias ? bias->operand_data : NULL,
        [TRAIN_BY_SRC] = step->adds[0]
                             ? lane->spare
                             : slot_gradient(network, step->inputs[0], shard),
        [TRAIN_BY_DST] = slot_gradient(network, step->outputs[0], shard),
        [TRAIN_BY_WEIGHT] = lane_target(network, step, 1, shard),
        [TRAIN_BY_BIAS] = lane_target(network, step, 2, shard),
        [TRAIN_WORKSPACE] = step->workspace_at < 0
                                ? NULL
                                : network->memory[shard] + step->workspace_at,
        [TRAIN_SCRATCH] = lane->scratch,
    };
    if (onednn_trained_bind(&step->bindings[pass][shard], &network->engine,
                            &step->trained, pass, operands) < 0)
        return error_set(err, ERROR_MEMORY, "a kernel cannot be bound");
    return 0;
}

int program_bind(struct network *network, struct error *err)
{
    for (size_t i = 0; i < network->step_count; i++) {
        struct step *step = &network->steps[i];
        for (int pass = 0; pass < TRAIN_PASS_COUNT; pass++) {
            bool needed = pass == TRAIN_FORWARD || step->active;
            if (pass == TRAIN_WEIGHT && sums_wanted(step))
                needed = false;
            if (step->kind != STEP_KERNEL || !step->trained.primitives[pass] ||
                !needed)
                continue;
            step->bindings[pass] =
                array_create((size_t)network->shards, sizeof **step->bindings);
            if (!step->bindings[pass])
                return error_memory(err, sizeof **step->bindings);
            for (int64_t shard = 0; shard < network->shards; shard++)
                if (bind_pass(network, step, (enum train_pass)pass, shard,
                              err) < 0)
                    return -1;
        }
    }
    return 0;
}
