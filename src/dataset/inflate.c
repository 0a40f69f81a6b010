#include "dataset/inflate.h"

#include <limits.h>

int inflater_init(struct inflater *inflater, int window,
                  const unsigned char *input, size_t bytes, struct error *err)
{
    *inflater = (struct inflater){.input = input, .left = bytes};
    if (inflateInit2(&inflater->stream, window) != Z_OK)
        return error_memory(err, sizeof(z_stream));
    return 0;
}

void inflater_release(struct inflater *inflater)
{
    inflateEnd(&inflater->stream);
}

/* zlib counts in unsigned int; larger inputs go in by pieces. */
static void refill(struct inflater *inflater)
{
    z_stream *z = &inflater->stream;
    if (z->avail_in || !inflater->left)
        return;
    size_t piece = inflater->left < UINT_MAX ? inflater->left : UINT_MAX;
    z->next_in = inflater->input;
    z->avail_in = (uInt)piece;
    inflater->input += piece;
    inflater->left -= piece;
}

static int advance(struct inflater *inflater, struct error *err)
{
    refill(inflater);
    z_stream *z = &inflater->stream;
    int code = inflate(z, Z_NO_FLUSH);
    if (code == Z_STREAM_END)
        inflater->ended = true;
    else if (code == Z_MEM_ERROR)
        return error_memory(err, 1 << 15);
    else if (code == Z_BUF_ERROR)
        return error_set(err, ERROR_FORMAT,
                         "truncated: the compressed data ends too early");
    else if (code != Z_OK)
        return error_set(err, ERROR_FORMAT, "damaged compressed data (%s)",
                         z->msg ? z->msg : zError(code));
    return 0;
}

int inflater_take(struct inflater *inflater, void *out, size_t bytes,
                  struct error *err)
{
    z_stream *z = &inflater->stream;
    unsigned char *at = out;
    while (bytes) {
        uInt piece = bytes < UINT_MAX ? (uInt)bytes : UINT_MAX;
        z->next_out = at;
        z->avail_out = piece;
        if (inflater->ended)
            return error_set(err, ERROR_FORMAT,
                             "truncated: %zu more bytes expected", bytes);
        if (advance(inflater, err) < 0)
            return -1;
        at += piece - z->avail_out;
        bytes -= piece - z->avail_out;
    }
    return 0;
}

int inflater_finish(struct inflater *inflater, struct error *err)
{
    z_stream *z = &inflater->stream;
    unsigned char extra;
    while (!inflater->ended) {
        z->next_out = &extra;
        z->avail_out = 1;
        if (advance(inflater, err) < 0)
            return -1;
        if (!z->avail_out)
            return error_set(err, ERROR_FORMAT,
                             "more data than the header says");
    }
    return 0;
}
