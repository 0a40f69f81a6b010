/*
 * IDX, the format of MNIST and its relatives: two zero bytes, an element
 * type, a rank, big-endian dimensions, row-major data; often gzipped. Images
 * and labels lie in two files whose names differ in "images" and "labels".
 * Source: yann.lecun.com/exdb/mnist, "the IDX file format".
 */
#include "dataset/format.h"
#include "dataset/inflate.h"

#include "base/array.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDX_UINT8 = 0x08, IDX_MAX_RANK = 4 };

/* Part of a file name to split. */
static const struct {
    const char *part, *split;
} splits[] = {{"train", "train"}, {"t10k", "test"}, {"test", "test"}};

/* Bytes from either kind of file. */
struct source {
    bool packed;
    struct inflater inflater;
    const unsigned char *bytes;
    size_t left;
};

static int source_open(struct source *source, const unsigned char *bytes,
                       size_t count, struct error *err)
{
    *source = (struct source){.bytes = bytes, .left = count};
    source->packed = count >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
    if (!count)
        return error_set(err, ERROR_FORMAT, "the file is empty");
    return source->packed ? inflater_init(&source->inflater, INFLATE_GZIP,
                                          bytes, count, err)
                          : 0;
}

static void source_close(struct source *source)
{
    if (source->packed)
        inflater_release(&source->inflater);
}

static int source_take(struct source *source, void *out, size_t count,
                       struct error *err)
{
    if (source->packed)
        return inflater_take(&source->inflater, out, count, err);
    if (source->left < count)
        return error_set(err, ERROR_FORMAT,
                         "truncated: %zu more bytes expected",
                         count - source->left);
    memcpy(out, source->bytes, count);
    source->bytes += count;
    source->left -= count;
    return 0;
}

static int source_finish(struct source *source, struct error *err)
{
    if (source->packed)
        return inflater_finish(&source->inflater, err);
    if (source->left)
        return error_set(err, ERROR_FORMAT,
                         "%zu bytes more than the header says", source->left);
    return 0;
}

static int take_shape(struct source *source, struct shape *shape,
                      struct error *err)
{
    unsigned char head[4], size[4];
    if (source_take(source, head, sizeof head, err) < 0)
        return -1;
    if (head[0] || head[1] || head[3] < 1 || head[3] > IDX_MAX_RANK)
        return error_set(err, ERROR_FORMAT,
                         "wrong magic %02x%02x%02x%02x, expected an IDX file "
                         "(000008 and a rank of 1 to 4)",
                         head[0], head[1], head[2], head[3]);
    if (head[2] != IDX_UINT8)
        return error_set(err, ERROR_UNSUPPORTED,
                         "IDX element type 0x%02x, expected 0x08 (bytes)",
                         head[2]);
    shape->rank = head[3];
    for (int i = 0; i < shape->rank; i++) {
        if (source_take(source, size, sizeof size, err) < 0)
            return -1;
        shape->dims[i] = (int64_t)size[0] << 24 | (int64_t)size[1] << 16 |
                         (int64_t)size[2] << 8 | size[3];
    }
    return 0;
}

/* A header may promise more than the file can hold; no memory for that. */
static int check_size(const struct shape *shape, size_t count, bool packed,
                      struct error *err)
{
    char text[SHAPE_TEXT_BYTES];
    int64_t elements = shape_elements(shape);
    int64_t ratio = packed ? INFLATE_MAX_RATIO : 1;
    if (elements == 0)
        return error_set(err, ERROR_FORMAT, "the header says %s: no data",
                         shape_text(shape, text));
    if (elements < 0 || elements / ratio > (int64_t)count)
        return error_set(err, ERROR_FORMAT,
                         "truncated: the header says %s, the file has %zu "
                         "bytes",
                         shape_text(shape, text), count);
    return 0;
}

int idx_parse(struct tensor *out, int64_t *total, const unsigned char *bytes,
              size_t count, int64_t limit, struct error *err)
{
    *out = (struct tensor){0};
    struct source source;
    struct shape shape = {0};
    if (source_open(&source, bytes, count, err) < 0)
        return -1;
    int result = -1;
    if (take_shape(&source, &shape, err) < 0 ||
        check_size(&shape, count, source.packed, err) < 0)
        goto out;
    *total = shape.dims[0];
    bool part = limit > 0 && limit < shape.dims[0];
    if (part)
        shape.dims[0] = limit;
    if (tensor_init(out, DTYPE_UINT8, &shape, err) < 0 ||
        source_take(&source, out->data, tensor_bytes(out), err) < 0 ||
        (!part && source_finish(&source, err) < 0))
        goto out;
    result = 0;
out:
    source_close(&source);
    if (result < 0)
        tensor_release(out);
    return result;
}

static int idx_file(struct tensor *out, int64_t *total, const char *path,
                    int64_t limit, struct error *err)
{
    struct file_map map;
    *out = (struct tensor){0};
    if (file_map_open(&map, path, err) < 0)
        return error_prefix(err, "%s", path);
    int result = idx_parse(out, total, map.data, map.bytes, limit, err);
    file_map_close(&map);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}

static const char *split_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(splits); i++)
        if (strstr(name, splits[i].part))
            return splits[i].split;
    return "";
}

static bool is_image_name(const char *name)
{
    return strstr(name, "images") && strstr(name, "idx");
}

/* Length without ".gz". */
static size_t stem_length(const char *name)
{
    size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, ".gz") == 0 ? n - 3 : n;
}

static bool same_stem(const char *a, const char *b)
{
    size_t n = stem_length(a);
    return n == stem_length(b) && strncmp(a, b, n) == 0;
}

/* The image files of one folder, reduced to the one that is wanted. */
struct choice {
    const char *wanted;  /* split, NULL: test before others */
    char *best, *other;  /* names; other: as good as best, so ambiguous */
    const char *refused; /* a split that was there but not wanted */
};

static int rank_of(const struct choice *choice, const char *name)
{
    const char *split = split_of(name);
    if (choice->wanted)
        return strcmp(split, choice->wanted) == 0;
    return strcmp(split, "test") == 0 ? 2 : 1;
}

static int consider(struct choice *choice, const char *name)
{
    int rank = rank_of(choice, name);
    if (!rank) {
        choice->refused = split_of(name);
        return 0;
    }
    int best = choice->best ? rank_of(choice, choice->best) : 0;
    if (rank < best)
        return 0;
    char *copy = string_copy(name);
    if (!copy)
        return -1;
    if (rank == best && !same_stem(name, choice->best)) {
        free(choice->other);
        choice->other = copy;
        return 0;
    }
    if (rank == best && strlen(name) > strlen(choice->best)) {
        free(copy); /* the file that is not packed is read faster */
        return 0;
    }
    if (rank > best) {
        free(choice->other);
        choice->other = NULL;
    }
    free(choice->best);
    choice->best = copy;
    return 0;
}

static int judge(const struct choice *choice, struct error *err)
{
    if (choice->other)
        return error_set(err, ERROR_NAME,
                         "several image files ('%s', '%s'), expected one; "
                         "name the file",
                         choice->best, choice->other);
    if (choice->best)
        return 0;
    if (choice->refused)
        return error_set(err, ERROR_NAME, "no '%s' split (found '%s')",
                         choice->wanted, choice->refused);
    return error_set(err, ERROR_FORMAT,
                     "no data set in this folder, expected an IDX pair "
                     "('t10k-images-idx3-ubyte.gz' and its labels), CIFAR's "
                     "binary files or class folders with PNG or JPEG");
}

/* The image file in a folder. path: owned by the caller. */
static int find_images(char **path, const char *folder, const char *wanted,
                       struct error *err)
{
    DIR *directory = opendir(folder);
    if (!directory)
        return error_set(err, ERROR_IO, "%s: cannot open folder: %s", folder,
                         strerror(errno));
    struct choice choice = {.wanted = wanted};
    const struct dirent *entry;
    int result = 0;
    while (!result && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && is_image_name(entry->d_name))
            result = consider(&choice, entry->d_name);
    closedir(directory);
    if (result < 0)
        error_memory(err, 256);
    else if ((result = judge(&choice, err)) < 0)
        error_prefix(err, "%s", folder);
    else if (!(*path = path_join(folder, choice.best)))
        result = error_memory(err, 256);
    free(choice.best);
    free(choice.other);
    return result;
}

/*
 * The label file beside an image file: "images" becomes "labels" and "idx3"
 * "idx1"; with the other kind of packing when only that is there.
 * Returns NULL when there is none.
 */
static char *labels_beside(const char *images)
{
    size_t bytes = strlen(images) + 4;
    char *path = malloc(bytes);
    if (!path)
        return NULL;
    snprintf(path, bytes, "%s", images);
    char *name = path + (path_name(path) - path);
    char *kind = strstr(name, "images"), *rank = strstr(name, "idx");
    if (kind)
        memcpy(kind, "labels", 6);
    if (rank && (rank[3] == '3' || rank[3] == '4'))
        rank[3] = '1';
    if (kind && file_exists(path))
        return path;
    size_t stem = stem_length(path);
    if (path[stem])
        path[stem] = '\0';
    else
        memcpy(path + stem, ".gz", 4);
    if (kind && file_exists(path))
        return path;
    free(path);
    return NULL;
}

static int read_labels(struct dataset *dataset, const char *images,
                       int64_t total, struct error *err)
{
    char *path = labels_beside(images);
    if (!path)
        return 0;
    struct tensor labels;
    int64_t count = 0;
    int result = idx_file(&labels, &count, path, 0, err);
    if (!result && labels.shape.rank != 1)
        result = error_set(err, ERROR_FORMAT,
                           "%s: rank %d, expected labels of rank 1", path,
                           labels.shape.rank);
    if (!result && count != total)
        result = error_set(err, ERROR_FORMAT,
                           "%s: %" PRId64 " labels, expected %" PRId64
                           " as there are images",
                           path, count, total);
    if (!result && dataset_set_labels(dataset, &labels, err) < 0)
        result = error_prefix(err, "%s", path);
    tensor_release(&labels);
    free(path);
    return result;
}

static int read_images(struct dataset *dataset, const char *path, int64_t limit,
                       struct error *err)
{
    int64_t total;
    struct dataset_input *input = dataset->inputs;
    if (idx_file(&input->tensor, &total, path, limit, err) < 0)
        return -1;
    int rank = input->tensor.shape.rank;
    if (rank != 3 && rank != 4)
        return error_set(err, ERROR_FORMAT,
                         "%s: rank %d, expected images of rank 3 or 4%s", path,
                         rank, rank == 1 ? " (is this the label file?)" : "");
    dataset->count = input->tensor.shape.dims[0];
    if (dataset_set_images(input, err) < 0)
        return error_prefix(err, "%s", path);
    return read_labels(dataset, path, total, err);
}

static bool idx_recognises(const struct dataset_probe *probe)
{
    const unsigned char *h = probe->head;
    const char *name = path_name(probe->path);
    return probe->folder || strstr(name, "idx") ||
           (h[0] == 0x1f && h[1] == 0x8b) ||
           (!h[0] && !h[1] && h[2] >= 8 && h[2] <= 14);
}

static int idx_open(struct dataset *dataset, const char *path,
                    const struct dataset_options *options, struct error *err)
{
    char *file = NULL;
    const char *wanted = options->split;
    if (file_is_folder(path)) {
        if (find_images(&file, path, wanted, err) < 0)
            return -1;
    } else if (!(file = string_copy(path))) {
        return error_memory(err, strlen(path));
    }
    dataset->split = split_of(path_name(file));
    int result = 0;
    if (wanted && strcmp(wanted, dataset->split) != 0)
        result = error_set(err, ERROR_NAME,
                           "%s: split '%s' was asked for, this file is %s; "
                           "name its folder",
                           path, wanted,
                           dataset->split[0] ? dataset->split : "of none");
    if (!result)
        result = dataset_add_inputs(dataset, 1, err);
    if (!result)
        result = read_images(dataset, file, options->limit, err);
    free(file);
    return result;
}

const struct dataset_format dataset_format_idx = {
    .name = "idx", .recognises = idx_recognises, .open = idx_open};
