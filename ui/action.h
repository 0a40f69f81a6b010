/*
 * Everything a key can do: one table, from which the key map, the help
 * screen, the key bar and the palette are drawn. To add an action: a handler
 * in action_*.c and a row in action.c.
 */
#ifndef UI_ACTION_H
#define UI_ACTION_H

#include "app.h"

/* Where an action is bound; a bit per screen. */
enum context {
    CONTEXT_LAYERS = 1 << SCREEN_LAYERS,
    CONTEXT_DETAIL = 1 << SCREEN_DETAIL,
    CONTEXT_TRADEOFF = 1 << SCREEN_TRADEOFF,
    CONTEXT_SENSITIVITY = 1 << SCREEN_SENSITIVITY,
    CONTEXT_TUNE = 1 << SCREEN_TUNE,
    CONTEXT_HISTORY = 1 << SCREEN_HISTORY,
    CONTEXT_MESSAGES = 1 << SCREEN_MESSAGES,
    CONTEXT_FLIPS = 1 << SCREEN_FLIPS,
    CONTEXT_COMPARE = 1 << SCREEN_COMPARE,
    CONTEXT_ROBUSTNESS = 1 << SCREEN_ROBUSTNESS,
    CONTEXT_EDIT = CONTEXT_LAYERS | CONTEXT_DETAIL,
    CONTEXT_ALL = (1 << SCREEN_COUNT) - 1,
};

struct action {
    const char *name; /* "undo": for the palette and scripts */
    const char *keys; /* names by key.h, separated by blanks */
    unsigned contexts;
    const char *help;
    void (*run)(struct app *app, int argument);
    int argument;
    /* Why it cannot be done now (static text), NULL when it can. */
    const char *(*why)(const struct app *app);
    const char *bar; /* label on the key bar, NULL: not there */
};

extern const struct action actions[]; /* ends with NULL name */

/* The action a key means on a screen, or NULL. */
const struct action *action_of_key(enum screen_id screen, int key);
const struct action *action_of_name(const char *name);
/* The reason it is not available now, or NULL. */
const char *action_why(const struct action *action, const struct app *app);
/* Runs it, or says why not. */
void action_run(const struct action *action, struct app *app);
/* The name of its first key, for the bar and help. */
const char *action_first_key(const struct action *action, char *text,
                             size_t room);

/* --- handlers, by file --- */

/* action_move.c */
void do_move(struct app *app, int step);       /* rows */
void do_page(struct app *app, int halves);     /* half pages */
void do_edge(struct app *app, int last);       /* 0 first, 1 last */
void do_open_row(struct app *app, int unused); /* Enter */
void do_back(struct app *app, int unused);     /* Esc */
void do_screen(struct app *app, int screen);
void do_pane(struct app *app, int step);
void do_zoom(struct app *app, int unused);
void do_search(struct app *app, int unused);
void do_search_next(struct app *app, int step);
void do_filter(struct app *app, int unused);
void do_sort(struct app *app, int step); /* 0 inverts */
void do_mark(struct app *app, int unused);
void do_mark_range(struct app *app, int unused);
void do_mark_invert(struct app *app, int unused);
void do_mark_clear(struct app *app, int unused);
void do_other_layer(struct app *app, int step);
void do_detail_pane(struct app *app, int unused);

/* action_edit.c */
void do_change(struct app *app, int percent);
void do_amount(struct app *app, int unused); /* asks */
void do_toggle(struct app *app, int unused);
void do_reset(struct app *app, int unused);
void do_repeat(struct app *app, int unused);
void do_global(struct app *app, int unused);   /* asks */
void do_line(struct app *app, int line);       /* undo, redo, older, newer */
void do_snapshot(struct app *app, int letter); /* 0: asks for a name */
void do_compare(struct app *app, int unused);
void do_reference(struct app *app, int unused);
void do_criterion(struct app *app, int unused);
void do_structure(struct app *app, int unused);
/* Applies an amount ("85%", "+1%", "24") to the marked layers, or to the one
 * under the cursor. */
void edit_amount(struct app *app, const char *amount);
struct strbuf;
/* The line that this would execute; returns how many layers it is about. */
int edit_line(const struct app *app, struct strbuf *line, const char *amount);
/* Spreads one target over the marked layers, or over all. */
void edit_global(struct app *app, const char *amount);

/* action_plot.c */
void do_point(struct app *app, int step);   /* by x */
void do_point_y(struct app *app, int step); /* by accuracy */
void do_front(struct app *app, int step);
void do_axis(struct app *app, int unused);
void do_dominated(struct app *app, int unused);
void do_plot_zoom(struct app *app, int step); /* 0: everything */

/* action_trust.c */
void do_flip_choice(struct app *app, int unused);
void do_severity(struct app *app, int step);
void do_robustness(struct app *app, int unused); /* measures it */
/* action_compare.c */
void do_side_by_side(struct app *app, int unused);
void do_other_side(struct app *app, int unused);
void do_criteria(struct app *app, int unused);
void do_compare_pane(struct app *app, int unused);

/* action_scan.c */
void do_scan_column(struct app *app, int step);
void do_scan_whole(struct app *app, int unused);
void do_scan(struct app *app, int unused); /* starts, stops */
void do_scan_again(struct app *app, int unused);
void do_sort_sensitivity(struct app *app, int unused);
void do_scan_set(struct app *app, int unused);
void do_scan_file(struct app *app, int unused); /* asks */
void do_scan_plan(struct app *app, int unused); /* asks */
void scan_accept_plan(struct app *app, const char *text);
void do_cliff(struct app *app, int unused);
void scan_accept_file(struct app *app, const char *path);

/* action_tune.c */
void do_steer(struct app *app, int what); /* enum steering; discard asks */
void do_go_on(struct app *app, int unused);

/* action_session.c */
void do_help(struct app *app, int unused);
void do_palette(struct app *app, int unused);
void do_export(struct app *app, int unused);
void do_quit(struct app *app, int sure);
void do_pause(struct app *app, int unused);
void do_cancel(struct app *app, int unused);
void do_evaluate(struct app *app, int unused);
void do_redraw(struct app *app, int unused);
void do_suspend(struct app *app, int unused);
void do_ascii(struct app *app, int unused);
void do_mouse(struct app *app, int unused);

#endif
