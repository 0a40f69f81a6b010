#include "cli/options.h"

#include "base/array.h"
#include "base/suggest.h"
#include "cli/options_device.h"
#include "cli/options_pixels.h"
#include "cli/options_search.h"
#include "cli/options_trust.h"
#include "engine/calibration.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
    const char *long_name;
    char letter;       /* 0: none */
    const char *value; /* name of its value; NULL: a flag */
    unsigned groups;
    const char *help;
    /* `text` is the value, NULL for a flag. */
    int (*take)(struct cli_options *options, const char *text,
                struct error *err);
};

static int number(int64_t *out, const char *text, int64_t low,
                  struct error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < low)
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected a whole number from %lld up",
                         text, (long long)low);
    *out = value;
    return 0;
}

static int take_samples(struct cli_options *o, const char *t, struct error *e)
{
    return number(&o->samples, t, 1, e);
}

static int take_threads(struct cli_options *o, const char *t, struct error *e)
{
    if (number(&o->threads, t, 1, e) < 0)
        return -1;
    if (o->threads > 1024)
        return error_set(e, ERROR_USAGE, "found %s, expected at most 1024", t);
    return 0;
}

static int take_batch(struct cli_options *o, const char *t, struct error *e)
{
    return number(&o->batch, t, 1, e);
}

static int take_seed(struct cli_options *o, const char *t, struct error *e)
{
    int64_t seed;
    if (number(&seed, t, 0, e) < 0)
        return -1;
    o->seed = (uint64_t)seed;
    return 0;
}

static int take_train(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->train = t;
    return 0;
}

static int take_split(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->split = t;
    return 0;
}

static int take_resize(struct cli_options *o, const char *t, struct error *e)
{
    return picture_shape_word(&o->shape, "resize", t, e);
}

static int take_crop(struct cli_options *o, const char *t, struct error *e)
{
    return picture_shape_word(&o->shape, "crop", t, e);
}

static int take_channels(struct cli_options *o, const char *t, struct error *e)
{
    return picture_shape_word(&o->shape, "channels", t, e);
}

static int take_layout(struct cli_options *o, const char *t, struct error *e)
{
    return picture_shape_word(&o->shape, "layout", t, e);
}

static int take_preprocess(struct cli_options *o, const char *t,
                           struct error *e)
{
    o->preprocess_none = strcmp(t, "none") == 0;
    if (!o->preprocess_none && strcmp(t, "auto") != 0)
        return error_set(e, ERROR_USAGE, "found '%s', expected auto or none",
                         t);
    return 0;
}

/* 512M, 2G, 64k or bytes. */
static int take_memory(struct cli_options *o, const char *t, struct error *e)
{
    static const char units[] = "kMGT";
    char *end;
    double size = strtod(t, &end);
    bool found = end != t;
    const char *unit = *end ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
    if (unit) {
        for (const char *u = units; u <= unit; u++)
            size *= 1024;
        end++;
    }
    if (!found || *end || !(size >= 0) || size > 1e15)
        return error_set(e, ERROR_USAGE,
                         "found '%s', expected a size as 512M or 2G", t);
    o->memory_bytes = (int64_t)size;
    return 0;
}

static int take_kernels(struct cli_options *o, const char *t, struct error *e)
{
    static const char *const names[] = {"auto", "dense", "sparse"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(t, names[i]) == 0) {
            o->kernels = names[i];
            return 0;
        }
    }
    return error_set(e, ERROR_USAGE,
                     "found '%s', expected auto, dense or sparse", t);
}

static int take_output(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->output = t;
    return 0;
}

static int take_outputs(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->outputs = t;
    return 0;
}

static int take_recipe(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->recipe = t;
    return 0;
}

static int take_set(struct cli_options *o, const char *t, struct error *e)
{
    const char *equals = strrchr(t, '=');
    if (!equals || equals == t || !equals[1])
        return error_set(e, ERROR_USAGE,
                         "found '%s', expected "
                         "LAYER=AMOUNT[:STRUCTURE[:CRITERION]] or what "
                         "'set' takes behind a layer",
                         t);
    o->sets[o->set_count++] = t;
    return 0;
}

static int positive(double *out, const char *text, struct error *err)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !isfinite(*out) || *out <= 0)
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected a number above 0", text);
    return 0;
}

static int take_epochs(struct cli_options *o, const char *t, struct error *e)
{
    return positive(&o->epochs, t, e);
}

static int take_lr(struct cli_options *o, const char *t, struct error *e)
{
    return positive(&o->rate, t, e);
}

static int take_schedule(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->schedule = t;
    return 0;
}

static int take_checkpoint(struct cli_options *o, const char *t,
                           struct error *e)
{
    (void)e;
    o->checkpoint = t;
    return 0;
}

static int take_target(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->target = t;
    return 0;
}

static int take_with(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->with[o->with_count++] = t;
    return 0;
}

#define FLAG(field)                                                            \
    static int take_##field(struct cli_options *o, const char *t,              \
                            struct error *e)                                   \
    {                                                                          \
        (void)t;                                                               \
        (void)e;                                                               \
        o->field = true;                                                       \
        return 0;                                                              \
    }
FLAG(help)
FLAG(version)
FLAG(json)
FLAG(progress)
FLAG(report)
FLAG(force)
FLAG(write_recipe)
FLAG(merge)
FLAG(restart)
FLAG(remove)
FLAG(ascii)
FLAG(mono)
FLAG(no_mouse)
FLAG(readonly)

/* Without a file they are written, else kept. */
static int take_masks(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->masks |= !t;
    o->masks_file = t ? t : o->masks_file;
    return 0;
}

enum { ANY = ~0 };

static const struct option_row rows[] = {
    {"output", 'o', "OUT", OPTION_PRUNE | OPTION_PLAN | OPTION_PROFILE,
     "write the pruned model, the recipe or the profile here", take_output},
    {"name", 0, "TEXT", OPTION_PROFILE,
     "what the device is called (default: board or processor)",
     options_take_name},
    {"brief", 0, NULL, OPTION_PROFILE, "a few small problems only, to try it",
     options_take_brief},
    {"device", 0, "FILE", OPTION_DEVICE,
     "latencies are predicted for the device of this profile",
     options_take_device},
    {"recipe", 0, "FILE", OPTION_PRUNE, "run the command lines of a recipe",
     take_recipe},
    {"set", 0, "LAYER=AMOUNT[:STRUCTURE[:CRITERION]]", OPTION_PRUNE,
     "prune a layer (name, glob or @row); may be repeated", take_set},
    {"masks", 0, "[FILE.npz]", OPTION_PRUNE | OPTION_EVAL | OPTION_EXPLORER,
     "keep the masks of FILE.npz; without it, also write the masks",
     take_masks},
    {"write-recipe", 0, NULL, OPTION_PRUNE, "also write the recipe (.recipe)",
     take_write_recipe},
    {"report", 0, NULL, OPTION_PRUNE, "also write a report (.md)", take_report},
    {"force", 0, NULL, OPTION_PRUNE,
     "replace masks, recipe or report that exist beside OUT", take_force},
    {"outputs", 0, "FILE.npz", OPTION_EVAL,
     "also write the model's outputs on every sample", take_outputs},
    {"holdout", 0, "SHARE|DATA", OPTION_EXAM,
     "samples (20%) that decide nothing: the exam of what is written",
     options_take_holdout},
    {"dense", 0, "MODEL", OPTION_EVAL,
     "the model that this one was made from, to compare with",
     options_take_dense},
    {"corruptions", 0, "all|NAME,...", OPTION_EVAL,
     "also on corrupted pictures, on hesitant samples, per class",
     options_take_corruptions},
    {"severity", 0, "1,...,5", OPTION_EVAL,
     "how badly corrupted (default: all five)", options_take_severity},
    {"also", 0, "DATA", OPTION_EVAL,
     "also on another data set; may be repeated", options_take_also},
    {"flips", 0, "N", OPTION_FLIPS,
     "list N samples whose answer changed (default: 20 with --json, else 0)",
     options_take_flips},
    {"epochs", 0, "N", OPTION_TUNE,
     "passes over the training data (default: 2)", take_epochs},
    {"lr", 0, "X", OPTION_TUNE, "the highest learning rate (default: 0.05)",
     take_lr},
    {"schedule", 0, "NAME", OPTION_TUNE,
     "of the rate: one-cycle (default), cosine, step or constant",
     take_schedule},
    {"target", 0, "AMOUNT", OPTION_TUNE,
     "prune on while tuning until this share is removed (90%)", take_target},
    {"checkpoint", 0, "FILE", OPTION_TUNE,
     "keep what was trained so far; where FILE is there, go on from it",
     take_checkpoint},
    {"with", 0, "WORDS", OPTION_TUNE,
     "more words of the command 'tune' (distill, adamw, 'shift 2' ...); may be "
     "repeated",
     take_with},
    {"amounts", 0, "A,B,...", OPTION_SCAN,
     "shares to remove (default: 0.1, 0.2 ... 0.9, 0.95)", take_amounts},
    {"layers", 0, "GLOB,...", OPTION_SCAN,
     "only these layers (default: all that can be pruned); may be repeated",
     take_layers},
    {"budget", 0, "KIND=SHARE", OPTION_PLAN,
     "latency, macs, parameters, bytes or energy, of the dense model's",
     take_budget},
    {"drop", 0, "POINTS", OPTION_PLAN, "accuracy that may be lost", take_drop},
    {"allocator", 0, "NAME", OPTION_PLAN,
     "uniform, uniform+, erk, global, lamp, sensitivity, hull, knapsack "
     "(default: the best of all)",
     take_allocator},
    {"mix", 0, NULL, OPTION_PLAN,
     "mix blocks, channels and weights for a latency, reconstruct what stays",
     take_mix},
    {"structure", 0, "NAME", OPTION_SCAN | OPTION_PLAN,
     "what is removed together", take_structure},
    {"criterion", 0, "NAME", OPTION_SCAN | OPTION_PLAN, "what ranks it",
     take_criterion},
    {"tolerance", 0, "POINTS", OPTION_SCAN,
     "half width at which a point is known well enough, or a fifth of its "
     "drop (default: 0.5; 0: every sample)",
     take_tolerance},
    {"floor", 0, "PERCENT", OPTION_SCAN,
     "leave out amounts above one that is clearly less accurate than this",
     take_floor},
    {"shard", 0, "I/N", OPTION_SCAN,
     "only the I-th of N parts; --merge joins them", take_shard},
    {"merge", 0, NULL, OPTION_SCAN, "join CSV files of shards: --merge FILES",
     take_merge},
    {"restart", 0, NULL, OPTION_SCAN,
     "forget what an earlier scan of this kind left", take_restart},
    {"remove", 0, NULL, OPTION_SESSIONS,
     "delete these sessions, with all that is kept of them", take_remove},
    {"samples", 0, "N", OPTION_SAMPLES, "use the first N samples only",
     take_samples},
    {"train", 0, "DATA", OPTION_SAMPLES,
     "data to calibrate and tune on (default: the training split)", take_train},
    {"split", 0, "NAME", OPTION_SAMPLES, "train or test (default: test)",
     take_split},
    {"resize", 0, "HxW", OPTION_SAMPLES,
     "resize pictures; one number: their shorter side", take_resize},
    {"crop", 0, "HxW", OPTION_SAMPLES, "then crop them about the centre",
     take_crop},
    {"channels", 0, "rgb|bgr", OPTION_SAMPLES,
     "order of the colours that the model wants", take_channels},
    {"layout", 0, "nchw|nhwc", OPTION_SAMPLES,
     "where the model has the colours (default: as its shape says)",
     take_layout},
    {"preprocess", 0, "auto|none", OPTION_PIXELS,
     "find the pixels' normalisation (default) or take them raw",
     take_preprocess},
    {"mean", 0, "a,b,c", OPTION_PIXELS,
     "subtract a mean: (pixel / scale - mean) / std", options_take_mean},
    {"std", 0, "a,b,c", OPTION_PIXELS, "divide by a standard deviation",
     options_take_std},
    {"scale", 0, "X", OPTION_PIXELS,
     "divide pixels by X first (default: 255 for images)", options_take_scale},
    {"seed", 0, "N", OPTION_ENGINE | OPTION_PIXELS,
     "of the order of samples and of all that is random (default: 0)",
     take_seed},
    {"threads", 0, "N", OPTION_ENGINE | OPTION_BENCH,
     "threads (default: all processors to evaluate, 1 to bench)", take_threads},
    {"batch", 0, "N", OPTION_ENGINE | OPTION_BENCH,
     "samples of one run (default: 16 to evaluate, 1 to bench)", take_batch},
    {"kernels", 0, "auto|dense|sparse", OPTION_ENGINE | OPTION_BENCH,
     "measure and take the faster (default), or one kind only", take_kernels},
    {"memory", 0, "SIZE", OPTION_ENGINE,
     "for cached activations (default: 256M)", take_memory},
    {"ascii", 0, NULL, OPTION_EXPLORER, "draw with ASCII characters only",
     take_ascii},
    {"no-color", 0, NULL, OPTION_EXPLORER, "draw without colours", take_mono},
    {"no-mouse", 0, NULL, OPTION_EXPLORER, "leave the mouse to the terminal",
     take_no_mouse},
    {"readonly", 0, NULL, OPTION_EXPLORER,
     "look and measure only: nothing is decided or written", take_readonly},
    {"progress", 0, NULL, OPTION_PROGRESS,
     "say on standard error how far it came, even when it is no terminal",
     take_progress},
    {"json", 0, NULL, OPTION_COMMON, "print one JSON document", take_json},
    {"help", 'h', NULL, (unsigned)ANY, "print help", take_help},
    {"version", 0, NULL, OPTION_EXPLORER, "print the version", take_version},
    {NULL, 0, NULL, 0, NULL, NULL},
};

static const struct option_row *find_row(unsigned groups, const char *word,
                                         size_t length)
{
    for (const struct option_row *row = rows; row->long_name; row++) {
        if (!(row->groups & groups))
            continue;
        bool same = word[1] == '-'
                        ? strlen(row->long_name) == length - 2 &&
                              strncmp(row->long_name, word + 2, length - 2) == 0
                        : length == 2 && row->letter == word[1];
        if (same)
            return row;
    }
    return NULL;
}

static int unknown_option(unsigned groups, const char *word, size_t length,
                          struct error *err)
{
    char name[64] = "";
    struct suggestion near = {.word = name};
    if (length > 3 && length < sizeof name)
        memcpy(name, word + 2, length - 2);
    for (const struct option_row *row = rows; row->long_name; row++)
        if (row->groups & groups)
            suggest_offer(&near, row->long_name);
    return near.best ? error_set(err, ERROR_USAGE,
                                 "unknown option '%.*s', nearest is '--%s'",
                                 (int)length, word, near.best)
                     : error_set(err, ERROR_USAGE, "unknown option '%.*s'",
                                 (int)length, word);
}

/* One option at words[*i]; moves *i to its last word. */
static bool is_masks_file(const char *word)
{
    size_t length = strlen(word);
    return word[0] != '-' && length > 4 &&
           strcmp(word + length - 4, ".npz") == 0;
}

static int parse_option(struct cli_options *options, unsigned groups, int *i,
                        int count, char **words, struct error *err)
{
    const char *word = words[*i];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const struct option_row *row = find_row(groups, word, length);
    if (!row)
        return unknown_option(groups, word, length, err);
    const char *value = equals ? equals + 1 : NULL;
    if (!row->value && value)
        return error_set(err, ERROR_USAGE, "option '%.*s' takes no value",
                         (int)length, word);
    bool may = row->value && row->value[0] == '['; /* without a value */
    if (may && !value && *i + 1 < count && is_masks_file(words[*i + 1]))
        value = words[++*i];
    if (may && !value && !(groups & OPTION_PRUNE))
        return error_set(err, ERROR_USAGE, "option '%s' needs FILE.npz", word);
    if (row->value && !value && !may) {
        if (*i + 1 >= count)
            return error_set(err, ERROR_USAGE, "option '%s' needs %s", word,
                             row->value);
        value = words[++*i];
    }
    if (row->take(options, value, err) < 0)
        return error_prefix(err, "--%s", row->long_name);
    return 0;
}

int options_parse(struct cli_options *options, unsigned groups, int count,
                  char **words, struct error *err)
{
    *options = (struct cli_options){
        .memory_bytes = (int64_t)256 << 20,
        .transform = transform_identity(),
        .tolerance = -1,
        .rate = -1,
        .floor = -1,
        .drop = -1,
        .flips = -1,
    };
    options->arguments =
        array_create((size_t)count, sizeof *options->arguments);
    options->sets = array_create((size_t)count, sizeof *options->sets);
    options->layers = array_create((size_t)count, sizeof *options->layers);
    options->with = array_create((size_t)count, sizeof *options->with);
    options->also = array_create((size_t)count, sizeof *options->also);
    if (!options->arguments || !options->sets || !options->layers ||
        !options->with || !options->also)
        return error_memory(err, (size_t)count * sizeof *options->arguments);
    bool all_words = false;
    for (int i = 0; i < count; i++) {
        if (all_words || words[i][0] != '-' || !words[i][1])
            options->arguments[options->argument_count++] = words[i];
        else if (strcmp(words[i], "--") == 0)
            all_words = true;
        else if (parse_option(options, groups, &i, count, words, err) < 0)
            return -1;
    }
    return 0;
}

void options_release(struct cli_options *options)
{
    calibration_store_destroy(options->calibration);
    free(options->arguments);
    free(options->sets);
    free(options->with);
    free(options->layers);
    free(options->also);
    free(options->amounts);
    *options = (struct cli_options){0};
}

void options_print(unsigned groups)
{
    for (const struct option_row *row = rows; row->long_name; row++) {
        if (!(row->groups & groups))
            continue;
        char left[80];
        snprintf(left, sizeof left, "%c%c%s--%s%s%s", row->letter ? '-' : ' ',
                 row->letter ? row->letter : ' ', row->letter ? ", " : "  ",
                 row->long_name, row->value ? " " : "",
                 row->value ? row->value : "");
        if (strlen(left) > 30)
            printf("  %s\n  %-30s  %s\n", left, "", row->help);
        else
            printf("  %-30s  %s\n", left, row->help);
    }
}

const struct option_row *options_table(void)
{
    return rows;
}

const char *option_long_name(const struct option_row *row)
{
    return row->long_name;
}

const struct option_row *option_next(const struct option_row *row)
{
    return row + 1;
}
