/* Steps by the operators' own code, `run` and `gradient`. */
#include "train/program.h"

#include <stdlib.h>
#include <string.h>

/* A call with all its operands' memory. */
struct prepared {
    struct op_call call;
    struct tensor inputs[STEP_MAX_SLOTS], outputs[STEP_MAX_SLOTS];
    const struct tensor *input_pointers[STEP_MAX_SLOTS];
    struct tensor *output_pointers[STEP_MAX_SLOTS];
    struct tensor by_inputs[STEP_MAX_SLOTS], by_outputs[STEP_MAX_SLOTS];
    struct tensor *by_input_pointers[STEP_MAX_SLOTS];
    const struct tensor *by_output_pointers[STEP_MAX_SLOTS];
};

static void prepare(struct network *network, struct step *step, int64_t shard,
                    struct prepared *p)
{
    memset(p, 0, sizeof *p);
    op_call_of(network->instance, step->node, &p->call, p->inputs,
               p->input_pointers, p->outputs, p->output_pointers);
    p->call.training = !network->options.frozen_statistics;
    p->call.cancel = network->cancel;
    for (int i = 0; i < p->call.node->input_count; i++) {
        if (step->uses[i] >= 0)
            p->inputs[i].data = network->uses[step->uses[i]].operand_data;
        else if (step->inputs[i] >= 0)
            p->inputs[i].data = slot_data(network, step->inputs[i], shard);
    }
    for (int i = 0; i < p->call.node->output_count; i++)
        if (step->outputs[i] >= 0)
            p->outputs[i].data = slot_data(network, step->outputs[i], shard);
        else
            p->output_pointers[i] = NULL;
}

/* An error says whose it is. */
static int named(const struct prepared *p, int result, struct error *err)
{
    if (result < 0 && err->code != ERROR_CANCELLED)
        error_prefix(err, "node '%s' (%s)", p->call.node->name,
                     p->call.node->type);
    return result;
}

int plain_forward(struct network *network, struct step *step, int64_t shard,
                  struct error *err)
{
    struct prepared p;
    prepare(network, step, shard, &p);
    return named(&p, p.call.node->op->run(&p.call, err), err);
}

/* Memory for every gradient that is wanted; those that will be added get it
 * from the heap. */
static int want_gradients(struct network *network, struct step *step,
                          int64_t shard, struct prepared *p, struct error *err)
{
    for (int i = 0; i < p->call.node->input_count; i++) {
        float *to = slot_gradient(network, step->inputs[i], shard);
        struct use *use =
            step->uses[i] < 0 ? NULL : &network->uses[step->uses[i]];
        bool adds = step->adds[i];
        if (use) {
            to = lane_of(network, shard)->sums + use->lane_at;
            adds = !lane_begins(network, shard);
        }
        if (!to)
            continue;
        p->by_inputs[i] = p->inputs[i];
        p->by_inputs[i].data = to;
        p->by_input_pointers[i] = &p->by_inputs[i];
        if (!adds)
            continue;
        p->by_inputs[i].data = malloc(tensor_bytes(&p->inputs[i]) + 1);
        if (!p->by_inputs[i].data)
            return error_memory(err, tensor_bytes(&p->inputs[i]));
    }
    for (int i = 0; i < p->call.node->output_count; i++) {
        float *from = slot_gradient(network, step->outputs[i], shard);
        p->by_outputs[i] = p->outputs[i];
        p->by_outputs[i].data = from;
        if (from)
            p->by_output_pointers[i] = &p->by_outputs[i];
    }
    return 0;
}

/* Adds what went to the heap, frees it. */
static void collect(struct network *network, struct step *step, int64_t shard,
                    struct prepared *p, bool good)
{
    for (int i = 0; i < p->call.node->input_count; i++) {
        if (!p->by_input_pointers[i] || !p->by_inputs[i].data)
            continue;
        float *to = step->uses[i] < 0
                        ? slot_gradient(network, step->inputs[i], shard)
                        : lane_of(network, shard)->sums +
                              network->uses[step->uses[i]].lane_at;
        if (p->by_inputs[i].data == to)
            continue;
        if (good)
            network->norm->accumulate(tensor_elements(&p->inputs[i]),
                                      p->by_inputs[i].data, to);
        free(p->by_inputs[i].data);
    }
}

int plain_backward(struct network *network, struct step *step, int64_t shard,
                   struct error *err)
{
    struct prepared p;
    prepare(network, step, shard, &p);
    int result = want_gradients(network, step, shard, &p, err);
    const struct op_gradient gradient = {p.by_output_pointers,
                                         p.by_input_pointers};
    if (result == 0)
        result = p.call.node->op->gradient(&p.call, &gradient, err);
    collect(network, step, shard, &p, result == 0);
    return named(&p, result, err);
}
