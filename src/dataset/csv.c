/*
 * Numbers in rows with commas (or semicolons, or tabs), one sample a row. A
 * first row that is no numbers names the columns; `label`, `class`, `target`
 * or `y` is the label's. Without such a row the first column is the label,
 * as in the CSV versions of MNIST. Rows of whole numbers from 0 to 255 that
 * make one square, grey or of three planes, are images.
 */
#include "dataset/format.h"

#include "base/array.h"
#include "base/file.h"

#include <ctype.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct csv {
    char *text; /* owned, with a zero behind */
    char *next;
    char comma;
    int64_t line, ends; /* number of the line in hand; line ends passed */
    int64_t label;      /* column; -1: none */
    int64_t columns;
    float *values; /* (count, columns without the label), owned */
    int64_t *labels;
    size_t count, value_capacity, label_capacity;
    bool bytes; /* every value is a whole number 0 … 255 */
};

static void csv_release(struct csv *csv)
{
    free(csv->text);
    free(csv->values);
    free(csv->labels);
}

/* The next line that is not empty, cut at its end; NULL: none. */
static char *next_line(struct csv *csv)
{
    while (*csv->next) {
        char *line = csv->next;
        int64_t line_number = csv->ends + 1;
        size_t length = strcspn(line, "\r\n");
        csv->next = line + length;
        if (*csv->next == '\r')
            *csv->next++ = '\0';
        if (*csv->next == '\n') {
            *csv->next++ = '\0';
            csv->ends++;
        }
        if (*line) {
            csv->line = line_number;
            return line;
        }
    }
    return NULL;
}

/* One field of a line without quotes and spaces around; cuts it off. */
static char *take_field(char **rest, char comma)
{
    char *field = *rest;
    if (!field)
        return NULL;
    char *end = strchr(field, comma);
    *rest = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    while (*field == ' ' || *field == '"')
        field++;
    size_t length = strlen(field);
    while (length && (field[length - 1] == ' ' || field[length - 1] == '"'))
        field[--length] = '\0';
    return field;
}

static bool is_number(const char *field, double *number)
{
    char *end;
    *number = strtod(field, &end);
    return end != field && !*end && isfinite(*number);
}

static bool is_label(const char *field)
{
    static const char *const names[] = {"label", "labels", "class", "target",
                                        "y"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (!strcasecmp(field, names[i]))
            return true;
    return false;
}

/* A copy of the first line that is not empty; NULL: none, or no memory. */
static char *copy_first_line(const struct csv *csv)
{
    const char *line = csv->text + strspn(csv->text, "\r\n");
    size_t length = strcspn(line, "\r\n");
    char *copy = length ? malloc(length + 1) : NULL;
    if (copy) {
        memcpy(copy, line, length);
        copy[length] = '\0';
    }
    return copy;
}

/* The columns by the first line, which is passed where it names them. */
static int read_columns(struct csv *csv, struct error *err)
{
    char *line = copy_first_line(csv), *rest = line, *field;
    double number;
    bool named = false;
    if (!line)
        return error_set(err, ERROR_FORMAT, "no rows, expected numbers");
    csv->comma = strchr(line, ',')    ? ','
                 : strchr(line, ';')  ? ';'
                 : strchr(line, '\t') ? '\t'
                                      : ',';
    csv->label = -1;
    while ((field = take_field(&rest, csv->comma))) {
        named = named || !is_number(field, &number);
        if (is_label(field))
            csv->label = csv->columns;
        csv->columns++;
    }
    free(line);
    if (named)
        next_line(csv);
    else
        csv->label = 0;
    if (csv->columns - (csv->label >= 0) < 1)
        return error_set(err, ERROR_FORMAT,
                         "one column, expected a label and values, or a first "
                         "row of names");
    return 0;
}

/* A field as an error shows it. */
static int refuse_field(const struct csv *csv, int64_t column,
                        const char *field, struct error *err)
{
    char shown[21] = "";
    for (size_t i = 0; field[i] && i < sizeof shown - 1; i++)
        shown[i] = isprint((unsigned char)field[i]) ? field[i] : '?';
    return error_set(err, ERROR_FORMAT,
                     "line %" PRId64 ", column %" PRId64
                     ": found '%s', expected a number",
                     csv->line, column + 1, shown);
}

static int keep_label(struct csv *csv, double number, struct error *err)
{
    if (floor(number) != number || number < 0 || number > INT32_MAX)
        return error_set(err, ERROR_RANGE,
                         "line %" PRId64
                         ": label %g, expected a class number, 0 or more",
                         csv->line, number);
    csv->labels[csv->count] = (int64_t)number;
    return 0;
}

static int read_row(struct csv *csv, char *line, struct error *err)
{
    size_t width = (size_t)(csv->columns - (csv->label >= 0));
    char *rest = line, *field;
    int64_t column = 0;
    if (array_reserve(&csv->values, &csv->value_capacity,
                      (csv->count + 1) * width, sizeof *csv->values) < 0 ||
        array_reserve(&csv->labels, &csv->label_capacity, csv->count + 1,
                      sizeof *csv->labels) < 0)
        return error_memory(err, csv->count * width * sizeof *csv->values);
    float *to = csv->values + csv->count * width;
    for (; (field = take_field(&rest, csv->comma)); column++) {
        double number;
        if (column >= csv->columns)
            continue;
        if (!is_number(field, &number))
            return refuse_field(csv, column, field, err);
        if (column == csv->label) {
            if (keep_label(csv, number, err) < 0)
                return -1;
            continue;
        }
        csv->bytes = csv->bytes && number >= 0 && number <= 255 &&
                     floor(number) == number;
        *to++ = (float)number;
    }
    if (column != csv->columns)
        return error_set(err, ERROR_FORMAT,
                         "line %" PRId64 ": %" PRId64
                         " columns, expected %" PRId64,
                         csv->line, column, csv->columns);
    csv->count++;
    return 0;
}

static int read_rows(struct csv *csv, int64_t limit, struct error *err)
{
    char *line;
    csv->bytes = true;
    while ((limit <= 0 || (int64_t)csv->count < limit) &&
           (line = next_line(csv)))
        if (read_row(csv, line, err) < 0)
            return -1;
    return csv->count ? 0
                      : error_set(err, ERROR_FORMAT,
                                  "no rows behind the names of columns");
}

/* --- what the rows are --- */

/* Pixels of a square picture: channels and side. */
static bool is_square(int64_t width, int64_t *channels, int64_t *side)
{
    static const int64_t planes[] = {1, 3};
    for (size_t i = 0; i < ARRAY_LENGTH(planes); i++) {
        int64_t area = width / planes[i];
        int64_t s = (int64_t)llround(sqrt((double)area));
        if (width % planes[i] == 0 && s * s == area && s >= 8) {
            *channels = planes[i];
            *side = s;
            return true;
        }
    }
    return false;
}

static int give(struct dataset *dataset, const struct csv *csv,
                struct error *err)
{
    int64_t width = csv->columns - (csv->label >= 0), channels = 1, side = 1;
    int64_t count = (int64_t)csv->count;
    struct shape rows = {2, {count, width}};
    if (dataset_add_inputs(dataset, 1, err) < 0)
        return -1;
    struct dataset_input *input = dataset->inputs;
    dataset->count = count;
    input->image = csv->bytes && is_square(width, &channels, &side);
    if (input->image)
        rows = (struct shape){4, {count, channels, side, side}};
    enum dtype dtype = input->image ? DTYPE_UINT8 : DTYPE_FLOAT32;
    if (tensor_init(&input->tensor, dtype, &rows, err) < 0)
        return -1;
    for (int64_t i = 0; i < count * width; i++)
        if (input->image)
            ((unsigned char *)input->tensor.data)[i] =
                (unsigned char)csv->values[i];
        else
            ((float *)input->tensor.data)[i] = csv->values[i];
    input->sample = (struct shape){1, {width}};
    if (input->image)
        input->sample = (struct shape){3, {channels, side, side}};
    if (csv->label < 0)
        return 0;
    struct shape one = {1, {count}};
    struct tensor labels;
    if (tensor_init(&labels, DTYPE_INT64, &one, err) < 0)
        return -1;
    memcpy(labels.data, csv->labels, (size_t)count * sizeof *csv->labels);
    int result = dataset_set_labels(dataset, &labels, err);
    tensor_release(&labels);
    return result;
}

static bool recognises(const struct dataset_probe *probe)
{
    const char *dot = strrchr(path_name(probe->path), '.');
    return !probe->folder && dot &&
           (!strcasecmp(dot, ".csv") || !strcasecmp(dot, ".tsv"));
}

static int parse(struct dataset *dataset, struct csv *csv,
                 const struct dataset_options *options, struct error *err)
{
    csv->next = csv->text;
    if (read_columns(csv, err) < 0 || read_rows(csv, options->limit, err) < 0)
        return -1;
    return give(dataset, csv, err);
}

static int open_csv(struct dataset *dataset, const char *path,
                    const struct dataset_options *options, struct error *err)
{
    struct csv csv = {0};
    size_t bytes;
    if (options->split)
        return error_set(err, ERROR_NAME,
                         "%s: a .csv has no splits, found --split %s", path,
                         options->split);
    if (file_read(&csv.text, &bytes, path, err) < 0)
        return error_prefix(err, "%s", path);
    /* Points are points in every language. */
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = c ? uselocale(c) : (locale_t)0;
    int result = parse(dataset, &csv, options, err);
    if (before)
        uselocale(before);
    if (c)
        freelocale(c);
    csv_release(&csv);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}

const struct dataset_format dataset_format_csv = {
    .name = "csv", .recognises = recognises, .open = open_csv};
