#include "cli/options_pixels.h"

#include <math.h>
#include <stdlib.h>

/* "a", "a,b,c": one number for all channels or one each. */
static int number_list(double *list, int *count, const char *text,
                       struct error *err)
{
    const char *p = text;
    for (int n = 0; n < 4; n++) {
        char *end;
        list[n] = strtod(p, &end);
        if (end == p || !isfinite(list[n]) || (*end && *end != ','))
            break;
        if (!*end) {
            *count = n + 1;
            return 0;
        }
        p = end + 1;
    }
    return error_set(err, ERROR_USAGE,
                     "found '%s', expected up to 4 numbers with commas", text);
}

/* Makes mean and std equally long; -1 when both have several and differ. */
static int join_channels(struct transform *t, int count, struct error *err)
{
    if (t->channels > 1 && count > 1 && t->channels != count)
        return error_set(err, ERROR_USAGE,
                         "--mean and --std differ in their number of channels");
    if (count > t->channels)
        t->channels = count;
    return 0;
}

static void spread(double *list, int count)
{
    for (int i = count; i < 4 && count == 1; i++)
        list[i] = list[0];
}

int options_take_mean(struct cli_options *o, const char *t, struct error *e)
{
    int count;
    if (number_list(o->transform.mean, &count, t, e) < 0)
        return -1;
    spread(o->transform.mean, count);
    o->user_pixels = true;
    return join_channels(&o->transform, count, e);
}

int options_take_std(struct cli_options *o, const char *t, struct error *e)
{
    int count;
    if (number_list(o->transform.std, &count, t, e) < 0)
        return -1;
    for (int i = 0; i < count; i++)
        if (o->transform.std[i] <= 0)
            return error_set(e, ERROR_USAGE,
                             "found '%s', expected numbers above 0", t);
    spread(o->transform.std, count);
    o->user_pixels = true;
    return join_channels(&o->transform, count, e);
}

int options_take_scale(struct cli_options *o, const char *t, struct error *e)
{
    char *end;
    double scale = strtod(t, &end);
    if (end == t || *end || !isfinite(scale) || scale <= 0)
        return error_set(e, ERROR_USAGE,
                         "found '%s', expected a number above 0", t);
    o->transform.scale = scale;
    o->user_pixels = o->user_scale = true;
    return 0;
}
