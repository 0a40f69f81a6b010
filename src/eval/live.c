/*
 * Margins of the samples seen are fitted on the dense ones (margin_model);
 * the fit gives every sample its chance to be right; flips.c corrects the
 * chances by the answers seen and counts, and says what the samples left are
 * worth. The batch that is worth most comes next, one in five where least is
 * known, and the first few, of all classes, where the fit needs support. The
 * mean loss is a regression of the differences to the dense model's.
 */
#include "eval/live.h"

#include "base/array.h"
#include "eval/flips.h"
#include "eval/margin_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_cdf.h>

/* 0.05 in 13 parts, both sides, and a little; the factor for a fit on few
 * samples; what long tails of differences of loss do to theirs. */
static const double DEVIATIONS = 3.0, FEW = 16, LOSS_TAILS = 2.8;
static const double FAR = 1e3; /* a margin that is not finite */
enum { UNIFORM_EVERY = 5, PILOT = 8, ROOM = 8, LOSS_PRIOR = 4, LOSS_STEPS = 2 };

/* One yes-or-no answer per sample, and its margin. */
struct answers {
    const float *base_margin;
    const bool *base;
    float *dense, *margin; /* of the seen, in order of arrival */
    bool *yes;             /* by place, where seen */
    float *logit;          /* by place: of the believed chance of a yes */
    struct margin_model model;
    struct effects *effects;
};

struct live {
    const struct strata *strata;
    bool *seen;     /* by place */
    bool *reserved; /* by batch */
    int64_t count, handed;
    int64_t fitted;             /* samples when scores were made; -1: never */
    int64_t taken[STRATA_MAX];  /* batches */
    int64_t scored[STRATA_MAX]; /* taken when scores were made */
    double *score;              /* by batch */
    float *worth;               /* by place */
    struct answers top1, top5;
    int32_t *label, *rival; /* of the seen, in order of arrival */
    float *loss;            /* by place: difference to the dense one's */
    struct effects *loss_effects;
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
    a->effects = array_create(1, sizeof *a->effects);
    for (size_t i = 0; i < n; i++)
        sum += fabs((double)finite_or(margin[i], 0));
    margin_model_init(&a->model, n ? sum / (double)n : 1, strata->classes);
    if (!a->dense || !a->margin || !a->yes || !a->logit || !a->effects)
        return -1;
    effects_init(a->effects, strata);
    return 0;
}

static void answers_release(struct answers *a)
{
    free(a->dense);
    free(a->margin);
    free(a->yes);
    free(a->logit);
    free(a->effects);
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

static void refit_answers(struct live *live, struct answers *a)
{
    struct margin_samples samples = {a->dense, a->margin, live->label,
                                     live->rival, live->count};
    margin_model_fit(&a->model, &samples);
    predict(live->strata, a);
}

static struct flips_view view_of(const struct live *live,
                                 const struct answers *a)
{
    return (struct flips_view){a->effects, a->base, live->seen, a->yes,
                               a->logit};
}

/* What each batch is worth, but for those to come. */
static void score(struct live *live)
{
    const struct strata *s = live->strata;
    struct flips_view view = view_of(live, &live->top1);
    refit_answers(live, &live->top1);
    flips_fit(&view);
    flips_worth(&view, live->worth);
    for (int64_t b = 0; b < s->batches; b++) {
        int64_t first, count = strata_batch(s, b, &first);
        live->score[b] = 0;
        for (int64_t i = first; i < first + count; i++)
            live->score[b] += (double)live->worth[i];
    }
    memcpy(live->scored, live->taken, sizeof live->scored);
    live->fitted = live->count;
}

int live_create(struct live **out, const struct strata *strata,
                struct error *err)
{
    size_t n = (size_t)strata->samples, batches = (size_t)strata->batches;
    struct live *live = array_create(1, sizeof *live);
    if (!live)
        return error_memory(err, sizeof *live);
    live->strata = strata;
    live->fitted = -1;
    live->seen = array_create(n, sizeof *live->seen);
    live->reserved = array_create(batches, sizeof *live->reserved);
    live->label = array_create(n, sizeof *live->label);
    live->rival = array_create(n, sizeof *live->rival);
    live->loss = array_create(n, sizeof *live->loss);
    live->worth = array_create(n, sizeof *live->worth);
    live->score = array_create(batches, sizeof *live->score);
    live->loss_effects = array_create(1, sizeof *live->loss_effects);
    if (!live->seen || !live->reserved || !live->label || !live->rival ||
        !live->loss || !live->worth || !live->score || !live->loss_effects ||
        answers_init(&live->top1, strata, strata->margin, strata->right) < 0 ||
        answers_init(&live->top5, strata, strata->margin5, strata->top5) < 0) {
        live_destroy(live);
        return error_memory(err, n * sizeof *live->loss);
    }
    effects_init(live->loss_effects, strata);
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
    free(live->worth);
    free(live->score);
    free(live->loss_effects);
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

/* The first batches, which nothing is known to choose by: beside the boundary
 * and, to support the fit, away from it. Always mixed ones. */
static int64_t pilot(const struct live *live)
{
    static const double places[PILOT] = {0, 0.5, 0, 0.25, 0, 0.75, 0, 0.95};
    static const int from_boundary[PILOT] = {0, 0, -1, 0, 1, 0, 2, 0};
    const struct strata *s = live->strata;
    if (live->handed >= PILOT)
        return -1;
    double place = places[live->handed] * (double)s->batches;
    size_t h = strata_of_batch(s, (int64_t)place);
    if (place <= 0) {
        for (h = 0; h + 1 < s->count && !s->list[h].right; h++)
            ;
        int64_t at = (int64_t)h + from_boundary[live->handed];
        h = at < 0 || at >= (int64_t)s->count ? h : (size_t)at;
    }
    return s->list[h].first;
}

/* The first batches of a stratum hold all classes: they come first where
 * little is known. */
static int64_t least_known(const struct live *live)
{
    const struct strata *s = live->strata;
    double most = 0;
    int64_t best = -1;
    for (size_t h = 0; h < s->count; h++) {
        const struct stratum *stratum = &s->list[h];
        double there = (double)(live->taken[h] * s->batch + ROOM);
        double need = (double)(stratum->count * s->batch) / there;
        if (need <= most || live->taken[h] == stratum->count)
            continue;
        int64_t end = stratum->first + stratum->count, b = stratum->first;
        int64_t found = -1;
        for (; b < end; b++) {
            if (live->reserved[b])
                continue;
            if (found < 0 || live->score[b] > live->score[found])
                found = b;
            if (b < stratum->first + stratum->mixed)
                break;
        }
        most = need;
        best = found;
    }
    return best;
}

static int64_t worth_most(const struct live *live)
{
    const struct strata *s = live->strata;
    double most = -1;
    int64_t best = -1;
    for (size_t h = 0; h < s->count; h++) {
        int64_t first = s->list[h].first, end = first + s->list[h].count;
        double there = (double)(live->taken[h] * s->batch + ROOM);
        double before = (double)(live->scored[h] * s->batch + ROOM);
        double fall = before * before / (there * there);
        for (int64_t b = first; b < end; b++) {
            if (live->reserved[b] || live->score[b] * fall <= most)
                continue;
            most = live->score[b] * fall;
            best = b;
        }
    }
    return best;
}

int64_t live_next(struct live *live)
{
    int64_t b = reserve(live, pilot(live));
    if (b >= 0)
        return b;
    if (live->fitted < 0 || live->count > live->fitted + live->fitted / 8 + 32)
        score(live);
    if (live->handed % UNIFORM_EVERY == UNIFORM_EVERY - 1)
        b = reserve(live, least_known(live));
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

/* What is left is what the model is surest of, so that its mistakes weigh more
 * the more was seen: the deviation of the answers replayed grows like this. */
static double deviations(const struct live *live)
{
    double count = (double)live->count, all = (double)live->strata->samples;
    return DEVIATIONS * (1 + FEW / (count + 1)) * (1 + count / all);
}

/*
 * A broken model often gives one answer to everything, and so keeps one class
 * whole. Answers that may be right still: those of a class of which nothing
 * was seen, halved by each that was, where most that was right is lost.
 */
static double kept_class(const struct live *live, const struct answers *a)
{
    const struct strata *s = live->strata;
    double left[EFFECTS_CLASSES] = {0}, halves[EFFECTS_CLASSES] = {0};
    double right = 0, lost = 0, most = 0;
    int classes = a->effects->classes;
    for (int64_t i = 0; i < s->samples; i++) {
        bool labelled = s->label[i] >= 0 && s->label[i] < classes;
        right += live->seen[i] && a->base[i];
        lost += live->seen[i] && a->base[i] && !a->yes[i];
        if (labelled)
            *(live->seen[i] ? &halves[s->label[i]] : &left[s->label[i]]) += 1;
    }
    for (int c = 0; c < classes; c++)
        most = fmax(most, left[c] * exp2(-halves[c]));
    double share = right > 0 ? lost / right : 0;
    return share > 0.5 ? most * (2 * share - 1) : 0;
}

/* lost and won: of this answer, written. */
static struct estimate estimate_answers(struct live *live,
                                        struct answers *answers, int64_t base,
                                        struct flips *lost, struct flips *won)
{
    const struct strata *s = live->strata;
    struct flips_view view = view_of(live, answers);
    refit_answers(live, answers);
    flips_fit(&view);
    flips_count(&view, lost, won);
    struct flips_range range =
        flips_combine(base, lost, won, deviations(live), allowance(live));
    double n = (double)s->samples, kept = kept_class(live, answers);
    return (struct estimate){.value = range.value / n,
                             .low = fmax(range.low / n, 0),
                             .high = fmin((range.high + kept) / n, 1),
                             .samples = live->count,
                             .total = s->samples};
}

/* Of the differences of loss that were seen. */
static double mean_square(const struct live *live)
{
    double squares = 0;
    for (int64_t i = 0; i < live->strata->samples; i++)
        if (live->seen[i])
            squares += (double)live->loss[i] * (double)live->loss[i];
    return live->count ? squares / (double)live->count : 1;
}

/* Spreads of what is left of differences of loss once the effects are taken
 * off, by stratum; each square is drawn to that of the one before it, from the
 * lowest margins up, as LOSS_PRIOR samples would. */
static void loss_spreads(const struct live *live, double *spreads, bool fitted)
{
    const struct effects *e = live->loss_effects;
    double variance = mean_square(live);
    for (size_t h = 0; h < live->strata->count; h++) {
        int64_t end, first = strata_range(live->strata, h, &end);
        double count = LOSS_PRIOR, squares = LOSS_PRIOR * variance;
        for (int64_t i = first; i < end; i++) {
            int own[EFFECTS_OWN];
            if (!live->seen[i])
                continue;
            double d = (double)live->loss[i];
            if (fitted)
                d -= spreads[h] * effects_sum(e, own, effects_of(e, h, i, own));
            squares += d * d;
            count++;
        }
        if (count > LOSS_PRIOR)
            variance = squares / count;
        spreads[h] = sqrt(fmax(variance, 1e-12));
    }
}

static void fit_loss(const struct live *live, const double *spreads)
{
    struct effects *e = live->loss_effects;
    effects_begin(e);
    for (size_t h = 0; h < live->strata->count; h++) {
        int64_t end, first = strata_range(live->strata, h, &end);
        for (int64_t i = first; i < end; i++) {
            int own[EFFECTS_OWN];
            if (!live->seen[i])
                continue;
            int count = effects_of(e, h, i, own);
            double d = (double)live->loss[i] / spreads[h];
            effects_add(e, own, count, d - effects_sum(e, own, count), 1);
        }
    }
    effects_take(e, INFINITY);
}

/* The mean square of what is left of a batch's mean, in spreads: samples of a
 * batch are alike, and what the effects miss they miss together. */
static double batch_square(const struct live *live, const double *spreads)
{
    const struct strata *s = live->strata;
    const struct effects *e = live->loss_effects;
    double squares = 0, batches = 0;
    for (int64_t b = 0; b < s->batches; b++) {
        int64_t first, count = strata_batch(s, b, &first);
        size_t h = strata_of_batch(s, b);
        double left = 0;
        if (!live->seen[first])
            continue;
        for (int64_t i = first; i < first + count; i++) {
            int own[EFFECTS_OWN];
            left += (double)live->loss[i] / spreads[h] -
                    effects_sum(e, own, effects_of(e, h, i, own));
        }
        squares += left * left / (double)(count * count);
        batches++;
    }
    return batches > 0 ? squares / batches : 0;
}

/* A regression of the differences to the dense model's losses. */
static struct estimate estimate_loss(const struct live *live)
{
    const struct strata *s = live->strata;
    const struct effects *e = live->loss_effects;
    double n = (double)s->samples, total = 0, variance = 0, left = 0;
    double spreads[STRATA_MAX], slope[EFFECTS_MOST] = {0};
    for (int step = 0; step < LOSS_STEPS; step++) {
        loss_spreads(live, spreads, step > 0);
        fit_loss(live, spreads);
    }
    for (size_t h = 0; h < s->count; h++) {
        int64_t end, first = strata_range(s, h, &end);
        for (int64_t i = first; i < end; i++) {
            int own[EFFECTS_OWN], count = effects_of(e, h, i, own);
            total += (double)s->loss[i] +
                     (live->seen[i] ? (double)live->loss[i]
                                    : spreads[h] * effects_sum(e, own, count));
            variance += live->seen[i] ? 0 : spreads[h] * spreads[h];
            left += live->seen[i] ? 0 : spreads[h];
            for (int k = 0; k < count && !live->seen[i]; k++)
                slope[own[k]] += spreads[h];
        }
    }
    double square = batch_square(live, spreads), batch = (double)s->batch;
    double shared = square * batch / fmax((double)live->count, 1);
    variance = variance * fmax(1, square * batch) +
               fmax(effects_doubt(e, slope), left * left * shared);
    double half = LOSS_TAILS * deviations(live) * sqrt(variance);
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
    figures->top5 =
        estimate_answers(live, &live->top5, s->top5_count, &lost5, &won5);
    figures->accuracy =
        estimate_answers(live, &live->top1, s->right_count, &lost, &won);
    figures->loss = estimate_loss(live);
    figures->base_only = lost.seen;
    figures->variant_only = won.seen;
    figures->flips = (double)(lost.seen + won.seen) + lost.mean + won.mean;
    figures->p_value = p_value(&lost, &won);
    double base = (double)s->right_count / (double)s->samples;
    figures->difference = figures->accuracy;
    figures->difference.value -= base;
    figures->difference.low -= base;
    figures->difference.high -= base;
}
