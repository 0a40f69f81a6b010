#include "session/result.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void result_take_accuracy(struct result *out, const struct result *in)
{
    out->metric = in->metric;
    out->accuracy = in->accuracy;
    out->top5 = in->top5;
    out->difference = in->difference;
    out->base_only = in->base_only;
    out->variant_only = in->variant_only;
    out->p_value = in->p_value;
    out->loss = in->loss;
}

bool result_order(const struct result *result, double *before, double *after)
{
    double magnitude = 0;
    *before = *after = 0;
    for (size_t i = 0; i < result->layer_count; i++) {
        magnitude += result->layers[i].magnitude;
        *before += result->layers[i].kept_before;
        *after += result->layers[i].kept;
    }
    if (!(magnitude > 0))
        return false;
    *before /= magnitude;
    *after /= magnitude;
    return true;
}

int result_copy(struct result *out, const struct result *in)
{
    struct layer_result *layers = NULL;
    if (in->layer_count) {
        layers = array_create(in->layer_count, sizeof *layers);
        if (!layers) {
            *out = (struct result){0};
            return -1;
        }
        memcpy(layers, in->layers, in->layer_count * sizeof *layers);
    }
    *out = *in;
    out->layers = layers;
    return 0;
}

void result_release(struct result *result)
{
    free(result->layers);
    *result = (struct result){0};
}
