/* Making reports; drawing them needs only engine.h. */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "engine/engine.h"

/* One holder; figures are copied. `result` and `baseline` may be NULL. NULL
 * when memory is exhausted. */
struct report *report_create(const struct result *result,
                             const struct result *baseline);

#endif
