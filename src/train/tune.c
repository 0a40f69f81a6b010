#include "train/tune_parts.h"

#include "base/array.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tune_options tune_defaults(void)
{
    return (struct tune_options){
        .epochs = 2,
        .batch = 128,
        .accumulate = 1,
        .rate = {RATE_ONE_CYCLE, 0.05, 0},
        .optimiser = optimiser_defaults(OPTIMISER_SGD),
        .loss = loss_defaults(),
        .augment = {.flip = true},
        .statistics_momentum = 0.1,
        .seed = 1,
    };
}

/* --- making --- */

static int check_options(const struct tune_options *o, struct error *err)
{
    const struct {
        const char *name;
        double value, low, high;
    } rows[] = {
        {"epochs", o->epochs, 1e-6, 1e6},
        {"learning rate", o->rate.peak, 0, 1e6},
        {"warm-up", o->rate.warmup, 0, 1},
        {"momentum", o->optimiser.momentum, 0, 1},
        {"weight decay", o->optimiser.decay, 0, 1e3},
        {"label smoothing", o->loss.smoothing, 0, 1},
        {"distillation", o->loss.distill, 0, 1},
        {"temperature", o->loss.temperature, 1e-3, 1e3},
        {"batches to a step", o->accumulate, 1, 1e6},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        if (!(rows[i].value >= rows[i].low && rows[i].value <= rows[i].high))
            return error_set(err, ERROR_RANGE, "%s is %g, expected %g to %g",
                             rows[i].name, rows[i].value, rows[i].low,
                             rows[i].high);
    return 0;
}

static void count_steps(struct tune *tune)
{
    int64_t each = tune->options.batch * tune->options.accumulate;
    tune->epoch_steps = tune->count / each;
    tune->course =
        (int64_t)llround(tune->options.epochs * (double)tune->epoch_steps);
    if (tune->course < 1)
        tune->course = 1;
    tune->steps = tune->course + tune->options.more * tune->epoch_steps;
}

/* Means and variances of all batch norms; at least one. */
static size_t statistics_floats(const struct tune *tune)
{
    size_t floats = 1;
    for (size_t i = 0; i < network_statistics_count(tune->network); i++)
        floats += 2 * (size_t)network_statistics(tune->network, i)->channels;
    return floats;
}

static int make_buffers(struct tune *tune, struct error *err)
{
    size_t shards = (size_t)network_shards(tune->network);
    size_t count = network_parameter_count(tune->network);
    tune->order = array_create((size_t)tune->count, sizeof *tune->order);
    tune->ids = array_create((size_t)tune->options.batch, sizeof *tune->ids);
    tune->losses = array_create(shards, sizeof *tune->losses);
    tune->correct = array_create(shards, sizeof *tune->correct);
    if (!tune->order || !tune->ids || !tune->losses || !tune->correct)
        return error_memory(err, (size_t)tune->count * sizeof *tune->order);
    if (tune->options.accumulate == 1)
        return 0;
    size_t floats = statistics_floats(tune);
    tune->statistics = array_create(floats, sizeof *tune->statistics);
    if (!tune->statistics)
        return error_memory(err, floats * sizeof *tune->statistics);
    tune->gradients = array_create(count + 1, sizeof *tune->gradients);
    if (!tune->gradients)
        return error_memory(err, count * sizeof *tune->gradients);
    for (size_t i = 0; i < count; i++) {
        size_t size = (size_t)network_parameter(tune->network, i)->count;
        if (!(tune->gradients[i] = array_create(size, sizeof(float))))
            return error_memory(err, size * sizeof(float));
    }
    return 0;
}

static int make(struct tune *tune, const struct tune_request *request,
                struct error *err)
{
    const struct tune_options *o = &tune->options;
    struct network_options options = {.batch = o->batch,
                                      .frozen_statistics = o->frozen_statistics,
                                      .workers = request->workers,
                                      .isa = request->isa};
    bool distils = o->loss.distill > 0;
    if (check_options(o, err) < 0)
        return -1;
    if (tune->epoch_steps < 1)
        return error_set(err, ERROR_RANGE,
                         "%s: %lld samples are fewer than a batch of %lld",
                         dataset_path(request->dataset), (long long)tune->count,
                         (long long)(o->batch * o->accumulate));
    if (distils && !request->teacher)
        return error_set(err, ERROR_USAGE, "no model to distil from");
    if (network_create(&tune->network, request->model, &options, err) < 0)
        return request->name ? error_prefix(err, "%s", request->name) : -1;
    options.frozen_statistics = true;
    if (distils &&
        network_create(&tune->teacher, request->teacher, &options, err) < 0)
        return -1;
    if (optimiser_create(&tune->optimiser, tune->network, &o->optimiser, err) <
            0 ||
        samples_match(&tune->samples, tune->network, err) < 0)
        return -1;
    return make_buffers(tune, err);
}

int tune_create(struct tune **out, const struct tune_request *request,
                struct error *err)
{
    *out = NULL;
    struct tune *tune = calloc(1, sizeof *tune);
    if (!tune)
        return error_memory(err, sizeof *tune);
    tune->options = request->options;
    tune->samples = (struct samples){.dataset = request->dataset,
                                     .transform = request->transform,
                                     .augment = request->options.augment,
                                     .seed = request->options.seed};
    tune->count = dataset_count(request->dataset);
    if (request->samples && request->samples < tune->count)
        tune->count = request->samples;
    tune->epoch = -1;
    if (request->options.batch < 1 || request->options.accumulate < 1) {
        free(tune);
        return error_set(err, ERROR_RANGE, "a batch has at least one sample");
    }
    count_steps(tune);
    if (make(tune, request, err) < 0) {
        tune_destroy(tune);
        return -1;
    }
    *out = tune;
    return 0;
}

void tune_destroy(struct tune *tune)
{
    if (!tune)
        return;
    size_t count = tune->network ? network_parameter_count(tune->network) : 0;
    for (size_t i = 0; tune->gradients && i < count; i++)
        free(tune->gradients[i]);
    free(tune->gradients);
    free(tune->statistics);
    tune_forget_best(tune);
    optimiser_destroy(tune->optimiser);
    network_destroy(tune->teacher);
    network_destroy(tune->network);
    free(tune->order);
    free(tune->ids);
    free(tune->losses);
    free(tune->correct);
    free(tune);
}

int64_t tune_steps(const struct tune *tune)
{
    return tune->steps;
}

int64_t tune_epoch_steps(const struct tune *tune)
{
    return tune->epoch_steps;
}

int64_t tune_done(const struct tune *tune)
{
    return tune->done;
}

int64_t tune_images(const struct tune *tune)
{
    return tune->state.images;
}

int64_t tune_course_steps(const struct tune *tune)
{
    return tune->course;
}

void tune_extend(struct tune *tune)
{
    tune->options.more++;
    count_steps(tune);
}

int64_t tune_bytes(const struct tune *tune)
{
    return network_bytes(tune->network) +
           (tune->teacher ? network_bytes(tune->teacher) : 0);
}

/* --- one batch --- */

static int fill(void *context, int64_t shard, void *const *inputs,
                struct error *err)
{
    const struct tune *tune = context;
    (void)err;
    int64_t size = network_shard_size(tune->network);
    samples_read(&tune->samples, tune->network, tune->epoch,
                 tune->ids + shard * size, size, inputs);
    return 0;
}

static bool is_right(const struct op_answer *answer, const float *output,
                     int64_t label)
{
    if (answer->width == 1)
        return (op_answer_logit(answer, output[0]) > 0) == (label == 1);
    for (int64_t i = 0; i < answer->width; i++)
        if (i != label && output[i] >= output[label])
            return false;
    return true;
}

static int loss(void *context, int64_t shard, const float *output,
                float *gradient, struct error *err)
{
    struct tune *tune = context;
    int64_t size = network_shard_size(tune->network);
    struct op_answer answer = network_answer(tune->network);
    int64_t width = answer.width;
    struct loss_options options = tune->options.loss;
    options.shares = answer.shares;
    const float *teacher =
        tune->teacher ? network_output(tune->teacher, shard) : NULL;
    double sum = 0, right = 0;
    for (int64_t i = 0; i < size; i++) {
        int64_t id = tune->ids[shard * size + i];
        int64_t label = dataset_label(tune->samples.dataset, id);
        if (label >= answer.classes || (label < 0 && !teacher))
            return error_set(err, ERROR_RANGE,
                             "%s: sample %lld has label %lld, expected one of "
                             "%lld classes",
                             dataset_path(tune->samples.dataset), (long long)id,
                             (long long)label, (long long)answer.classes);
        sum += loss_sample(&options, width, output + i * width, label,
                           teacher ? teacher + i * width : NULL,
                           gradient + i * width);
        right += label >= 0 && is_right(&answer, output + i * width, label);
    }
    tune->losses[shard] = sum;
    tune->correct[shard] = right;
    return 0;
}

/* A new order of samples with every epoch, from the seed alone. */
static void choose_batch(struct tune *tune, int64_t batch)
{
    int64_t size = tune->options.batch, per_epoch = tune->count / size;
    int64_t epoch = batch / per_epoch, at = batch % per_epoch;
    if (epoch != tune->epoch) {
        struct rng rng;
        rng_init(&rng, tune->options.seed * 1000003u + (uint64_t)epoch);
        rng_permutation(&rng, tune->order, (size_t)tune->count);
        tune->epoch = epoch;
    }
    memcpy(tune->ids, tune->order + at * size,
           (size_t)size * sizeof *tune->ids);
}

static int run_batch(struct tune *tune, const struct cancel *cancel,
                     double *losses, double *correct, struct error *err)
{
    const struct network_task teach = {fill, NULL, tune};
    const struct network_task learn = {fill, loss, tune};
    if (tune->teacher && network_run(tune->teacher, &teach, cancel, err) < 0)
        return -1;
    if (network_run(tune->network, &learn, cancel, err) < 0)
        return -1;
    for (int64_t i = 0; i < network_shards(tune->network); i++) {
        *losses += tune->losses[i];
        *correct += tune->correct[i];
    }
    return 0;
}

static void accumulate(struct tune *tune, bool first, bool last)
{
    for (size_t i = 0;
         tune->gradients && i < network_parameter_count(tune->network); i++) {
        struct parameter *p = network_parameter(tune->network, i);
        for (int64_t j = 0; j < p->count; j++)
            tune->gradients[i][j] =
                p->gradient[j] + (first ? 0 : tune->gradients[i][j]);
        if (last)
            memcpy(p->gradient, tune->gradients[i],
                   (size_t)p->count * sizeof *p->gradient);
    }
}

/* Running statistics follow the batch's; the variance unbiased, as PyTorch
 * keeps it. */
static void follow_statistics(struct tune *tune)
{
    float share = (float)tune->options.statistics_momentum;
    for (size_t i = 0; i < network_statistics_count(tune->network); i++) {
        struct network_statistics *s = network_statistics(tune->network, i);
        float unbias =
            s->samples > 1
                ? (float)((double)s->samples / (double)(s->samples - 1))
                : 1;
        for (int64_t c = 0; c < s->channels; c++) {
            s->mean[c] += share * (s->batch_mean[c] - s->mean[c]);
            s->variance[c] +=
                share * (s->batch_variance[c] * unbias - s->variance[c]);
        }
    }
}

/* A step of several batches that is cancelled has changed nothing: keeps the
 * statistics of its beginning, or puts them back. */
static void keep_statistics(struct tune *tune, bool back)
{
    float *kept = tune->statistics;
    for (size_t i = 0; kept && i < network_statistics_count(tune->network);
         i++) {
        struct network_statistics *s = network_statistics(tune->network, i);
        size_t bytes = (size_t)s->channels * sizeof *kept;
        memcpy(back ? s->mean : kept, back ? kept : s->mean, bytes);
        kept += s->channels;
        memcpy(back ? s->variance : kept, back ? kept : s->variance, bytes);
        kept += s->channels;
    }
}

static void note(struct tune *tune, double losses, double correct)
{
    struct tune_state *s = &tune->state;
    double samples = (double)(tune->options.batch * tune->options.accumulate);
    double follow = fmax(0.05, 1 / (double)(tune->done + 1));
    s->loss = losses / samples;
    s->smooth += follow * (s->loss - s->smooth);
    s->correct += follow * (correct / samples - s->correct);
    s->images += (int64_t)samples;
}

/* Behind the course every epoch anneals from a tenth of the peak. */
static double rate_now(const struct tune *tune)
{
    const struct rate *rate = &tune->options.rate;
    const struct rate again = {RATE_COSINE, rate->peak / 10, 0};
    int64_t behind = tune->done - tune->course;
    if (behind < 0)
        return rate_at(rate, (double)tune->done / (double)tune->course);
    return rate_at(&again, (double)(behind % tune->epoch_steps) /
                               (double)tune->epoch_steps);
}

int tune_step(struct tune *tune, struct tune_state *state,
              const struct cancel *cancel, struct error *err)
{
    int batches = tune->options.accumulate;
    double losses = 0, correct = 0;
    double size = (double)(tune->options.batch * batches);
    keep_statistics(tune, false);
    for (int i = 0; i < batches; i++) {
        choose_batch(tune, tune->done * batches + i);
        if (run_batch(tune, cancel, &losses, &correct, err) < 0) {
            keep_statistics(tune, true);
            return -1;
        }
        accumulate(tune, i == 0, i == batches - 1);
        if (!tune->options.frozen_statistics)
            follow_statistics(tune);
    }
    if (!isfinite(losses))
        return error_set(err, ERROR_RANGE,
                         "the loss is no number any more at step %lld: try a "
                         "lower learning rate",
                         (long long)tune->done + 1);
    tune->state.rate = rate_now(tune);
    if (optimiser_step(tune->optimiser, tune->state.rate, 1 / size, err) < 0 ||
        network_refresh(tune->network, err) < 0)
        return -1;
    note(tune, losses, correct);
    tune->done++;
    if (state)
        *state = tune->state;
    return 0;
}

/* --- masks and results --- */

int tune_mask(struct tune *tune, int id, const struct bitmask *mask,
              struct error *err)
{
    for (size_t i = 0; i < network_parameter_count(tune->network); i++)
        if (network_parameter(tune->network, i)->id == id) {
            if (optimiser_mask(tune->optimiser, i, mask, err) < 0)
                return -1;
            return network_refresh(tune->network, err);
        }
    return 0; /* not trained, so it stays as it is */
}

int64_t tune_masked(const struct tune *tune)
{
    return optimiser_masked(tune->optimiser);
}

int64_t tune_violations(const struct tune *tune)
{
    return optimiser_violations(tune->optimiser);
}

int tune_rewind(struct tune *tune, const struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < network_parameter_count(tune->network); i++) {
        struct parameter *p = network_parameter(tune->network, i);
        memcpy(p->value, graph->values[p->id].constant.data,
               (size_t)p->count * sizeof *p->value);
    }
    for (size_t i = 0; i < network_statistics_count(tune->network); i++) {
        struct network_statistics *s = network_statistics(tune->network, i);
        size_t bytes = (size_t)s->channels * sizeof(float);
        memcpy(s->mean, graph->values[s->mean_id].constant.data, bytes);
        memcpy(s->variance, graph->values[s->variance_id].constant.data, bytes);
    }
    optimiser_forget(tune->optimiser);
    return network_refresh(tune->network, err);
}

static int put(struct tune_result *result, const struct tune *tune, int id,
               const float *values, struct error *err)
{
    for (size_t i = 0; i < result->count; i++)
        if (result->ids[i] == id) /* statistics that an exporter merged */
            return 0;
    struct tensor *tensor = &result->tensors[result->count];
    const struct value *value = network_value(tune->network, id);
    if (tensor_init(tensor, DTYPE_FLOAT32, &value->constant.shape, err) < 0)
        return -1;
    memcpy(tensor->data, values, tensor_bytes(tensor));
    result->ids[result->count++] = id;
    return 0;
}

int tune_result_init(struct tune_result *result, const struct tune *tune,
                     struct error *err)
{
    size_t parameters = network_parameter_count(tune->network);
    size_t statistics = network_statistics_count(tune->network);
    size_t room = parameters + 2 * statistics;
    *result = (struct tune_result){
        .ids = array_create(room, sizeof *result->ids),
        .tensors = array_create(room, sizeof *result->tensors)};
    int code = result->ids && result->tensors
                   ? 0
                   : error_memory(err, room * sizeof *result->tensors);
    for (size_t i = 0; i < parameters && code == 0; i++) {
        const struct parameter *p = network_parameter(tune->network, i);
        code = put(result, tune, p->id, p->value, err);
    }
    for (size_t i = 0; i < statistics && code == 0; i++) {
        const struct network_statistics *s =
            network_statistics(tune->network, i);
        code = put(result, tune, s->mean_id, s->mean, err);
        if (code == 0)
            code = put(result, tune, s->variance_id, s->variance, err);
    }
    if (code < 0)
        tune_result_release(result);
    return code;
}

void tune_result_release(struct tune_result *result)
{
    for (size_t i = 0; result->tensors && i < result->count; i++)
        tensor_release(&result->tensors[i]);
    free(result->tensors);
    free(result->ids);
    *result = (struct tune_result){0};
}
