/*
 * Four rounds of: weights from the spread and, as for Student's t, from how
 * far a sample lies off; a weighted line; class shifts one by one, drawn to
 * zero by PRIOR samples; the spread by a line through |residual| over |t|.
 */
#include "eval/margin_model.h"

#include <math.h>

enum { ROUNDS = 4 };

static const double FREEDOM = 5;
/* Mean of |T| for Student's t with that freedom. */
static const double MEAN_ABSOLUTE = 0.949;
/* Weights of what is believed before, in samples. */
static const double PRIOR = 6;
static const double PI = 3.14159265358979323846;

void margin_model_init(struct margin_model *model, double typical, int classes)
{
    *model = (struct margin_model){
        .slope = 1,
        .spread = 0.05 * typical + 1e-6,
        .least = 1e-5 * typical + 1e-9,
        .spread_slope = 0.1,
        .classes = classes <= MARGIN_CLASSES ? classes : 0,
    };
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

static double spread_at(const struct margin_model *model, double t)
{
    return model->spread + model->spread_slope * fabs(t);
}

static double expected(const struct margin_model *model, double t,
                       int32_t label, int32_t rival)
{
    return model->offset + model->slope * t + shift_of(model, label, rival);
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
    double spread = spread_at(model, (double)s->dense[i]);
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

/* |residual| = MEAN_ABSOLUTE (spread + spread_slope |t|), both not negative,
 * weighted by the spread that is believed so far. */
static void fit_spread(struct margin_model *model,
                       const struct margin_samples *s)
{
    double w1 = 0, wt = 0, wtt = 0, wr = 0, wtr = 0;
    for (int64_t i = 0; i < s->count; i++) {
        double t = fabs((double)s->dense[i]);
        double spread = spread_at(model, t);
        double w = 1 / (spread * spread);
        double r = fabs(residual(model, s, i)) / MEAN_ABSOLUTE;
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
    if (samples->count < 8)
        return;
    for (int round = 0; round < ROUNDS; round++) {
        fit_line(model, samples);
        for (int k = 0; model->classes > 0 && k < 2; k++)
            fit_shifts(model, samples);
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
    return student(expected(model, t, label, rival) / spread_at(model, t));
}
