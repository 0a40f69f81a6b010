#include "base/hash.h"

__extension__ typedef unsigned __int128 wide;

static const uint64_t PRIME = 0x9e3779b97f4a7c15ull;
static const uint64_t OFFSET = 0xcbf29ce484222325ull;

uint64_t hash_u64(uint64_t seed, uint64_t number)
{
    uint64_t a = seed ^ OFFSET ^ number;
    uint64_t b = PRIME ^ (number >> 31);
    /* The high half of the product decides as much as the low one. */
    wide product = (wide)a * b;
    return ((uint64_t)(product >> 64) ^ (uint64_t)product) * PRIME + number;
}

/* Written so that compilers make one load of it. */
static inline uint64_t load_word(const unsigned char *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
           (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
           (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t h = hash_u64(seed, bytes);
    for (; bytes >= 8; bytes -= 8, p += 8)
        h = hash_u64(h, load_word(p));
    uint64_t tail = 0;
    while (bytes--)
        tail = tail << 8 | p[bytes];
    return hash_u64(h, tail);
}
