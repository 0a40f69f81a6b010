/*
 * The report: Markdown that reads well as plain text too. It holds no date
 * and no machine name, so the same decisions give the same text but for
 * measured times.
 */
#include "base/file.h"
#include "base/strbuf.h"
#include "export/export.h"
#include "measure/energy.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Text in a table's cell: a bar would end it. */
static void add_cell(struct strbuf *out, const char *text)
{
    for (; *text; text++)
        strbuf_addf(out, *text == '|' ? "\\%c" : "%c", *text);
}

/* A word of a shell command line, quoted where it must be. */
static void add_word(struct strbuf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=@";
    if (text[0] && !text[strspn(text, plain)]) {
        strbuf_addf(out, " %s", text);
        return;
    }
    strbuf_add(out, " '");
    for (; *text; text++) {
        if (*text == '\'')
            strbuf_add(out, "'\\''");
        else
            strbuf_addf(out, "%c", *text);
    }
    strbuf_add(out, "'");
}

/* --- what it was done to --- */

static void add_numbers(struct strbuf *out, const double *numbers, int count)
{
    for (int i = 0; i < count; i++)
        strbuf_addf(out, "%s%.9g", i ? "," : "", numbers[i]);
}

static void add_transform(struct strbuf *out, const struct session *session)
{
    const struct transform *t = session_transform(session);
    const struct preprocess_result *found = session_preprocess(session);
    strbuf_addf(out, "- Pre-processing: %s, (x / %.9g - ", t->name, t->scale);
    add_numbers(out, t->mean, t->channels);
    strbuf_add(out, ") / ");
    add_numbers(out, t->std, t->channels);
    if (session_options(session)->preprocess_auto && found && found->count > 1)
        strbuf_addf(out,
                    "; chosen of %zu: top-1 %.2f %% on %" PRId64 " samples",
                    found->count, 100 * found->trials[found->chosen].accuracy,
                    found->samples);
    else if (found && found->stated)
        strbuf_add(out, "; as the model's file says");
    strbuf_add(out, "\n");
}

static void add_origin(struct strbuf *out, const struct session *session)
{
    const struct onnx_model *model = session_model(session);
    const struct dataset *data = session_dataset(session);
    const struct session_options *options = session_options(session);
    const char *producer = onnx_producer(model);
    strbuf_addf(out, "- Model: `%s`, opset %" PRId64, onnx_path(model),
                onnx_opset(model));
    if (producer[0])
        strbuf_addf(out, ", made by %s", producer);
    strbuf_add(out, "\n");
    if (!data) {
        strbuf_add(out, "- Data: none\n");
        return;
    }
    strbuf_addf(out, "- Data: `%s` (%s", dataset_path(data),
                dataset_format(data));
    if (dataset_split(data)[0])
        strbuf_addf(out, ", split %s", dataset_split(data));
    strbuf_addf(out, "), %" PRId64 " samples, seed %" PRIu64 "\n",
                dataset_count(data), options->seed);
    if (session_holdout(session))
        strbuf_addf(out,
                    "- Held out: %s, %" PRId64
                    " samples that are left out of every figure but one\n",
                    options->holdout, dataset_count(session_holdout(session)));
    add_transform(out, session);
}

/* --- what was measured --- */

/* A ratio in percent, or a difference with its sign in points. */
static void add_share(struct strbuf *out, double share, bool is_difference)
{
    if (is_difference)
        strbuf_addf(out, "%+.2f", 100 * share);
    else
        strbuf_addf(out, "%.2f %%", 100 * share);
}

static void add_estimate(struct strbuf *out, const struct estimate *e,
                         bool is_difference)
{
    add_share(out, e->value, is_difference);
    strbuf_add(out, " (95 % interval ");
    add_share(out, e->low, is_difference);
    strbuf_add(out, " to ");
    add_share(out, e->high, is_difference);
    strbuf_addf(out, ", %" PRId64 " of %" PRId64 " samples)", e->samples,
                e->total);
}

static void add_accuracy(struct strbuf *out, const struct result *result)
{
    if (!result || !result->accuracy.samples) {
        strbuf_add(out, "- Accuracy: not evaluated\n");
        return;
    }
    strbuf_add(out, result->metric == METRIC_TOP1
                        ? "- Top-1 accuracy: "
                        : "- Agreement with the dense model: ");
    add_estimate(out, &result->accuracy, false);
    strbuf_add(out, "\n");
    if (result->top5.samples) {
        strbuf_add(out, "- Top-5 accuracy: ");
        add_estimate(out, &result->top5, false);
        strbuf_add(out, "\n");
    }
    if (!isnan(result->loss.value))
        strbuf_addf(out, "- Mean cross-entropy: %.4f\n", result->loss.value);
    if (!result->difference.samples)
        return;
    strbuf_add(out, "- Difference to the dense model, in points: ");
    add_estimate(out, &result->difference, true);
    strbuf_addf(out,
                "; only the dense model is right on %" PRId64
                ", only this one on %" PRId64 " (McNemar p = %.3g)\n",
                result->base_only, result->variant_only, result->p_value);
}

static void add_exam(struct strbuf *out, const struct exam *exam)
{
    if (!exam)
        return;
    strbuf_addf(out, "- Held out, %" PRId64 " samples that decided nothing%s: ",
                exam->samples,
                exam->agreement ? ", agreement with the dense model" : "");
    add_share(out, exam->dense.value, false);
    strbuf_add(out, " dense, ");
    add_share(out, exam->value.value, false);
    strbuf_add(out, " pruned; difference in points: ");
    add_estimate(out, &exam->difference, true);
    strbuf_add(out, "\n- Gap between the two differences, in points: ");
    add_share(out, exam->gap.value, true);
    strbuf_add(out, " (95 % interval ");
    add_share(out, exam->gap.low, true);
    strbuf_add(out, " to ");
    add_share(out, exam->gap.high, true);
    strbuf_add(out, !exam->warning ? "): within chance\n"
                    : exam->gap.value < 0
                        ? "): **more than chance**: the decisions fit the data "
                          "that they were made on\n"
                        : "): **more than chance**: less is lost on the "
                          "held-out data, which may be easier\n");
}

static void add_latency(struct strbuf *out, const struct result *result)
{
    if (!result || !result->has_latency) {
        strbuf_add(out, "- Latency: not measured\n");
        return;
    }
    const struct stats_summary *now = &result->latency_ms;
    const struct stats_summary *dense = &result->dense_latency_ms;
    if (result->latency_predicted) {
        strbuf_addf(out,
                    "- Latency of one run on %s, predicted: %.3f ms; dense "
                    "%.3f ms, %.2f times as fast\n",
                    result->device, now->median, dense->median,
                    dense->median / now->median);
        return;
    }
    strbuf_addf(out,
                "- Latency of one run, median: %.3f ms (10 %% to 90 %%: %.3f "
                "to %.3f, %zu runs)",
                now->median, now->p10, now->p90, now->count);
    if (dense->count)
        strbuf_addf(out, "; dense %.3f ms (%.3f to %.3f), %.2f times as fast",
                    dense->median, dense->p10, dense->p90,
                    dense->median / now->median);
    strbuf_add(out, "\n");
}

/* One line; what is a model says so. */
static void add_energy(struct strbuf *out, const struct result *result)
{
    if (!result)
        return;
    strbuf_addf(out,
                "- Energy of one sample, by a model (%.3g pJ a "
                "multiply-accumulate, %.3g pJ a byte of weights; %s): %.3g uJ; "
                "dense %.3g uJ\n",
                energy_prices[ENERGY_MAC].picojoules,
                energy_prices[ENERGY_BYTE].picojoules,
                energy_prices[ENERGY_BYTE].source,
                1e6 * energy_of_cost(&result->cost),
                1e6 * energy_of_cost(&result->dense_cost));
    if (result->joules > 0)
        strbuf_addf(out,
                    "- Energy of one run, by the machine's counters: %.3g uJ\n",
                    1e6 * result->joules);
}

static void add_row(struct strbuf *out, const char *name, int64_t dense,
                    int64_t pruned)
{
    strbuf_addf(out, "| %s | %" PRId64 " | %" PRId64 " |", name, dense, pruned);
    if (dense > 0)
        strbuf_addf(out, " %.1f %% |", 100 * (double)pruned / (double)dense);
    else
        strbuf_add(out, " |");
    strbuf_add(out, "\n");
}

static void add_sizes(struct strbuf *out, const struct result *result)
{
    if (!result)
        return;
    const struct cost *now = &result->cost, *dense = &result->dense_cost;
    strbuf_add(out, "\n| | dense | pruned | left |\n"
                    "|:--|--:|--:|--:|\n");
    add_row(out, "parameters that are not zero", dense->nonzeros,
            now->nonzeros);
    add_row(out, "multiply-accumulates of one sample", dense->effective_macs,
            now->effective_macs);
    add_row(out, "bytes, encoded (smallest of dense, bitmap, CSR)",
            dense->dense_bytes, now->encoded_bytes);
}

/* --- what was decided --- */

static void add_choices(struct strbuf *out, const struct layer *layer,
                        const struct decision *decision, int64_t removed)
{
    struct choice choices[DECISION_CHOICES];
    size_t count = decision_choices(decision, choices);
    strbuf_addf(out, "%" PRId64 " | %.1f %% | ", removed,
                100 * (double)removed / (double)layer->weights);
    for (size_t i = 0; i < count; i++) {
        const struct structure *kind = choices[i].structure;
        strbuf_add(out, i ? "; " : "");
        if (kind->narrows)
            strbuf_addf(out, "%" PRId64 " of %" PRId64 " ", choices[i].remove,
                        structure_units(kind, layer));
        if (kind->skips)
            strbuf_addf(out, "%s", kind->name);
        else
            strbuf_addf(out, "%s, %s", kind->narrows ? kind->unit : kind->name,
                        choices[i].criterion->name);
    }
    strbuf_add(out, " |");
}

static void add_decision(struct strbuf *out, const struct layer *layer,
                         const struct decision *decision, int64_t removed)
{
    char shape[SHAPE_TEXT_BYTES];
    strbuf_addf(out, "| %d | ", layer->row);
    add_cell(out, layer->name);
    strbuf_addf(out, " | %s | %s | %" PRId64 " | ", layer->description,
                shape_text(&layer->shape, shape), layer->weights);
    if (!layer->prunable)
        strbuf_addf(out, "- | - | %s |", layer->reason);
    else if (!decision || decision_is_dense(decision))
        strbuf_addf(out, "%" PRId64 " | %.1f %% | %s |", removed,
                    100 * (double)removed / (double)layer->weights,
                    removed ? "fewer inputs" : "dense");
    else
        add_choices(out, layer, decision, removed);
}

static void add_kernel(struct strbuf *out, const struct result *result,
                       size_t i)
{
    const struct layer_result *row =
        result && i < result->layer_count ? &result->layers[i] : NULL;
    if (!row || isnan(row->ms) || !(row->ms > 0))
        strbuf_add(out, " - | - |\n");
    else
        strbuf_addf(out, " %.4f | %s |\n", row->ms,
                    row->kernel && row->kernel[0] ? row->kernel : "-");
}

static void add_decisions(struct strbuf *out, const struct session *session,
                          const struct export_request *request)
{
    const struct layer_table *layers = session_layers(session);
    const struct variant *variant = request->variant;
    int64_t weights = 0, removed = 0;
    double before, after;
    strbuf_add(out, "\n## Decisions\n\n"
                    "| row | layer | kind | shape | weights | removed | "
                    "sparsity | how | ms | kernel |\n"
                    "|--:|:--|:--|:--|--:|--:|--:|:--|--:|:--|\n");
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *layer = &layers->layers[i];
        int64_t lost = export_removed(request, i);
        weights += layer->prunable ? layer->weights : 0;
        removed += lost;
        add_decision(out, layer,
                     i < variant->layer_count ? &variant->decisions[i] : NULL,
                     lost);
        add_kernel(out, request->result, i);
    }
    double share = weights ? (double)removed / (double)weights : 0;
    strbuf_addf(out,
                "\n%" PRId64 " of %" PRId64
                " prunable weights removed (%.2f %%).\n",
                removed, weights, 100 * share);
    if (request->result && result_order(request->result, &before, &after))
        strbuf_addf(out,
                    "\nInput channels took an order in which N:M keeps %.2f %% "
                    "of the magnitude instead of %.2f %%.\n",
                    100 * after, 100 * before);
}

/* --- how to do it again --- */

static void add_command(struct strbuf *out, const struct session *session,
                        const char *path)
{
    const struct session_options *options = session_options(session);
    const struct dataset *data = session_dataset(session);
    char *recipe = export_companion(path, ".recipe");
    out->failed = out->failed || !recipe;
    strbuf_add(out, "    espalier prune");
    add_word(out, onnx_path(session_model(session)));
    if (data)
        add_word(out, dataset_path(data));
    if (data && dataset_split(data)[0]) {
        strbuf_add(out, " --split");
        add_word(out, dataset_split(data));
    }
    if (data)
        picture_shape_text(out, dataset_shape(data), "--");
    if (options->samples)
        strbuf_addf(out, " --samples %" PRId64, options->samples);
    if (data && options->holdout) {
        strbuf_add(out, " --holdout");
        add_word(out, options->holdout);
    }
    if (data) {
        const struct transform *t = session_transform(session);
        strbuf_addf(out, " --seed %" PRIu64 " --scale %.9g --mean ",
                    options->seed, t->scale);
        add_numbers(out, t->mean, t->channels);
        strbuf_add(out, " --std ");
        add_numbers(out, t->std, t->channels);
    }
    strbuf_add(out, " --recipe");
    add_word(out, recipe ? recipe : "");
    strbuf_add(out, " -o");
    add_word(out, path);
    strbuf_add(out, "\n");
    free(recipe);
}

static int add_repeat(struct strbuf *out, const struct session *session,
                      const struct export_request *request, const char *path,
                      struct error *err)
{
    char *recipe = session_recipe(session, request->variant, err);
    if (!recipe)
        return -1;
    strbuf_add(out, "\n## How to repeat it\n\n");
    add_command(out, session, path);
    strbuf_add(out, request->recipe
                        ? "\nwith this recipe:\n\n"
                        : "\nwith these lines in the recipe's file:\n\n");
    for (const char *line = recipe; *line;) {
        size_t length = strcspn(line, "\n");
        strbuf_addf(out, "    %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    free(recipe);
    return 0;
}

int export_report(const struct session *session,
                  const struct export_request *request, const char *path,
                  struct error *err)
{
    struct strbuf out = {0};
    strbuf_addf(&out, "# Pruned model %s\n\n", path_name(request->path));
    add_origin(&out, session);
    strbuf_add(&out, "\n## Figures\n\n");
    add_accuracy(&out, request->result);
    add_exam(&out, request->exam);
    add_latency(&out, request->result);
    add_energy(&out, request->result);
    add_sizes(&out, request->result);
    add_decisions(&out, session, request);
    int result = add_repeat(&out, session, request, request->path, err);
    if (result == 0 && out.failed)
        result = error_memory(err, out.length);
    if (result < 0)
        error_prefix(err, "%s", path);
    else
        result = file_write(path, strbuf_text(&out), out.length, err);
    strbuf_release(&out);
    return result;
}
