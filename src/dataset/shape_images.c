/* Sizes and channels of images that are already in memory. */
#include "dataset/format.h"
#include "dataset/picture.h"

#include <stdlib.h>
#include <string.h>

/* (n, c, h, w) of an image input, whatever rank it is stored with. */
static struct shape images_of(const struct dataset_input *input)
{
    const struct shape *sample = &input->sample;
    return (struct shape){4,
                          {input->tensor.shape.dims[0], sample->dims[0],
                           sample->dims[1], sample->dims[2]}};
}

static int shape_one(unsigned char *out, const unsigned char *in,
                     const struct shape *from, size_t out_bytes,
                     const struct picture_shape *shape, struct error *err)
{
    size_t bytes = (size_t)(from->dims[1] * from->dims[2] * from->dims[3]);
    struct picture p = {.channels = (int)from->dims[1],
                        .height = (int)from->dims[2],
                        .width = (int)from->dims[3],
                        .bytes = malloc(bytes)};
    if (!p.bytes)
        return error_memory(err, bytes);
    memcpy(p.bytes, in, bytes);
    int result = picture_shape(&p, shape, err);
    if (!result)
        memcpy(out, p.bytes, out_bytes);
    picture_release(&p);
    return result;
}

int dataset_shape_images(struct dataset_input *input,
                         const struct picture_shape *shape, struct error *err)
{
    struct shape from = images_of(input);
    int height = (int)from.dims[2], width = (int)from.dims[3];
    picture_shaped_size(shape, &height, &width);
    struct shape to = {4, {from.dims[0], from.dims[1], height, width}};
    struct tensor shaped;
    if (tensor_init(&shaped, DTYPE_UINT8, &to, err) < 0)
        return -1;
    size_t count = (size_t)from.dims[0];
    size_t in_bytes = tensor_bytes(&input->tensor) / count;
    size_t out_bytes = tensor_bytes(&shaped) / count;
    int result = 0;
    for (size_t i = 0; i < count && !result; i++)
        result =
            shape_one((unsigned char *)shaped.data + i * out_bytes,
                      (const unsigned char *)input->tensor.data + i * in_bytes,
                      &from, out_bytes, shape, err);
    if (result < 0) {
        tensor_release(&shaped);
        return -1;
    }
    tensor_release(&input->tensor);
    input->tensor = shaped;
    input->sample = (struct shape){3, {to.dims[1], height, width}};
    return 0;
}

int dataset_swap_channels(struct dataset_input *input, struct error *err)
{
    struct shape all = images_of(input);
    struct tensor swapped;
    if (all.dims[1] != 3)
        return 0;
    if (tensor_init(&swapped, DTYPE_UINT8, &all, err) < 0)
        return -1;
    size_t area = (size_t)(all.dims[2] * all.dims[3]);
    const unsigned char *in = input->tensor.data;
    unsigned char *out = swapped.data;
    for (int64_t i = 0; i < all.dims[0]; i++)
        for (size_t c = 0; c < 3; c++)
            memcpy(out + ((size_t)i * 3 + c) * area,
                   in + ((size_t)i * 3 + 2 - c) * area, area);
    tensor_release(&input->tensor);
    input->tensor = swapped;
    return 0;
}
