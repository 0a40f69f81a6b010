/* The answers that changed, surest first; the sample under the cursor as a
 * picture; and what the classes gained and lost, worst first. */
#include "format.h"
#include "picture.h"
#include "screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LIST_COLUMNS = 28, CLASS_COLUMNS = 18, FACT_ROWS = 3 };

struct places {
    struct rect list, sample, classes;
};

static struct places places_of(const struct surface *surface)
{
    int rows = surface->rows - 4, row = 2; /* title, rule; status, bar */
    int middle = surface->columns - LIST_COLUMNS - CLASS_COLUMNS - 2;
    return (struct places){
        {row, 0, rows, LIST_COLUMNS},
        {row, LIST_COLUMNS + 1, rows, middle},
        {row, LIST_COLUMNS + middle + 2, rows, CLASS_COLUMNS},
    };
}

/* --- the list --- */

static void draw_flip(struct surface *surface, int row, const struct flip *flip)
{
    static const struct {
        const char *mark;
        enum role role;
    } looks[] = {{"-", ROLE_BAD}, {"+", ROLE_GOOD}, {"·", ROLE_DIM}};
    char text[FORMAT_ROOM];
    float margin =
        flip->kind == FLIP_WON ? flip->margin_after : flip->margin_before;
    int column = 2;
    surface_text(surface, row, 1, 1, looks[flip->kind].role,
                 looks[flip->kind].mark);
    widget_right(surface, row, column, 6, ROLE_TEXT,
                 format_grouped(text, flip->sample));
    column += 6;
    const int64_t classes[] = {flip->label, flip->before, flip->after};
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "%lld", (long long)classes[i]);
        int width = i == 0 ? 5 : 4;
        widget_right(surface, row, column, width, ROLE_TEXT, text);
        column += width;
    }
    snprintf(text, sizeof text, "%.2f", (double)margin);
    widget_right(surface, row, column, LIST_COLUMNS - 1 - column, ROLE_DIM,
                 text);
}

static void draw_list(struct app *app, struct surface *surface,
                      struct rect area)
{
    struct list *list = &app->state.lists[SCREEN_FLIPS];
    size_t count;
    const struct flip *flips =
        view_flips_chosen(&app->view.flips, app->state.flip_choice, &count);
    surface_text(surface, area.row, 2, area.columns - 2, ROLE_DIM,
                 "sample true was now margin");
    area.row++;
    area.rows--;
    list->count = (int)count;
    list->visible = area.rows;
    list_move(list, list->cursor);
    list->top = layout_scroll(list->top, list->cursor, area.rows, list->count);
    for (int i = 0; i < area.rows && list->top + i < list->count; i++) {
        int at = list->top + i;
        draw_flip(surface, area.row + i, &flips[at]);
        if (at != list->cursor)
            continue;
        surface_role(surface, area.row + i, 0, area.columns, ROLE_CURSOR);
        surface_text(surface, area.row + i, 0, 1, ROLE_CURSOR, "▸");
    }
    if (count == 0)
        surface_text(surface, area.row + 1, 2, area.columns - 2, ROLE_DIM,
                     "none");
}

/* --- the sample --- */

static void draw_facts(const struct view *view, struct surface *surface,
                       struct rect area, const struct flip *flip)
{
    char text[120];
    const struct view_picture *picture = &view->flips.picture;
    bool labels = view->flips.found->labels;
    static const char *const stories[] = {"a right answer lost",
                                          "a wrong answer put right",
                                          "wrong before and after"};
    int row = area.row, column = area.column + 1, width = area.columns - 1;
    snprintf(text, sizeof text, "%s",
             labels ? stories[flip->kind] : "another answer than the dense");
    widget_clip(surface, row++, column, width,
                flip->kind == FLIP_WON ? ROLE_GOOD : ROLE_TEXT, text);
    snprintf(text, sizeof text, "dense %d %+.2f, now %d %+.2f", flip->before,
             (double)flip->margin_before, flip->after,
             (double)flip->margin_after);
    widget_clip(surface, row++, column, width, ROLE_TEXT, text);
    snprintf(text, sizeof text, "%s pixels%s", picture->shape,
             picture->stretched ? ", stretched" : "");
    if (picture->levels == NULL)
        snprintf(text, sizeof text, "%s numbers", picture->shape);
    widget_clip(surface, row, column, width, ROLE_DIM, text);
}

static void draw_sample(struct app *app, struct surface *surface,
                        struct rect area)
{
    const struct view *view = &app->view;
    const struct list *list = &app->state.lists[SCREEN_FLIPS];
    size_t count;
    const struct flip *flips =
        view_flips_chosen(&view->flips, app->state.flip_choice, &count);
    if (count == 0)
        return;
    const struct flip *flip = &flips[list->cursor];
    const struct view_picture *picture = &view->flips.picture;
    struct rect space = area, facts = area;
    space.rows -= FACT_ROWS + 1;
    if (picture->levels != NULL && picture->sample == flip->sample)
        picture_draw(surface, space, picture);
    else
        surface_text(surface, area.row + 1, area.column + 1, area.columns - 1,
                     ROLE_DIM, "no picture: not an image");
    facts.row = area.row + area.rows - FACT_ROWS;
    facts.rows = FACT_ROWS;
    draw_facts(view, surface, facts, flip);
}

/* --- classes --- */

static void draw_classes(const struct view *view, struct surface *surface,
                         struct rect area)
{
    const struct disagreement *found = &view->flips.found->found;
    char text[FORMAT_ROOM];
    surface_text(surface, area.row, area.column, area.columns, ROLE_DIM,
                 " cls lost won  pts");
    for (size_t i = 0; i + 1 < (size_t)area.rows && i < found->class_count;
         i++) {
        const struct class_change *c = &found->classes[i];
        int row = area.row + 1 + (int)i, column = area.column;
        double points =
            100 * (double)(c->after - c->before) / (double)c->samples;
        snprintf(text, sizeof text, "%lld", (long long)c->label);
        widget_right(surface, row, column, 4, ROLE_TEXT, text);
        snprintf(text, sizeof text, "%lld", (long long)c->lost);
        widget_right(surface, row, column + 4, 5, ROLE_TEXT, text);
        snprintf(text, sizeof text, "%lld", (long long)c->won);
        widget_right(surface, row, column + 9, 4, ROLE_TEXT, text);
        /* Four columns, so that pictures have 32 of 80. */
        snprintf(text, sizeof text, fabs(points) < 9.95 ? "%+.1f" : "%+.0f",
                 points);
        widget_right(surface, row, column + 13, 5,
                     points < 0   ? ROLE_BAD
                     : points > 0 ? ROLE_GOOD
                                  : ROLE_DIM,
                     text);
    }
}

/* --- the whole --- */

static void draw_title(struct app *app, struct surface *surface)
{
    const struct flipped *known = app->view.flips.found;
    char path[160] = "what flipped", a[FORMAT_ROOM], b[FORMAT_ROOM];
    if (known != NULL && known->labels)
        snprintf(path, sizeof path,
                 "what flipped   %s of %s answers: %zu lost, %zu won",
                 format_grouped(a, (int64_t)known->found.count),
                 format_grouped(b, known->answered), known->found.lost,
                 known->found.won);
    else if (known != NULL)
        snprintf(path, sizeof path, "what flipped   %s of %s answers",
                 format_grouped(a, (int64_t)known->found.count),
                 format_grouped(b, known->answered));
    title_draw(app, surface, path);
}

static void draw_rules(const struct app *app, struct surface *surface,
                       const struct places *places)
{
    static const char *const names[FLIP_CHOICES] = {
        "all, surest first", "lost, surest first", "won, surest first",
        "other, surest first"};
    char title[64] = "sample";
    const struct view_picture *picture = &app->view.flips.picture;
    if (picture->sample >= 0)
        snprintf(title, sizeof title, "sample %lld",
                 (long long)picture->sample);
    widget_rule(surface, 1, 0, LIST_COLUMNS, names[app->state.flip_choice],
                false);
    widget_rule(surface, 1, LIST_COLUMNS, places->sample.columns + 1, title,
                false);
    widget_rule(surface, 1, places->classes.column - 1, CLASS_COLUMNS + 1,
                "worst classes", false);
    for (int i = 0; i < 2; i++) {
        int column = i == 0 ? LIST_COLUMNS : places->classes.column - 1;
        surface_put(surface, 1, column, ROLE_BORDER, 0x252c);
        for (int r = 0; r < places->list.rows; r++)
            surface_put(surface, 2 + r, column, ROLE_BORDER, 0x2502);
    }
}

static void draw_nothing(struct app *app, struct surface *surface)
{
    const struct view *view = &app->view;
    const char *text =
        view->current == 0
            ? "this is the dense model: prune something, then see whom it hit"
            : "known when the evaluation has come to its end";
    widget_rule(surface, 1, 0, surface->columns, NULL, false);
    surface_text(surface, 3, 2, -1, ROLE_DIM, text);
}

void flips_draw(struct app *app, struct surface *surface)
{
    struct places places = places_of(surface);
    draw_title(app, surface);
    if (app->view.flips.found == NULL) {
        app->state.lists[SCREEN_FLIPS].count = 0;
        draw_nothing(app, surface);
    } else {
        draw_rules(app, surface, &places);
        draw_list(app, surface, places.list);
        draw_sample(app, surface, places.sample);
        draw_classes(&app->view, surface, places.classes);
    }
    status_draw(app, surface);
    bar_draw(app, surface);
}
