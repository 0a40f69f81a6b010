/* Writing needs neither the cost model nor a JSON library, so that the
 * smallest program that measures can do it. */
#include "measure/device.h"

#include "base/file.h"
#include "base/strbuf.h"
#include "kernel/layout.h"

#include <stdio.h>
#include <string.h>

/* The board's name where firmware tells it (ARM), else the processor's. */
static void read_name(char *name, size_t bytes)
{
    FILE *file = fopen("/proc/device-tree/model", "r");
    size_t length = file ? fread(name, 1, bytes - 1, file) : 0;
    if (file)
        fclose(file);
    name[length] = '\0';
}

void device_info_here(struct device_info *info, enum cpu_isa isa)
{
    *info = (struct device_info){.cores = cpu_count(), .threads = 1};
    cpu_model_name(info->cpu, sizeof info->cpu);
    read_name(info->name, sizeof info->name);
    if (!info->name[0])
        snprintf(info->name, sizeof info->name, "%s",
                 info->cpu[0] ? info->cpu : "unknown processor");
    snprintf(info->isa, sizeof info->isa, "%s", cpu_isa_name(isa));
}

static void add_text(struct strbuf *out, const char *key, const char *text)
{
    strbuf_addf(out, "  \"%s\": \"", key);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            strbuf_addf(out, "\\%c", c);
        else if (c < ' ')
            strbuf_addf(out, "\\u%04x", c);
        else
            strbuf_addf(out, "%c", c);
    }
    strbuf_add(out, "\",\n");
}

static void add_point(struct strbuf *out, const struct timed_workload *point)
{
    const struct workload *w = &point->workload;
    strbuf_addf(out, "    {\"kind\": \"%s\", \"way\": \"%s\"",
                workload_kind_name(w->kind), workload_method_name(w->method));
    if (w->method == WORKLOAD_SPARSE)
        strbuf_addf(out, ", \"form\": \"%s\", \"layout\": \"%s\"",
                    workload_form_name(w->form), layout_name(w->layout));
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"n", w->n},
                   {"groups", w->groups},
                   {"ic", w->ic},
                   {"oc", w->oc},
                   {"oh", w->oh},
                   {"ow", w->ow},
                   {"window", w->window},
                   {"stride", w->stride},
                   {"macs", w->macs},
                   {"weights", w->weights},
                   {"nonzeros", w->nonzeros},
                   {"source", w->source},
                   {"result", w->result}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        strbuf_addf(out, ", \"%s\": %lld", numbers[i].key,
                    (long long)numbers[i].value);
    strbuf_add(out, ", \"stored\": [");
    for (int form = 0; form < SPARSE_FORM_COUNT; form++)
        strbuf_addf(out, "%s%lld", form ? ", " : "",
                    (long long)w->stored[form]);
    strbuf_addf(out, "], \"ns\": %.0f}", point->ns);
}

static void add_head(struct strbuf *out, const struct device_info *info)
{
    strbuf_addf(out, "{\n  \"format\": \"%s\",\n  \"version\": %d,\n",
                DEVICE_FORMAT, DEVICE_VERSION);
    add_text(out, "name", info->name);
    add_text(out, "cpu", info->cpu);
    add_text(out, "isa", info->isa);
    add_text(out, "dense", info->dense);
    strbuf_addf(out,
                "  \"cores\": %d,\n  \"threads\": %d,\n"
                "  \"bytes_per_s\": %.4g,\n",
                info->cores, info->threads, info->bytes_per_s);
}

static void add_points(struct strbuf *out, const struct survey *survey)
{
    strbuf_add(out, "  \"points\": [");
    for (size_t i = 0; i < survey->count; i++) {
        strbuf_add(out, i ? ",\n" : "\n");
        add_point(out, &survey->points[i]);
    }
    strbuf_add(out, "\n  ]\n}\n");
}

int device_write(const char *path, const struct device_info *info,
                 const struct survey *survey, struct error *err)
{
    struct strbuf out = {0};
    add_head(&out, info);
    add_points(&out, survey);
    int code = out.failed ? error_memory(err, out.length)
                          : file_write(path, out.text, out.length, err);
    strbuf_release(&out);
    return code;
}
