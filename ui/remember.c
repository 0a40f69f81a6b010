#include "remember.h"

#include "base/array.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "session/session.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct view_point *find(const struct remember *remember,
                                     uint64_t hash)
{
    for (size_t i = 0; i < remember->count; i++)
        if (remember->points[i].hash == hash)
            return &remember->points[i];
    return NULL;
}

static void add(struct remember *remember, const struct view_point *point)
{
    if (array_reserve(&remember->points, &remember->capacity,
                      remember->count + 1, sizeof *remember->points) != 0)
        return;
    struct view_point *copy = &remember->points[remember->count++];
    *copy = *point;
    copy->summary = NULL;
    copy->removed = NULL;
}

/* --- lines: a hash, the figures, the machine that latencies are of --- */

enum { FIGURES = 18 };

static void write_line(FILE *file, const struct view_point *p,
                       const char *machine)
{
    const struct estimate *a = &p->accuracy, *d = &p->difference;
    const double figures[FIGURES] = {
        a->value,           a->low,           a->high,       (double)a->samples,
        (double)a->total,   d->value,         d->low,        d->high,
        (double)d->samples, (double)d->total, p->latency_ms, p->latency_spread,
        p->speedup,         (double)p->noise, p->bytes,      p->size,
        p->nonzero,         p->macs};
    fprintf(file, "%016" PRIx64, p->hash);
    for (int i = 0; i < FIGURES; i++)
        fprintf(file, " %.9g", figures[i]);
    fprintf(file, " %d %s\n", p->predicted, machine);
}

/* False when it is no such line. */
static bool read_line(const char *line, const char *machine,
                      struct view_point *p)
{
    char *end;
    double f[FIGURES];
    *p = (struct view_point){.hash = strtoull(line, &end, 16)};
    for (int i = 0; i < FIGURES; i++) {
        line = end;
        f[i] = strtod(line, &end);
        if (end == line)
            return false;
    }
    line = end;
    p->predicted = strtol(line, &end, 10) != 0;
    if (end == line || *end != ' ')
        return false;
    p->accuracy =
        (struct estimate){f[0], f[1], f[2], (int64_t)f[3], (int64_t)f[4]};
    p->difference =
        (struct estimate){f[5], f[6], f[7], (int64_t)f[8], (int64_t)f[9]};
    bool here = strcmp(end + 1, machine) == 0;
    p->latency_ms = here ? f[10] : NAN;
    p->latency_spread = here ? f[11] : NAN;
    p->speedup = here ? f[12] : NAN;
    p->noise = f[13] >= NOISE_UNKNOWN && f[13] <= NOISE_UNSTEADY
                   ? (enum noise_kind)f[13]
                   : NOISE_UNKNOWN;
    p->bytes = f[14];
    p->size = f[15];
    p->nonzero = f[16];
    p->macs = f[17];
    return true;
}

/* --- files --- */

static char *path_beside(const char *journal)
{
    struct strbuf path = {0};
    const char *suffix = strrchr(journal, '.');
    if (suffix == NULL)
        return NULL;
    strbuf_addf(&path, "%.*s%s", (int)(suffix - journal), journal,
                SESSION_FIGURES_SUFFIX);
    return strbuf_take(&path);
}

void remember_open(struct remember *remember, const char *journal,
                   const struct view *view)
{
    char *data = NULL;
    size_t bytes;
    struct view_point point;
    *remember = (struct remember){.path = path_beside(journal)};
    if (remember->path == NULL ||
        file_read(&data, &bytes, remember->path, NULL) != 0)
        return;
    for (char *line = data, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        remember->torn = end == NULL;
        if (end == NULL)
            break;
        *end = '\0';
        if (read_line(line, view->machine, &point))
            add(remember, &point);
    }
    free(data);
}

void remember_keep(struct remember *remember, const struct view *view)
{
    const struct view_point *now = view_now(view);
    const struct estimate *accuracy = &now->accuracy;
    bool measured = view->complete && view->point_count > 1 && now->id > 0 &&
                    accuracy->samples > 0 &&
                    accuracy->samples == accuracy->total;
    if (remember->path == NULL || !measured || find(remember, now->hash))
        return;
    add(remember, now);
    FILE *file = fopen(remember->path, "a");
    if (file == NULL)
        return;
    if (remember->torn)
        fputc('\n', file);
    remember->torn = false;
    write_line(file, now, view->machine);
    fclose(file);
}

void remember_recall(const struct remember *remember, struct view *view)
{
    for (size_t i = 0; i < view->point_count; i++) {
        struct view_point *p = &view->points[i];
        const struct view_point *q =
            p->accuracy.samples == 0 ? find(remember, p->hash) : NULL;
        if (q == NULL)
            continue;
        p->accuracy = q->accuracy;
        p->difference = q->difference;
        p->latency_ms = q->latency_ms;
        p->latency_spread = q->latency_spread;
        p->speedup = q->speedup;
        p->predicted = q->predicted;
        p->noise = q->noise;
        p->bytes = q->bytes;
        p->size = q->size;
        p->nonzero = q->nonzero;
        p->macs = q->macs;
    }
}

void remember_release(struct remember *remember)
{
    free(remember->path);
    free(remember->points);
    *remember = (struct remember){0};
}
