/*
 * Options, from one table: parsing, help and manual agree with it. To add an
 * option: a field here, a row in options.c, its word in man/espalier.1.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "engine/engine.h"

/* Which commands take an option. */
enum option_group {
    OPTION_COMMON = 1 << 0,  /* --json, --help */
    OPTION_SAMPLES = 1 << 1, /* how a data set is read */
    OPTION_PIXELS = 1 << 2,  /* how samples become inputs */
    OPTION_ENGINE = 1 << 3,  /* --threads, --batch, --memory, --kernels */
    OPTION_BENCH = 1 << 4,   /* --batch, --threads, --kernels of a run */
    OPTION_PROGRESS = 1 << 5,
    OPTION_EVAL = 1 << 6,
    OPTION_PRUNE = 1 << 7,
    OPTION_EXPLORER = 1 << 8,
    OPTION_SCAN = 1 << 9,  /* what is scanned and how */
    OPTION_TUNE = 1 << 14, /* how it is tuned */
    OPTION_PLAN = 1 << 10,
    OPTION_FLIPS = 1 << 15,    /* --flips */
    OPTION_EXAM = 1 << 16,     /* --holdout */
    OPTION_PROFILE = 1 << 20,  /* what is measured of a device */
    OPTION_DEVICE = 1 << 21,   /* --device */
    OPTION_SESSIONS = 1 << 22, /* --remove */
};

struct cli_options {
    const char **arguments; /* owned array of borrowed words */
    size_t argument_count;
    bool help, version, json, progress;

    int64_t samples, threads, batch;
    uint64_t seed;
    const char *split;
    struct picture_shape shape;
    bool preprocess_none, user_pixels, user_scale;
    struct transform transform;
    int64_t memory_bytes;
    const char *kernels;

    const char *train;            /* data to calibrate and tune on */
    struct session_worker worker; /* does lines of work, with these options */
    struct calibration_store *calibration; /* owned; NULL until it is asked */
    const char *device;                    /* a profile: latencies are its */
    const char *name;                      /* of the device that is measured */
    bool brief;                            /* a profile of a few problems */
    const char *output, *outputs, *recipe;
    const char **sets; /* owned array of borrowed LAYER=AMOUNT… */
    size_t set_count;
    bool masks, report, write_recipe, force;
    const char *masks_file; /* to keep */

    double *amounts; /* owned; shares 0…1, ascending */
    size_t amount_count;
    const char **layers; /* owned array of borrowed globs, with commas */
    size_t layer_count;
    const char *structure, *criterion;

    const char *dense, *corruptions; /* to compare with; "all" or names */
    const char *checkpoint;          /* of a tune, to go on from */
    const char *holdout;             /* share or path for the exam */
    unsigned severities;             /* bit s: severity s; 0: all */
    const char **also;               /* owned array of borrowed paths */
    size_t also_count;
    int64_t flips; /* how many are listed; -1: as many as usual */

    double tolerance, floor; /* shares; -1: not said */
    int shard, shards;       /* 0: not said */
    bool merge, restart;
    bool remove; /* sessions */

    double epochs, rate; /* 0, -1: not said */
    const char *schedule, *target;
    const char **with; /* owned array of borrowed words of `tune` */
    size_t with_count;
    const char *budget, *allocator;
    bool mix;
    double drop; /* a share; -1: not said */

    bool ascii, mono, no_mouse, readonly;
};

/*
 * Parses words[0 … count-1] (no program name, no command).
 * groups  options that are allowed
 * Errors: ERROR_USAGE.
 */
int options_parse(struct cli_options *options, unsigned groups, int count,
                  char **words, struct error *err);
void options_release(struct cli_options *options);

/* Prints the rows of `groups` to standard output. */
void options_print(unsigned groups);

/* NULL-terminated by long_name, for tests and completion. */
struct option_row;
const struct option_row *options_table(void);
const char *option_long_name(const struct option_row *row);
const struct option_row *option_next(const struct option_row *row);

#endif
