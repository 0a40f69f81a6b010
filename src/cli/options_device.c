#include "cli/options_device.h"

int options_take_device(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->device = t;
    return 0;
}

int options_take_name(struct cli_options *o, const char *t, struct error *e)
{
    (void)e;
    o->name = t;
    return 0;
}

int options_take_brief(struct cli_options *o, const char *t, struct error *e)
{
    (void)t;
    (void)e;
    o->brief = true;
    return 0;
}
