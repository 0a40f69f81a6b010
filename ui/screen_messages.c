/* What was said, and what libraries wrote to standard error. */
#include "screen.h"

void messages_draw(struct app *app, struct surface *surface)
{
    struct list *list = &app->state.lists[SCREEN_MESSAGES];
    int rows = surface->rows - 4;
    title_draw(app, surface, "messages");
    widget_rule(surface, 1, 0, surface->columns, NULL, false);
    list->count = app->state.message_count;
    list->visible = rows;
    list_move(list, list->cursor);
    list->top = layout_scroll(list->top, list->cursor, rows, list->count);
    if (list->count == 0)
        surface_text(surface, 3, 2, -1, ROLE_DIM, "nothing was said yet");
    for (int i = 0; i < rows && list->top + i < list->count; i++) {
        const struct message *message = &app->state.messages[list->top + i];
        widget_clip(surface, 2 + i, 1, surface->columns - 2, message->role,
                    message->text);
        if (list->top + i == list->cursor)
            surface_role(surface, 2 + i, 0, surface->columns, ROLE_CURSOR);
    }
    status_draw(app, surface);
    bar_draw(app, surface);
}
