"""torchvision's networks with random weights under which every layer matters.

name: (side of the input, further arguments of its constructor). Small sides
where the architecture allows: planes of odd sizes, quick runs. The exporter
has no adaptive pooling of AlexNet and VGG but at their own side.
"""
import torch
import torchvision

# One or two of every architecture.
FEW = {
    'alexnet': (224, {}),
    'vgg11': (224, {}),
    'vgg11_bn': (224, {}),
    'resnet18': (64, {}),
    'resnet50': (64, {}),
    'resnext50_32x4d': (64, {}),
    'wide_resnet50_2': (64, {}),
    'squeezenet1_0': (64, {}),
    'squeezenet1_1': (64, {}),
    'densenet121': (64, {}),
    'googlenet': (96, {'init_weights': False}),
    'inception_v3': (107, {'init_weights': False}),
    'mobilenet_v2': (64, {}),
    'mobilenet_v3_small': (64, {}),
    'mobilenet_v3_large': (64, {}),
    'mnasnet0_5': (64, {}),
    'mnasnet1_0': (64, {}),
    'shufflenet_v2_x0_5': (64, {}),
    'shufflenet_v2_x1_0': (64, {}),
    'regnet_y_400mf': (64, {}),
    'regnet_x_400mf': (64, {}),
    'efficientnet_b0': (64, {}),
    'efficientnet_v2_s': (64, {}),
    'convnext_tiny': (64, {}),
    'vit_b_16': (64, {'image_size': 64}),
    'swin_t': (64, {}),
    'swin_v2_t': (64, {}),
    'maxvit_t': (224, {'input_size': (224, 224)}),
}

# Every other size of them; minutes and gigabytes.
MORE = {
    'vgg13': (224, {}),
    'vgg13_bn': (224, {}),
    'vgg16': (224, {}),
    'vgg16_bn': (224, {}),
    'vgg19': (224, {}),
    'vgg19_bn': (224, {}),
    'resnet34': (64, {}),
    'resnet101': (64, {}),
    'resnet152': (64, {}),
    'resnext101_32x8d': (64, {}),
    'resnext101_64x4d': (64, {}),
    'wide_resnet101_2': (64, {}),
    'densenet161': (64, {}),
    'densenet169': (64, {}),
    'densenet201': (64, {}),
    'mnasnet0_75': (64, {}),
    'mnasnet1_3': (64, {}),
    'shufflenet_v2_x1_5': (64, {}),
    'shufflenet_v2_x2_0': (64, {}),
    'regnet_y_800mf': (64, {}),
    'regnet_y_1_6gf': (64, {}),
    'regnet_y_3_2gf': (64, {}),
    'regnet_y_8gf': (64, {}),
    'regnet_y_16gf': (64, {}),
    'regnet_y_32gf': (64, {}),
    'regnet_y_128gf': (64, {}),
    'regnet_x_800mf': (64, {}),
    'regnet_x_1_6gf': (64, {}),
    'regnet_x_3_2gf': (64, {}),
    'regnet_x_8gf': (64, {}),
    'regnet_x_16gf': (64, {}),
    'regnet_x_32gf': (64, {}),
    'efficientnet_b1': (64, {}),
    'efficientnet_b2': (64, {}),
    'efficientnet_b3': (64, {}),
    'efficientnet_b4': (64, {}),
    'efficientnet_b5': (64, {}),
    'efficientnet_b6': (64, {}),
    'efficientnet_b7': (64, {}),
    'efficientnet_v2_m': (64, {}),
    'efficientnet_v2_l': (64, {}),
    'convnext_small': (64, {}),
    'convnext_base': (64, {}),
    'convnext_large': (64, {}),
    'vit_b_32': (64, {'image_size': 64}),
    'vit_l_16': (64, {'image_size': 64}),
    'vit_l_32': (64, {'image_size': 64}),
    'vit_h_14': (70, {'image_size': 70}),
    'swin_s': (64, {}),
    'swin_b': (64, {}),
    'swin_v2_s': (64, {}),
    'swin_v2_b': (64, {}),
}

# Their answer is a plane of classes.
SEGMENTATION = {
    'fcn_resnet50': (65, {}),
    'deeplabv3_resnet50': (65, {}),
    'deeplabv3_mobilenet_v3_large': (65, {}),
    'lraspp_mobilenet_v3_large': (65, {}),
}

# To some, noise is noise: their last sample is so much stronger. Where it is
# not needed it would only make a random network ill-conditioned.
CONTRAST = {'maxvit_t': 3}

# As deep and random as they are, these amplify rounding until PyTorch's single
# precision is 0.26 and 1e-3 away from its double: their branches count less.
DEEP = {'efficientnet_v2_l', 'resnet152'}


class Planes(torch.nn.Module):
    """The dictionary's main entry."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, input):
        return self.network(input)['out']


def randomise(network):
    """Weights under which every layer matters.

    Torchvision starts some heads at zero and some residual branches at 1e-6;
    such a network would agree with one whose layers are missing.
    """
    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
            if module.bias is not None:
                torch.nn.init.normal_(module.bias, std=0.1)
    for name, parameter in network.named_parameters():
        leaf = name.rpartition('.')[2]
        if leaf == 'layer_scale':
            torch.nn.init.uniform_(parameter, 0.2, 0.5)
        elif parameter.dim() == 1 and leaf == 'weight':
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
        elif parameter.dim() == 1 and leaf == 'bias':
            torch.nn.init.normal_(parameter, std=0.1)
        elif not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)


def soften(network):
    """A fifth of what every residual branch adds."""
    for module in network.modules():
        if getattr(module, 'use_res_connect', False):
            module.block[-1][1].weight.mul_(0.2)
        elif isinstance(module, torchvision.models.resnet.Bottleneck):
            module.bn3.weight.mul_(0.2)


def settle(network, side):
    """Running statistics of batch norms from what flows through them."""
    norms = [m for m in network.modules()
             if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    for norm in norms:
        norm.momentum = None  # the mean of all batches
        norm.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(8, 3, side, side))
    network.eval()


def image_network(name, samples):
    side, arguments = {**FEW, **MORE, **SEGMENTATION}[name]
    arguments = dict(arguments)
    if name in SEGMENTATION:
        arguments['weights_backbone'] = None
    network = torchvision.models.get_model(name, weights=None, **arguments)
    network.eval()
    with torch.no_grad():
        randomise(network)
        if name in DEEP:
            soften(network)
    settle(network, side)
    if name in SEGMENTATION:
        network = Planes(network)
    contrast = torch.linspace(1, CONTRAST.get(name, 1), samples)
    inputs = contrast.view(-1, 1, 1, 1) * torch.randn(samples, 3, side, side)
    return network, {'input': inputs}
