#include "engine/tune_order.h"

#include "base/array.h"
#include "base/strbuf.h"
#include "session/amount.h"
#include "session/session.h"
#include "session/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int read_number(const char *word, double *number)
{
    char *end;
    *number = strtod(word, &end);
    return end != word && *end == '\0' && isfinite(*number) ? 0 : -1;
}

/* A word with a number behind it; integers where `whole`. */
struct setting {
    const char *word;
    double *number;
    int *whole;
};

static int read_setting(struct tune_order *order, const char *word,
                        const char *value, struct error *err)
{
    struct tune_options *o = &order->options;
    int batch = (int)o->batch, seed = (int)o->seed;
    const struct setting settings[] = {
        {"lr", &o->rate.peak, NULL},
        {"warmup", &o->rate.warmup, NULL},
        {"momentum", &o->optimiser.momentum, NULL},
        {"decay", &o->optimiser.decay, NULL},
        {"smooth", &o->loss.smoothing, NULL},
        {"distill", &o->loss.distill, NULL},
        {"temperature", &o->loss.temperature, NULL},
        {"noise", &o->augment.noise, NULL},
        {"batch", NULL, &batch},
        {"accumulate", NULL, &o->accumulate},
        {"shift", NULL, &o->augment.shift},
        {"cutout", NULL, &o->augment.cutout},
        {"more", NULL, &o->more},
        {"stop", &order->stop, NULL},
        {"seed", NULL, &seed},
    };
    double number;
    for (size_t i = 0; i < ARRAY_LENGTH(settings); i++) {
        const struct setting *s = &settings[i];
        if (strcmp(s->word, word) != 0)
            continue;
        if (!value || read_number(value, &number) < 0 || number < 0 ||
            (s->whole && (number != floor(number) || number > 1e6)))
            return error_set(err, ERROR_USAGE,
                             "'%s' wants a number, found '%s'", word,
                             value ? value : "nothing");
        if (s->whole)
            *s->whole = (int)number;
        else
            *s->number = number;
        o->batch = batch;
        o->seed = (uint64_t)seed;
        return 2;
    }
    return 0;
}

static int read_plain(struct tune_order *order, const char *word,
                      struct error *err)
{
    struct tune_options *o = &order->options;
    enum rate_kind rate;
    enum course_kind course;
    if (strcmp(word, "sgd") == 0 || strcmp(word, "adamw") == 0) {
        bool adapts = *word == 'a';
        o->optimiser =
            optimiser_defaults(adapts ? OPTIMISER_ADAMW : OPTIMISER_SGD);
        if (adapts && o->rate.peak == tune_defaults().rate.peak)
            o->rate.peak = 1e-3;
    } else if (strcmp(word, "noflip") == 0) {
        o->augment.flip = false;
    } else if (strcmp(word, "frozen") == 0) {
        o->frozen_statistics = true;
    } else if (strcmp(word, "rewind") == 0) {
        order->rewinds = true;
    } else if (strcmp(word, "best") == 0) {
        order->best = true;
    } else if (strcmp(word, "resume") == 0) {
        order->resumes = true;
    } else if (rate_find(&rate, word, NULL) == 0) {
        o->rate.kind = rate;
    } else if (course_find(&course, word, NULL) == 0) {
        order->course = course;
    } else if (criterion_find(word) &&
               criterion_find(word)->part == CALIBRATION_NONE &&
               criterion_find(word)->score) {
        order->criterion = criterion_find(word);
    } else {
        return error_set(err, ERROR_USAGE, "'%s' is not understood", word);
    }
    return 1;
}

/* How many words were read from words[0 … count-1]; -1. */
static int read_words(struct tune_order *order, size_t count,
                      const char *const *words, struct error *err)
{
    struct amount amount;
    double number;
    const char *next = count > 1 ? words[1] : NULL;
    if (next && strncmp(next, "epoch", 5) == 0 &&
        read_number(words[0], &number) == 0) {
        order->options.epochs = number;
        return 2;
    }
    if (strcmp(words[0], "to") == 0) {
        if (!next || amount_parse(&amount, next, err) < 0)
            return error_set(err, ERROR_USAGE, "'to' wants an amount, as 90%%");
        if (!amount.percent || amount.relative || amount.share <= 0 ||
            amount.share >= 1)
            return error_set(err, ERROR_USAGE,
                             "the target is '%s', expected a share below 100%%",
                             next);
        order->gradual = true;
        order->target = amount.share;
        return 2;
    }
    if (strcmp(words[0], "distill") == 0 &&
        (!next || read_number(next, &number) < 0)) {
        order->options.loss.distill = 0.5;
        return 1;
    }
    int read = read_setting(order, words[0], next, err);
    return read ? read : read_plain(order, words[0], err);
}

int tune_order_parse(void **options, const struct session *session,
                     size_t count, const char *const *words, struct error *err)
{
    struct tune_order *order = calloc(1, sizeof *order);
    if (!order)
        return error_memory(err, sizeof *order);
    order->options = tune_defaults();
    order->options.seed = session_options(session)->seed;
    order->criterion = criterion_find("lamp");
    for (size_t i = 0; i < count;) {
        int read = read_words(order, count - i, words + i, err);
        if (read < 0) {
            free(order);
            return -1;
        }
        i += (size_t)read;
    }
    if (order->resumes && count > 1) {
        free(order);
        return error_set(err, ERROR_USAGE, "'resume' stands alone");
    }
    *options = order;
    return 0;
}

char *tune_order_line(const char *line, int more, double stop)
{
    struct words words;
    struct strbuf text = {0};
    if (words_parse(&words, line, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < words.count && words.items[i]; i++) {
        if (!strcmp(words.items[i], "more") || !strcmp(words.items[i], "stop"))
            i++; /* and its number */
        else
            words_add(&text, words.items[i]);
    }
    if (more)
        strbuf_addf(&text, " more %d", more);
    if (stop > 0)
        strbuf_addf(&text, " stop %.9g", stop);
    words_release(&words);
    char *taken = strbuf_take(&text);
    strbuf_release(&text);
    return taken;
}
