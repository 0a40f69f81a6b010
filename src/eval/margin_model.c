/*
 * Four rounds, two when most samples were there before, of: weights from the
 * spread and, as for Student's t, from how far a sample lies off; a weighted
 * line; class shifts one by one, drawn to zero by PRIOR samples; lines and
 * spreads of labels, then of rivals, drawn to none by CLASS_PRIOR; the spread
 * by a line through |residual| over |t|.
 */
#include "eval/margin_model.h"

#include <math.h>
#include <stdbool.h>

enum { ROUNDS = 4, ROUNDS_AGAIN = 2, FEWEST = 8, FEWEST_FOR_CLASSES = 32 };

static const double FREEDOM = 5;
/* Mean of |T| for Student's t with that freedom. */
static const double MEAN_ABSOLUTE = 0.949;
/* Weights of what is believed before, in samples. */
static const double PRIOR = 6, CLASS_PRIOR = 10;
static const double PI = 3.14159265358979323846;
/* Probabilities nearer to 0 and 1 are not told apart. */
static const double SURE = 1e-7;

static const struct margin_class no_class = {.stretch = 1};

void margin_model_init(struct margin_model *model, double typical, int classes)
{
    *model = (struct margin_model){
        .slope = 1,
        .spread = 0.05 * typical + 1e-6,
        .least = 1e-5 * typical + 1e-9,
        .spread_slope = 0.1,
        .classes = classes <= MARGIN_CLASSES ? classes : 0,
    };
    for (int c = 0; c < MARGIN_CLASSES; c++)
        model->label[c] = model->rival[c] = no_class;
}

static const struct margin_class *class_of(const struct margin_model *model,
                                           const struct margin_class *list,
                                           int32_t c)
{
    return c >= 0 && c < model->classes ? &list[c] : &no_class;
}

static double shift_of(const struct margin_model *model, int32_t label,
                       int32_t rival)
{
    double shift = 0;
    if (label >= 0 && label < model->classes)
        shift += model->shift[label];
    if (rival >= 0 && rival < model->classes)
        shift -= model->shift[rival];
    return shift;
}

static double stretch_of(const struct margin_model *model, int32_t label,
                         int32_t rival)
{
    return class_of(model, model->label, label)->stretch *
           class_of(model, model->rival, rival)->stretch;
}

/* But for the classes' stretch. */
static double common_spread(const struct margin_model *model, double t)
{
    return model->spread + model->spread_slope * fabs(t);
}

static double spread_at(const struct margin_model *model, double t,
                        int32_t label, int32_t rival)
{
    return common_spread(model, t) * stretch_of(model, label, rival);
}

static double expected(const struct margin_model *model, double t,
                       int32_t label, int32_t rival)
{
    const struct margin_class *a = class_of(model, model->label, label);
    const struct margin_class *b = class_of(model, model->rival, rival);
    return model->offset + a->offset + b->offset +
           (model->slope + a->slope + b->slope) * t +
           shift_of(model, label, rival);
}

static double residual(const struct margin_model *model,
                       const struct margin_samples *s, int64_t i)
{
    return (double)s->variant[i] -
           expected(model, (double)s->dense[i], s->label[i], s->rival[i]);
}

static double weight(const struct margin_model *model,
                     const struct margin_samples *s, int64_t i)
{
    double spread =
        spread_at(model, (double)s->dense[i], s->label[i], s->rival[i]);
    double z = residual(model, s, i) / spread;
    return (FREEDOM + 1) / (FREEDOM + z * z) / (spread * spread);
}

static void fit_line(struct margin_model *model, const struct margin_samples *s)
{
    double w1 = 0, wt = 0, wtt = 0, wr = 0, wtr = 0;
    for (int64_t i = 0; i < s->count; i++) {
        double w = weight(model, s, i), t = (double)s->dense[i];
        double r = residual(model, s, i);
        w1 += w;
        wt += w * t;
        wtt += w * t * t;
        wr += w * r;
        wtr += w * t * r;
    }
    double determinant = w1 * wtt - wt * wt;
    if (!(determinant > 1e-9 * w1 * wtt) || !isfinite(determinant))
        return;
    model->offset += (wtt * wr - wt * wtr) / determinant;
    model->slope += (w1 * wtr - wt * wr) / determinant;
}

static void fit_shifts(struct margin_model *model,
                       const struct margin_samples *s)
{
    double up[MARGIN_CLASSES] = {0}, total[MARGIN_CLASSES] = {0}, sum = 0;
    for (int64_t i = 0; i < s->count; i++) {
        double w = weight(model, s, i), r = residual(model, s, i);
        int32_t label = s->label[i], rival = s->rival[i];
        sum += w;
        if (label >= 0 && label < model->classes) {
            up[label] += w * r;
            total[label] += w;
        }
        if (rival >= 0 && rival < model->classes) {
            up[rival] -= w * r;
            total[rival] += w;
        }
    }
    double prior = PRIOR * sum / (double)s->count;
    /* Half a step: label and rival of one sample both answer for it. */
    for (int c = 0; c < model->classes; c++)
        model->shift[c] +=
            0.5 * (up[c] - prior * model->shift[c]) / (total[c] + prior);
}

/* Weighted sums over the samples of one class: 1, t, t^2, and the residual
 * times 1 and t; then samples, and |residuals| in spreads. */
struct class_sums {
    double w1, wt, wtt, wr, wtr;
    double count, deviation;
};

/* The lines of all classes in one list at once: a sample has one of them. */
static void fit_class_lines(struct margin_model *model,
                            const struct margin_samples *s,
                            struct margin_class *list, const int32_t *classes)
{
    struct class_sums sums[MARGIN_CLASSES] = {{0}};
    double w1 = 0, wtt = 0;
    for (int64_t i = 0; i < s->count; i++) {
        double w = weight(model, s, i), t = (double)s->dense[i];
        double r = residual(model, s, i);
        w1 += w;
        wtt += w * t * t;
        if (classes[i] < 0 || classes[i] >= model->classes)
            continue;
        struct class_sums *sum = &sums[classes[i]];
        sum->w1 += w;
        sum->wt += w * t;
        sum->wtt += w * t * t;
        sum->wr += w * r;
        sum->wtr += w * t * r;
    }
    double prior1 = CLASS_PRIOR * w1 / (double)s->count;
    double priortt = CLASS_PRIOR * wtt / (double)s->count;
    for (int c = 0; c < model->classes; c++) {
        const struct class_sums *sum = &sums[c];
        double a = sum->w1 + prior1, b = sum->wt, d = sum->wtt + priortt;
        double g = sum->wr - prior1 * list[c].offset;
        double h = sum->wtr - priortt * list[c].slope;
        double determinant = a * d - b * b;
        if (!(determinant > 0) || !isfinite(determinant))
            continue;
        list[c].offset += (d * g - b * h) / determinant;
        list[c].slope += (a * h - b * g) / determinant;
    }
}

static void fit_class_spreads(struct margin_model *model,
                              const struct margin_samples *s,
                              struct margin_class *list, const int32_t *classes)
{
    struct class_sums sums[MARGIN_CLASSES] = {{0}};
    for (int64_t i = 0; i < s->count; i++) {
        int32_t c = classes[i];
        if (c < 0 || c >= model->classes)
            continue;
        double spread =
            spread_at(model, (double)s->dense[i], s->label[i], s->rival[i]);
        sums[c].count++;
        sums[c].deviation += fabs(residual(model, s, i)) * list[c].stretch /
                             (MEAN_ABSOLUTE * spread);
    }
    for (int c = 0; c < model->classes; c++)
        list[c].stretch =
            (sums[c].deviation + CLASS_PRIOR) / (sums[c].count + CLASS_PRIOR);
}

static void fit_classes(struct margin_model *model,
                        const struct margin_samples *s)
{
    fit_class_lines(model, s, model->label, s->label);
    fit_class_spreads(model, s, model->label, s->label);
    fit_class_lines(model, s, model->rival, s->rival);
    fit_class_spreads(model, s, model->rival, s->rival);
}

/* |residual| = MEAN_ABSOLUTE (spread + spread_slope |t|), both not negative,
 * weighted by the spread that is believed so far. */
static void fit_spread(struct margin_model *model,
                       const struct margin_samples *s)
{
    double w1 = 0, wt = 0, wtt = 0, wr = 0, wtr = 0;
    for (int64_t i = 0; i < s->count; i++) {
        double t = fabs((double)s->dense[i]);
        double stretch = stretch_of(model, s->label[i], s->rival[i]);
        double spread = common_spread(model, t);
        double w = 1 / (spread * spread);
        double r = fabs(residual(model, s, i)) / (MEAN_ABSOLUTE * stretch);
        w1 += w;
        wt += w * t;
        wtt += w * t * t;
        wr += w * r;
        wtr += w * t * r;
    }
    double determinant = w1 * wtt - wt * wt;
    double a = model->spread, b = model->spread_slope;
    if (determinant > 1e-9 * w1 * wtt) {
        a = (wtt * wr - wt * wtr) / determinant;
        b = (w1 * wtr - wt * wr) / determinant;
    }
    if (b < 0 || !(a == a)) {
        b = 0;
        a = w1 > 0 ? wr / w1 : model->spread;
    }
    if (a < 0) {
        a = 0;
        b = wtt > 0 ? wtr / wtt : model->spread_slope;
    }
    model->spread = fmax(a, model->least);
    model->spread_slope = fmax(b, 1e-4);
}

void margin_model_fit(struct margin_model *model,
                      const struct margin_samples *samples)
{
    if (samples->count < FEWEST)
        return;
    bool again = samples->count < 2 * model->fitted;
    model->fitted = samples->count;
    for (int k = again ? ROUNDS_AGAIN : ROUNDS; k > 0; k--) {
        fit_line(model, samples);
        for (int m = 0; model->classes > 0 && m < 2; m++)
            fit_shifts(model, samples);
        if (model->classes > 0 && samples->count > FEWEST_FOR_CLASSES)
            fit_classes(model, samples);
        fit_spread(model, samples);
    }
}

/* Student's distribution function for five degrees of freedom. */
static double student(double x)
{
    double y = 1 + x * x / FREEDOM;
    return 0.5 + (x / sqrt(FREEDOM) / y * (1 + 2 / (3 * y)) +
                  atan(x / sqrt(FREEDOM))) /
                     PI;
}

double margin_model_above(const struct margin_model *model, float dense,
                          int32_t label, int32_t rival)
{
    double t = (double)dense;
    double p = student(expected(model, t, label, rival) /
                       spread_at(model, t, label, rival));
    p = fmin(fmax(p, SURE), 1 - SURE);
    return log(p / (1 - p));
}
