/* Monotonic time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_now_ns(void);

/* How long ago: "45 s", "12 min", "3 h", "2 d". */
const char *clock_age_text(int64_t seconds, char *text, size_t bytes);

#endif
