#include "cli/print.h"

#include "base/array.h"
#include "measure/energy.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_number(cJSON *object, const char *key, double value, int digits)
{
    if (!isfinite(value)) {
        cJSON_AddNullToObject(object, key);
        return;
    }
    /* Through text: the nearest number to the decimal that is printed. */
    char text[64];
    snprintf(text, sizeof text, "%.*f", digits, value);
    double rounded = strtod(text, NULL);
    cJSON_AddNumberToObject(object, key, rounded == 0 ? 0 : rounded);
}

void json_probability(cJSON *object, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", value);
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, strtod(text, NULL));
    else
        cJSON_AddNullToObject(object, key);
}

void json_integer(cJSON *object, const char *key, int64_t value)
{
    cJSON_AddNumberToObject(object, key, (double)value);
}

void json_string(cJSON *object, const char *key, const char *value)
{
    cJSON_AddStringToObject(object, key, value ? value : "");
}

void json_estimate(cJSON *object, const struct estimate *estimate)
{
    json_number(object, "value", estimate->value, 6);
    json_number(object, "low", estimate->low, 6);
    json_number(object, "high", estimate->high, 6);
}

void json_noise(cJSON *object, const struct noise *noise)
{
    if (noise->kind == NOISE_UNKNOWN)
        return;
    cJSON *machine = cJSON_AddObjectToObject(object, "noise");
    json_string(machine, "machine", noise_word(noise->kind));
    json_number(machine, "others", noise->others, 4);
    json_number(machine, "spread", noise->spread, 4);
}

const char *noise_text(const struct noise *noise, char *text, size_t bytes)
{
    text[0] = '\0';
    if (noise->kind == NOISE_UNKNOWN)
        return text;
    int n = snprintf(text, bytes, "%s", noise_word(noise->kind));
    if (noise->kind == NOISE_BUSY)
        n += snprintf(text + n, bytes - (size_t)n,
                      ": others used %.0f %% of it", 100 * noise->others);
    if (noise->kind != NOISE_QUIET)
        snprintf(text + n, bytes - (size_t)n, ", runs differ by %.0f %%",
                 100 * noise->spread);
    return text;
}

void json_latency(cJSON *object, const struct result *result)
{
    json_number(object, "latency_ms",
                result->has_latency ? result->latency_ms.median : NAN, 6);
    if (!result->has_latency)
        return;
    cJSON_AddBoolToObject(object, "latency_predicted",
                          result->latency_predicted);
    if (result->device[0])
        json_string(object, "device", result->device);
    else
        json_noise(object, &result->noise);
}

static bool has_joules(const struct result *result)
{
    return result->has_latency && result->joules > 0;
}

static const char *model_text(char *text, size_t bytes)
{
    snprintf(text, bytes,
             "%.3g pJ a multiply-accumulate, %.3g pJ a byte of weights",
             energy_prices[ENERGY_MAC].picojoules,
             energy_prices[ENERGY_BYTE].picojoules);
    return text;
}

/* Joules to so many digits that they tell small networks apart. */
void json_energy(cJSON *object, const struct result *result)
{
    char text[96];
    cJSON *energy = cJSON_AddObjectToObject(object, "energy");
    bool measured = has_joules(result);
    json_number(energy, "joules",
                measured ? result->joules : energy_of_cost(&result->cost), 12);
    cJSON_AddBoolToObject(energy, "measured", measured);
    if (measured)
        return;
    json_number(energy, "dense_joules", energy_of_cost(&result->dense_cost),
                12);
    json_string(energy, "model", model_text(text, sizeof text));
    json_string(energy, "source", energy_prices[ENERGY_MAC].source);
}

const char *joules_text(double joules, char *text, size_t bytes)
{
    static const char *const units[] = {"nJ", "uJ", "mJ", "J"};
    double value = joules * 1e9;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < ARRAY_LENGTH(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(text, bytes, "%.3g %s", value, units[unit]);
    return text;
}

const char *energy_text(const struct result *result, char *text, size_t bytes)
{
    char joules[32], dense[48] = "", other[32], model[96];
    double before = energy_of_cost(&result->dense_cost);
    if (before != energy_of_cost(&result->cost))
        snprintf(dense, sizeof dense, ", dense %s",
                 joules_text(before, other, sizeof other));
    if (has_joules(result))
        snprintf(text, bytes, "%s a run, by the machine's counters",
                 joules_text(result->joules, joules, sizeof joules));
    else
        snprintf(
            text, bytes, "%s a sample%s (model: %s)",
            joules_text(energy_of_cost(&result->cost), joules, sizeof joules),
            dense, model_text(model, sizeof model));
    return text;
}

const char *metric_name(enum metric metric)
{
    static const char *const names[] = {"top1", "fidelity"};
    return names[metric];
}

int print_finish(struct error *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return error_set(err, ERROR_IO, "standard output: cannot write: %s",
                     strerror(errno));
}

int json_print(cJSON *document, struct error *err)
{
    char *text = cJSON_Print(document);
    cJSON_Delete(document);
    if (!text)
        return error_memory(err, 1);
    printf("%s\n", text);
    cJSON_free(text);
    return print_finish(err);
}

void table_init(struct table *table, const char *const *headings,
                size_t columns)
{
    *table = (struct table){.columns = columns};
    for (size_t i = 0; i < columns; i++)
        table_add(table, "%s", headings[i]);
}

void table_add(struct table *table, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[256];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *copy = string_copy(text);
    if (!copy || array_reserve(&table->cells, &table->capacity, table->rows + 1,
                               sizeof *table->cells) < 0) {
        free(copy);
        table->failed = true;
        return;
    }
    table->cells[table->rows++] = copy;
}

/* Columns of a UTF-8 text without wide characters. */
static int text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
    int pad = width - text_width(text);
    if (right)
        printf("%*s%s", pad, "", text);
    else if (last)
        printf("%s", text);
    else
        printf("%s%*s", text, pad, "");
    printf("%s", last ? "\n" : "  ");
}

int table_print(struct table *table, struct error *err)
{
    int *widths = array_create(table->columns, sizeof *widths);
    bool *right = array_create(table->columns, sizeof *right);
    int code = 0;
    if (!widths || !right || table->failed)
        code = error_memory(err, 1);
    for (size_t i = 0; i < table->rows && !code; i++) {
        size_t column = i % table->columns;
        char *text = table->cells[i];
        if (i < table->columns && text[0] == '>') {
            right[column] = true;
            memmove(text, text + 1, strlen(text));
        }
        if (text_width(text) > widths[column])
            widths[column] = text_width(text);
    }
    for (size_t i = 0; i < table->rows && !code; i++) {
        size_t column = i % table->columns;
        print_cell(table->cells[i], widths[column], right[column],
                   column + 1 == table->columns);
    }
    for (size_t i = 0; i < table->rows; i++)
        free(table->cells[i]);
    free(table->cells);
    free(widths);
    free(right);
    *table = (struct table){0};
    return code;
}

const char *percent_text(const struct estimate *estimate, char *text,
                         size_t bytes)
{
    if (!estimate->samples)
        snprintf(text, bytes, "-");
    else
        snprintf(text, bytes, "%.2f %%  [%.2f, %.2f]", 100 * estimate->value,
                 100 * estimate->low, 100 * estimate->high);
    return text;
}

const char *count_text(int64_t count, char *text, size_t bytes)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)count);
    size_t at = 0;
    for (int i = 0; i < n && at + 2 < bytes; i++) {
        if (i && (n - i) % 3 == 0 && digits[i - 1] != '-')
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *bytes_text(int64_t size, char *text, size_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)size;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < ARRAY_LENGTH(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(text, bytes, unit && value < 100 ? "%.2f %s" : "%.0f %s", value,
             units[unit]);
    return text;
}
