/* Optimal string alignment distance by the usual table, three rows of it. */
#include "session/suggest.h"

#include <string.h>

enum { MAX_LENGTH = 48 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
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
            unsigned cost = up[j - 1] + (a[i - 1] != b[j - 1]);
            cost = least(cost, least(up[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost = least(cost, far[j - 2] + 1);
            now[j] = cost;
        }
    }
    return rows[n % 3][m];
}
