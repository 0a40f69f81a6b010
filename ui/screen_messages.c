/* What was said, and what libraries wrote to standard error. */
#include "screen.h"

/* For the one under the cursor, where a row is too short for it. */
enum { WHOLE_ROWS = 4 };

void messages_draw(struct app *app, struct surface *surface)
{
    struct list *list = &app->state.lists[SCREEN_MESSAGES];
    int width = surface->columns - 2, rows = surface->rows - 4, whole;
    title_draw(app, surface, "messages");
    widget_rule(surface, 1, 0, surface->columns, NULL, false);
    list->count = app->state.message_count;
    list_move(list, list->cursor);
    const char *chosen =
        list->count > 0 ? app->state.messages[list->cursor].text : "";
    whole = widget_wrap(NULL, 0, 0, width, WHOLE_ROWS, ROLE_TEXT, chosen);
    if (whole > 1) {
        rows -= whole + 1;
        widget_rule(surface, rows + 2, 0, surface->columns, "in full", false);
        widget_wrap(surface, rows + 3, 1, width, whole, ROLE_TEXT, chosen);
    }
    list->visible = rows;
    list->top = layout_scroll(list->top, list->cursor, rows, list->count);
    if (list->count == 0)
        surface_text(surface, 3, 2, -1, ROLE_DIM, "nothing was said yet");
    for (int i = 0; i < rows && list->top + i < list->count; i++) {
        const struct message *message = &app->state.messages[list->top + i];
        widget_clip(surface, 2 + i, 1, width, message->role, message->text);
        if (list->top + i == list->cursor)
            surface_role(surface, 2 + i, 0, surface->columns, ROLE_CURSOR);
    }
    status_draw(app, surface);
    bar_draw(app, surface);
}
