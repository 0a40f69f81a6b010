#include "engine/scan_file.h"

#include "base/array.h"
#include "base/file.h"
#include "session/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { NAME_BYTES = 32, FILE_MODE = 0600 };

static int fail_errno(struct error *err, const char *what, const char *path)
{
    return error_set(err, ERROR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* Where scans lie; NULL: there is no state folder. */
static char *folder_of(const char *state)
{
    char *base = journal_folder(state, NULL);
    char *folder = base ? path_join(base, "scans") : NULL;
    free(base);
    return folder;
}

static char *name_in(const char *folder, uint64_t key)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%016" PRIx64 ".csv", key);
    return path_join(folder, name);
}

/* The path; NULL without an error: there is no state folder. */
static char *path_of(const char *state, uint64_t key, struct error *err)
{
    char *folder = folder_of(state), *path = NULL;
    if (folder && file_make_folders(folder, err) == 0) {
        path = name_in(folder, key);
        if (!path)
            error_memory(err, NAME_BYTES);
    }
    free(folder);
    return path;
}

bool scan_file_any(const char *state)
{
    char *folder = folder_of(state);
    DIR *directory = folder ? opendir(folder) : NULL;
    const struct dirent *entry;
    bool any = false;
    while (directory && !any && (entry = readdir(directory)))
        any = entry->d_name[0] != '.';
    if (directory)
        closedir(directory);
    free(folder);
    return any;
}

int scan_file_read(struct sensitivity *table, const char *state,
                   struct error *err)
{
    char *folder = folder_of(state);
    char *path = folder ? name_in(folder, table->key) : NULL;
    int code = 0;
    char *text = NULL;
    size_t bytes;
    if (path && file_exists(path)) {
        code = file_read(&text, &bytes, path, err);
        code = code < 0
                   ? error_prefix(err, "%s", path)
                   : sensitivity_parse(table, path, text, bytes, NULL, err);
    }
    free(text);
    free(path);
    free(folder);
    return code;
}

static int write_all(struct scan_file *file, const struct strbuf *text,
                     struct error *err)
{
    if (text->failed)
        return error_memory(err, text->length);
    ssize_t written = write(file->descriptor, text->text, text->length);
    if (written != (ssize_t)text->length)
        return fail_errno(err, "cannot write", file->path);
    return 0;
}

static int write_heading(struct scan_file *file, struct error *err)
{
    struct strbuf heading = {0};
    sensitivity_heading(&heading);
    int code = write_all(file, &heading, err);
    strbuf_release(&heading);
    return code;
}

/* Under the lock: reads what is there, cuts off what was torn. */
static int take_over(struct scan_file *file, struct sensitivity *table,
                     bool restart, struct error *err)
{
    char *text;
    size_t bytes, complete = 0;
    if (restart && ftruncate(file->descriptor, 0) < 0)
        return fail_errno(err, "cannot truncate", file->path);
    if (file_read(&text, &bytes, file->path, err) < 0)
        return error_prefix(err, "%s", file->path);
    int code =
        sensitivity_parse(table, file->path, text, bytes, &complete, err);
    free(text);
    if (code < 0)
        return -1;
    if (complete < bytes && ftruncate(file->descriptor, (off_t)complete) < 0)
        return fail_errno(err, "cannot truncate", file->path);
    return complete ? 0 : write_heading(file, err);
}

int scan_file_open(struct scan_file *file, struct sensitivity *table,
                   const char *folder, bool restart, struct error *err)
{
    struct error none = {0};
    *file = (struct scan_file){.descriptor = -1};
    file->path = path_of(folder, table->key, &none);
    if (!file->path) {
        if (none.code == ERROR_NONE)
            return 0;
        *err = none;
        return -1;
    }
    file->descriptor =
        open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (file->descriptor < 0) {
        fail_errno(err, "cannot open", file->path);
        scan_file_close(file);
        return -1;
    }
    int code = -1;
    if (flock(file->descriptor, LOCK_EX) == 0) {
        code = take_over(file, table, restart, err);
        flock(file->descriptor, LOCK_UN);
    } else {
        fail_errno(err, "cannot lock", file->path);
    }
    if (code < 0)
        scan_file_close(file);
    return code;
}

int scan_file_add(struct scan_file *file, const struct sensitivity *table,
                  const struct sensitivity_point *point, struct error *err)
{
    if (file->descriptor < 0)
        return 0;
    struct strbuf line = {0};
    sensitivity_line(&line, table, point);
    int code = write_all(file, &line, err);
    strbuf_release(&line);
    return code;
}

void scan_file_close(struct scan_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    free(file->path);
    *file = (struct scan_file){.descriptor = -1};
}
