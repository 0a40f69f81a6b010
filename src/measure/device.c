/* Reading profiles. Every field is checked: files come from other machines
 * and other versions. */
#include "measure/device.h"

#include "base/array.h"
#include "base/file.h"
#include "kernel/layout.h"
#include "measure/costmodel.h"

#include <cjson/cJSON.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double most = 1e15; /* of any count or time */

void device_destroy(struct device *device)
{
    if (!device)
        return;
    costmodel_destroy(device->model);
    free(device);
}

/* --- fields --- */

static int read_text(char *out, size_t bytes, const cJSON *object,
                     const char *key, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(item))
        return error_set(err, ERROR_FORMAT, "'%s' is missing, expected a text",
                         key);
    snprintf(out, bytes, "%s", item->valuestring);
    for (char *p = out; *p; p++) /* it is drawn on a terminal */
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = ' ';
    return 0;
}

static int read_number(double *out, const cJSON *object, const char *key,
                       double least, struct error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item))
        return error_set(err, ERROR_FORMAT,
                         "'%s' is missing, expected a number", key);
    if (!(item->valuedouble >= least && item->valuedouble <= most))
        return error_set(err, ERROR_FORMAT, "'%s' is %g, expected %g to %g",
                         key, item->valuedouble, least, most);
    *out = item->valuedouble;
    return 0;
}

static int read_count(int64_t *out, const cJSON *object, const char *key,
                      int64_t least, struct error *err)
{
    double number = 0;
    if (read_number(&number, object, key, (double)least, err) < 0)
        return -1;
    *out = llround(number);
    return 0;
}

static const char *layout_at(int i)
{
    return layout_name((enum layout)i);
}
static const char *kind_at(int i)
{
    return workload_kind_name((enum kernel_kind)i);
}
static const char *method_at(int i)
{
    return workload_method_name((enum workload_method)i);
}
static const char *form_at(int i)
{
    return workload_form_name((enum sparse_form)i);
}

/* One of `count` names. */
static int read_name(int *out, const cJSON *object, const char *key,
                     const char *(*name)(int), int count, struct error *err)
{
    char text[DEVICE_TEXT_BYTES];
    if (read_text(text, sizeof text, object, key, err) < 0)
        return -1;
    for (*out = 0; *out < count; (*out)++)
        if (strcmp(name(*out), text) == 0)
            return 0;
    return error_set(err, ERROR_FORMAT, "'%s' is '%.40s', which is unknown",
                     key, text);
}

/* --- points --- */

static int read_stored(struct workload *w, const cJSON *object,
                       struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "stored");
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != SPARSE_FORM_COUNT)
        return error_set(err, ERROR_FORMAT,
                         "'stored' is missing, expected %d numbers",
                         (int)SPARSE_FORM_COUNT);
    for (int form = 0; form < SPARSE_FORM_COUNT; form++) {
        const cJSON *item = cJSON_GetArrayItem(list, form);
        if (!cJSON_IsNumber(item) ||
            !(item->valuedouble >= 0 && item->valuedouble <= most))
            return error_set(err, ERROR_FORMAT,
                             "'stored' holds what is no count");
        w->stored[form] = llround(item->valuedouble);
    }
    return 0;
}

static int read_way(struct workload *w, const cJSON *object, struct error *err)
{
    int kind, method, form = 0, layout = 0;
    if (read_name(&kind, object, "kind", kind_at, KERNEL_KIND_COUNT, err) < 0 ||
        read_name(&method, object, "way", method_at, WORKLOAD_METHOD_COUNT,
                  err) < 0)
        return -1;
    if (method == WORKLOAD_SPARSE &&
        (read_name(&form, object, "form", form_at, SPARSE_FORM_COUNT, err) <
             0 ||
         read_name(&layout, object, "layout", layout_at, LAYOUT_COUNT, err) <
             0))
        return -1;
    w->kind = (enum kernel_kind)kind;
    w->method = (enum workload_method)method;
    w->form = (enum sparse_form)form;
    w->layout = (enum layout)layout;
    return 0;
}

static int read_point(struct timed_workload *point, const cJSON *object,
                      struct error *err)
{
    struct workload *w = &point->workload;
    const struct {
        const char *key;
        int64_t *value;
        int64_t least;
    } counts[] = {{"n", &w->n, 1},
                  {"groups", &w->groups, 1},
                  {"ic", &w->ic, 1},
                  {"oc", &w->oc, 1},
                  {"oh", &w->oh, 1},
                  {"ow", &w->ow, 1},
                  {"window", &w->window, 1},
                  {"stride", &w->stride, 1},
                  {"macs", &w->macs, 0},
                  {"weights", &w->weights, 0},
                  {"nonzeros", &w->nonzeros, 0},
                  {"source", &w->source, 0},
                  {"result", &w->result, 0}};
    memset(point, 0, sizeof *point);
    if (read_way(w, object, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
        if (read_count(counts[i].value, object, counts[i].key, counts[i].least,
                       err) < 0)
            return -1;
    if (read_stored(w, object, err) < 0)
        return -1;
    return read_number(&point->ns, object, "ns", 1, err);
}

static int read_points(struct device *device, const cJSON *document,
                       struct error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(document, "points");
    const cJSON *item;
    int count = 0;
    if (!cJSON_IsArray(list) || !list->child)
        return error_set(err, ERROR_FORMAT,
                         "'points' is missing, expected measurements");
    cJSON_ArrayForEach(item, list)
    {
        struct timed_workload point;
        count++;
        if (read_point(&point, item, err) < 0)
            return error_prefix(err, "point %d", count);
        if (costmodel_add(device->model, &point.workload, point.ns, err) < 0)
            return -1;
    }
    return costmodel_fit(device->model, err);
}

/* --- the file --- */

static int read_head(struct device_info *info, const cJSON *document,
                     struct error *err)
{
    char format[DEVICE_TEXT_BYTES];
    double version, cores, threads;
    if (read_text(format, sizeof format, document, "format", err) < 0 ||
        strcmp(format, DEVICE_FORMAT) != 0)
        return error_set(err, ERROR_FORMAT,
                         "no device profile: 'format' is not '%s'",
                         DEVICE_FORMAT);
    if (read_number(&version, document, "version", 0, err) < 0)
        return -1;
    if (version != DEVICE_VERSION)
        return error_set(err, ERROR_FORMAT,
                         "profile of version %g, expected %d: measure the "
                         "device again",
                         version, (int)DEVICE_VERSION);
    if (read_text(info->name, sizeof info->name, document, "name", err) < 0 ||
        read_text(info->cpu, sizeof info->cpu, document, "cpu", err) < 0 ||
        read_text(info->isa, sizeof info->isa, document, "isa", err) < 0 ||
        read_text(info->dense, sizeof info->dense, document, "dense", err) <
            0 ||
        read_number(&cores, document, "cores", 1, err) < 0 ||
        read_number(&threads, document, "threads", 1, err) < 0 ||
        read_number(&info->bytes_per_s, document, "bytes_per_s", 0, err) < 0)
        return -1;
    info->cores = (int)fmin(cores, 65536);
    info->threads = (int)fmin(threads, 65536);
    return 0;
}

int device_read(struct device **out, const char *path, struct error *err)
{
    char *text = NULL;
    size_t bytes;
    struct device *device = array_create(1, sizeof *device);
    *out = NULL;
    if (!device)
        return error_memory(err, sizeof *device);
    if (file_read(&text, &bytes, path, err) < 0) {
        device_destroy(device);
        return error_prefix(err, "%s", path);
    }
    cJSON *document = cJSON_ParseWithLength(text, bytes);
    int code = costmodel_create(&device->model, err);
    if (code == 0 && !cJSON_IsObject(document))
        code = error_set(err, ERROR_FORMAT,
                         "no device profile: expected one JSON object");
    if (code == 0)
        code = read_head(&device->info, document, err);
    if (code == 0)
        code = read_points(device, document, err);
    cJSON_Delete(document);
    free(text);
    if (code < 0) {
        device_destroy(device);
        return error_prefix(err, "%s", path);
    }
    *out = device;
    return 0;
}
