#include "cli/options_trust.h"

#include "engine/robustness.h"

#include <errno.h>
#include <stdlib.h>

int options_take_dense(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->dense = t;
    return 0;
}

int options_take_holdout(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->holdout = t;
    return 0;
}

int options_take_corruptions(struct cli_options *o, const char *t,
                             struct error *e)
{
    (void)e;
    o->corruptions = t;
    return 0;
}

int options_take_severity(struct cli_options *o, const char *t, struct error *e)
{
    unsigned severities;
    if (robustness_severities(&severities, t, e) < 0)
        return -1;
    o->severities |= severities;
    return 0;
}

int options_take_also(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->also[o->also_count++] = t;
    return 0;
}

int options_take_flips(struct cli_options *o, const char *t, struct error *e)
{
    char *end;
    errno = 0;
    long long count = strtoll(t, &end, 10);
    if (end == t || *end || errno || count < 0)
        return error_set(e, ERROR_USAGE,
                         "found '%s', expected a whole number from 0 up", t);
    o->flips = count;
    return 0;
}
