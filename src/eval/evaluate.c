#include "eval/evaluate.h"

#include "base/strbuf.h"

#include <inttypes.h>
#include <string.h>

/* Per-sample shape: the leading dimension is the batch. */
static struct shape sample_of(const struct shape *shape)
{
    struct shape sample = {.rank = shape->rank > 0 ? shape->rank - 1 : 0};
    for (int i = 0; i < sample.rank; i++)
        sample.dims[i] = shape->dims[i + 1];
    return sample;
}

/* The data set input for a graph input of this name, -1 when none. */
static int64_t find_input(const struct graph *instance,
                          const struct dataset *dataset, const char *name)
{
    size_t count = dataset_input_count(dataset);
    for (size_t i = 0; i < count; i++)
        if (strcmp(dataset_input_name(dataset, i), name) == 0)
            return (int64_t)i;
    return instance->input_count == 1 && count == 1 ? 0 : -1;
}

static int no_input(const struct dataset *dataset, const char *name,
                    struct error *err)
{
    struct strbuf names = {0};
    for (size_t i = 0; i < dataset_input_count(dataset); i++)
        strbuf_addf(&names, "%s'%s'", i ? ", " : "",
                    dataset_input_name(dataset, i));
    error_set(err, ERROR_SHAPE,
              "%s: model input '%s': no array of that name (found %s)",
              dataset_path(dataset), name, strbuf_text(&names));
    strbuf_release(&names);
    return -1;
}

int evaluation_match(const struct graph *instance,
                     const struct dataset *dataset, size_t *map,
                     struct error *err)
{
    if (instance->input_count > EVALUATION_MAX_INPUTS)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the model has %zu inputs, expected at most %d",
                         instance->input_count, EVALUATION_MAX_INPUTS);
    for (size_t i = 0; i < instance->input_count; i++) {
        const struct value *value = &instance->values[instance->inputs[i]];
        if (value->shape.rank < 1)
            return error_set(err, ERROR_SHAPE,
                             "model input '%s' is a scalar, expected a "
                             "leading batch dimension",
                             value->name);
        int64_t found = find_input(instance, dataset, value->name);
        if (found < 0)
            return no_input(dataset, value->name, err);
        map[i] = (size_t)found;
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

static int64_t sample_at(const struct evaluation *evaluation, int64_t i)
{
    return evaluation->order ? evaluation->order[i] : i;
}

static int64_t label_of(const struct evaluation *evaluation, int64_t sample)
{
    return evaluation->labels ? evaluation->labels[sample]
                              : dataset_label(evaluation->dataset, sample);
}

static int64_t real_samples(const struct evaluation *evaluation, int64_t b)
{
    int64_t batch = plan_instance(evaluation->plan)->batch;
    int64_t left = evaluation->samples - b * batch;
    return left < batch ? left : batch;
}

void evaluation_fill_input(const struct evaluation *evaluation,
                           const struct value *value, size_t input,
                           int64_t first, int64_t count, void *out)
{
    struct shape sample = sample_of(&value->shape);
    struct dataset_layout layout =
        dataset_layout_for(evaluation->dataset, input, &sample);
    const int64_t *order = evaluation->order ? evaluation->order + first : NULL;
    dataset_read_as(evaluation->dataset, input, &evaluation->transform, &layout,
                    value->dtype, first, order, count, out);
    size_t bytes = (size_t)shape_elements(&sample) * dtype_size(value->dtype);
    char *rows = out;
    for (int64_t i = count; i < value->shape.dims[0]; i++)
        memcpy(rows + (size_t)i * bytes, rows + (size_t)(count - 1) * bytes,
               bytes);
}

int evaluation_fill(const struct evaluation *evaluation, struct runner *runner,
                    int64_t b, int64_t *count, struct error *err)
{
    const struct graph *instance = plan_instance(evaluation->plan);
    size_t map[EVALUATION_MAX_INPUTS];
    if (evaluation_match(instance, evaluation->dataset, map, err) < 0)
        return -1;
    *count = real_samples(evaluation, b);
    for (size_t i = 0; i < instance->input_count; i++)
        evaluation_fill_input(
            evaluation, &instance->values[instance->inputs[i]], map[i],
            b * instance->batch, *count, runner_input(runner, i));
    return 0;
}

/* Sets *numbers to the first output of a runner that ran. */
static int read_output(const struct plan *plan, const struct runner *runner,
                       struct op_answer *answer, const float **numbers,
                       struct error *err)
{
    const struct graph *instance = plan_instance(plan);
    if (!instance->output_count)
        return error_set(err, ERROR_SHAPE, "the model has no output");
    const struct tensor *output = runner_output(runner, 0);
    char text[SHAPE_TEXT_BYTES];
    if (!op_answer_of(answer, instance))
        return error_set(err, ERROR_UNSUPPORTED,
                         "output '%s' is %s %s, expected float32 %" PRId64
                         " x classes",
                         instance->values[instance->outputs[0]].name,
                         dtype_name(output->dtype),
                         shape_text(&output->shape, text), instance->batch);
    *numbers = output->data;
    return 0;
}

static int read_answers(const struct evaluation *evaluation,
                        struct runner *runner, int64_t b, int64_t count,
                        struct outcome *outcomes, float *copy,
                        struct error *err)
{
    const float *numbers = NULL;
    struct op_answer answer;
    int64_t batch = plan_instance(evaluation->plan)->batch;
    if (read_output(evaluation->plan, runner, &answer, &numbers, err) < 0)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t sample = sample_at(evaluation, b * batch + i);
        int64_t label = label_of(evaluation, sample);
        if (label >= answer.classes)
            return error_set(err, ERROR_SHAPE,
                             "%s: sample %" PRId64 " has label %" PRId64
                             ", expected one below the model's %" PRId64
                             " classes",
                             dataset_path(evaluation->dataset), sample, label,
                             answer.classes);
        outcomes[sample] =
            outcome_read(&answer, numbers + i * answer.width, label);
    }
    if (copy)
        memcpy(copy, numbers, (size_t)(count * answer.width) * sizeof *copy);
    return 0;
}

int evaluation_run(const struct evaluation *evaluation, struct runner *runner,
                   int64_t b, struct outcome *outcomes, float *logits,
                   int64_t *count, const struct cancel *cancel,
                   struct error *err)
{
    const struct plan *plan = evaluation->plan;
    struct prefix *prefix = evaluation->prefix;
    *count = real_samples(evaluation, b);
    bool resumes = prefix && prefix_resumes(prefix, plan, b);
    if (!resumes && evaluation_fill(evaluation, runner, b, count, err) < 0)
        return -1;
    int result = prefix ? prefix_run(prefix, plan, runner, b, cancel, err)
                        : runner_run(runner, 0, plan_step_count(plan), cancel,
                                     NULL, err);
    if (result < 0)
        return -1;
    return read_answers(evaluation, runner, b, *count, outcomes, logits, err);
}
