/* Numbers as the screens write them: short, aligned, honest about what is
 * not known ("…") and what is still running ("~"). */
#ifndef UI_FORMAT_H
#define UI_FORMAT_H

#include "eval/estimate.h"

#include <stddef.h>
#include <stdint.h>

/* All write into `text` (a short one: FORMAT_ROOM is plenty) and return it. */
enum { FORMAT_ROOM = 48 };

/* 432 -> "432", 36864 -> "36.9k", 1204224 -> "1.20M". */
char *format_count(char *text, double count);
/* 36,864 */
char *format_grouped(char *text, int64_t count);
/* "33.1 kB" */
char *format_bytes(char *text, double bytes);
/* Milliseconds with three significant digits: "0.123", "3.42", "12.3". */
char *format_ms(char *text, double ms);
/* "9.78 uJ" */
char *format_joules(char *text, double joules);
/* "1.31x" */
char *format_speed(char *text, double ratio);
/* Share as "85%", one digit below 1 % or above 99 % when it is not round. */
char *format_percent(char *text, double share);
/* Share as "85%", never with digits behind the point. */
char *format_whole(char *text, double share);
/* "91.34", "~91.3" while samples < total, "…" when none; in percent. */
char *format_accuracy(char *text, const struct estimate *estimate, int digits);
/* "[90.8,91.9]", "" when none. */
char *format_interval(char *text, const struct estimate *estimate, int digits);
/* "-0.76" points with sign; "…" when none. */
char *format_difference(char *text, const struct estimate *estimate,
                        int digits);
/* Half the width of the interval in points: ".53"; "" when none. */
char *format_margin(char *text, const struct estimate *estimate);
/* Whether the interval of a difference excludes 0. */
int format_significant(const struct estimate *difference);
/* "4s", "2m10s" */
char *format_seconds(char *text, double seconds);

#endif
