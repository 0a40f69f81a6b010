/* One line at the bottom: commands with completion, amounts, names, search. */
#include "action.h"
#include "key.h"
#include "screen.h"

#include "base/array.h"

#include <stdio.h>
#include <string.h>

static void accept_amount(struct app *app, const char *text)
{
    char amount[APP_WORD_BYTES];
    size_t length = strlen(text);
    bool plain = length > 0 && strspn(text, "0123456789.") == length;
    /* a bare number is a percentage, as the prompt says */
    snprintf(amount, sizeof amount, "%.80s%s", text, plain ? "%" : "");
    if (app->state.prompt == PROMPT_GLOBAL)
        edit_global(app, amount);
    else
        edit_amount(app, amount);
}

static void accept_name(struct app *app, const char *text)
{
    char line[EDITOR_BYTES + 16];
    snprintf(line, sizeof line, "snapshot %s", text);
    app_execute(app, line);
}

static void accept_search(struct app *app, const char *text)
{
    struct state *state = &app->state;
    snprintf(state->search, sizeof state->search, "%s", text);
    do_search_next(app, 1);
}

static void accept_filter(struct app *app, const char *text)
{
    struct state *state = &app->state;
    snprintf(state->filter, sizeof state->filter, "%s", text);
    app_order(app);
}

/* One row a prompt. */
static const struct {
    const char *label, *hint;
    void (*accept)(struct app *app, const char *text);
    bool empty_too; /* an empty line means something */
} prompts[PROMPT_COUNT] = {
    [PROMPT_COMMAND] = {":", "", app_command, false},
    [PROMPT_AMOUNT] = {"sparsity: ",
                       "85 or 85% of the weights; +5% and -5% are relative",
                       accept_amount, false},
    [PROMPT_GLOBAL] = {"global: ",
                       "one ranking over the marked layers, or all: 60%",
                       accept_amount, false},
    [PROMPT_SNAPSHOT] = {"name: ", "for this variant; goto NAME returns to it",
                         accept_name, false},
    [PROMPT_SEARCH] = {"/", "part of a layer's name, or a glob", accept_search,
                       false},
    [PROMPT_FILTER] = {"filter: ",
                       "part of a name or operator; empty shows all",
                       accept_filter, true},
    [PROMPT_SCAN_FILE] = {"file: ",
                          "all points that were scanned, as comma-separated "
                          "lines",
                          scan_accept_file, false},
    [PROMPT_PLAN] = {"budget: ",
                     "drop 1.0 by sensitivity: one floor; macs=50% by hull: "
                     "marginal gain",
                     scan_accept_plan, false},
};

static void add_word(void *context, const char *word)
{
    struct state *state = context;
    if (state->word_count < APP_WORDS)
        snprintf(state->words[state->word_count++], APP_WORD_BYTES, "%s", word);
}

/* What could stand where the cursor is: commands and layers from the
 * session, and actions at the line's beginning. */
static void collect_words(struct app *app)
{
    struct state *state = &app->state;
    const struct editor *editor = &state->editors[PROMPT_COMMAND];
    char line[EDITOR_BYTES];
    snprintf(line, sizeof line, "%.*s", (int)editor->cursor, editor->text);
    state->word_count = 0;
    state->word = -1;
    if (app->backend->complete != NULL)
        app->backend->complete(app, line, add_word, state);
    if (strpbrk(line, " ;") != NULL)
        return;
    for (const struct action *a = actions; a->name != NULL; a++)
        if ((a->contexts & 1u << state->screen) &&
            strncmp(a->name, line, strlen(line)) == 0) {
            bool known = false;
            for (int i = 0; i < state->word_count; i++)
                known = known || strcmp(state->words[i], a->name) == 0;
            if (!known)
                add_word(state, a->name);
        }
}

/* The synopsis of the command that the line begins with. */
static const char *synopsis(const char *line, const char **help)
{
    size_t length = strcspn(line, " ;");
    for (const struct command_info *i = session_commands(); i->name != NULL;
         i++)
        if (strlen(i->name) == length && strncmp(i->name, line, length) == 0) {
            *help = i->help;
            return i->synopsis;
        }
    for (const struct action *a = actions; a->name != NULL; a++)
        if (strlen(a->name) == length && strncmp(a->name, line, length) == 0) {
            *help = a->help;
            return a->name;
        }
    return NULL;
}

static void draw_words(struct app *app, struct surface *surface)
{
    const struct state *state = &app->state;
    int rows = state->word_count < 8 ? state->word_count : 8;
    int bottom = surface->rows - 2, width = 0;
    const char *help = NULL;
    const char *usage = synopsis(state->editors[PROMPT_COMMAND].text, &help);
    surface_fill(surface, bottom, 0, 1, surface->columns, ROLE_TEXT, ' ');
    if (usage != NULL)
        surface_printf(surface, bottom, 1, -1, ROLE_DIM, "%s - %s", usage,
                       help);
    else
        surface_text(surface, bottom, 1, -1, ROLE_DIM,
                     "a command, or an action's name; Tab completes, Up is "
                     "history, Esc closes");
    if (rows == 0)
        return;
    int top = layout_scroll(0, state->word, rows, state->word_count);
    for (int i = 0; i < rows; i++) {
        int own = surface_width(state->words[top + i]);
        width = own > width ? own : width;
    }
    struct rect box = {bottom - rows - 2, 0, rows + 2, width + 5};
    widget_box(surface, box, NULL);
    for (int i = 0; i < rows; i++) {
        bool chosen = top + i == state->word;
        surface_text(surface, box.row + 1 + i, 2, width,
                     chosen ? ROLE_CURSOR : ROLE_TEXT, state->words[top + i]);
        if (chosen)
            surface_put(surface, box.row + 1 + i, 1, ROLE_NOW, 0x25b8);
    }
}

void prompt_draw(struct app *app, struct surface *surface)
{
    struct state *state = &app->state;
    int row = surface->rows - 1;
    surface_fill(surface, row, 0, 1, surface->columns, ROLE_TEXT, ' ');
    if (state->prompt == PROMPT_COMMAND) {
        draw_words(app, surface);
    } else {
        surface_fill(surface, row - 1, 0, 1, surface->columns, ROLE_TEXT, ' ');
        surface_text(surface, row - 1, 1, -1, ROLE_DIM,
                     prompts[state->prompt].hint);
    }
    int column = surface_text(surface, row, 0, -1, ROLE_KEY,
                              prompts[state->prompt].label);
    app->cursor_row = row;
    app->cursor_column = editor_draw(&state->editors[state->prompt], surface,
                                     row, column, surface->columns - column);
}

/* The longest beginning that all words share. */
static void common_start(const struct state *state, char *start)
{
    snprintf(start, APP_WORD_BYTES, "%s", state->words[0]);
    for (int i = 1; i < state->word_count; i++) {
        size_t same = 0;
        while (start[same] && start[same] == state->words[i][same])
            same++;
        start[same] = '\0';
    }
}

static void complete(struct app *app, int step)
{
    struct state *state = &app->state;
    struct editor *editor = &state->editors[PROMPT_COMMAND];
    char start[APP_WORD_BYTES];
    if (state->word_count == 0)
        collect_words(app);
    if (state->word_count == 0)
        return;
    if (state->word_count == 1) {
        editor_complete(editor, state->words[0]);
        editor_key(editor, ' ');
        collect_words(app);
        return;
    }
    common_start(state, start);
    size_t typed = editor->cursor;
    while (typed > 0 && strchr(" ;", editor->text[typed - 1]) == NULL)
        typed--;
    if (state->word < 0 && strlen(start) > editor->cursor - typed) {
        editor_complete(editor, start);
        return;
    }
    state->word = (state->word + step + state->word_count) % state->word_count;
    editor_complete(editor, state->words[state->word]);
}

static void accept(struct app *app)
{
    struct state *state = &app->state;
    struct editor *editor = &state->editors[state->prompt];
    char text[EDITOR_BYTES];
    memcpy(text, editor->text, sizeof text);
    for (size_t end = strlen(text); end > 0 && text[end - 1] == ' '; end--)
        text[end - 1] = '\0';
    editor_remember(editor);
    state->overlay = OVERLAY_NONE;
    if (text[0] != '\0' || prompts[state->prompt].empty_too)
        prompts[state->prompt].accept(app, text);
}

void prompt_key(struct app *app, int key)
{
    struct state *state = &app->state;
    struct editor *editor = &state->editors[state->prompt];
    bool command = state->prompt == PROMPT_COMMAND;
    if (key == KEY_CODE_ESCAPE || key == KEY_CONTROL('C') ||
        (key == KEY_CODE_BACKSPACE && editor->length == 0)) {
        state->overlay = OVERLAY_NONE;
    } else if (key == KEY_CODE_ENTER) {
        accept(app);
    } else if (command && key == KEY_CODE_TAB) {
        complete(app, 1);
    } else if (command && key == KEY_CODE_BACK_TAB) {
        complete(app, -1);
    } else if (editor_key(editor, key)) {
        if (command)
            collect_words(app);
        else if (state->prompt == PROMPT_FILTER)
            accept_filter(app, editor->text); /* seen while typing */
    }
}
