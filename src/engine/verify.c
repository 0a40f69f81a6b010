/*
 * The file goes the whole way again: parser, instance, plan, run. Kernels
 * are chosen from the same measured times as the session's, so outputs are
 * expected to be equal bit for bit; a tolerance is left for kernels that
 * were measured only now.
 */
#include "engine/verify.h"

#include "base/array.h"
#include "engine/feed.h"
#include "eval/outcome.h"
#include "op/instance.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define TOLERANCE 1e-4 /* of the largest output */
enum { WATCH_EVERY_MS = 33 };

struct pair {
    struct runner *ours, *theirs;
};

struct comparison {
    const struct setup *setup;
    const struct plan *ours, *theirs;
    struct feed feed;
    struct pair *pairs; /* per worker */
    const struct cancel *cancel;
    pthread_mutex_t mutex;
    struct verification found;
};

static void compare_outputs(const struct tensor *a, const struct tensor *b,
                            int64_t elements, struct verification *found)
{
    for (int64_t i = 0; i < elements; i++) {
        double x = tensor_number(a, i), y = tensor_number(b, i);
        double difference = fabs(x - y);
        if (isnan(x) != isnan(y))
            difference = INFINITY;
        if (difference > found->largest_difference)
            found->largest_difference = difference;
        if (fabs(x) > found->largest_value)
            found->largest_value = fabs(x);
    }
}

static int64_t label_of(const struct setup *setup, int64_t sample)
{
    const struct dataset *dataset = session_dataset(setup->session);
    if (!dataset)
        return -1;
    return setup->labels ? setup->labels[sample]
                         : dataset_label(dataset, sample);
}

static void compare_answers(const struct comparison *comparison,
                            const struct tensor *a, const struct tensor *b,
                            int64_t first, int64_t count,
                            struct verification *found)
{
    const int64_t *order = comparison->feed.order;
    struct op_answer answer;
    if (!op_answer_of(&answer, plan_instance(comparison->ours)))
        return;
    const float *x = a->data, *y = b->data;
    for (int64_t i = 0; i < count; i++) {
        int64_t sample = order ? order[first + i] : first + i;
        int64_t label = label_of(comparison->setup, sample);
        struct outcome ours =
            outcome_read(&answer, x + i * answer.width, label);
        struct outcome theirs =
            outcome_read(&answer, y + i * answer.width, label);
        found->different_answers += ours.predicted != theirs.predicted;
        found->correct_before += ours.correct;
        found->correct_after += theirs.correct;
        found->labelled += label >= 0;
    }
}

static int run_both(const struct comparison *comparison, struct pair *pair,
                    int64_t b, int64_t *count, struct error *err)
{
    const struct plan *ours = comparison->ours, *theirs = comparison->theirs;
    if ((!pair->ours && runner_create(&pair->ours, ours, err) < 0) ||
        (!pair->theirs && runner_create(&pair->theirs, theirs, err) < 0))
        return -1;
    *count = feed_batch(&comparison->feed, plan_instance(ours), pair->ours, b);
    feed_batch(&comparison->feed, plan_instance(theirs), pair->theirs, b);
    if (runner_run(pair->ours, 0, plan_step_count(ours), comparison->cancel,
                   NULL, err) < 0)
        return -1;
    return runner_run(pair->theirs, 0, plan_step_count(theirs),
                      comparison->cancel, NULL, err);
}

static int compare_piece(void *context, int worker, int64_t b,
                         struct error *err)
{
    struct comparison *comparison = context;
    struct pair *pair = &comparison->pairs[worker];
    int64_t count;
    if (run_both(comparison, pair, b, &count, err) < 0)
        return -1;
    const struct graph *graph = plan_instance(comparison->ours);
    struct verification found = {.samples = count};
    for (size_t o = 0; o < graph->output_count; o++) {
        const struct tensor *x = runner_output(pair->ours, o);
        const struct tensor *y = runner_output(pair->theirs, o);
        compare_outputs(x, y, tensor_elements(x) / graph->batch * count,
                        &found);
        if (o == 0)
            compare_answers(comparison, x, y, b * graph->batch, count, &found);
    }
    pthread_mutex_lock(&comparison->mutex);
    struct verification *all = &comparison->found;
    all->samples += found.samples;
    all->different_answers += found.different_answers;
    all->correct_before += found.correct_before;
    all->correct_after += found.correct_after;
    all->labelled += found.labelled;
    all->largest_difference =
        fmax(all->largest_difference, found.largest_difference);
    all->largest_value = fmax(all->largest_value, found.largest_value);
    pthread_mutex_unlock(&comparison->mutex);
    return 0;
}

static int check_same_outputs(const struct graph *a, const struct graph *b,
                              struct error *err)
{
    if (a->input_count != b->input_count || a->output_count != b->output_count)
        return error_set(err, ERROR_MISMATCH,
                         "the written model has %zu outputs, expected %zu",
                         b->output_count, a->output_count);
    for (size_t o = 0; o < a->output_count; o++) {
        const struct value *x = &a->values[a->outputs[o]];
        const struct value *y = &b->values[b->outputs[o]];
        if (x->dtype != y->dtype || !shape_equal(&x->shape, &y->shape))
            return error_set(err, ERROR_MISMATCH,
                             "output '%s' of the written model has another "
                             "shape or type",
                             x->name);
    }
    return 0;
}

static int judge(const struct verification *found, struct error *err)
{
    if (found->different_answers)
        return error_set(err, ERROR_MISMATCH,
                         "the written model answers %lld of %lld samples "
                         "differently",
                         (long long)found->different_answers,
                         (long long)found->samples);
    if (found->largest_difference > TOLERANCE * fmax(1, found->largest_value))
        return error_set(err, ERROR_MISMATCH,
                         "outputs of the written model differ by %g",
                         found->largest_difference);
    return 0;
}

static int compare_all(struct comparison *comparison, struct pool *pool,
                       void (*watch)(void *, int64_t, int64_t), void *context,
                       struct error *err)
{
    int workers = pool_workers(pool);
    const struct graph *graph = plan_instance(comparison->ours);
    comparison->pairs =
        array_create((size_t)workers, sizeof *comparison->pairs);
    if (!comparison->pairs)
        return error_memory(err, (size_t)workers * sizeof *comparison->pairs);
    pthread_mutex_init(&comparison->mutex, NULL);
    struct pool_task task = {feed_batches(&comparison->feed, graph),
                             compare_piece, comparison};
    pool_start(pool, &task);
    while (!pool_wait(pool, false, WATCH_EVERY_MS)) {
        pthread_mutex_lock(&comparison->mutex);
        int64_t done = comparison->found.samples;
        pthread_mutex_unlock(&comparison->mutex);
        if (watch)
            watch(context, done, comparison->feed.samples);
    }
    for (int i = 0; i < workers; i++) {
        runner_destroy(comparison->pairs[i].ours);
        runner_destroy(comparison->pairs[i].theirs);
    }
    free(comparison->pairs);
    pthread_mutex_destroy(&comparison->mutex);
    return pool_result(pool, err);
}

/* A file's dynamic inputs have the sizes of the plan's. */
static void declare_inputs(struct onnx_model *model, const struct graph *ours)
{
    const struct graph *theirs = onnx_graph(model);
    for (size_t i = 0; i < theirs->input_count && i < ours->input_count; i++) {
        const struct shape *shape = &ours->values[ours->inputs[i]].shape;
        struct shape sample = {.rank = shape->rank > 0 ? shape->rank - 1 : 0};
        for (int d = 0; d < sample.rank; d++)
            sample.dims[d] = shape->dims[d + 1];
        onnx_declare_input(model, i, &sample);
    }
}

int verify_file(struct verification *verification, const struct setup *setup,
                const struct plan *plan, const char *path, struct pool *pool,
                const struct cancel *cancel,
                void (*watch)(void *context, int64_t done, int64_t total),
                void *context, struct error *err)
{
    struct onnx_model *model = NULL;
    struct graph *graph = NULL;
    struct plan *theirs = NULL;
    const struct graph *ours = plan_instance(plan);
    struct comparison comparison = {
        .setup = setup, .ours = plan, .cancel = cancel};
    int code = -1;
    if (onnx_open(&model, path, err) < 0)
        goto out; /* that error names the file */
    declare_inputs(model, ours);
    if (op_instantiate(&graph, onnx_graph(model), ours->batch, err) < 0 ||
        check_same_outputs(ours, graph, err) < 0 ||
        setup_plan(setup, &theirs, graph, 1, NULL, cancel, err) < 0 ||
        feed_init(&comparison.feed, setup, ours, setup->order, err) < 0)
        goto prefix;
    comparison.theirs = theirs;
    code = compare_all(&comparison, pool, watch, context, err);
    *verification = comparison.found;
    if (code == 0)
        code = judge(verification, err);
prefix:
    if (code < 0)
        error_prefix(err, "%s", path);
out:
    feed_release(&comparison.feed);
    plan_drop(theirs);
    graph_drop(graph);
    onnx_close(model);
    return code;
}
