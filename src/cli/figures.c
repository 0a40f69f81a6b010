#include "cli/figures.h"

#include "cli/print.h"

#include <stdio.h>

void figures_json(cJSON *document, const struct session *session,
                  const struct variant *variant, const struct report *report)
{
    const struct result *result = &report->result;
    double kept_before, kept;
    json_number(document, "sparsity",
                variant_sparsity(variant, session_layers(session)), 6);
    if (result_order(result, &kept_before, &kept)) {
        cJSON *order = cJSON_AddObjectToObject(document, "order");
        json_number(order, "kept_magnitude", kept, 6);
        json_number(order, "kept_in_model_order", kept_before, 6);
    }
    json_integer(document, "parameters_before", result->dense_cost.nonzeros);
    json_integer(document, "parameters_after", result->cost.nonzeros);
    json_integer(document, "encoded_bytes", result->cost.encoded_bytes);
    json_string(document, "metric", metric_name(result->metric));
    json_integer(document, "samples", result->accuracy.samples);
    json_estimate(document, &result->accuracy);
    cJSON *difference = cJSON_AddObjectToObject(document, "difference");
    json_estimate(difference, &result->difference);
    json_probability(difference, "p_value", result->p_value);
    if (report->has_baseline) {
        cJSON *baseline = cJSON_AddObjectToObject(document, "baseline");
        json_estimate(baseline, &report->baseline.accuracy);
        if (report->baseline.has_latency)
            json_number(baseline, "latency_ms",
                        report->baseline.latency_ms.median, 6);
    }
    json_latency(document, result);
    json_energy(document, result);
}

static void print_pair(const char *what, const char *before, const char *after)
{
    printf("%-10s  %-26s  ->  %s\n", what, before, after);
}

void figures_text(const struct session *session, const struct variant *variant,
                  const struct report *report)
{
    const struct result *result = &report->result;
    char before[64], after[160];
    double kept_before, kept;
    printf("sparsity    %.2f %% of the prunable weights\n",
           100 * variant_sparsity(variant, session_layers(session)));
    if (result_order(result, &kept_before, &kept))
        printf("order       channels moved: N:M keeps %.2f %% of the "
               "magnitude instead of %.2f %%\n",
               100 * kept, 100 * kept_before);
    print_pair("parameters",
               count_text(result->dense_cost.nonzeros, before, sizeof before),
               count_text(result->cost.nonzeros, after, sizeof after));
    print_pair(
        "encoded",
        bytes_text(result->dense_cost.encoded_bytes, before, sizeof before),
        bytes_text(result->cost.encoded_bytes, after, sizeof after));
    if (result->accuracy.samples) {
        print_pair(
            result->metric == METRIC_TOP1 ? "top-1" : "agreement",
            percent_text(&report->baseline.accuracy, before, sizeof before),
            percent_text(&result->accuracy, after, sizeof after));
        printf(
            "difference  %+.2f points  [%+.2f, %+.2f], p %.3g, %lld samples\n",
            100 * result->difference.value, 100 * result->difference.low,
            100 * result->difference.high, result->p_value,
            (long long)result->difference.samples);
    }
    printf("energy      %s\n", energy_text(result, after, sizeof after));
    if (!result->has_latency)
        return;
    snprintf(before, sizeof before, "%.4f ms", result->dense_latency_ms.median);
    snprintf(after, sizeof after, "%.4f ms  (%.2f times as fast)",
             result->latency_ms.median,
             result->dense_latency_ms.median / result->latency_ms.median);
    print_pair("latency", before, after);
    if (result->device[0])
        printf("device      %s, predicted\n", result->device);
    if (result->noise.kind > NOISE_QUIET)
        printf("machine     %s\n",
               noise_text(&result->noise, after, sizeof after));
}
