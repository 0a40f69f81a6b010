/*
 * A folder of class folders with PNG and JPEG pictures, as torchvision's
 * ImageFolder reads them: classes are numbered in the order of their names,
 * pictures come in the order of their paths. The folder may hold train and
 * val (or test) folders of that kind.
 */
#include "dataset/folder.h"
#include "dataset/format.h"
#include "dataset/picture.h"

#include "base/array.h"
#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *folder, *split;
} split_folders[] = {{"test", "test"},
                     {"val", "test"},
                     {"valid", "test"},
                     {"validation", "test"},
                     {"train", "train"}};

struct entry {
    char *path; /* owned */
    int64_t label;
};

struct listing {
    struct entry *entries;
    size_t count, capacity;
    int64_t classes;
};

static void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entries[i].path);
    free(listing->entries);
}

static int add_picture(struct listing *listing, char *path, struct error *err)
{
    if (array_reserve(&listing->entries, &listing->capacity, listing->count + 1,
                      sizeof *listing->entries) < 0)
        return error_memory(err, listing->count * sizeof *listing->entries);
    listing->entries[listing->count++] = (struct entry){path, listing->classes};
    return 0;
}

/* Pictures of a folder and of the folders in it. */
static int list_pictures(struct listing *listing, const char *folder, int depth,
                         struct error *err)
{
    enum { DEEPEST = 8 };
    struct folder names;
    if (folder_read(&names, folder, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < names.count && !result; i++) {
        bool other;
        bool picture = picture_is_name(names.names[i], &other);
        char *path = path_join(folder, names.names[i]);
        if (!path)
            result = error_memory(err, 256);
        else if (file_is_folder(path))
            result = depth < DEEPEST
                         ? list_pictures(listing, path, depth + 1, err)
                         : 0;
        else if (other)
            result =
                error_set(err, ERROR_UNSUPPORTED,
                          "%s: cannot be read, expected PNG or JPEG", path);
        else if (picture) {
            result = add_picture(listing, path, err);
            path = result ? path : NULL;
        }
        free(path);
    }
    folder_release(&names);
    return result;
}

static int list_classes(struct listing *listing, const char *folder,
                        struct error *err)
{
    struct folder names;
    if (folder_read(&names, folder, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < names.count && !result; i++) {
        char *path = path_join(folder, names.names[i]);
        if (!path) {
            result = error_memory(err, 256);
        } else if (file_is_folder(path)) {
            size_t before = listing->count;
            result = list_pictures(listing, path, 0, err);
            if (!result && listing->count == before)
                result = error_set(err, ERROR_FORMAT,
                                   "%s: no pictures in this class, expected "
                                   "PNG or JPEG",
                                   path);
            listing->classes++;
        }
        free(path);
    }
    folder_release(&names);
    return result;
}

/* Keeps `limit` entries, evenly spread over the classes. */
static void keep(struct listing *listing, int64_t limit)
{
    size_t wanted = (size_t)limit;
    if (limit <= 0 || wanted >= listing->count)
        return;
    size_t next = 0;
    for (size_t i = 0; i < listing->count; i++) {
        bool taken = next < wanted && i == next * listing->count / wanted;
        if (taken)
            listing->entries[next++] = listing->entries[i];
        else
            free(listing->entries[i].path);
    }
    listing->count = wanted;
}

/* --- one size for all --- */

/* Channels and size of every sample; refuses what differs. */
static int find_size(struct picture *size, const struct listing *listing,
                     const struct picture_shape *shape, struct error *err)
{
    *size = (struct picture){0};
    for (size_t i = 0; i < listing->count; i++) {
        struct picture p;
        const char *path = listing->entries[i].path;
        if (picture_measure(&p, path, err) < 0)
            return -1;
        picture_shaped_size(shape, &p.height, &p.width);
        if (i && (p.height != size->height || p.width != size->width))
            return error_set(err, ERROR_SHAPE,
                             "%s: gives %dx%d pixels, expected %dx%d as '%s' "
                             "does; name one size with --resize HxW or "
                             "--crop HxW",
                             path, p.height, p.width, size->height, size->width,
                             path_name(listing->entries[0].path));
        size->height = p.height;
        size->width = p.width;
        size->channels =
            p.channels > size->channels ? p.channels : size->channels;
    }
    return 0;
}

static int read_picture(unsigned char *out, const struct picture *size,
                        const char *path, const struct picture_shape *shape,
                        struct error *err)
{
    struct picture p;
    if (picture_read(&p, path, err) < 0)
        return -1;
    size_t area = (size_t)size->height * (size_t)size->width;
    int result = picture_shape(&p, shape, err);
    if (result < 0)
        error_prefix(err, "%s", path);
    /* A grey picture among coloured ones is three equal planes. */
    for (size_t c = 0; c < (size_t)size->channels && !result; c++)
        memcpy(out + c * area, p.bytes + (p.channels == 1 ? 0 : c * area),
               area);
    picture_release(&p);
    return result;
}

static int read_all(struct dataset *dataset, const struct listing *listing,
                    const struct picture_shape *shape, struct error *err)
{
    struct picture size;
    if (find_size(&size, listing, shape, err) < 0 ||
        dataset_add_inputs(dataset, 1, err) < 0)
        return -1;
    struct dataset_input *input = dataset->inputs;
    struct shape all = {
        4, {(int64_t)listing->count, size.channels, size.height, size.width}};
    dataset->count = all.dims[0];
    dataset->labels = array_create(listing->count, sizeof *dataset->labels);
    if (!dataset->labels)
        return error_memory(err, listing->count * sizeof *dataset->labels);
    if (tensor_init(&input->tensor, DTYPE_UINT8, &all, err) < 0)
        return -1;
    size_t bytes = tensor_bytes(&input->tensor) / listing->count;
    for (size_t i = 0; i < listing->count; i++) {
        const struct entry *entry = &listing->entries[i];
        unsigned char *to = (unsigned char *)input->tensor.data + i * bytes;
        dataset->labels[i] = entry->label;
        if (read_picture(to, &size, entry->path, shape, err) < 0)
            return -1;
    }
    dataset->classes = listing->classes;
    input->sample = (struct shape){3, {size.channels, size.height, size.width}};
    input->image = true;
    return 0;
}

/* --- which folder --- */

/* Whether the folder has a folder with pictures in it. */
static bool has_classes(const char *folder)
{
    struct folder names, inner;
    bool found = false;
    if (folder_read(&names, folder, NULL) < 0)
        return false;
    for (size_t i = 0; i < names.count && !found; i++) {
        bool other;
        char *path = path_join(folder, names.names[i]);
        if (path && file_is_folder(path) &&
            folder_read(&inner, path, NULL) == 0) {
            for (size_t j = 0; j < inner.count && !found; j++)
                found = picture_is_name(inner.names[j], &other) || other;
            folder_release(&inner);
        }
        free(path);
    }
    folder_release(&names);
    return found;
}

/* The folder of a split inside `folder`, owned; NULL: none. */
static char *find_split(const char *folder, const char *wanted,
                        const char **split)
{
    for (size_t i = 0; i < ARRAY_LENGTH(split_folders); i++) {
        if (wanted && strcmp(split_folders[i].split, wanted))
            continue;
        char *path = path_join(folder, split_folders[i].folder);
        if (path && file_is_folder(path) && has_classes(path)) {
            *split = split_folders[i].split;
            return path;
        }
        free(path);
    }
    return NULL;
}

static bool recognises(const struct dataset_probe *probe)
{
    const char *split;
    if (!probe->folder)
        return false;
    char *path = find_split(probe->path, NULL, &split);
    free(path);
    return path || has_classes(probe->path);
}

static int open_folder(struct dataset *dataset, const char *path,
                       const struct dataset_options *options, struct error *err)
{
    struct listing listing = {0};
    char *folder = find_split(path, options->split, &dataset->split);
    if (!folder && options->split)
        return error_set(err, ERROR_NAME,
                         "%s: no '%s' split, expected a folder %s of class "
                         "folders",
                         path, options->split,
                         strcmp(options->split, "train") ? "'test' or 'val'"
                                                         : "'train'");
    int result = list_classes(&listing, folder ? folder : path, err);
    if (!result) {
        keep(&listing, options->limit);
        result = read_all(dataset, &listing, &options->shape, err);
    }
    listing_release(&listing);
    free(folder);
    return result;
}

const struct dataset_format dataset_format_image_folder = {
    .name = "pictures",
    .recognises = recognises,
    .open = open_folder,
    .shapes = true,
};
