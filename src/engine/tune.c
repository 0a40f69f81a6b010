/*
 * Fine-tuning as work: `tune 2 epochs lr 0.01 cosine distill`. Trains the
 * variant's weights under its masks; with `to 90%` it prunes on while it
 * trains. Accuracy is measured on the tested data after every epoch.
 */
#include "engine/tune.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/keeper.h"
#include "engine/pool.h"
#include "engine/setup.h"
#include "engine/tune_check.h"
#include "engine/tune_checkpoint.h"
#include "onnx/model.h"
#include "session/session.h"
#include "session/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PRUNE_STEPS = 40, KEEPER_WAIT_MS = 20 };

/* Within an epoch checkpoints are at least so far apart; everywhere a thread
 * writes them for a twentieth of the time at most. */
static const int64_t keep_every_ns = INT64_C(20000000000);
enum { KEEP_COST = 20 };

static const char *const series[] = {"accuracy", "train loss", NULL};

struct tuning {
    struct work *work;
    const struct tune_order *order;
    void *read_order; /* of a checkpoint's line, owned; NULL: none */
    char *line;       /* owned */
    char *path;       /* of the checkpoint, owned; NULL: none is kept */
    struct npz kept;  /* what is gone on from */
    struct tune *tune;
    struct tune_masks masks;
    struct tune_progress progress;
    double from;  /* share that is gone at the beginning */
    double ended; /* epochs, when the user ended it; 0: to the end */
    int64_t start_ns, start_images, saved_ns;
};

/* --- what is known of it --- */

static double epochs_done(const struct tuning *t)
{
    return (double)tune_done(t->tune) / (double)tune_epoch_steps(t->tune);
}

/* "1,234,567" */
static const char *grouped(char *text, size_t room, int64_t number)
{
    char digits[24];
    size_t length =
        (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number);
    size_t at = 0;
    for (size_t i = 0; i < length && at + 2 < room; i++) {
        if (i && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

static void note(struct tuning *t)
{
    char text[WORK_NOTE_BYTES], masked[32], changed[32], best[48] = "";
    if (t->progress.best_epoch > 0)
        snprintf(best, sizeof best, "   best: epoch %.3g, %.2f",
                 t->progress.best_epoch, 100 * t->progress.best_value);
    snprintf(text, sizeof text, "mask check: %s of %s pruned weights changed%s",
             grouped(changed, sizeof changed, tune_violations(t->tune)),
             grouped(masked, sizeof masked, tune_masked(t->tune)), best);
    work_note(t->work, text);
}

static int measure(struct tuning *t, const struct graph *model, double loss,
                   struct error *err)
{
    struct estimate found;
    struct tune_history *h = t->progress.history;
    double epoch = epochs_done(t);
    const struct tune_check_request request = {
        t->work, model, tune_done(t->tune), tune_steps(t->tune)};
    if (tune_check(&found, &request, err) < 0)
        return -1;
    if (h->count < TUNE_HISTORY)
        h->rows[h->count++] =
            (struct tune_row){epoch, loss, found.value, found.low, found.high};
    h->kept = h->count - 1;
    t->progress.noted = tune_done(t->tune);
    const struct work_point point = {0, epoch, found.value, found.low,
                                     found.high};
    work_point(t->work, &point);
    return 0;
}

/* While weights still go, a later epoch stands for another model. */
static bool masks_are_final(const struct tuning *t)
{
    return !t->order->gradual ||
           tune_done(t->tune) >= tune_course_steps(t->tune) * 3 / 4;
}

static int note_epoch(struct tuning *t, double loss, struct error *err)
{
    struct graph *model;
    struct tune_progress *p = &t->progress;
    if (tune_masks_model(&t->masks, &model, t->tune, err) < 0)
        return -1;
    int code = measure(t, model, loss, err);
    graph_drop(model);
    if (code < 0 || !masks_are_final(t))
        return code;
    double value = p->history->rows[p->history->count - 1].value;
    if (p->best_epoch > 0 && value <= p->best_value)
        return 0;
    p->best_epoch = epochs_done(t);
    p->best_value = value;
    return tune_remember(t->tune, err);
}

/* --- checkpoints --- */

static struct tune_checkpoint checkpoint_of(struct tuning *t)
{
    return (struct tune_checkpoint){.line = t->line,
                                    .session = work_setup(t->work)->session,
                                    .variant = work_variant(t->work),
                                    .prunes = t->order->gradual,
                                    .tune = t->tune,
                                    .masks = &t->masks,
                                    .progress = &t->progress};
}

static int save(struct tuning *t, struct error *err)
{
    const struct tune_checkpoint checkpoint = checkpoint_of(t);
    struct npz copy;
    if (!t->path)
        return 0;
    if (tune_checkpoint_copy(&checkpoint, &copy, err) < 0)
        return error_prefix(err, "%s", t->path);
    t->saved_ns = clock_now_ns();
    return keeper_put(work_keeper(t->work), t->path, &copy, err);
}

static int save_sometimes(struct tuning *t, bool epoch, struct error *err)
{
    int64_t since = clock_now_ns() - t->saved_ns;
    int64_t cost = keeper_cost_ns(work_keeper(t->work));
    bool due = cost >= 0 && since >= KEEP_COST * cost;
    if (keeper_check(work_keeper(t->work), err) < 0)
        return -1;
    return due && (epoch || since > keep_every_ns) ? save(t, err) : 0;
}

/* --- the loop --- */

/* The last quarter is left for tuning alone. */
static int prune_on_course(struct tuning *t, struct error *err)
{
    int64_t steps = tune_course_steps(t->tune) * 3 / 4;
    int64_t done = tune_done(t->tune);
    int64_t every = steps / PRUNE_STEPS > 1 ? steps / PRUNE_STEPS : 1;
    if (!t->order->gradual || done > steps || (done % every && done != steps))
        return 0;
    double progress = steps ? (double)done / (double)steps : 1;
    double share =
        course_at(t->order->course, t->from, t->order->target, progress);
    return tune_masks_prune(&t->masks, t->tune, t->order->criterion, share,
                            err);
}

static int say(struct tuning *t, const struct tune_state *s, struct error *err)
{
    char stage[WORK_STAGE_BYTES];
    double seconds = (double)(clock_now_ns() - t->start_ns) * 1e-9;
    int64_t images = s->images - t->start_images;
    snprintf(stage, sizeof stage, "loss %.3f, rate %.2g, %.0f images/s",
             s->smooth, s->rate, seconds > 0 ? (double)images / seconds : 0);
    return work_step(t->work, stage, tune_done(t->tune), tune_steps(t->tune),
                     err);
}

/* Where it ends. */
static int64_t last_step(const struct tuning *t)
{
    int64_t total = tune_steps(t->tune);
    double stop = t->order->stop * (double)tune_epoch_steps(t->tune);
    return stop > 0 && stop < (double)total ? llround(stop) : total;
}

static int one_step(struct tuning *t, struct tune_state *s, struct error *err)
{
    int64_t points =
        tune_steps(t->tune) / 100 > 1 ? tune_steps(t->tune) / 100 : 1;
    if (prune_on_course(t, err) < 0 ||
        tune_step(t->tune, s, work_cancel(t->work), err) < 0)
        return -1;
    int64_t done = tune_done(t->tune);
    if (done % points == 0) {
        work_point(t->work, &(struct work_point){1, epochs_done(t), s->smooth,
                                                 (double)NAN, (double)NAN});
        note(t);
    }
    if (say(t, s, err) < 0)
        return -1;
    if (done % tune_epoch_steps(t->tune) && done != last_step(t))
        return save_sometimes(t, false, err);
    return note_epoch(t, s->smooth, err) < 0 ? -1
                                             : save_sometimes(t, true, err);
}

/* The user ends it: the best stays, or what there is. */
static int end_early(struct tuning *t, double loss, struct error *err)
{
    struct tune_progress *p = &t->progress;
    if (p->best_epoch <= 0 && note_epoch(t, loss, err) < 0)
        return -1;
    t->ended = p->best_epoch > 0 ? p->best_epoch : epochs_done(t);
    return 0;
}

static int loop(struct tuning *t, struct error *err)
{
    struct tune_state s = {0};
    const struct tune_progress *p = &t->progress;
    while (tune_done(t->tune) < last_step(t)) {
        if (one_step(t, &s, err) < 0)
            return -1;
        struct work_asked asked = work_asked(t->work);
        for (int i = 0; i < asked.grow && !t->order->stop; i++)
            tune_extend(t->tune);
        if (asked.finish)
            return end_early(t, s.smooth, err);
    }
    /* Interrupted between the last step and its figure. */
    return p->noted == tune_done(t->tune) ? 0 : note_epoch(t, s.smooth, err);
}

/* Goes back to the best epoch where that is wanted. */
static int choose_epoch(struct tuning *t, struct error *err)
{
    struct tune_history *h = t->progress.history;
    double best = t->progress.best_epoch;
    bool wanted = (t->order->best || t->ended > 0) && best > 0;
    if (!wanted)
        return 0;
    for (size_t i = 1; i < h->count; i++)
        if (h->rows[i].epoch == best) /* it is that very number */
            h->kept = i;
    return tune_recall(t->tune, err);
}

/* So that it can go on later; whoever ends the work tells what fails. */
static void save_last(struct tuning *t)
{
    struct error failed = {0};
    keeper_check(work_keeper(t->work), &failed); /* of an older copy */
    if (save(t, &failed) < 0)
        keeper_fail(work_keeper(t->work), &failed);
}

static int train(struct tuning *t, struct error *err)
{
    t->start_ns = t->saved_ns = clock_now_ns();
    t->start_images = tune_images(t->tune);
    /* From here on nothing is lost, whatever ends the program. */
    int code = t->read_order ? 0 : save(t, err);
    if (code == 0)
        code = loop(t, err);
    if (code < 0 && err->code == ERROR_CANCELLED)
        save_last(t);
    if (code == 0)
        code = choose_epoch(t, err);
    note(t);
    if (code == 0 && tune_violations(t->tune))
        return error_set(err, ERROR_MISMATCH, "a mask did not hold");
    return code;
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

/* From where the checkpoint was written. */
static int go_on(struct tuning *t, struct error *err)
{
    const struct tune_checkpoint checkpoint = checkpoint_of(t);
    const struct tune_history *h = t->progress.history;
    if (tune_checkpoint_read(&checkpoint, &t->kept, err) < 0)
        return error_prefix(err, "%s", t->path);
    if (tune_masks_hold(&t->masks, t->tune, err) < 0)
        return -1;
    for (size_t i = 0; i < h->count; i++) {
        const struct tune_row *row = &h->rows[i];
        work_point(t->work, &(struct work_point){0, row->epoch, row->value,
                                                 row->low, row->high});
        if (isfinite(row->train_loss))
            work_point(t->work,
                       &(struct work_point){1, row->epoch, row->train_loss,
                                            (double)NAN, (double)NAN});
    }
    t->progress.history->kept = h->count - 1;
    return 0;
}

/* The line, the order and the file of what is gone on with. */
static int read_kept(struct tuning *t, struct error *err)
{
    const struct session *session = work_setup(t->work)->session;
    struct words words;
    while (!keeper_wait(work_keeper(t->work), KEEPER_WAIT_MS))
        if (work_step(t->work, "writing its checkpoint", 0, 1, err) < 0)
            return -1;
    if (!t->path || !file_exists(t->path))
        return error_set(
            err, ERROR_USAGE, "no tune that was interrupted is kept%s%s",
            t->path ? " in " : " without a session", t->path ? t->path : "");
    if (npz_read(&t->kept, t->path, err) < 0)
        return -1;
    if (tune_checkpoint_line(&t->line, &t->kept, session, work_variant(t->work),
                             err) < 0)
        return error_prefix(err, "%s", t->path);
    if (words_parse(&words, t->line, err) < 0)
        return -1;
    size_t count = 0;
    while (words.items[count])
        count++;
    int code = count
                   ? tune_order_parse(&t->read_order, session, count - 1,
                                      words.items + 1, err)
                   : error_set(err, ERROR_FORMAT, "%s: found no line", t->path);
    words_release(&words);
    t->order = t->read_order;
    return code;
}

static int prepare(struct tuning *t, struct error *err)
{
    t->path = work_checkpoint_path(t->work);
    t->progress.history = calloc(1, sizeof *t->progress.history);
    if (!t->progress.history)
        return error_memory(err, sizeof *t->progress.history);
    if (t->order->resumes)
        return read_kept(t, err);
    /* Nothing that can still go on is replaced unasked. */
    if (t->path && keeper_holds(work_keeper(t->work), t->path))
        return error_set(err, ERROR_USAGE,
                         "%s: keeps a tune that was interrupted, which 'tune "
                         "resume' goes on with",
                         t->path);
    t->line = string_copy(work_line(t->work));
    return t->line ? 0 : error_memory(err, 1);
}

static int begin(struct tuning *t, const struct dataset *data,
                 const struct train_workers *workers, struct error *err)
{
    const struct setup *setup = work_setup(t->work);
    const struct graph *dense = onnx_graph(session_model(setup->session));
    const char *name = session_options(setup->session)->model_path;
    if (tune_masks_init(&t->masks, t->work, err) < 0)
        return -1;
    const struct tune_request request = {.options = t->order->options,
                                         .model = t->masks.begin,
                                         .name = name,
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
    t->from = variant_sparsity(work_variant(t->work), t->masks.layers);
    if (t->from >= t->order->target)
        t->from = 0;
    if (code < 0 || t->read_order)
        return code < 0 ? -1 : go_on(t, err);
    if (t->order->rewinds)
        code = rewind_weights(t, setup->eval_graph, err);
    return code < 0 ? -1 : measure(t, t->masks.begin, (double)NAN, err);
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

/* What gives this again. */
static int give_line(struct tuning *t, struct error *err)
{
    int64_t more = (tune_steps(t->tune) - tune_course_steps(t->tune)) /
                   tune_epoch_steps(t->tune);
    double stop = t->ended > 0 ? t->ended : t->order->stop;
    bool within = stop > 0 && stop <= t->order->options.epochs;
    char *line = tune_order_line(t->line, within ? 0 : (int)more, stop);
    if (!line)
        return error_memory(err, 1);
    work_give_line(t->work, line);
    return 0;
}

static int give(struct tuning *t, struct error *err)
{
    struct tune_history *h = t->progress.history;
    char summary[160];
    if (give_weights(t, err) < 0 || give_line(t, err) < 0)
        return -1;
    const struct tune_row *kept = &h->rows[h->kept];
    snprintf(summary, sizeof summary,
             "tuned %.3g epoch%s: %.2f → %.2f %%, 0 of %lld pruned weights "
             "changed",
             kept->epoch, kept->epoch == 1 ? "" : "s", 100 * h->rows[0].value,
             100 * kept->value, (long long)tune_masked(t->tune));
    work_give_summary(t->work, summary);
    if (t->order->gradual) {
        work_give_decisions(t->work, t->masks.decisions);
        t->masks.decisions = NULL;
    }
    work_give_data(t->work, h, free);
    t->progress.history = NULL;
    return 0;
}

/* The pool is lent to the user in the middle of a step. */
static int run_pieces(void *work, int64_t count,
                      int (*piece)(void *context, int64_t index,
                                   struct error *err),
                      void *context, struct error *err)
{
    return pool_run_pieces(work_pool(work), count, piece, context, err);
}

static int lend(void *work, struct error *err)
{
    return work_lend(work, err);
}

static int run(struct work *work, struct error *err)
{
    const struct train_workers workers = {.run = run_pieces,
                                          .awaited = work_awaited(work),
                                          .lend = lend,
                                          .owner = work};
    const struct dataset *data;
    struct tuning t = {.work = work, .order = work_options(work)};
    if (work_training_data(work, &data, err) < 0)
        return -1;
    int code = prepare(&t, err);
    if (code == 0)
        code = begin(&t, data, &workers, err);
    if (code == 0)
        code = train(&t, err);
    if (code == 0)
        code = give(&t, err);
    tune_destroy(t.tune);
    tune_masks_release(&t.masks);
    npz_release(&t.kept);
    free(t.progress.history);
    free(t.read_order);
    free(t.line);
    free(t.path);
    return code;
}

const struct work_kind work_tune = {
    .name = "tune",
    .series = series,
    .needs_data = true,
    .steerable = true,
    .rest = WORK_REST_WHOLE,
    .parse = tune_order_parse,
    .free_options = free,
    .run = run,
};
