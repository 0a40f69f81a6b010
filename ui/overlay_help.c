/*
 * Help and palette in one: all actions of this screen, then those that are
 * everywhere, straight from the action table. Typing filters, Enter runs.
 */
#include "action.h"
#include "key.h"
#include "screen.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Case does not matter. */
static bool contains(const char *text, const char *part)
{
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && text[i] &&
               tolower((unsigned char)text[i]) ==
                   tolower((unsigned char)part[i]))
            i++;
        if (part[i] == '\0')
            return true;
    }
    return part[0] == '\0';
}

/* Action number `wanted` among those listed; NULL behind the last. Screen's
 * own first, so that what is at hand comes before what is everywhere. */
static const struct action *listed(const struct app *app, int wanted)
{
    const char *filter = app->state.help_filter.text;
    unsigned here = 1u << app->state.screen;
    for (int everywhere = 0; everywhere < 2; everywhere++)
        for (const struct action *a = actions; a->name != NULL; a++) {
            bool all = a->contexts == CONTEXT_ALL;
            if (!(a->contexts & here) || all != (everywhere == 1) ||
                a->keys[0] == '\0')
                continue;
            if ((contains(a->help, filter) || contains(a->name, filter)) &&
                wanted-- == 0)
                return a;
        }
    return NULL;
}

static void draw_entry(const struct app *app, struct surface *surface, int row,
                       int column, int width, const struct action *action,
                       bool selected)
{
    const char *why = action_why(action, app);
    char text[160];
    if (selected)
        surface_put(surface, row, column, ROLE_NOW, 0x25b8);
    widget_clip(surface, row, column + 2, 9, ROLE_KEY, action->keys);
    snprintf(text, sizeof text, "%s", action->help);
    widget_clip(surface, row, column + 12, width - 12,
                why ? ROLE_DIM : ROLE_TEXT, text);
    if (selected)
        surface_role(surface, row, column, width, ROLE_CURSOR);
}

static void draw_selected(const struct app *app, struct surface *surface,
                          struct rect box, const struct action *action)
{
    int row = box.row + box.rows - 3;
    const char *why = action ? action_why(action, app) : NULL;
    if (action == NULL)
        surface_text(surface, row, box.column + 2, box.columns - 4, ROLE_WARN,
                     "nothing matches");
    else if (why != NULL)
        surface_printf(surface, row, box.column + 2, box.columns - 4, ROLE_WARN,
                       ":%s  not available: %s", action->name, why);
    else
        surface_printf(surface, row, box.column + 2, box.columns - 4, ROLE_DIM,
                       ":%s", action->name);
}

void help_draw(struct app *app, struct surface *surface)
{
    struct rect box =
        layout_dialog(surface->rows, surface->columns, surface->rows - 1, 96);
    struct list *list = &app->state.help;
    char title[64];
    snprintf(title, sizeof title, "keys of %s - type to filter",
             screens[app->state.screen].name);
    box.row = 0;
    widget_box(surface, box, title);
    app->cursor_row = box.row;
    app->cursor_column = editor_draw(&app->state.help_filter, surface, box.row,
                                     box.column + 6 + surface_width(title), 16);
    int rows = box.rows - 5, half = (box.columns - 4) / 2;
    list->count = 0;
    while (listed(app, list->count) != NULL)
        list->count++;
    list_move(list, list->cursor);
    /* whole columns are scrolled, so that entries keep their rows */
    int page = list->cursor / (2 * rows) * 2 * rows;
    for (int i = 0; i < 2 * rows && page + i < list->count; i++)
        draw_entry(app, surface, box.row + 1 + i % rows,
                   box.column + 2 + i / rows * half, half - 1,
                   listed(app, page + i), page + i == list->cursor);
    if (list->count > 2 * rows)
        surface_printf(surface, box.row + rows + 1, box.column + 2,
                       box.columns - 4, ROLE_DIM, "page %d of %d (PgDn)",
                       page / (2 * rows) + 1,
                       (list->count + 2 * rows - 1) / (2 * rows));
    draw_selected(app, surface, box, listed(app, list->cursor));
    surface_text(surface, box.row + box.rows - 2, box.column + 2,
                 box.columns - 4, ROLE_DIM,
                 "~ partial  … unknown  ± interval  * marked  [+] unsaved  # "
                 "variant");
    surface_fill(surface, surface->rows - 1, 0, 1, surface->columns, ROLE_TEXT,
                 ' ');
    surface_text(surface, surface->rows - 1, 1, -1, ROLE_DIM,
                 "Enter runs the selected · arrows move · Esc closes · man "
                 "espalier");
    list->visible = 2 * rows;
}

void help_key(struct app *app, int key)
{
    struct list *list = &app->state.help;
    const struct action *action = listed(app, list->cursor);
    static const struct {
        int key, step;
    } moves[] = {
        {KEY_CODE_UP, -1},
        {KEY_CODE_DOWN, 1},
        {KEY_CODE_BACK_TAB, -1},
        {KEY_CODE_TAB, 1},
    };
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (key == moves[i].key) {
            list_move(list, list->cursor + moves[i].step);
            return;
        }
    if (key == KEY_CODE_PAGE_DOWN || key == KEY_CODE_PAGE_UP) {
        list_move(list, list->cursor +
                            (key == KEY_CODE_PAGE_UP ? -1 : 1) * list->visible);
    } else if (key == KEY_CODE_ESCAPE || key == KEY_CODE_F1 ||
               key == KEY_CONTROL('C')) {
        app->state.overlay = OVERLAY_NONE;
    } else if (key == KEY_CODE_ENTER) {
        app->state.overlay = OVERLAY_NONE;
        if (action != NULL)
            action_run(action, app);
    } else if (editor_key(&app->state.help_filter, key)) {
        list->cursor = 0;
    }
}
