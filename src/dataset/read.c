/*
 * From stored samples to a model's input. Bytes go through a table of 256
 * numbers per channel, made for each call (its cost is that of one small
 * image); other types are converted element by element.
 */
#include "dataset/format.h"

#include <string.h>

enum { LEVELS = 256, TABLES = 4 };

struct transform transform_identity(void)
{
    return (struct transform){
        .scale = 1, .channels = 1, .std = {1, 1, 1, 1}, .name = "none"};
}

/* One run of equal treatment: `count` elements of one plane. */
struct span {
    const void *from;
    enum dtype from_type;
    int64_t at, count; /* elements of `from` */
    void *to;
    enum dtype to_type;
    int64_t to_at, step; /* elements of `to` */
    const float *table;  /* of LEVELS, when from_type is UINT8; or NULL */
    const struct transform *transform; /* NULL: convert only */
    int channel;                       /* of mean and std */
};

/* In float32 and in this order, as torchvision's ToTensor and Normalize. */
static float apply(const struct transform *t, int channel, float raw)
{
    float scaled = raw / (float)t->scale;
    return (scaled - (float)t->mean[channel]) / (float)t->std[channel];
}

static void put(void *data, enum dtype dtype, int64_t i, double real,
                int64_t integer)
{
    switch (dtype) {
    case DTYPE_FLOAT32:
        ((float *)data)[i] = (float)real;
        break;
    case DTYPE_FLOAT64:
        ((double *)data)[i] = real;
        break;
    case DTYPE_FLOAT16:
        ((uint16_t *)data)[i] = float32_to_float16((float)real);
        break;
    case DTYPE_BFLOAT16:
        ((uint16_t *)data)[i] = float32_to_bfloat16((float)real);
        break;
    case DTYPE_BOOL:
        ((uint8_t *)data)[i] = real != 0;
        break;
    default: /* integers: two's complement keeps the low bytes */
        memcpy((char *)data + (size_t)i * dtype_size(dtype), &integer,
               dtype_size(dtype));
    }
}

static void convert_span(const struct span *span)
{
    /* tensor_number reads through a tensor; it writes nothing. */
    struct tensor from = {.dtype = span->from_type};
    memcpy(&from.data, &span->from, sizeof from.data);
    for (int64_t i = 0; i < span->count; i++) {
        int64_t at = span->at + i, to = span->to_at + i * span->step;
        double real = tensor_number(&from, at);
        if (span->transform)
            real = (double)apply(span->transform, span->channel, (float)real);
        put(span->to, span->to_type, to, real, tensor_integer(&from, at));
    }
}

static void write_span(const struct span *span)
{
    const unsigned char *from = span->from;
    if (span->table && span->to_type == DTYPE_FLOAT32) {
        float *to = (float *)span->to + span->to_at;
        for (int64_t i = 0; i < span->count; i++)
            to[i * span->step] = span->table[from[span->at + i]];
    } else if (span->step == 1 && span->to_type == span->from_type &&
               !span->transform) {
        size_t size = dtype_size(span->to_type);
        memcpy((char *)span->to + (size_t)span->to_at * size,
               from + (size_t)span->at * size, (size_t)span->count * size);
    } else {
        convert_span(span);
    }
}

static bool is_identity(const struct transform *t)
{
    bool same = t->scale == 1;
    for (int c = 0; c < t->channels; c++)
        same = same && t->mean[c] == 0 && t->std[c] == 1;
    return same;
}

/* Planes of equal treatment in one sample: its first dimension where it has
 * several (c, h, w), else one. */
static int64_t planes_of(const struct shape *sample)
{
    return sample->rank >= 3 ? sample->dims[0] : 1;
}

static int channel_of(const struct transform *t, int64_t plane)
{
    return plane < t->channels ? (int)plane : t->channels - 1;
}

static void fill_tables(float tables[TABLES][LEVELS], const struct transform *t)
{
    for (int c = 0; c < t->channels && c < TABLES; c++)
        for (int level = 0; level < LEVELS; level++)
            tables[c][level] = apply(t, c, (float)level);
}

/* One sample, plane by plane. */
static void write_sample(const struct span *model,
                         const struct dataset_layout *layout, int64_t planes,
                         float tables[TABLES][LEVELS])
{
    int64_t all = planes * layout->repeat;
    for (int64_t p = 0; p < all; p++) {
        struct span span = *model;
        span.at += p / layout->repeat * span.count;
        span.to_at += layout->channels_last ? p : p * span.count;
        span.step = layout->channels_last ? all : 1;
        if (span.transform)
            span.channel = channel_of(span.transform, p);
        if (span.table)
            span.table = tables[span.channel];
        write_span(&span);
    }
}

void dataset_read_as(const struct dataset *dataset, size_t input,
                     const struct transform *transform,
                     const struct dataset_layout *layout, enum dtype dtype,
                     int64_t first, const int64_t *order, int64_t count,
                     void *out)
{
    const struct dataset_input *in = &dataset->inputs[input];
    int64_t planes = planes_of(&in->sample);
    int64_t elements = shape_elements(&in->sample);
    bool bytes = in->image && !dtype_is_integer(dtype);
    bool real = !dtype_is_integer(in->tensor.dtype) && !is_identity(transform);
    float tables[TABLES][LEVELS];
    if (bytes)
        fill_tables(tables, transform);
    struct span span = {.from = in->tensor.data,
                        .from_type = in->tensor.dtype,
                        .count = planes ? elements / planes : 0,
                        .to = out,
                        .to_type = dtype,
                        .table = bytes ? tables[0] : NULL,
                        .transform = bytes || real ? transform : NULL};
    for (int64_t i = 0; i < count; i++) {
        span.at = (order ? order[i] : first + i) * elements;
        span.to_at = i * elements * layout->repeat;
        write_sample(&span, layout, planes, tables);
    }
}

void dataset_read(const struct dataset *dataset, size_t input,
                  const struct transform *transform, enum dtype dtype,
                  int64_t first, const int64_t *order, int64_t count, void *out)
{
    static const struct dataset_layout stored = {1, false};
    dataset_read_as(dataset, input, transform, &stored, dtype, first, order,
                    count, out);
}

static bool fits_front(const struct dataset_input *in,
                       const struct shape *sample)
{
    const int64_t *have = in->sample.dims;
    return sample->dims[1] == have[1] && sample->dims[2] == have[2];
}

static bool fits_back(const struct dataset_input *in,
                      const struct shape *sample)
{
    const int64_t *have = in->sample.dims;
    return sample->dims[0] == have[1] && sample->dims[1] == have[2];
}

struct dataset_layout dataset_layout_for(const struct dataset *dataset,
                                         size_t input,
                                         const struct shape *sample)
{
    const struct dataset_input *in = &dataset->inputs[input];
    struct dataset_layout layout = {1, false};
    const struct shape *s = &in->sample;
    enum picture_layout said = dataset->shape.layout;
    if (!in->image || sample->rank != 3) {
        layout.channels_last = in->image && said == PICTURE_LAYOUT_NHWC;
        return layout;
    }
    /* Unless it is said, (h, w, c) only where (c, h, w) does not fit. */
    bool front = said != PICTURE_LAYOUT_NHWC && fits_front(in, sample);
    bool back = said != PICTURE_LAYOUT_NCHW && fits_back(in, sample);
    int64_t channels = sample->dims[front ? 0 : 2];
    if ((!front && !back) || (s->dims[0] != 1 && channels != s->dims[0]))
        return layout;
    layout.channels_last = !front;
    layout.repeat = s->dims[0] == 1 ? channels : 1;
    return layout;
}

static bool type_fits(enum dtype have, enum dtype wanted)
{
    if (!dtype_size(have) || !dtype_size(wanted))
        return false;
    return dtype_is_integer(have) || !dtype_is_integer(wanted);
}

int dataset_fits(const struct dataset *dataset, size_t input, enum dtype dtype,
                 const struct shape *sample, struct error *err)
{
    const struct dataset_input *in = &dataset->inputs[input];
    struct dataset_layout layout = dataset_layout_for(dataset, input, sample);
    int64_t have = shape_elements(&in->sample) * layout.repeat;
    bool sized = have == shape_elements(sample);
    /* Equal counts in another order would be a silent scramble. */
    if (sized && in->image && sample->rank == 3 && in->sample.dims[0] != 1 &&
        !layout.channels_last)
        sized = shape_equal(&in->sample, sample);
    const struct picture_shape said = {.layout = dataset->shape.layout};
    bool as_said = !in->image || sample->rank != 3 ||
                   said.layout == PICTURE_LAYOUT_FOUND ||
                   (said.layout == PICTURE_LAYOUT_NCHW ? fits_front(in, sample)
                                                       : fits_back(in, sample));
    if (sized && as_said && type_fits(in->tensor.dtype, dtype))
        return 0;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    struct strbuf words = {0};
    picture_shape_text(&words, &said, "--");
    int status =
        error_set(err, ERROR_SHAPE, "has %s %s per sample, expected %s %s%s%s",
                  dtype_name(in->tensor.dtype), shape_text(&in->sample, a),
                  dtype_name(dtype), shape_text(sample, b),
                  said.layout ? " as" : "", strbuf_text(&words));
    strbuf_release(&words);
    return status;
}
