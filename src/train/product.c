/*
 * A product's gradients by weight and bias, once all shards have been run
 * backward: a few samples would be too little work for so many weights to be
 * read and written. Panels of the weight are pieces of work of their own.
 */
#include "base/array.h"
#include "train/program.h"

#include <string.h>

/* Not where more would be kept of a shard than the weight has. */
bool sums_wanted(const struct step *step)
{
    return step->kind == STEP_KERNEL && step->spec.kind == KERNEL_PRODUCT &&
           step->active && step->spec.product.n <= step->spec.product.in;
}

static int add_piece(struct network *network, int step, int64_t column,
                     struct error *err)
{
    if (array_reserve(&network->pieces, &network->piece_capacity,
                      network->piece_count + 1, sizeof *network->pieces) < 0)
        return error_memory(err, sizeof *network->pieces);
    network->pieces[network->piece_count++] = (struct sums_piece){step, column};
    return 0;
}

static int plan_step(struct network *network, int id, struct error *err)
{
    struct step *step = &network->steps[id];
    const struct product_spec *p = &step->spec.product;
    const int64_t shards = network->shards;
    const float **sides =
        array_create((size_t)(2 * shards), sizeof *step->sums.sides);
    if (!sides)
        return error_memory(err, (size_t)shards * sizeof *sides);
    /* Weights are (out, in), or (in, out) when transposed. */
    for (int64_t i = 0; i < shards; i++) {
        const float *src = slot_data(network, step->inputs[0], i);
        const float *by_dst = slot_gradient(network, step->outputs[0], i);
        sides[i] = p->transposed ? src : by_dst;
        sides[shards + i] = p->transposed ? by_dst : src;
    }
    step->sums.sides = sides;
    step->sums.outer =
        (struct outer){.rows = p->transposed ? p->in : p->out,
                       .columns = p->transposed ? p->out : p->in,
                       .parts = shards,
                       .depth = p->n,
                       .left = sides,
                       .right = sides + shards,
                       .result = network->uses[step->uses[1]].total};
    for (int64_t c = 0; c < step->sums.outer.columns; c += OUTER_PANEL)
        if (add_piece(network, id, c, err) < 0)
            return -1;
    return step->uses[2] < 0 ? 0 : add_piece(network, id, -1, err);
}

int sums_plan(struct network *network, struct error *err)
{
    for (size_t i = 0; i < network->step_count; i++)
        if (sums_wanted(&network->steps[i]) &&
            plan_step(network, (int)i, err) < 0)
            return -1;
    return 0;
}

static void sum_bias(struct network *network, const struct step *step)
{
    const struct product_spec *p = &step->spec.product;
    float *total = network->uses[step->uses[2]].total;
    memset(total, 0, (size_t)p->out * sizeof *total);
    for (int64_t shard = 0; shard < network->shards; shard++) {
        const float *by_dst = slot_gradient(network, step->outputs[0], shard);
        for (int64_t row = 0; row < p->n; row++)
            network->norm->accumulate(p->out, by_dst + row * p->out, total);
    }
}

static int run_piece(void *context, int64_t index, struct error *err)
{
    struct network *network = context;
    const struct sums_piece *piece = &network->pieces[index];
    const struct step *step = &network->steps[piece->step];
    if (cancel_raised(network->cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    if (piece->column < 0)
        sum_bias(network, step);
    else
        outer_of(network->options.isa)(&step->sums.outer, piece->column);
    return 0;
}

int sums_run(struct network *network, struct error *err)
{
    return network_share(network, (int64_t)network->piece_count, run_piece,
                         network, err);
}
