#include "engine/trial.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

#define CONFIDENCE 0.95

/* What one worker needs to run; made by the worker at its first batch. */
struct trial_worker {
    struct runner *runner, *base_runner;
};

int trial_create(struct trial **out, int64_t samples, int64_t batches,
                 struct error *err)
{
    struct trial *trial = array_create(1, sizeof *trial);
    if (!trial)
        return error_memory(err, sizeof *trial);
    trial->samples = samples;
    trial->batches = batches;
    trial->outcomes = array_create((size_t)samples, sizeof *trial->outcomes);
    trial->done = array_create((size_t)batches, 1);
    if (!trial->outcomes || !trial->done) {
        trial_destroy(trial);
        return error_memory(err, (size_t)samples * sizeof *trial->outcomes);
    }
    for (int64_t i = 0; i < samples; i++)
        trial->outcomes[i].predicted = -1;
    *out = trial;
    return 0;
}

void trial_destroy(struct trial *trial)
{
    if (!trial)
        return;
    free(trial->outcomes);
    free(trial->done);
    free(trial);
}

bool trial_complete(const struct trial *trial)
{
    return trial->batches_done == trial->batches;
}

void trial_reorder(struct trial *trial, const struct setup *setup)
{
    trial->batches_done = 0;
    for (int64_t b = 0; b < trial->batches; b++) {
        int64_t first = b * setup->batch, end = first + setup->batch;
        trial->done[b] = 1;
        for (int64_t i = first; i < end && i < setup->samples; i++)
            if (trial->outcomes[setup->order[i]].predicted < 0)
                trial->done[b] = 0;
        trial->batches_done += trial->done[b];
    }
}

/* Samples of batch b: order[first … first + count - 1]. */
static int64_t batch_range(const struct setup *setup, int64_t b, int64_t *first)
{
    *first = b * setup->batch;
    int64_t left = setup->samples - *first;
    return left < setup->batch ? left : setup->batch;
}

static struct evaluation evaluation_of(const struct trial_run *run,
                                       const struct plan *plan, bool base)
{
    const struct setup *setup = run->setup;
    return (struct evaluation){
        .plan = plan,
        .dataset = session_dataset(setup->session),
        .transform = *session_transform(setup->session),
        .prefix = base && run->trial != run->base ? NULL : run->prefix,
        .order = setup->order,
        .labels = base ? NULL : setup->labels,
        .samples = setup->samples,
    };
}

static int run_batch(const struct trial_run *run, const struct plan *plan,
                     struct runner **runner, struct trial *trial, bool base,
                     int64_t b, struct error *err)
{
    if (!*runner && runner_create(runner, plan, err) < 0)
        return -1;
    struct evaluation evaluation = evaluation_of(run, plan, base);
    int64_t count = 0;
    if (evaluation_run(&evaluation, *runner, b, trial->outcomes, NULL, &count,
                       run->cancel, err) < 0)
        return -1;
    trial->done[b] = 1;
    return 0;
}

/* Without labels the dense model's answer is the right one. */
static void take_answers(const struct setup *setup, struct trial *base,
                         int64_t b)
{
    int64_t first, count = batch_range(setup, b, &first);
    for (int64_t i = first; i < first + count; i++) {
        int64_t sample = setup->order[i];
        struct outcome *outcome = &base->outcomes[sample];
        setup->labels[sample] = outcome->predicted;
        outcome->correct = outcome->top5 = true;
    }
}

static void tally_batch(const struct trial_run *run, int64_t b,
                        struct tally *tally, struct tally *base_tally)
{
    int64_t first, count = batch_range(run->setup, b, &first);
    for (int64_t i = first; i < first + count; i++) {
        int64_t sample = run->setup->order[i];
        const struct outcome *base = &run->base->outcomes[sample];
        tally_add(base_tally, base, NULL);
        if (run->trial != run->base)
            tally_add(tally, &run->trial->outcomes[sample], base);
    }
}

static void count_done(struct trial_run *run, int base, int variant)
{
    pthread_mutex_lock(&run->mutex);
    run->base->batches_done += base;
    run->trial->batches_done += variant;
    pthread_mutex_unlock(&run->mutex);
}

static int64_t next_batch(struct trial_run *run, int64_t piece)
{
    if (!run->live)
        return piece;
    pthread_mutex_lock(&run->mutex);
    int64_t b = live_next(run->live);
    pthread_mutex_unlock(&run->mutex);
    return b;
}

static int run_piece(void *context, int index, int64_t piece, struct error *err)
{
    struct trial_run *run = context;
    int64_t b = next_batch(run, piece);
    struct trial_worker *worker = &run->workers[index];
    bool base_was_done = run->base->done[b];
    bool was_done = run->trial->done[b];
    if (!base_was_done) {
        if (run_batch(run, run->base_plan, &worker->base_runner, run->base,
                      true, b, err) < 0)
            return -1;
        if (run->setup->labels)
            take_answers(run->setup, run->base, b);
    }
    if (run->trial != run->base && !was_done &&
        run_batch(run, run->plan, &worker->runner, run->trial, false, b, err) <
            0) {
        count_done(run, !base_was_done, 0);
        return -1;
    }
    struct tally tally = {0}, base_tally = {0};
    tally_batch(run, b, &tally, &base_tally);
    pthread_mutex_lock(&run->mutex);
    tally_merge(&run->base_tally, &base_tally);
    tally_merge(&run->tally, &tally);
    if (run->live)
        live_add(run->live, b, run->trial->outcomes);
    pthread_mutex_unlock(&run->mutex);
    count_done(run, !base_was_done, run->trial != run->base && !was_done);
    return 0;
}

/* Batches that were done before come first, at no cost. */
static int start_live(struct trial_run *run, struct error *err)
{
    if (live_create(&run->live, run->strata, err) < 0)
        return -1;
    for (int64_t b = 0; b < run->trial->batches; b++) {
        if (!run->trial->done[b])
            continue;
        live_add(run->live, b, run->trial->outcomes);
        tally_batch(run, b, &run->tally, &run->base_tally);
    }
    return 0;
}

int trial_start(struct trial_run *run, struct error *err)
{
    size_t count = (size_t)pool_workers(run->pool);
    struct pool_task task = {run->setup->batches, run_piece, run};
    bool live = run->strata && run->trial != run->base;
    if (live && start_live(run, err) < 0)
        return -1;
    run->workers = array_create(count, sizeof *run->workers);
    if (!run->workers) {
        live_destroy(run->live);
        return error_memory(err, count * sizeof *run->workers);
    }
    if (live)
        task.count -= run->trial->batches_done;
    if (run->most && task.count > run->most)
        task.count = run->most;
    pthread_mutex_init(&run->mutex, NULL);
    pool_start(run->pool, &task);
    return 0;
}

bool trial_wait(struct trial_run *run, bool first, int timeout_ms)
{
    return pool_wait(run->pool, first, timeout_ms);
}

int64_t trial_samples(struct trial_run *run)
{
    pthread_mutex_lock(&run->mutex);
    int64_t samples =
        run->trial == run->base ? run->base_tally.samples : run->tally.samples;
    pthread_mutex_unlock(&run->mutex);
    return samples;
}

int trial_finish(struct trial_run *run, struct error *err)
{
    int code = pool_result(run->pool, err);
    for (int i = 0; i < pool_workers(run->pool); i++) {
        runner_destroy(run->workers[i].runner);
        runner_destroy(run->workers[i].base_runner);
    }
    free(run->workers);
    run->workers = NULL;
    live_destroy(run->live);
    run->live = NULL;
    pthread_mutex_destroy(&run->mutex);
    return code;
}

static struct estimate proportion(int64_t successes, const struct tally *tally,
                                  int64_t total)
{
    struct estimate estimate =
        estimate_wilson(successes, tally->samples, CONFIDENCE);
    estimate.total = total;
    return estimate;
}

static struct estimate exact(double value, int64_t samples)
{
    return (struct estimate){value, value, value, samples, samples};
}

/* The mean loss, by the normal distribution. */
static struct estimate mean_loss(const struct setup *setup,
                                 const struct tally *tally)
{
    double n = (double)tally->samples;
    if (setup->metric != METRIC_TOP1 || !tally->samples)
        return (struct estimate){NAN, NAN, NAN, 0, setup->samples};
    double mean = tally->loss / n;
    double left = 1 - n / (double)setup->samples;
    double variance = fmax(tally->loss_squares / n - mean * mean, 0) / n;
    double half = 1.96 * sqrt(variance * left);
    return (struct estimate){mean, fmax(mean - half, 0), mean + half,
                             tally->samples, setup->samples};
}

/* From counts of samples that were taken at random. */
static void count_figures(const struct setup *setup, const struct tally *tally,
                          bool base, struct result *result)
{
    int64_t total = setup->samples;
    result->metric = setup->metric;
    result->accuracy = proportion(tally->correct, tally, total);
    result->top5 = proportion(tally->top5, tally, total);
    result->loss = mean_loss(setup, tally);
    if (base) {
        result->difference = exact(0, tally->samples);
        result->difference.total = total;
        result->base_only = result->variant_only = 0;
        result->p_value = 1;
        return;
    }
    result->difference =
        estimate_paired(tally->both, tally->base_only, tally->variant_only,
                        tally->paired, CONFIDENCE);
    result->difference.total = total;
    result->base_only = tally->base_only;
    result->variant_only = tally->variant_only;
    result->p_value = estimate_mcnemar(tally->base_only, tally->variant_only);
}

void trial_base_figures(const struct setup *setup, const struct trial *base,
                        struct result *result)
{
    struct tally tally = {0};
    for (int64_t i = 0; i < setup->samples; i++)
        tally_add(&tally, &base->outcomes[i], NULL);
    count_figures(setup, &tally, true, result);
}

static void live_figures(struct trial_run *run, struct result *result)
{
    struct live_figures live;
    live_estimate(run->live, &live);
    result->metric = run->setup->metric;
    result->accuracy = live.accuracy;
    result->top5 = live.top5;
    result->difference = live.difference;
    result->loss = live.loss;
    result->base_only = live.base_only;
    result->variant_only = live.variant_only;
    result->p_value = live.p_value;
}

void trial_figures(struct trial_run *run, struct result *result,
                   struct result *base)
{
    const struct setup *setup = run->setup;
    bool dense = run->trial == run->base;
    pthread_mutex_lock(&run->mutex);
    const struct tally *tally = dense ? &run->base_tally : &run->tally;
    if (run->live && tally->samples < setup->samples)
        live_figures(run, result);
    else
        count_figures(setup, tally, dense, result);
    if (base)
        count_figures(setup, &run->base_tally, true, base);
    pthread_mutex_unlock(&run->mutex);
}
