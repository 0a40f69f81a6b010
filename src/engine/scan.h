/*
 * Scans: the accuracy that every layer's pruning alone leaves, at several
 * amounts. Points of one layer share the cached activations before it; a
 * point ends when its interval is tight enough, and takes the samples that
 * say most about it (eval/live.h).
 */
#ifndef ENGINE_SCAN_H
#define ENGINE_SCAN_H

#include "engine/probe.h"
#include "prune/sensitivity.h"

struct scan_request {
    const size_t *rows; /* indices of layers, ascending; NULL: all that can
                           be pruned */
    size_t row_count;
    const double *amounts; /* shares above 0, ascending; NULL: 10 … 90, 95 % */
    size_t amount_count;
    const struct structure *structure; /* NULL: the first of the table */
    const struct criterion *criterion; /* likewise */
    /* A point ends when the half width of its interval on the data set is
     * below the larger of these: absolute, and as a share of the drop.
     * tolerance 0: every sample. */
    double tolerance, relative;
    double floor; /* an amount whose interval lies below ends its layer: larger
                     ones are left out. 0: none */
    bool whole;   /* also the model as a whole, as row 0 under the name "*": one
                     ranking over all layers where weights fall singly, else
                     the same share of each */
    int shard, shards; /* 1-based; shards 0: all of it */
    bool resume;       /* keep points in the state folder and go on there */
    /* When nothing is kept: points that need not be run; borrowed, may be
     * NULL. */
    const struct sensitivity *known;
    bool restart; /* forget what an earlier one left there */
    bool again; /* points that are known are run once more, on every sample, and
                   count from then on */
};

/* ±0.5 points or a fifth of the drop, all layers and the whole, resumed. */
struct scan_request scan_request_default(void);

/* What a request without amounts is scanned at. */
const double *scan_default_amounts(size_t *count);

struct scan_progress {
    size_t done, total;  /* points; done counts those known before */
    const char *layer;   /* being run, borrowed; NULL: the dense model */
    double seconds;      /* since the beginning */
    double seconds_left; /* NAN: not known yet */
    const struct sensitivity_point *point; /* just found; NULL: none */
};

/* Who watches; called on the scanning thread. */
struct scan_watch {
    const struct cancel *cancel; /* NULL: never */
    void (*progress)(void *context, const struct scan_progress *progress);
    void *context;
};

/*
 * Scans; table is empty, the caller releases it. Of the watch only
 * `progress` (the probe has a token of its own).
 * Errors: ERROR_CANCELLED (what was found is in the resume file),
 * ERROR_USAGE (a request that makes no sense), and those of running.
 */
int scan_run(struct sensitivity *table, struct probe *probe,
             const struct scan_request *request, const struct scan_watch *watch,
             struct error *err);

/* The same with threads of its own. */
int engine_scan(struct sensitivity *table, const struct session *session,
                const struct engine_options *options,
                const struct scan_request *request,
                const struct scan_watch *watch, struct error *err);

/*
 * Reads what scans of the default settings have left in the state folder into
 * an empty table; nothing when there were none.
 */
int scan_known(struct sensitivity *table, const struct setup *setup,
               struct error *err);

/* What identifies model, data and the settings that a point depends on. */
uint64_t scan_key(const struct setup *setup,
                  const struct scan_request *request);

#endif
