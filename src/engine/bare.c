#include "engine/bare.h"

int bare_init(struct bare *bare, const struct session *session,
              const struct engine_options *options, struct error *err)
{
    *bare = (struct bare){0};
    if (setup_init(&bare->setup, session, options, err) < 0)
        return -1;
    const struct setup *setup = &bare->setup;
    if (trial_create(&bare->base, setup->samples, setup->batches, err) == 0 &&
        pool_create(&bare->pool, setup->options.workers,
                    !setup->options.foreground, err) == 0)
        return 0;
    bare_release(bare);
    return -1;
}

void bare_release(struct bare *bare)
{
    pool_destroy(bare->pool);
    trial_destroy(bare->base);
    setup_release(&bare->setup);
    *bare = (struct bare){0};
}

struct probe_site bare_site(struct bare *bare, const struct cancel *cancel)
{
    return (struct probe_site){.setup = &bare->setup,
                               .pool = bare->pool,
                               .base = bare->base,
                               .cancel = cancel};
}
