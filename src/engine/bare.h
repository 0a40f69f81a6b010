/* What commands that need no engine run on: a setup and threads of their
 * own. */
#ifndef ENGINE_BARE_H
#define ENGINE_BARE_H

#include "engine/probe.h"

struct bare {
    struct setup setup;
    struct trial *base;
    struct pool *pool;
};

int bare_init(struct bare *bare, const struct session *session,
              const struct engine_options *options, struct error *err);
void bare_release(struct bare *bare);

struct probe_site bare_site(struct bare *bare, const struct cancel *cancel);

#endif
