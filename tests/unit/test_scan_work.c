/* The scan behind everything else: what it publishes, keeps and changes. */
#include "engine/scan.h"
#include "engine/scan_known.h"
#include "engine/work.h"
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/espalier-scan-XXXXXX";

static int setup(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
    return 0;
}

static int teardown(void **state)
{
    char line[96];
    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", folder);
    assert_int_equal(system(line), 0);
    return 0;
}

static void start(struct engine *engine, const struct session *session,
                  const char *line)
{
    struct error err = {0};
    if (engine_work_start(engine, session_current(session), line, &err) < 0)
        fail_msg("%s: %s", line, err.message);
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

static void run(struct engine *engine, const struct session *session,
                const char *line)
{
    start(engine, session, line);
    struct work_status status = until_finished(engine);
    if (status.failed)
        fail_msg("%s: %s", line, status.error.message);
    work_status_release(&status);
}

static size_t known(struct engine *engine)
{
    const struct scan_snapshot *snapshot = engine_scan_known(engine);
    size_t count = snapshot ? snapshot->table.count : 0;
    scan_snapshot_drop(snapshot);
    return count;
}

static void the_table_is_that_of_the_command_line(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    run(engine, session, "scan 90% 50%");
    struct scan_request request = scan_request_default();
    static const double amounts[] = {0.5, 0.9};
    static const struct engine_options threads = {.workers = 2,
                                                  .memory_bytes = 8 << 20};
    struct scan_watch nobody = {0};
    struct sensitivity table = {0};
    struct error err = {0};
    request.amounts = amounts;
    request.amount_count = 2;
    request.resume = false;
    assert_int_equal(
        engine_scan(&table, session, &threads, &request, &nobody, &err), 0);
    const struct scan_snapshot *found = engine_scan_known(engine);
    assert_non_null(found);
    assert_int_equal(found->table.count, table.count);
    assert_true(found->table.baseline == table.baseline);
    for (size_t i = 0; i < table.count; i++) {
        const struct sensitivity_point *a = &found->table.points[i];
        const struct sensitivity_point *b = &table.points[i];
        assert_string_equal(a->layer, b->layer);
        assert_true(a->amount == b->amount && a->value == b->value);
        assert_true(a->low == b->low && a->high == b->high);
        assert_true(a->samples == b->samples);
    }
    scan_snapshot_drop(found);
    sensitivity_release(&table);
    engine_destroy(engine);
    session_close(session);
}

static void it_changes_no_variant(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    struct session_outcome outcome;
    struct error err = {0};
    run(engine, session, "scan @1 50%");
    assert_int_equal(engine_work_take(engine, &outcome, NULL, &err), 0);
    assert_non_null(strstr(outcome.summary, "1 point"));
    assert_int_equal(session_adopt(session, 0, "scan", &outcome, &err), 0);
    assert_int_equal(session_variant_count(session), 1);
    session_outcome_release(&outcome);
    engine_destroy(engine);
    session_close(session);
}

static void another_engine_knows_what_was_found(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    run(engine, session, "scan @1 50% 90%");
    engine_destroy(engine);
    engine = engine_start(session, false);
    assert_int_equal(known(engine), 0);
    engine_scan_read(engine);
    assert_true(engine_wait(engine, -1));
    assert_int_equal(known(engine), 2);
    run(engine, session, "scan @1 magnitude weight 25%");
    assert_int_equal(known(engine), 3);
    engine_destroy(engine);
    session_close(session);
    /* Other data: another scan. */
    session = engine_open_session("unlabelled.npz");
    engine = engine_start(session, false);
    engine_scan_read(engine);
    assert_true(engine_wait(engine, -1));
    assert_int_equal(known(engine), 0);
    engine_destroy(engine);
    session_close(session);
}

static void edits_are_answered_while_it_scans(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    start(engine, session, "scan again");
    for (int i = 1; i <= 3; i++) {
        char line[32];
        snprintf(line, sizeof line, "set @1 %d%%", 20 * i);
        engine_show(engine, engine_edit(session, line), 0);
        const struct report *report;
        for (;;) {
            report = engine_report(engine);
            if (report->variant == i && report->complete)
                break;
            report_drop(report);
            usleep(1000);
        }
        report_drop(report);
    }
    struct work_status status = until_finished(engine);
    assert_false(status.failed);
    assert_int_equal(status.total, known(engine));
    work_status_release(&status);
    const struct scan_snapshot *found = engine_scan_known(engine);
    for (size_t i = 0; i < found->table.count; i++)
        assert_int_equal(found->table.points[i].samples, SAMPLES);
    scan_snapshot_drop(found);
    engine_destroy(engine);
    session_close(session);
}

static void stopped_it_says_where_and_goes_on_there(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    start(engine, session, "scan");
    while (known(engine) < 3)
        usleep(200);
    engine_work_cancel(engine);
    struct work_status status = until_finished(engine);
    size_t before = known(engine);
    if (status.failed) { /* it may have been faster */
        assert_int_equal(status.error.code, ERROR_CANCELLED);
        assert_non_null(strstr(status.error.message, "which are kept"));
    }
    work_status_release(&status);
    assert_true(before >= 3);
    run(engine, session, "scan");
    const struct layer_table *layers = session_layers(session);
    assert_int_equal(known(engine), 10 * (layers->count + 1));
    engine_destroy(engine);
    session_close(session);
}

static void channels_are_scanned_by_group(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    run(engine, session, "scan channel 50%");
    const struct scan_snapshot *found = engine_scan_known(engine);
    for (size_t i = 0; i < found->table.count; i++)
        assert_string_equal(found->table.points[i].structure, "channel");
    assert_true(found->table.count >= 2);
    scan_snapshot_drop(found);
    engine_destroy(engine);
    session_close(session);
}

static void what_a_plan_scans_is_known(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    run(engine, session, "budget macs 50%");
    assert_true(engine_wait(engine, -1));
    assert_true(known(engine) >= 10);
    engine_destroy(engine);
    session_close(session);
}

static bool left_anything(void)
{
    char line[128];
    snprintf(line, sizeof line, "test -n \"$(find %s -name '*.csv')\"", folder);
    return system(line) == 0;
}

static void a_readonly_session_scans_in_memory(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine;
    struct engine_options options = {
        .workers = 2, .memory_bytes = 8 << 20, .readonly = true};
    struct error err = {0};
    assert_int_equal(engine_create(&engine, session, &options, &err), 0);
    run(engine, session, "scan @1 50%");
    assert_int_equal(known(engine), 1);
    run(engine, session, "scan @1 50% 90%");
    run(engine, session, "scan @1 90% again");
    assert_int_equal(known(engine), 2);
    assert_false(left_anything());
    engine_destroy(engine);
    session_close(session);
}

static void refusals_say_what_is_expected(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"scan nosuch", "nosuch"},
        {"scan @1 120%", "120%"},
        {"scan @1 0%", "above 0 %"},
        {"scan +5%", "'+5%'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        assert_int_equal(engine_work_check(session, cases[i].line, &err), -1);
        if (!strstr(err.message, cases[i].message) ||
            strncmp(err.message, "scan: ", 6) != 0)
            fail_msg("%s: %s", cases[i].line, err.message);
    }
    session_close(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_is_that_of_the_command_line),
        TEST(it_changes_no_variant),
        TEST(another_engine_knows_what_was_found),
        TEST(edits_are_answered_while_it_scans),
        TEST(stopped_it_says_where_and_goes_on_there),
        TEST(channels_are_scanned_by_group),
        TEST(what_a_plan_scans_is_known),
        TEST(a_readonly_session_scans_in_memory),
        TEST(refusals_say_what_is_expected),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}
