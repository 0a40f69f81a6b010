/*
 * Margins of the samples seen are fitted on the dense ones (margin_model);
 * the fit gives every sample its chance to be right; flips.c corrects the
 * chances by the answers seen and counts. Batches go where they lower the
 * variance most (Neyman: size times deviation over what is there), one in
 * five where least is known, and the first few where the fit needs support.
 * The mean loss is a stratified mean of differences to the dense model's.
 */
#include "eval/live.h"

#include "base/array.h"
#include "eval/flips.h"
#include "eval/margin_model.h"

#include <math.h>
#include <stdlib.h>

#include <gsl/gsl_cdf.h>

/* 0.05 in 13 parts, both sides; the factor for a fit on few samples. */
static const double DEVIATIONS = 2.9, FEW = 16;
static const double FAR = 1e3; /* a margin that is not finite */
enum { UNIFORM_EVERY = 5, PILOT = 8, ROOM = 8, LOSS_PRIOR = 4 };

/* One yes-or-no answer per sample, and its margin. */
struct answers {
    const float *base_margin;
    const bool *base;
    float *dense, *margin; /* of the seen, in order of arrival */
    bool *yes;             /* by place, where seen */
    float *logit;          /* by place: of the believed chance of a yes */
    struct margin_model model;
};

struct live {
    const struct strata *strata;
    bool *seen;     /* by place */
    bool *reserved; /* by batch */
    int64_t count, fitted, handed;
    int64_t taken[STRATA_MAX]; /* batches */
    int64_t next[STRATA_MAX];  /* no batch before is left */
    double score[STRATA_MAX];
    struct answers top1, top5;
    int32_t *label, *rival; /* of the seen, in order of arrival */
    float *loss;            /* by place: difference to the dense one's */
};

static float finite_or(float x, float otherwise)
{
    return isfinite(x) ? x : otherwise;
}

/* --- life --- */

static int answers_init(struct answers *a, const struct strata *strata,
                        const float *margin, const bool *base)
{
    size_t n = (size_t)strata->samples;
    double sum = 0;
    a->base_margin = margin;
    a->base = base;
    a->dense = array_create(n, sizeof *a->dense);
    a->margin = array_create(n, sizeof *a->margin);
    a->yes = array_create(n, sizeof *a->yes);
    a->logit = array_create(n, sizeof *a->logit);
    for (size_t i = 0; i < n; i++)
        sum += fabs((double)finite_or(margin[i], 0));
    margin_model_init(&a->model, n ? sum / (double)n : 1, strata->classes);
    return a->dense && a->margin && a->yes && a->logit ? 0 : -1;
}

static void answers_release(struct answers *a)
{
    free(a->dense);
    free(a->margin);
    free(a->yes);
    free(a->logit);
}

static void predict(const struct strata *s, struct answers *a)
{
    for (int64_t i = 0; i < s->samples; i++) {
        float far = (float)(a->base[i] ? FAR : -FAR);
        a->logit[i] = (float)margin_model_above(
            &a->model, finite_or(a->base_margin[i], far), s->label[i],
            s->rival[i]);
    }
}

static void refit(struct live *live)
{
    struct answers *both[] = {&live->top1, &live->top5};
    for (size_t k = 0; k < ARRAY_LENGTH(both); k++) {
        struct margin_samples samples = {both[k]->dense, both[k]->margin,
                                         live->label, live->rival, live->count};
        margin_model_fit(&both[k]->model, &samples);
        predict(live->strata, both[k]);
    }
    live->fitted = live->count;
}

/* What one batch more in a stratum is worth, but for what is there. */
static void score(struct live *live)
{
    const struct strata *s = live->strata;
    for (size_t h = 0; h < s->count; h++) {
        int64_t end, first = strata_range(s, h, &end);
        double sum = 0;
        for (int64_t i = first; i < end; i++) {
            double p = 1 / (1 + exp(-(double)live->top1.logit[i]));
            sum += p * (1 - p);
        }
        live->score[h] = sqrt((double)(end - first) * sum);
    }
}

int live_create(struct live **out, const struct strata *strata,
                struct error *err)
{
    size_t n = (size_t)strata->samples, batches = (size_t)strata->batches;
    struct live *live = array_create(1, sizeof *live);
    if (!live)
        return error_memory(err, sizeof *live);
    live->strata = strata;
    live->seen = array_create(n, sizeof *live->seen);
    live->reserved = array_create(batches, sizeof *live->reserved);
    live->label = array_create(n, sizeof *live->label);
    live->rival = array_create(n, sizeof *live->rival);
    live->loss = array_create(n, sizeof *live->loss);
    if (!live->seen || !live->reserved || !live->label || !live->rival ||
        !live->loss ||
        answers_init(&live->top1, strata, strata->margin, strata->right) < 0 ||
        answers_init(&live->top5, strata, strata->margin5, strata->top5) < 0) {
        live_destroy(live);
        return error_memory(err, n * sizeof *live->loss);
    }
    for (size_t h = 0; h < strata->count; h++)
        live->next[h] = strata->list[h].first;
    refit(live);
    score(live);
    *out = live;
    return 0;
}

void live_destroy(struct live *live)
{
    if (!live)
        return;
    free(live->seen);
    free(live->reserved);
    free(live->label);
    free(live->rival);
    free(live->loss);
    answers_release(&live->top1);
    answers_release(&live->top5);
    free(live);
}

/* --- which batch --- */

static int64_t reserve(struct live *live, int64_t b)
{
    if (b < 0 || live->reserved[b])
        return -1;
    live->reserved[b] = true;
    live->taken[strata_of_batch(live->strata, b)]++;
    live->handed++;
    return b;
}

/* Every other of the first batches supports the fit away from the boundary. */
static int64_t pilot(const struct live *live)
{
    static const double places[PILOT / 2] = {0.5, 0.25, 0.75, 0.95};
    const struct strata *s = live->strata;
    if (live->handed >= PILOT || live->handed % 2 == 0)
        return -1;
    double place = places[live->handed / 2] * (double)s->batches;
    return s->list[strata_of_batch(s, (int64_t)place)].first;
}

static int64_t worth_most(struct live *live)
{
    const struct strata *s = live->strata;
    bool uniform = live->handed % UNIFORM_EVERY == UNIFORM_EVERY - 1;
    double most = -1;
    int64_t best = -1;
    for (size_t h = 0; h < s->count; h++) {
        int64_t end = s->list[h].first + s->list[h].count;
        while (live->next[h] < end && live->reserved[live->next[h]])
            live->next[h]++;
        if (live->next[h] == end)
            continue;
        double there = (double)(live->taken[h] * s->batch + ROOM);
        double size = (double)(s->list[h].count * s->batch);
        double worth = (uniform ? size : live->score[h]) / there;
        if (best < 0 || worth > most) {
            most = worth;
            best = live->next[h];
        }
    }
    return best;
}

int64_t live_next(struct live *live)
{
    if (live->count > live->fitted + live->fitted / 8 + 32) {
        refit(live);
        score(live);
    }
    int64_t b = reserve(live, pilot(live));
    return b < 0 ? reserve(live, worth_most(live)) : b;
}

void live_add(struct live *live, int64_t b, const struct outcome *outcomes)
{
    const struct strata *s = live->strata;
    int64_t first, count = strata_batch(s, b, &first);
    reserve(live, b);
    for (int64_t i = first; i < first + count; i++) {
        const struct outcome *outcome = &outcomes[s->order[i]];
        if (live->seen[i])
            continue;
        int64_t k = live->count++;
        live->seen[i] = true;
        live->top1.yes[i] = outcome->correct;
        live->top5.yes[i] = outcome->top5;
        live->loss[i] = outcome->loss - s->loss[i];
        live->top1.dense[k] = finite_or(s->margin[i], 0);
        live->top1.margin[k] = finite_or(outcome->margin, 0);
        live->top5.dense[k] = finite_or(s->margin5[i], 0);
        live->top5.margin[k] = finite_or(outcome->margin5, 0);
        live->label[k] = s->label[i];
        live->rival[k] = s->rival[i];
    }
}

int64_t live_samples(const struct live *live)
{
    return live->count;
}

/* --- figures --- */

/* Flips more on either side: half a one for counts being whole numbers, and
 * one in ten of those that a single sample stands for, since flips where none
 * are believed show late. */
static double allowance(const struct live *live)
{
    double left = (double)(live->strata->samples - live->count);
    if (left <= 0)
        return 0;
    return 0.5 + 0.1 * left / ((double)live->count + 1);
}

static double deviations(const struct live *live)
{
    return DEVIATIONS * (1 + FEW / ((double)live->count + 1));
}

/* lost and won: of this answer, written. */
static struct estimate estimate_answers(const struct live *live,
                                        const struct answers *answers,
                                        int64_t base, struct flips *lost,
                                        struct flips *won)
{
    const struct strata *s = live->strata;
    struct flips_view view = {s, answers->base, live->seen, answers->yes,
                              answers->logit};
    flips_count(&view, lost, won);
    struct flips_range range =
        flips_combine(base, lost, won, deviations(live), allowance(live));
    double n = (double)s->samples;
    return (struct estimate){.value = range.value / n,
                             .low = fmax(range.low / n, 0),
                             .high = fmin(range.high / n, 1),
                             .samples = live->count,
                             .total = s->samples};
}

/* Differences of loss in one stratum. */
struct moments {
    double count, sum, squares, left;
};

static struct moments moments_of(const struct live *live, size_t h)
{
    int64_t end, first = strata_range(live->strata, h, &end);
    struct moments m = {0};
    for (int64_t i = first; i < end; i++) {
        double d = (double)live->loss[i];
        m.left += !live->seen[i];
        if (live->seen[i]) {
            m.count++;
            m.sum += d;
            m.squares += d * d;
        }
    }
    return m;
}

/* Each stratum's mean and variance are drawn to those of the ones before it,
 * from the lowest margins up, as LOSS_PRIOR samples would. */
static struct estimate estimate_loss(const struct live *live)
{
    const struct strata *s = live->strata;
    double n = (double)s->samples, total = 0, variance = 0;
    double mean = 0, spread = 1;
    for (int64_t i = 0; i < s->samples; i++)
        total += (double)s->loss[i];
    for (size_t h = 0; h < s->count; h++) {
        struct moments m = moments_of(live, h);
        double own = m.count > 0 ? m.sum / m.count : mean;
        double squares = fmax(m.squares - m.count * own * own, 0) +
                         LOSS_PRIOR * (spread + (own - mean) * (own - mean));
        if (m.count > 0)
            spread = squares / (m.count + LOSS_PRIOR);
        mean = (m.sum + LOSS_PRIOR * mean) / (m.count + LOSS_PRIOR);
        total += m.sum + m.left * mean;
        variance += m.left * m.left * spread / (m.count + 1) + m.left * spread;
    }
    double half = deviations(live) * sqrt(variance);
    return (struct estimate){.value = total / n,
                             .low = fmax((total - half) / n, 0),
                             .high = (total + half) / n,
                             .samples = live->count,
                             .total = s->samples};
}

/* That as many were lost as won, after the normal distribution; by the flips
 * themselves once all are seen. */
static double p_value(const struct flips *lost, const struct flips *won)
{
    double deviation = sqrt(lost->variance + won->variance);
    double net = (double)(lost->seen - won->seen) + lost->mean - won->mean;
    if (deviation < 0.5)
        return estimate_mcnemar(lost->seen, won->seen);
    double flips = (double)(lost->seen + won->seen) + lost->mean + won->mean;
    return 2 *
           gsl_cdf_ugaussian_Q(fabs(net) / sqrt(deviation * deviation + flips));
}

void live_estimate(struct live *live, struct live_figures *figures)
{
    const struct strata *s = live->strata;
    struct flips lost, won, lost5, won5;
    if (live->count > live->fitted)
        refit(live);
    figures->top5 =
        estimate_answers(live, &live->top5, s->top5_count, &lost5, &won5);
    figures->accuracy =
        estimate_answers(live, &live->top1, s->right_count, &lost, &won);
    figures->loss = estimate_loss(live);
    figures->base_only = lost.seen;
    figures->variant_only = won.seen;
    figures->p_value = p_value(&lost, &won);
    double base = (double)s->right_count / (double)s->samples;
    figures->difference = figures->accuracy;
    figures->difference.value -= base;
    figures->difference.low -= base;
    figures->difference.high -= base;
}
