#include "engine/tune_checkpoint.h"

#include "base/array.h"
#include "base/strbuf.h"
#include "session/decision_lines.h"
#include "session/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Doubles of a row of the history. */
enum { ROW_NUMBERS = sizeof(struct tune_row) / sizeof(double) };

enum { HASH_BYTES = 17 };

static void write_hash(char text[HASH_BYTES], uint64_t hash)
{
    snprintf(text, HASH_BYTES, "%016" PRIx64, hash);
}

/* --- writing --- */

struct writer {
    struct npz npz;
    size_t capacity;
};

static int add_text(struct writer *w, const char *name, const char *text,
                    struct error *err)
{
    return npz_add(&w->npz, &w->capacity, name, DTYPE_UINT8, strlen(text), text,
                   err);
}

static int add_masks(struct writer *w, const struct tune_masks *masks,
                     struct error *err)
{
    struct strbuf text = {0};
    decision_lines_add(&text, masks->decisions, masks->layers->count);
    int code = text.failed ? error_memory(err, text.length)
                           : add_text(w, "decisions", strbuf_text(&text), err);
    strbuf_release(&text);
    for (size_t i = 0; code == 0 && i < masks->set.count; i++) {
        const struct bitmask *mask = &masks->set.masks[i];
        char name[40];
        if (!mask->words)
            continue;
        unsigned char *kept = array_create(mask->bits + 1, 1);
        if (!kept)
            return error_memory(err, mask->bits);
        for (size_t j = 0; j < mask->bits; j++)
            kept[j] = bitmask_get(mask, j);
        snprintf(name, sizeof name, "mask:%zu", i + 1);
        code = npz_add(&w->npz, &w->capacity, name, DTYPE_BOOL, mask->bits,
                       kept, err);
        free(kept);
    }
    return code;
}

static int add_progress(struct writer *w, const struct tune_progress *progress,
                        struct error *err)
{
    const double best[] = {progress->best_epoch, progress->best_value,
                           (double)progress->noted};
    const struct tune_history *h = progress->history;
    if (npz_add(&w->npz, &w->capacity, "best", DTYPE_FLOAT64,
                ARRAY_LENGTH(best), best, err) < 0)
        return -1;
    return npz_add(&w->npz, &w->capacity, "history", DTYPE_FLOAT64,
                   h->count * ROW_NUMBERS, h->rows, err);
}

int tune_checkpoint_copy(const struct tune_checkpoint *checkpoint,
                         struct npz *npz, struct error *err)
{
    struct writer w = {0};
    char model[HASH_BYTES], hash[40];
    write_hash(model, session_model_hash(checkpoint->session));
    snprintf(hash, sizeof hash, "%016" PRIx64 " %d", checkpoint->variant->hash,
             checkpoint->variant->id);
    int code = add_text(&w, "line", checkpoint->line, err);
    if (code == 0)
        code = add_text(&w, "model", model, err);
    if (code == 0)
        code = add_text(&w, "variant", hash, err);
    if (code == 0)
        code = tune_save(checkpoint->tune, &w.npz, &w.capacity, err);
    if (code == 0)
        code = add_progress(&w, checkpoint->progress, err);
    if (code == 0 && checkpoint->prunes)
        code = add_masks(&w, checkpoint->masks, err);
    if (code < 0)
        npz_release(&w.npz);
    *npz = w.npz;
    return code;
}

/* --- reading --- */

static const struct tensor *find(const struct npz *npz, const char *name,
                                 enum dtype dtype, struct error *err)
{
    const struct tensor *tensor = npz_find(npz, name);
    if (tensor && tensor->dtype == dtype)
        return tensor;
    error_set(err, ERROR_FORMAT, "found no array '%s' of a tune", name);
    return NULL;
}

static char *read_text(const struct npz *npz, const char *name,
                       struct error *err)
{
    const struct tensor *tensor = find(npz, name, DTYPE_UINT8, err);
    if (!tensor)
        return NULL;
    size_t bytes = (size_t)tensor_elements(tensor);
    char *text = bytes ? strndup(tensor->data, bytes) : strdup("");
    if (!text)
        error_memory(err, bytes);
    return text;
}

/* "HASH NUMBER" */
static int number_of(const char *text)
{
    size_t hash = strcspn(text, " ");
    return text[hash] ? (int)strtol(text + hash, NULL, 10) : -1;
}

int tune_kept_read(struct tune_kept *kept, const char *path, struct error *err)
{
    static const char *const names[] = {"line", "variant", NULL};
    struct npz npz;
    *kept = (struct tune_kept){.variant = -1};
    if (npz_read_only(&npz, path, names, err) < 0)
        return -1;
    char *variant = read_text(&npz, "variant", err);
    kept->line = variant ? read_text(&npz, "line", err) : NULL;
    if (variant)
        kept->variant = number_of(variant);
    free(variant);
    npz_release(&npz);
    return kept->line ? 0 : error_prefix(err, "%s", path);
}

void tune_kept_release(struct tune_kept *kept)
{
    free(kept->line);
    *kept = (struct tune_kept){.variant = -1};
}

/* Of which model, nothing else in it says. */
static int check_model(const struct npz *npz, const struct session *session,
                       struct error *err)
{
    char found[HASH_BYTES];
    const char *path = session_options(session)->model_path;
    write_hash(found, session_model_hash(session));
    if (!npz_find(npz, "model"))
        return error_set(err, ERROR_MISMATCH,
                         "does not say of which model it was kept (an older "
                         "release wrote it); expected '%s', content %s",
                         path, found);
    char *kept = read_text(npz, "model", err);
    if (!kept)
        return -1;
    int code = strcmp(kept, found) == 0
                   ? 0
                   : error_set(err, ERROR_MISMATCH,
                               "was kept of another model: found '%s', "
                               "content %s, expected content %s",
                               path, found, kept);
    free(kept);
    return code;
}

static int check_variant(const struct npz *npz, const struct variant *variant,
                         struct error *err)
{
    char expected[HASH_BYTES];
    char *hash = read_text(npz, "variant", err);
    if (!hash)
        return -1;
    write_hash(expected, variant->hash);
    bool same = !strncmp(hash, expected, 16);
    int kept = number_of(hash);
    if (!same && kept == variant->id)
        error_set(err, ERROR_MISMATCH,
                  "was kept of other decisions than these");
    else if (!same)
        error_set(err, ERROR_MISMATCH,
                  "was kept of another variant, #%d; found #%d: 'goto' that "
                  "one first",
                  kept, variant->id);
    free(hash);
    return same ? 0 : -1;
}

int tune_checkpoint_line(char **line, const struct npz *npz,
                         const struct session *session,
                         const struct variant *variant, struct error *err)
{
    *line = NULL;
    if (check_model(npz, session, err) < 0 ||
        check_variant(npz, variant, err) < 0)
        return -1;
    *line = read_text(npz, "line", err);
    return *line ? 0 : -1;
}

static int read_mask(struct bitmask *mask, const struct npz *npz, size_t row,
                     const struct layer *layer, struct error *err)
{
    char name[40];
    snprintf(name, sizeof name, "mask:%zu", row + 1);
    const struct tensor *tensor = npz_find(npz, name);
    bitmask_release(mask);
    if (!tensor)
        return 0;
    if (tensor->dtype != DTYPE_BOOL ||
        tensor_elements(tensor) != layer->weights)
        return error_set(err, ERROR_FORMAT,
                         "layer '%s': found a mask of %lld weights, expected "
                         "%lld",
                         layer->name, (long long)tensor_elements(tensor),
                         (long long)layer->weights);
    size_t bits = (size_t)layer->weights;
    if (bitmask_init(mask, bits, true) < 0)
        return error_memory(err, bits / 8);
    const unsigned char *kept = tensor->data;
    for (size_t i = 0; i < bits; i++)
        if (!kept[i])
            bitmask_set(mask, i, false);
    return 0;
}

static int read_masks(struct tune_masks *masks, const struct npz *npz,
                      struct error *err)
{
    char *text = read_text(npz, "decisions", err);
    if (!text)
        return -1;
    int code = decision_lines_read(masks->decisions, text, masks->layers, err);
    free(text);
    for (size_t i = 0; code == 0 && i < masks->set.count; i++) {
        const struct layer *layer = &masks->layers->layers[i];
        struct bitmask *mask = &masks->set.masks[i];
        code = read_mask(mask, npz, i, layer, err);
        masks->set.removed[i] =
            mask->words ? layer->weights - (int64_t)bitmask_count(mask) : 0;
    }
    return code;
}

static int read_progress(struct tune_progress *progress, const struct npz *npz,
                         struct error *err)
{
    const struct tensor *best = find(npz, "best", DTYPE_FLOAT64, err);
    const struct tensor *rows =
        best ? find(npz, "history", DTYPE_FLOAT64, err) : NULL;
    if (!rows)
        return -1;
    int64_t count = tensor_elements(rows);
    if (tensor_elements(best) != 3 || count % ROW_NUMBERS || !count ||
        count / ROW_NUMBERS > TUNE_HISTORY)
        return error_set(err, ERROR_FORMAT, "found figures of another tune");
    const double *numbers = best->data;
    progress->best_epoch = numbers[0];
    progress->best_value = numbers[1];
    progress->noted = (int64_t)numbers[2];
    progress->history->count = (size_t)(count / ROW_NUMBERS);
    memcpy(progress->history->rows, rows->data, tensor_bytes(rows));
    return 0;
}

int tune_checkpoint_read(const struct tune_checkpoint *checkpoint,
                         const struct npz *npz, struct error *err)
{
    if (tune_load(checkpoint->tune, npz, err) < 0 ||
        read_progress(checkpoint->progress, npz, err) < 0)
        return -1;
    return checkpoint->prunes ? read_masks(checkpoint->masks, npz, err) : 0;
}
