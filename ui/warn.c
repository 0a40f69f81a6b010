#include "warn.h"

#include "format.h"
#include "prune/crossing.h"
#include "prune/decision.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RECOVERED 0.015 /* a variant that lost less is on the plateau */
#define SETTLED   0.005 /* half width of a live figure that may be told */
enum { NAME = 11 };     /* the line must fit into 78 columns */

/* --- what was said --- */

static bool was_said(const struct warn_state *warn, uint64_t hash)
{
    for (size_t i = 0; i < WARN_MEMORY; i++)
        if (warn->said[i] == hash)
            return true;
    return false;
}

static void remember(struct warn_state *warn, uint64_t hash)
{
    warn->said[warn->next] = hash;
    warn->next = (warn->next + 1) % WARN_MEMORY;
}

/* The name, or its end where it is long. */
static const char *short_name(char *text, const char *name)
{
    const char *end = name;
    if (surface_width(name) <= NAME) {
        snprintf(text, FORMAT_ROOM, "%s", name);
        return text;
    }
    while (surface_width(end) > NAME - 1)
        for (end++; ((unsigned char)*end & 0xc0) == 0x80; end++)
            continue; /* whole characters */
    snprintf(text, FORMAT_ROOM, "‹%s", end);
    return text;
}

/* --- by a scan --- */

/* Whether its channels go with those of a layer before it. */
static bool is_led(const struct view *view, size_t index)
{
    const struct view_layer *layer = &view->layers[index];
    const struct structure *structure =
        layer->structure != NULL && layer->structure[0] != '\0'
            ? structure_find(layer->structure)
            : NULL;
    return structure != NULL && structure->narrows &&
           layer->leader != (int)index;
}

/* The curve of what a layer's decision says; false: not scanned. */
static bool curve_of_layer(const struct view *view, size_t index,
                           struct curve *curve)
{
    const struct view_layer *layer = &view->layers[index];
    if (view->scan.table == NULL || layer->structure == NULL ||
        layer->structure[0] == '\0')
        return false;
    if (curve_of(curve, view->scan.table, (int)index + 1, layer->structure,
                 layer->criterion))
        return true;
    return is_led(view, index) &&
           curve_of(curve, view->scan.table, layer->leader + 1,
                    layer->structure, layer->criterion);
}

/* A layer below its cliff's interval has left it. */
static void forget_left(struct app *app)
{
    struct warn_state *warn = &app->state.warn;
    for (size_t i = 0; i < app->state.layer_count; i++)
        if (app->view.layers[i].amount < warn->rearm[i])
            warn->rearm[i] = 0;
}

static bool crosses(struct app *app, size_t index, struct crossing *crossing)
{
    struct curve curve;
    struct warn_state *warn = &app->state.warn;
    double after = app->view.layers[index].amount;
    if (after <= warn->before[index] || warn->rearm[index] > 0 ||
        !curve_of_layer(&app->view, index, &curve) ||
        !crossing_scanned(crossing, &curve, warn->before[index], after))
        return false;
    double low = cliff_find(&curve).low;
    warn->rearm[index] = low > 0 ? low : crossing->cliff;
    return true;
}

static void say(struct app *app, const char *who,
                const struct crossing *crossing)
{
    double lost = 100 * crossing->lost;
    if (lost >= 0.05)
        app_say(
            app, ROLE_WARN,
            "%s: %.1f points lost for %.2g%% more, past its cliff (%.0f%%); "
            "tune or undo",
            who, lost, 100 * (crossing->after - crossing->before),
            100 * crossing->cliff);
    else
        app_say(app, ROLE_WARN,
                "%s: past its cliff (%.0f%%), steeper from here; tune or undo",
                who, 100 * crossing->cliff);
}

/* Layers one by one; the one that loses most is named. */
static bool check_layers(struct app *app, bool silent)
{
    struct crossing worst = {.lost = -1};
    size_t named = 0, count = 0;
    for (size_t i = 0; i < app->state.layer_count; i++) {
        struct crossing crossing;
        if (!crosses(app, i, &crossing))
            continue;
        count += !is_led(&app->view, i);
        if (crossing.lost > worst.lost) {
            worst = crossing;
            named = i;
        }
    }
    if (worst.lost < 0 || silent)
        return worst.lost >= 0;
    char name[FORMAT_ROOM];
    short_name(name, app->view.layers[named].name);
    if (count > 1)
        app_say(app, ROLE_WARN,
                "%zu layers past their cliffs, %s alone loses %.1f points; "
                "tune or undo",
                count, name, 100 * worst.lost);
    else
        say(app, name, &worst);
    return true;
}

/* One ranking over all layers has a curve of its own. Returns whether it was
 * scanned; *crossed whether the edit crosses. */
static bool check_whole(struct app *app, bool silent, bool *crossed)
{
    struct curve curve;
    struct crossing crossing;
    const struct view *view = &app->view;
    if (view->scan.table == NULL || !curve_of(&curve, view->scan.table, 0,
                                              view->structure, view->criterion))
        return false;
    *crossed = crossing_scanned(&crossing, &curve, app->state.warn.sparsity,
                                view_now(view)->sparsity);
    if (*crossed && !silent)
        say(app, "the model", &crossing);
    return true;
}

void warn_begin(struct app *app)
{
    struct warn_state *warn = &app->state.warn;
    warn->points = app->view.point_count;
    warn->sparsity = warn->points > 0 ? view_now(&app->view)->sparsity : 0;
    for (size_t i = 0; i < app->state.layer_count; i++)
        warn->before[i] = app->view.layers[i].amount;
}

void warn_edit(struct app *app, const char *line)
{
    struct warn_state *warn = &app->state.warn;
    warn->watched = -1;
    forget_left(app);
    if (app->view.point_count == warn->points)
        return; /* undo, redo, goto */
    uint64_t hash = view_now(&app->view)->hash;
    bool silent = was_said(warn, hash), crossed = false;
    line += strspn(line, " ");
    if (strncmp(line, "global ", 7) != 0 || !check_whole(app, silent, &crossed))
        crossed = check_layers(app, silent);
    if (crossed && !silent)
        remember(warn, hash);
    else if (!silent)
        warn->watched = app->view.current;
}

/* --- by figures --- */

static bool is_settled(const struct view_point *point)
{
    const struct estimate *accuracy = &point->accuracy;
    return accuracy->samples > 0 &&
           (accuracy->samples >= accuracy->total ||
            accuracy->high - accuracy->low <= 2 * SETTLED);
}

static struct measured measured_of(const struct view_point *point)
{
    struct measured m = {.sparsity = point->sparsity};
    if (point->id == 0)
        return m; /* what it is compared with */
    m.lost = -point->difference.value;
    m.low = -point->difference.high;
    m.high = -point->difference.low;
    return m;
}

/* The nearest measured variant that this one was made from; NULL: none. */
static const struct view_point *measured_before(const struct view *view,
                                                const struct view_point *point)
{
    do {
        if (point->parent < 0)
            return NULL;
        point = &view->points[point->parent];
    } while (!is_settled(point));
    return point;
}

/* Whether it was made from one that was warned of, whose loss remains. */
static bool is_past_already(const struct app *app,
                            const struct view_point *point)
{
    const struct view *view = &app->view;
    while (point->parent > 0) {
        point = &view->points[point->parent];
        if (was_said(&app->state.warn, point->hash))
            return true;
        if (is_settled(point) && measured_of(point).lost < RECOVERED)
            return false;
    }
    return false;
}

void warn_measured(struct app *app)
{
    struct warn_state *warn = &app->state.warn;
    const struct view *view = &app->view;
    if (warn->watched < 0 || warn->watched != view->current)
        return;
    const struct view_point *now = view_now(view);
    const struct view_point *from = measured_before(view, now);
    if (!is_settled(now) || from == NULL)
        return;
    struct measured before = measured_of(from), after = measured_of(now);
    bool crossed = crossing_measured(&before, &after);
    if (now->accuracy.samples >= now->accuracy.total || crossed)
        warn->watched = -1;
    if (!crossed || is_past_already(app, now))
        return;
    remember(warn, now->hash);
    app_say(app, ROLE_WARN,
            "%.1f points lost for %.2g%% more sparsity: past the cliff; tune "
            "or undo",
            100 * (after.lost - before.lost),
            100 * (after.sparsity - before.sparsity));
}
