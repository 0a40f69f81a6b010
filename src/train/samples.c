#include "train/samples.h"

#include "base/rng.h"

#include <string.h>

static struct shape sample_shape(const struct value *value)
{
    struct shape shape = {.rank = value->shape.rank - 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = value->shape.dims[i + 1];
    return shape;
}

static size_t find_input(const struct dataset *dataset, const char *name,
                         size_t graph_inputs)
{
    size_t count = dataset_input_count(dataset);
    if (count == 1 && graph_inputs == 1)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(dataset_input_name(dataset, i), name) == 0)
            return i;
    return count;
}

int samples_match(struct samples *samples, const struct network *network,
                  struct error *err)
{
    const struct dataset *dataset = samples->dataset;
    size_t count = network_input_count(network);
    if (count > sizeof samples->map / sizeof *samples->map)
        return error_set(err, ERROR_UNSUPPORTED, "the model has %zu inputs",
                         count);
    for (size_t i = 0; i < count; i++) {
        const struct value *value = network_input(network, i);
        struct shape shape = sample_shape(value);
        size_t found = find_input(dataset, value->name, count);
        if (found == dataset_input_count(dataset))
            return error_set(err, ERROR_SHAPE,
                             "%s: has nothing for model input '%s'",
                             dataset_path(dataset), value->name);
        samples->map[i] = found;
        if (dataset_fits(dataset, found, value->dtype, &shape, err) < 0)
            return error_prefix(err, "%s: model input '%s'",
                                dataset_path(dataset), value->name);
    }
    return 0;
}

/* --- changes of one image (c, h, w) --- */

struct image {
    float *data;
    int64_t channels, height, width;
    const float *black; /* per channel */
};

static void flip(const struct image *image)
{
    for (int64_t row = 0; row < image->channels * image->height; row++) {
        float *line = image->data + row * image->width;
        for (int64_t i = 0, j = image->width - 1; i < j; i++, j--) {
            float swap = line[i];
            line[i] = line[j];
            line[j] = swap;
        }
    }
}

/* In place: rows and columns in the order in which none is overwritten that
 * is still to be read. */
static void shift(const struct image *image, int64_t down, int64_t right)
{
    int64_t h = image->height, w = image->width;
    for (int64_t c = 0; c < image->channels; c++) {
        float *plane = image->data + c * h * w;
        for (int64_t i = 0; i < h; i++) {
            int64_t y = down > 0 ? h - 1 - i : i, from = y - down;
            for (int64_t j = 0; j < w; j++) {
                int64_t x = right > 0 ? w - 1 - j : j, at = x - right;
                bool inside = from >= 0 && from < h && at >= 0 && at < w;
                plane[y * w + x] =
                    inside ? plane[from * w + at] : image->black[c];
            }
        }
    }
}

static void cut(const struct image *image, int64_t top, int64_t left, int side)
{
    for (int64_t c = 0; c < image->channels; c++)
        for (int64_t y = top < 0 ? 0 : top; y < top + side && y < image->height;
             y++)
            for (int64_t x = left < 0 ? 0 : left;
                 x < left + side && x < image->width; x++)
                image->data[(c * image->height + y) * image->width + x] =
                    image->black[c];
}

static int64_t between(struct rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(rng, (uint64_t)(high - low + 1));
}

static void change(const struct augment *augment, const struct image *image,
                   struct rng *rng)
{
    if (augment->flip && rng_uniform(rng) < 0.5)
        flip(image);
    if (augment->shift) {
        int64_t down = between(rng, -augment->shift, augment->shift);
        int64_t right = between(rng, -augment->shift, augment->shift);
        shift(image, down, right);
    }
    if (augment->cutout) {
        int half = augment->cutout / 2;
        int64_t top = between(rng, 0, image->height - 1) - half;
        int64_t left = between(rng, 0, image->width - 1) - half;
        cut(image, top, left, augment->cutout);
    }
    int64_t count = image->channels * image->height * image->width;
    for (int64_t i = 0; augment->noise > 0 && i < count; i++)
        image->data[i] += (float)(augment->noise * rng_normal(rng));
}

static bool is_image(const struct value *value)
{
    return value->dtype == DTYPE_FLOAT32 && value->shape.rank == 4;
}

static bool changes(const struct augment *augment)
{
    return augment->flip || augment->shift || augment->cutout ||
           augment->noise > 0;
}

static void change_all(const struct samples *samples, const struct value *value,
                       int64_t epoch, const int64_t *ids, int64_t count,
                       float *data)
{
    const struct transform *t = &samples->transform;
    const int64_t *dims = value->shape.dims;
    float black[64] = {0};
    for (int64_t c = 0; c < dims[1] && c < 64; c++) {
        int64_t at = t->channels > 1 && c < t->channels ? c : 0;
        black[c] = (float)(-t->mean[at] / t->std[at]);
    }
    for (int64_t i = 0; i < count; i++) {
        struct rng rng;
        uint64_t mixed = samples->seed * 0x9e3779b97f4a7c15u;
        rng_init(&rng, (mixed ^ (uint64_t)epoch) * 0xbf58476d1ce4e5b9u ^
                           (uint64_t)ids[i]);
        struct image image = {data + i * dims[1] * dims[2] * dims[3], dims[1],
                              dims[2], dims[3], black};
        change(&samples->augment, &image, &rng);
    }
}

void samples_read(const struct samples *samples, const struct network *network,
                  int64_t epoch, const int64_t *ids, int64_t count,
                  void *const *inputs)
{
    for (size_t i = 0; i < network_input_count(network); i++) {
        const struct value *value = network_input(network, i);
        struct shape shape = sample_shape(value);
        struct dataset_layout layout =
            dataset_layout_for(samples->dataset, samples->map[i], &shape);
        dataset_read_as(samples->dataset, samples->map[i], &samples->transform,
                        &layout, value->dtype, 0, ids, count, inputs[i]);
        if (is_image(value) && !layout.channels_last &&
            value->shape.dims[1] <= 64 && changes(&samples->augment))
            change_all(samples, value, epoch, ids, count, inputs[i]);
    }
}
