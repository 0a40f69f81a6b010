#include "session/result.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

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
