#include "session/masks_file.h"

#include "base/array.h"
#include "base/strbuf.h"
#include "dataset/npz.h"
#include "prune/criteria.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    const struct session *session;
    const struct layer_table *layers;
    struct bitmask *masks;      /* per layer */
    struct decision *decisions; /* per layer */
    int64_t found, removed, total, nonzero;
};

/* How an array may be meant for a layer. */
enum meant { NOT_MEANT, MEANT_AS_STORED, MEANT_AS_PARAMETER };

static enum meant meant_for(const struct reading *r, size_t row,
                            const char *name)
{
    const struct layer *layer = &r->layers->layers[row];
    const struct graph *graph = session_graph(r->session);
    if (!strcmp(name, graph->values[layer->weight].name))
        return MEANT_AS_STORED;
    return !strcmp(name, layer->parameter) || !strcmp(name, layer->name)
               ? MEANT_AS_PARAMETER
               : NOT_MEANT;
}

static const char *shape_words(char *text, size_t room,
                               const struct shape *shape)
{
    size_t at = (size_t)snprintf(text, room, "(");
    for (int i = 0; i < shape->rank && at < room; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%lld", i ? ", " : "",
                               (long long)shape->dims[i]);
    if (at < room)
        snprintf(text + at, room - at, ")");
    return text;
}

static bool is_transposed(const struct shape *a, const struct shape *b)
{
    return a->rank == 2 && b->rank == 2 && a->dims[0] == b->dims[1] &&
           a->dims[1] == b->dims[0];
}

/* Element i of the array in the layer's weight as stored. */
static int64_t place_of(const struct tensor *array, const struct layer *layer,
                        enum meant meant, const struct shape *expected,
                        int64_t i)
{
    if (!shape_equal(&array->shape, expected)) { /* then its transpose */
        int64_t rows = expected->dims[0], columns = expected->dims[1];
        i = i % rows * columns + i / rows;
    }
    return meant == MEANT_AS_PARAMETER ? layer_parameter_at(layer, i) : i;
}

static int read_mask(struct reading *r, size_t row, enum meant meant,
                     const struct tensor *array, struct error *err)
{
    const struct layer *layer = &r->layers->layers[row];
    const struct tensor *weight =
        &session_graph(r->session)->values[layer->weight].constant;
    const struct shape shape = meant == MEANT_AS_PARAMETER
                                   ? layer_parameter_shape(layer)
                                   : layer->shape;
    char found[96], expected[96];
    struct bitmask *mask = &r->masks[row];
    if (!shape_equal(&array->shape, &layer->shape) &&
        !is_transposed(&array->shape, &layer->shape))
        return error_set(
            err, ERROR_SHAPE, "layer '%s': found a mask %s, expected %s",
            layer->name, shape_words(found, sizeof found, &array->shape),
            shape_words(expected, sizeof expected, &shape));
    if (mask->words)
        return error_set(err, ERROR_NAME, "layer '%s': found two masks",
                         layer->name);
    if (bitmask_init(mask, (size_t)layer->weights, true) < 0)
        return error_memory(err, (unsigned long long)layer->weights / 8);
    int64_t gone = 0;
    for (int64_t i = 0; i < layer->weights; i++) {
        if (tensor_number(array, i) != 0)
            continue;
        int64_t place = place_of(array, layer, meant, &shape, i);
        bitmask_set(mask, (size_t)place, false);
        r->nonzero += tensor_number(weight, place) != 0;
        gone++;
    }
    if (gone && !layer->prunable)
        return error_set(err, ERROR_UNSUPPORTED,
                         "layer '%s' cannot be pruned: %s", layer->name,
                         layer->reason);
    const struct choice choice = {structure_find("weight"),
                                  criterion_find("magnitude"), gone};
    if (gone)
        decision_put(&r->decisions[row], &choice);
    else
        bitmask_release(mask);
    r->found++;
    r->removed += gone;
    return 0;
}

static int read_array(struct reading *r, const struct npz_array *array,
                      struct error *err)
{
    for (size_t row = 0; row < r->layers->count; row++) {
        enum meant meant = meant_for(r, row, array->name);
        if (meant != NOT_MEANT)
            return read_mask(r, row, meant, &array->tensor, err);
    }
    return error_set(err, ERROR_NAME,
                     "found the mask '%s', the model has no layer of that name",
                     array->name);
}

static char *summary_of(const struct reading *r)
{
    struct strbuf text = {0};
    strbuf_addf(&text, "masks of %lld layers, %.2f %% removed",
                (long long)r->found,
                r->total ? 100 * (double)r->removed / (double)r->total : 0);
    if (r->nonzero)
        strbuf_addf(&text, ", %lld masked weights were not zero",
                    (long long)r->nonzero);
    char *taken = strbuf_take(&text);
    strbuf_release(&text);
    return taken;
}

static int make(struct reading *r, struct session_outcome *outcome,
                struct error *err)
{
    const struct weights_parts parts = {.graph = session_graph(r->session),
                                        .layers = r->layers,
                                        .masks = r->masks,
                                        .decisions = r->decisions};
    for (size_t i = 0; i < r->layers->count; i++)
        if (r->layers->layers[i].prunable)
            r->total += r->layers->layers[i].weights;
    outcome->summary = summary_of(r);
    if (!outcome->summary)
        return error_memory(err, 1);
    return weights_create(&outcome->weights, &parts, err);
}

int masks_file_read(struct session_outcome *outcome,
                    const struct session *session, const char *path,
                    struct error *err)
{
    struct npz npz;
    const struct layer_table *layers = session_layers(session);
    *outcome = (struct session_outcome){0};
    if (npz_read(&npz, path, err) < 0)
        return -1;
    struct reading r = {.session = session,
                        .layers = layers,
                        .masks = array_create(layers->count, sizeof *r.masks)};
    r.decisions = outcome->decisions =
        array_create(layers->count, sizeof *r.decisions);
    int code = r.masks && r.decisions
                   ? 0
                   : error_memory(err, layers->count * sizeof *r.decisions);
    for (size_t i = 0; code == 0 && i < layers->count; i++)
        r.decisions[i] = decision_dense();
    for (size_t i = 0; code == 0 && i < npz.count; i++)
        code = read_array(&r, &npz.arrays[i], err);
    if (code == 0)
        code = make(&r, outcome, err);
    for (size_t i = 0; r.masks && i < layers->count; i++)
        bitmask_release(&r.masks[i]);
    free(r.masks);
    npz_release(&npz);
    if (code < 0) {
        session_outcome_release(outcome);
        return error_prefix(err, "%s", path);
    }
    return 0;
}
