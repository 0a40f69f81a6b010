/* What commands print: JSON with sensible digits, aligned tables. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "engine/engine.h"

#include <cjson/cJSON.h>

/* Adds a number rounded to `digits` behind the point; NAN becomes null. */
void json_number(cJSON *object, const char *key, double value, int digits);
/* Adds six significant digits of it, however small; NAN becomes null. */
void json_probability(cJSON *object, const char *key, double value);
void json_integer(cJSON *object, const char *key, int64_t value);
void json_string(cJSON *object, const char *key, const char *value);
/* "value", "low", "high" of an estimate. */
void json_estimate(cJSON *object, const struct estimate *estimate);
/* "noise": what a measurement's machine did meanwhile. */
void json_noise(cJSON *object, const struct noise *noise);
/* The same as a sentence for people; "" when it is not known. */
const char *noise_text(const struct noise *noise, char *text, size_t bytes);
/* "latency_ms" (null: not known), and how it came about: "noise" where it was
 * measured, "device" where it was predicted. */
void json_latency(cJSON *object, const struct result *result);
/* "energy" of one sample: "joules", "measured" (else by the model, which is
 * stated), "dense_joules". */
void json_energy(cJSON *object, const struct result *result);
/* "12.3 uJ". */
const char *joules_text(double joules, char *text, size_t bytes);
/* "12.3 uJ a sample (model: ...)". */
const char *energy_text(const struct result *result, char *text, size_t bytes);
/* The name of the metric as JSON has it. */
const char *metric_name(enum metric metric);

/*
 * Prints the document and a line end, and frees it. Returns 0, or -1 with
 * ERROR_MEMORY or ERROR_IO (standard output is full or closed).
 */
int json_print(cJSON *document, struct error *err);

/* Rows of text under headings; '>' before a heading aligns right. */
struct table {
    size_t columns, rows, capacity;
    char **cells; /* owned; the first row holds the headings */
    bool failed;
};

void table_init(struct table *table, const char *const *headings,
                size_t columns);
/* Fills the next cell, row by row. */
void table_add(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints and releases. */
int table_print(struct table *table, struct error *err);

/* "93.57 %  [93.07, 94.03]". */
const char *percent_text(const struct estimate *estimate, char *text,
                         size_t bytes);
/* "1,077,354"; "1.2 MB". */
const char *count_text(int64_t count, char *text, size_t bytes);
const char *bytes_text(int64_t size, char *text, size_t bytes);

/* Checks standard output at the end of a command. */
int print_finish(struct error *err);

#endif
