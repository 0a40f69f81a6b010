/*
 * The program: terminal, session, engine and the loop between them. Keys
 * paint at once, reports at most thirty times a second, and nothing happens
 * while nothing changes.
 */
#include "ahead.h"
#include "app.h"

#include "key.h"
#include "remember.h"
#include "screen.h"
#include "term.h"
#include "warn.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/scan_known.h"
#include "engine/work.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_NS = 1000000000 / 30, SYNC_POLL_NS = 2000000 };

struct explorer {
    struct app app;
    struct term *term;
    struct session *session;
    struct engine *engine;
    const struct report *report; /* retained */
    struct surface surface;
    struct ahead ahead;
    struct remember remember;
    bool
        looks_ahead; /* tests: only when asked, screens must not depend on it */
    struct error error; /* why the program ends */
    int64_t painted_ns; /* when a report was drawn last */
    bool news;          /* a report waits to be drawn */
    bool work_seen;     /* the end of the last work was told */
    bool hung_up;
    int sync_fd; /* tests: told whenever all is still; -1 */
    bool synced;
};

static struct explorer *of(struct app *app)
{
    return app->context;
}

/* --- backend --- */

static int execute(struct app *app, const char *line,
                   struct command_result *result, struct error *err)
{
    struct explorer *e = of(app);
    int status = session_execute(e->session, line, result, err);
    if (status == 0 && result->effect == COMMAND_SETTING && e->engine != NULL)
        engine_calibrate(e->engine, session_current(e->session),
                         session_criterion(e->session));
    return status;
}

static void show(struct app *app, int focus)
{
    struct explorer *e = of(app);
    engine_show(e->engine, session_current(e->session), focus);
}

static void pause_work(struct app *app, bool paused)
{
    engine_pause(of(app)->engine, paused);
}

static void cancel(struct app *app)
{
    engine_cancel(of(app)->engine);
}

static int start_export(struct app *app, const struct engine_export *request,
                        struct error *err)
{
    struct explorer *e = of(app);
    return engine_export_start(e->engine, session_current(e->session), request,
                               err);
}

static int work_ready(void *context, const char *line, struct error *err)
{
    struct explorer *e = context;
    int status = engine_work_ready(e->engine, err);
    return status < 0 ? status : replace_asks(&e->app, line, err);
}

static int start_work(struct app *app, const char *line, struct error *err)
{
    struct explorer *e = of(app);
    int status =
        engine_work_start(e->engine, session_current(e->session), line, err);
    if (status == 0)
        e->work_seen = false; /* it may be over before anybody looks */
    return status;
}

static void stop_work(struct app *app)
{
    engine_work_cancel(of(app)->engine);
}

static bool calibrating(struct app *app)
{
    return engine_is_calibrating(of(app)->engine);
}

static int write_scan(struct app *app, const char *path, struct error *err)
{
    const struct sensitivity *table = app->view.scan.table;
    struct strbuf text = {0};
    sensitivity_heading(&text);
    for (size_t i = 0; table != NULL && i < table->count; i++)
        sensitivity_line(&text, table, &table->points[i]);
    int status = text.failed
                     ? error_memory(err, text.length)
                     : file_write(path, strbuf_text(&text), text.length, err);
    strbuf_release(&text);
    return status;
}

static void complete(struct app *app, const char *line,
                     void (*add)(void *context, const char *word),
                     void *context)
{
    session_complete(of(app)->session, line, add, context);
}

static bool backend_file_exists(struct app *app, const char *path)
{
    (void)app;
    return path[0] != '\0' && file_exists(path);
}

static void backend_existing(struct app *app,
                             const struct engine_export *request, char *names,
                             size_t bytes)
{
    (void)app;
    engine_export_existing(request, names, bytes);
}

static void refresh(struct app *app)
{
    struct explorer *e = of(app);
    if (e->engine == NULL)
        return;
    report_drop(e->report);
    e->report = engine_report(e->engine);
    bool map = app->state.screen == SCREEN_DETAIL ||
               e->surface.columns >= LAYOUT_WIDE_COLUMNS;
    if (view_fill(&app->view, e->session, e->engine, e->report, app_layer(app),
                  map, app->state.reference) != 0 ||
        (app->state.screen == SCREEN_FLIPS &&
         view_fill_flips(&app->view.flips, e->session, e->engine,
                         app->state.flip_choice,
                         app->state.lists[SCREEN_FLIPS].cursor) != 0) ||
        (app->state.screen == SCREEN_COMPARE &&
         view_fill_compare(&app->view, e->session, e->engine,
                           app->state.compare_with) != 0) ||
        app_sync(app) != 0)
        app_say(app, ROLE_ERROR, "out of memory: the screen may be stale");
    if (!app->state.readonly)
        remember_keep(&e->remember, &app->view);
    remember_recall(&e->remember, &app->view);
    if (app->state.screen == SCREEN_DETAIL && app->state.detail_structures)
        view_fill_structures(&app->view, e->engine, app_layer(app));
    if (e->looks_ahead)
        ahead_look(&e->ahead, app, e->session, e->engine);
}

static int steer(struct app *app, enum steering what, struct error *err)
{
    struct engine *engine = of(app)->engine;
    if (what == STEER_KEEP)
        return engine_work_finish(engine, err);
    if (what == STEER_MORE)
        return engine_work_grow(engine, err);
    engine_work_discard(engine);
    return 0;
}

static int kept(struct app *app, char *line, size_t bytes)
{
    int variant;
    char *found = engine_work_kept(of(app)->engine, &variant);
    snprintf(line, bytes, "%s", found ? found : "");
    free(found);
    return variant;
}

static const struct backend backend = {
    .execute = execute,
    .show = show,
    .pause = pause_work,
    .cancel = cancel,
    .start_export = start_export,
    .complete = complete,
    .work = start_work,
    .calibrating = calibrating,
    .stop_work = stop_work,
    .kept = kept,
    .steer = steer,
    .write_scan = write_scan,
    .refresh = refresh,
    .file_exists = backend_file_exists,
    .existing = backend_existing,
};

/* --- what happens behind the screen --- */

static void poll_export(struct explorer *e)
{
    struct export_form *form = &e->app.state.form;
    struct engine_export_result result = {0};
    if (!form->running || !engine_export_poll(e->engine, &result))
        return;
    if (!result.finished) {
        engine_export_result_release(&result);
        return;
    }
    form->running = false;
    engine_export_result_release(&form->result);
    form->result = result;
    form->present[0] = '\0';
    if (result.failed) {
        app_say(&e->app, ROLE_ERROR, "export: %s", result.error.message);
        return;
    }
    session_mark_saved(e->session);
    app_say(&e->app, ROLE_GOOD, "exported %s%s", result.path,
            result.verified ? ", verified" : "");
    refresh(&e->app);
}

/* Finished work becomes a variant. */
static void poll_work(struct explorer *e)
{
    struct app *app = &e->app;
    struct error err = {0};
    struct session_outcome outcome;
    struct work_status status;
    if (!engine_work_poll(e->engine, &status)) {
        work_status_release(&status);
        return;
    }
    bool news = status.finished && !e->work_seen;
    const char *kept = news ? engine_work_interrupted(e->engine) : NULL;
    e->work_seen = status.finished;
    if (news && engine_work_take(e->engine, &outcome, NULL, &err) < 0) {
        if (err.code != ERROR_CANCELLED)
            app_say(app, ROLE_ERROR, "%s: %s", status.line, err.message);
        else
            app_say(app, ROLE_WARN, "%s: %s%s%s%s", status.line, err.message,
                    kept ? " - ':" : "", kept ? kept : "",
                    kept ? "' goes on" : "");
    } else if (news) {
        int here = session_current(e->session)->id;
        int id = session_adopt(e->session, status.variant, status.line,
                               &outcome, &err);
        bool moved = session_current(e->session)->id != here;
        if (id < 0)
            app_say(app, ROLE_ERROR, "%s: %s", status.line, err.message);
        else if (id == status.variant) /* it changes none */
            app_say(app, ROLE_GOOD, "%s",
                    outcome.summary ? outcome.summary : status.line);
        else
            app_say(app, ROLE_GOOD, "#%d %s%s", id,
                    outcome.summary ? outcome.summary : status.line,
                    moved ? "" : " (goto it to see it)");
        session_outcome_release(&outcome);
        if (id >= 0 && status.kind->steerable)
            engine_work_adopted(e->engine);
        if (moved)
            show(app, app_layer(app));
        refresh(app);
    }
    if (status.finished && engine_work_check_kept(e->engine, &err) < 0)
        app_say(app, ROLE_ERROR, "%s: its last steps are not kept: %s",
                status.line, err.message);
    work_status_release(&status);
}

/* Lines that libraries wrote to standard error become messages. */
static void collect_errors(struct explorer *e)
{
    char text[4096];
    if (term_errors(e->term, text, sizeof text) == 0)
        return;
    for (char *line = text, *end; *line != '\0'; line = end) {
        end = line + strcspn(line, "\n");
        if (*end == '\n')
            *end++ = '\0';
        if (*line != '\0')
            app_say(&e->app, ROLE_DIM, "stderr: %s", line);
    }
}

static void paint(struct explorer *e)
{
    struct app *app = &e->app;
    int rows, columns;
    term_size(e->term, &rows, &columns);
    if ((rows != e->surface.rows || columns != e->surface.columns) &&
        surface_resize(&e->surface, rows, columns) != 0)
        return; /* the old picture stays */
    if (app->redraw)
        term_redraw(e->term);
    app->redraw = false;
    app_draw(app, &e->surface);
    term_paint(e->term, &e->surface, app->cursor_row, app->cursor_column);
    app->dirty = false;
}

static void handle(struct explorer *e, const struct term_event *event)
{
    struct app *app = &e->app;
    bool mouse = app->state.mouse;
    switch (event->kind) {
    case TERM_KEY:
        app_key(app, event->key);
        break;
    case TERM_CLICK:
        app_click(app, event->row, event->column);
        break;
    case TERM_WHEEL:
        app_wheel(app, event->key);
        break;
    case TERM_RESIZE:
        paint(e);
        refresh(app); /* a wide screen shows more */
        app->dirty = true;
        break;
    case TERM_WAKE:
        engine_acknowledge(e->engine);
        e->news = true;
        break;
    case TERM_HANGUP:
        e->hung_up = app->quit = true;
        break;
    case TERM_TIMEOUT:
        return;
    }
    e->synced = false;
    if (app->suspend)
        term_suspend(e->term);
    app->suspend = false;
    if (mouse != app->state.mouse)
        term_mouse(e->term, app->state.mouse);
}

/* Nothing to draw, nothing queued, nothing published that was not seen. */
static bool still(const struct explorer *e)
{
    if (e->app.dirty || e->news ||
        (e->engine != NULL && !engine_idle(e->engine)))
        return false;
    struct pollfd source = {e->engine ? engine_descriptor(e->engine) : -1,
                            POLLIN, 0};
    return poll(&source, 1, 0) <= 0;
}

static void tell_tests(struct explorer *e)
{
    if (e->sync_fd < 0 || e->synced || !still(e))
        return;
    e->synced = write(e->sync_fd, ".", 1) == 1;
}

static int64_t next_timeout(const struct explorer *e)
{
    int64_t until = -1;
    if (e->news) {
        until = e->painted_ns + FRAME_NS - clock_now_ns();
        until = until < 0 ? 0 : until;
    }
    if (e->sync_fd >= 0 && !e->synced && (until < 0 || until > SYNC_POLL_NS))
        until = SYNC_POLL_NS;
    return until;
}

/* Until the user quits, or (asking) answers the resume question. */
static void run(struct explorer *e, bool asking)
{
    struct app *app = &e->app;
    while (!app->quit && !(asking && app->answer != 0)) {
        if (e->news && clock_now_ns() - e->painted_ns >= FRAME_NS) {
            e->news = false;
            e->painted_ns = clock_now_ns();
            refresh(app);
            warn_measured(app);
            app_follow(app);
            poll_export(e);
            poll_work(e);
            collect_errors(e);
        }
        if (app->dirty && !term_pending(e->term))
            paint(e);
        tell_tests(e);
        int watch = e->engine ? engine_descriptor(e->engine) : -1;
        struct term_event event = term_wait(e->term, watch, next_timeout(e));
        handle(e, &event);
    }
}

/* --- opening --- */

static void paint_opening(struct explorer *e, const char *path)
{
    int rows, columns;
    term_size(e->term, &rows, &columns);
    if (surface_resize(&e->surface, rows, columns) != 0)
        return;
    e->surface.ascii = e->app.state.ascii;
    surface_text(&e->surface, 0, 1, -1, ROLE_TITLE, "espalier");
    surface_printf(&e->surface, rows / 2, 1, -1, ROLE_TEXT, "opening %s", path);
    surface_text(&e->surface, rows / 2 + 1, 1, -1, ROLE_DIM,
                 "reading the model, finding how it wants its data");
    surface_text(&e->surface, rows - 1, 1, -1, ROLE_DIM, "^C leaves");
    term_paint(e->term, &e->surface, -1, -1);
}

/* Asks whether to go on with a session that did not end; its path, or NULL
 * for a new one. */
static bool ask_resume(struct explorer *e,
                       const struct session_leftover *leftover)
{
    struct app *app = &e->app;
    char age[32];
    int64_t seconds = (int64_t)time(NULL) - leftover->modified;
    snprintf(app->state.resume, sizeof app->state.resume,
             "%s: %d edit%s, last %s ago", path_name(leftover->model_path),
             leftover->commands, leftover->commands == 1 ? "" : "s",
             clock_age_text(seconds > 0 ? seconds : 0, age, sizeof age));
    app->state.overlay = OVERLAY_RESUME;
    app->dirty = true;
    run(e, true);
    return app->answer == 'y';
}

static int open_session(struct explorer *e,
                        const struct session_options *options,
                        const struct ui_options *ui)
{
    struct session_options wanted = *options;
    struct session_leftover leftover = {0};
    bool resume = false;
    wanted.journal = !ui->readonly;
    if (ui->resume != NULL) {
        paint_opening(e, path_name(ui->resume));
        return session_resume(&e->session, ui->resume, !ui->readonly,
                              options->worker, &e->error);
    }
    if (!ui->readonly &&
        session_find_leftover(options->state_folder,
                              ui->resume_any ? NULL : options->model_path,
                              &leftover) &&
        leftover.commands > 0) {
        resume = ask_resume(e, &leftover);
        /* Asked once: who says no opens it by its path later. */
        if (e->app.answer == 'n')
            session_discard(leftover.path, NULL);
    }
    int status = -1;
    if (!e->app.quit) {
        paint_opening(e, resume ? leftover.model_path : options->model_path);
        term_interruptible(e->term, true);
        status = resume ? session_resume(&e->session, leftover.path, true,
                                         options->worker, &e->error)
                        : session_open(&e->session, &wanted, &e->error);
        term_interruptible(e->term, false);
    }
    session_leftover_release(&leftover);
    return status;
}

/* What the last program did not bring to its end. */
static void tell_interrupted(struct explorer *e)
{
    const char *order = engine_work_unfinished(e->engine);
    if (e->app.view.interrupted != NULL)
        app_say(&e->app, ROLE_WARN, "a tune was interrupted: ':%s' goes on",
                e->app.view.interrupted);
    else if (order != NULL)
        app_say(&e->app, ROLE_WARN, "not brought to its end: ':%s'", order);
}

static int start(struct explorer *e, const struct engine_options *options)
{
    struct app *app = &e->app;
    struct engine_options wanted = *options;
    wanted.readonly = app->state.readonly;
    if (engine_create(&e->engine, e->session, &wanted, &e->error) != 0)
        return -1;
    session_watch_orders(e->session, work_ready, e);
    engine_scan_read(e->engine);
    show(app, -1);
    refresh(app); /* the order of layers, then the first one's weights */
    remember_open(&e->remember, session_path(e->session), &app->view);
    refresh(app);
    if (app->view.preprocess[0] != '\0')
        app_say(app, ROLE_TEXT, "%s", app->view.preprocess);
    const char *summary = session_current(e->session)->summary;
    if (strstr(summary, "not zero") != NULL)
        app_say(app, ROLE_WARN, "%s", summary);
    tell_interrupted(e);
    app->answer = 0;
    e->synced = false;
    return 0;
}

static void finish(struct explorer *e)
{
    /* Work that is under way is cut short here and keeps what it can. */
    engine_destroy(e->engine);
    report_drop(e->report);
    ahead_release(&e->ahead);
    remember_release(&e->remember);
    /* A dropped connection leaves the journal open: it can be resumed. */
    if (e->hung_up)
        session_leave(e->session);
    else
        session_close(e->session);
    term_close(e->term);
    surface_release(&e->surface);
    app_release(&e->app);
}

/* What is left to do in a session that the user leaves; NULL: nothing. */
static const char *reason_to_go_on(struct explorer *e)
{
    poll_work(e); /* what came to its end just now counts */
    const struct view *view = &e->app.view;
    if (engine_work_interrupted(e->engine) != NULL)
        return "the tune (:tune resume)";
    if (view->working && view->work_rest == WORK_REST_ORDER)
        return "what was under way";
    return session_unsaved(e->session) ? "what was not exported" : NULL;
}

int ui_main(const struct session_options *session,
            const struct engine_options *engine,
            const struct ui_options *options)
{
    struct explorer *e = array_create(1, sizeof *e);
    if (e == NULL)
        return 1;
    const char *sync = getenv("ESPALIER_TEST_SYNC_FD");
    const struct term_options term = {options->no_color, options->no_mouse};
    setlocale(LC_CTYPE, "");
    e->sync_fd = sync != NULL ? (int)strtol(sync, NULL, 10) : -1;
    e->looks_ahead = sync == NULL || getenv("ESPALIER_TEST_AHEAD") != NULL;
    app_init(&e->app, &backend, e);
    e->app.state.ascii = options->ascii || !term_utf8();
    e->app.state.mouse = !options->no_mouse;
    e->app.state.readonly = options->readonly;
    e->app.state.still = sync != NULL;
    int status = term_open(&e->term, &term, &e->error);
    if (status == 0)
        e->app.state.painted = term_paints(e->term);
    if (status == 0)
        status = open_session(e, session, options);
    if (status == 0)
        status = start(e, engine);
    if (status == 0)
        run(e, false);
    bool left = e->app.quit && !e->hung_up; /* the user wanted to */
    struct error error = e->error;
    char kept[PATH_MAX] = "";
    struct error unkept = {0};
    bool kept_all =
        e->engine == NULL || engine_work_leave(e->engine, &unkept) == 0;
    const char *why = left && e->engine != NULL ? reason_to_go_on(e) : NULL;
    if (why != NULL)
        snprintf(kept, sizeof kept, "%s", session_path(e->session));
    finish(e);
    free(e);
    if (status != 0 && !left)
        fprintf(stderr, "espalier: %s\n", error.message);
    if (!kept_all)
        fprintf(stderr, "espalier: the tune's last steps are not kept: %s\n",
                unkept.message);
    if (kept[0] != '\0')
        printf("to go on with %s:\n  espalier %s\n", why, kept);
    return left || status == 0 ? 0 : 1;
}
