#include "session/decision_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void decision_lines_add(struct strbuf *text, const struct decision *decisions,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct choice choices[DECISION_CHOICES];
        size_t made = decision_choices(&decisions[i], choices);
        for (size_t j = 0; j < made; j++)
            strbuf_addf(text, "%zu %s %s %" PRId64 "\n", i + 1,
                        choices[j].structure->name, choices[j].criterion->name,
                        choices[j].remove);
    }
}

static int read_line(struct decision *decisions, const char *line,
                     const struct layer_table *layers, struct error *err)
{
    char structure[64], criterion[64];
    size_t row;
    int64_t remove;
    struct choice choice = {0};
    if (sscanf(line, "%zu %63s %63s %" SCNd64, &row, structure, criterion,
               &remove) == 4 &&
        row >= 1 && row <= layers->count && remove >= 0)
        choice = (struct choice){structure_find(structure),
                                 criterion_find(criterion), remove};
    if (!choice.structure || !choice.criterion)
        return error_set(err, ERROR_FORMAT,
                         "found the decision '%s', which this model does not "
                         "have",
                         line);
    decision_put(&decisions[row - 1], &choice);
    return 0;
}

int decision_lines_read(struct decision *decisions, const char *text,
                        const struct layer_table *layers, struct error *err)
{
    for (size_t i = 0; i < layers->count; i++)
        decisions[i] = decision_dense();
    while (*text) {
        char line[256];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        if (read_line(decisions, line, layers, err) < 0)
            return -1;
        text += length + (text[length] == '\n');
    }
    return 0;
}
