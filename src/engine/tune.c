/*
 * Fine-tuning as work: `tune 2 epochs lr 0.01 cosine distill`. Trains the
 * variant's weights under its masks; with `to 90%` it prunes on while it
 * trains. Accuracy is measured on the tested data after every epoch.
 */
#include "engine/tune.h"

#include "base/array.h"
#include "base/clock.h"
#include "engine/pool.h"
#include "engine/setup.h"
#include "eval/estimate.h"
#include "eval/evaluate.h"
#include "kernel/onednn.h"
#include "onnx/model.h"
#include "op/instance.h"
#include "session/amount.h"
#include "session/session.h"
#include "train/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRUNE_STEPS = 40, CHECK_BATCHES = 16 };

static const char *const series[] = {"accuracy", "train loss", NULL};

/* What a line asks for. */
struct order {
    struct tune_options options;
    bool gradual, rewinds;
    double target; /* share of the prunable weights */
    enum course_kind course;
    const struct criterion *criterion;
};

/* --- words --- */

static int read_number(const char *word, double *number)
{
    char *end;
    *number = strtod(word, &end);
    return end != word && *end == '\0' && isfinite(*number) ? 0 : -1;
}

/* A word with a number behind it; integers where `whole`. */
struct setting {
    const char *word;
    double *number;
    int *whole;
};

static int read_setting(struct order *order, const char *word,
                        const char *value, struct error *err)
{
    struct tune_options *o = &order->options;
    int batch = (int)o->batch, seed = (int)o->seed;
    const struct setting settings[] = {
        {"lr", &o->rate.peak, NULL},
        {"warmup", &o->rate.warmup, NULL},
        {"momentum", &o->optimiser.momentum, NULL},
        {"decay", &o->optimiser.decay, NULL},
        {"smooth", &o->loss.smoothing, NULL},
        {"distill", &o->loss.distill, NULL},
        {"temperature", &o->loss.temperature, NULL},
        {"noise", &o->augment.noise, NULL},
        {"batch", NULL, &batch},
        {"accumulate", NULL, &o->accumulate},
        {"shift", NULL, &o->augment.shift},
        {"cutout", NULL, &o->augment.cutout},
        {"seed", NULL, &seed},
    };
    double number;
    for (size_t i = 0; i < ARRAY_LENGTH(settings); i++) {
        const struct setting *s = &settings[i];
        if (strcmp(s->word, word) != 0)
            continue;
        if (!value || read_number(value, &number) < 0 || number < 0 ||
            (s->whole && (number != floor(number) || number > 1e6)))
            return error_set(err, ERROR_USAGE,
                             "'%s' wants a number, found '%s'", word,
                             value ? value : "nothing");
        if (s->whole)
            *s->whole = (int)number;
        else
            *s->number = number;
        o->batch = batch;
        o->seed = (uint64_t)seed;
        return 2;
    }
    return 0;
}

static int read_plain(struct order *order, const char *word, struct error *err)
{
    struct tune_options *o = &order->options;
    enum rate_kind rate;
    enum course_kind course;
    if (strcmp(word, "sgd") == 0 || strcmp(word, "adamw") == 0) {
        bool adapts = *word == 'a';
        o->optimiser =
            optimiser_defaults(adapts ? OPTIMISER_ADAMW : OPTIMISER_SGD);
        if (adapts && o->rate.peak == tune_defaults().rate.peak)
            o->rate.peak = 1e-3;
    } else if (strcmp(word, "noflip") == 0) {
        o->augment.flip = false;
    } else if (strcmp(word, "frozen") == 0) {
        o->frozen_statistics = true;
    } else if (strcmp(word, "rewind") == 0) {
        order->rewinds = true;
    } else if (rate_find(&rate, word, NULL) == 0) {
        o->rate.kind = rate;
    } else if (course_find(&course, word, NULL) == 0) {
        order->course = course;
    } else if (criterion_find(word) && !criterion_find(word)->needs_data) {
        order->criterion = criterion_find(word);
    } else {
        return error_set(err, ERROR_USAGE, "'%s' is not understood", word);
    }
    return 1;
}

/* How many words were read from words[0 … count-1]; -1. */
static int read_words(struct order *order, size_t count,
                      const char *const *words, struct error *err)
{
    struct amount amount;
    double number;
    const char *next = count > 1 ? words[1] : NULL;
    if (next && strncmp(next, "epoch", 5) == 0 &&
        read_number(words[0], &number) == 0) {
        order->options.epochs = number;
        return 2;
    }
    if (strcmp(words[0], "to") == 0) {
        if (!next || amount_parse(&amount, next, err) < 0)
            return error_set(err, ERROR_USAGE, "'to' wants an amount, as 90%%");
        if (!amount.percent || amount.relative || amount.share <= 0 ||
            amount.share >= 1)
            return error_set(err, ERROR_USAGE,
                             "the target is '%s', expected a share below 100%%",
                             next);
        order->gradual = true;
        order->target = amount.share;
        return 2;
    }
    if (strcmp(words[0], "distill") == 0 &&
        (!next || read_number(next, &number) < 0)) {
        order->options.loss.distill = 0.5;
        return 1;
    }
    int read = read_setting(order, words[0], next, err);
    return read ? read : read_plain(order, words[0], err);
}

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    struct order *order = calloc(1, sizeof *order);
    if (!order)
        return error_memory(err, sizeof *order);
    order->options = tune_defaults();
    order->options.seed = session_options(session)->seed;
    order->criterion = criterion_find("lamp");
    for (size_t i = 0; i < count;) {
        int read = read_words(order, count - i, words + i, err);
        if (read < 0) {
            free(order);
            return -1;
        }
        i += (size_t)read;
    }
    *options = order;
    return 0;
}

/* --- the run --- */

struct tuning {
    struct work *work;
    const struct setup *setup;
    const struct session *session;
    const struct layer_table *layers;
    const struct order *order;
    struct tune *tune;
    struct graph *begin;   /* weights and masks as they begin */
    struct mask_set masks; /* that hold now */
    struct decision *decisions;
    struct tune_history *history;
    int64_t start_ns;
};

/* The pool for the trainer's pieces. */
struct piece {
    int (*run)(void *context, int64_t index, struct error *err);
    void *context;
};

static int run_piece(void *context, int worker, int64_t index,
                     struct error *err)
{
    const struct piece *piece = context;
    (void)worker;
    return piece->run(piece->context, index, err);
}

static int run_pieces(void *owner, int64_t pieces,
                      int (*run)(void *, int64_t, struct error *),
                      void *context, struct error *err)
{
    struct piece piece = {run, context};
    const struct pool_task task = {pieces, run_piece, &piece};
    return pool_run(owner, &task, err);
}

/* --- accuracy on the tested data --- */

struct checking {
    struct evaluation evaluation;
    struct runner **runners; /* per worker */
    struct outcome *outcomes;
    int64_t first; /* batch of piece 0 */
};

static int check_piece(void *context, int worker, int64_t piece,
                       struct error *err)
{
    struct checking *c = context;
    int64_t count;
    onednn_set_threads(1);
    return evaluation_run(&c->evaluation, c->runners[worker], c->first + piece,
                          c->outcomes, NULL, &count, NULL, err);
}

static int run_checks(struct tuning *t, struct checking *c, struct error *err)
{
    struct pool *pool = work_pool(t->work);
    int64_t batches = evaluation_batches(&c->evaluation);
    for (c->first = 0; c->first < batches; c->first += CHECK_BATCHES) {
        int64_t left = batches - c->first;
        const struct pool_task task = {
            left < CHECK_BATCHES ? left : CHECK_BATCHES, check_piece, c};
        if (pool_run(pool, &task, err) < 0 ||
            work_step(t->work, "measuring accuracy", c->first, batches, err) <
                0)
            return -1;
    }
    return 0;
}

static int make_checking(struct tuning *t, struct checking *c,
                         const struct graph *model, struct plan **plan,
                         struct error *err)
{
    const struct setup *setup = t->setup;
    struct graph *instance;
    int workers = pool_workers(work_pool(t->work));
    if (op_instantiate(&instance, model, setup->batch, err) < 0)
        return -1;
    const struct plan_options options = {.kernels = PLAN_KERNELS_DENSE,
                                         .threads = 1,
                                         .isa = setup->isa,
                                         .timing = setup->timing};
    int code = plan_create(plan, instance, &options, err);
    graph_drop(instance);
    if (code < 0)
        return -1;
    *c = (struct checking){
        .evaluation = {.plan = *plan,
                       .dataset = session_dataset(t->session),
                       .transform = *session_transform(t->session),
                       .order = setup->order,
                       .labels = setup->labels,
                       .samples = setup->samples},
        .runners = array_create((size_t)workers, sizeof *c->runners),
        .outcomes =
            array_create((size_t)dataset_count(session_dataset(t->session)),
                         sizeof *c->outcomes)};
    if (!c->runners || !c->outcomes)
        return error_memory(err, (size_t)setup->samples * sizeof *c->outcomes);
    for (int i = 0; i < workers; i++)
        if (runner_create(&c->runners[i], *plan, err) < 0)
            return -1;
    return 0;
}

static int measure(struct tuning *t, const struct graph *model,
                   struct estimate *out, struct error *err)
{
    struct checking c = {0};
    struct plan *plan = NULL;
    int code = make_checking(t, &c, model, &plan, err);
    if (code == 0)
        code = run_checks(t, &c, err);
    int64_t right = 0, samples = t->setup->samples;
    for (int64_t i = 0; code == 0 && i < samples; i++)
        right += c.outcomes[t->setup->order[i]].correct;
    *out = estimate_clopper_pearson(right, samples, 0.95);
    for (int i = 0; c.runners && i < pool_workers(work_pool(t->work)); i++)
        if (c.runners[i])
            runner_destroy(c.runners[i]);
    free(c.runners);
    free(c.outcomes);
    plan_drop(plan);
    return code;
}

/* The model with what was trained so far. */
static int current_model(const struct tuning *t, struct graph **out,
                         struct error *err)
{
    struct tune_result result;
    if (tune_result_init(&result, t->tune, err) < 0)
        return -1;
    int code = graph_with_constants(out, t->begin, result.count, result.ids,
                                    result.tensors, err);
    tune_result_release(&result);
    return code;
}

static int note_epoch(struct tuning *t, const struct graph *model, double epoch,
                      double loss, struct error *err)
{
    struct estimate found;
    if (measure(t, model, &found, err) < 0)
        return -1;
    struct tune_history *h = t->history;
    if (h->count < TUNE_HISTORY)
        h->rows[h->count++] =
            (struct tune_row){epoch, loss, found.value, found.low, found.high};
    const struct work_point point = {0, epoch, found.value, found.low,
                                     found.high};
    work_point(t->work, &point);
    return 0;
}

/* --- masks --- */

static int hold_masks(struct tuning *t, struct error *err)
{
    for (size_t i = 0; i < t->masks.count; i++)
        if (t->masks.masks[i].words &&
            tune_mask(t->tune, t->layers->layers[i].weight, &t->masks.masks[i],
                      err) < 0)
            return error_prefix(err, "layer '%s'", t->layers->layers[i].name);
    return 0;
}

/* Every prunable layer takes part in one ranking of the weights of now. */
static int prune_more(struct tuning *t, double share, struct error *err)
{
    struct graph *model;
    size_t count = 0, *rows = array_create(t->layers->count, sizeof *rows);
    if (!rows)
        return error_memory(err, t->layers->count * sizeof *rows);
    for (size_t i = 0; i < t->layers->count; i++)
        if (t->layers->layers[i].prunable)
            rows[count++] = i;
    int code = current_model(t, &model, err);
    if (code == 0) {
        struct mask_source source = {.graph = model, .layers = t->layers};
        code = allocate_global(t->decisions, &source, rows, count,
                               t->order->criterion, share, err);
        source.decisions = t->decisions;
        mask_set_release(&t->masks);
        if (code == 0)
            code = mask_set_init(&t->masks, &source, err);
        graph_drop(model);
    }
    free(rows);
    return code < 0 ? -1 : hold_masks(t, err);
}

/* The last quarter is left for tuning alone. */
static int prune_on_course(struct tuning *t, double from, struct error *err)
{
    int64_t steps = tune_steps(t->tune) * 3 / 4, done = tune_done(t->tune);
    int64_t every = steps / PRUNE_STEPS > 1 ? steps / PRUNE_STEPS : 1;
    if (!t->order->gradual || done > steps || (done % every && done != steps))
        return 0;
    double progress = steps ? (double)done / (double)steps : 1;
    return prune_more(
        t, course_at(t->order->course, from, t->order->target, progress), err);
}

/* --- the loop --- */

static int say(struct tuning *t, const struct tune_state *s, struct error *err)
{
    char stage[WORK_STAGE_BYTES];
    double seconds = (double)(clock_now_ns() - t->start_ns) * 1e-9;
    snprintf(stage, sizeof stage, "loss %.3f, rate %.2g, %.0f images/s",
             s->smooth, s->rate, seconds > 0 ? (double)s->images / seconds : 0);
    return work_step(t->work, stage, tune_done(t->tune), tune_steps(t->tune),
                     err);
}

static int train(struct tuning *t, struct error *err)
{
    struct tune_state s = {0};
    int64_t each = tune_epoch_steps(t->tune), total = tune_steps(t->tune);
    int64_t points = total / 100 > 1 ? total / 100 : 1;
    double from = variant_sparsity(work_variant(t->work), t->layers);
    if (from >= t->order->target)
        from = 0;
    t->start_ns = clock_now_ns();
    while (tune_done(t->tune) < total) {
        if (prune_on_course(t, from, err) < 0 ||
            tune_step(t->tune, &s, work_cancel(t->work), err) < 0 ||
            say(t, &s, err) < 0)
            return -1;
        int64_t done = tune_done(t->tune);
        double epoch = (double)done / (double)each;
        if (done % points == 0)
            work_point(t->work, &(struct work_point){1, epoch, s.smooth,
                                                     (double)NAN, (double)NAN});
        if (done % each && done != total)
            continue;
        struct graph *model;
        if (current_model(t, &model, err) < 0)
            return -1;
        int code = note_epoch(t, model, epoch, s.smooth, err);
        graph_drop(model);
        if (code < 0)
            return -1;
    }
    if (tune_violations(t->tune))
        return error_set(err, ERROR_MISMATCH, "a mask did not hold");
    return 0;
}

/* --- beginning and end --- */

static bool shrinks(const struct variant *variant)
{
    for (size_t i = 0; i < variant->layer_count; i++)
        if (variant->decisions[i].width.remove || variant->decisions[i].skipped)
            return true;
    return false;
}

static int begin(struct tuning *t, const struct dataset *data,
                 const struct train_workers *workers, struct error *err)
{
    const struct variant *variant = work_variant(t->work);
    const struct graph *dense = onnx_graph(session_model(t->session));
    struct graph *own;
    if (weights_apply(&own, dense, variant->weights, err) < 0)
        return -1;
    struct mask_source source = {.graph = own,
                                 .layers = t->layers,
                                 .decisions = variant->decisions,
                                 .weights = variant->weights};
    /* Asked before masks are made: shrinking wants an instance. */
    int code = shrinks(variant)
                   ? error_set(err, ERROR_UNSUPPORTED,
                               "channels, heads or blocks go from this "
                               "variant: export it and tune the smaller model")
                   : mask_set_init(&t->masks, &source, err);
    if (code == 0)
        code = mask_set_apply(&t->begin, own, t->layers, &t->masks, err);
    graph_drop(own);
    const struct tune_request request = {.options = t->order->options,
                                         .model = t->begin,
                                         .teacher = dense,
                                         .dataset = data,
                                         .transform =
                                             *session_transform(t->session),
                                         .workers = workers,
                                         .isa = t->setup->isa};
    if (code == 0)
        code = tune_create(&t->tune, &request, err);
    if (code == 0)
        code = hold_masks(t, err);
    if (code == 0 && t->order->rewinds)
        code = tune_rewind(t->tune, dense, err);
    return code;
}

static int give(struct tuning *t, struct error *err)
{
    const struct variant *variant = work_variant(t->work);
    const struct tune_history *h = t->history;
    struct tune_result result;
    struct weights *weights;
    char summary[160];
    if (tune_result_init(&result, t->tune, err) < 0)
        return -1;
    const struct weights_parts parts = {
        .graph = onnx_graph(session_model(t->session)),
        .base = variant->weights,
        .count = result.count,
        .ids = result.ids,
        .tensors = result.tensors,
        .layers = t->layers,
        .masks = t->masks.masks,
        .decisions = t->decisions};
    int code = weights_create(&weights, &parts, err);
    tune_result_release(&result);
    if (code < 0)
        return -1;
    work_give_weights(t->work, weights);
    const struct tune_row *last = &h->rows[h->count - 1];
    snprintf(summary, sizeof summary,
             "tuned %.3g epochs: %.2f → %.2f %%, 0 of %lld pruned weights "
             "changed",
             t->order->options.epochs, 100 * h->rows[0].value,
             100 * last->value, (long long)tune_masked(t->tune));
    work_give_summary(t->work, summary);
    if (t->order->gradual) {
        work_give_decisions(t->work, t->decisions);
        t->decisions = NULL;
    }
    work_give_data(t->work, t->history, free);
    t->history = NULL;
    return 0;
}

static int run(struct work *work, struct error *err)
{
    const struct setup *setup = work_setup(work);
    const struct variant *variant = work_variant(work);
    const struct train_workers workers = {run_pieces, work_pool(work)};
    const struct dataset *data;
    struct tuning t = {.work = work,
                       .setup = setup,
                       .session = setup->session,
                       .layers = session_layers(setup->session),
                       .order = work_options(work)};
    if (work_training_data(work, &data, err) < 0)
        return -1;
    t.history = calloc(1, sizeof *t.history);
    t.decisions = array_create(t.layers->count, sizeof *t.decisions);
    int code = t.history && t.decisions
                   ? 0
                   : error_memory(err, t.layers->count * sizeof *t.decisions);
    if (code == 0) {
        memcpy(t.decisions, variant->decisions,
               t.layers->count * sizeof *t.decisions);
        code = begin(&t, data, &workers, err);
    }
    if (code == 0)
        code = note_epoch(&t, t.begin, 0, (double)NAN, err);
    if (code == 0)
        code = train(&t, err);
    if (code == 0)
        code = give(&t, err);
    tune_destroy(t.tune);
    mask_set_release(&t.masks);
    graph_drop(t.begin);
    free(t.decisions);
    free(t.history);
    return code;
}

const struct work_kind work_tune = {
    .name = "tune",
    .series = series,
    .needs_data = true,
    .parse = parse,
    .free_options = free,
    .run = run,
};
