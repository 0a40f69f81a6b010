#include "session/state.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

int state_init(struct state *state, const struct graph *graph,
               const struct layer_table *layers, struct error *err)
{
    *state = (struct state){.graph = graph, .layers = layers};
    state->at.exported = -1;
    state->at.current = -1;
    state->at.criterion = criteria[0];
    state->at.structure = structures[0];
    if (state_add(state, NULL, NULL, "", "dense model", err) < 0)
        return -1;
    state->at.saved_hash = state_current(state)->hash;
    return 0;
}

void state_release(struct state *state)
{
    for (int i = 0; i < state->at.count; i++)
        variant_drop(state->variants[i]);
    free(state->variants);
    *state = (struct state){0};
}

const struct variant *state_current(const struct state *state)
{
    return state->variants[state->at.current];
}

const struct variant *state_variant(const struct state *state, int id)
{
    return id >= 0 && id < state->at.count ? state->variants[id] : NULL;
}

int state_add(struct state *state, const struct decision *decisions,
              const struct weights *weights, const char *command,
              const char *summary, struct error *err)
{
    int id = state->at.count;
    size_t bytes = state->layers->count * sizeof *decisions;
    if (array_reserve(&state->variants, &state->capacity, (size_t)id + 1,
                      sizeof *state->variants) < 0)
        return error_memory(err, bytes);
    struct variant *variant =
        variant_create(id, state->at.current, decisions, state->layers->count,
                       weights, command, summary);
    if (!variant)
        return error_memory(err, bytes);
    state->variants[id] = variant;
    state->at.count++;
    state->at.current = state->at.tip = id;
    return 0;
}

int state_graph(const struct state *state, struct graph **out,
                struct error *err)
{
    return weights_apply(out, state->graph, state_current(state)->weights, err);
}

/* Whether `id` is `heir` or one of its ancestors. */
static bool is_on_way(const struct state *state, int id, int heir)
{
    while (heir > id) /* children have larger ids */
        heir = state->variants[heir]->parent;
    return heir == id;
}

void state_go(struct state *state, int id)
{
    state->at.current = id;
    if (is_on_way(state, id, state->at.tip))
        return;
    int tip = state->at.count - 1;
    while (!is_on_way(state, id, tip))
        tip--;
    state->at.tip = tip;
}

int state_redo_target(const struct state *state, int id)
{
    int heir = state->at.tip;
    if (heir == id)
        return -1;
    while (state->variants[heir]->parent != id)
        heir = state->variants[heir]->parent;
    return heir;
}

void state_restore(struct state *state, const struct position *before)
{
    for (int i = before->count; i < state->at.count; i++)
        variant_drop(state->variants[i]);
    state->at = *before;
}

int state_find_snapshot(const struct state *state, const char *name)
{
    for (int i = 0; i < state->at.snapshot_count; i++)
        if (!strcmp(state->at.snapshots[i].name, name))
            return i;
    return -1;
}
