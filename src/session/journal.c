/* Writing journals: one write and one fdatasync per line, under a lock. */
#include "session/journal.h"

#include "base/array.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { NAME_BYTES = 80, MAX_ATTEMPTS = 100, LOCK_ATTEMPTS = 10 };

static int fail_errno(struct error *err, const char *what, const char *path)
{
    return error_set(err, ERROR_IO, "%s: %s: %s", path, what, strerror(errno));
}

char *journal_folder(const char *folder, struct error *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *path = NULL;
    if (folder) {
        path = string_copy(folder);
    } else if (state && state[0] == '/') { /* relative ones are to be ignored */
        path = path_join(state, "espalier");
    } else if (home && home[0]) {
        path = path_join(home, ".local/state/espalier");
    } else {
        error_set(err, ERROR_IO,
                  "no place for the session's journal: neither "
                  "XDG_STATE_HOME nor HOME is set");
        return NULL;
    }
    if (!path)
        error_memory(err, NAME_BYTES);
    return path;
}

/* A new file named by time and process; a number is added while taken. */
static int create_file(struct journal *journal, const char *folder,
                       struct error *err)
{
    struct tm tm;
    time_t now = time(NULL);
    char stamp[32], name[NAME_BYTES];
    localtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
    for (int i = 0; i < MAX_ATTEMPTS; i++) {
        snprintf(name, sizeof name, "%s-%ld-%d.session", stamp, (long)getpid(),
                 i);
        journal->path = path_join(folder, name);
        if (!journal->path)
            return error_memory(err, NAME_BYTES);
        journal->descriptor =
            open(journal->path,
                 O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (journal->descriptor >= 0)
            return 0;
        if (errno != EEXIST)
            break;
        free(journal->path);
        journal->path = NULL;
    }
    return fail_errno(err, "cannot create a journal here", folder);
}

/* Somebody who only asks whether we live holds the lock for a moment, so a
 * refusal counts when it lasts. */
static int lock_file(const struct journal *journal, struct error *err)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        if (flock(journal->descriptor, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
        errno = EWOULDBLOCK;
    }
    if (errno == EWOULDBLOCK)
        return error_set(err, ERROR_IO, "%s: this session is still running",
                         journal->path);
    return fail_errno(err, "cannot lock", journal->path);
}

/* Makes the new file's name as durable as its bytes, where folders can be
 * synchronised. */
static void sync_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

int journal_create(struct journal *journal, const char *folder,
                   const char *head, struct error *err)
{
    *journal = (struct journal){.descriptor = -1};
    if (file_make_folders(folder, err) < 0)
        return -1;
    if (create_file(journal, folder, err) < 0 || lock_file(journal, err) < 0 ||
        journal_append(journal, head, err) < 0) {
        if (journal->descriptor >= 0)
            unlink(journal->path);
        journal_close(journal);
        return -1;
    }
    sync_folder(folder);
    return 0;
}

int journal_reopen(struct journal *journal, const char *path, int64_t bytes,
                   struct error *err)
{
    *journal = (struct journal){.descriptor = -1, .bytes = bytes};
    journal->path = string_copy(path);
    if (!journal->path)
        return error_memory(err, strlen(path));
    journal->descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    int result = 0;
    if (journal->descriptor < 0)
        result = fail_errno(err, "cannot write", path);
    else if (lock_file(journal, err) < 0)
        result = -1;
    else if (ftruncate(journal->descriptor, (off_t)bytes) < 0)
        result = fail_errno(err, "cannot write", path);
    if (result < 0)
        journal_close(journal);
    return result;
}

/* Whether every byte was written; errno says why not. */
static bool write_all(int descriptor, const char *data, size_t bytes)
{
    while (bytes) {
        ssize_t n = write(descriptor, data, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        bytes -= (size_t)n;
    }
    return true;
}

int journal_append(struct journal *journal, const char *lines,
                   struct error *err)
{
    size_t length = strlen(lines);
    if (journal->damaged)
        return error_set(err, ERROR_IO, "%s: an earlier write failed",
                         journal->path);
    if (write_all(journal->descriptor, lines, length) &&
        fdatasync(journal->descriptor) == 0) {
        journal->bytes += (int64_t)length;
        return 0;
    }
    fail_errno(err, "cannot write", journal->path);
    journal->damaged =
        ftruncate(journal->descriptor, (off_t)journal->bytes) < 0;
    return -1;
}

void journal_close(struct journal *journal)
{
    if (journal->descriptor >= 0)
        close(journal->descriptor);
    free(journal->path);
    *journal = (struct journal){.descriptor = -1};
}

bool journal_is_live(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool live =
        flock(descriptor, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    close(descriptor);
    return live;
}
