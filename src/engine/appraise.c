#include "engine/appraise.h"

#include "engine/forecast.h"

int engine_appraise(struct result *out, const struct session *session,
                    const struct engine_options *options, struct error *err)
{
    struct setup setup;
    *out = (struct result){0};
    if (setup_init(&setup, session, options, err) < 0)
        return -1;
    int code = 0;
    cost_of_graph(setup.cost_graph, &out->cost);
    out->dense_cost = out->cost;
    out->layer_count = session_layers(session)->count;
    out->layers = setup_layers(&setup, setup.cost_graph);
    if (!out->layers)
        code = error_memory(err, out->layer_count * sizeof *out->layers);
    else if (setup.device)
        code = setup_device_times(&setup, out, session_variant(session, 0),
                                  NULL, err);
    setup_release(&setup);
    if (code < 0)
        result_release(out);
    return code;
}
