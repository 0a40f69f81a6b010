/* The figures of a variant, as prune and replay print them. */
#ifndef CLI_FIGURES_H
#define CLI_FIGURES_H

#include "engine/engine.h"

#include <cjson/cJSON.h>

/* "sparsity", "parameters_before", …, "latency_ms" of a complete report. */
void figures_json(cJSON *document, const struct session *session,
                  const struct variant *variant, const struct report *report);
/* The same as lines of text on standard output. */
void figures_text(const struct session *session, const struct variant *variant,
                  const struct report *report);

#endif
