/*
 * Shares of the data: one for the exam, and one to calibrate and tune on where
 * there is no training split. Seeded, and gone from every accuracy from then
 * on: what was learned from or decided by must not be the exam. What stays
 * keeps its order.
 */
#include "base/array.h"
#include "base/rng.h"
#include "session/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "20%": 0.2; 0: the text is no share. */
static double share_of(const char *text)
{
    char *end;
    double percent = strtod(text, &end);
    return end != text && !strcmp(end, "%") ? percent / 100 : 0;
}

static int split(struct session *session, struct dataset **out, int64_t aside,
                 struct error *err)
{
    int64_t count = dataset_count(session->dataset), kept = 0, taken = 0;
    int64_t *order = array_create((size_t)count, sizeof *order);
    bool *gone = array_create((size_t)count, sizeof *gone);
    struct dataset *rest = NULL;
    struct rng rng;
    int result = -1;
    if (!order || !gone) {
        error_memory(err, (size_t)count * sizeof *order);
        goto out;
    }
    rng_init(&rng, session->options.seed);
    rng_permutation(&rng, order, (size_t)count);
    for (int64_t i = 0; i < aside; i++)
        gone[order[i]] = true;
    for (int64_t i = 0; i < count; i++)
        order[gone[i] ? taken++ : aside + kept++] = i;
    if (dataset_take(out, session->dataset, order, aside, err) < 0 ||
        dataset_take(&rest, session->dataset, order + aside, kept, err) < 0)
        goto out;
    dataset_close(session->dataset);
    session->dataset = rest;
    result = 0;
out:
    free(order);
    free(gone);
    return result;
}

static int set_aside(struct session *session, const char *text,
                     struct dataset **out, struct error *err)
{
    if (!text || !strchr(text, '%') || strchr(text, '/'))
        return 0;
    int64_t count = dataset_count(session->dataset);
    double share = share_of(text);
    int64_t aside = llround(share * (double)count);
    if (!(share > 0 && share < 1) || aside < 1 || aside >= count)
        return error_set(err, ERROR_USAGE,
                         "found the share '%s' of %lld samples to set aside, "
                         "expected a path or more than 0%% and less than 100%%",
                         text, (long long)count);
    return split(session, out, aside, err);
}

int session_set_aside(struct session *session, struct error *err)
{
    const struct session_options *options = &session->options;
    if (set_aside(session, options->holdout, &session->holdout, err) < 0)
        return -1;
    return set_aside(session, options->train_path, &session->training, err);
}
