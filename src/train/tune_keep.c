/* What a tune remembers, writes down and reads again. */
#include "base/array.h"
#include "train/tune_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tune_field_at(const struct tune *tune, size_t i, struct tune_field *field)
{
    size_t parameters = network_parameter_count(tune->network);
    size_t statistics = network_statistics_count(tune->network);
    if (i < 3 * parameters) {
        size_t index = i / 3;
        const struct parameter *p = network_parameter(tune->network, index);
        struct optimiser_memory m = optimiser_memory(tune->optimiser, index);
        float *const data[] = {p->value, m.first, m.second};
        static const char *const kinds[] = {"value", "first", "second"};
        *field =
            (struct tune_field){kinds[i % 3], index, data[i % 3],
                                data[i % 3] ? (size_t)p->count : 0, i % 3 == 0};
        return true;
    }
    i -= 3 * parameters;
    if (i >= 2 * statistics)
        return false;
    struct network_statistics *s = network_statistics(tune->network, i / 2);
    *field = (struct tune_field){i % 2 ? "variance" : "mean", i / 2,
                                 i % 2 ? s->variance : s->mean,
                                 (size_t)s->channels, true};
    return true;
}

static size_t count_fields(const struct tune *tune)
{
    return 3 * network_parameter_count(tune->network) +
           2 * network_statistics_count(tune->network);
}

/* --- the best --- */

void tune_forget_best(struct tune *tune)
{
    if (!tune->best)
        return;
    for (size_t i = 0, count = count_fields(tune); i < count; i++)
        free(tune->best[i]);
    free(tune->best);
    tune->best = NULL;
}

static int make_best(struct tune *tune, struct error *err)
{
    struct tune_field field;
    if (tune->best)
        return 0;
    tune->best = array_create(count_fields(tune) + 1, sizeof *tune->best);
    if (!tune->best)
        return error_memory(err, sizeof *tune->best);
    for (size_t i = 0; tune_field_at(tune, i, &field); i++) {
        if (!field.is_result)
            continue;
        tune->best[i] = array_create(field.count + 1, sizeof(float));
        if (!tune->best[i]) {
            tune_forget_best(tune);
            return error_memory(err, field.count * sizeof(float));
        }
    }
    return 0;
}

int tune_remember(struct tune *tune, struct error *err)
{
    struct tune_field field;
    if (make_best(tune, err) < 0)
        return -1;
    for (size_t i = 0; tune_field_at(tune, i, &field); i++)
        if (field.is_result)
            memcpy(tune->best[i], field.data, field.count * sizeof(float));
    return 0;
}

int tune_recall(struct tune *tune, struct error *err)
{
    struct tune_field field;
    for (size_t i = 0; tune->best && tune_field_at(tune, i, &field); i++)
        if (field.is_result)
            memcpy(field.data, tune->best[i], field.count * sizeof(float));
    if (!tune->best)
        return 0;
    optimiser_forget(tune->optimiser); /* applies the masks */
    return network_refresh(tune->network, err);
}

/* --- writing --- */

/* The numbers beside the fields. */
enum number {
    NUMBER_DONE,
    NUMBER_MORE,
    NUMBER_STEPS, /* of the optimiser */
    NUMBER_IMAGES,
    NUMBER_LOSS,
    NUMBER_SMOOTH,
    NUMBER_CORRECT,
    NUMBER_RATE,
    NUMBER_COUNT,
};

static void name_field(char *name, size_t room, const struct tune_field *field,
                       bool best)
{
    snprintf(name, room, "%s%s:%zu", best ? "best-" : "", field->kind,
             field->index);
}

int tune_save(const struct tune *tune, struct npz *npz, size_t *capacity,
              struct error *err)
{
    const struct tune_state *s = &tune->state;
    const double numbers[NUMBER_COUNT] = {
        [NUMBER_DONE] = (double)tune->done,
        [NUMBER_MORE] = tune->options.more,
        [NUMBER_STEPS] = (double)optimiser_steps(tune->optimiser),
        [NUMBER_IMAGES] = (double)s->images,
        [NUMBER_LOSS] = s->loss,
        [NUMBER_SMOOTH] = s->smooth,
        [NUMBER_CORRECT] = s->correct,
        [NUMBER_RATE] = s->rate,
    };
    struct tune_field field;
    char name[64];
    int code = npz_add(npz, capacity, "numbers", DTYPE_FLOAT64, NUMBER_COUNT,
                       numbers, err);
    for (size_t i = 0; code == 0 && tune_field_at(tune, i, &field); i++) {
        if (!field.count)
            continue;
        name_field(name, sizeof name, &field, false);
        code = npz_add(npz, capacity, name, DTYPE_FLOAT32, field.count,
                       field.data, err);
        if (code < 0 || !tune->best || !field.is_result)
            continue;
        name_field(name, sizeof name, &field, true);
        code = npz_add(npz, capacity, name, DTYPE_FLOAT32, field.count,
                       tune->best[i], err);
    }
    return code;
}

/* --- reading --- */

static const void *find(const struct npz *npz, const char *name,
                        enum dtype dtype, size_t elements, struct error *err)
{
    const struct tensor *tensor = npz_find(npz, name);
    if (tensor && tensor->dtype == dtype &&
        tensor_elements(tensor) == (int64_t)elements)
        return tensor->data;
    error_set(err, ERROR_FORMAT,
              "array '%s': found %lld elements, expected %zu of a tune of "
              "this model",
              name, tensor ? (long long)tensor_elements(tensor) : 0LL,
              elements);
    return NULL;
}

static int read_field(const struct npz *npz, const struct tune_field *field,
                      bool best, float *out, struct error *err)
{
    char name[64];
    name_field(name, sizeof name, field, best);
    const void *data = find(npz, name, DTYPE_FLOAT32, field->count, err);
    if (!data)
        return -1;
    memcpy(out, data, field->count * sizeof *out);
    return 0;
}

static int read_numbers(struct tune *tune, const struct npz *npz,
                        struct error *err)
{
    double numbers[NUMBER_COUNT];
    const void *data = find(npz, "numbers", DTYPE_FLOAT64, NUMBER_COUNT, err);
    if (!data)
        return -1;
    memcpy(numbers, data, sizeof numbers);
    double more = numbers[NUMBER_MORE] - tune->options.more;
    if (!(more >= 0 && more < 1e6 && numbers[NUMBER_DONE] >= 0 &&
          numbers[NUMBER_DONE] < 1e15))
        return error_set(err, ERROR_FORMAT, "found step %g, expected a number",
                         numbers[NUMBER_DONE]);
    for (; more > 0; more--)
        tune_extend(tune);
    tune->done = (int64_t)numbers[NUMBER_DONE];
    tune->state =
        (struct tune_state){.loss = numbers[NUMBER_LOSS],
                            .smooth = numbers[NUMBER_SMOOTH],
                            .correct = numbers[NUMBER_CORRECT],
                            .rate = numbers[NUMBER_RATE],
                            .images = (int64_t)numbers[NUMBER_IMAGES]};
    optimiser_set_steps(tune->optimiser, (int64_t)numbers[NUMBER_STEPS]);
    return 0;
}

int tune_load(struct tune *tune, const struct npz *npz, struct error *err)
{
    struct tune_field field;
    bool best = npz_find(npz, "best-value:0") != NULL;
    if (best && make_best(tune, err) < 0)
        return -1;
    for (size_t i = 0; tune_field_at(tune, i, &field); i++) {
        if (field.count && read_field(npz, &field, false, field.data, err) < 0)
            return -1;
        if (best && field.is_result &&
            read_field(npz, &field, true, tune->best[i], err) < 0)
            return -1;
    }
    return read_numbers(tune, npz, err) < 0
               ? -1
               : network_refresh(tune->network, err);
}
