/* Inside `dataset`: reads a deflated stream from memory piece by piece. */
#ifndef DATASET_INFLATE_H
#define DATASET_INFLATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define ZLIB_CONST /* zlib's input pointers become const */
#include <zlib.h>

struct inflater {
    z_stream stream;
    const unsigned char *input; /* not handed to zlib yet; borrowed */
    size_t left;
    bool ended;
};

enum { INFLATE_GZIP = 15 + 16, INFLATE_RAW = -15 }; /* zlib's window bits */

/* Deflate makes at most 1,032 bytes of one: more is a lie in a header. */
enum { INFLATE_MAX_RATIO = 1032 };

int inflater_init(struct inflater *inflater, int window,
                  const unsigned char *input, size_t bytes, struct error *err);
void inflater_release(struct inflater *inflater);

/* Writes exactly `bytes` bytes. Errors: ERROR_FORMAT, the stream is damaged
 * or ends too early ("truncated: ..."). */
int inflater_take(struct inflater *inflater, void *out, size_t bytes,
                  struct error *err);

/* Checks that the stream ends here (and its checksum, for gzip). */
int inflater_finish(struct inflater *inflater, struct error *err);

#endif
