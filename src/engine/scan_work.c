/*
 * The scan as work: `scan`, `scan layers.2.* 50% 90%`, `scan @8 again`. Every
 * point goes to the file that `espalier scan` resumes from, and to the engine's
 * snapshot, as soon as it is found. It changes no variant.
 */
#include "engine/scan.h"
#include "engine/scan_known.h"
#include "engine/state.h"
#include "engine/work.h"
#include "prune/group.h"
#include "session/amount.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AMOUNTS = 32 };

struct wish {
    struct scan_request request; /* rows and amounts are those below */
    size_t *rows;                /* owned */
    double amounts[AMOUNTS];
};

/* --- words --- */

static void free_wish(void *options)
{
    struct wish *wish = options;
    if (wish)
        free(wish->rows);
    free(wish);
}

/* Keeps amounts ascending and different. */
static int add_amount(struct wish *wish, const char *word, struct error *err)
{
    struct amount amount;
    struct scan_request *r = &wish->request;
    if (amount_parse(&amount, word, err) < 0)
        return -1;
    if (amount.relative || amount.share <= 0)
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected an amount above 0 %%", word);
    if (r->amount_count == AMOUNTS)
        return error_set(err, ERROR_USAGE, "more than %d amounts", AMOUNTS);
    size_t at = r->amount_count;
    while (at > 0 && wish->amounts[at - 1] >= amount.share)
        at--;
    if (at < r->amount_count && wish->amounts[at] == amount.share)
        return 0;
    for (size_t i = r->amount_count++; i > at; i--)
        wish->amounts[i] = wish->amounts[i - 1];
    wish->amounts[at] = amount.share;
    r->amounts = wish->amounts;
    return 0;
}

static int add_layers(struct wish *wish, bool *chosen,
                      const struct layer_table *layers, const char *pattern,
                      struct error *err)
{
    size_t *found = array_create(layers->count + 1, sizeof *found);
    if (!found)
        return error_memory(err, layers->count * sizeof *found);
    size_t count = layer_match(layers, pattern, found, err);
    for (size_t i = 0; i < count; i++)
        chosen[found[i]] = true;
    free(found);
    wish->request.whole = false;
    return count ? 0 : -1;
}

static int add_word(struct wish *wish, bool *chosen,
                    const struct session *session, const char *word,
                    struct error *err)
{
    struct scan_request *r = &wish->request;
    const struct criterion *criterion = criterion_find(word);
    const struct structure *structure = structure_find(word);
    if (strcmp(word, "again") == 0)
        r->again = true;
    else if (criterion)
        r->criterion = criterion;
    else if (structure)
        r->structure = structure;
    else if (word[0] && word[strlen(word) - 1] == '%')
        return add_amount(wish, word, err);
    else
        return add_layers(wish, chosen, session_layers(session), word, err);
    return 0;
}

/* Layers that lose their channels together are scanned once, as the first of
 * them. */
static size_t leader_of(const struct layer_table *layers, size_t row,
                        const struct structure *structure)
{
    const struct group *group = layers->layers[row].group;
    if (!structure->narrows || !group || !group->layer_count)
        return row;
    return (size_t)group->layers[0];
}

static int take_rows(struct wish *wish, bool *chosen,
                     const struct layer_table *layers, struct error *err)
{
    struct scan_request *r = &wish->request;
    wish->rows = array_create(layers->count + 1, sizeof *wish->rows);
    if (!wish->rows)
        return error_memory(err, layers->count * sizeof *wish->rows);
    for (size_t i = 0; i < layers->count; i++)
        if (r->whole || chosen[i])
            chosen[leader_of(layers, i, r->structure)] = true;
    for (size_t i = 0; i < layers->count; i++)
        if (chosen[i] && leader_of(layers, i, r->structure) == i &&
            layers->layers[i].prunable &&
            structure_units(r->structure, &layers->layers[i]) > 0)
            wish->rows[r->row_count++] = i;
    r->rows = wish->rows;
    if (r->row_count)
        return 0;
    return error_set(err, ERROR_RANGE,
                     "none of the layers can be pruned by '%s'",
                     r->structure->name);
}

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    const struct layer_table *layers = session_layers(session);
    struct wish *wish = array_create(1, sizeof *wish);
    bool *chosen = array_create(layers->count + 1, sizeof *chosen);
    int code = wish && chosen ? 0 : error_memory(err, sizeof *wish);
    if (code == 0) {
        wish->request = scan_request_default();
        wish->request.structure = session_structure(session);
        wish->request.criterion = session_criterion(session);
    }
    for (size_t i = 0; i < count && code == 0; i++)
        code = add_word(wish, chosen, session, words[i], err);
    if (code == 0)
        code = take_rows(wish, chosen, layers, err);
    free(chosen);
    if (code < 0)
        free_wish(wish);
    else
        *options = wish;
    return code;
}

/* --- the run --- */

struct scanning {
    struct work *work;
    const struct wish *wish;
    const struct scan_snapshot *before; /* retained; NULL: none */
    struct sensitivity known; /* of all scans of this model and data */
    struct sensitivity table; /* of this one */
    char stage[WORK_STAGE_BYTES];
    size_t done, total;
};

/* Points that `again` finds once more. */
static bool is_replaced(void *context, const struct sensitivity_point *point)
{
    const struct scanning *s = context;
    const struct scan_request *r = &s->wish->request;
    if (strcmp(point->structure, r->structure->name) != 0 ||
        strcmp(point->criterion, r->criterion->name) != 0)
        return false;
    bool meant = !r->amounts;
    for (size_t i = 0; i < r->amount_count; i++)
        meant = meant || r->amounts[i] == point->amount;
    for (size_t i = 0; meant && i < r->row_count; i++)
        if (point->row == (int)r->rows[i] + 1)
            return true;
    return meant && r->whole && point->row == 0;
}

/* The screen lacks what does not fit into memory; the file has it. */
static void publish(struct scanning *s)
{
    engine_scan_publish(work_engine(s->work), &s->known, NULL);
}

static void take_progress(void *context, const struct scan_progress *progress)
{
    struct scanning *s = context;
    const char *layer = progress->layer ? progress->layer : "";
    snprintf(s->stage, sizeof s->stage, "%s",
             strcmp(layer, "*") == 0 ? "all layers together" : layer);
    s->done = progress->done;
    s->total = progress->total;
    work_left(s->work, progress->seconds_left);
    if (sensitivity_merge(&s->known, &s->table, NULL) == 0)
        publish(s);
}

static int step(void *context, struct error *err)
{
    struct scanning *s = context;
    return work_step(s->work, s->stage, (int64_t)s->done, (int64_t)s->total,
                     err);
}

static int begin(struct scanning *s, struct error *err)
{
    s->before = engine_scan_known(work_engine(s->work));
    int code =
        s->before ? sensitivity_copy(&s->known, &s->before->table, err) : 0;
    if (code == 0 && s->wish->request.again)
        sensitivity_drop_points(&s->known, is_replaced, s);
    return code;
}

static int scan(struct scanning *s, struct error *err)
{
    struct probe probe;
    struct work *work = s->work;
    struct probe_site site = {.setup = work_setup(work),
                              .pool = work_pool(work),
                              .base = work_engine(work)->base,
                              .cancel = work_cancel(work),
                              .step = step,
                              .context = s};
    struct scan_watch watch = {work_cancel(work), take_progress, s};
    struct scan_request request = s->wish->request;
    snprintf(s->stage, sizeof s->stage, "the dense model");
    if (begin(s, err) < 0 || probe_init(&probe, &site, err) < 0)
        return -1;
    if (work_setup(work)->options.readonly) {
        request.resume = false;
        request.known = &s->known;
    }
    int code = scan_run(&s->table, &probe, &request, &watch, err);
    probe_release(&probe);
    return code;
}

static int run(struct work *work, struct error *err)
{
    struct scanning s = {.work = work, .wish = work_options(work)};
    int code = scan(&s, err);
    char text[96];
    snprintf(text, sizeof text, "scan: %zu points known", s.table.count);
    if (code == 0)
        work_give_summary(work, text);
    else if (cancel_raised(work_cancel(work)) && s.total)
        error_set(err, ERROR_CANCELLED,
                  "stopped at %zu of %zu points, which are kept", s.done,
                  s.total);
    /* What `again` did not come to is still in the file, or was there before.
     */
    if (code < 0 && s.wish->request.again) {
        if (!work_setup(work)->options.readonly)
            engine_scan_read(work_engine(work));
        else if (s.before &&
                 sensitivity_merge(&s.known, &s.before->table, NULL) == 0)
            publish(&s);
    }
    scan_snapshot_drop(s.before);
    sensitivity_release(&s.known);
    sensitivity_release(&s.table);
    return code;
}

const struct work_kind work_scan = {
    .name = "scan",
    .needs_data = true,
    .rest = WORK_REST_POINTS,
    .parse = parse,
    .free_options = free_wish,
    .run = run,
};
