/*
 * forkpty gives a session leader; it starts the program in a process group
 * of its own, as a shell does, because the kernel discards Ctrl-Z in a group
 * that has nobody to continue it.
 */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <vterm.h>

enum { SYNC_FD = 9, TIMEOUT_MS = 60000, QUIET_MS = 25 };

struct terminal {
    int master, sync, events; /* pty; stillness; 's' stopped, 'x' ended */
    pid_t shim, program;
    VTerm *emulator;
    VTermScreen *screen;
    int rows, columns;
    bool alternate, cursor, ended, remove_state;
    int status;
    size_t other_bytes;
    char state[64];
};

/* --- the shim --- */

static volatile sig_atomic_t told_to_continue;

static void note_continue(int number)
{
    (void)number;
    told_to_continue = 1;
}

struct event {
    char kind; /* 'p' pid, 's' stopped, 'x' ended */
    int value;
};

static void report_event(int fd, char kind, int value)
{
    const struct event event = {kind, value};
    if (write(fd, &event, sizeof event) != (ssize_t)sizeof event)
        _exit(99);
}

static void run_program(char *const *arguments, const char *const *extra)
{
    setpgid(0, 0);
    tcsetpgrp(0, getpid());
    signal(SIGTTOU, SIG_DFL);
    for (; extra != NULL && *extra != NULL; extra++) {
        char *copy = strdup(*extra);
        putenv(copy);
    }
    execv(arguments[0], arguments);
    _exit(127);
}

static void run_shim(int events, char *const *arguments,
                     const char *const *extra)
{
    struct sigaction action = {.sa_handler = note_continue};
    signal(SIGTTOU, SIG_IGN);
    sigaction(SIGUSR1, &action, NULL);
    pid_t program = fork();
    if (program == 0)
        run_program(arguments, extra);
    report_event(events, 'p', program);
    for (;;) {
        int status;
        pid_t who = waitpid(program, &status, WUNTRACED);
        if (told_to_continue) {
            told_to_continue = 0;
            tcsetpgrp(0, program);
            kill(-program, SIGCONT);
        }
        if (who < 0)
            continue;
        if (WIFSTOPPED(status)) {
            report_event(events, 's', 0);
            continue;
        }
        report_event(events, 'x', status);
        _exit(0);
    }
}

/* --- the emulator --- */

static int set_property(VTermProp property, VTermValue *value, void *user)
{
    struct terminal *terminal = user;
    if (property == VTERM_PROP_ALTSCREEN)
        terminal->alternate = value->boolean;
    if (property == VTERM_PROP_CURSORVISIBLE)
        terminal->cursor = value->boolean;
    return 1;
}

static void read_output(struct terminal *terminal)
{
    char block[8192], answer[256];
    ssize_t count = read(terminal->master, block, sizeof block);
    if (count <= 0)
        return;
    for (ssize_t i = 0; i < count; i++)
        terminal->other_bytes += (unsigned char)block[i] >= 0x80;
    vterm_input_write(terminal->emulator, block, (size_t)count);
    size_t reply = vterm_output_read(terminal->emulator, answer, sizeof answer);
    if (reply > 0 && write(terminal->master, answer, reply) < 0)
        fail_msg("cannot answer the program");
}

static void read_event(struct terminal *terminal, char *last)
{
    struct event event;
    if (read(terminal->events, &event, sizeof event) != (ssize_t)sizeof event)
        return;
    if (event.kind == 'p')
        terminal->program = event.value;
    if (event.kind == 'x') {
        terminal->ended = true;
        terminal->status = event.value;
    }
    *last = event.kind;
}

static int64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Reads whatever comes within `timeout`; what it was: 'o' output, '.' still,
 * or an event's kind; 0 when nothing came. */
static char pump(struct terminal *terminal, int timeout)
{
    struct pollfd sources[] = {{terminal->master, POLLIN, 0},
                               {terminal->sync, POLLIN, 0},
                               {terminal->events, POLLIN, 0}};
    char kind = 0, byte;
    if (poll(sources, 3, timeout) <= 0)
        return 0;
    if (sources[0].revents & POLLIN) {
        read_output(terminal);
        return 'o';
    }
    if (sources[1].revents & POLLIN && read(terminal->sync, &byte, 1) == 1)
        return byte;
    if (sources[2].revents & POLLIN)
        read_event(terminal, &kind);
    return kind;
}

static void fail_with_screen(struct terminal *terminal, const char *what)
{
    char *text = terminal_text(terminal);
    print_error("%s; the screen was:\n%s", what, text);
    free(text);
    kill(terminal->program, SIGKILL);
    fail();
}

/* Until something of that kind comes. */
static void pump_until(struct terminal *terminal, char wanted, const char *what)
{
    int64_t end = now_ms() + TIMEOUT_MS;
    while (now_ms() < end) {
        char kind = pump(terminal, 100);
        if (kind == wanted)
            return;
        if (terminal->ended && wanted != 'x')
            fail_with_screen(terminal, "the program ended");
    }
    fail_with_screen(terminal, what);
}

static void drain(struct terminal *terminal)
{
    while (pump(terminal, QUIET_MS) != 0)
        continue;
}

/* --- starting and stopping --- */

static void set_defaults(const struct terminal *terminal)
{
    static const char *const cleared[] = {"LINES",    "COLUMNS", "ESCDELAY",
                                          "NO_COLOR", "LANG",    "LC_CTYPE"};
    char number[16];
    for (size_t i = 0; i < sizeof cleared / sizeof *cleared; i++)
        unsetenv(cleared[i]);
    snprintf(number, sizeof number, "%d", SYNC_FD);
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("XDG_STATE_HOME", terminal->state, 1);
    setenv("ESPALIER_TEST_SYNC_FD", number, 1);
}

static void start_process(struct terminal *terminal,
                          const struct terminal_options *options)
{
    const char *program = getenv("ESPALIER");
    char *arguments[32] = {0};
    arguments[0] = strdup(program ? program : "build/release/espalier");
    for (int i = 0; options->arguments[i] != NULL && i < 30; i++)
        arguments[i + 1] = strdup(options->arguments[i]);
    int sync[2], events[2];
    if (pipe(sync) != 0 || pipe(events) != 0)
        fail_msg("pipe: %s", strerror(errno));
    const struct winsize size = {.ws_row = (unsigned short)options->rows,
                                 .ws_col = (unsigned short)options->columns};
    terminal->shim = forkpty(&terminal->master, NULL, NULL, &size);
    if (terminal->shim < 0)
        fail_msg("forkpty: %s", strerror(errno));
    if (terminal->shim == 0) {
        dup2(sync[1], SYNC_FD);
        fcntl(events[1], F_SETFD, FD_CLOEXEC);
        set_defaults(terminal);
        run_shim(events[1], arguments, options->environment);
    }
    close(sync[1]);
    close(events[1]);
    terminal->sync = sync[0];
    terminal->events = events[0];
    for (int i = 0; arguments[i] != NULL; i++)
        free(arguments[i]);
}

struct terminal *terminal_start(const struct terminal_options *options)
{
    static const VTermScreenCallbacks callbacks = {.settermprop = set_property};
    struct terminal *terminal = calloc(1, sizeof *terminal);
    assert_non_null(terminal);
    terminal->rows = options->rows;
    terminal->columns = options->columns;
    terminal->cursor = true;
    if (options->state_folder != NULL) {
        snprintf(terminal->state, sizeof terminal->state, "%s",
                 options->state_folder);
    } else {
        snprintf(terminal->state, sizeof terminal->state,
                 "/tmp/espalier-screens-XXXXXX");
        assert_non_null(mkdtemp(terminal->state));
        terminal->remove_state = true;
    }
    terminal->emulator = vterm_new(options->rows, options->columns);
    vterm_set_utf8(terminal->emulator, 1);
    terminal->screen = vterm_obtain_screen(terminal->emulator);
    vterm_screen_set_callbacks(terminal->screen, &callbacks, terminal);
    vterm_screen_enable_altscreen(terminal->screen, 1);
    vterm_screen_reset(terminal->screen, 1);
    start_process(terminal, options);
    pump_until(terminal, 'p', "the program did not start");
    return terminal;
}

static void remove_folder(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

void terminal_stop(struct terminal *terminal)
{
    if (terminal == NULL)
        return;
    if (!terminal->ended) {
        kill(terminal->program, SIGCONT);
        kill(terminal->program, SIGKILL);
        terminal_wait_exit(terminal);
    }
    waitpid(terminal->shim, NULL, 0);
    close(terminal->master);
    close(terminal->sync);
    close(terminal->events);
    vterm_free(terminal->emulator);
    if (terminal->remove_state)
        remove_folder(terminal->state);
    free(terminal);
}

/* --- driving --- */

void terminal_send(struct terminal *terminal, const char *bytes)
{
    size_t length = strlen(bytes);
    if (write(terminal->master, bytes, length) != (ssize_t)length)
        fail_with_screen(terminal, "the program takes no keys");
}

void terminal_idle(struct terminal *terminal)
{
    pump_until(terminal, '.', "the program did not come to rest");
    drain(terminal);
}

void terminal_press(struct terminal *terminal, const char *bytes)
{
    drain(terminal);
    terminal_send(terminal, bytes);
    terminal_idle(terminal);
}

bool terminal_shows(struct terminal *terminal, const char *text)
{
    char *screen = terminal_text(terminal);
    bool found = strstr(screen, text) != NULL;
    free(screen);
    return found;
}

void terminal_expect(struct terminal *terminal, const char *text)
{
    int64_t end = now_ms() + TIMEOUT_MS;
    while (!terminal_shows(terminal, text)) {
        if (now_ms() > end || terminal->ended) {
            print_error("'%s' did not come\n", text);
            fail_with_screen(terminal, "a text was expected");
        }
        pump(terminal, 100);
    }
}

void terminal_resize(struct terminal *terminal, int rows, int columns)
{
    const struct winsize size = {.ws_row = (unsigned short)rows,
                                 .ws_col = (unsigned short)columns};
    drain(terminal);
    vterm_set_size(terminal->emulator, rows, columns);
    terminal->rows = rows;
    terminal->columns = columns;
    ioctl(terminal->master, TIOCSWINSZ, &size);
    terminal_idle(terminal);
}

void terminal_suspend(struct terminal *terminal)
{
    terminal_send(terminal, "\x1a");
    pump_until(terminal, 's', "Ctrl-Z did not stop the program");
    drain(terminal);
}

void terminal_continue(struct terminal *terminal)
{
    kill(terminal->shim, SIGUSR1);
    terminal_idle(terminal);
}

void terminal_kill(struct terminal *terminal, int number)
{
    kill(terminal->program, number);
}

int terminal_wait_exit(struct terminal *terminal)
{
    int64_t end = now_ms() + TIMEOUT_MS;
    while (!terminal->ended && now_ms() < end)
        pump(terminal, 100);
    drain(terminal);
    if (!terminal->ended)
        fail_with_screen(terminal, "the program did not end");
    return terminal->status;
}

/* --- looking --- */

static size_t add_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t count = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[count] | c);
    return count;
}

char *terminal_line(struct terminal *terminal, int row)
{
    char *text = calloc((size_t)terminal->columns * 4 + 1, 1);
    size_t length = 0, used = 0;
    assert_non_null(text);
    for (int c = 0; c < terminal->columns; c++) {
        VTermScreenCell cell;
        const VTermPos place = {row, c};
        vterm_screen_get_cell(terminal->screen, place, &cell);
        if (cell.chars[0] == (uint32_t)-1)
            continue; /* right half of a wide glyph */
        uint32_t glyph = cell.chars[0] ? cell.chars[0] : ' ';
        length += add_utf8(text + length, glyph);
        if (glyph != ' ')
            used = length;
    }
    text[used] = '\0';
    return text;
}

char *terminal_text(struct terminal *terminal)
{
    size_t room =
        (size_t)terminal->rows * ((size_t)terminal->columns * 4 + 1) + 1;
    char *text = calloc(room, 1);
    size_t length = 0;
    assert_non_null(text);
    for (int r = 0; r < terminal->rows; r++) {
        char *line = terminal_line(terminal, r);
        length += (size_t)snprintf(text + length, room - length, "%s\n", line);
        free(line);
    }
    return text;
}

int terminal_coloured_cells(struct terminal *terminal)
{
    int count = 0;
    for (int r = 0; r < terminal->rows; r++)
        for (int c = 0; c < terminal->columns; c++) {
            VTermScreenCell cell;
            const VTermPos place = {r, c};
            vterm_screen_get_cell(terminal->screen, place, &cell);
            count += !VTERM_COLOR_IS_DEFAULT_FG(&cell.fg) ||
                     !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg);
        }
    return count;
}

size_t terminal_other_bytes(const struct terminal *terminal)
{
    return terminal->other_bytes;
}

bool terminal_alternate(const struct terminal *terminal)
{
    return terminal->alternate;
}

bool terminal_cursor_visible(const struct terminal *terminal)
{
    return terminal->cursor;
}

bool terminal_echoes(const struct terminal *terminal)
{
    struct termios modes;
    return tcgetattr(terminal->master, &modes) == 0 &&
           (modes.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON);
}

const char *terminal_state_folder(const struct terminal *terminal)
{
    return terminal->state;
}
