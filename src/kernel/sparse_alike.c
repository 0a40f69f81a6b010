/*
 * Which output channels of blocks of images make a quartet; see
 * sparse_rows16.h. Of a window's channels the one that keeps most begins a
 * quartet; three follow that differ least from those in it.
 */
#include "kernel/sparse_rows16.h"

#include "kernel/sparse.h"

#include <string.h>

enum { WORD = 64 };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Weights that every two channels keep of the same inputs; of one channel with
 * itself: all of its. */
typedef int32_t shared_table[SPARSE_WINDOW][SPARSE_WINDOW];

static void count_shared(const struct conv_spec *c,
                         const struct sparse_order *o, shared_table shared)
{
    int64_t inputs = c->ic * c->kh * c->kw;
    memset(shared, 0, sizeof(shared_table));
    for (int64_t at = 0; at < inputs; at += WORD) {
        uint64_t kept[SPARSE_WINDOW] = {0};
        for (int64_t k = 0; k < o->count; k++) {
            const float *weight = c->weight + o->channels[k] * inputs;
            for (int64_t i = at; i < smaller(at + WORD, inputs); i++)
                kept[k] |= (uint64_t)(weight[i] != 0.0F) << (i - at);
        }
        for (int64_t a = 0; a < o->count; a++)
            for (int64_t b = 0; b <= a; b++) {
                shared[a][b] += __builtin_popcountll(kept[a] & kept[b]);
                shared[b][a] = shared[a][b];
            }
    }
}

/* Of those left the one to join `count` others, the last of which are in
 * `with`. */
static int next_of(shared_table shared, uint64_t left, const int *with,
                   int count)
{
    int best = -1;
    int64_t least = INT64_MAX;
    for (; left != 0; left &= left - 1) {
        int k = __builtin_ctzll(left);
        int64_t differs = count > 0 ? 0 : -shared[k][k];
        for (int j = 0; j < count; j++)
            differs += shared[k][k] - 2 * shared[with[j]][k];
        if (differs < least) {
            least = differs;
            best = k;
        }
    }
    return best;
}

static bool is_busy(const struct conv_spec *c, int64_t channel)
{
    int64_t inputs = c->ic * c->kh * c->kw;
    return sparse_nonzeros(c->weight + channel * inputs, inputs) > 0;
}

bool sparse_next_alike(const struct conv_spec *c, struct sparse_order *o)
{
    shared_table shared;
    int32_t channels[SPARSE_WINDOW];
    int with[SPARSE_ROWS];
    uint64_t left = 0;
    o->count = 0;
    for (; o->next < c->oc && o->count < SPARSE_WINDOW; o->next++)
        if (is_busy(c, o->next)) {
            left |= UINT64_C(1) << o->count;
            o->channels[o->count++] = (int32_t)o->next;
        }
    count_shared(c, o, shared);
    for (int64_t k = 0; left != 0; k++) {
        int next = next_of(shared, left, with, (int)(k % SPARSE_ROWS));
        with[k % SPARSE_ROWS] = next;
        left &= ~(UINT64_C(1) << next);
        channels[k] = o->channels[next];
    }
    memcpy(o->channels, channels, (size_t)o->count * sizeof *channels);
    while (o->count % SPARSE_ROWS != 0)
        o->channels[o->count++] = -1;
    return o->count > 0;
}
