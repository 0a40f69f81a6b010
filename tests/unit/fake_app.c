/* Every call is written down in `fake`, nothing is done. */
#include "fake_app.h"

#include "key.h"
#include "screen.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct fake fake;

static int fake_execute(struct app *a, const char *line,
                        struct command_result *result, struct error *err)
{
    snprintf(fake.executed, sizeof fake.executed, "%s", line);
    if (fake.lacks)
        return error_set(err, ERROR_CANCELLED, "calibrating first");
    if (fake.fails)
        return error_set(err, ERROR_USAGE, "set: refused");
    /* A session asks who watches its orders, as the explorer does. */
    if (fake.orders && replace_asks(a, line, err) != 0)
        return -1;
    result->effect = fake.orders ? COMMAND_WORK : COMMAND_EDITED;
    result->argument = fake.orders ? string_copy(line) : NULL;
    result->message = string_copy("done");
    return 0;
}

static bool fake_calibrating(struct app *a)
{
    (void)a;
    return fake.lacks;
}

static void fake_show(struct app *a, int focus)
{
    (void)a;
    fake.shown = focus;
}

static void fake_cancel(struct app *a)
{
    (void)a;
    fake.cancelled++;
}

static void fake_refresh(struct app *a)
{
    (void)a;
    fake.refreshed++;
}

static void fake_complete(struct app *a, const char *line,
                          void (*add)(void *context, const char *word),
                          void *context)
{
    (void)a;
    if (strcmp(line, "set lay") == 0) {
        add(context, "layers.0.conv1");
        add(context, "layers.0.conv2");
    }
}

static int fake_work(struct app *a, const char *line, struct error *err)
{
    (void)a;
    (void)err;
    snprintf(fake.worked, sizeof fake.worked, "%s", line);
    return 0;
}

static int fake_kept(struct app *a, char *line, size_t bytes)
{
    (void)a;
    snprintf(line, bytes, "tune 9 epochs");
    return 1;
}

static int fake_steer(struct app *a, enum steering what, struct error *err)
{
    (void)err;
    fake.dropped += what == STEER_DISCARD;
    a->view.interrupted = NULL;
    return 0;
}

static bool fake_exists(struct app *a, const char *path)
{
    (void)a;
    return strcmp(path, "there.onnx") == 0;
}

static void fake_existing(struct app *a, const struct engine_export *request,
                          char *names, size_t bytes)
{
    bool there = fake_exists(a, request->path);
    snprintf(names, bytes, "%s%s", there ? request->path : "",
             there && request->report ? ", there.md" : "");
}

static int fake_export(struct app *a, const struct engine_export *request,
                       struct error *err)
{
    (void)a;
    (void)err;
    snprintf(fake.exported, sizeof fake.exported, "%s%s%s", request->path,
             request->masks ? " masks" : "", request->verify ? " verify" : "");
    return 0;
}

static const struct backend backend = {
    .execute = fake_execute,
    .show = fake_show,
    .cancel = fake_cancel,
    .calibrating = fake_calibrating,
    .refresh = fake_refresh,
    .complete = fake_complete,
    .file_exists = fake_exists,
    .existing = fake_existing,
    .start_export = fake_export,
    .work = fake_work,
    .kept = fake_kept,
    .steer = fake_steer,
};

int fake_start(void **state)
{
    (void)state;
    static const char *const names[] = {"conv1", "block.conv1", "block.conv2",
                                        "fc"};
    app_init(&fake.app, &backend, NULL);
    struct view *view = &fake.app.view;
    view->layers = array_create(4, sizeof *view->layers);
    view->points = array_create(3, sizeof *view->points);
    view->model = string_copy("model.onnx");
    view->data = string_copy("data/test");
    if (!view->layers || !view->points || !view->model || !view->data)
        return -1;
    view->layer_count = 4;
    for (size_t i = 0; i < 4; i++) {
        view->layers[i] = (struct view_layer){
            .name = string_copy(names[i]),
            .weights = 100 * (int64_t)(4 - i),
            .prunable = i != 3,
            .reason = i == 3 ? "too small" : "",
            .kernel = "",
            .ms = NAN,
            .dense_ms = NAN,
            .share = NAN,
        };
    }
    view->point_count = 3;
    for (int i = 0; i < 3; i++)
        view->points[i] = (struct view_point){
            .id = i,
            .parent = i - 1,
            .summary = string_copy("edit"),
            .accuracy = {0.9 - 0.1 * i, 0.8, 0.95, 100, 100},
            .latency_ms = 3 - i,
            .removed = array_create(4, sizeof(int64_t))};
    view->current = 2;
    fake.executed[0] = fake.exported[0] = fake.worked[0] = '\0';
    fake.shown = -1;
    fake.cancelled = fake.refreshed = 0;
    fake.fails = fake.lacks = fake.orders = false;
    fake.dropped = 0;
    fake.app.rows = 24;
    fake.app.columns = 80;
    return view_grow_tree(view) != 0 || app_sync(&fake.app) != 0 ? -1 : 0;
}

int fake_stop(void **state)
{
    (void)state;
    app_release(&fake.app);
    return 0;
}

void press(const char *keys)
{
    for (int key = key_read(&keys); key != KEY_NONE; key = key_read(&keys))
        app_key(&fake.app, key);
}

void type(const char *text)
{
    for (; *text; text++)
        app_key(&fake.app, (unsigned char)*text);
}

const char *said(void)
{
    const struct state *state = &fake.app.state;
    return state->message_count > 0
               ? state->messages[state->message_count - 1].text
               : "";
}
