#include "op/answer.h"

#include "base/array.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The operator that makes the numbers; what hands them on is looked through. */
static const char *maker(const struct graph *instance, int value)
{
    static const char *const through[] = {"Identity", "Reshape",   "Flatten",
                                          "Squeeze",  "Unsqueeze", "Cast"};
    for (int id; (id = instance->values[value].producer) != GRAPH_NONE;) {
        const struct node *node = &instance->nodes[id];
        bool passes = false;
        for (size_t i = 0; i < ARRAY_LENGTH(through); i++)
            passes = passes || strcmp(node->type, through[i]) == 0;
        if (!passes || node->input_count < 1 || node->inputs[0] == GRAPH_NONE)
            return node->domain[0] ? "" : node->type;
        value = node->inputs[0];
    }
    return "";
}

bool op_answer_of(struct op_answer *out, const struct graph *instance)
{
    if (!instance->output_count)
        return false;
    int id = instance->outputs[0];
    const struct value *value = &instance->values[id];
    const struct shape *shape = &value->shape;
    if (value->dtype != DTYPE_FLOAT32 || shape->rank < 1 ||
        shape->dims[0] != instance->batch)
        return false;
    out->width = shape->rank > 1 ? shape->dims[1] : 1;
    if (out->width < 1 || out->width > INT32_MAX)
        return false;
    for (int i = 2; i < shape->rank; i++)
        if (shape->dims[i] != 1)
            return false;
    const char *type = maker(instance, id);
    out->classes = out->width == 1 ? 2 : out->width;
    out->shares = strcmp(type, out->width == 1 ? "Sigmoid" : "Softmax") == 0;
    return true;
}

float op_answer_log(float share)
{
    /* NAN stays what it is. */
    return share < FLT_MIN ? logf(FLT_MIN) : logf(share);
}

float op_answer_logit(const struct op_answer *answer, float number)
{
    return answer->shares ? op_answer_log(number) - op_answer_log(1 - number)
                          : number;
}
