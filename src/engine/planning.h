/*
 * Planning: decisions under a budget. A scan says what each layer's pruning
 * costs in accuracy, counting or the planner's measured times say what it
 * buys; allocators propose, the proposals are evaluated as a whole, and a
 * budget of time is met by measuring and proposing again.
 */
#ifndef ENGINE_PLANNING_H
#define ENGINE_PLANNING_H

#include "engine/scan.h"
#include "measure/noise.h"
#include "prune/allocate.h"

/* What still meets a budget, of it. */
#define PLANNING_ALLOWED 1.05

enum budget_kind {
    BUDGET_NONE, /* a drop only: as much as it allows */
    BUDGET_LATENCY,
    BUDGET_MACS,
    BUDGET_PARAMETERS,
    BUDGET_BYTES,
    BUDGET_ENERGY,
    BUDGET_KIND_COUNT,
};
const char *budget_name(enum budget_kind kind);
/* BUDGET_NONE when there is no such kind. */
enum budget_kind budget_find(const char *name);

struct planning_request;
/* Reads "latency=50%", "macs=0.3": kind and share.
 * Errors: ERROR_USAGE. */
int planning_read_budget(struct planning_request *request, const char *text,
                         struct error *err);

struct planning_request {
    enum budget_kind kind;
    double share; /* of the dense model's cost, above 0 and below 1 */
    double drop;  /* accuracy that may be lost, a share; NAN: not said */
    const struct allocator *allocator; /* NULL: all, the best is taken */
    const struct structure *structure; /* NULL: the first of the table */
    const struct criterion *criterion; /* likewise */
    bool mix; /* structures are mixed, what stays is reconstructed */
};

enum { PLANNING_TRIALS = 16, PLANNING_TRIAL_NAME = 48 };

struct planning_trial {
    const struct allocator *allocator;
    bool feasible;
    double value;                   /* accuracy, evaluated jointly */
    char name[PLANNING_TRIAL_NAME]; /* "": the allocator's */
};

/* Figures of a plan; bytes are those of the weights, encoded. */
struct planning_figures {
    double value, low, high; /* accuracy */
    double latency_ms;       /* NAN: not measured */
    double bytes, cost;      /* cost in the budget's unit */
};

struct planning {
    struct decision *decisions; /* owned; one per layer */
    struct weights *weights;    /* owned; NULL: not reconstructed */
    const struct allocator *allocator;
    double baseline, dense_latency_ms, dense_bytes, dense_cost;
    struct planning_figures predicted, measured;
    double ratio; /* of the budget's cost to the dense model's, measured where
                     it can be */
    struct noise noise; /* of the machine when latency was measured */
    char device[48];    /* whose latencies these are; "": this machine's */
    bool budget_met, drop_met;
    struct planning_trial trials[PLANNING_TRIALS];
    size_t trial_count;
};
void planning_release(struct planning *planning);

/* The plan as one draft: decisions and weights move over, with a summary and,
 * where weights were fitted, the line that gives both again.
 * Errors: ERROR_MEMORY. */
int planning_outcome(struct session_outcome *out, struct planning *planning,
                     const struct planning_request *request,
                     const struct session *session, struct error *err);

/* Whether a request leaves to the plan how it prunes, for a latency: then
 * structures can be mixed, if there are samples to calibrate on. */
bool planning_may_mix(const struct planning_request *request);

/*
 * Plans; the scan that it needs is resumed or made first.
 * data  training samples, for structures to be mixed (request->mix); else NULL
 * Errors: ERROR_RANGE (a budget that cannot be met), those of running.
 */
int planning_run(struct planning *planning, struct probe *probe,
                 const struct planning_request *request,
                 const struct dataset *data, const struct scan_watch *watch,
                 struct error *err);

/* The same with threads of its own. */
int engine_planning(struct planning *planning, const struct session *session,
                    const struct engine_options *options,
                    const struct planning_request *request,
                    const struct scan_watch *watch, struct error *err);

#endif
