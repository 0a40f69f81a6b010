/* espalier sessions: what explorer sessions left, and away with it. */
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/print.h"
#include "session/files.h"

#include <stdio.h>
#include <time.h>

static int64_t age_of(const struct session_files *files)
{
    int64_t age = (int64_t)time(NULL) - files->modified;
    return age > 0 ? age : 0;
}

/* What a user would like to know before it goes. */
static const char *state_of(const struct session_files *files, char *text,
                            size_t bytes)
{
    char size[32];
    const char *model = !files->model_path                ? "no journal"
                        : !file_exists(files->model_path) ? "model is gone"
                                                          : "";
    const char *running = files->running ? "running" : model;
    if (files->tune_bytes)
        snprintf(text, bytes, "%s%stune to resume, %s", running,
                 *running ? ", " : "",
                 bytes_text(files->tune_bytes, size, sizeof size));
    else
        snprintf(text, bytes, "%s", running);
    return text;
}

static int print_json(const struct session_list *list, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *sessions = cJSON_AddArrayToObject(document, "sessions");
    for (size_t i = 0; i < list->count; i++) {
        const struct session_files *files = &list->items[i];
        cJSON *entry = cJSON_CreateObject();
        json_string(entry, "session", files->path);
        json_string(entry, "model", files->model_path ? files->model_path : "");
        cJSON_AddBoolToObject(entry, "model_exists",
                              files->model_path &&
                                  file_exists(files->model_path));
        json_integer(entry, "edits", files->commands);
        json_integer(entry, "age_s", age_of(files));
        json_integer(entry, "size_bytes", files->bytes);
        json_integer(entry, "tune_bytes", files->tune_bytes);
        cJSON_AddBoolToObject(entry, "running", files->running);
        cJSON_AddItemToArray(sessions, entry);
    }
    return json_print(document, err);
}

static int print_rows(const struct session_list *list, struct error *err)
{
    static const char *const headings[] = {">age",  ">size", ">edits",
                                           "model", "",      "session"};
    struct table table;
    char age[32], size[32], state[96];
    table_init(&table, headings, 6);
    for (size_t i = 0; i < list->count; i++) {
        const struct session_files *files = &list->items[i];
        table_add(&table, "%s", clock_age_text(age_of(files), age, sizeof age));
        table_add(&table, "%s", bytes_text(files->bytes, size, sizeof size));
        table_add(&table, "%d", files->commands);
        table_add(&table, "%s",
                  files->model_path ? path_name(files->model_path) : "-");
        table_add(&table, "%s", state_of(files, state, sizeof state));
        table_add(&table, "%s", files->path);
    }
    if (table_print(&table, err) < 0)
        return -1;
    printf("\n");
    return 0;
}

static int print_text(const struct session_list *list, struct error *err)
{
    int64_t bytes = 0;
    char size[32];
    for (size_t i = 0; i < list->count; i++)
        bytes += list->items[i].bytes;
    if (list->count && print_rows(list, err) < 0)
        return -1;
    printf("%zu session%s, %s\n", list->count, list->count == 1 ? "" : "s",
           bytes_text(bytes, size, sizeof size));
    return print_finish(err);
}

static int remove_all(const struct cli_options *options, struct error *err)
{
    int64_t bytes = 0;
    char size[32];
    if (!options->argument_count)
        return error_set(err, ERROR_USAGE,
                         "sessions: --remove needs the sessions to delete");
    for (size_t i = 0; i < options->argument_count; i++)
        if (session_remove(options->arguments[i], &bytes, err) < 0)
            return -1;
    if (options->json) {
        cJSON *document = cJSON_CreateObject();
        json_integer(document, "removed", (int64_t)options->argument_count);
        json_integer(document, "size_bytes", bytes);
        return json_print(document, err);
    }
    printf("%zu session%s removed, %s\n", options->argument_count,
           options->argument_count == 1 ? "" : "s",
           bytes_text(bytes, size, sizeof size));
    return print_finish(err);
}

static int run(const struct cli_options *options, struct error *err)
{
    struct session_list list;
    if (options->remove)
        return remove_all(options, err);
    if (options->argument_count)
        return error_set(err, ERROR_USAGE,
                         "sessions: found '%s', expected nothing or --remove",
                         options->arguments[0]);
    if (session_list_read(&list, NULL, err) < 0)
        return -1;
    int code = options->json ? print_json(&list, err) : print_text(&list, err);
    session_list_release(&list);
    return code;
}

const struct cli_command command_sessions = {
    .name = "sessions",
    .synopsis = "[--remove SESSION ...]",
    .help = "list what explorer sessions keep, or delete it",
    .least = 0,
    .most = SIZE_MAX,
    .groups = OPTION_COMMON | OPTION_SESSIONS,
    .run = run,
};
