/* One step of one shard, and runs over all items. */
#include "train/program.h"

#include <string.h>

static int run_pass(struct step *step, enum train_pass pass, int64_t shard,
                    struct error *err)
{
    if (onednn_run(&step->bindings[pass][shard]) < 0)
        return error_set(err, ERROR_MEMORY, "a kernel failed");
    return 0;
}

static void convert(struct network *network, int from, const float *source,
                    int to, float *target)
{
    layout_convert(&network->slots[from].desc, source, &network->slots[to].desc,
                   target, network->options.isa);
}

/* --- forward --- */

static int forward(struct network *network, struct step *step, int64_t shard,
                   struct error *err)
{
    float *x = slot_data(network, step->inputs[0], shard);
    float *y = slot_data(network, step->outputs[0], shard);
    int64_t floats = network->slots[step->outputs[0]].floats;
    switch (step->kind) {
    case STEP_KERNEL:
        return run_pass(step, TRAIN_FORWARD, shard, err);
    case STEP_OWN:
        step->face->forward(network, step, shard);
        return 0;
    case STEP_NORM:
        norm_forward_item(network, step, shard);
        return 0;
    case STEP_CLIP:
        network->norm->clip(floats, x, step->clip, y);
        return 0;
    case STEP_ADD:
        network->norm->add(floats, x,
                           slot_data(network, step->inputs[1], shard), y);
        return 0;
    case STEP_ALIAS:
        return 0;
    case STEP_CONVERT:
        convert(network, step->inputs[0], x, step->outputs[0], y);
        return 0;
    case STEP_PLAIN:
        return plain_forward(network, step, shard, err);
    }
    return 0;
}

/* --- backward --- */

/* Where a gradient by input i is written first, and what follows. */
static float *begin(struct network *network, struct step *step, int i,
                    int64_t shard)
{
    return step->adds[i] ? lane_of(network, shard)->spare
                         : slot_gradient(network, step->inputs[i], shard);
}

static void finish(struct network *network, struct step *step, int i,
                   int64_t shard)
{
    if (step->adds[i])
        network->norm->accumulate(
            network->slots[step->inputs[i]].floats,
            lane_of(network, shard)->spare,
            slot_gradient(network, step->inputs[i], shard));
}

static void add_use(struct network *network, struct step *step, int operand,
                    const float *from, int64_t shard)
{
    if (step->uses[operand] < 0)
        return;
    const struct use *use = &network->uses[step->uses[operand]];
    network->norm->accumulate(use->lane_floats, from,
                              lane_of(network, shard)->sums + use->lane_at);
}

static int kernel_backward(struct network *network, struct step *step,
                           int64_t shard, struct error *err)
{
    struct lane *lane = lane_of(network, shard);
    if (step->bindings[TRAIN_WEIGHT]) {
        if (run_pass(step, TRAIN_WEIGHT, shard, err) < 0)
            return -1;
        if (!lane_begins(network, shard)) {
            add_use(network, step, 1, lane->use_spare, shard);
            add_use(network, step, 2, lane->spare, shard);
        }
    }
    if (step->bindings[TRAIN_DATA]) {
        if (run_pass(step, TRAIN_DATA, shard, err) < 0)
            return -1;
        finish(network, step, 0, shard);
    }
    return 0;
}

static void copy_backward(struct network *network, struct step *step, int i,
                          int64_t shard)
{
    const float *dy = slot_gradient(network, step->outputs[0], shard);
    float *dx = slot_gradient(network, step->inputs[i], shard);
    int64_t floats = network->slots[step->inputs[i]].floats;
    if (!dx)
        return;
    if (step->adds[i])
        network->norm->accumulate(floats, dy, dx);
    else
        memcpy(dx, dy, (size_t)floats * sizeof *dx);
}

static int backward(struct network *network, struct step *step, int64_t shard,
                    struct error *err)
{
    float *dy = slot_gradient(network, step->outputs[0], shard);
    switch (step->kind) {
    case STEP_KERNEL:
        return kernel_backward(network, step, shard, err);
    case STEP_OWN:
        step->face->backward(network, step, shard);
        return 0;
    case STEP_NORM:
        norm_backward_item(network, step, shard);
        return 0;
    case STEP_CLIP:
        network->norm->unclip(network->slots[step->outputs[0]].floats,
                              slot_data(network, step->outputs[0], shard),
                              step->clip, dy, begin(network, step, 0, shard));
        finish(network, step, 0, shard);
        return 0;
    case STEP_ADD:
        copy_backward(network, step, 0, shard);
        copy_backward(network, step, 1, shard);
        return 0;
    case STEP_ALIAS:
        copy_backward(network, step, 0, shard);
        return 0;
    case STEP_CONVERT:
        convert(network, step->outputs[0], dy, step->inputs[0],
                begin(network, step, 0, shard));
        finish(network, step, 0, shard);
        return 0;
    case STEP_PLAIN:
        return plain_backward(network, step, shard, err);
    }
    return 0;
}

/* --- items --- */

static int fill(struct network *network, int64_t shard, struct error *err)
{
    const struct graph *graph = network->instance;
    void *inputs[STEP_MAX_SLOTS];
    for (size_t i = 0; i < graph->input_count; i++)
        inputs[i] =
            slot_data(network, network->value_slots[graph->inputs[i]], shard);
    return network->task->fill(network->task->context, shard, inputs, err);
}

int program_run_item(struct network *network, const struct item *item,
                     int64_t shard, struct error *err)
{
    struct step *step = item->step < 0 ? NULL : &network->steps[item->step];
    if (cancel_raised(network->cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    switch (item->phase) {
    case PHASE_FILL:
        return fill(network, shard, err);
    case PHASE_FORWARD:
        return forward(network, step, shard, err);
    case PHASE_STATISTICS:
        norm_statistics_item(network, step, shard);
        return 0;
    case PHASE_LOSS:
        if (!network->task->loss)
            return 0;
        return network->task->loss(
            network->task->context, shard,
            slot_data(network, network->loss_slot, shard),
            slot_gradient(network, network->loss_slot, shard), err);
    case PHASE_SUMS:
        norm_sums_item(network, step, shard);
        return 0;
    case PHASE_BACKWARD:
        return backward(network, step, shard, err);
    }
    return 0;
}

static bool is_awaited(const struct network *network)
{
    const struct train_workers *workers = network->options.workers;
    return workers && cancel_raised(workers->awaited);
}

/* A lane's shards through the items up to the next meeting, or to where it
 * is interrupted. */
static int run_lane(void *context, int64_t index, struct error *err)
{
    struct network *network = context;
    struct lane *lane = &network->lane[index];
    bool interrupted = false;
    onednn_set_threads(1);
    while (lane->shard < network->shards && !interrupted) {
        if (program_run_item(network, &network->items[lane->item], lane->shard,
                             err) < 0)
            return -1;
        if (++lane->item == network->last_item) {
            lane->item = network->first_item;
            lane->shard += network->lanes;
        }
        interrupted = is_awaited(network);
    }
    return 0;
}

static bool have_met(const struct network *network)
{
    for (int64_t i = 0; i < network->lanes; i++)
        if (network->lane[i].shard < network->shards)
            return false;
    return true;
}

/* All shards to their next meeting, whoever needs the workers in between. */
static int run_lanes(struct network *network, struct error *err)
{
    const struct train_workers *workers = network->options.workers;
    for (int64_t i = 0; i < network->lanes; i++) {
        network->lane[i].shard = i;
        network->lane[i].item = network->first_item;
    }
    do {
        if (network_share(network, network->lanes, run_lane, network, err) < 0)
            return -1;
        if (is_awaited(network) && workers->lend(workers->owner, err) < 0)
            return -1;
    } while (!have_met(network));
    return 0;
}

static void meet(struct network *network, const struct item *item)
{
    if (item->phase == PHASE_STATISTICS)
        norm_meet_forward(network, &network->steps[item->step]);
    else if (item->phase == PHASE_SUMS)
        norm_meet_backward(network, &network->steps[item->step]);
}

int network_run(struct network *network, const struct network_task *task,
                const struct cancel *cancel, struct error *err)
{
    size_t end = task->loss ? network->item_count : network->forward_items;
    network->task = task;
    network->cancel = cancel;
    for (size_t first = 0; first < end;) {
        size_t last = first + 1;
        while (last < end && !network->items[last - 1].meets)
            last++;
        network->first_item = first;
        network->last_item = last;
        if (run_lanes(network, err) < 0)
            return -1;
        meet(network, &network->items[last - 1]);
        first = last;
    }
    if (!task->loss)
        return 0;
    return sums_run(network, err) < 0 ? -1 : uses_reduce(network, err);
}
