/*
 * CIFAR-10 and CIFAR-100 in their binary version: records of a label (of two,
 * coarse and fine, in CIFAR-100: the fine one counts) and 32x32 pixels in
 * planes of red, green and blue.
 * Source: cs.toronto.edu/~kriz/cifar.html, "Binary version".
 */
#include "dataset/folder.h"
#include "dataset/format.h"

#include "base/array.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, CHANNELS = 3, PIXELS = CHANNELS * SIDE * SIDE };

/* Files of a folder; `wide`: two label bytes. */
static const struct part {
    const char *name, *split;
    bool wide;
} parts[] = {
    {"test_batch.bin", "test", false},    {"data_batch_1.bin", "train", false},
    {"data_batch_2.bin", "train", false}, {"data_batch_3.bin", "train", false},
    {"data_batch_4.bin", "train", false}, {"data_batch_5.bin", "train", false},
    {"test.bin", "test", true},           {"train.bin", "train", true},
};

static int64_t record_bytes(bool wide)
{
    return PIXELS + (wide ? 2 : 1);
}

static const struct part *part_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        if (!strcmp(parts[i].name, name))
            return &parts[i];
    return NULL;
}

static char *part_path(const char *folder, const struct part *part)
{
    char *path = path_join(folder, part->name);
    if (path && !file_exists(path)) {
        free(path);
        path = NULL;
    }
    return path;
}

static bool recognises(const struct dataset_probe *probe)
{
    if (!probe->folder)
        return part_named(path_name(probe->path)) != NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        char *path = part_path(probe->path, &parts[i]);
        free(path);
        if (path)
            return true;
    }
    return false;
}

/* The split to read from a folder; NULL: what was asked for is not there. */
static const char *choose_split(const char *folder, const char *wanted,
                                bool *wide)
{
    const char *found = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        char *path = part_path(folder, &parts[i]);
        free(path);
        if (!path || (wanted && strcmp(wanted, parts[i].split)))
            continue;
        if (!found || !strcmp(parts[i].split, "test")) {
            found = parts[i].split;
            *wide = parts[i].wide;
        }
    }
    return found;
}

struct reading {
    struct dataset *dataset;
    int64_t capacity; /* samples that have room */
    bool wide;
};

static int count_records(int64_t *count, const char *path, bool wide,
                         struct error *err)
{
    int64_t bytes = file_size(path), record = record_bytes(wide);
    if (bytes <= 0 || bytes % record)
        return error_set(err, ERROR_FORMAT,
                         "%s: %" PRId64 " bytes, expected records of %" PRId64
                         " bytes (%s)",
                         path, bytes, record, wide ? "CIFAR-100" : "CIFAR-10");
    *count = bytes / record;
    return 0;
}

static int read_file(struct reading *r, const char *path, struct error *err)
{
    struct file_map map;
    struct dataset *d = r->dataset;
    int64_t count;
    if (count_records(&count, path, r->wide, err) < 0)
        return -1;
    if (file_map_open(&map, path, err) < 0)
        return error_prefix(err, "%s", path);
    const unsigned char *from = map.data;
    unsigned char *to = d->inputs[0].tensor.data;
    int64_t record = record_bytes(r->wide), classes = r->wide ? 100 : 10;
    int result = 0;
    for (int64_t i = 0; i < count && d->count < r->capacity; i++) {
        const unsigned char *at = from + i * record;
        int64_t label = at[r->wide];
        if (label >= classes) {
            result = error_set(err, ERROR_RANGE,
                               "%s: record %" PRId64 ": label %" PRId64
                               ", expected less than %" PRId64,
                               path, i, label, classes);
            break;
        }
        d->labels[d->count] = label;
        memcpy(to + d->count++ * PIXELS, at + record - PIXELS, PIXELS);
    }
    d->classes = classes;
    file_map_close(&map);
    return result;
}

/* The files of a split, in order: counted, or read into what has room. */
static int each_file(struct reading *r, int64_t *total, const char *folder,
                     struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(parts) && !result; i++) {
        int64_t count = 0;
        if (parts[i].wide != r->wide ||
            strcmp(parts[i].split, r->dataset->split))
            continue;
        char *path = part_path(folder, &parts[i]);
        if (!path)
            continue;
        result = total ? count_records(&count, path, r->wide, err)
                       : read_file(r, path, err);
        if (total)
            *total += count;
        free(path);
    }
    return result;
}

static int make_room(struct reading *r, int64_t total, int64_t limit,
                     struct error *err)
{
    struct dataset *d = r->dataset;
    r->capacity = limit > 0 && limit < total ? limit : total;
    struct shape shape = {4, {r->capacity, CHANNELS, SIDE, SIDE}};
    if (dataset_add_inputs(d, 1, err) < 0)
        return -1;
    d->labels = array_create((size_t)r->capacity, sizeof *d->labels);
    if (!d->labels)
        return error_memory(err, (size_t)r->capacity * sizeof *d->labels);
    if (tensor_init(&d->inputs[0].tensor, DTYPE_UINT8, &shape, err) < 0)
        return -1;
    d->inputs[0].sample = (struct shape){3, {CHANNELS, SIDE, SIDE}};
    d->inputs[0].image = true;
    return 0;
}

static int open_file(struct reading *r, const char *path,
                     const struct dataset_options *options, struct error *err)
{
    const struct part *part = part_named(path_name(path));
    int64_t total;
    r->wide = part->wide;
    r->dataset->split = part->split;
    if (options->split && strcmp(options->split, part->split))
        return error_set(err, ERROR_NAME,
                         "%s: split '%s' was asked for, this file is %s; name "
                         "its folder",
                         path, options->split, part->split);
    if (count_records(&total, path, r->wide, err) < 0 ||
        make_room(r, total, options->limit, err) < 0)
        return -1;
    return read_file(r, path, err);
}

static int open_cifar(struct dataset *dataset, const char *path,
                      const struct dataset_options *options, struct error *err)
{
    struct reading r = {.dataset = dataset};
    if (!file_is_folder(path))
        return open_file(&r, path, options, err);
    const char *split = choose_split(path, options->split, &r.wide);
    int64_t total = 0;
    if (!split)
        return error_set(err, ERROR_NAME, "%s: no '%s' split of CIFAR", path,
                         options->split);
    dataset->split = split;
    if (each_file(&r, &total, path, err) < 0 ||
        make_room(&r, total, options->limit, err) < 0)
        return -1;
    return each_file(&r, NULL, path, err);
}

const struct dataset_format dataset_format_cifar = {
    .name = "cifar", .recognises = recognises, .open = open_cifar};
