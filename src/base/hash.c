#include "base/hash.h"

static const uint64_t PRIME = 0x9e3779b97f4a7c15ull;
static const uint64_t OFFSET = 0xcbf29ce484222325ull;

uint64_t hash_u64(uint64_t seed, uint64_t number)
{
    uint64_t a = seed ^ OFFSET ^ number;
    uint64_t b = PRIME ^ (number >> 31);
    /* The high half of the product decides as much as the low one. */
    uint64_t ah = a >> 32, al = a & 0xffffffffu;
    uint64_t bh = b >> 32, bl = b & 0xffffffffu;
    uint64_t low = al * bl;
    uint64_t mid1 = ah * bl + (low >> 32);
    uint64_t mid2 = al * bh + (mid1 & 0xffffffffu);
    uint64_t high = ah * bh + (mid1 >> 32) + (mid2 >> 32);
    low = (low & 0xffffffffu) | (mid2 << 32);
    return (high ^ low) * PRIME + number;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t h = hash_u64(seed, bytes);
    for (; bytes >= 8; bytes -= 8, p += 8) {
        uint64_t word = 0;
        for (int i = 7; i >= 0; i--)
            word = word << 8 | p[i];
        h = hash_u64(h, word);
    }
    uint64_t tail = 0;
    while (bytes--)
        tail = tail << 8 | p[bytes];
    return hash_u64(h, tail);
}
