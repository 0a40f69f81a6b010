#include "prune/landscape.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAME_AMOUNT 1e-9

static bool is_of(const struct sensitivity_point *p, const struct landscape *l)
{
    return strcmp(p->structure, l->structure) == 0 &&
           strcmp(p->criterion, l->criterion) == 0;
}

static void add_amount(struct landscape *land, double amount)
{
    size_t at = 0;
    while (at < land->amount_count && land->amounts[at] < amount - SAME_AMOUNT)
        at++;
    if (land->amount_count == CURVE_MAX ||
        (at < land->amount_count && land->amounts[at] <= amount + SAME_AMOUNT))
        return;
    for (size_t i = land->amount_count++; i > at; i--)
        land->amounts[i] = land->amounts[i - 1];
    land->amounts[at] = amount;
}

int landscape_point(const struct landscape_row *row, double amount)
{
    for (size_t i = 0; row && i < row->curve.count; i++)
        if (fabs(row->curve.amounts[i] - amount) <= SAME_AMOUNT)
            return (int)i;
    return -1;
}

static void add_row(struct landscape *land, const struct sensitivity *table,
                    int number)
{
    struct landscape_row *row = &land->rows[land->count];
    if (!curve_of(&row->curve, table, number, land->structure, land->criterion))
        return;
    land->count++;
    row->row = number;
    row->cliff = cliff_find(&row->curve);
    row->lost = curve_sensitivity(&row->curve);
    for (size_t i = 0; i < table->count; i++) {
        const struct sensitivity_point *p = &table->points[i];
        int at = p->row == number && is_of(p, land)
                     ? landscape_point(row, p->amount)
                     : -1;
        if (at >= 0)
            row->samples[at] = p->samples;
    }
}

static double last_amount(const struct landscape_row *row)
{
    return row->curve.amounts[row->curve.count - 1];
}

/* A layer whose largest amounts are still to come would look robust. */
static bool is_ranked(const struct landscape *land,
                      const struct landscape_row *row)
{
    double last = land->amounts[land->amount_count - 1];
    return row->row > 0 && last_amount(row) >= last - SAME_AMOUNT;
}

/* Ties go to the later layer, as in sensitivity_word_of. */
static void rank_rows(struct landscape *land)
{
    size_t layers = 0;
    for (size_t i = 0; i < land->count; i++) {
        land->rows[i].rank = is_ranked(land, &land->rows[i]);
        land->rows[i].word = "";
        layers += land->rows[i].rank;
    }
    for (size_t i = 0; i < land->count; i++) {
        struct landscape_row *row = &land->rows[i];
        size_t above = 0;
        for (size_t j = 0; j < land->count && row->rank; j++) {
            const struct landscape_row *other = &land->rows[j];
            above += other->rank &&
                     (other->lost > row->lost ||
                      (other->lost == row->lost && other->row > row->row));
        }
        if (!row->rank)
            continue;
        row->rank = above + 1;
        row->word = sensitivity_word(layers - 1 - above, layers);
    }
}

static void choose_method(struct landscape *land,
                          const struct sensitivity *table,
                          const char *structure, const char *criterion)
{
    snprintf(land->structure, sizeof land->structure, "%s", structure);
    snprintf(land->criterion, sizeof land->criterion, "%s", criterion);
    for (size_t i = 0; i < table->count; i++)
        if (is_of(&table->points[i], land))
            return;
    if (!table->count)
        return;
    memcpy(land->structure, table->points[0].structure, sizeof land->structure);
    memcpy(land->criterion, table->points[0].criterion, sizeof land->criterion);
}

int landscape_init(struct landscape *land, const struct sensitivity *table,
                   const char *structure, const char *criterion,
                   const double *amounts, size_t count, struct error *err)
{
    size_t rows = 1;
    *land = (struct landscape){.baseline = table->baseline};
    choose_method(land, table, structure, criterion);
    for (size_t i = 0; i < count; i++)
        add_amount(land, amounts[i]);
    for (size_t i = 1; i < table->count; i++)
        rows += table->points[i].row != table->points[i - 1].row;
    land->rows = array_create(rows, sizeof *land->rows);
    if (!land->rows)
        return error_memory(err, rows * sizeof *land->rows);
    int last = -1; /* points are sorted by row */
    for (size_t i = 0; i < table->count; i++) {
        const struct sensitivity_point *p = &table->points[i];
        if (is_of(p, land))
            add_amount(land, p->amount);
        if (p->row != last)
            add_row(land, table, p->row);
        last = p->row;
    }
    rank_rows(land);
    return 0;
}

void landscape_release(struct landscape *land)
{
    free(land->rows);
    *land = (struct landscape){0};
}

const struct landscape_row *landscape_row(const struct landscape *land, int row)
{
    for (size_t i = 0; i < land->count; i++)
        if (land->rows[i].row == row)
            return &land->rows[i];
    return NULL;
}
