/* The tree of variants: the newest line stays left, older branches are drawn
 * one line to the right, where they left it. */
#include "format.h"
#include "screen.h"

#include <stdio.h>

void history_pane(const struct app *app, struct surface *surface,
                  struct rect area, int top, int cursor)
{
    const struct view *view = &app->view;
    for (int i = 0; i < area.rows; i++) {
        int at = top + i, row = area.row + i, column = area.column + 1;
        if (at >= (int)view->point_count)
            break;
        const struct view_branch *branch = &view->branches[at];
        const struct view_point *point = &view->points[branch->id];
        bool now = point->id == view->current;
        char accuracy[FORMAT_ROOM], latency[FORMAT_ROOM];
        int depth = branch->depth < 8 ? branch->depth : 8;
        for (int d = 0; d < depth; d++, column += 2) {
            bool joint = branch->start && d == depth - 1;
            surface_put(surface, row, column, ROLE_BORDER,
                        joint ? 0x251c : 0x2502);
            if (joint)
                surface_put(surface, row, column + 1, ROLE_BORDER, 0x2500);
        }
        surface_put(surface, row, column, now ? ROLE_NOW : ROLE_TEXT,
                    now ? 0x25cf : 0x25cb);
        column += 2;
        column +=
            surface_printf(surface, row, column, 7, now ? ROLE_VALUE : ROLE_DIM,
                           "#%d ", point->id);
        int figures = area.columns >= 60 ? 26 : 14;
        int room = area.column + area.columns - figures - column - 2;
        char label[160];
        snprintf(label, sizeof label, "%s%s%s%s", point->snapshots,
                 point->snapshots[0] ? " " : "",
                 point->id == 0 ? "dense model" : point->summary,
                 now && area.columns >= 60 ? "  < you are here" : "");
        widget_clip(surface, row, column, room, now ? ROLE_VALUE : ROLE_TEXT,
                    label);
        column = area.column + area.columns - figures - 1;
        widget_right(surface, row, column, 7, ROLE_TEXT,
                     format_accuracy(accuracy, &point->accuracy, 2));
        widget_right(surface, row, column + 7, 7, ROLE_DIM,
                     format_percent(latency, point->sparsity));
        if (figures > 14) {
            char text[2 * FORMAT_ROOM];
            snprintf(text, sizeof text, "%s%s ms", point->predicted ? "~" : "",
                     format_ms(latency, point->latency_ms));
            widget_right(surface, row, column + 14, 12, ROLE_DIM, text);
        }
        if (at == cursor)
            surface_role(surface, row, area.column, area.columns, ROLE_CURSOR);
    }
}
