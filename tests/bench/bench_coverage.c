/*
 * Do the live intervals hold? Random edits are run in full once, their margins
 * kept, then the estimator is replayed on each with a random order of samples.
 * Per band of the true drop (points): how often the 95 % interval holds the
 * value of all samples at a random look, and at every look of a doubling
 * sequence together (peeking); the median half width; the median number of
 * samples to half a point (drops under 1 point) or to a tenth of the drop,
 * beside what counting the variant's answers alone would need at one look.
 *
 * usage: bench_coverage [MODEL [EDITS [FILE [DATA]]]]
 * FILE keeps the margins: what is there already is not run again.
 */
#include "base/array.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "eval/live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

enum { BATCH = 16, EDITS = 100, SEED = 1234, CUTS = 5, FIELDS = 3 };

static const double cuts[CUTS] = {0.3, 1, 3, 10, 1e9};
/* Bands, then sums of bands. */
enum { BELOW_ONE = CUTS, FROM_ONE, BANDS };
static const char *const names[BANDS] = {"0-0.3",  "0.3-1", "1-3",  "3-10",
                                         "10-100", "0-1",   "1-100"};
static const int64_t looks[] = {32,  64,   96,   128,  192,  256,  384, 512,
                                768, 1024, 1536, 2048, 3072, 4096, 6144};
enum { LOOKS = sizeof looks / sizeof *looks, WIDE = 5 /* the look at 256 */ };

struct bench {
    const char *model;
    struct session *session;
    struct engine *engine;
    int64_t samples;
    struct outcome *dense, *variant;
    int64_t *labels;
    float *buffer; /* samples x FIELDS */
    FILE *file;
};

static void fail(const struct error *err)
{
    fprintf(stderr, "bench_coverage: %s\n", err->message);
    exit(1);
}

static void open_bench(struct bench *bench, const char *data)
{
    struct error err = {0};
    struct session_options session = {
        .model_path = bench->model,
        .data_path = data,
        .transform = {
            .scale = 255, .channels = 1, .mean = {0.286}, .std = {0.353}}};
    struct engine_options engine = {.memory_bytes = 512 << 20};
    if (session_open(&bench->session, &session, &err) < 0 ||
        engine_create(&bench->engine, bench->session, &engine, &err) < 0)
        fail(&err);
    engine_wait(bench->engine, -1);
    const struct dataset *set = session_dataset(bench->session);
    size_t n = (size_t)dataset_count(set);
    bench->samples = (int64_t)n;
    bench->dense = array_create(n, sizeof *bench->dense);
    bench->variant = array_create(n, sizeof *bench->variant);
    bench->labels = array_create(n, sizeof *bench->labels);
    bench->buffer = array_create(n * FIELDS, sizeof *bench->buffer);
    if (engine_outcomes(bench->engine, session_variant(bench->session, 0)->hash,
                        bench->dense, bench->samples, &err) < 0)
        fail(&err);
    for (size_t i = 0; i < n; i++)
        bench->labels[i] = dataset_label(set, (int64_t)i);
}

/* Half of the edits change one layer, the others some; 5 to 97 %. */
static void random_edit(struct bench *bench, struct rng *rng)
{
    size_t layers = session_layers(bench->session)->count;
    size_t many = rng_below(rng, 2) ? 1 : 2 + rng_below(rng, layers - 1);
    struct command_result result = {0};
    struct error err = {0};
    char line[64];
    if (session_execute(bench->session, "reset *", &result, &err) < 0)
        fail(&err);
    command_result_release(&result);
    for (size_t i = 0; i < many; i++) {
        snprintf(line, sizeof line, "set @%zu %d%%",
                 1 + (size_t)rng_below(rng, layers),
                 5 + (int)rng_below(rng, 93));
        if (session_execute(bench->session, line, &result, &err) < 0)
            fail(&err);
        command_result_release(&result);
    }
}

/* Runs what the session has; false when its answers are not kept. */
static bool run_edit(struct bench *bench)
{
    struct error err = {0};
    const struct variant *variant = session_current(bench->session);
    engine_show(bench->engine, variant, -1);
    engine_wait(bench->engine, -1);
    if (engine_outcomes(bench->engine, variant->hash, bench->variant,
                        bench->samples, &err) < 0)
        return false;
    float *out = bench->buffer;
    for (int64_t i = 0; i < bench->samples; i++, out += FIELDS) {
        out[0] = bench->variant[i].margin;
        out[1] = bench->variant[i].margin5;
        out[2] = bench->variant[i].loss;
    }
    size_t count = (size_t)bench->samples * FIELDS;
    return fwrite(bench->buffer, sizeof(float), count, bench->file) == count &&
           fflush(bench->file) == 0;
}

/* The next edit's answers from the file. */
static bool read_edit(struct bench *bench)
{
    size_t count = (size_t)bench->samples * FIELDS;
    if (fread(bench->buffer, sizeof(float), count, bench->file) != count)
        return false;
    const float *in = bench->buffer;
    for (int64_t i = 0; i < bench->samples; i++, in += FIELDS)
        bench->variant[i] = (struct outcome){
            .margin = in[0],
            .margin5 = in[1],
            .loss = in[2],
            .correct = in[0] > 0,
            .top5 = in[1] > 0,
        };
    return true;
}

/* What is estimated, its value on all samples. */
enum figure { ACCURACY, TOP5, LOSS, FIGURES };
static const char *const figure_names[FIGURES] = {"top1", "top5", "loss"};

struct band {
    size_t count, at_random, at_all;
    double *half, *samples; /* points at 256 samples; samples to the target */
    double *unpaired;       /* samples to the target, unpaired */
};

struct table {
    struct band bands[FIGURES][BANDS];
};

static void true_values(const struct bench *bench, double *values)
{
    double n = (double)bench->samples;
    for (int f = 0; f < FIGURES; f++)
        values[f] = 0;
    for (int64_t i = 0; i < bench->samples; i++) {
        values[ACCURACY] += bench->variant[i].correct / n;
        values[TOP5] += bench->variant[i].top5 / n;
        values[LOSS] += (double)bench->variant[i].loss / n;
    }
}

static size_t band_of(double drop)
{
    size_t b = 0;
    while (100 * fabs(drop) >= cuts[b])
        b++;
    return b;
}

struct replayed {
    bool at_random, at_all;
    double half, samples, unpaired;
};

static void band_add(struct band *band, const struct replayed *r)
{
    band->half[band->count] = r->half;
    band->samples[band->count] = r->samples;
    band->unpaired[band->count++] = r->unpaired;
    band->at_random += r->at_random;
    band->at_all += r->at_all;
}

/* Half a point, or a tenth of larger drops. */
static double target_of(double drop)
{
    return 100 * fabs(drop) < 1 ? 0.005 : fabs(drop) / 10;
}

static const struct estimate *figure_of(const struct live_figures *figures,
                                        int figure)
{
    return figure == ACCURACY ? &figures->accuracy
           : figure == TOP5   ? &figures->top5
                              : &figures->loss;
}

static void replay(const struct bench *bench, struct table *table,
                   struct rng *rng)
{
    struct error err = {0};
    struct strata *strata;
    struct live *live;
    double values[FIGURES];
    if (strata_create(&strata, bench->dense, bench->labels, bench->samples,
                      BATCH, rng_next(rng), &err) < 0 ||
        live_create(&live, strata, &err) < 0)
        fail(&err);
    true_values(bench, values);
    double base = (double)strata->right_count / (double)bench->samples;
    double target = target_of(values[ACCURACY] - base);
    size_t chosen = rng_below(rng, LOOKS);
    struct replayed r[FIGURES];
    for (int f = 0; f < FIGURES; f++)
        r[f] = (struct replayed){
            .at_all = true,
            .samples = (double)bench->samples,
            .unpaired = 1.96 * 1.96 * values[ACCURACY] *
                        (1 - values[ACCURACY]) / (target * target),
        };
    for (size_t k = 0; k < LOOKS; k++) {
        int64_t b = 0;
        while (live_samples(live) < looks[k] && (b = live_next(live)) >= 0)
            live_add(live, b, bench->variant);
        struct live_figures figures;
        live_estimate(live, &figures);
        for (int f = 0; f < FIGURES; f++) {
            const struct estimate *e = figure_of(&figures, f);
            bool holds = e->low <= values[f] && values[f] <= e->high;
            r[f].at_all = r[f].at_all && holds;
            if (k == chosen)
                r[f].at_random = holds;
            if (k == WIDE)
                r[f].half = 50 * (e->high - e->low);
            if (f == ACCURACY && e->high - e->low <= 2 * target &&
                (double)looks[k] < r[f].samples)
                r[f].samples = (double)looks[k];
        }
    }
    size_t b = band_of(values[ACCURACY] - base);
    for (int f = 0; f < FIGURES; f++) {
        r[f].samples = r[ACCURACY].samples;
        band_add(&table->bands[f][b], &r[f]);
        band_add(&table->bands[f][cuts[b] <= 1 ? BELOW_ONE : FROM_ONE], &r[f]);
    }
    live_destroy(live);
    strata_destroy(strata);
}

static double median(double *values, size_t count)
{
    gsl_sort(values, 1, count);
    return gsl_stats_median_from_sorted_data(values, 1, count);
}

static void print_table(const struct bench *bench, struct table *table)
{
    printf("bench,model,figure,drop_points,edits,held_at_random_look,"
           "held_at_all_looks,half_width_at_256,samples_to_target,"
           "unpaired\n");
    for (int f = 0; f < FIGURES; f++) {
        for (size_t b = 0; b < BANDS; b++) {
            struct band *band = &table->bands[f][b];
            if (!band->count)
                continue;
            double n = (double)band->count;
            printf("coverage,%s,%s,%s,%zu,%.4f,%.4f,%.3f,%.0f,%.0f\n",
                   bench->model, figure_names[f], names[b], band->count,
                   (double)band->at_random / n, (double)band->at_all / n,
                   median(band->half, band->count),
                   median(band->samples, band->count),
                   median(band->unpaired, band->count));
        }
    }
}

static void open_margins(struct bench *bench, const char *path)
{
    bench->file = path ? fopen(path, "a+b") : tmpfile();
    if (!bench->file) {
        fprintf(stderr, "bench_coverage: cannot keep margins\n");
        exit(1);
    }
    rewind(bench->file);
}

/* What was being written when a run was ended is half an edit. */
static void drop_rest(struct bench *bench, size_t known)
{
    size_t bytes = known * (size_t)bench->samples * FIELDS * sizeof(float);
    fseek(bench->file, (long)bytes, SEEK_SET);
    if (ftruncate(fileno(bench->file), (off_t)bytes) < 0) {
        fprintf(stderr, "bench_coverage: cannot keep margins\n");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.model = argc > 1 ? argv[1] : "data/mlp.onnx"};
    size_t wanted = argc > 2 ? (size_t)atoi(argv[2]) : EDITS, known = 0;
    struct table table = {0};
    struct rng edits, orders;
    open_bench(&bench,
               argc > 4 ? argv[4] : "/usr/share/datasets/fashion-mnist");
    open_margins(&bench, argc > 3 ? argv[3] : NULL);
    for (int f = 0; f < FIGURES; f++)
        for (size_t b = 0; b < BANDS; b++) {
            struct band *band = &table.bands[f][b];
            band->half = array_create(wanted, sizeof *band->half);
            band->samples = array_create(wanted, sizeof *band->samples);
            band->unpaired = array_create(wanted, sizeof *band->unpaired);
        }
    while (known < wanted && read_edit(&bench))
        known++;
    if (known < wanted)
        drop_rest(&bench, known);
    rng_init(&edits, SEED + known);
    /* An edit may come twice, its answers be gone: another one then. */
    for (size_t tries = 0; known < wanted && tries < 4 * wanted; tries++) {
        random_edit(&bench, &edits);
        known += run_edit(&bench);
    }
    rewind(bench.file);
    rng_init(&orders, SEED);
    for (size_t i = 0; i < wanted && read_edit(&bench); i++)
        replay(&bench, &table, &orders);
    print_table(&bench, &table);
    for (int f = 0; f < FIGURES; f++)
        for (size_t b = 0; b < BANDS; b++) {
            free(table.bands[f][b].half);
            free(table.bands[f][b].samples);
            free(table.bands[f][b].unpaired);
        }
    free(bench.dense);
    free(bench.variant);
    free(bench.labels);
    free(bench.buffer);
    fclose(bench.file);
    engine_destroy(bench.engine);
    session_close(bench.session);
    return 0;
}
