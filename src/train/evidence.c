#include "train/evidence.h"

#include "base/array.h"
#include "train/loss.h"

#include <stdlib.h>

struct collecting {
    const struct evidence_request *request;
    struct network *network;
    struct samples samples;
    int64_t *ids;   /* of this batch */
    double *losses; /* per shard */
};

static int64_t label_of(const struct evidence_request *request, int64_t id)
{
    return request->labels ? request->labels[id]
                           : dataset_label(request->dataset, id);
}

static int fill(void *context, int64_t shard, void *const *inputs,
                struct error *err)
{
    const struct collecting *c = context;
    (void)err;
    int64_t size = network_shard_size(c->network);
    samples_read(&c->samples, c->network, 0, c->ids + shard * size, size,
                 inputs);
    return 0;
}

static int loss(void *context, int64_t shard, const float *output,
                float *gradient, struct error *err)
{
    struct collecting *c = context;
    struct op_answer answer = network_answer(c->network);
    struct loss_options options = loss_defaults();
    options.shares = answer.shares;
    int64_t size = network_shard_size(c->network);
    int64_t width = answer.width;
    float scale = 1 / (float)c->request->batch;
    c->losses[shard] = 0;
    for (int64_t i = 0; i < size; i++) {
        int64_t label = label_of(c->request, c->ids[shard * size + i]);
        float *to = gradient + i * width;
        if (label < 0 || label >= answer.classes)
            return error_set(err, ERROR_RANGE,
                             "%s: sample %lld has label %lld, expected one of "
                             "%lld classes",
                             dataset_path(c->request->dataset),
                             (long long)c->ids[shard * size + i],
                             (long long)label, (long long)answer.classes);
        c->losses[shard] +=
            loss_sample(&options, width, output + i * width, label, NULL, to);
        for (int64_t j = 0; j < width; j++)
            to[j] *= scale;
    }
    return 0;
}

static void add_batch(struct evidence_set *set, struct collecting *c)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct parameter *parameter = network_parameter(c->network, i);
        struct evidence *e = &set->items[i];
        for (int64_t j = 0; j < e->count; j++) {
            double g = (double)parameter->gradient[j];
            double product = g * (double)parameter->value[j];
            e->product[j] += product;
            e->product_squared[j] += product * product;
            e->squared[j] += g * g;
        }
    }
    for (int64_t i = 0; i < network_shards(c->network); i++)
        set->loss += c->losses[i];
    set->batches++;
}

static int make_items(struct evidence_set *set, struct network *network,
                      struct error *err)
{
    set->count = network_parameter_count(network);
    set->items = array_create(set->count, sizeof *set->items);
    if (!set->items)
        return error_memory(err, set->count * sizeof *set->items);
    for (size_t i = 0; i < set->count; i++) {
        const struct parameter *parameter = network_parameter(network, i);
        size_t count = (size_t)parameter->count;
        struct evidence *e = &set->items[i];
        *e = (struct evidence){
            .id = parameter->id,
            .count = parameter->count,
            .product = array_create(count, sizeof(double)),
            .product_squared = array_create(count, sizeof(double)),
            .squared = array_create(count, sizeof(double)),
        };
        if (!e->product || !e->product_squared || !e->squared)
            return error_memory(err, count * sizeof(double));
    }
    return 0;
}

static int run_batches(struct evidence_set *set, struct collecting *c,
                       struct error *err)
{
    const struct evidence_request *r = c->request;
    const struct network_task task = {fill, loss, c};
    int64_t batches = r->samples / r->batch;
    for (int64_t b = 0; b < batches; b++) {
        for (int64_t i = 0; i < r->batch; i++) {
            int64_t at = b * r->batch + i;
            c->ids[i] = r->order ? r->order[at] : at;
        }
        if (network_run(c->network, &task, r->cancel, err) < 0)
            return -1;
        add_batch(set, c);
        if (r->progress && r->progress(r->context, b + 1, batches, err) < 0)
            return -1;
    }
    set->loss /= (double)(batches * r->batch);
    return 0;
}

int evidence_collect(struct evidence_set *out,
                     const struct evidence_request *request, struct error *err)
{
    *out = (struct evidence_set){0};
    if (request->batch < 1 || request->samples < request->batch ||
        request->samples > dataset_count(request->dataset))
        return error_set(err, ERROR_RANGE,
                         "%s: %lld samples in batches of %lld, there are %lld",
                         dataset_path(request->dataset),
                         (long long)request->samples, (long long)request->batch,
                         (long long)dataset_count(request->dataset));
    const struct network_options options = {.batch = request->batch,
                                            .frozen_statistics = true,
                                            .workers = request->workers,
                                            .isa = request->isa};
    struct collecting c = {.request = request,
                           .samples = {.dataset = request->dataset,
                                       .transform = request->transform}};
    int result = network_create(&c.network, request->model, &options, err);
    if (result == 0) {
        c.ids = array_create((size_t)request->batch, sizeof *c.ids);
        c.losses =
            array_create((size_t)network_shards(c.network), sizeof *c.losses);
        if (!c.ids || !c.losses)
            result = error_memory(err, (size_t)request->batch * sizeof *c.ids);
    }
    if (result == 0)
        result = samples_match(&c.samples, c.network, err);
    if (result == 0)
        result = make_items(out, c.network, err);
    if (result == 0)
        result = run_batches(out, &c, err);
    if (result < 0)
        evidence_release(out);
    network_destroy(c.network);
    free(c.ids);
    free(c.losses);
    return result;
}

void evidence_release(struct evidence_set *set)
{
    for (size_t i = 0; set->items && i < set->count; i++) {
        free(set->items[i].product);
        free(set->items[i].product_squared);
        free(set->items[i].squared);
    }
    free(set->items);
    *set = (struct evidence_set){0};
}

const struct evidence *evidence_find(const struct evidence_set *set, int id)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].id == id)
            return &set->items[i];
    return NULL;
}
