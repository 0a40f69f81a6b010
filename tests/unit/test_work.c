/* Work behind the screen: steps aside, reports, is cancelled, is adopted. */
#include "base/array.h"
#include "engine/state.h"
#include "engine_fixture.h"
#include "prune/criteria.h"
#include "session/parts.h"
#include "session_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

/* Shared with the kinds below, which run on the engine thread. */
static atomic_int answered, steps;

/* Halves the first layer's weights and removes one of them. */
static int halve(const struct session *session, const struct variant *variant,
                 struct session_outcome *outcome)
{
    const struct layer_table *layers = session_layers(session);
    const struct graph *graph = session_graph(session);
    int id = layers->layers[0].weight;
    const struct tensor *own = &graph->values[id].constant;
    struct bitmask *masks = array_create(layers->count, sizeof *masks);
    struct tensor half;
    outcome->decisions =
        array_create(layers->count, sizeof *outcome->decisions);
    assert_true(masks && outcome->decisions);
    memcpy(outcome->decisions, variant->decisions,
           layers->count * sizeof *outcome->decisions);
    outcome->decisions[0].remove = 1;
    assert_int_equal(tensor_init(&half, own->dtype, &own->shape, NULL), 0);
    const float *from = own->data;
    float *to = half.data;
    for (int64_t i = 0; i < layers->layers[0].weights; i++)
        to[i] = from[i] / 2;
    assert_int_equal(
        bitmask_init(&masks[0], (size_t)layers->layers[0].weights, true), 0);
    bitmask_set(&masks[0], 5, false);
    const struct weights_parts parts = {
        .graph = graph,
        .base = variant->weights,
        .count = 1,
        .ids = &id,
        .tensors = &half,
        .layers = layers,
        .masks = masks,
        .decisions = outcome->decisions,
    };
    int result = weights_create(&outcome->weights, &parts, NULL);
    outcome->summary = string_copy("halved");
    bitmask_release(&masks[0]);
    free(masks);
    tensor_release(&half);
    return result;
}

static int run_halving(struct work *work, struct error *err)
{
    struct session_outcome outcome = {0};
    for (int i = 0; i < 3; i++) {
        work_point(work, &(struct work_point){0, i, i * i, NAN, NAN});
        if (work_step(work, "halving", i, 3, err) < 0)
            return -1;
    }
    halve(work_setup(work)->session, work_variant(work), &outcome);
    work_give_decisions(work, outcome.decisions);
    work_give_weights(work, outcome.weights);
    work_give_summary(work, outcome.summary);
    free(outcome.summary);
    return 0;
}

/* Goes on until cancelled. */
static int run_endless(struct work *work, struct error *err)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    while (work_step(work, "walking", steps, 0, err) == 0) {
        nanosleep(&pause, NULL);
        steps++;
    }
    answered++;
    return -1;
}

static const struct work_kind halving = {.name = "halve", .run = run_halving};
static const struct work_kind endless = {.name = "walk", .run = run_endless};

static void begin(struct engine *engine, const struct work_kind *kind,
                  const struct variant *variant)
{
    struct error err = {0};
    if (engine_work_queue(engine, kind, NULL, variant, kind->name, &err) < 0)
        fail_msg("%s", err.message);
}

static struct work_status until_finished(struct engine *engine)
{
    struct work_status status;
    const struct timespec pause = {.tv_nsec = 1000000};
    while (engine_work_poll(engine, &status) && !status.finished) {
        work_status_release(&status);
        nanosleep(&pause, NULL);
    }
    return status;
}

static void an_outcome_is_taken_once_and_becomes_a_variant(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    struct session_outcome outcome;
    struct error err = {0};
    begin(engine, &halving, session_current(session));
    struct work_status status = until_finished(engine);
    assert_true(status.ready && !status.failed);
    assert_string_equal(status.stage, "halving");
    assert_int_equal(status.point_count, 3);
    assert_true(status.points[2].y == 4);
    assert_int_equal(engine_work_take(engine, &outcome, NULL, &err), 0);
    int id =
        session_adopt(session, status.variant, status.line, &outcome, &err);
    assert_int_equal(id, 1);
    assert_int_equal(session_current(session)->id, 1);
    assert_string_equal(session_current(session)->summary, "halved");
    session_outcome_release(&outcome);
    assert_int_equal(engine_work_take(engine, &outcome, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    const struct report *report =
        engine_shown(engine, session_current(session));
    assert_int_equal(report->result.layers[0].nonzeros,
                     report->result.layers[0].weights - 1);
    report_drop(report);
    work_status_release(&status);
    engine_destroy(engine);
    session_close(session);
}

static void edits_are_answered_while_work_goes_on(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    begin(engine, &endless, session_current(session));
    const struct variant *variant = engine_edit(session, "set fc1 90%");
    engine_show(engine, variant, 0);
    for (bool complete = false; !complete;) {
        const struct report *report = engine_report(engine);
        complete = report && report->variant == variant->id && report->complete;
        if (report)
            report_drop(report);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    struct work_status status;
    assert_true(engine_work_poll(engine, &status));
    assert_true(status.running && !status.finished);
    work_status_release(&status);
    struct error err = {0};
    assert_int_equal(engine_work_start(engine, variant, "nonsense", &err), -1);
    assert_int_equal(err.code, ERROR_NAME);
    engine_work_cancel(engine);
    status = until_finished(engine);
    assert_true(status.failed && !status.ready);
    assert_int_equal(status.error.code, ERROR_CANCELLED);
    work_status_release(&status);
    engine_destroy(engine);
    session_close(session);
}

static int ready(void *context, const char *line, struct error *err)
{
    (void)line;
    return engine_work_ready(context, err);
}

/* Before it is written: nothing of the line is done either. */
static void an_order_beside_work_is_refused(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    struct command_result result = {0};
    struct error err = {0};
    session_watch_orders(session, ready, engine);
    assert_int_equal(engine_work_ready(engine, &err), 0);
    begin(engine, &endless, session_current(session));
    int count = session_variant_count(session);
    assert_int_equal(
        session_execute(session, "set * 50%; reconstruct", &result, &err), -1);
    assert_string_equal(err.message, "reconstruct: 'walk' is still being done");
    assert_int_equal(session_variant_count(session), count);
    engine_destroy(engine);
    session_close(session);
}

static void an_engine_that_ends_cancels_its_work(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    int before = answered, seen = steps;
    begin(engine, &endless, session_current(session));
    while (steps == seen)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    struct error err = {0};
    assert_int_equal(engine_work_queue(engine, &halving, NULL,
                                       session_current(session), "halve", &err),
                     -1);
    assert_non_null(strstr(err.message, "'walk' is still being done"));
    engine_destroy(engine);
    assert_int_equal(answered, before + 1);
    session_close(session);
}

static void paused_work_waits(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    begin(engine, &endless, session_current(session));
    int seen = steps;
    while (steps == seen)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    engine_pause(engine, true);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    seen = steps;
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    assert_true(steps <= seen + 1);
    engine_pause(engine, false);
    while (steps <= seen + 1)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    engine_destroy(engine);
    session_close(session);
}

/* --- the journal --- */

static void folder_make(char *folder)
{
    snprintf(folder, 40, "build/work.XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void folder_remove(const char *folder)
{
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* A session that adopted two outcomes, the second on a branch left since. */
static struct session *adopted_session(const char *folder)
{
    struct session *session = session_fixture_open(folder);
    struct session_outcome outcome = {0};
    session_fixture_run(session, "set fc2 50%");
    halve(session, session_current(session), &outcome);
    assert_int_equal(session_adopt(session, 1, "halve", &outcome, NULL), 2);
    session_fixture_run(session, "set fc1 20%");
    session_outcome_release(&outcome);
    halve(session, session_variant(session, 1), &outcome);
    assert_int_equal(session_adopt(session, 1, "halve", &outcome, NULL), 4);
    assert_int_equal(session_current(session)->id, 3);
    session_outcome_release(&outcome);
    return session;
}

static void outcomes_survive_a_crash(void **state)
{
    (void)state;
    char folder[40];
    folder_make(folder);
    struct session *session = adopted_session(folder), *again;
    struct error err = {0};
    char *path = strdup(session_path(session));
    session_leave(session);
    if (session_resume(&again, path, true, NULL, &err) < 0)
        fail_msg("%s", err.message);
    session = session_fixture_open(NULL);
    session_fixture_run(session, "set fc2 50%");
    struct session_outcome outcome = {0};
    halve(session, session_current(session), &outcome);
    assert_int_equal(session_adopt(session, 1, "halve", &outcome, NULL), 2);
    session_outcome_release(&outcome);
    session_fixture_run(session, "set fc1 20%");
    halve(session, session_variant(session, 1), &outcome);
    assert_int_equal(session_adopt(session, 1, "halve", &outcome, NULL), 4);
    session_outcome_release(&outcome);
    assert_same_variants(session, again);
    session_close(session);
    session_close(again);
    free(path);
    folder_remove(folder);
}

static void work_cut_short_is_known_to_the_session_that_goes_on(void **state)
{
    (void)state;
    static const char *const orders[] = {"reconstruct fc1", "tune 1 epoch"};
    char folder[40];
    folder_make(folder);
    struct session *session = session_fixture_open(folder);
    struct error err = {0};
    char *path = strdup(session_path(session));
    for (size_t i = 0; i < ARRAY_LENGTH(orders); i++) {
        struct session_outcome outcome = {0};
        session_fixture_run(session, "set fc1 50%");
        session->state.check = NULL; /* nobody works here */
        session_fixture_run(session, orders[i]);
        session_leave(session);
        if (session_resume(&session, path, true, NULL, &err) < 0)
            fail_msg("%s", err.message);
        assert_string_equal(session_unfinished(session), orders[i]);
        int id = session_current(session)->id;
        halve(session, session_current(session), &outcome);
        assert_true(session_adopt(session, id, "halve", &outcome, NULL) > id);
        session_outcome_release(&outcome);
        session_close(session);
        assert_int_equal(session_resume(&session, path, true, NULL, &err), 0);
        assert_null(session_unfinished(session));
    }
    session_close(session);
    free(path);
    folder_remove(folder);
}

static int worker_run(void *context, const struct session *session,
                      const struct variant *variant, const char *line,
                      struct session_outcome *outcome, struct error *err)
{
    (void)err;
    int *runs = context;
    assert_string_equal(line, "halve");
    *outcome = (struct session_outcome){0};
    ++*runs;
    return halve(session, variant, outcome);
}

static void a_missing_checkpoint_is_done_again(void **state)
{
    (void)state;
    char folder[40], command[80];
    folder_make(folder);
    struct session *session = adopted_session(folder), *again;
    struct error err = {0};
    int runs = 0;
    const struct session_worker worker = {.run = worker_run, .context = &runs};
    char *path = strdup(session_path(session));
    uint64_t hash = session_current(session)->hash;
    session_leave(session);
    snprintf(command, sizeof command, "rm %s/*.npz", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(session_resume(&again, path, false, NULL, &err), -1);
    assert_non_null(strstr(err.message, ".npz"));
    assert_int_equal(session_resume(&again, path, false, &worker, &err), 0);
    assert_int_equal(runs, 2);
    assert_true(session_current(again)->hash == hash);
    session_close(again);
    free(path);
    folder_remove(folder);
}

static void a_recipe_says_work_between_edits(void **state)
{
    (void)state;
    char folder[40];
    folder_make(folder);
    struct session *session = adopted_session(folder);
    char *recipe = session_recipe(session, session_current(session), NULL);
    assert_non_null(recipe);
    const char *first = strstr(recipe, "set fc2 50%\n");
    const char *work = strstr(recipe, "halve\n");
    assert_true(first && work && first < work);
    assert_non_null(strstr(work, "set fc1 20%"));
    free(recipe);
    session_close(session);
    folder_remove(folder);
}

static void resetting_all_goes_back_to_the_models_own_weights(void **state)
{
    (void)state;
    struct session *session = session_fixture_open(NULL);
    struct session_outcome outcome = {0};
    halve(session, session_current(session), &outcome);
    assert_int_equal(session_adopt(session, 0, "halve", &outcome, NULL), 1);
    session_fixture_run(session, "reset fc1");
    assert_ptr_equal(session_current(session)->weights, outcome.weights);
    session_fixture_run(session, "reset");
    assert_null(session_current(session)->weights);
    assert_true(session_current(session)->hash ==
                session_variant(session, 0)->hash);
    session_outcome_release(&outcome);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outcome_is_taken_once_and_becomes_a_variant),
        cmocka_unit_test(edits_are_answered_while_work_goes_on),
        cmocka_unit_test(an_order_beside_work_is_refused),
        cmocka_unit_test(an_engine_that_ends_cancels_its_work),
        cmocka_unit_test(paused_work_waits),
        cmocka_unit_test(outcomes_survive_a_crash),
        cmocka_unit_test(work_cut_short_is_known_to_the_session_that_goes_on),
        cmocka_unit_test(a_missing_checkpoint_is_done_again),
        cmocka_unit_test(a_recipe_says_work_between_edits),
        cmocka_unit_test(resetting_all_goes_back_to_the_models_own_weights),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}
