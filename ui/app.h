/*
 * The explorer: what is drawn (view), where the user is (state), and the
 * functions that carry out what the user wants (backend). Everything but
 * term.c and explorer.c works without a terminal, a session or an engine.
 */
#ifndef UI_APP_H
#define UI_APP_H

#include "editor.h"
#include "view.h"

#include <limits.h>

enum screen_id {
    SCREEN_LAYERS,
    SCREEN_DETAIL,
    SCREEN_TRADEOFF,
    SCREEN_SENSITIVITY,
    SCREEN_TUNE,
    SCREEN_HISTORY,
    SCREEN_MESSAGES,
    SCREEN_FLIPS,
    SCREEN_ROBUSTNESS,
    SCREEN_COMPARE,
    SCREEN_COUNT,
};

enum overlay_id {
    OVERLAY_NONE,
    OVERLAY_HELP,
    OVERLAY_PROMPT,
    OVERLAY_EXPORT,
    OVERLAY_QUIT,
    OVERLAY_RESUME,
    OVERLAY_DISCARD,
    OVERLAY_REPLACE,
    OVERLAY_COUNT,
};

enum prompt_id {
    PROMPT_COMMAND,
    PROMPT_AMOUNT,
    PROMPT_GLOBAL,
    PROMPT_SNAPSHOT,
    PROMPT_SEARCH,
    PROMPT_FILTER,
    PROMPT_SCAN_FILE,
    PROMPT_PLAN,
    PROMPT_COUNT,
};

enum pane { PANE_TABLE, PANE_WEIGHTS, PANE_PLOT, PANE_HISTORY, PANE_COUNT };

enum sort {
    SORT_INDEX,
    SORT_NAME,
    SORT_OP,
    SORT_WEIGHTS,
    SORT_SPARSITY,
    SORT_SHARE,
    SORT_SPEED,
    SORT_DELTA,
    SORT_SENSITIVITY,
    SORT_COUNT,
};

enum {
    APP_MESSAGES = 200,
    APP_WORDS = 64,
    APP_WORD_BYTES = 96,
    APP_LINE_BYTES = 160,
};

struct message {
    enum role role;
    char text[240];
};

/* A list on a screen: where its cursor is and what is seen of it. */
struct list {
    int cursor, top, count, visible;
};

struct export_form {
    struct editor path, confirm;
    bool masks, recipe, report, verify;
    int field;
    char present[256]; /* names that exist: "yes" must be typed; "": none */
    bool running;
    struct engine_export_result result; /* of the last export */
    char error[256];
};

/* What warnings of a cliff remember (warn.c). */
enum { WARN_MEMORY = 64 };
struct warn_state {
    double *before; /* per layer, owned: amounts before the edit */
    double *rearm;  /* per layer, owned: warned, until the amount is below */
    double sparsity;
    size_t points;              /* variants before the edit */
    uint64_t said[WARN_MEMORY]; /* hashes of variants that were warned of */
    size_t next;
    int watched; /* variant whose figures are awaited, -1 */
};

struct state {
    enum screen_id screen, back; /* where Esc leads */
    enum overlay_id overlay;
    enum pane pane;
    bool zoom;
    bool ascii, mouse, readonly, paused;
    bool still;   /* what depends on the machine's mood is not drawn (tests) */
    bool painted; /* the terminal has 256 colours */
    enum view_reference reference;
    enum view_axis axis;
    bool show_dominated;
    double plot_zoom; /* 1: everything */
    int scan_amount;  /* column of the map of sensitivity under the cursor */
    int scan_first;   /* the first column that is seen */
    bool scan_whole;  /* the curve is that of all layers together */

    /* layers: rows in the order shown */
    int *order;          /* layer indices, owned */
    bool *marked;        /* per layer, owned */
    int64_t *remembered; /* per layer, owned: amount that `x` switched off */
    size_t layer_count;
    int range_from; /* position where `v` began, -1 */
    enum sort sort;
    bool descending;
    char search[64], filter[64];
    bool search_failed;

    enum flip_choice flip_choice;
    int severity; /* looked at, 1 … 5 */
    struct warn_state warn;
    int compare_with;       /* variant id */
    bool detail_structures; /* instead of the amounts tried */
    bool compare_criteria;  /* beside the layers: criteria, else classes */

    struct list lists[SCREEN_COUNT]; /* DETAIL, SENSITIVITY use LAYERS' */

    /* keys */
    bool prefix; /* g was pressed */
    int prefix_cursor;
    char last_amount[32]; /* for `.` */

    /* overlays */
    enum prompt_id prompt;
    struct editor editors[PROMPT_COUNT];
    struct editor help_filter;
    struct list help;
    char words[APP_WORDS][APP_WORD_BYTES]; /* completions */
    int word_count, word;                  /* -1: none chosen */
    struct export_form form;
    char resume[240]; /* the question */

    /* An edit that waits for what samples say. "": none. */
    char waiting[APP_LINE_BYTES];
    int waiting_variant; /* that it is meant for */

    /* Work that would take the place of what was interrupted, and what that
     * is; both for the question. */
    char ordered[EDITOR_BYTES], kept[APP_LINE_BYTES];

    struct message messages[APP_MESSAGES];
    int message_count;
    bool message_fresh; /* the newest is on the status line */
};

struct app;

/* What running work can be told. */
enum steering {
    STEER_KEEP,    /* end now with the best */
    STEER_MORE,    /* go on for one more */
    STEER_DISCARD, /* stop; nothing is left of it */
};

/* What an app can ask for; every function may be NULL (tests, goldens). */
struct backend {
    int (*execute)(struct app *app, const char *line,
                   struct command_result *result, struct error *err);
    void (*show)(struct app *app, int focus); /* evaluate the current one */
    void (*pause)(struct app *app, bool paused);
    void (*cancel)(struct app *app);
    int (*start_export)(struct app *app, const struct engine_export *request,
                        struct error *err);
    void (*complete)(struct app *app, const char *line,
                     void (*add)(void *context, const char *word),
                     void *context);
    int (*work)(struct app *app, const char *line, struct error *err);
    void (*stop_work)(struct app *app);
    /* What was interrupted and can go on: its line; returns the variant that it
     * is of, -1: unknown. */
    int (*kept)(struct app *app, char *line, size_t bytes);
    int (*steer)(struct app *app, enum steering what, struct error *err);
    int (*write_scan)(struct app *app, const char *path, struct error *err);
    void (*refresh)(struct app *app); /* fill the view again */
    bool (*file_exists)(struct app *app, const char *path);
    /* Names of the files that an export would replace, cut to `bytes`. */
    void (*existing)(struct app *app, const struct engine_export *request,
                     char *names, size_t bytes);
    bool (*calibrating)(
        struct app *app); /* what an edit asked for is to come */
};

struct app {
    struct view view;
    struct state state;
    const struct backend *backend;
    void *context; /* the backend's */
    int rows, columns;
    int cursor_row, cursor_column; /* of the terminal, -1: hidden */
    bool quit, dirty, redraw, suspend;
    int answer; /* of the resume question: 'y', 'n', 0 */
};

void app_init(struct app *app, const struct backend *backend, void *context);
void app_release(struct app *app);

/* To be called when the view's layers or points changed. */
int app_sync(struct app *app);

/* One key (key.h). */
void app_key(struct app *app, int key);
/* A click at a cell; `twice`: on what was already selected opens it. */
void app_click(struct app *app, int row, int column);
void app_wheel(struct app *app, int steps);

/* Draws everything into a surface of the size wanted. */
void app_draw(struct app *app, struct surface *surface);

/* --- for actions, screens and overlays --- */

/* The status line's message; also kept for the messages screen. */
void app_say(struct app *app, enum role role, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A command line: executes, says what happened, shows the new variant. */
bool app_execute(struct app *app, const char *line);
/* A line typed at the palette: an action's name or a command. */
void app_command(struct app *app, const char *line);

/* Layer under the cursor (index into view.layers), -1: none. */
int app_layer(const struct app *app);
/* The list that moves on this screen. */
struct list *app_list(struct app *app);
void list_move(struct list *list, int to);
/* Builds state.order again; keeps the cursor on its layer. */
void app_order(struct app *app);
void app_open(struct app *app, enum screen_id screen);
/* Gives the line that waited for what samples say, once that is known; for
 * every wake-up. */
void app_follow(struct app *app);
void app_prompt(struct app *app, enum prompt_id prompt, const char *text);

/* --- the program (explorer.c) --- */

struct ui_options {
    bool ascii, no_color, no_mouse;
    bool readonly;      /* nothing is decided, no journal is written */
    bool resume_any;    /* offer the last session whatever model it was about */
    const char *resume; /* a journal: go on with it without asking; or NULL */
};

/*
 * Opens the explorer on the terminal and returns the exit status: 0, or 1
 * after saying on standard error what failed.
 */
int ui_main(const struct session_options *session,
            const struct engine_options *engine,
            const struct ui_options *options);

#endif
