/*
 * Whatever the lines: each is executed or leaves everything as it was with a
 * reason of one line, and the recipe of where they led leads there again.
 */
#include "session/command.h"
#include "session/parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LAYERS = 4, WEIGHTS = 150, MAX_LINES = 200 };

static void require(bool fact)
{
    if (!fact)
        abort();
}

static struct graph *make_graph(void)
{
    struct graph *graph;
    struct tensor tensor;
    struct shape shape = {.rank = 1, .dims = {WEIGHTS}};
    require(graph_create(&graph, NULL) == 0);
    require(tensor_init(&tensor, DTYPE_FLOAT32, &shape, NULL) == 0);
    for (int i = 0; i < WEIGHTS; i++)
        ((float *)tensor.data)[i] = (float)(i * 37 % 50) - 25;
    int id = graph_add_value(graph, "w", NULL);
    require(id == 0 && graph_set_constant(graph, id, &tensor, NULL) == 0);
    tensor_release(&tensor);
    return graph;
}

/* All layers share one weight: nothing here looks at values together. */
static void make_layers(struct layer *layers)
{
    static char names[LAYERS][20] = {"conv1", "layers.0.conv1",
                                     "layers.1.conv1", "a \"b\";"};
    static const int64_t weights[LAYERS] = {WEIGHTS, 77, 10, 1};
    for (int i = 0; i < LAYERS; i++)
        layers[i] = (struct layer){
            .name = names[i],
            .row = i + 1,
            .weights = weights[i],
            .shape = {.rank = 1, .dims = {weights[i]}},
            .prunable = i != 1,
            .reason = i == 1 ? "for the test" : "",
        };
}

static void execute(struct state *state, const char *line)
{
    struct command_result result;
    struct error err = {0};
    struct position before = state->at;
    if (state_execute(state, line, &result, &err) < 0) {
        require(err.code != ERROR_NONE && !strchr(err.message, '\n'));
        require(!memcmp(&before, &state->at, sizeof before));
        require(!result.argument && !result.message);
        return;
    }
    require(result.message != NULL);
    require((result.effect == COMMAND_EXPORT) == (result.argument != NULL));
    if (result.effect == COMMAND_NOTHING)
        require(!memcmp(&before, &state->at, sizeof before));
    command_result_release(&result);
}

static void execute_all(struct state *state, char *text)
{
    int lines = 0;
    for (char *line = text, *next; line && lines < MAX_LINES; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        execute(state, line);
        lines++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layer list[LAYERS];
    const struct layer_table layers = {.layers = list, .count = LAYERS};
    struct state state, again;
    struct strbuf recipe = {0};
    struct graph *graph = make_graph();
    make_layers(list);
    require(state_init(&state, graph, &layers, NULL) == 0);
    require(state_init(&again, graph, &layers, NULL) == 0);
    char *text = strndup((const char *)data, size);
    require(text != NULL);
    execute_all(&state, text);
    recipe_add(&recipe, &layers, state_current(&state)->decisions);
    require(!recipe.failed);
    if (recipe.length)
        execute_all(&again, recipe.text);
    require(state_current(&state)->hash == state_current(&again)->hash);
    strbuf_release(&recipe);
    free(text);
    state_release(&again);
    state_release(&state);
    graph_drop(graph);
    return 0;
}
