/*
 * The terminal: the only file behind this header that sees curses. One at a
 * time in a process; all functions belong to the thread that opened it.
 */
#ifndef UI_TERM_H
#define UI_TERM_H

#include "base/error.h"
#include "surface.h"

#include <stdint.h>

struct term;

struct term_options {
    bool no_color, no_mouse;
};

enum term_event_kind {
    TERM_TIMEOUT,
    TERM_KEY,
    TERM_RESIZE, /* also after Ctrl-Z and fg: everything is drawn again */
    TERM_CLICK,
    TERM_WHEEL,  /* key: -1 up, 1 down */
    TERM_WAKE,   /* the watched descriptor is readable */
    TERM_HANGUP, /* SIGTERM, SIGHUP, or the terminal is gone */
};

struct term_event {
    enum term_event_kind kind;
    int key; /* key.h */
    int row, column;
};

/* Whether the locale's character set is UTF-8 (setlocale was called). */
bool term_utf8(void);

/*
 * Takes the terminal over: signals are blocked outside term_wait (threads
 * started later inherit that), standard error goes to a file kept for
 * term_errors, and a crash gives the terminal back.
 * Errors: ERROR_IO without a terminal, or one that terminfo does not know.
 */
int term_open(struct term **out, const struct term_options *options,
              struct error *err);
/* Gives everything back; what was written to standard error follows. */
void term_close(struct term *term);

/* Whether cells may have colours of their own (256 of them). */
bool term_paints(const struct term *term);

void term_size(const struct term *term, int *rows, int *columns);

/*
 * Waits for a key, a signal, `watch` (-1: none) or the timeout (ns, -1: for
 * ever). SIGINT comes as the key Ctrl-C.
 */
struct term_event term_wait(struct term *term, int watch, int64_t timeout_ns);

/* Whether a key is there already (so painting can wait for it). */
bool term_pending(struct term *term);

/* Shows the surface; the cursor is hidden when cursor_row is -1. */
void term_paint(struct term *term, const struct surface *surface,
                int cursor_row, int cursor_column);
/* The next paint writes everything anew. */
void term_redraw(struct term *term);
void term_suspend(struct term *term);
void term_mouse(struct term *term, bool on);

/* Until the next call with false, Ctrl-C ends the process (while a model is
 * being opened there is nothing to lose and nobody to ask). */
void term_interruptible(struct term *term, bool on);

/* What was written to standard error since the last call: up to room - 1
 * bytes; returns how many. */
size_t term_errors(struct term *term, char *text, size_t room);

#endif
