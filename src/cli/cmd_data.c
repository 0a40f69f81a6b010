/* espalier data: what a data set holds. */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Mean, spread and range of one input's raw numbers. */
struct moments {
    double mean, deviation, low, high;
};

static int measure(const struct dataset *dataset, size_t input,
                   struct moments *moments, struct error *err)
{
    struct shape shape = dataset_sample_shape(dataset, input);
    int64_t n = shape_elements(&shape);
    float *sample = calloc((size_t)n, sizeof *sample);
    if (!sample)
        return error_memory(err, (size_t)n * sizeof *sample);
    struct transform raw = transform_identity();
    double sum = 0, squares = 0, total = 0;
    *moments = (struct moments){.low = INFINITY, .high = -INFINITY};
    for (int64_t i = 0; i < dataset_count(dataset); i++) {
        dataset_read(dataset, input, &raw, DTYPE_FLOAT32, i, NULL, 1, sample);
        for (int64_t k = 0; k < n; k++) {
            double x = sample[k];
            sum += x;
            squares += x * x;
            moments->low = fmin(moments->low, x);
            moments->high = fmax(moments->high, x);
        }
        total += (double)n;
    }
    free(sample);
    moments->mean = sum / total;
    moments->deviation =
        sqrt(fmax(0, squares / total - moments->mean * moments->mean));
    return 0;
}

static int64_t *count_labels(const struct dataset *dataset)
{
    int64_t classes = dataset_classes(dataset);
    int64_t *counts = calloc((size_t)classes + 1, sizeof *counts);
    for (int64_t i = 0; counts && classes && i < dataset_count(dataset); i++) {
        int64_t label = dataset_label(dataset, i);
        if (label >= 0)
            counts[label]++;
    }
    return counts;
}

static int input_json(cJSON *list, const struct dataset *dataset, size_t i,
                      struct error *err)
{
    struct moments moments;
    if (measure(dataset, i, &moments, err) < 0)
        return -1;
    struct shape shape = dataset_sample_shape(dataset, i);
    cJSON *object = cJSON_CreateObject();
    json_string(object, "name", dataset_input_name(dataset, i));
    json_string(object, "dtype", dtype_name(dataset_input_dtype(dataset, i)));
    cJSON *dims = cJSON_AddArrayToObject(object, "shape");
    for (int d = 0; d < shape.rank; d++)
        cJSON_AddItemToArray(dims, cJSON_CreateNumber((double)shape.dims[d]));
    json_number(object, "mean", moments.mean, 6);
    json_number(object, "std", moments.deviation, 6);
    json_number(object, "minimum", moments.low, 6);
    json_number(object, "maximum", moments.high, 6);
    cJSON_AddItemToArray(list, object);
    return 0;
}

static int print_json(const struct dataset *dataset, const int64_t *counts,
                      struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    json_string(document, "data", dataset_path(dataset));
    json_string(document, "format", dataset_format(dataset));
    json_string(document, "split", dataset_split(dataset));
    json_integer(document, "samples", dataset_count(dataset));
    json_integer(document, "classes", dataset_classes(dataset));
    cJSON *list = cJSON_AddArrayToObject(document, "per_class");
    for (int64_t c = 0; c < dataset_classes(dataset); c++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)counts[c]));
    cJSON *inputs = cJSON_AddArrayToObject(document, "inputs");
    for (size_t i = 0; i < dataset_input_count(dataset); i++) {
        if (input_json(inputs, dataset, i, err) < 0) {
            cJSON_Delete(document);
            return -1;
        }
    }
    return json_print(document, err);
}

static int print_text(const struct dataset *dataset, const int64_t *counts,
                      struct error *err)
{
    char text[SHAPE_TEXT_BYTES];
    printf("data     %s\n", dataset_path(dataset));
    printf("format   %s%s%s\n", dataset_format(dataset),
           dataset_split(dataset)[0] ? ", split " : "", dataset_split(dataset));
    printf("samples  %s\n",
           count_text(dataset_count(dataset), text, sizeof text));
    for (size_t i = 0; i < dataset_input_count(dataset); i++) {
        struct moments moments;
        if (measure(dataset, i, &moments, err) < 0)
            return -1;
        struct shape shape = dataset_sample_shape(dataset, i);
        const char *name = dataset_input_name(dataset, i);
        printf("input    %s%s%s %s, %.4g … %.4g, mean %.4f, std %.4f\n", name,
               name[0] ? ": " : "", dtype_name(dataset_input_dtype(dataset, i)),
               shape_text(&shape, text), moments.low, moments.high,
               moments.mean, moments.deviation);
    }
    printf("classes  %lld", (long long)dataset_classes(dataset));
    for (int64_t c = 0; c < dataset_classes(dataset); c++)
        printf("%s%lld:%lld", c ? " " : "  ", (long long)c,
               (long long)counts[c]);
    printf("\n");
    return print_finish(err);
}

static int run(const struct cli_options *options, struct error *err)
{
    struct dataset *dataset;
    struct dataset_options wanted = {.split = options->split,
                                     .limit = options->samples,
                                     .shape = options->shape};
    run_interrupt();
    if (dataset_open(&dataset, options->arguments[0], &wanted, err) < 0)
        return -1;
    int64_t *counts = count_labels(dataset);
    int code = counts ? run_check(err) : error_memory(err, 1);
    if (code == 0)
        code = options->json ? print_json(dataset, counts, err)
                             : print_text(dataset, counts, err);
    free(counts);
    dataset_close(dataset);
    return code;
}

const struct cli_command command_data = {
    .name = "data",
    .synopsis = "DATA",
    .help = "what a data set holds",
    .least = 1,
    .most = 1,
    .groups = OPTION_COMMON | OPTION_SAMPLES,
    .run = run,
};
