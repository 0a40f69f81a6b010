/*
 * The rows of the tables in decision.c and structure.c. To add a criterion: a
 * file score_<name>.c that defines its row, a line here and one in decision.c,
 * a case in tests/unit/test_criteria.c. A structure likewise in
 * pattern_<name>.c.
 */
#ifndef PRUNE_CRITERIA_H
#define PRUNE_CRITERIA_H

#include "prune/decision.h"

extern const struct criterion criterion_magnitude;
extern const struct criterion criterion_lamp;
extern const struct criterion criterion_l2;
extern const struct criterion criterion_normalised;
extern const struct criterion criterion_wanda;
extern const struct criterion criterion_taylor;
extern const struct criterion criterion_snip;
extern const struct criterion criterion_fisher;
extern const struct criterion criterion_obs;
extern const struct criterion criterion_apoz;
extern const struct criterion criterion_mean_activation;
extern const struct criterion criterion_bn_scale;
extern const struct criterion criterion_fpgm;
extern const struct criterion criterion_random;

extern const struct structure structure_weight;
extern const struct structure structure_nm;
extern const struct structure structure_nm_permuted;
extern const struct structure structure_block;
extern const struct structure structure_kernel;
extern const struct structure structure_channel;
extern const struct structure structure_head;
extern const struct structure structure_layer;

#endif
