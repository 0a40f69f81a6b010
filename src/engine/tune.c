/*
 * Fine-tuning as work: `tune 2 epochs lr 0.01 cosine distill`. Trains the
 * variant's weights under its masks; with `to 90%` it prunes on while it
 * trains. Accuracy is measured on the tested data after every epoch.
 */
#include "engine/tune.h"

#include "base/clock.h"
#include "engine/pool.h"
#include "engine/setup.h"
#include "engine/tune_check.h"
#include "engine/tune_masks.h"
#include "engine/tune_order.h"
#include "onnx/model.h"
#include "session/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PRUNE_STEPS = 40 };

static const char *const series[] = {"accuracy", "train loss", NULL};

struct tuning {
    struct work *work;
    const struct tune_order *order;
    struct tune *tune;
    struct tune_masks masks;
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

static int note_epoch(struct tuning *t, const struct graph *model, double epoch,
                      double loss, struct error *err)
{
    struct estimate found;
    if (tune_check(&found, t->work, model, err) < 0)
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

/* The last quarter is left for tuning alone. */
static int prune_on_course(struct tuning *t, double from, struct error *err)
{
    int64_t steps = tune_steps(t->tune) * 3 / 4, done = tune_done(t->tune);
    int64_t every = steps / PRUNE_STEPS > 1 ? steps / PRUNE_STEPS : 1;
    if (!t->order->gradual || done > steps || (done % every && done != steps))
        return 0;
    double progress = steps ? (double)done / (double)steps : 1;
    double share =
        course_at(t->order->course, from, t->order->target, progress);
    return tune_masks_prune(&t->masks, t->tune, t->order->criterion, share,
                            err);
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
    double from = variant_sparsity(work_variant(t->work), t->masks.layers);
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
        if (tune_masks_model(&t->masks, &model, t->tune, err) < 0)
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

static int rewind_weights(struct tuning *t, const struct graph *dense,
                          struct error *err)
{
    struct graph *model;
    if (tune_masks_dense(&t->masks, &model, dense, err) < 0)
        return -1;
    int code = tune_rewind(t->tune, model, err);
    graph_drop(model);
    return code;
}

/* What cannot be put back at the end is told at the beginning. */
static int check_outcome(const struct tuning *t, struct error *err)
{
    struct tune_result result;
    if (tune_masks_result(&t->masks, &result, t->tune, err) < 0)
        return -1;
    tune_result_release(&result);
    return 0;
}

static int begin(struct tuning *t, const struct dataset *data,
                 const struct train_workers *workers, struct error *err)
{
    const struct setup *setup = work_setup(t->work);
    const struct graph *dense = onnx_graph(session_model(setup->session));
    if (tune_masks_init(&t->masks, t->work, err) < 0)
        return -1;
    const struct tune_request request = {.options = t->order->options,
                                         .model = t->masks.begin,
                                         .teacher = dense,
                                         .dataset = data,
                                         .transform =
                                             *session_transform(setup->session),
                                         .workers = workers,
                                         .isa = setup->isa};
    int code = tune_create(&t->tune, &request, err);
    if (code == 0)
        code = check_outcome(t, err);
    if (code == 0)
        code = tune_masks_hold(&t->masks, t->tune, err);
    if (code == 0 && t->order->rewinds)
        code = rewind_weights(t, setup->eval_graph, err);
    return code;
}

static int give_weights(struct tuning *t, struct error *err)
{
    const struct session *session = work_setup(t->work)->session;
    struct tune_result result;
    struct weights *weights;
    if (tune_masks_result(&t->masks, &result, t->tune, err) < 0)
        return -1;
    const struct weights_parts parts = {.graph =
                                            onnx_graph(session_model(session)),
                                        .base = t->masks.weights,
                                        .count = result.count,
                                        .ids = result.ids,
                                        .tensors = result.tensors,
                                        .layers = t->masks.layers,
                                        .masks = t->masks.set.masks,
                                        .decisions = t->masks.decisions};
    int code = weights_create(&weights, &parts, err);
    tune_result_release(&result);
    if (code == 0)
        work_give_weights(t->work, weights);
    return code;
}

static int give(struct tuning *t, struct error *err)
{
    const struct tune_history *h = t->history;
    char summary[160];
    if (give_weights(t, err) < 0)
        return -1;
    const struct tune_row *last = &h->rows[h->count - 1];
    snprintf(summary, sizeof summary,
             "tuned %.3g epochs: %.2f → %.2f %%, 0 of %lld pruned weights "
             "changed",
             t->order->options.epochs, 100 * h->rows[0].value,
             100 * last->value, (long long)tune_masked(t->tune));
    work_give_summary(t->work, summary);
    if (t->order->gradual) {
        work_give_decisions(t->work, t->masks.decisions);
        t->masks.decisions = NULL;
    }
    work_give_data(t->work, t->history, free);
    t->history = NULL;
    return 0;
}

static int run(struct work *work, struct error *err)
{
    const struct train_workers workers = {run_pieces, work_pool(work)};
    const struct dataset *data;
    struct tuning t = {.work = work, .order = work_options(work)};
    if (work_training_data(work, &data, err) < 0)
        return -1;
    t.history = calloc(1, sizeof *t.history);
    int code = t.history ? 0 : error_memory(err, sizeof *t.history);
    if (code == 0)
        code = begin(&t, data, &workers, err);
    if (code == 0)
        code = note_epoch(&t, t.masks.begin, 0, (double)NAN, err);
    if (code == 0)
        code = train(&t, err);
    if (code == 0)
        code = give(&t, err);
    tune_destroy(t.tune);
    tune_masks_release(&t.masks);
    free(t.history);
    return code;
}

const struct work_kind work_tune = {
    .name = "tune",
    .series = series,
    .needs_data = true,
    .parse = tune_order_parse,
    .free_options = free,
    .run = run,
};
