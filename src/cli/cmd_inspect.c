/* espalier inspect: layers, shapes, costs, what can be pruned. */
#include "base/array.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "engine/appraise.h"
#include "measure/energy.h"
#include "prune/group.h"

#include <math.h>
#include <stdio.h>

static cJSON *shape_json(const struct shape *shape)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < shape->rank; i++)
        cJSON_AddItemToArray(array, cJSON_CreateNumber((double)shape->dims[i]));
    return array;
}

/* Joules of one sample, by the model. */
static double layer_joules(const struct layer *layer,
                           const struct layer_result *result)
{
    double weights = (double)layer->weights, kept = (double)result->nonzeros;
    return energy_model(
        weights > 0 ? (double)layer->macs * kept / weights : 0,
        (double)cost_encoded_bytes(layer->weights, result->nonzeros));
}

static cJSON *layer_json(const struct layer *layer,
                         const struct layer_result *result)
{
    cJSON *object = cJSON_CreateObject();
    json_string(object, "name", layer->name);
    json_string(object, "op", layer->op);
    cJSON_AddItemToObject(object, "shape", shape_json(&layer->shape));
    json_integer(object, "parameters", layer->parameters);
    json_integer(object, "macs", layer->macs);
    cJSON_AddBoolToObject(object, "prunable", layer->prunable);
    json_string(object, "reason", layer->reason);
    json_number(object, "joules", layer_joules(layer, result), 12);
    if (isfinite(result->ms))
        json_number(object, "ms", result->ms, 6);
    return object;
}

static void add_names(cJSON *object, const char *key,
                      const struct layer_table *layers, const int *rows,
                      size_t count)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(array,
                             cJSON_CreateString(layers->layers[rows[i]].name));
}

static cJSON *group_json(const struct layer_table *layers,
                         const struct group *group)
{
    cJSON *object = cJSON_CreateObject();
    json_integer(object, "id", group->id);
    json_string(object, "structure",
                group->kind == GROUP_HEADS ? "head" : "channel");
    add_names(object, "layers", layers, group->layers, group->layer_count);
    add_names(object, "readers", layers, group->readers, group->reader_count);
    json_integer(object, "channels", group->channels);
    json_integer(object, "removable", group->most);
    cJSON_AddBoolToObject(object, "locked", !group->most);
    json_string(object, "reason", group->reason);
    return object;
}

static int print_json(const struct session *session,
                      const struct result *result, struct error *err)
{
    const struct cost *cost = &result->cost;
    const struct onnx_model *model = session_model(session);
    const struct layer_table *layers = session_layers(session);
    cJSON *document = cJSON_CreateObject();
    json_string(document, "model", onnx_path(model));
    json_integer(document, "opset", onnx_opset(model));
    json_string(document, "producer", onnx_producer(model));
    json_integer(document, "file_bytes", onnx_file_bytes(model));
    json_integer(document, "parameters", cost->parameters);
    json_integer(document, "nonzeros", cost->nonzeros);
    json_integer(document, "macs", cost->macs);
    if (result->has_latency)
        json_latency(document, result);
    json_energy(document, result);
    cJSON *list = cJSON_AddArrayToObject(document, "layers");
    for (size_t i = 0; i < layers->count; i++)
        cJSON_AddItemToArray(
            list, layer_json(&layers->layers[i], &result->layers[i]));
    cJSON *groups = cJSON_AddArrayToObject(document, "groups");
    for (size_t i = 0; i < layers->groups->count; i++)
        if (layers->groups->groups[i].layer_count)
            cJSON_AddItemToArray(
                groups, group_json(layers, &layers->groups->groups[i]));
    return json_print(document, err);
}

static int print_text(const struct session *session,
                      const struct result *result, struct error *err)
{
    const struct cost *cost = &result->cost;
    static const char *const headings[] = {
        ">#",    "layer",   "operator", "shape",    ">parameters",
        ">MACs", ">energy", ">ms",      "channels", "prunable"};
    const struct onnx_model *model = session_model(session);
    const struct layer_table *layers = session_layers(session);
    char text[SHAPE_TEXT_BYTES], size[32], energy[160];
    printf("model       %s\n", onnx_path(model));
    printf("file        opset %lld, %s%s%s\n", (long long)onnx_opset(model),
           bytes_text(onnx_file_bytes(model), size, sizeof size),
           onnx_producer(model)[0] ? ", by " : "", onnx_producer(model));
    printf("parameters  %s\n", count_text(cost->parameters, size, sizeof size));
    printf("MACs        %s\n", count_text(cost->macs, size, sizeof size));
    if (result->has_latency)
        printf("latency     %.4f ms on %s, predicted\n",
               result->latency_ms.median, result->device);
    printf("energy      %s\n\n", energy_text(result, energy, sizeof energy));
    struct table table;
    table_init(&table, headings, ARRAY_LENGTH(headings));
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *layer = &layers->layers[i];
        table_add(&table, "%d", layer->row);
        table_add(&table, "%s", layer->name);
        table_add(&table, "%s", layer->description);
        table_add(&table, "%s", shape_text(&layer->shape, text));
        table_add(&table, "%s",
                  count_text(layer->parameters, size, sizeof size));
        table_add(&table, "%s", count_text(layer->macs, size, sizeof size));
        table_add(&table, "%s",
                  joules_text(layer_joules(layer, &result->layers[i]), size,
                              sizeof size));
        table_add(&table, isfinite(result->layers[i].ms) ? "%.4f" : "-",
                  result->layers[i].ms);
        if (layer->group && layer->group->most)
            table_add(&table, "%lld, group %d",
                      (long long)layer->group->channels, layer->group->id);
        else
            table_add(&table, "stay");
        table_add(&table, "%s", layer->prunable ? "yes" : layer->reason);
    }
    if (table_print(&table, err) < 0)
        return -1;
    return print_finish(err);
}

static int run(const struct cli_options *options, struct error *err)
{
    struct session *session;
    const char *data =
        options->argument_count > 1 ? options->arguments[1] : NULL;
    if (run_open(&session, options, options->arguments[0], data, err) < 0)
        return -1;
    struct result result;
    struct engine_options wanted = {.device = options->device};
    int code = engine_appraise(&result, session, &wanted, err);
    if (code == 0)
        code = options->json ? print_json(session, &result, err)
                             : print_text(session, &result, err);
    result_release(&result);
    session_close(session);
    return code;
}

const struct cli_command command_inspect = {
    .name = "inspect",
    .synopsis = "MODEL [DATA]",
    .help = "layers, shapes, parameters, MACs, what can be pruned and why not",
    .least = 1,
    .most = 2,
    .groups = OPTION_COMMON | OPTION_DEVICE,
    .run = run,
};
