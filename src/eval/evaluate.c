#include "eval/evaluate.h"

#include <inttypes.h>
#include <string.h>

/* One sample's shape: the graph's without its leading dimension. */
static struct shape sample_of(const struct shape *shape)
{
    struct shape sample = {.rank = shape->rank - 1};
    for (int i = 1; i < shape->rank; i++)
        sample.dims[i - 1] = shape->dims[i];
    return sample;
}

static int find_input(const struct graph *instance,
                      const struct dataset *dataset, const char *name,
                      size_t *index, struct error *err)
{
    size_t count = dataset_input_count(dataset);
    for (size_t i = 0; i < count; i++) {
        const char *have = dataset_input_name(dataset, i);
        if (have && strcmp(have, name) == 0) {
            *index = i;
            return 0;
        }
    }
    /* A lone input needs no name to be recognised. */
    if (count == 1 && instance->input_count == 1) {
        *index = 0;
        return 0;
    }
    return error_set(err, ERROR_NAME,
                     "%s: found no array '%s', expected one for each of the "
                     "model's %zu inputs",
                     dataset_path(dataset), name, instance->input_count);
}

int evaluation_match(const struct graph *instance,
                     const struct dataset *dataset, size_t *map,
                     struct error *err)
{
    for (size_t i = 0; i < instance->input_count; i++) {
        const struct value *value = &instance->values[instance->inputs[i]];
        if (value->shape.rank < 1)
            return error_set(err, ERROR_SHAPE,
                             "model input '%s' is a scalar, expected a "
                             "leading batch dimension",
                             value->name);
        if (find_input(instance, dataset, value->name, &map[i], err) < 0)
            return -1;
        struct shape sample = sample_of(&value->shape);
        if (dataset_fits(dataset, map[i], value->dtype, &sample, err) < 0)
            return error_prefix(err, "%s: model input '%s'",
                                dataset_path(dataset), value->name);
    }
    return 0;
}

int64_t evaluation_batches(const struct evaluation *evaluation)
{
    int64_t batch = plan_instance(evaluation->plan)->batch;
    return (evaluation->samples + batch - 1) / batch;
}

/* Writes samples first … first+count-1 of the order to every input, then
 * repeats the last one until the batch is full. */
static int fill_inputs(const struct evaluation *e, struct runner *runner,
                       int64_t first, int64_t count, struct error *err)
{
    const struct graph *instance = plan_instance(e->plan);
    size_t map[16];
    if (instance->input_count > 16)
        return error_set(err, ERROR_UNSUPPORTED,
                         "model has %zu inputs, expected at most 16",
                         instance->input_count);
    if (evaluation_match(instance, e->dataset, map, err) < 0)
        return -1;
    for (size_t i = 0; i < instance->input_count; i++) {
        const struct value *value = &instance->values[instance->inputs[i]];
        struct shape sample = sample_of(&value->shape);
        size_t bytes =
            (size_t)shape_elements(&sample) * dtype_size(value->dtype);
        char *at = runner_input(runner, i);
        const int64_t *order = e->order ? e->order + first : NULL;
        dataset_read(e->dataset, map[i], &e->transform, value->dtype, first,
                     order, count, at);
        for (int64_t k = count; k < instance->batch; k++)
            memcpy(at + (size_t)k * bytes, at + (size_t)(count - 1) * bytes,
                   bytes);
    }
    return 0;
}

static int64_t label_of(const struct evaluation *e, int64_t sample)
{
    return e->labels ? e->labels[sample] : dataset_label(e->dataset, sample);
}

static int read_answers(const struct evaluation *e, const struct runner *runner,
                        int64_t first, int64_t count, struct outcome *outcomes,
                        struct error *err)
{
    const struct tensor *out = runner_output(runner, 0);
    int64_t batch = plan_instance(e->plan)->batch;
    int64_t classes = batch ? tensor_elements(out) / batch : 0;
    char text[SHAPE_TEXT_BYTES];
    if (out->dtype != DTYPE_FLOAT32 || out->shape.rank < 2 ||
        out->shape.dims[0] != batch || classes != out->shape.dims[1])
        return error_set(err, ERROR_SHAPE,
                         "the model's first output is %s %s, expected "
                         "float32 (samples, classes)",
                         dtype_name(out->dtype), shape_text(&out->shape, text));
    const float *logits = out->data;
    for (int64_t k = 0; k < count; k++) {
        int64_t sample = e->order ? e->order[first + k] : first + k;
        int64_t label = label_of(e, sample);
        if (label >= classes)
            return error_set(err, ERROR_RANGE,
                             "%s: sample %" PRId64 " has label %" PRId64
                             ", expected labels below the model's %" PRId64
                             " classes",
                             dataset_path(e->dataset), sample, label, classes);
        outcomes[sample] = outcome_of(logits + k * classes, classes, label);
    }
    return 0;
}

int evaluation_run(const struct evaluation *e, struct runner *runner, int64_t b,
                   struct outcome *outcomes, float *logits, int64_t *count,
                   const struct cancel *cancel, struct error *err)
{
    int64_t batch = plan_instance(e->plan)->batch;
    int64_t first = b * batch;
    *count = e->samples - first < batch ? e->samples - first : batch;
    bool resumes = e->prefix && prefix_resumes(e->prefix, e->plan, b);
    if (!resumes && fill_inputs(e, runner, first, *count, err) < 0)
        return -1;
    int ran = e->prefix ? prefix_run(e->prefix, e->plan, runner, b, cancel, err)
                        : runner_run(runner, 0, plan_step_count(e->plan),
                                     cancel, NULL, err);
    if (ran < 0)
        return -1;
    if (read_answers(e, runner, first, *count, outcomes, err) < 0)
        return -1;
    if (logits) {
        const struct tensor *out = runner_output(runner, 0);
        size_t row = tensor_bytes(out) / (size_t)batch;
        memcpy(logits, out->data, row * (size_t)*count);
    }
    return 0;
}
