/*
 * Signals are let in only while ppoll waits, so that none comes between a
 * look at its flag and the wait. Keys are read from a window that is never
 * painted: wgetch refreshes the window it reads from.
 */
#define _GNU_SOURCE /* ppoll */

#include "term.h"

#include "base/array.h"
#include "key.h"
#include "theme.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#include <ncurses.h>
#include <term.h>

struct term {
    SCREEN *screen;
    WINDOW *keys; /* never painted */
    attr_t attributes[ROLE_COUNT];
    short pairs[ROLE_COUNT];
    short *painted; /* pair of each (ink, paper), 0: none yet; NULL: mono */
    short next_pair;
    int rows, columns;
    sigset_t outside, inside; /* blocked outside and inside the wait */
    sigset_t before;
    struct sigaction old[NSIG];
    FILE *errors;
    int real_stderr;
    long errors_read;
    bool mouse;
    int cursor; /* as last given to curs_set */
};

/* Signal handlers have nothing but globals: flags that term_wait takes down,
 * and what a crash needs to give the terminal back. */
static volatile sig_atomic_t signalled[NSIG];
static struct {
    struct termios modes;
    char bytes[256];
    size_t length;
    volatile sig_atomic_t armed;
} crash;

static const int watched[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP};
static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void note_signal(int number)
{
    signalled[number] = 1;
}

/* Only async-signal-safe calls; then the signal again, with its default. */
static void give_back(int number)
{
    if (crash.armed) {
        crash.armed = 0;
        ssize_t written = write(STDOUT_FILENO, crash.bytes, crash.length);
        (void)written;
        tcsetattr(STDIN_FILENO, TCSANOW, &crash.modes);
    }
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(number, &action, NULL);
    raise(number);
}

bool term_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* --- opening and closing --- */

static void add_crash_bytes(const char *capability)
{
    const char *bytes = tigetstr((NCURSES_CONST char *)(uintptr_t)capability);
    if (bytes == NULL || bytes == (const char *)-1)
        return;
    size_t length = strlen(bytes);
    if (crash.length + length > sizeof crash.bytes)
        return;
    memcpy(crash.bytes + crash.length, bytes, length);
    crash.length += length;
}

static void arm_crash(void)
{
    static char stack[64 * 1024];
    const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    crash.length = 0;
    add_crash_bytes("sgr0");
    add_crash_bytes("cnorm");
    add_crash_bytes("rmkx");
    static const char mouse_off[] = "\033[?1000l\033[?1006l";
    if (tigetstr((NCURSES_CONST char *)(uintptr_t) "kmous") > (char *)0) {
        memcpy(crash.bytes + crash.length, mouse_off, sizeof mouse_off - 1);
        crash.length += sizeof mouse_off - 1;
    }
    add_crash_bytes("rmcup");
    sigaltstack(&alternative, NULL);
    crash.armed = 1;
}

static void take_signals(struct term *term)
{
    sigemptyset(&term->outside);
    for (size_t i = 0; i < ARRAY_LENGTH(watched); i++)
        sigaddset(&term->outside, watched[i]);
    sigprocmask(SIG_BLOCK, &term->outside, &term->before);
    term->inside = term->before;
    for (size_t i = 0; i < ARRAY_LENGTH(watched); i++) {
        struct sigaction action = {.sa_handler = note_signal};
        sigdelset(&term->inside, watched[i]);
        signalled[watched[i]] = 0;
        sigaction(watched[i], &action, &term->old[watched[i]]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(fatal); i++) {
        struct sigaction action = {.sa_handler = give_back,
                                   .sa_flags = SA_ONSTACK | SA_NODEFER};
        sigaction(fatal[i], &action, &term->old[fatal[i]]);
    }
}

static void return_signals(struct term *term)
{
    for (size_t i = 0; i < ARRAY_LENGTH(watched); i++)
        sigaction(watched[i], &term->old[watched[i]], NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(fatal); i++)
        sigaction(fatal[i], &term->old[fatal[i]], NULL);
    sigprocmask(SIG_SETMASK, &term->before, NULL);
}

static void take_stderr(struct term *term)
{
    term->errors = tmpfile();
    term->real_stderr = dup(STDERR_FILENO);
    if (term->errors != NULL && term->real_stderr >= 0 && isatty(STDERR_FILENO))
        dup2(fileno(term->errors), STDERR_FILENO);
}

/* Copies what libraries wrote to where it was meant to go. */
static void return_stderr(struct term *term)
{
    char block[4096];
    size_t count;
    if (term->real_stderr >= 0)
        dup2(term->real_stderr, STDERR_FILENO);
    if (term->errors != NULL) {
        rewind(term->errors);
        while ((count = fread(block, 1, sizeof block, term->errors)) > 0) {
            ssize_t written = write(STDERR_FILENO, block, count);
            (void)written;
        }
        fclose(term->errors);
    }
    if (term->real_stderr >= 0)
        close(term->real_stderr);
}

enum { INKS = 256, LAST_PAIR = 32767 };

/* Pairs for pictures are made as they are needed; when there are no more, all
 * anew. */
static short picture_pair(struct term *term, const struct cell *cell)
{
    short *pair = &term->painted[cell->ink * INKS + cell->paper];
    int most = COLOR_PAIRS - 1 < LAST_PAIR ? COLOR_PAIRS - 1 : LAST_PAIR;
    if (*pair != 0)
        return *pair;
    if (term->next_pair > most) {
        memset(term->painted, 0, INKS * INKS * sizeof *term->painted);
        term->next_pair = ROLE_COUNT + 1;
    }
    *pair = term->next_pair++;
    init_pair(*pair, cell->ink ? cell->ink : -1,
              cell->paper ? cell->paper : -1);
    return *pair;
}

static void make_roles(struct term *term, bool no_color)
{
    static char capability[] = "colors";
    enum theme_depth depth = theme_depth(tigetnum(capability), no_color);
    /* start_color alone would paint white on black */
    if (depth != THEME_MONO &&
        (start_color() != OK || use_default_colors() != OK))
        depth = THEME_MONO;
    term->next_pair = ROLE_COUNT + 1;
    if (depth == THEME_256) /* without memory pictures are grey shades */
        term->painted = array_create(INKS * INKS, sizeof *term->painted);
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct style style = theme_style(depth, (enum role)role);
        term->attributes[role] = (style.bold ? A_BOLD : 0) |
                                 (style.dim ? A_DIM : 0) |
                                 (style.reverse ? A_REVERSE : 0) |
                                 (style.underline ? A_UNDERLINE : 0);
        if (style.colour < 0)
            continue;
        init_pair((short)(role + 1), style.colour, -1);
        term->pairs[role] = (short)(role + 1);
    }
}

/* Terminals that stay in normal mode send these, whatever terminfo says. */
static void define_arrows(void)
{
    static const struct {
        const char *bytes;
        int key;
    } arrows[] = {
        {"\033[A", KEY_UP},   {"\033[B", KEY_DOWN}, {"\033[C", KEY_RIGHT},
        {"\033[D", KEY_LEFT}, {"\033[H", KEY_HOME}, {"\033[F", KEY_END},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(arrows); i++)
        define_key(arrows[i].bytes, arrows[i].key);
}

static void set_modes(struct term *term)
{
    define_arrows();
    cbreak();
    noecho();
    nonl();
    leaveok(stdscr, FALSE);
    keypad(term->keys, TRUE);
    nodelay(term->keys, TRUE);
    curs_set(0);
    term->cursor = 0;
}

int term_open(struct term **out, const struct term_options *options,
              struct error *err)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(err, ERROR_IO,
                         "the explorer needs a terminal, found none");
    struct term *term = array_create(1, sizeof *term);
    if (term == NULL)
        return error_memory(err, sizeof *term);
    tcgetattr(STDIN_FILENO, &crash.modes);
    if (getenv("ESCDELAY") == NULL)
        set_escdelay(25);
    term->screen = newterm(NULL, stdout, stdin);
    if (term->screen == NULL) {
        free(term);
        const char *name = getenv("TERM");
        return error_set(err, ERROR_IO, "terminal '%s' is not known",
                         name ? name : "");
    }
    take_stderr(term);
    term->keys = newwin(1, 1, 0, 0);
    make_roles(term, options->no_color);
    set_modes(term);
    arm_crash();
    take_signals(term);
    getmaxyx(stdscr, term->rows, term->columns);
    term_mouse(term, !options->no_mouse);
    *out = term;
    return 0;
}

void term_close(struct term *term)
{
    if (term == NULL)
        return;
    term_mouse(term, false);
    delwin(term->keys);
    endwin();
    crash.armed = 0;
    delscreen(term->screen);
    return_signals(term);
    return_stderr(term);
    free(term->painted);
    free(term);
}

bool term_paints(const struct term *term)
{
    return term->painted != NULL;
}

void term_size(const struct term *term, int *rows, int *columns)
{
    *rows = term->rows;
    *columns = term->columns;
}

void term_mouse(struct term *term, bool on)
{
    term->mouse = on;
    mouseinterval(0);
    mousemask(on ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0,
              NULL);
}

void term_interruptible(struct term *term, bool on)
{
    (void)term;
    sigset_t interrupt;
    struct sigaction action = {.sa_handler = on ? give_back : note_signal};
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigaction(SIGINT, &action, NULL);
    sigprocmask(on ? SIG_UNBLOCK : SIG_BLOCK, &interrupt, NULL);
}

size_t term_errors(struct term *term, char *text, size_t room)
{
    ssize_t count = 0;
    if (term->errors != NULL)
        count = pread(fileno(term->errors), text, room - 1, term->errors_read);
    if (count < 0)
        count = 0;
    text[count] = '\0';
    term->errors_read += count;
    return (size_t)count;
}

/* --- events --- */

static const struct {
    int curses, key;
} key_table[] = {
    {KEY_UP, KEY_CODE_UP},
    {KEY_DOWN, KEY_CODE_DOWN},
    {KEY_LEFT, KEY_CODE_LEFT},
    {KEY_RIGHT, KEY_CODE_RIGHT},
    {KEY_HOME, KEY_CODE_HOME},
    {KEY_END, KEY_CODE_END},
    {KEY_PPAGE, KEY_CODE_PAGE_UP},
    {KEY_NPAGE, KEY_CODE_PAGE_DOWN},
    {KEY_DC, KEY_CODE_DELETE},
    {KEY_BTAB, KEY_CODE_BACK_TAB},
    {KEY_BACKSPACE, KEY_CODE_BACKSPACE},
    {KEY_ENTER, KEY_CODE_ENTER},
};

static bool read_mouse(struct term_event *event)
{
    MEVENT mouse;
    if (getmouse(&mouse) != OK)
        return false;
    event->row = mouse.y;
    event->column = mouse.x;
    event->kind = mouse.bstate & BUTTON1_PRESSED ? TERM_CLICK : TERM_WHEEL;
    event->key = mouse.bstate & BUTTON4_PRESSED ? -1 : 1;
    return true;
}

/* Whether something was read. */
static bool read_key(struct term *term, struct term_event *event)
{
    wint_t character;
    int kind = wget_wch(term->keys, &character);
    if (kind == ERR)
        return false;
    event->kind = TERM_KEY;
    event->key = (int)character;
    if (kind != KEY_CODE_YES) {
        if (event->key == '\n')
            event->key = KEY_CODE_ENTER;
        return true;
    }
    if (character == KEY_MOUSE)
        return read_mouse(event);
    for (size_t i = 0; i < ARRAY_LENGTH(key_table); i++)
        if ((wint_t)key_table[i].curses == character) {
            event->key = key_table[i].key;
            return true;
        }
    if (character > KEY_F0 && character <= KEY_F(12)) {
        event->key = KEY_CODE_F1 + (int)character - KEY_F(1);
        return true;
    }
    return false;
}

static void update_size(struct term *term)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
        size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    getmaxyx(stdscr, term->rows, term->columns);
}

void term_suspend(struct term *term)
{
    struct sigaction action = {.sa_handler = SIG_DFL}, ours;
    sigset_t stop;
    bool mouse = term->mouse;
    term_mouse(term, false);
    def_prog_mode();
    endwin();
    sigaction(SIGTSTP, &action, &ours);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL); /* here the process stops */
    sigprocmask(SIG_BLOCK, &stop, NULL);
    sigaction(SIGTSTP, &ours, NULL);
    reset_prog_mode();
    refresh();
    term_mouse(term, mouse);
    term->cursor = -1;
    signalled[SIGWINCH] = 1; /* the size may be another one */
}

/* Turns a flag into an event; whether there was one. */
static bool take_signal(struct term *term, struct term_event *event)
{
    if (signalled[SIGTERM] || signalled[SIGHUP]) {
        event->kind = TERM_HANGUP;
        return true;
    }
    if (signalled[SIGTSTP]) {
        signalled[SIGTSTP] = 0;
        term_suspend(term);
    }
    if (signalled[SIGWINCH]) {
        signalled[SIGWINCH] = 0;
        update_size(term);
        clearok(curscr, TRUE);
        event->kind = TERM_RESIZE;
        return true;
    }
    if (signalled[SIGINT]) {
        signalled[SIGINT] = 0;
        event->kind = TERM_KEY;
        event->key = KEY_CONTROL('C');
        return true;
    }
    return false;
}

struct term_event term_wait(struct term *term, int watch, int64_t timeout_ns)
{
    struct term_event event = {0};
    if (take_signal(term, &event) || read_key(term, &event))
        return event;
    struct pollfd sources[] = {{STDIN_FILENO, POLLIN, 0}, {watch, POLLIN, 0}};
    struct timespec timeout = {timeout_ns / 1000000000,
                               timeout_ns % 1000000000};
    int ready = ppoll(sources, watch < 0 ? 1 : 2,
                      timeout_ns < 0 ? NULL : &timeout, &term->inside);
    if (take_signal(term, &event))
        return event;
    if (ready > 0 && sources[0].revents & POLLIN && read_key(term, &event))
        return event;
    if (ready > 0 && sources[0].revents & (POLLHUP | POLLERR | POLLNVAL))
        event.kind = TERM_HANGUP;
    else if (ready > 0 && watch >= 0 && sources[1].revents)
        event.kind = TERM_WAKE;
    return event;
}

bool term_pending(struct term *term)
{
    (void)term;
    struct pollfd source = {STDIN_FILENO, POLLIN, 0};
    return poll(&source, 1, 0) > 0;
}

/* --- painting --- */

static void put_cell(struct term *term, int row, int column,
                     const struct cell *cell)
{
    wchar_t text[2] = {(wchar_t)cell->glyph, 0};
    cchar_t glyph;
    short pair = term->pairs[cell->role];
    if (cell->role == ROLE_PICTURE && term->painted != NULL)
        pair = picture_pair(term, cell);
    setcchar(&glyph, text, term->attributes[cell->role], pair, NULL);
    mvadd_wch(row, column, &glyph);
}

void term_paint(struct term *term, const struct surface *surface,
                int cursor_row, int cursor_column)
{
    erase();
    for (int r = 0; r < surface->rows && r < term->rows; r++) {
        const struct cell *row =
            &surface->cells[(size_t)r * (size_t)surface->columns];
        for (int c = 0; c < surface->columns && c < term->columns; c++)
            if (row[c].glyph != 0 &&
                (row[c].glyph != ' ' || row[c].role != ROLE_TEXT))
                put_cell(term, r, c, &row[c]);
    }
    int visible = cursor_row >= 0;
    if (visible != term->cursor) {
        curs_set(visible);
        term->cursor = visible;
    }
    move(visible ? cursor_row : term->rows - 1, visible ? cursor_column : 0);
    wnoutrefresh(stdscr);
    doupdate();
}

void term_redraw(struct term *term)
{
    (void)term;
    clearok(curscr, TRUE);
}
