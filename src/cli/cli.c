#include "cli/cli.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/suggest.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "engine/bench.h"
#include "engine/calibration.h"

#include <version.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXPLORER_GROUPS = OPTION_EXPLORER | OPTION_SAMPLES | OPTION_PIXELS |
                      OPTION_ENGINE | OPTION_DEVICE | OPTION_EXAM
};

static enum cli_status status_of(const struct error *err)
{
    if (err->code == ERROR_CANCELLED)
        return CLI_INTERRUPTED;
    return err->code == ERROR_USAGE ? CLI_USAGE : CLI_FAILED;
}

/* One line, whatever file names and messages hold. */
static enum cli_status complain(const struct error *err, const char *command)
{
    char line[ERROR_MESSAGE_BYTES];
    snprintf(line, sizeof line, "%s", err->message);
    for (char *p = line; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = ' ';
    }
    fprintf(stderr, "espalier: %s", line);
    if (err->code == ERROR_USAGE)
        fprintf(stderr, " (see espalier%s%s --help)", command ? " " : "",
                command ? command : "");
    fprintf(stderr, "\n");
    return status_of(err);
}

/* --- help and version --- */

static enum cli_status print_help(void)
{
    struct error err = {0};
    printf("usage: espalier [MODEL [DATA]]       open the explorer (without "
           "arguments:\n"
           "                                     the bundled example)\n"
           "       espalier SESSION              go on with a session: its "
           "journal\n"
           "       espalier COMMAND ...          work without a screen\n\n"
           "commands:\n");
    for (size_t i = 0; cli_commands[i]; i++)
        printf("  %-8s %-20s %s\n", cli_commands[i]->name,
               cli_commands[i]->synopsis, cli_commands[i]->help);
    printf("\n'espalier COMMAND --help' lists the options of a command.\n\n"
           "options of the explorer:\n");
    options_print(EXPLORER_GROUPS);
    return print_finish(&err) < 0 ? complain(&err, NULL) : CLI_DONE;
}

static enum cli_status print_command_help(const struct cli_command *command)
{
    struct error err = {0};
    printf("usage: espalier %s %s%s[option ...]\n\n%s\n\noptions:\n",
           command->name, command->synopsis, command->synopsis[0] ? " " : "",
           command->help);
    options_print(command->groups);
    return print_finish(&err) < 0 ? complain(&err, NULL) : CLI_DONE;
}

static void unknown_command(const char *word, struct error *err)
{
    struct suggestion near = {.word = word};
    for (size_t i = 0; cli_commands[i]; i++)
        suggest_offer(&near, cli_commands[i]->name);
    error_set(err, ERROR_USAGE, "unknown command '%.100s'%s%s%s", word,
              near.best ? ", nearest is '" : ", 'espalier help' lists them",
              near.best ? near.best : "", near.best ? "'" : "");
}

/* "help" and "help COMMAND", as people try first. */
static enum cli_status help_on(int count, char **words)
{
    const struct cli_command *command = count ? command_find(words[0]) : NULL;
    struct error err = {0};
    if (command)
        return print_command_help(command);
    if (!count)
        return print_help();
    unknown_command(words[0], &err);
    return complain(&err, NULL);
}

static enum cli_status print_version(void)
{
    struct error err = {0};
    enum cpu_isa isa;
    if (cpu_isa_select(&isa, &err) < 0)
        return complain(&err, NULL);
    char processor[128], library[32];
    cpu_model_name(processor, sizeof processor);
    engine_library_version(library, sizeof library);
    printf("espalier %s (%s)\n", VERSION, COMMIT[0] ? COMMIT : "no commit");
    printf("instruction set %s, oneDNN %s, %d cores%s%s\n", cpu_isa_name(isa),
           library, cpu_count(), processor[0] ? ", " : "", processor);
    return print_finish(&err) < 0 ? complain(&err, NULL) : CLI_DONE;
}

/* --- commands --- */

static enum cli_status run_command(const struct cli_command *command, int count,
                                   char **words)
{
    struct cli_options options;
    struct error err = {0};
    enum cli_status status = CLI_DONE;
    int parsed = options_parse(&options, command->groups, count, words, &err);
    options.worker = run_worker(&options);
    if (parsed < 0)
        status = complain(&err, command->name);
    else if (options.help)
        status = print_command_help(command);
    else if (options.argument_count < command->least ||
             options.argument_count > command->most) {
        error_set(&err, ERROR_USAGE, "%s: found %zu argument%s, expected %s",
                  command->name, options.argument_count,
                  options.argument_count == 1 ? "" : "s",
                  *command->synopsis ? command->synopsis : "none");
        status = complain(&err, command->name);
    } else if (run_check_targets(&options, &err) < 0 ||
               command->run(&options, &err) < 0) {
        status = complain(&err, command->name);
    }
    options_release(&options);
    return status;
}

/* --- the explorer --- */

/* The bundled model: beside the source, else where it was installed. Owned
 * by the caller; NULL without memory. */
static char *default_model(char **folder)
{
    static const char name[] = "resnet20-bn.onnx";
    *folder = strdup("data");
    char *path = *folder ? path_join(*folder, name) : NULL;
    if (!path || file_exists(path))
        return path;
    free(path);
    free(*folder);
    *folder = strdup(DATA_DIRECTORY);
    return *folder ? path_join(*folder, name) : NULL;
}

static int calibrate(void *context, const struct session *session,
                     const struct weights *weights, enum calibration_part part,
                     const struct calibration **out, struct error *err)
{
    return calibration_store_get(context, session, weights, part, out, err);
}

/* A journal in the place of the model: that session goes on. */
static bool is_session(const char *path)
{
    static const char suffix[] = ".session";
    size_t length = strlen(path), end = sizeof suffix - 1;
    return length > end && strcmp(path + length - end, suffix) == 0;
}

static enum cli_status explore_files(
    const struct cli_options *options, const char *model, const char *data,
    int (*explore)(const struct cli_explorer *))
{
    struct error err = {0};
    struct cli_explorer explorer = {
        .engine = run_engine_options(options, true),
        .ascii = options->ascii,
        .mono = options->mono,
        .mouse = !options->no_mouse,
        .readonly = options->readonly,
        .resume_any = options->argument_count == 0,
        .resume = is_session(model) ? model : NULL,
    };
    if (run_session_options(&explorer.session, options, model, data, &err) < 0)
        return complain(&err, NULL);
    /* The explorer's engine does such lines: here they are only checked. */
    struct session_worker worker = options->worker;
    worker.run = NULL;
    if (calibration_store_create(&explorer.engine.calibration,
                                 (int)options->threads, &err) < 0)
        return complain(&err, NULL);
    worker.calibrate = calibrate;
    worker.context = explorer.engine.calibration;
    explorer.session.worker = &worker;
    explorer.session.journal = true;
    explorer.engine.foreground = false;
    explorer.engine.learn_latency = true;
    enum cli_status status = (enum cli_status)explore(&explorer);
    calibration_store_destroy(explorer.engine.calibration);
    return status;
}

static enum cli_status open_explorer(
    const struct cli_options *options,
    int (*explore)(const struct cli_explorer *))
{
    struct error err = {0};
    const char *const *words = options->arguments;
    if (options->argument_count > 2) {
        error_set(&err, ERROR_USAGE, "found %zu arguments, expected MODEL DATA",
                  options->argument_count);
        return complain(&err, NULL);
    }
    if (options->argument_count && !file_exists(words[0]) &&
        !strpbrk(words[0], "./")) {
        unknown_command(words[0], &err);
        return complain(&err, NULL);
    }
    if (options->argument_count && !file_exists(words[0])) {
        error_set(&err, ERROR_IO, "%s: cannot open: no such file", words[0]);
        return complain(&err, NULL);
    }
    if (options->argument_count == 2 && is_session(words[0])) {
        error_set(&err, ERROR_USAGE,
                  "%s: found data besides, expected a session alone: it knows "
                  "its data",
                  words[0]);
        return complain(&err, NULL);
    }
    if (options->argument_count == 2)
        return explore_files(options, words[0], words[1], explore);
    char *folder;
    char *model = default_model(&folder);
    char *data = folder ? dataset_default_path(folder) : NULL;
    enum cli_status status;
    if (!model)
        status = complain((error_memory(&err, 1), &err), NULL);
    else if (options->argument_count == 1)
        status = explore_files(options, words[0], NULL, explore);
    else
        status = explore_files(options, model, data, explore);
    free(data);
    free(model);
    free(folder);
    return status;
}

int cli_main(int argc, char **argv,
             int (*explore)(const struct cli_explorer *explorer))
{
    const struct cli_command *command = argc > 1 ? command_find(argv[1]) : NULL;
    if (command)
        return run_command(command, argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "help") == 0)
        return help_on(argc - 2, argv + 2);
    struct cli_options options;
    struct error err = {0};
    enum cli_status status;
    int parsed =
        options_parse(&options, EXPLORER_GROUPS, argc - 1, argv + 1, &err);
    options.worker = run_worker(&options);
    if (parsed < 0)
        status = complain(&err, NULL);
    else if (options.help)
        status = print_help();
    else if (options.version)
        status = print_version();
    else
        status = open_explorer(&options, explore);
    options_release(&options);
    return status;
}
