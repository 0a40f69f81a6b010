/*
 * Depthwise 3x3 convolution of channels that lie innermost (NHWC), stride 1
 * or 2: lanes are channels. A tile is part of an output row; what it reads of
 * a source row is loaded once for up to three of its pixels.
 *
 * Weights are packed as [9][channels], then the bias. A unit is an output row.
 */
#ifndef KERNEL_DEPTHWISE_H
#define KERNEL_DEPTHWISE_H

#include "kernel/spec.h"

enum { DEPTHWISE_TAPS = 9, DEPTHWISE_CHANNELS = 16, DEPTHWISE_PIXELS = 7 };

#endif
