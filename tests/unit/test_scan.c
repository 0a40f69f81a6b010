/* Scans against evaluations of the same decisions by the engine. */
#include "engine/scan.h"
#include "engine_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct engine_options threads = {.workers = 2,
                                              .memory_bytes = 8 << 20};
static const double amounts[] = {0.25, 0.5, 0.9};
static const char *const amount_texts[] = {"25%", "50%", "90%"};

static struct scan_request small(void)
{
    struct scan_request request = scan_request_default();
    request.amounts = amounts;
    request.amount_count = 3;
    request.resume = false;
    request.whole = false;
    return request;
}

static int scan(struct sensitivity *table, const struct session *session,
                const struct scan_request *request,
                const struct scan_watch *watch)
{
    struct error err = {0};
    struct scan_watch nobody = {0};
    *table = (struct sensitivity){0};
    int code = engine_scan(table, session, &threads, request,
                           watch ? watch : &nobody, &err);
    if (code < 0 && err.code != ERROR_CANCELLED)
        print_error("%s\n", err.message);
    return code;
}

static void points_are_what_the_engine_finds(void **state)
{
    (void)state;
    for (int labelled = 0; labelled < 2; labelled++) {
        struct session *session =
            engine_open_session(labelled ? "labelled.npz" : "unlabelled.npz");
        struct scan_request request = small();
        request.tolerance = 0; /* every sample */
        struct sensitivity table;
        assert_int_equal(scan(&table, session, &request, NULL), 0);
        const struct layer_table *layers = session_layers(session);
        assert_int_equal(table.count, 3 * layers->count);
        struct engine *engine = engine_start(session, false);
        for (size_t i = 0; i < table.count; i++) {
            char line[128];
            const struct sensitivity_point *p = &table.points[i];
            snprintf(line, sizeof line, "reset; set %s %s", p->layer,
                     amount_texts[i % 3]);
            const struct report *report =
                engine_shown(engine, engine_edit(session, line));
            assert_int_equal(p->samples, SAMPLES);
            assert_true(fabs(p->value - report->result.accuracy.value) < 1e-6);
            assert_true(fabs(table.baseline - report->baseline.accuracy.value) <
                        1e-6);
            assert_true(p->low <= p->value && p->value <= p->high);
            assert_true(p->low < p->high);
            report_drop(report);
        }
        engine_destroy(engine);
        sensitivity_release(&table);
        session_close(session);
    }
}

static void the_whole_is_one_ranking(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct scan_request request = small();
    request.tolerance = 0;
    request.whole = true;
    struct sensitivity table;
    assert_int_equal(scan(&table, session, &request, NULL), 0);
    const struct layer_table *layers = session_layers(session);
    assert_int_equal(table.count, 3 * (layers->count + 1));
    struct engine *engine = engine_start(session, false);
    for (size_t i = 0; i < 3; i++) {
        char line[64];
        snprintf(line, sizeof line, "reset; global %s", amount_texts[i]);
        const struct report *report =
            engine_shown(engine, engine_edit(session, line));
        assert_string_equal(table.points[i].layer, "*");
        assert_int_equal(table.points[i].row, 0);
        assert_true(
            fabs(table.points[i].value - report->result.accuracy.value) < 1e-6);
        report_drop(report);
    }
    engine_destroy(engine);
    sensitivity_release(&table);
    session_close(session);
}

static void shards_joined_are_the_whole(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct scan_request request = small();
    request.whole = true;
    struct sensitivity whole, part;
    struct error err = {0};
    assert_int_equal(scan(&whole, session, &request, NULL), 0);
    /* Fewer shards than layers, and more. */
    for (request.shards = 2; request.shards <= 7; request.shards += 5) {
        struct sensitivity all = {0};
        for (request.shard = 1; request.shard <= request.shards;
             request.shard++) {
            assert_int_equal(scan(&part, session, &request, NULL), 0);
            assert_true(part.count < whole.count);
            assert_int_equal(sensitivity_merge(&all, &part, &err), 0);
            sensitivity_release(&part);
        }
        sensitivity_sort(&all);
        assert_int_equal(all.count, whole.count);
        for (size_t i = 0; i < all.count; i++) {
            assert_string_equal(all.points[i].layer, whole.points[i].layer);
            assert_true(all.points[i].value == whole.points[i].value);
            assert_true(all.points[i].high == whole.points[i].high);
        }
        sensitivity_release(&all);
    }
    sensitivity_release(&whole);
    session_close(session);
}

struct stop {
    struct cancel cancel;
    size_t after, found;
};

static void stop_after(void *context, const struct scan_progress *progress)
{
    struct stop *stop = context;
    if (progress->point && ++stop->found == stop->after)
        cancel_raise(&stop->cancel);
}

static void an_interrupted_scan_goes_on(void **state)
{
    (void)state;
    char folder[256], command[300];
    engine_path("state", folder, sizeof folder);
    setenv("XDG_STATE_HOME", folder, 1);
    struct session *session = engine_open_session("labelled.npz");
    struct scan_request request = small();
    struct sensitivity fresh, table;
    assert_int_equal(scan(&fresh, session, &request, NULL), 0);
    request.resume = true;
    struct stop stop = {.after = 4};
    struct scan_watch watch = {&stop.cancel, stop_after, &stop};
    assert_int_equal(scan(&table, session, &request, &watch), -1);
    assert_int_equal(table.count, 4);
    sensitivity_release(&table);
    struct stop rest = {.after = 1000};
    watch = (struct scan_watch){NULL, stop_after, &rest};
    assert_int_equal(scan(&table, session, &request, &watch), 0);
    assert_int_equal(rest.found, fresh.count - 4);
    assert_int_equal(table.count, fresh.count);
    for (size_t i = 0; i < table.count; i++)
        assert_true(fabs(table.points[i].value - fresh.points[i].value) < 1e-6);
    sensitivity_release(&table);
    /* Nothing is left to do; other settings are another scan. */
    rest.found = 0;
    assert_int_equal(scan(&table, session, &request, &watch), 0);
    assert_int_equal(rest.found, 0);
    sensitivity_release(&table);
    request.tolerance = 0.25;
    assert_int_equal(scan(&table, session, &request, &watch), 0);
    assert_int_equal(rest.found, fresh.count);
    sensitivity_release(&table);
    sensitivity_release(&fresh);
    session_close(session);
    unsetenv("XDG_STATE_HOME");
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void a_floor_ends_a_layer(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct scan_request request = small();
    struct sensitivity table;
    request.floor = 1; /* above everything */
    assert_int_equal(scan(&table, session, &request, NULL), 0);
    assert_int_equal(table.count, session_layers(session)->count);
    for (size_t i = 0; i < table.count; i++)
        assert_true(table.points[i].amount == 0.25);
    sensitivity_release(&table);
    session_close(session);
}

static void senseless_requests_are_refused(void **state)
{
    (void)state;
    static const double wrong[][2] = {{0, 0.5}, {0.5, 1.5}, {0.5, 0.4}};
    struct session *session = engine_open_session("labelled.npz");
    struct scan_watch nobody = {0};
    for (size_t i = 0; i < 3; i++) {
        struct scan_request request = small();
        struct sensitivity table = {0};
        struct error err = {0};
        request.amounts = wrong[i];
        request.amount_count = 2;
        assert_int_equal(
            engine_scan(&table, session, &threads, &request, &nobody, &err),
            -1);
        assert_int_equal(err.code, ERROR_RANGE);
        sensitivity_release(&table);
    }
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_what_the_engine_finds),
        cmocka_unit_test(the_whole_is_one_ranking),
        cmocka_unit_test(shards_joined_are_the_whole),
        cmocka_unit_test(an_interrupted_scan_goes_on),
        cmocka_unit_test(a_floor_ends_a_layer),
        cmocka_unit_test(senseless_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}
