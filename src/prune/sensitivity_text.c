/* Comma-separated lines as RFC 4180 has them, without line breaks in
 * fields. Columns are found by their order, which is a contract. */
#include "prune/sensitivity.h"

#include "base/array.h"
#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {
    "layer", "structure", "criterion", "amount", "value",
    "low",   "high",      "samples",   "row",    "removed",
    "units", "metric",    "baseline",  "model",  "scan",
};
enum { COLUMNS = ARRAY_LENGTH(columns) };

void sensitivity_heading(struct strbuf *text)
{
    for (size_t i = 0; i < COLUMNS; i++)
        strbuf_addf(text, "%s%s", i ? "," : "", columns[i]);
    strbuf_add(text, "\n");
}

/* Quoted where it must be; control characters would break the line. */
static void add_field(struct strbuf *text, const char *field)
{
    bool quoted = strpbrk(field, ",\"\r\n") != NULL;
    if (quoted)
        strbuf_add(text, "\"");
    for (; *field; field++) {
        char c = *field == '\n' || *field == '\r' ? ' ' : *field;
        strbuf_add_bytes(text, &c, 1);
        if (c == '"')
            strbuf_add(text, "\"");
    }
    if (quoted)
        strbuf_add(text, "\"");
}

void sensitivity_line(struct strbuf *text, const struct sensitivity *table,
                      const struct sensitivity_point *p)
{
    add_field(text, p->layer);
    strbuf_add(text, ",");
    add_field(text, p->structure);
    strbuf_add(text, ",");
    add_field(text, p->criterion);
    strbuf_addf(text,
                ",%.6g,%.6f,%.6f,%.6f,%" PRId64 ",%d,%" PRId64 ",%" PRId64
                ",%s,%.6f,",
                p->amount, p->value, p->low, p->high, p->samples, p->row,
                p->removed, p->units, table->metric, table->baseline);
    add_field(text, table->model);
    strbuf_addf(text, ",%016" PRIx64 "\n", table->key);
}

/* --- reading --- */

/* Cuts one line (without its end) into fields in place. */
static size_t split(char *line, char **fields, size_t room)
{
    size_t count = 0;
    char *from = line;
    for (;;) {
        bool quoted = *from == '"';
        char *to = from += quoted, *field = to;
        while (*from && (quoted || *from != ',')) {
            if (quoted && *from == '"' && *++from != '"')
                quoted = false;
            else
                *to++ = *from++;
        }
        bool last = *from == '\0';
        *to = '\0';
        if (count < room)
            fields[count] = field;
        count++;
        if (last)
            return count;
        from++;
    }
}

struct line_reader {
    char **fields;
    struct error *err;
    bool failed;
};

static void refuse(struct line_reader *r, size_t column, const char *expected)
{
    if (!r->failed)
        error_set(r->err, ERROR_FORMAT, "%s is '%s', expected %s",
                  columns[column], r->fields[column], expected);
    r->failed = true;
}

static double share_at(struct line_reader *r, size_t column, double low)
{
    char *end;
    double value = strtod(r->fields[column], &end);
    if (end == r->fields[column] || *end || !(value >= low) || !(value <= 1))
        refuse(r, column, "a number from 0 to 1");
    return value;
}

static int64_t count_at(struct line_reader *r, size_t column, int64_t most)
{
    char *end;
    errno = 0;
    long long value = strtoll(r->fields[column], &end, 10);
    if (end == r->fields[column] || *end || errno || value < 0 || value > most)
        refuse(r, column, "a count");
    return value;
}

static void word_at(struct line_reader *r, size_t column, char *out,
                    size_t bytes)
{
    if (strlen(r->fields[column]) >= bytes || !*r->fields[column])
        refuse(r, column, "a short word");
    snprintf(out, bytes, "%s", r->fields[column]);
}

/* The head that a line states; model is borrowed. */
static void read_head(struct line_reader *r, struct sensitivity *head)
{
    char *end;
    *head = (struct sensitivity){.model = r->fields[13]};
    word_at(r, 11, head->metric, sizeof head->metric);
    head->baseline = share_at(r, 12, 0);
    head->key = strtoull(r->fields[14], &end, 16);
    if (*end || !*r->fields[14])
        refuse(r, 14, "a hexadecimal number");
}

static int read_line(struct sensitivity *table, char *line, struct error *err)
{
    char *fields[COLUMNS];
    size_t found = split(line, fields, COLUMNS);
    if (found != COLUMNS)
        return error_set(err, ERROR_FORMAT,
                         "found %zu columns, expected the %d of a scan", found,
                         (int)COLUMNS);
    struct line_reader r = {fields, err, false};
    struct sensitivity_point point = {.layer = fields[0]};
    word_at(&r, 1, point.structure, sizeof point.structure);
    word_at(&r, 2, point.criterion, sizeof point.criterion);
    point.amount = share_at(&r, 3, 0);
    point.value = share_at(&r, 4, 0);
    point.low = share_at(&r, 5, 0);
    point.high = share_at(&r, 6, 0);
    point.samples = count_at(&r, 7, INT64_MAX);
    point.row = (int)count_at(&r, 8, INT32_MAX);
    point.removed = count_at(&r, 9, INT64_MAX);
    point.units = count_at(&r, 10, INT64_MAX);
    struct sensitivity head;
    read_head(&r, &head);
    if (r.failed || sensitivity_merge(table, &head, err) < 0)
        return -1;
    return sensitivity_put(table, &point, err);
}

static bool is_heading(const char *line)
{
    struct strbuf heading = {0};
    sensitivity_heading(&heading);
    bool same = strncmp(line, strbuf_text(&heading), heading.length - 1) == 0;
    strbuf_release(&heading);
    return same;
}

int sensitivity_parse(struct sensitivity *table, const char *name,
                      const char *text, size_t bytes, size_t *complete_bytes,
                      struct error *err)
{
    int number = 0;
    size_t at = 0;
    const char *end;
    while (at < bytes && (end = memchr(text + at, '\n', bytes - at))) {
        size_t length = (size_t)(end - text) - at;
        char *line = malloc(length + 1);
        if (!line)
            return error_memory(err, length);
        memcpy(line, text + at, length);
        line[length] = '\0';
        if (length && line[length - 1] == '\r')
            line[length - 1] = '\0';
        number++;
        int code = !*line || is_heading(line) ? 0 : read_line(table, line, err);
        free(line);
        if (code < 0)
            return error_prefix(err, "%s:%d", name, number);
        at += length + 1;
    }
    if (complete_bytes)
        *complete_bytes = at;
    return 0;
}

int sensitivity_read(struct sensitivity *table, const char *path,
                     struct error *err)
{
    struct file_map map;
    if (file_map_open(&map, path, err) < 0)
        return error_prefix(err, "%s", path);
    const char *text = map.data ? (const char *)map.data : "";
    int code = sensitivity_parse(table, path, text, map.bytes, NULL, err);
    file_map_close(&map);
    if (code < 0)
        return -1;
    if (!table->count)
        return error_set(err, ERROR_FORMAT, "%s: holds no points of a scan",
                         path);
    return 0;
}
