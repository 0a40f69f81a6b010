/*
 * The command `reconstruct`: layers fitted on training samples, by the method
 * that is named, at the amounts that were decided or at one amount for the
 * whole model that measured errors distribute.
 */
#include "base/array.h"
#include "base/rng.h"
#include "engine/pool.h"
#include "engine/state.h"
#include "engine/work.h"
#include "eval/evaluate.h"
#include "prune/allocate_error.h"
#include "prune/reconstruct.h"
#include "session/amount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1024, LEAST_BATCHES = 4 };

/* Both models' activations of the samples lie in memory. */
static const int64_t memory_bytes = INT64_C(1) << 30;

struct wish {
    const struct reconstruct_method *method;
    bool distribute; /* `share` of the weights of the chosen layers */
    double share;
    bool *chosen; /* per layer; owned */
};

static void free_wish(void *options)
{
    struct wish *wish = options;
    if (wish)
        free(wish->chosen);
    free(wish);
}

static int add_layers(struct wish *wish, const struct layer_table *layers,
                      const char *pattern, struct error *err)
{
    size_t *rows = array_create(layers->count, sizeof *rows);
    if (!rows)
        return error_memory(err, layers->count * sizeof *rows);
    size_t count = layer_match(layers, pattern, rows, err);
    for (size_t i = 0; i < count; i++)
        wish->chosen[rows[i]] = true;
    free(rows);
    return count ? 0 : -1;
}

static int add_word(struct wish *wish, const struct layer_table *layers,
                    const char *word, bool *named, struct error *err)
{
    struct amount amount;
    const struct reconstruct_method *method = reconstruct_method_find(word);
    if (method) {
        wish->method = method;
        return 0;
    }
    if (word[strlen(word) - (*word != 0)] == '%') {
        if (amount_parse(&amount, word, err) < 0)
            return -1;
        if (amount.relative)
            return error_set(err, ERROR_USAGE,
                             "found the step '%s', expected an amount", word);
        wish->distribute = true;
        wish->share = amount.share;
        return 0;
    }
    *named = true;
    return add_layers(wish, layers, word, err);
}

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    const struct layer_table *layers = session_layers(session);
    struct wish *wish = array_create(1, sizeof *wish);
    bool named = false;
    int result = wish ? 0 : error_memory(err, sizeof *wish);
    if (!result) {
        wish->method = reconstruct_methods[0];
        wish->chosen = array_create(layers->count, sizeof *wish->chosen);
        if (!wish->chosen)
            result = error_memory(err, layers->count);
    }
    for (size_t i = 0; i < count && !result; i++)
        result = add_word(wish, layers, words[i], &named, err);
    if (!result && wish->method->statistics && (named || wish->distribute))
        result = error_set(err, ERROR_USAGE,
                           "%s measures the whole model, expected no layers "
                           "and no amount",
                           wish->method->name);
    for (size_t i = 0; !result && !named && i < layers->count; i++)
        wish->chosen[i] = true;
    if (result < 0)
        free_wish(wish);
    else
        *options = wish;
    return result;
}

/* --- samples and threads --- */

struct samples {
    const struct graph *instance;
    struct evaluation evaluation; /* data set, transform, order */
    int64_t *order;
    size_t map[EVALUATION_MAX_INPUTS];
};

static int fill(void *context, size_t input, int64_t b, void *out,
                struct error *err)
{
    const struct samples *s = context;
    const struct graph *graph = s->instance;
    (void)err;
    evaluation_fill_input(&s->evaluation, &graph->values[graph->inputs[input]],
                          s->map[input], b * graph->batch, graph->batch, out);
    return 0;
}

static int samples_init(struct samples *s, struct trace_source *source,
                        struct work *work, struct error *err)
{
    const struct setup *setup = work_setup(work);
    const struct dataset *data;
    struct rng rng;
    *s = (struct samples){.instance = setup->eval_graph};
    if (work_training_data(work, &data, err) < 0)
        return -1;
    if (s->instance->input_count > EVALUATION_MAX_INPUTS)
        return error_set(err, ERROR_UNSUPPORTED, "found %zu inputs",
                         s->instance->input_count);
    size_t count = (size_t)dataset_count(data);
    if (evaluation_match(s->instance, data, s->map, err) < 0)
        return -1;
    s->order = array_create(count, sizeof *s->order);
    if (!s->order)
        return error_memory(err, count * sizeof *s->order);
    rng_init(&rng, session_options(setup->session)->seed);
    rng_permutation(&rng, s->order, count);
    s->evaluation = (struct evaluation){
        .dataset = data,
        .transform = *session_transform(setup->session),
        .order = s->order,
        .samples = (int64_t)count,
    };
    int64_t bytes = reconstruct_batch_bytes(s->instance);
    int64_t batches = SAMPLES / s->instance->batch;
    int64_t here = (int64_t)count / s->instance->batch;
    int64_t room = bytes > 0 ? memory_bytes / bytes : batches;
    batches = batches < room ? batches : room;
    batches = batches > LEAST_BATCHES ? batches : LEAST_BATCHES;
    source->batches = batches < here ? batches : here > 0 ? here : 1;
    source->fill = fill;
    source->context = s;
    return 0;
}

static int run_pool(void *owner, int64_t count, parallel_piece *piece,
                    void *context, struct error *err)
{
    struct pool_task task = {count, piece, context};
    return pool_run(owner, &task, err);
}

static int step(void *context, const char *layer, int done, int total,
                struct error *err)
{
    return work_step(context, layer, done, total, err);
}

/* --- outcome --- */

/* What the variant removes: amounts as they are, or distributed anew. */
static struct decision *decide(struct work *work,
                               struct reconstruct_request *request,
                               struct error *err)
{
    const struct wish *wish = work_options(work);
    const struct variant *variant = work_variant(work);
    size_t count = request->layers->count;
    struct decision *decisions = array_create(count, sizeof *decisions);
    if (!decisions) {
        error_memory(err, count * sizeof *decisions);
        return NULL;
    }
    memcpy(decisions, variant->decisions, count * sizeof *decisions);
    request->decisions = decisions;
    if (wish->distribute &&
        allocate_error(decisions, request, wish->share, err) < 0) {
        free(decisions);
        return NULL;
    }
    return decisions;
}

static int give(struct work *work, const struct reconstruct_request *request,
                struct decision *decisions,
                const struct reconstruct_result *result, struct error *err)
{
    const struct variant *variant = work_variant(work);
    size_t count = request->layers->count;
    struct bitmask *masks = array_create(count, sizeof *masks);
    struct weights *weights;
    if (!masks)
        return error_memory(err, count * sizeof *masks);
    double removed = 0, total = 0;
    for (size_t i = 0; i < count; i++) {
        masks[i] =
            result->masks[i].words ? result->masks[i] : request->masks[i];
        total += (double)request->layers->layers[i].weights;
        if (masks[i].words)
            removed += (double)(masks[i].bits - bitmask_count(&masks[i]));
    }
    struct weights_parts parts = {
        .graph = session_graph(work_setup(work)->session),
        .base = variant->weights,
        .count = result->count,
        .ids = result->ids,
        .tensors = result->tensors,
        .layers = request->layers,
        .masks = masks,
        .decisions = decisions,
    };
    int code = weights_create(&weights, &parts, err);
    free(masks);
    if (code < 0)
        return -1;
    char summary[80];
    snprintf(summary, sizeof summary, "reconstruct %s, %.1f %% removed",
             request->method->name, 100 * removed / total);
    work_give_weights(work, weights);
    work_give_summary(work, summary);
    return 0;
}

/* Masks of what the variant removes now. */
static int masks_of(struct mask_set *masks, const struct graph *start,
                    const struct decision *decisions, const struct work *work,
                    struct error *err)
{
    const struct setup *setup = work_setup(work);
    const struct variant *variant = work_variant(work);
    struct mask_source source = {
        .graph = start,
        .layers = session_layers(setup->session),
        .decisions = decisions,
        .weights = variant->weights,
        .calibrator = session_calibrator(setup->session),
    };
    mask_set_release(masks);
    return mask_set_init(masks, &source, err);
}

static int run(struct work *work, struct error *err)
{
    const struct setup *setup = work_setup(work);
    const struct wish *wish = work_options(work);
    struct pool *pool = work_pool(work);
    struct samples samples = {0};
    struct mask_set masks = {0};
    struct reconstruct_result result = {0};
    struct graph *start = NULL;
    struct decision *decisions = NULL;
    struct reconstruct_request request = {
        .instance = setup->eval_graph,
        .layers = session_layers(setup->session),
        .chosen = wish->chosen,
        .method = wish->method,
        .parallel = {pool_workers(pool), run_pool, pool},
        .cancel = work_cancel(work),
        .progress = step,
        .progress_context = work,
    };
    int code = weights_apply(&start, setup->eval_graph,
                             work_variant(work)->weights, err);
    request.start = start;
    if (!code)
        code = samples_init(&samples, &request.source, work, err);
    if (!code) {
        decisions = decide(work, &request, err);
        code = decisions ? masks_of(&masks, start, decisions, work, err) : -1;
    }
    request.masks = masks.masks;
    request.removal = (struct removal){masks.labels, masks.blocks};
    if (!code)
        code = reconstruct(&result, &request, err);
    if (!code)
        code = give(work, &request, decisions, &result, err);
    if (!code && wish->distribute) {
        work_give_decisions(work, decisions);
        decisions = NULL;
    }
    reconstruct_result_release(&result);
    mask_set_release(&masks);
    graph_drop(start);
    free(samples.order);
    free(decisions);
    return code;
}

const struct work_kind work_reconstruct = {
    .name = "reconstruct",
    .needs_data = true,
    .parse = parse,
    .free_options = free_wish,
    .run = run,
};
