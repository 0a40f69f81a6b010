/* Optimal string alignment distance by the usual table, three rows of it. */
#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_LENGTH = 100 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned suggest_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX_LENGTH || m > MAX_LENGTH)
        return (unsigned)(n > m ? n : m);
    unsigned rows[3][MAX_LENGTH + 1];
    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *up = rows[(i - 1) % 3], *far = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            unsigned cost = up[j - 1] + !same(a[i - 1], b[j - 1]);
            cost = least(cost, least(up[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
                same(a[i - 2], b[j - 1]))
                cost = least(cost, far[j - 2] + 1);
            now[j] = cost;
        }
    }
    return rows[n % 3][m];
}

void suggest_offer(struct suggestion *suggestion, const char *known)
{
    size_t a = strlen(suggestion->word), b = strlen(known);
    size_t third = (a > b ? a : b) / 3;
    unsigned distance = suggest_distance(suggestion->word, known);
    if (distance > (third > 1 ? third : 1) || distance >= b ||
        (suggestion->best && distance >= suggestion->distance))
        return;
    suggestion->best = known;
    suggestion->distance = distance;
}
