/* Screens and overlays: a table of functions each. To add a screen: a row in
 * screen.c and a file screen_NAME.c. */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include "app.h"
#include "layout.h"

struct screen {
    const char *name; /* in the title and the palette */
    void (*draw)(struct app *app, struct surface *surface);
};
extern const struct screen screens[SCREEN_COUNT];

struct overlay {
    void (*draw)(struct app *app, struct surface *surface);
    void (*key)(struct app *app, int key);
};
extern const struct overlay overlays[OVERLAY_COUNT];

/* screen_*.c */
void layers_draw(struct app *app, struct surface *surface);
void detail_draw(struct app *app, struct surface *surface);
void tradeoff_draw(struct app *app, struct surface *surface);
void compare_draw(struct app *app, struct surface *surface);
void sensitivity_draw(struct app *app, struct surface *surface);
void tune_draw(struct app *app, struct surface *surface);
void history_draw(struct app *app, struct surface *surface);
void messages_draw(struct app *app, struct surface *surface);
void flips_draw(struct app *app, struct surface *surface);
void robustness_draw(struct app *app, struct surface *surface);
/* Clicks on the main screen: whether something was hit. */
bool layers_click(struct app *app, int row, int column);
/* On the map of sensitivity: goes to a cell; again takes it over. */
bool sensitivity_click(struct app *app, int row, int column);

/* overlay_*.c */
void help_draw(struct app *app, struct surface *surface);
void help_key(struct app *app, int key);
void prompt_draw(struct app *app, struct surface *surface);
void prompt_key(struct app *app, int key);
void export_draw(struct app *app, struct surface *surface);
void export_key(struct app *app, int key);
void export_open(struct app *app, const char *path);
void quit_draw(struct app *app, struct surface *surface);
void quit_key(struct app *app, int key);
void resume_draw(struct app *app, struct surface *surface);
void resume_key(struct app *app, int key);
void discard_draw(struct app *app, struct surface *surface);
void discard_key(struct app *app, int key);
/* Asks first where work would take the place of what was interrupted: then the
 * order is refused (-1), and given again when the user says yes. */
int replace_asks(struct app *app, const char *line, struct error *err);
void replace_draw(struct app *app, struct surface *surface);
void replace_key(struct app *app, int key);

/* pane_*.c: parts that several screens show */
void headline_draw(struct app *app, struct surface *surface);
void title_draw(struct app *app, struct surface *surface, const char *path);
void status_draw(struct app *app, struct surface *surface);
void bar_draw(struct app *app, struct surface *surface);
/* The key that a click on the bar means, KEY_NONE. */
int bar_key(const struct app *app, int column);
void weights_pane(const struct app *app, struct surface *surface,
                  struct rect area);
void filters_pane(const struct app *app, struct surface *surface,
                  struct rect area);
/* The trade-off plot; cursor: id of the point under it, -1: none. */
void plot_pane(struct app *app, struct surface *surface, struct rect area,
               int cursor);
void history_pane(const struct app *app, struct surface *surface,
                  struct rect area, int top, int cursor);

/* widget.c */
/* A rule over `width` columns with a title: "── title ─────". */
void widget_rule(struct surface *surface, int row, int column, int width,
                 const char *title, bool focus);
void widget_box(struct surface *surface, struct rect box, const char *title);
/* Text that may be too long: its end is replaced by "›". */
void widget_clip(struct surface *surface, int row, int column, int width,
                 enum role role, const char *text);
/* Over up to `rows` rows, broken at blanks; the last one is clipped. Returns
 * the rows it takes; without a surface nothing is drawn. */
int widget_wrap(struct surface *surface, int row, int column, int width,
                int rows, enum role role, const char *text);
/* A name that may be too long; its end tells it apart: "‹4.conv.0". */
void widget_clip_start(struct surface *surface, int row, int column, int width,
                       enum role role, const char *text);
/* Right-aligned in `width`. */
void widget_right(struct surface *surface, int row, int column, int width,
                  enum role role, const char *text);
/* "▕████▌   ▏" of `width` columns. */
void widget_progress(struct surface *surface, int row, int column, int width,
                     double share);

#endif
