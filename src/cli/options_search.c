/* Options of scan and plan. */
#include "cli/options_search.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "0.5" or "50%" as a share. */
static int share(double *out, const char *text, char **end)
{
    double value = strtod(text, end);
    if (*end == text || !isfinite(value))
        return -1;
    if (**end == '%') {
        ++*end;
        value /= 100;
    }
    *out = value;
    return value >= 0 && value <= 1 ? 0 : -1;
}

static int compare_numbers(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

int take_amounts(struct cli_options *o, const char *t, struct error *e)
{
    size_t room = strlen(t) / 2 + 1, count = 0;
    free(o->amounts);
    o->amount_count = 0;
    o->amounts = array_create(room, sizeof *o->amounts);
    if (!o->amounts)
        return error_memory(e, room * sizeof *o->amounts);
    for (const char *p = t;; p++) {
        char *end;
        double value;
        if (share(&value, p, &end) < 0 || value <= 0 || (*end && *end != ','))
            return error_set(e, ERROR_USAGE,
                             "found '%s', expected numbers above 0 and up to "
                             "1, or percentages (0.5,90%%)",
                             t);
        o->amounts[count++] = value;
        p = end;
        if (!*p)
            break;
    }
    qsort(o->amounts, count, sizeof *o->amounts, compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (!i || o->amounts[i] > o->amounts[i - 1])
            o->amounts[o->amount_count++] = o->amounts[i];
    return 0;
}

int take_layers(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->layers[o->layer_count++] = t;
    return 0;
}

int take_structure(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->structure = t;
    return 0;
}

int take_criterion(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->criterion = t;
    return 0;
}

/* Points of accuracy, as a share. */
static int points(double *out, const char *text, struct error *err)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '%')
        end++;
    if (end == text || *end || !(value >= 0 && value <= 100))
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected points from 0 to 100", text);
    *out = value / 100;
    return 0;
}

int take_tolerance(struct cli_options *o, const char *t, struct error *e)
{
    return points(&o->tolerance, t, e);
}

int take_floor(struct cli_options *o, const char *t, struct error *e)
{
    return points(&o->floor, t, e);
}

int take_shard(struct cli_options *o, const char *t, struct error *e)
{
    char extra;
    if (sscanf(t, "%d/%d%c", &o->shard, &o->shards, &extra) != 2 ||
        o->shards < 1 || o->shard < 1 || o->shard > o->shards)
        return error_set(e, ERROR_USAGE,
                         "found '%s', expected I/N with I from 1 to N", t);
    return 0;
}

int take_budget(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->budget = t;
    return 0;
}

int take_allocator(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->allocator = t;
    return 0;
}

int take_mix(struct cli_options *o, const char *t, struct error *e)
{
    (void)t;
    (void)e;
    o->mix = true;
    return 0;
}

int take_drop(struct cli_options *o, const char *t, struct error *e)
{
    return points(&o->drop, t, e);
}
