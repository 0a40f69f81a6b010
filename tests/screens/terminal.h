/* The real program in a pseudo-terminal, its screen emulated by libvterm. */
#ifndef SCREENS_TERMINAL_H
#define SCREENS_TERMINAL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct terminal;

/* How to start: sizes, arguments and environment besides the defaults
 * (TERM, LC_ALL=C.UTF-8, a fresh XDG_STATE_HOME). */
struct terminal_options {
    int rows, columns;
    const char *const *arguments;   /* behind the program, NULL-terminated */
    const char *const *environment; /* "NAME=value", may be NULL */
    const char *state_folder;       /* NULL: a fresh one */
};

/* Never NULL: fails the test itself. */
struct terminal *terminal_start(const struct terminal_options *options);
/* Ends the program if it still runs; removes a fresh state folder. */
void terminal_stop(struct terminal *terminal);

void terminal_send(struct terminal *terminal, const char *bytes);
/* Sends, then waits until nothing is left to draw or to do. */
void terminal_press(struct terminal *terminal, const char *bytes);
/* Waits until the program says that all is still, and its output is read. */
void terminal_idle(struct terminal *terminal);
/* Waits until the text is on the screen; fails the test after a while. */
void terminal_expect(struct terminal *terminal, const char *text);
bool terminal_shows(struct terminal *terminal, const char *text);

/* The screen as UTF-8 lines, trailing blanks cut; owned by the caller. */
char *terminal_text(struct terminal *terminal);
/* One line of it. */
char *terminal_line(struct terminal *terminal, int row);

void terminal_resize(struct terminal *terminal, int rows, int columns);
/* Ctrl-Z, until the program has stopped; then fg. */
void terminal_suspend(struct terminal *terminal);
void terminal_continue(struct terminal *terminal);
void terminal_kill(struct terminal *terminal, int number);
/* Waits for the end; a wait status (WIFEXITED ...). */
int terminal_wait_exit(struct terminal *terminal);

/* --- what was seen --- */
int terminal_coloured_cells(struct terminal *terminal);
size_t terminal_other_bytes(const struct terminal *terminal); /* >= 0x80 */
bool terminal_alternate(const struct terminal *terminal); /* screen in use */
bool terminal_cursor_visible(const struct terminal *terminal);
bool terminal_echoes(const struct terminal *terminal); /* line discipline */
const char *terminal_state_folder(const struct terminal *terminal);

#endif
