/*
 * espalier-profile: the smallest program that measures a device, for machines
 * that the whole one is not built for. Our own kernels alone; no library but
 * C's, so one static file of any compiler does.
 */
#include "base/file.h"
#include "measure/device.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: espalier-profile [--name TEXT] [--brief] [-o FILE]\n\n"
    "Measures this device and writes its profile (default: profile.json) for\n"
    "espalier --device FILE elsewhere.\n";

static void show_progress(void *context, size_t done, size_t total,
                          const char *what)
{
    bool terminal = isatty(STDERR_FILENO);
    (void)context;
    if (terminal)
        fprintf(stderr, "\r\033[Kmeasuring: %s, %zu of %zu", what, done, total);
}

static int fail(const char *message)
{
    fprintf(stderr, "espalier-profile: %s\n", message);
    return 1;
}

static int measure(const char *name, const char *path, bool brief)
{
    struct survey survey;
    struct device_info info;
    struct error err = {0};
    struct survey_options options = {.progress = show_progress, .brief = brief};
    if (cpu_isa_select(&options.isa, &err) < 0)
        return fail(err.message);
    device_info_here(&info, options.isa);
    snprintf(info.dense, sizeof info.dense, "own");
    if (name)
        snprintf(info.name, sizeof info.name, "%s", name);
    int code = survey_run(&survey, &options, &err);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
    if (code == 0) {
        info.bytes_per_s = survey.bytes_per_s;
        code = device_write(path, &info, &survey, &err);
    }
    if (code < 0)
        return fail(err.message);
    printf("%s: %s, %s, %zu points\n", path, info.name, info.isa, survey.count);
    survey_release(&survey);
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = NULL, *path = "profile.json";
    bool brief = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--brief") == 0)
            brief = true;
        else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
            name = argv[++i];
        else if ((strcmp(argv[i], "-o") == 0 ||
                  strcmp(argv[i], "--output") == 0) &&
                 i + 1 < argc)
            path = argv[++i];
        else if (strcmp(argv[i], "--help") == 0)
            return printf("%s", usage) < 0;
        else {
            fprintf(stderr, "%s", usage);
            return 2;
        }
    }
    return measure(name, path, brief);
}
