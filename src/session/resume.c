/* Going on with what another process left behind. */
#include "base/array.h"
#include "base/file.h"
#include "session/work.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".session";

void session_leftover_release(struct session_leftover *leftover)
{
    free(leftover->path);
    free(leftover->model_path);
    free(leftover->data_path);
    *leftover = (struct session_leftover){0};
}

/* Lines that only the session itself writes. */
static bool is_own_line(const char *line)
{
    return !strcmp(line, "close") || !strncmp(line, "saved ", 6) ||
           session_is_adoption(line);
}

int session_count_commands(const struct journal_text *text)
{
    int commands = 0;
    for (size_t i = 0; i < text->count; i++)
        commands +=
            !is_own_line(text->lines[i]) || session_is_adoption(text->lines[i]);
    return commands;
}

/* Whether `path` can be resumed for the model; the leftover is filled then,
 * taking the head's strings. */
static bool read_leftover(struct session_leftover *leftover, const char *path,
                          const char *model_path)
{
    struct stat st;
    struct journal_text text;
    if (stat(path, &st) < 0 || journal_is_live(path) ||
        journal_read(&text, path, NULL) < 0)
        return false;
    int commands = session_count_commands(&text);
    bool wanted = !text.closed && commands > 0 &&
                  (!model_path || !strcmp(model_path, text.head.model_path));
    *leftover = (struct session_leftover){0};
    if (wanted) {
        leftover->path = string_copy(path);
        leftover->model_path = text.head.model_path;
        leftover->data_path = text.head.data_path;
        leftover->commands = commands;
        leftover->modified = (int64_t)st.st_mtime;
        text.head.model_path = text.head.data_path = NULL;
    }
    journal_text_release(&text);
    return wanted && leftover->path;
}

/* Names begin with the time of their making and order those of one second. */
static bool is_newer(const struct session_leftover *a,
                     const struct session_leftover *b)
{
    if (!b->path || a->modified != b->modified)
        return !b->path || a->modified > b->modified;
    return strcmp(a->path, b->path) > 0;
}

static bool is_journal_name(const char *name)
{
    size_t length = strlen(name), end = strlen(suffix);
    return length > end && !strcmp(name + length - end, suffix);
}

bool session_find_leftover(const char *state_folder, const char *model_path,
                           struct session_leftover *leftover)
{
    *leftover = (struct session_leftover){0};
    char *folder = journal_folder(state_folder, NULL);
    char *model = model_path ? session_real_path(model_path) : NULL;
    DIR *directory = folder ? opendir(folder) : NULL;
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        struct session_leftover found = {0};
        char *path = is_journal_name(entry->d_name)
                         ? path_join(folder, entry->d_name)
                         : NULL;
        if (path && read_leftover(&found, path, model) &&
            is_newer(&found, leftover)) {
            session_leftover_release(leftover);
            *leftover = found;
            found = (struct session_leftover){0};
        }
        session_leftover_release(&found);
        free(path);
    }
    if (directory)
        closedir(directory);
    free(folder);
    free(model);
    return leftover->path != NULL;
}

/* An atomic write that a kill cut short: NAME.npz.XXXXXX. */
static bool is_torn(const char *rest)
{
    const char *end = strstr(rest, ".npz.");
    return *rest == '-' && end && strlen(end + 5) == 6;
}

/* Removes what lies beside a journal and serves nobody: torn writes. */
static void sweep(const char *path)
{
    char *folder = path_folder(path);
    DIR *directory = folder ? opendir(folder) : NULL;
    const struct dirent *entry;
    size_t stem = strlen(path_name(path)) - strlen(suffix);
    while (directory && (entry = readdir(directory))) {
        const char *name = entry->d_name, *rest = name + stem;
        if (strlen(name) <= stem || memcmp(name, path_name(path), stem) != 0 ||
            !is_torn(rest))
            continue;
        char *gone = path_join(folder, name);
        if (gone)
            unlink(gone);
        free(gone);
    }
    if (directory)
        closedir(directory);
    free(folder);
}

int session_discard(const char *path, struct error *err)
{
    struct journal_text text;
    struct journal journal;
    if (journal_read(&text, path, err) < 0)
        return -1;
    int result = journal_reopen(&journal, path, text.bytes, err);
    if (!result) {
        result = text.closed ? 0 : journal_append(&journal, "close\n", err);
        journal_close(&journal);
        if (is_journal_name(path_name(path)))
            sweep(path);
    }
    journal_text_release(&text);
    return result;
}

static int replay_saved(struct state *state, const char *line,
                        struct error *err)
{
    char *end;
    long id = strtol(line + 6, &end, 10);
    const struct variant *saved =
        id >= 0 && id < state->at.count ? state_variant(state, (int)id) : NULL;
    if (!saved || *end || !isdigit((unsigned char)line[6]))
        return error_set(err, ERROR_FORMAT, "found '%s', expected a variant",
                         line);
    state->at.saved_hash = saved->hash;
    return 0;
}

/* Ordered work is not done again: its outcome follows as an adoption, unless
 * something cut it short. */
static int replay_line(struct session *session, const char *path,
                       const char *line, struct error *err)
{
    struct command_result result = {0};
    bool adopts = session_is_adoption(line);
    int status = 0;
    if (adopts)
        status = session_replay_adoption(session, path, line, err);
    else if (!is_own_line(line))
        status = state_execute(&session->state, line, &result, err);
    else if (strcmp(line, "close"))
        status = replay_saved(&session->state, line, err);
    if (adopts || result.effect == COMMAND_WORK) {
        free(session->unfinished);
        session->unfinished = result.argument;
        result.argument = NULL;
    }
    command_result_release(&result);
    return status;
}

static int replay(struct session *session, const struct journal_text *text,
                  const char *path, struct error *err)
{
    session->state.check = NULL;
    for (size_t i = 0; i < text->count; i++)
        if (replay_line(session, path, text->lines[i], err) < 0)
            return error_prefix(err, "%s:%zu", path, text->numbers[i]);
    session->state.check = &session->check;
    session->journaled = (int)text->count;
    return 0;
}

/* what: "", or which part of the model, with " of ". */
static int check_hash(uint64_t hash, uint64_t expected, const char *what,
                      const struct journal_head *head, const char *path,
                      struct error *err)
{
    if (hash == expected)
        return 0;
    return error_set(err, ERROR_MISMATCH,
                     "%s: %s'%s' has changed since this session: content "
                     "%016llx, expected %016llx",
                     path, what, head->model_path, (unsigned long long)hash,
                     (unsigned long long)expected);
}

static int check_model(const struct journal_head *head, const char *path,
                       struct error *err)
{
    uint64_t hash;
    if (session_hash_file(&hash, head->model_path, err) < 0)
        return -1;
    return check_hash(hash, head->model_hash, "", head, path, err);
}

/* Of a model that could be opened: whether its external data are the same. */
static int check_external(const struct session *session,
                          const struct journal_head *head, const char *path,
                          struct error *err)
{
    return head->external_hash
               ? check_hash(session->external_hash, head->external_hash,
                            "external data of ", head, path, err)
               : 0;
}

static int resume(struct session *session, const struct journal_text *text,
                  const char *path, bool go_on, struct error *err)
{
    const struct journal_head *head = &text->head;
    struct transform identity = transform_identity();
    if (check_external(session, head, path, err) < 0)
        return -1;
    session_set_transform(session,
                          head->has_transform ? &head->transform : &identity,
                          head->accuracy, head->trial_samples);
    if (session_state_pixels(session, err) < 0 ||
        replay(session, text, path, err) < 0)
        return -1;
    /* Reopened last: an error so far leaves the file as it was. */
    return go_on ? journal_reopen(&session->journal, path, text->bytes, err)
                 : 0;
}

int session_resume(struct session **out, const char *path, bool go_on,
                   const struct session_worker *worker, struct error *err)
{
    struct journal_text text;
    struct session *session = NULL;
    if (go_on && journal_is_live(path))
        return error_set(err, ERROR_IO, "%s: this session is still running",
                         path);
    if (journal_read(&text, path, err) < 0)
        return -1;
    char *folder = path_folder(path);
    struct session_options options = {
        .model_path = text.head.model_path,
        .data_path = text.head.data_path,
        .split = text.head.split,
        .shape = text.head.shape,
        .train_path = text.head.train,
        .holdout = text.head.holdout,
        .samples = text.head.samples,
        .seed = text.head.seed,
        .transform = text.head.transform,
        .state_folder = folder,
        .journal = go_on,
        .worker = worker,
    };
    int result = folder ? 0 : error_memory(err, strlen(path));
    if (!result)
        result = check_model(&text.head, path, err);
    if (!result)
        result = session_assemble(&session, &options, err);
    if (!result)
        result = resume(session, &text, path, go_on, err);
    if (!result)
        *out = session;
    else
        session_leave(session);
    if (!result && go_on && is_journal_name(path_name(path)))
        sweep(path);
    free(folder);
    journal_text_release(&text);
    return result;
}
