/* What a layer is called, here and where its model was trained. */
#ifndef PRUNE_LAYER_NAME_H
#define PRUNE_LAYER_NAME_H

#include "base/map.h"
#include "prune/layer.h"

/*
 * Sets name, parameter and transposed of a layer whose node, weight and matrix
 * are known; texts are owned by the layer.
 *
 * A layer has the name of its weight's initializer without ".weight". Where
 * the exporter invented that name ("onnx::MatMul_203", or one without letters
 * of its own) the bias that is added to its answer may have kept the name of
 * its parameter ("b.0.fc.bias" -> "b.0.fc"); else the node's path tells:
 * "/layers/layers.0/conv1/Conv" -> "layers.0.conv1"; else the node's name.
 * What a command line could not hold (spaces, ';') becomes '_'. Made unique
 * by "#2", "#3".
 *
 * The parameter is the initializer where it kept its name, otherwise the
 * layer's name and ".weight" ("a.in_proj_weight" beside "a.in_proj_bias"); the
 * initializer again where something else is called so. Each has its own.
 * PyTorch's exporter writes a product's weight transposed when it invents its
 * name: such a parameter is taken to be outputs by inputs.
 *
 * taken  names so far; the layer's is added
 */
int layer_name(struct layer *layer, const struct graph *instance,
               struct map *taken, struct error *err);

#endif
