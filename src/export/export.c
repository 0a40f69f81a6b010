#include "export/export.h"

#include "base/array.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool always(const struct export_request *request)
{
    (void)request;
    return true;
}

static bool wants_masks(const struct export_request *request)
{
    return request->masks;
}

static bool wants_recipe(const struct export_request *request)
{
    return request->recipe;
}

static bool wants_report(const struct export_request *request)
{
    return request->report;
}

/* The model comes last: it is the one whose presence says "done". */
const struct export_output export_outputs[] = {
    {"masks", ".masks.npz", wants_masks, export_masks},
    {"pytorch", ".masks.py", wants_masks, export_pytorch},
    {"recipe", ".recipe", wants_recipe, export_recipe},
    {"report", ".md", wants_report, export_report},
    {"onnx", ".onnx", always, export_onnx},
    {NULL, NULL, NULL, NULL},
};

char *export_companion(const char *path, const char *suffix)
{
    static const char model[] = ".onnx";
    size_t length = strlen(path), tail = sizeof model - 1;
    /* A file called just ".onnx" has no stem to keep. */
    if (length > tail && strcmp(path + length - tail, model) == 0 &&
        path[length - tail - 1] != '/')
        length -= tail;
    size_t bytes = length + strlen(suffix) + 1;
    char *companion = malloc(bytes);
    if (companion)
        snprintf(companion, bytes, "%.*s%s", (int)length, path, suffix);
    return companion;
}

int64_t export_removed(const struct export_request *request, size_t i)
{
    const struct mask_set *masks = request->masks_set;
    return masks && i < masks->count ? masks->removed[i] : 0;
}

/* Nothing that the session reads is ever overwritten. */
static int refuse_read(const struct session *session, const char *path,
                       struct error *err)
{
    const struct session_options *opened = session_options(session);
    const char *const reads[] = {onnx_path(session_model(session)),
                                 opened->data_path, opened->train_path,
                                 opened->holdout};
    for (size_t i = 0; i < ARRAY_LENGTH(reads); i++)
        if (reads[i] && file_is_same(path, reads[i]))
            return error_set(err, ERROR_USAGE,
                             "%s: is read by this session, expected another "
                             "file",
                             path);
    return 0;
}

int export_check(const struct session *session, const char *path,
                 struct error *err)
{
    return refuse_read(session, path, err) < 0 ? -1
                                               : file_check_target(path, err);
}

/* Owned by the caller. */
static char *path_of(const struct export_output *output, const char *path)
{
    return output->write == export_onnx
               ? strdup(path)
               : export_companion(path, output->suffix);
}

size_t export_existing(const struct export_request *request, bool model,
                       struct strbuf *names)
{
    size_t count = model && file_exists(request->path);
    if (count)
        strbuf_add(names, path_name(request->path));
    for (const struct export_output *o = export_outputs; o->name; o++) {
        if (!o->wanted(request) || o->write == export_onnx)
            continue;
        char *path = path_of(o, request->path);
        if (path && file_exists(path)) {
            strbuf_add(names, count ? ", " : "");
            strbuf_add(names, count ? o->suffix : path_name(path));
            count++;
        }
        free(path);
    }
    return count;
}

int export_write(const struct session *session,
                 const struct export_request *request, struct error *err)
{
    for (const struct export_output *o = export_outputs; o->name; o++) {
        if (!o->wanted(request))
            continue;
        char *path = path_of(o, request->path);
        if (!path)
            return error_memory(err, strlen(request->path));
        int result = refuse_read(session, path, err);
        if (result == 0)
            result = o->write(session, request, path, err);
        free(path);
        if (result < 0)
            return -1;
    }
    return 0;
}
