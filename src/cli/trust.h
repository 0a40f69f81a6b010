/* What two models answer differently, and how they stand worse data: JSON and
 * text for eval and compare. */
#ifndef CLI_TRUST_H
#define CLI_TRUST_H

#include "cli/options.h"
#include "engine/robustness.h"

#include <cjson/cJSON.h>

/* Evaluates what the session has and copies its answers, `samples` of them
 * (owned by the caller: free). */
int trust_answers(const struct session *session,
                  const struct cli_options *options, struct outcome **outcomes,
                  enum metric *metric, struct error *err);

/* The disagreement of two sides on the data of `session`; without labels the
 * first one's answers are right. */
int trust_compare(struct disagreement *out, const struct session *session,
                  const struct outcome *before, const struct outcome *after,
                  struct error *err);

/* Adds "flipped" (a list) and "per_class" (worst first). */
void trust_flips_json(cJSON *document, const struct disagreement *found,
                      const struct cli_options *options);
int trust_flips_text(const struct disagreement *found,
                     const struct cli_options *options, struct error *err);

/* Whether the options ask for worse data; does it. dense may be NULL. */
bool trust_wants_robustness(const struct cli_options *options);
int trust_robustness(struct robustness *out, const struct session *session,
                     const struct session *dense,
                     const struct cli_options *options, struct error *err);
void trust_robustness_json(cJSON *document, const struct robustness *found);
int trust_robustness_text(const struct robustness *found, struct error *err);

/* The exam of what was written; nothing where none was taken. */
void trust_exam_json(cJSON *document, const struct exam *exam);
void trust_exam_text(const struct exam *exam);

#endif
