/* The tables of screens and overlays. */
#include "screen.h"

const struct screen screens[SCREEN_COUNT] = {
    [SCREEN_LAYERS] = {"layers", layers_draw},
    [SCREEN_DETAIL] = {"detail", detail_draw},
    [SCREEN_TRADEOFF] = {"trade-off", tradeoff_draw},
    [SCREEN_SENSITIVITY] = {"sensitivity", sensitivity_draw},
    [SCREEN_TUNE] = {"tune", tune_draw},
    [SCREEN_HISTORY] = {"history", history_draw},
    [SCREEN_MESSAGES] = {"messages", messages_draw},
    [SCREEN_FLIPS] = {"what flipped", flips_draw},
    [SCREEN_ROBUSTNESS] = {"robustness", robustness_draw},
    [SCREEN_COMPARE] = {"compare", compare_draw},
};

const struct overlay overlays[OVERLAY_COUNT] = {
    [OVERLAY_HELP] = {help_draw, help_key},
    [OVERLAY_PROMPT] = {prompt_draw, prompt_key},
    [OVERLAY_EXPORT] = {export_draw, export_key},
    [OVERLAY_QUIT] = {quit_draw, quit_key},
    [OVERLAY_RESUME] = {resume_draw, resume_key},
    [OVERLAY_DISCARD] = {discard_draw, discard_key},
    [OVERLAY_REPLACE] = {replace_draw, replace_key},
};
