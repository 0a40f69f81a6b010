/* Tuning as work on variants of every kind. */
#include "base/array.h"
#include "dataset/npz.h"
#include "engine/tune.h"
#include "engine_fixture.h"
#include "op/instance.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct session *open_session(void)
{
    struct session *session;
    struct error err = {0};
    struct session_options options = {.model_path = "data/resnet20-bn.onnx",
                                      .data_path = "data/fashion-mnist-sample",
                                      .samples = 128,
                                      .transform = transform_identity()};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

static void start(struct session *session, struct engine *engine,
                  const char *line)
{
    struct error err = {0};
    if (engine_work_start(engine, session_current(session), line, &err) < 0)
        fail_msg("%s", err.message);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Waits until work has ended; adopts what comes of it. */
static const struct variant *taken(struct session *session,
                                   struct engine *engine,
                                   struct tune_history **history)
{
    struct error err = {0};
    struct work_status status;
    struct session_outcome outcome;
    void *data;
    while (engine_work_poll(engine, &status) && !status.finished) {
        work_status_release(&status);
        nap();
    }
    if (engine_work_take(engine, &outcome, &data, &err) < 0)
        fail_msg("%s", err.message);
    int id =
        session_adopt(session, status.variant, status.line, &outcome, &err);
    assert_true(id > 0);
    session_outcome_release(&outcome);
    work_status_release(&status);
    if (history)
        *history = data;
    else
        free(data);
    return session_variant(session, id);
}

/* Works on the current variant and adopts what comes of it. */
static const struct variant *tuned(struct session *session,
                                   struct engine *engine, const char *line,
                                   struct tune_history **history)
{
    start(session, engine, line);
    return taken(session, engine, history);
}

static struct mask_set masks_of(const struct session *session,
                                const struct variant *variant)
{
    struct mask_set set;
    struct error err = {0};
    if (session_masks(session, variant, NULL, NULL, &set, &err) < 0)
        fail_msg("%s", err.message);
    return set;
}

static void assert_same_masks(const struct mask_set *a,
                              const struct mask_set *b)
{
    assert_true(mask_set_same_shape(a, b));
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(!a->masks[i].words, !b->masks[i].words);
        if (a->masks[i].words)
            assert_true(bitmask_equal(&a->masks[i], &b->masks[i]));
    }
}

/* The variant's own weights of a layer. */
static const float *weights_of(const struct session *session,
                               const struct variant *variant, size_t row)
{
    int id = session_layers(session)->layers[row].weight;
    for (size_t i = 0; variant->weights && i < variant->weights->count; i++)
        if (variant->weights->ids[i] == id)
            return variant->weights->tensors[i].data;
    return session_graph(session)->values[id].constant.data;
}

/* Weights that stay have moved, in every layer that is left. */
static void assert_trained(const struct session *session,
                           const struct variant *before,
                           const struct variant *after,
                           const struct mask_set *masks)
{
    const struct layer_table *layers = session_layers(session);
    for (size_t i = 0; i < layers->count; i++) {
        const float *a = weights_of(session, before, i);
        const float *b = weights_of(session, after, i);
        const struct bitmask *mask = &masks->masks[i];
        int64_t kept = 0, moved = 0;
        for (int64_t j = 0; j < layers->layers[i].weights; j++) {
            bool stays = !mask->words || bitmask_get(mask, (size_t)j);
            kept += stays;
            moved += stays && memcmp(&a[j], &b[j], sizeof *a) != 0;
        }
        if (moved * 10 < kept * 9)
            fail_msg("%s: %lld of %lld weights moved", layers->layers[i].name,
                     (long long)moved, (long long)kept);
    }
}

/* Channels, a block and single weights are gone; tuning leaves them so. */
static void what_is_gone_stays_gone(void **state)
{
    (void)state;
    static const char *const edits[] = {
        "set layers.1.conv1 60%", /* no channels go: the model's shapes */
        "set layers.3.conv1 50% channel; set stem 25% channel; "
        "set layers.7.conv1 layer; set layers.1.conv1 60%",
        "set layers.*.conv? 2:4p; set layers.3.conv1 25% channel",
    };
    for (size_t e = 0; e < ARRAY_LENGTH(edits); e++) {
        struct session *session = open_session();
        struct engine *engine = engine_start(session, false);
        struct tune_history *history;
        struct error err = {0};
        const struct variant *before = engine_edit(session, edits[e]);
        struct mask_set first = masks_of(session, before);
        const struct variant *after = tuned(
            session, engine, "tune 0.3 epochs batch 32 lr 0.01", &history);
        struct mask_set then = masks_of(session, after);
        assert_true(mask_set_shrinks(&first) == (e >= 1));
        assert_true((first.order != NULL) == (e == 2));
        assert_same_masks(&first, &then);
        assert_trained(session, before, after, &then);
        if (mask_set_verify(&then, session_graph(session),
                            session_layers(session), NULL, &err) < 0)
            fail_msg("%s", err.message);
        /* What was trained is what the variant is. */
        const struct report *report = engine_shown(engine, after);
        assert_int_equal(history->count, 2);
        assert_true(fabs(history->rows[1].value -
                         report->result.accuracy.value) < 1.5 / 128);
        report_drop(report);
        free(history);
        mask_set_release(&first);
        mask_set_release(&then);
        engine_destroy(engine);
        session_close(session);
    }
}

static void a_smaller_variant_can_be_pruned_on(void **state)
{
    (void)state;
    struct session *session = open_session();
    struct engine *engine = engine_start(session, false);
    const struct variant *before =
        engine_edit(session, "set layers.4.conv1 50% channel");
    struct mask_set first = masks_of(session, before);
    const struct variant *after =
        tuned(session, engine, "tune 0.3 epochs batch 32 lr 0.01 to 80% rewind",
              NULL);
    struct mask_set then = masks_of(session, after);
    assert_true(mask_set_same_shape(&first, &then));
    /* Channels that went count: 80 % of all, not of what they left. */
    double sparsity = variant_sparsity(after, session_layers(session));
    assert_true(sparsity > 0.799 && sparsity < 0.801);
    mask_set_release(&first);
    mask_set_release(&then);
    engine_destroy(engine);
    session_close(session);
}

static struct session *open_lenet(void)
{
    struct session *session;
    struct error err = {0};
    struct session_options options = {
        .model_path = "data/lenet5.onnx",
        .data_path = "data/fashion-mnist-sample",
        .samples = 64,
        .transform = {
            .scale = 255, .channels = 1, .mean = {0.2860}, .std = {0.3530}}};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

static struct work_status status_of(struct engine *engine)
{
    struct work_status status;
    assert_true(engine_work_poll(engine, &status));
    return status;
}

/* What the user did to it is in its line, which gives the same again. */
static void what_the_user_did_is_in_the_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"tune 200 epochs batch 32 lr 0.001",
                                        "tune 8 epochs batch 32 lr 0.001"};
    for (int grows = 0; grows < 2; grows++) {
        struct session *session = open_lenet();
        struct engine *engine = engine_start(session, false);
        struct tune_history *history;
        struct error err = {0};
        assert_int_equal(engine_work_grow(engine, &err), -1);
        assert_int_equal(err.code, ERROR_USAGE);
        engine_edit(session, "set * 70%");
        start(session, engine, lines[grows]);
        bool begun = false; /* two epochs were measured */
        while (!begun) {
            struct work_status status = status_of(engine);
            assert_false(status.finished);
            begun = strstr(status.note, "best: epoch") && status.done > 30;
            work_status_release(&status);
            nap();
        }
        if (grows)
            assert_int_equal(engine_work_grow(engine, &err), 0);
        else
            assert_int_equal(engine_work_finish(engine, &err), 0);
        const struct variant *first = taken(session, engine, &history);
        assert_non_null(strstr(first->command, grows ? "more 1" : "stop "));
        assert_true(history->count < 100);
        if (grows)
            assert_true(history->rows[history->kept].epoch == 9);
        for (size_t i = 1; !grows && i < history->count; i++)
            assert_true(history->rows[i].value <=
                        history->rows[history->kept].value);
        free(history);
        engine_edit(session, "undo");
        const struct variant *again =
            tuned(session, engine, first->command, NULL);
        assert_true(again != first);
        assert_true(again->hash == first->hash);
        engine_destroy(engine);
        session_close(session);
    }
}

static void until_known(struct engine *engine, const struct variant *variant)
{
    for (bool known = false; !known; nap()) {
        const struct report *report = engine_report(engine);
        known = report->variant == variant->id && report->complete;
        report_drop(report);
    }
}

/* Waits until a tune that still runs has made more than `done` steps. */
static int64_t stepped_on(struct engine *engine, int64_t done)
{
    for (int64_t now = done;; nap()) {
        struct work_status status = status_of(engine);
        assert_false(status.finished);
        now = status.done;
        work_status_release(&status);
        if (now > done)
            return now;
    }
}

enum { EDITS = 15 };

/* Edits and pauses at any time, in the middle of steps and of figures: the
 * outcome of having been left alone. The tune is one that does not end until
 * it is told to; as it prunes on it keeps the step that it had come to, which
 * its line then says. */
static void edits_in_between_change_nothing(void **state)
{
    (void)state;
    struct session *session = open_session();
    struct engine *engine = engine_start(session, false);
    struct error err = {0};
    char edit[64];
    int64_t done = 0;
    int from = engine_edit(session, "set * 50%")->id;
    start(session, engine, "tune 200 epochs batch 32 lr 0.01 to 80%");
    for (int edits = 0; edits < EDITS; edits++) {
        done = stepped_on(engine, done);
        for (int i = 0; i < edits % 7; i++)
            nap();
        snprintf(edit, sizeof edit, "set layers.%d.conv1 %d%%", edits % 9,
                 20 + edits % 70);
        engine_show(engine, engine_edit(session, edit), 0);
        engine_pause(engine, edits % 5 == 1);
        nap();
        engine_pause(engine, false);
        until_known(engine, session_current(session));
    }
    assert_int_equal(engine_work_finish(engine, &err), 0);
    const struct variant *disturbed = taken(session, engine, NULL);
    assert_non_null(strstr(disturbed->command, "stop "));
    snprintf(edit, sizeof edit, "goto %d", from);
    assert_int_equal(engine_edit(session, edit)->id, from);
    const struct variant *alone =
        tuned(session, engine, disturbed->command, NULL);
    assert_ptr_not_equal(alone, disturbed);
    assert_true(alone->hash == disturbed->hash);
    engine_destroy(engine);
    session_close(session);
}

/* The same of a reconstruction, whose pieces stop between two. */
static void a_reconstruction_notices_no_edits(void **state)
{
    (void)state;
    struct session *session = open_lenet();
    struct engine *engine = engine_start(session, false);
    char edit[64];
    int from = engine_edit(session, "set * 70%")->id;
    uint64_t alone = tuned(session, engine, "reconstruct", NULL)->hash;
    snprintf(edit, sizeof edit, "goto %d", from);
    engine_edit(session, edit);
    start(session, engine, "reconstruct");
    bool ended = false;
    for (int edits = 0; !ended; edits++) {
        snprintf(edit, sizeof edit, "set conv1 %d%%", 20 + edits % 70);
        engine_show(engine, engine_edit(session, edit), 0);
        until_known(engine, session_current(session));
        struct work_status status = status_of(engine);
        ended = status.finished;
        work_status_release(&status);
    }
    assert_true(taken(session, engine, NULL)->hash == alone);
    engine_destroy(engine);
    session_close(session);
}

/* What work that ends says: an error, which holds `message`. */
static void assert_refused(struct engine *engine, const char *message)
{
    for (bool ended = false; !ended; nap()) {
        struct work_status status = status_of(engine);
        ended = status.finished;
        if (ended && !strstr(status.error.message, message))
            fail_msg("found '%s', expected '%s'", status.error.message,
                     message);
        work_status_release(&status);
    }
}

/* The file again with `name` for the array "model", of other content where
 * that is wanted. */
static void write_changed(const char *path, const char *name, bool other)
{
    struct npz npz;
    struct error err = {0};
    assert_int_equal(npz_read(&npz, path, &err), 0);
    for (size_t i = 0; i < npz.count; i++) {
        struct npz_array *array = &npz.arrays[i];
        if (strcmp(array->name, "model") != 0)
            continue;
        free(array->name);
        array->name = strdup(name);
        if (other)
            memcpy(array->tensor.data, "0123456789abcdef", 16);
    }
    assert_int_equal(npz_write(path, npz.arrays, npz.count, &err), 0);
    npz_release(&npz);
}

static void only_its_own_model_goes_on(const char *path,
                                       struct session *session,
                                       struct engine *engine)
{
    struct npz kept;
    struct error err = {0};
    char expected[160];
    assert_int_equal(engine_work_leave(engine, &err), 0); /* it is written */
    assert_int_equal(npz_read(&kept, path, &err), 0);
    snprintf(expected, sizeof expected,
             "%s: was kept of another model: found 'data/lenet5.onnx', content "
             "%016llx, expected content 0123456789abcdef",
             path, (unsigned long long)session_model_hash(session));
    write_changed(path, "model", true);
    start(session, engine, "tune resume");
    assert_refused(engine, expected);
    snprintf(expected, sizeof expected,
             "%s: does not say of which model it was kept", path);
    write_changed(path, "older", false);
    start(session, engine, "tune resume");
    assert_refused(engine, expected);
    assert_int_equal(npz_write(path, kept.arrays, kept.count, &err), 0);
    npz_release(&kept);
}

/* Stopped and gone on with: the outcome of never having stopped. */
static void a_stopped_tune_goes_on(void **state)
{
    (void)state;
    const char *line = "tune 12 epochs batch 32 lr 0.001 to 80%";
    struct engine_options options = {.workers = 2,
                                     .memory_bytes = 8 << 20,
                                     .checkpoint = "build/test-tune.npz"};
    struct session *session = open_lenet();
    struct engine *engine;
    struct error err = {0};
    assert_int_equal(engine_create(&engine, session, &options, &err), 0);
    engine_edit(session, "set conv* 20%");
    const struct variant *whole = tuned(session, engine, line, NULL);
    engine_work_adopted(engine);
    assert_null(engine_work_interrupted(engine));
    engine_edit(session, "undo");
    start(session, engine, line);
    for (int64_t done = 0; done < 60;) {
        struct work_status status = status_of(engine);
        assert_false(status.finished);
        done = status.done;
        work_status_release(&status);
        nap();
    }
    engine_work_cancel(engine);
    for (bool ended = false; !ended; nap()) {
        struct work_status status = status_of(engine);
        ended = status.finished;
        work_status_release(&status);
    }
    assert_string_equal(engine_work_interrupted(engine), "tune resume");
    int of;
    char *kept = engine_work_kept(engine, &of);
    assert_string_equal(kept, line);
    assert_int_equal(of, session_current(session)->id);
    free(kept);
    /* Another one does not take its place unasked. */
    start(session, engine, "tune 1 epochs");
    assert_refused(engine,
                   "build/test-tune.npz: keeps a tune that was interrupted");
    only_its_own_model_goes_on(options.checkpoint, session, engine);
    const struct variant *resumed = tuned(session, engine, "tune resume", NULL);
    assert_string_equal(resumed->command, line);
    assert_true(resumed->hash == whole->hash);
    engine_work_discard(engine);
    assert_null(engine_work_interrupted(engine));
    engine_destroy(engine);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_gone_stays_gone),
        cmocka_unit_test(a_smaller_variant_can_be_pruned_on),
        cmocka_unit_test(what_the_user_did_is_in_the_line),
        cmocka_unit_test(edits_in_between_change_nothing),
        cmocka_unit_test(a_reconstruction_notices_no_edits),
        cmocka_unit_test(a_stopped_tune_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
