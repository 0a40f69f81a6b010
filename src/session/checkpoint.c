#include "session/checkpoint.h"

#include "base/array.h"
#include "base/strbuf.h"
#include "dataset/npz.h"
#include "session/decision_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char weight_prefix[] = "weight:", mask_prefix[] = "mask:";

/* --- writing --- */

struct writer {
    struct npz_array *arrays;
    size_t count;
};

static int add_name(struct writer *writer, const char *prefix, const char *name,
                    struct error *err)
{
    struct strbuf text = {0};
    strbuf_addf(&text, "%s%s", prefix, name);
    writer->arrays[writer->count].name = strbuf_take(&text);
    strbuf_release(&text);
    if (!writer->arrays[writer->count].name)
        return error_memory(err, strlen(name));
    writer->count++;
    return 0;
}

static int add_tensor(struct writer *writer, const char *name,
                      const struct tensor *tensor, struct error *err)
{
    if (add_name(writer, weight_prefix, name, err) < 0)
        return -1;
    writer->arrays[writer->count - 1].tensor = tensor_share(tensor);
    return 0;
}

static int add_mask(struct writer *writer, const struct layer *layer,
                    const struct bitmask *mask, struct error *err)
{
    if (add_name(writer, mask_prefix, layer->name, err) < 0)
        return -1;
    struct tensor *tensor = &writer->arrays[writer->count - 1].tensor;
    if (tensor_init(tensor, DTYPE_BOOL, &layer->shape, err) < 0)
        return -1;
    unsigned char *kept = tensor->data;
    for (size_t i = 0; i < mask->bits; i++)
        kept[i] = bitmask_get(mask, i);
    return 0;
}

static int add_text(struct writer *writer, const char *name,
                    const struct strbuf *text, struct error *err)
{
    struct shape shape = {.rank = 1, .dims = {(int64_t)text->length}};
    if (text->failed)
        return error_memory(err, text->length);
    if (add_name(writer, "", name, err) < 0)
        return -1;
    struct tensor *tensor = &writer->arrays[writer->count - 1].tensor;
    if (tensor_init(tensor, DTYPE_UINT8, &shape, err) < 0)
        return -1;
    if (text->length)
        memcpy(tensor->data, text->text, text->length);
    return 0;
}

static int add_decisions(struct writer *writer, const char *name,
                         const struct decision *decisions, size_t count,
                         struct error *err)
{
    struct strbuf text = {0};
    decision_lines_add(&text, decisions, count);
    int result = add_text(writer, name, &text, err);
    strbuf_release(&text);
    return result;
}

static int add_summary(struct writer *writer, const char *summary,
                       struct error *err)
{
    struct strbuf text = {0};
    strbuf_add(&text, summary);
    int result = add_text(writer, "summary", &text, err);
    strbuf_release(&text);
    return result;
}

static int add_weights(struct writer *writer, const struct state *state,
                       const struct weights *weights, struct error *err)
{
    int result = 0;
    for (size_t i = 0; !result && i < weights->count; i++)
        result = add_tensor(writer, state->graph->values[weights->ids[i]].name,
                            &weights->tensors[i], err);
    for (size_t i = 0; !result && i < weights->layer_count; i++)
        if (weights->masks[i].words)
            result = add_mask(writer, &state->layers->layers[i],
                              &weights->masks[i], err);
    return result ? result
                  : add_decisions(writer, "masked", weights->decisions,
                                  weights->layer_count, err);
}

int checkpoint_write(const char *path, const struct state *state,
                     const struct variant *variant, struct error *err)
{
    const struct weights *weights = variant->weights;
    size_t count = state->layers->count;
    size_t room = count + 3 + (weights ? weights->count : 0);
    struct writer writer = {array_create(room, sizeof *writer.arrays), 0};
    int result = writer.arrays
                     ? add_decisions(&writer, "decisions", variant->decisions,
                                     count, err)
                     : error_memory(err, room * sizeof *writer.arrays);
    if (!result)
        result = add_summary(&writer, variant->summary, err);
    if (!result && weights)
        result = add_weights(&writer, state, weights, err);
    if (result < 0)
        error_prefix(err, "%s", path);
    else
        result = npz_write(path, writer.arrays, writer.count, err);
    for (size_t i = 0; i < writer.count; i++) {
        free(writer.arrays[i].name);
        tensor_release(&writer.arrays[i].tensor);
    }
    free(writer.arrays);
    return result;
}

/* --- reading --- */

struct reader {
    const struct state *state;
    const struct npz *npz;
    int *ids;
    struct tensor *tensors; /* shared */
    size_t count;
    struct bitmask *masks;
    struct decision *decisions;
};

static int unlike(const char *what, const char *name, struct error *err)
{
    return error_set(err, ERROR_FORMAT,
                     "found the %s '%s', which this model does not have", what,
                     name);
}

/* An array of bytes as text; NULL after an error. Owned by the caller. */
static char *read_text(const struct npz *npz, const char *name,
                       struct error *err)
{
    const struct tensor *tensor = npz_find(npz, name);
    if (!tensor || tensor->dtype != DTYPE_UINT8) {
        error_set(err, ERROR_FORMAT, "found no array '%s' of bytes", name);
        return NULL;
    }
    size_t bytes = (size_t)tensor_elements(tensor);
    char *text = bytes ? strndup(tensor->data, bytes) : strdup("");
    if (!text)
        error_memory(err, bytes);
    return text;
}

static int read_decisions(const struct npz *npz, const char *name,
                          const struct state *state, struct decision *decisions,
                          struct error *err)
{
    char *text = read_text(npz, name, err);
    if (!text)
        return -1;
    int result = decision_lines_read(decisions, text, state->layers, err);
    free(text);
    return result;
}

static int read_mask(struct reader *reader, const char *name,
                     const struct tensor *tensor, struct error *err)
{
    const struct layer_table *layers = reader->state->layers;
    size_t row = 0;
    while (row < layers->count && strcmp(layers->layers[row].name, name))
        row++;
    if (row == layers->count || tensor->dtype != DTYPE_BOOL ||
        tensor_elements(tensor) != layers->layers[row].weights ||
        reader->masks[row].words)
        return unlike("mask", name, err);
    size_t bits = (size_t)layers->layers[row].weights;
    if (bitmask_init(&reader->masks[row], bits, true) < 0)
        return error_memory(err, bits / 8);
    const unsigned char *kept = tensor->data;
    for (size_t i = 0; i < bits; i++)
        if (!kept[i])
            bitmask_set(&reader->masks[row], i, false);
    return 0;
}

static int read_array(struct reader *reader, const struct npz_array *array,
                      struct error *err)
{
    size_t weight = strlen(weight_prefix), mask = strlen(mask_prefix);
    if (!strncmp(array->name, mask_prefix, mask))
        return read_mask(reader, array->name + mask, &array->tensor, err);
    if (strncmp(array->name, weight_prefix, weight))
        return 0;
    const char *name = array->name + weight;
    int id = graph_find_value(reader->state->graph, name);
    if (id < 0)
        return unlike("constant", name, err);
    reader->ids[reader->count] = id;
    reader->tensors[reader->count++] = array->tensor;
    return 0;
}

static int read_weights(struct reader *reader, struct weights **weights,
                        struct error *err)
{
    const struct state *state = reader->state;
    if (!npz_find(reader->npz, "masked"))
        return 0;
    if (read_decisions(reader->npz, "masked", state, reader->decisions, err) <
        0)
        return -1;
    for (size_t i = 0; i < reader->npz->count; i++)
        if (read_array(reader, &reader->npz->arrays[i], err) < 0)
            return -1;
    const struct weights_parts parts = {
        .graph = state->graph,
        .count = reader->count,
        .ids = reader->ids,
        .tensors = reader->tensors,
        .layers = state->layers,
        .masks = reader->masks,
        .decisions = reader->decisions,
    };
    return weights_create(weights, &parts, err);
}

/* Everything the file says; the outcome's parts are owned by the caller. */
static int read_all(struct reader *reader, struct session_outcome *outcome,
                    struct error *err)
{
    size_t count = reader->state->layers->count;
    outcome->decisions = array_create(count, sizeof *outcome->decisions);
    reader->ids = array_create(reader->npz->count, sizeof *reader->ids);
    reader->tensors = array_create(reader->npz->count, sizeof *reader->tensors);
    reader->masks = array_create(count, sizeof *reader->masks);
    reader->decisions = array_create(count, sizeof *reader->decisions);
    if (!outcome->decisions || !reader->ids || !reader->tensors ||
        !reader->masks || !reader->decisions)
        return error_memory(err, count * sizeof *reader->masks);
    if (read_decisions(reader->npz, "decisions", reader->state,
                       outcome->decisions, err) < 0)
        return -1;
    outcome->summary = read_text(reader->npz, "summary", err);
    return outcome->summary ? read_weights(reader, &outcome->weights, err) : -1;
}

int checkpoint_read(const char *path, const struct state *state,
                    struct session_outcome *outcome, struct error *err)
{
    struct npz npz;
    *outcome = (struct session_outcome){0};
    if (npz_read(&npz, path, err) < 0)
        return -1;
    struct reader reader = {.state = state, .npz = &npz};
    int result = read_all(&reader, outcome, err);
    for (size_t i = 0; reader.masks && i < state->layers->count; i++)
        bitmask_release(&reader.masks[i]);
    free(reader.ids);
    free(reader.tensors);
    free(reader.masks);
    free(reader.decisions);
    npz_release(&npz);
    if (result < 0) {
        session_outcome_release(outcome);
        error_prefix(err, "%s", path);
    }
    return result;
}
