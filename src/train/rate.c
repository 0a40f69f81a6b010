#include "train/rate.h"

#include <math.h>
#include <string.h>

static const char *const rate_names[RATE_KIND_COUNT] = {
    [RATE_CONSTANT] = "constant",
    [RATE_COSINE] = "cosine",
    [RATE_STEP] = "step",
    [RATE_ONE_CYCLE] = "one-cycle",
};

static const char *const course_names[COURSE_KIND_COUNT] = {
    [COURSE_CUBIC] = "cubic",
    [COURSE_LINEAR] = "linear",
    [COURSE_EXPONENTIAL] = "exponential",
    [COURSE_ONE_CYCLE] = "one-cycle",
};

const char *rate_name(enum rate_kind kind)
{
    return rate_names[kind];
}

const char *course_name(enum course_kind kind)
{
    return course_names[kind];
}

static int find(const char *const *names, int count, const char *name,
                const char *what, struct error *err)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return error_set(err, ERROR_NAME, "'%s' is no %s", name, what);
}

int rate_find(enum rate_kind *kind, const char *name, struct error *err)
{
    int found = find(rate_names, RATE_KIND_COUNT, name, "learning rate", err);
    if (found >= 0)
        *kind = (enum rate_kind)found;
    return found < 0 ? -1 : 0;
}

int course_find(enum course_kind *kind, const char *name, struct error *err)
{
    int found = find(course_names, COURSE_KIND_COUNT, name, "schedule", err);
    if (found >= 0)
        *kind = (enum course_kind)found;
    return found < 0 ? -1 : 0;
}

/* From a to b along half a cosine. */
static double anneal(double a, double b, double t)
{
    const double pi = 3.14159265358979323846;
    return b + (a - b) * (1 + cos(pi * t)) / 2;
}

double rate_at(const struct rate *rate, double progress)
{
    const double rise = 0.3, start = 1.0 / 25, end = 1e-4 / 25;
    double factor = 1;
    if (rate->kind == RATE_COSINE)
        factor = anneal(1, 0, progress);
    else if (rate->kind == RATE_STEP)
        factor = progress < 0.5 ? 1 : progress < 0.75 ? 0.1 : 0.01;
    else if (rate->kind == RATE_ONE_CYCLE)
        factor = progress < rise
                     ? anneal(start, 1, progress / rise)
                     : anneal(1, end, (progress - rise) / (1 - rise));
    if (progress < rate->warmup)
        factor *= progress / rate->warmup;
    return rate->peak * factor;
}

double course_at(enum course_kind kind, double from, double to, double progress)
{
    double t = fmin(fmax(progress, 0), 1), left = 1 - t;
    if (kind == COURSE_LINEAR)
        return from + (to - from) * t;
    if (kind == COURSE_EXPONENTIAL)
        return 1 - (1 - from) * pow((1 - to) / (1 - from), t);
    if (kind == COURSE_ONE_CYCLE) {
        double begin = (1 + exp(-8)) / (1 + exp(6));
        double at = (1 + exp(-8)) / (1 + exp(-14 * t + 6));
        return from + (to - from) * (at - begin) / (1 - begin);
    }
    return to + (from - to) * left * left * left;
}
