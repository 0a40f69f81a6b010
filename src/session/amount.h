/* Amounts: "85%", "85.5%", "24", "+1%", "-3"; and how they are shown. */
#ifndef SESSION_AMOUNT_H
#define SESSION_AMOUNT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct amount {
    bool percent;  /* share is meant, else units */
    bool relative; /* a step from the present amount */
    double share;  /* of a percentage; -1 … 1 */
    int64_t units; /* of a number */
};

/* Errors: ERROR_USAGE (not an amount), ERROR_RANGE (above 100 %). */
int amount_parse(struct amount *amount, const char *text, struct error *err);

/*
 * How many of `units` are to be removed when `present` are now. A relative
 * percentage steps from the percentage that the present number is written
 * as, so that steps do not drift by rounding, moves by at least one unit,
 * and stops at the ends.
 * Errors: ERROR_RANGE (an exact number above units).
 */
int amount_apply(const struct amount *amount, int64_t present, int64_t units,
                 int64_t *remove, struct error *err);

/*
 * The shortest percentage with at most two decimals that decision_units
 * turns into exactly `remove` of `units`, in steps of 10^-decimals.
 * Returns false when there is none.
 */
bool amount_percentage(int64_t remove, int64_t units, int64_t *steps,
                       int *decimals);

/* steps / 10^decimals percent as a share, correctly rounded. */
double amount_share(int64_t steps, int decimals);

enum { AMOUNT_TEXT_BYTES = 32 };

/* "85", "85.5": the percentage as text without the sign; returns text. */
const char *amount_steps_text(int64_t steps, int decimals, char *text);

/* The percentage of remove in units, for people: "85", "0.01". */
const char *amount_text(int64_t remove, int64_t units, char *text);

#endif
