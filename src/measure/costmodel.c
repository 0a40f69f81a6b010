#include "measure/costmodel.h"

#include "base/array.h"
#include "base/stats.h"

#include <gsl/gsl_multifit.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 6, PLACES = 6, VECTOR = 16 };

/* Measurements of a sparse way before it is believed to be the fastest. */
enum { FEWEST_POINTS = 3 };

/* Points that a fit takes some ten milliseconds for. */
enum { MOST_POINTS = 1500 };

/* "mac" and "vector". */
enum { WORK_FEATURES = 1 << 1 | 1 << 2 };

/* Residuals above this many medians count less (Huber). */
static const double huber = 1.5;
/* In squared octaves: how sharply the nearest point dominates, and how much
 * evidence it takes to leave the law. */
static const double nearness = 0.02, reluctance = 0.5;

const char *const costmodel_features[COSTMODEL_FEATURES] = {
    "start", "mac", "vector", "element", "weight"};

/* One law, of a class or of all that have something in common. */
struct law {
    char name[WORKLOAD_NAME_BYTES];
    size_t points;
    double coefficients[COSTMODEL_FEATURES];
};

struct entry {
    struct timed_workload point;
    char name[WORKLOAD_NAME_BYTES];
    double place[PLACES];
    double residual; /* log(measured / law) */
};

struct costmodel {
    struct entry *entries;
    struct timed_workload *points; /* copies, for readers */
    size_t count, capacity;
    struct law *laws;
    size_t law_count, law_capacity;
};

int costmodel_create(struct costmodel **out, struct error *err)
{
    *out = array_create(1, sizeof **out);
    return *out ? 0 : error_memory(err, sizeof **out);
}

void costmodel_destroy(struct costmodel *model)
{
    if (!model)
        return;
    free(model->entries);
    free(model->points);
    free(model->laws);
    free(model);
}

/* --- features --- */

static double rounded(int64_t value)
{
    return (double)((value + VECTOR - 1) / VECTOR * VECTOR);
}

/* Multiplications as vectors do them: dense kernels fill vectors with
 * channels, ours with a row of the image, or with images. */
static double vector_work(const struct workload *w)
{
    double share =
        w->weights ? (double)workload_stored(w) / (double)w->weights : 1;
    double macs = (double)w->macs * share, pixels = (double)(w->oh * w->ow);
    if (w->method != WORKLOAD_SPARSE)
        return w->oc > 0 ? macs * rounded(w->oc) / (double)w->oc : macs;
    if (w->layout == LAYOUT_IMAGE16)
        return macs * rounded(w->n) / (double)w->n;
    if (w->layout == LAYOUT_PLANE)
        return macs * rounded((int64_t)pixels) / pixels;
    return macs * rounded(w->oc) / (double)w->oc;
}

static void features_of(const struct workload *w, double x[COSTMODEL_FEATURES])
{
    double share =
        w->weights ? (double)workload_stored(w) / (double)w->weights : 1;
    x[0] = 1;
    x[1] = (double)w->macs * share;
    x[2] = vector_work(w);
    x[3] = (double)(w->source + w->result);
    x[4] = (double)workload_stored(w);
}

/* Where it lies among others of its class, in octaves. */
static void place_of(const struct workload *w, double place[PLACES])
{
    double stored = (double)workload_stored(w);
    double channels = (double)w->ic / (double)(w->groups > 0 ? w->groups : 1);
    double pixels = (double)(w->n * w->oh * w->ow);
    place[0] = log2(1 + (w->weights ? pixels : (double)w->result));
    place[1] = log2(1 + channels);
    place[2] = log2(1 + (double)w->oc);
    place[3] = log2((double)w->window);
    place[4] = log2((double)w->stride);
    place[5] = w->weights ? log2((1 + stored) / (double)w->weights) : 0;
}

static double law_time(const struct law *law, const struct workload *w)
{
    double x[COSTMODEL_FEATURES], ns = 0;
    features_of(w, x);
    for (int k = 0; k < COSTMODEL_FEATURES; k++)
        ns += law->coefficients[k] * x[k];
    return ns;
}

/* --- points --- */

static double distance_of(const double *a, const double *b)
{
    double sum = 0;
    for (int k = 0; k < PLACES; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

static void put(struct costmodel *model, size_t index,
                const struct workload *workload, double ns)
{
    struct entry *entry = &model->entries[index];
    *entry = (struct entry){.point = {*workload, ns}};
    workload_class(workload, entry->name);
    place_of(workload, entry->place);
    model->points[index] = entry->point;
}

/* Of many points the nearest makes room. */
static void replace_nearest(struct costmodel *model,
                            const struct workload *workload, double ns)
{
    char name[WORKLOAD_NAME_BYTES];
    double place[PLACES], least = INFINITY;
    size_t nearest = 0;
    workload_class(workload, name);
    place_of(workload, place);
    for (size_t i = 0; i < model->count; i++) {
        double distance = distance_of(model->entries[i].place, place);
        if (distance >= least || strcmp(model->entries[i].name, name) != 0)
            continue;
        least = distance;
        nearest = i;
    }
    put(model, nearest, workload, ns);
}

int costmodel_add(struct costmodel *model, const struct workload *workload,
                  double ns, struct error *err)
{
    if (!isfinite(ns) || ns <= 0)
        return 0;
    for (size_t i = 0; i < model->count; i++) {
        if (memcmp(&model->points[i].workload, workload, sizeof *workload) != 0)
            continue;
        model->points[i].ns = model->entries[i].point.ns = ns;
        return 0;
    }
    if (model->count == MOST_POINTS) {
        replace_nearest(model, workload, ns);
        return 0;
    }
    size_t capacity = model->capacity;
    if (array_reserve(&model->entries, &capacity, model->count + 1,
                      sizeof *model->entries) < 0 ||
        array_reserve(&model->points, &model->capacity, model->count + 1,
                      sizeof *model->points) < 0)
        return error_memory(err, model->count * sizeof *model->entries);
    put(model, model->count++, workload, ns);
    return 0;
}

size_t costmodel_point_count(const struct costmodel *model)
{
    return model->count;
}

const struct timed_workload *costmodel_points(const struct costmodel *model)
{
    return model->points;
}

/* --- laws --- */

/* Names that begin with '*' are for what has no class of its own. */
static const char *family_of(const struct workload *w)
{
    bool works = w->kind == KERNEL_MATMUL || w->kind == KERNEL_ATTENTION;
    if (w->weights == 0 && !works)
        return "* without weights";
    return w->method == WORKLOAD_DENSE ? "* dense" : "";
}

static const struct law *find_law(const struct costmodel *model,
                                  const char *name)
{
    for (size_t i = 0; i < model->law_count; i++)
        if (strcmp(model->laws[i].name, name) == 0)
            return &model->laws[i];
    return NULL;
}

static const struct law *law_of(const struct costmodel *model,
                                const struct workload *w)
{
    char name[WORKLOAD_NAME_BYTES];
    workload_class(w, name);
    const struct law *law = find_law(model, name);
    return law ? law : find_law(model, family_of(w));
}

/* What one law is fitted to: rows divided by the measured time, so that the
 * target is 1 and errors are relative; columns scaled alike. */
struct fit {
    size_t rows;
    double *x, *weight; /* rows * COSTMODEL_FEATURES; rows */
    double scale[COSTMODEL_FEATURES];
};

static double residual_of(const struct fit *fit, size_t row, const double *c)
{
    double sum = -1;
    for (int k = 0; k < COSTMODEL_FEATURES; k++)
        sum += fit->x[row * COSTMODEL_FEATURES + (size_t)k] * c[k];
    return sum;
}

/* Least squares on the features of `set`; INFINITY where one coefficient is
 * negative or GSL has no memory. */
static double solve(const struct fit *fit, unsigned set, double *out)
{
    size_t columns = 0;
    double chi = INFINITY;
    for (int k = 0; k < COSTMODEL_FEATURES; k++)
        columns += set >> k & 1;
    if (columns > fit->rows)
        return INFINITY;
    gsl_matrix *x = gsl_matrix_alloc(fit->rows, columns);
    gsl_vector *y = gsl_vector_alloc(fit->rows);
    gsl_vector *w = gsl_vector_alloc(fit->rows);
    gsl_vector *c = gsl_vector_alloc(columns);
    gsl_matrix *covariance = gsl_matrix_alloc(columns, columns);
    gsl_multifit_linear_workspace *work =
        gsl_multifit_linear_alloc(fit->rows, columns);
    if (x && y && w && c && covariance && work) {
        for (size_t i = 0; i < fit->rows; i++) {
            size_t at = 0;
            for (int k = 0; k < COSTMODEL_FEATURES; k++)
                if (set >> k & 1)
                    gsl_matrix_set(x, i, at++,
                                   fit->x[i * COSTMODEL_FEATURES + (size_t)k]);
            gsl_vector_set(y, i, 1);
            gsl_vector_set(w, i, fit->weight[i]);
        }
        if (gsl_multifit_wlinear(x, w, y, c, covariance, &chi, work))
            chi = INFINITY;
        size_t at = 0;
        for (int k = 0; k < COSTMODEL_FEATURES; k++) {
            out[k] = set >> k & 1 ? gsl_vector_get(c, at++) : 0;
            if (out[k] < 0)
                chi = INFINITY;
        }
    }
    gsl_multifit_linear_free(work);
    gsl_matrix_free(covariance);
    gsl_vector_free(c);
    gsl_vector_free(w);
    gsl_vector_free(y);
    gsl_matrix_free(x);
    return chi;
}

/* Non-negative least squares: with five features every subset is tried. Where
 * there is work, time grows with it: few points would else be explained by a
 * constant. */
static void solve_positive(const struct fit *fit, double *best)
{
    double lowest = INFINITY, found[COSTMODEL_FEATURES];
    bool works = fit->scale[1] > 0;
    for (unsigned set = 1; set < 1U << COSTMODEL_FEATURES; set++) {
        if (works && !(set & WORK_FEATURES))
            continue;
        double chi = solve(fit, set, found);
        if (chi >= lowest)
            continue;
        lowest = chi;
        memcpy(best, found, sizeof found);
    }
}

static void reweight(struct fit *fit, const double *c, double *scratch)
{
    for (size_t i = 0; i < fit->rows; i++)
        scratch[i] = fabs(residual_of(fit, i, c));
    double middle = stats_summarise(scratch, fit->rows).median;
    for (size_t i = 0; i < fit->rows; i++) {
        double r = fabs(residual_of(fit, i, c)), most = huber * middle;
        fit->weight[i] = r > most && r > 0 ? most / r : 1;
    }
}

static bool belongs(const struct entry *entry, const char *law)
{
    return strcmp(law[0] == '*' ? family_of(&entry->point.workload)
                                : entry->name,
                  law) == 0;
}

/* The same layer at whatever density. */
static bool same_problem(const struct entry *a, const struct entry *b)
{
    return memcmp(a->place, b->place, (PLACES - 1) * sizeof *a->place) == 0;
}

/* without  points of its problem are left out; NULL: none are */
static void fill_fit(struct fit *fit, const struct costmodel *model,
                     const char *law, const struct entry *without)
{
    fit->rows = 0;
    memset(fit->scale, 0, sizeof fit->scale);
    for (size_t i = 0; i < model->count; i++) {
        const struct entry *entry = &model->entries[i];
        double *row = fit->x + fit->rows * COSTMODEL_FEATURES;
        if (!belongs(entry, law) || (without && same_problem(entry, without)))
            continue;
        features_of(&entry->point.workload, row);
        for (int k = 0; k < COSTMODEL_FEATURES; k++) {
            row[k] /= entry->point.ns;
            fit->scale[k] = fmax(fit->scale[k], row[k]);
        }
        fit->weight[fit->rows++] = 1;
    }
    for (size_t i = 0; i < fit->rows * COSTMODEL_FEATURES; i++) {
        double scale = fit->scale[i % COSTMODEL_FEATURES];
        fit->x[i] = scale > 0 ? fit->x[i] / scale : 0;
    }
}

static void fit_law(struct law *law, struct fit *fit, double *scratch)
{
    double c[COSTMODEL_FEATURES] = {0};
    double before = -1;
    law->points = fit->rows;
    for (int round = 0; round < ROUNDS && fit->rows; round++) {
        solve_positive(fit, c);
        reweight(fit, c, scratch);
        if (fabs(c[0] - before) < 1e-9)
            break;
        before = c[0];
    }
    for (int k = 0; k < COSTMODEL_FEATURES; k++)
        law->coefficients[k] = fit->scale[k] > 0 ? c[k] / fit->scale[k] : 0;
}

static int list_laws(struct costmodel *model, struct error *err)
{
    model->law_count = 0;
    for (size_t i = 0; i < 2 * model->count; i++) {
        const struct entry *entry = &model->entries[i / 2];
        const char *name =
            i % 2 ? family_of(&entry->point.workload) : entry->name;
        if (!name[0] || find_law(model, name))
            continue;
        if (array_reserve(&model->laws, &model->law_capacity,
                          model->law_count + 1, sizeof *model->laws) < 0)
            return error_memory(err, model->law_count * sizeof *model->laws);
        struct law *law = &model->laws[model->law_count++];
        *law = (struct law){0};
        memcpy(law->name, name, strlen(name));
    }
    return 0;
}

int costmodel_fit(struct costmodel *model, struct error *err)
{
    size_t n = model->count + 1;
    struct fit fit = {.x = array_create(n * COSTMODEL_FEATURES, sizeof *fit.x),
                      .weight = array_create(n, sizeof *fit.weight)};
    double *scratch = array_create(n, sizeof *scratch);
    int code = fit.x && fit.weight && scratch
                   ? list_laws(model, err)
                   : error_memory(err, n * sizeof *fit.x);
    for (size_t i = 0; i < model->law_count && code == 0; i++) {
        fill_fit(&fit, model, model->laws[i].name, NULL);
        fit_law(&model->laws[i], &fit, scratch);
    }
    for (size_t i = 0; i < model->count && code == 0; i++) {
        struct entry *entry = &model->entries[i];
        const struct law *law = law_of(model, &entry->point.workload);
        double ns = law_time(law, &entry->point.workload);
        entry->residual = ns > 0 ? log(entry->point.ns / ns) : 0;
    }
    free(fit.x);
    free(fit.weight);
    free(scratch);
    return code;
}

/* --- predicting --- */

/* What the nearest points say about a law: log(measured / law).
 * without  as in fill_fit; then residuals are taken anew */
static double correction(const struct costmodel *model, const struct law *law,
                         const double *place, const struct entry *without)
{
    double sum = 0, evidence = reluctance;
    for (size_t i = 0; i < model->count; i++) {
        const struct entry *entry = &model->entries[i];
        double residual = entry->residual;
        if (!belongs(entry, law->name) ||
            (without && same_problem(entry, without)))
            continue;
        double distance = nearness + distance_of(entry->place, place);
        if (without)
            residual =
                log(entry->point.ns / law_time(law, &entry->point.workload));
        double weight = 1 / (distance * distance);
        sum += weight * residual;
        evidence += weight;
    }
    return sum / evidence;
}

static bool predict(const struct costmodel *model, const struct workload *w,
                    double *ns)
{
    const struct law *law = law_of(model, w);
    double place[PLACES];
    if (!law || law->points == 0)
        return false;
    place_of(w, place);
    *ns = law_time(law, w) * exp(correction(model, law, place, NULL));
    return *ns > 0;
}

bool costmodel_predict(const struct costmodel *model,
                       const struct workload *workload, double *ns)
{
    return predict(model, workload, ns);
}

/* Whether the sparse kernels of `form` are worth looking at. */
static bool may_be_sparse(const struct workload *w, enum sparse_form form)
{
    return (w->kind == KERNEL_CONV || w->kind == KERNEL_PRODUCT) &&
           w->nonzeros * 4 <= w->weights * 3 &&
           (form == SPARSE_FORM_ANY || w->nonzeros * 5 > w->stored[form] * 3);
}

bool costmodel_best(const struct costmodel *model, struct workload *workload,
                    double *ns)
{
    struct workload best = *workload;
    if (!predict(model, workload, ns))
        return false;
    for (int i = 0; i < SPARSE_FORM_COUNT * LAYOUT_COUNT; i++) {
        struct workload way = *workload;
        double time;
        char name[WORKLOAD_NAME_BYTES];
        way.method = WORKLOAD_SPARSE;
        way.form = (enum sparse_form)(i / LAYOUT_COUNT);
        way.layout = (enum layout)(i % LAYOUT_COUNT);
        workload_class(&way, name);
        const struct law *law = find_law(model, name);
        if (!may_be_sparse(&way, way.form) || !law ||
            law->points < FEWEST_POINTS ||
            (way.layout == LAYOUT_IMAGE16 && way.n < VECTOR / 2) ||
            !predict(model, &way, &time) || time >= *ns)
            continue;
        *ns = time;
        best = way;
    }
    *workload = best;
    return true;
}

/* --- reading --- */

size_t costmodel_class_count(const struct costmodel *model)
{
    return model->law_count;
}

/* The error of a point when its problem is left out; NAN when nothing else is
 * known. */
static double held_out(const struct costmodel *model, const char *name,
                       const struct entry *entry, struct fit *fit,
                       double *scratch)
{
    struct law law = {0};
    const struct timed_workload *point = &entry->point;
    memcpy(law.name, name, sizeof law.name);
    fill_fit(fit, model, name, entry);
    fit_law(&law, fit, scratch);
    double ns = law_time(&law, &point->workload);
    ns *= exp(correction(model, &law, entry->place, entry));
    return law.points > 1 ? fabs(ns / point->ns - 1) : NAN;
}

static double median_error(const struct costmodel *model, const char *name)
{
    size_t n = model->count + 1, count = 0;
    struct fit fit = {.x = array_create(n * COSTMODEL_FEATURES, sizeof *fit.x),
                      .weight = array_create(n, sizeof *fit.weight)};
    double *scratch = array_create(n, sizeof *scratch);
    double *errors = array_create(n, sizeof *errors), error = NAN;
    for (size_t i = 0;
         i < model->count && fit.x && fit.weight && scratch && errors; i++) {
        if (!belongs(&model->entries[i], name))
            continue;
        double e = held_out(model, name, &model->entries[i], &fit, scratch);
        if (isfinite(e))
            errors[count++] = e;
    }
    if (count > 1)
        error = stats_summarise(errors, count).median;
    free(fit.x);
    free(fit.weight);
    free(scratch);
    free(errors);
    return error;
}

struct costmodel_class costmodel_class_at(const struct costmodel *model,
                                          size_t index)
{
    const struct law *law = &model->laws[index];
    struct costmodel_class out = {.points = law->points,
                                  .error = median_error(model, law->name)};
    memcpy(out.name, law->name, sizeof out.name);
    memcpy(out.ns, law->coefficients, sizeof out.ns);
    return out;
}
