#include "session/files.h"

#include "base/array.h"
#include "base/file.h"
#include "session/parts.h"
#include "session/work.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".session";
enum { SUFFIX = sizeof suffix - 1, HASH_DIGITS = 16, TORN = 7 };

static bool is_journal(const char *name)
{
    size_t length = strlen(name);
    return length > SUFFIX && !strcmp(name + length - SUFFIX, suffix);
}

/* Whether `rest`, which stands behind a session's name, is that of a file kept
 * beside its journal: -HASH.npz, -tune.npz, -figures.txt, and .XXXXXX of a torn
 * write. */
static bool is_kept(const char *rest)
{
    size_t digits = 0;
    if (*rest != '-')
        return false;
    while (isxdigit((unsigned char)rest[1 + digits]))
        digits++;
    const char *end = rest + 1 + digits;
    if (!strncmp(rest, SESSION_TUNE_SUFFIX, sizeof SESSION_TUNE_SUFFIX - 1))
        end = rest + sizeof SESSION_TUNE_SUFFIX - 1;
    else if (!strcmp(rest, SESSION_FIGURES_SUFFIX))
        return true;
    else if (digits == HASH_DIGITS && !strncmp(end, ".npz", 4))
        end += 4;
    else
        return false;
    return !*end || (*end == '.' && strlen(end) == TORN);
}

/* How much of a file's name is its session's; 0: it belongs to none. */
static size_t stem_of(const char *name)
{
    size_t stem = strcspn(name, ".");
    if (is_journal(name))
        return stem;
    while (stem && name[stem] != '-')
        stem--;
    return is_kept(name + stem) ? stem : 0;
}

static bool is_of(const struct session_files *files, const char *name,
                  size_t stem)
{
    const char *own = path_name(files->path);
    return strcspn(own, ".") == stem && !strncmp(own, name, stem);
}

/* The session that a file belongs to, a new one if it is the first of it. */
static struct session_files *find(struct session_list *list, const char *folder,
                                  const char *name, size_t stem)
{
    for (size_t i = 0; i < list->count; i++)
        if (is_of(&list->items[i], name, stem))
            return &list->items[i];
    struct strbuf journal = {0};
    strbuf_addf(&journal, "%s/%.*s%s", folder, (int)stem, name, suffix);
    char *path = strbuf_take(&journal);
    strbuf_release(&journal);
    if (!path || array_reserve(&list->items, &list->capacity, list->count + 1,
                               sizeof *list->items) < 0) {
        free(path);
        return NULL;
    }
    list->items[list->count] = (struct session_files){.path = path};
    return &list->items[list->count++];
}

static void read_journal(struct session_files *files)
{
    struct journal_text text;
    files->running = journal_is_live(files->path);
    if (journal_read(&text, files->path, NULL) < 0)
        return;
    files->commands = session_count_commands(&text);
    files->model_path = text.head.model_path;
    text.head.model_path = NULL;
    journal_text_release(&text);
}

static int add_file(struct session_list *list, const char *folder,
                    const char *name, struct error *err)
{
    struct stat info;
    size_t stem = stem_of(name);
    char *path = stem ? path_join(folder, name) : NULL;
    struct session_files *files = NULL;
    if (!stem)
        return 0;
    bool there = path && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    if (there)
        files = find(list, folder, name, stem);
    int code = path && (files || !there) ? 0 : error_memory(err, strlen(name));
    if (files) {
        files->bytes += info.st_size;
        if (info.st_mtime > files->modified)
            files->modified = info.st_mtime;
        if (!strcmp(name + stem, SESSION_TUNE_SUFFIX))
            files->tune_bytes = info.st_size;
        if (is_journal(name))
            read_journal(files);
    }
    free(path);
    return code;
}

static int newest_first(const void *a, const void *b)
{
    const struct session_files *x = a, *y = b;
    if (x->modified != y->modified)
        return x->modified < y->modified ? 1 : -1;
    return strcmp(y->path, x->path);
}

int session_list_read(struct session_list *list, const char *folder,
                      struct error *err)
{
    *list = (struct session_list){0};
    char *own = journal_folder(folder, err);
    const struct dirent *entry;
    if (!own)
        return -1;
    int code = 0;
    DIR *directory = opendir(own);
    if (!directory && errno != ENOENT)
        code = error_set(err, ERROR_IO, "%s: cannot read: %s", own,
                         strerror(errno));
    while (code == 0 && directory && (entry = readdir(directory)))
        code = add_file(list, own, entry->d_name, err);
    if (directory)
        closedir(directory);
    free(own);
    if (code < 0)
        session_list_release(list);
    else if (list->count)
        qsort(list->items, list->count, sizeof *list->items, newest_first);
    return code;
}

void session_list_release(struct session_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
        free(list->items[i].model_path);
    }
    free(list->items);
    *list = (struct session_list){0};
}

static int remove_file(const char *folder, const char *name, int64_t *bytes,
                       struct error *err)
{
    char *path = path_join(folder, name);
    if (!path)
        return error_memory(err, strlen(name));
    int64_t size = file_size(path);
    int code = unlink(path) == 0
                   ? 0
                   : error_set(err, ERROR_IO, "%s: cannot remove: %s", path,
                               strerror(errno));
    if (code == 0 && size > 0)
        *bytes += size;
    free(path);
    return code;
}

int session_remove(const char *path, int64_t *bytes, struct error *err)
{
    const char *own = path_name(path);
    size_t stem = stem_of(own);
    const struct dirent *entry;
    int code = 0, removed = 0;
    if (!is_journal(own) || !stem)
        return error_set(err, ERROR_USAGE,
                         "%s: found no name of a session, expected NAME%s",
                         path, suffix);
    if (journal_is_live(path))
        return error_set(err, ERROR_IO, "%s: this session is still running",
                         path);
    char *folder = path_folder(path);
    DIR *directory = folder ? opendir(folder) : NULL;
    while (code == 0 && directory && (entry = readdir(directory))) {
        const char *name = entry->d_name;
        if (stem_of(name) != stem || strncmp(name, own, stem) != 0 ||
            (is_journal(name) && strcmp(name, own) != 0))
            continue;
        code = remove_file(folder, name, bytes, err);
        removed++;
    }
    if (directory)
        closedir(directory);
    free(folder);
    return code == 0 && !removed
               ? error_set(err, ERROR_IO, "%s: there is no such session", path)
               : code;
}
