/* Whatever the bytes: a model or one line that says why not. */
#include "onnx/model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct onnx_model *model = NULL;
    struct error err = {0};
    if (onnx_open_bytes(&model, "fuzz", data, size, &err) < 0) {
        bool one_line = strncmp(err.message, "fuzz: ", 6) == 0 &&
                        !strchr(err.message, '\n');
        if (model || !one_line || err.code == ERROR_NONE)
            abort();
        return 0;
    }
    /* The graph and its constants may be used when the model is gone. */
    struct graph *graph = graph_retain(onnx_graph(model));
    onnx_close(model);
    double sum = 0;
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct tensor *constant = &graph->values[i].constant;
        int64_t count = constant->data ? tensor_elements(constant) : 0;
        if (count > 0)
            sum += tensor_number(constant, count - 1);
    }
    graph_drop(graph);
    volatile double kept = sum; /* reading must not be optimised away */
    (void)kept;
    return 0;
}
