/* espalier profile: measures this device for --device elsewhere. */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "engine/bench.h"
#include "measure/costmodel.h"
#include "measure/device.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct watching {
    bool shown, terminal;
};

static void show_progress(void *context, size_t done, size_t total,
                          const char *what)
{
    const struct watching *watching = context;
    if (watching->shown)
        fprintf(stderr, "%smeasuring: %s, %zu of %zu%s",
                watching->terminal ? "\r\033[K" : "", what, done, total,
                watching->terminal ? "" : "\n");
}

static int learn(struct costmodel *model, const struct survey *survey,
                 struct error *err)
{
    for (size_t i = 0; i < survey->count; i++)
        if (costmodel_add(model, &survey->points[i].workload,
                          survey->points[i].ns, err) < 0)
            return -1;
    return costmodel_fit(model, err);
}

static int print_json(const struct device_info *info,
                      const struct survey *survey,
                      const struct costmodel *model, const char *path,
                      struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    json_string(document, "output", path);
    json_integer(document, "version", DEVICE_VERSION);
    json_string(document, "name", info->name);
    json_string(document, "cpu", info->cpu);
    json_string(document, "isa", info->isa);
    json_string(document, "dense", info->dense);
    json_integer(document, "threads", info->threads);
    json_number(document, "bytes_per_s", info->bytes_per_s, 0);
    json_integer(document, "points", (int64_t)survey->count);
    cJSON *classes = cJSON_AddArrayToObject(document, "classes");
    for (size_t i = 0; i < costmodel_class_count(model); i++) {
        struct costmodel_class c = costmodel_class_at(model, i);
        cJSON *object = cJSON_CreateObject();
        json_string(object, "class", c.name);
        json_integer(object, "points", (int64_t)c.points);
        json_number(object, "error", c.error, 4);
        cJSON *law = cJSON_AddObjectToObject(object, "ns");
        for (int k = 0; k < COSTMODEL_FEATURES; k++)
            json_number(law, costmodel_features[k], c.ns[k], 6);
        cJSON_AddItemToArray(classes, object);
    }
    return json_print(document, err);
}

static int print_text(const struct device_info *info,
                      const struct survey *survey,
                      const struct costmodel *model, const char *path,
                      struct error *err)
{
    static const char *const headings[] = {"class", ">points", ">ns/kMAC",
                                           ">error"};
    struct table table;
    printf("device      %s\n", info->name);
    printf("measured    %s, %d thread, dense kernels: %s\n", info->isa,
           info->threads, info->dense);
    printf("memory      %.1f GB/s, copying\n", info->bytes_per_s * 1e-9);
    if (path[0])
        printf("profile     %s, %zu points\n", path, survey->count);
    printf("\n");
    table_init(&table, headings, 4);
    for (size_t i = 0; i < costmodel_class_count(model); i++) {
        struct costmodel_class c = costmodel_class_at(model, i);
        if (c.name[0] == '*') /* what is left over */
            continue;
        table_add(&table, "%s", c.name);
        table_add(&table, "%zu", c.points);
        table_add(&table, "%.2f", 1000 * (c.ns[1] + c.ns[2]));
        table_add(&table, isnan(c.error) ? "-" : "%.0f %%", 100 * c.error);
    }
    if (table_print(&table, err) < 0)
        return -1;
    printf("\nerror: median, each problem predicted from the others\n");
    return print_finish(err);
}

static int measure(struct survey *survey, struct device_info *info,
                   const struct cli_options *options, struct error *err)
{
    struct watching watching = {.terminal = isatty(STDERR_FILENO)};
    char library[20];
    struct survey_options wanted = {.dense = survey_onednn,
                                    .progress = show_progress,
                                    .context = &watching,
                                    .cancel = run_interrupt(),
                                    .brief = options->brief};
    watching.shown = watching.terminal || options->progress;
    if (cpu_isa_select(&wanted.isa, err) < 0)
        return -1;
    device_info_here(info, wanted.isa);
    if (options->name)
        snprintf(info->name, sizeof info->name, "%s", options->name);
    engine_library_version(library, sizeof library);
    snprintf(info->dense, sizeof info->dense, "oneDNN %s", library);
    int code = survey_run(survey, &wanted, err);
    if (watching.terminal)
        fprintf(stderr, "\r\033[K");
    if (code < 0)
        return -1;
    info->bytes_per_s = survey->bytes_per_s;
    return 0;
}

static int run(const struct cli_options *options, struct error *err)
{
    struct survey survey = {0};
    struct device_info info;
    struct costmodel *model = NULL;
    const char *path = options->output ? options->output : "";
    if (measure(&survey, &info, options, err) < 0)
        return -1;
    int code = costmodel_create(&model, err);
    if (code == 0)
        code = learn(model, &survey, err);
    if (code == 0 && path[0])
        code = device_write(path, &info, &survey, err);
    if (code == 0)
        code = options->json ? print_json(&info, &survey, model, path, err)
                             : print_text(&info, &survey, model, path, err);
    costmodel_destroy(model);
    survey_release(&survey);
    return code;
}

const struct cli_command command_profile = {
    .name = "profile",
    .synopsis = "",
    .help = "measure this device; --device FILE uses the profile elsewhere",
    .least = 0,
    .most = 0,
    .groups = OPTION_COMMON | OPTION_PROFILE | OPTION_PROGRESS,
    .run = run,
};
