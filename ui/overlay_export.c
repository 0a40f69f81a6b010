/* The export dialog: where to, what besides, and what the check found. */
#include "action.h"
#include "format.h"
#include "key.h"
#include "screen.h"

#include "base/array.h"

#include <stdio.h>
#include <string.h>

enum field {
    FIELD_PATH,
    FIELD_MASKS,
    FIELD_RECIPE,
    FIELD_REPORT,
    FIELD_VERIFY,
    FIELD_CONFIRM, /* only when a file is there */
    FIELD_CANCEL,
    FIELD_EXPORT,
    FIELD_COUNT,
};

static struct engine_export request_of(struct export_form *form)
{
    return (struct engine_export){form->path.text, form->masks, form->recipe,
                                  form->report, form->verify};
}

/* While a file is written and once it stands there is nothing to choose; what
 * failed may be tried again. */
static bool only_closes(const struct export_form *form)
{
    return form->running || (form->result.finished && !form->result.failed);
}

static void drop_result(struct export_form *form)
{
    engine_export_result_release(&form->result);
    form->result = (struct engine_export_result){0};
}

/* What would be replaced; a "yes" counts for the files that it was said to. */
static void check_files(struct app *app)
{
    struct export_form *form = &app->state.form;
    const struct engine_export request = request_of(form);
    if (form->result.failed)
        drop_result(form);
    char before[sizeof form->present];
    memcpy(before, form->present, sizeof before);
    form->present[0] = form->error[0] = '\0';
    if (app->backend->existing != NULL && form->path.length > 0)
        app->backend->existing(app, &request, form->present,
                               sizeof form->present);
    if (strcmp(before, form->present) != 0)
        editor_set(&form->confirm, "");
}

/* MODEL-s61.onnx, from the file's name and the sparsity. */
static void propose_path(struct app *app)
{
    char path[EDITOR_BYTES];
    const char *model = app->view.model ? app->view.model : "model.onnx";
    size_t length = strlen(model);
    if (length > 5 && strcmp(model + length - 5, ".onnx") == 0)
        length -= 5;
    snprintf(path, sizeof path, "%.*s-s%.0f.onnx", (int)length, model,
             100 * view_now(&app->view)->sparsity);
    editor_set(&app->state.form.path, path);
}

void export_open(struct app *app, const char *path)
{
    struct export_form *form = &app->state.form;
    app->state.overlay = OVERLAY_EXPORT;
    if (path != NULL)
        editor_set(&form->path, path);
    else if (!form->running && !form->result.failed)
        propose_path(app);
    if (form->running)
        return;
    drop_result(form);
    editor_set(&form->confirm, "");
    form->field = FIELD_PATH;
    check_files(app);
}

/* --- drawing --- */

static void draw_switch(struct surface *surface, int row, int column, bool on,
                        bool focus, const char *label)
{
    surface_printf(surface, row, column, -1, focus ? ROLE_CURSOR : ROLE_TEXT,
                   "[%c] %s", on ? 'x' : ' ', label);
}

static void draw_switches(const struct export_form *form,
                          struct surface *surface, int row, int column)
{
    surface_text(surface, row, column, -1, ROLE_DIM, "Also");
    draw_switch(surface, row, column + 10, form->masks,
                form->field == FIELD_MASKS, "masks .npz");
    draw_switch(surface, row, column + 27, form->recipe,
                form->field == FIELD_RECIPE, "recipe");
    draw_switch(surface, row, column + 40, form->report,
                form->field == FIELD_REPORT, "report .md");
    surface_text(surface, row + 1, column, -1, ROLE_DIM, "Verify");
    draw_switch(surface, row + 1, column + 10, form->verify,
                form->field == FIELD_VERIFY,
                "read back, run again, compare every answer");
}

/* The drop that was decided by and that on held-out data. */
static void draw_exam(const struct app *app, struct surface *surface, int row,
                      int column)
{
    const struct exam *exam = &app->state.form.result.exam;
    const struct view_point *now = view_now(&app->view);
    char here[FORMAT_ROOM], a[FORMAT_ROOM], b[FORMAT_ROOM];
    char there[4 * FORMAT_ROOM];
    format_difference(here, &now->difference, 2);
    if (exam->taken) {
        format_difference(here, &exam->decided, 2);
        format_difference(b, &exam->difference, 2);
        snprintf(there, sizeof there, "%s on %s held out", b,
                 format_grouped(a, exam->samples));
    } else {
        snprintf(there, sizeof there, "%s on held-out %s",
                 app->state.form.running ? "running" : "(pending)",
                 app->view.holdout);
    }
    surface_printf(surface, row, column, 60, ROLE_TEXT,
                   "drop, points      %-14s  %s", here, there);
    if (exam->taken)
        surface_printf(
            surface, row + 1, column, 60, exam->warning ? ROLE_BAD : ROLE_DIM,
            "gap               %+.2f [%+.2f,%+.2f]: %s", 100 * exam->gap.value,
            100 * exam->gap.low, 100 * exam->gap.high,
            exam->warning ? "more than chance!" : "within chance");
}

/* What is known before and after: accuracy, answers, largest difference. */
static void draw_check(const struct app *app, struct surface *surface, int row,
                       int column)
{
    const struct engine_export_result *result = &app->state.form.result;
    const struct view_point *now = view_now(&app->view);
    const char *pending = app->state.form.running ? "running" : "(pending)";
    char a[FORMAT_ROOM], after[4][FORMAT_ROOM];
    bool done = result->finished && !result->failed;
    for (size_t i = 0; i < ARRAY_LENGTH(after); i++)
        snprintf(after[i], FORMAT_ROOM, "%s",
                 done && !result->verified ? "not checked" : pending);
    if (done && result->verified) {
        snprintf(after[0], FORMAT_ROOM, "%.2f", 100 * result->accuracy_after);
        snprintf(after[1], FORMAT_ROOM, "%lld of %lld",
                 (long long)result->different_answers,
                 (long long)result->samples);
        snprintf(after[2], FORMAT_ROOM, "%.2g", result->largest_difference);
    }
    if (done)
        format_bytes(after[3], (double)result->file_bytes);
    surface_text(surface, row, column, -1, ROLE_DIM,
                 "                  here            the file");
    surface_printf(surface, row + 1, column, -1, ROLE_TEXT,
                   "accuracy          %-14s  %s",
                   format_accuracy(a, &now->accuracy, 2), after[0]);
    surface_printf(surface, row + 2, column, -1, ROLE_TEXT,
                   "other answers     must be 0       %s", after[1]);
    surface_printf(surface, row + 3, column, -1, ROLE_TEXT,
                   "max |difference|  -               %s", after[2]);
    surface_printf(surface, row + 4, column, -1, ROLE_TEXT,
                   "file              -               %s", after[3]);
    if (app->view.holdout[0] != '\0')
        draw_exam(app, surface, row + 5, column);
}

static void draw_verdict(struct app *app, struct surface *surface,
                         struct rect box, int row)
{
    struct export_form *form = &app->state.form;
    const struct engine_export_result *result = &form->result;
    int column = box.column + 2, width = box.columns - 4;
    if (form->error[0] != '\0') {
        widget_wrap(surface, row, column, width, 2, ROLE_ERROR, form->error);
    } else if (form->running) {
        surface_text(surface, row, column, width, ROLE_TEXT,
                     "writing; the export goes on when this is closed");
    } else if (result->finished && result->failed) {
        widget_wrap(surface, row, column, width, 2, ROLE_ERROR,
                    result->error.message);
    } else if (result->finished) {
        surface_text(surface, row, column, width, ROLE_GOOD,
                     result->verified
                         ? "written; the file answers exactly as shown here"
                         : "written");
    } else if (form->present[0] != '\0') {
        char text[sizeof form->present + 16];
        snprintf(text, sizeof text, "! there: %s", form->present);
        widget_clip(surface, row, column, width, ROLE_WARN, text);
        int used = surface_text(surface, row + 1, column, width, ROLE_WARN,
                                "  type \"yes\" to replace ");
        int at =
            editor_draw(&form->confirm, surface, row + 1, column + used, 8);
        if (form->field == FIELD_CONFIRM) {
            app->cursor_row = row + 1;
            app->cursor_column = at;
        }
    }
}

void export_draw(struct app *app, struct surface *surface)
{
    struct export_form *form = &app->state.form;
    int more = app->view.holdout[0] != '\0' ? 2 : 0; /* rows of the exam */
    struct rect box =
        layout_dialog(surface->rows, surface->columns, 17 + more, 64);
    int row = box.row + 2, column = box.column + 2;
    widget_box(surface, box, "Export model");
    surface_text(surface, row, column, -1, ROLE_DIM, "Path");
    int at =
        editor_draw(&form->path, surface, row, column + 10, box.columns - 14);
    if (form->field == FIELD_PATH && !only_closes(form)) {
        app->cursor_row = row;
        app->cursor_column = at;
    }
    draw_switches(form, surface, row + 2, column);
    draw_check(app, surface, row + 5, column);
    draw_verdict(app, surface, box, row + 11 + more);
    row += more;
    int middle = box.column + box.columns / 2;
    if (only_closes(form)) {
        surface_text(surface, row + 13, middle - 16, -1, ROLE_CURSOR,
                     "[ Close ]");
        surface_text(surface, row + 13, middle + 11, -1, ROLE_DIM,
                     "Enter, Esc");
        return;
    }
    surface_text(surface, row + 13, middle - 16, -1,
                 form->field == FIELD_CANCEL ? ROLE_CURSOR : ROLE_TEXT,
                 "[ Cancel ]");
    surface_text(surface, row + 13, middle - 2, -1,
                 form->field == FIELD_EXPORT ? ROLE_CURSOR : ROLE_TEXT,
                 "[ Export ]");
    surface_text(surface, row + 13, middle + 11, -1, ROLE_DIM, "Tab next  Esc");
}

/* --- keys --- */

static void start(struct app *app)
{
    struct export_form *form = &app->state.form;
    struct error err = {0};
    check_files(app);
    if (form->present[0] != '\0' && strcmp(form->confirm.text, "yes") != 0) {
        form->field = FIELD_CONFIRM;
        return;
    }
    const struct engine_export request = request_of(form);
    if (form->path.length == 0)
        snprintf(form->error, sizeof form->error, "a path is needed");
    else if (app->backend->start_export == NULL)
        snprintf(form->error, sizeof form->error, "nothing can be exported");
    else if (app->backend->start_export(app, &request, &err) != 0)
        snprintf(form->error, sizeof form->error, "%.250s", err.message);
    else
        form->running = true;
}

static void next_field(struct export_form *form, int step)
{
    do {
        form->field = (form->field + step + FIELD_COUNT) % FIELD_COUNT;
    } while (form->field == FIELD_CONFIRM && form->present[0] == '\0');
}

/* Enter: on a switch it flips, on Cancel it leaves, elsewhere it exports. */
static void enter(struct app *app, bool blank)
{
    struct export_form *form = &app->state.form;
    bool *switches[FIELD_COUNT] = {[FIELD_MASKS] = &form->masks,
                                   [FIELD_RECIPE] = &form->recipe,
                                   [FIELD_REPORT] = &form->report,
                                   [FIELD_VERIFY] = &form->verify};
    if (switches[form->field] != NULL) {
        *switches[form->field] = !*switches[form->field];
        check_files(app);
    } else if (form->field == FIELD_CANCEL) {
        app->state.overlay = OVERLAY_NONE;
    } else if (!blank || form->field == FIELD_EXPORT) {
        start(app);
    }
}

void export_key(struct app *app, int key)
{
    struct export_form *form = &app->state.form;
    struct editor *editor = form->field == FIELD_PATH      ? &form->path
                            : form->field == FIELD_CONFIRM ? &form->confirm
                                                           : NULL;
    bool next = key == KEY_CODE_TAB || key == KEY_CODE_DOWN;
    bool previous = key == KEY_CODE_BACK_TAB || key == KEY_CODE_UP;
    bool leave = key == KEY_CODE_ESCAPE || key == KEY_CONTROL('C');
    bool closes = only_closes(form);
    if (leave || (closes && key == KEY_CODE_ENTER)) {
        app->state.overlay = OVERLAY_NONE;
    } else if (closes) {
        return;
    } else if (next || previous) {
        next_field(form, next ? 1 : -1);
    } else if (key == KEY_CODE_ENTER) {
        enter(app, false);
    } else if (editor != NULL) {
        if (editor_key(editor, key) && editor == &form->path)
            check_files(app);
    } else if (key == ' ') {
        enter(app, true);
    }
}
