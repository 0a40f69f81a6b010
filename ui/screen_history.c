/* The tree of variants over the whole screen. */
#include "screen.h"

#include <stdio.h>

void history_draw(struct app *app, struct surface *surface)
{
    struct list *list = &app->state.lists[SCREEN_HISTORY];
    struct rect area = {2, 0, surface->rows - 4, surface->columns};
    char path[96];
    snprintf(path, sizeof path, "history   %zu variants   Enter loads one",
             app->view.point_count);
    title_draw(app, surface, path);
    widget_rule(surface, 1, 0, surface->columns, "accuracy, sparsity, latency",
                false);
    list->visible = area.rows;
    list->top = layout_scroll(list->top, list->cursor, area.rows, list->count);
    history_pane(app, surface, area, list->top, list->cursor);
    status_draw(app, surface);
    bar_draw(app, surface);
}
